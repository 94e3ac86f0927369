/* One level of the plane engine.  A level_*.c file sets PLANE_BITS and LEVEL, the name of its table, and includes this. */
#include "bulk_planes.h"
#include "des_planes.h"
#include "dispatch.h"
#include "gather.h"
#include "plane.h"
#include "rows_planes.h"
#include "sm4_level.h"

const plane_level LEVEL = {
    .sm4 = &sm4_level,
    .lanes = LANES,
    .fewest = 8,
    .key_rows = plane_key_rows,
    .mac_rows = plane_mac_rows,
    .verify_rows = plane_verify_rows,
    .ecb = plane_ecb,
    .cbc_decrypt = plane_cbc_decrypt,
};
