/* What a level does with SM4.  Included by level.h. */
#ifndef CARDOS_SM4_LEVEL_H
#define CARDOS_SM4_LEVEL_H

#include "dispatch.h"
#ifdef PLANE_AFFINEINV
#include "sm4_words.h"
#else
#include "sm4_planes.h"
#endif
#include "sm4_bulk.h"
#include "sm4_rows.h"

static const plane_level sm4_level = {
    .lanes = LANES,
    .fewest = LANES / 8, /* a step costs the same for one row as for all; single calls need about an eighth of that each */
    .key_rows = sm4_key_rows,
    .mac_rows = sm4_mac_rows,
    .verify_rows = sm4_verify_rows,
    .ecb = sm4_ecb,
    .cbc_decrypt = sm4_cbc_decrypt,
    .ctr = sm4_ctr,
};

#endif
