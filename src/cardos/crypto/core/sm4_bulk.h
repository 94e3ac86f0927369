/* Bulk modes of SM4: LANES consecutive blocks of data under one key are the rows. */
#ifndef CARDOS_SM4_BULK_H
#define CARDOS_SM4_BULK_H

#include "core.h"
#include "plane.h"

typedef struct {
    sm4_block block;
    sm4_shared key;
} sm4_bulk;

/* `count` blocks, 1 .. LANES, as rows; the other rows are zero. */
PLANE_FUNCTION void sm4_load(sm4_block *block, const uint8_t *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        block->half[0].word[i] = load_word(data + 16 * i);
        block->half[1].word[i] = load_word(data + 16 * i + 8);
    }
    for (size_t i = count; i < LANES; i++)
        block->half[0].word[i] = block->half[1].word[i] = 0;
}

PLANE_FUNCTION void sm4_store(uint8_t *out, const sm4_block *block, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        store_word(out + 16 * i, block->half[0].word[i]);
        store_word(out + 16 * i + 8, block->half[1].word[i]);
    }
}

/* ECB of the rows of work->block. */
PLANE_FUNCTION void sm4_bulk_step(sm4_bulk *work, int decrypt)
{
    const sm4_ring ring = {NULL, &work->key};
    for (int i = 0; i < 2; i++)
        sm4_enter(&work->block.half[i]);
    sm4_crypt(ring, decrypt, &work->block);
    for (int i = 0; i < 2; i++)
        sm4_leave(&work->block.half[i]);
}

PLANE_INLINE size_t sm4_count(size_t size, size_t at)
{
    return size - at < 16 * LANES ? (size - at) / 16 : LANES;
}

/* Whole blocks; `data` and `out` may be the same. */
static void sm4_ecb(int cipher, int decrypt, const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out)
{
    sm4_bulk work;
    (void)cipher;
    sm4_expand_shared(&work.key, key);
    for (size_t at = 0; at < size; at += 16 * LANES) {
        size_t count = sm4_count(size, at);
        sm4_load(&work.block, data + at, count);
        sm4_bulk_step(&work, decrypt);
        sm4_store(out + at, &work.block, count);
    }
    wipe(&work, sizeof work);
}

static void sm4_cbc_decrypt(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    sm4_bulk work;
    uint64_t chain[2] = {load_word(iv), load_word(iv + 8)}; /* the block before; `out` may have overwritten it in `data` */
    (void)cipher;
    sm4_expand_shared(&work.key, key);
    for (size_t at = 0; at < size; at += 16 * LANES) {
        size_t count = sm4_count(size, at);
        const uint8_t *from = data + at;
        sm4_load(&work.block, from, count);
        sm4_bulk_step(&work, 1);
        for (size_t half = 0; half < 2; half++) {
            uint64_t *word = work.block.half[half].word;
            word[0] ^= chain[half];
            for (size_t i = 1; i < count; i++)
                word[i] ^= load_word(from + 16 * (i - 1) + 8 * half);
            chain[half] = load_word(from + 16 * (count - 1) + 8 * half);
        }
        sm4_store(out + at, &work.block, count);
    }
    wipe(&work, sizeof work);
}

/* The counters of rows 0 .., which are 128-bit numbers; `high` and `low` count on. */
PLANE_INLINE void sm4_counters(sm4_block *block, uint64_t *high, uint64_t *low)
{
    uint64_t upper = *high, lower = *low;
    for (size_t i = 0; i < LANES; i++) {
        block->half[0].word[i] = reversed(upper);
        block->half[1].word[i] = reversed(lower);
        upper += (lower & ~(lower + 1)) >> 63; /* the highest bit goes only when all bits do */
        lower++;
    }
    *high = upper;
    *low = lower;
}

/* The last block may be short. */
PLANE_FUNCTION void sm4_xor_out(uint8_t *out, const uint8_t *data, const sm4_block *stream, size_t size)
{
    size_t count = size / 16;
    for (size_t i = 0; i < count; i++) {
        store_word(out + 16 * i, load_word(data + 16 * i) ^ stream->half[0].word[i]);
        store_word(out + 16 * i + 8, load_word(data + 16 * i + 8) ^ stream->half[1].word[i]);
    }
    for (size_t at = 16 * count; at < size; at++)
        out[at] = data[at] ^ (uint8_t)(stream->half[at / 8 & 1].word[count] >> 8 * (at & 7));
}

static void sm4_ctr(const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    sm4_bulk work;
    uint64_t high = reversed(load_word(iv)), low = reversed(load_word(iv + 8));
    sm4_expand_shared(&work.key, key);
    for (size_t at = 0; at < size; at += 16 * LANES) {
        sm4_counters(&work.block, &high, &low);
        sm4_bulk_step(&work, 0);
        sm4_xor_out(out + at, data + at, &work.block, size - at < 16 * LANES ? size - at : 16 * LANES);
    }
    wipe(&work, sizeof work);
}

#endif
