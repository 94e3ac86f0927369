/* Bulk modes on planes: LANES consecutive blocks of data under one key are the rows. */
#ifndef CARDOS_BULK_PLANES_H
#define CARDOS_BULK_PLANES_H

#include "core.h"
#include "des_planes.h"
#include "plane.h"

typedef struct {
    plane_block block;
    plane left[32], right[32];
    uint64_t masks[2][DES_RING];
} bulk_workspace;

/* ECB of `count` blocks, 1 .. LANES, from `data` into work->block as rows. */
PLANE_FUNCTION void bulk_step(bulk_workspace *work, const des_key *key, int decrypt, const uint8_t *data, size_t count)
{
    plane *left = work->left, *right = work->right;
    bytes_to_rows(&work->block, data, count);
    planes_of_rows(&work->block);
    des_initial_permutation(left, right, work->block.plane);
    des_crypt(key, decrypt, &left, &right);
    des_final_permutation(work->block.plane, left, right);
    rows_of_planes(&work->block);
}

PLANE_INLINE des_key bulk_key(bulk_workspace *work, int cipher, const uint8_t *key)
{
    des_key expanded = {cipher == CARDOS_TDES, NULL, (const uint64_t(*)[DES_RING])work->masks};
    for (int half = 0; half <= expanded.triple; half++)
        des_ring_of_word(work->masks[half], load_word(key + 8 * half));
    return expanded;
}

/* DES or TDES over whole blocks; `data` and `out` may be the same. */
static void plane_ecb(int cipher, int decrypt, const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out)
{
    bulk_workspace work;
    des_key expanded = bulk_key(&work, cipher, key);
    for (size_t at = 0; at < size; at += 8 * LANES) {
        size_t count = size - at < 8 * LANES ? (size - at) / 8 : LANES;
        bulk_step(&work, &expanded, decrypt, data + at, count);
        rows_to_bytes(out + at, &work.block, count);
    }
    wipe(&work, sizeof work);
}

static void plane_cbc_decrypt(int cipher, const uint8_t *key, const uint8_t iv[8], const uint8_t *data, size_t size,
                              uint8_t *out)
{
    bulk_workspace work;
    des_key expanded = bulk_key(&work, cipher, key);
    uint64_t chain = load_word(iv); /* the block before the step; `out` may have overwritten it in `data` */
    for (size_t at = 0; at < size; at += 8 * LANES) {
        size_t count = size - at < 8 * LANES ? (size - at) / 8 : LANES;
        const uint8_t *from = data + at;
        bulk_step(&work, &expanded, 1, from, count);
        work.block.word[0] ^= chain;
        for (size_t i = 1; i < count; i++)
            work.block.word[i] ^= load_word(from + 8 * (i - 1));
        chain = load_word(from + 8 * (count - 1));
        rows_to_bytes(out + at, &work.block, count);
    }
    wipe(&work, sizeof work);
}

#endif
