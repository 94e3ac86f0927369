/* SM4 (GB/T 32907) on words with GFNI: what sm4_planes.h does, under the same names, for the level that has an instruction for
 * an inversion and a matrix on every byte.
 *
 * A register holds a word of sixteen rows, one in each column, with the bytes as they lie in memory.  Three such groups go
 * through the rounds side by side, since a round is a chain of waiting.  Blocks and keys stay rows; nothing is transposed but
 * the words of a row.  The S-box and the linear layer are four products with matrices (tools/sm4_tables.py), each one moved to
 * its byte by a rotation.
 *
 *   PLANE_AFFINE(bytes, matrix, constant), PLANE_AFFINEINV(...)    GFNI on a plane
 */
#ifndef CARDOS_SM4_WORDS_H
#define CARDOS_SM4_WORDS_H

#include "core.h"
#include "gather.h"
#include "plane.h"
#include "sm4.h"
#include "sm4_gfni_tables.h"

typedef uint32_t sm4_word __attribute__((vector_size(64), may_alias));

enum { SM4_GROUPS = LANES / 16 };

/* A block or a key of all lanes, by halves of 8 bytes, always as rows. */
typedef union {
    plane_block half[2];
    plane plane[128];
} sm4_block;

/* The round keys of a key for each row, and of one for all. */
typedef struct {
    sm4_word round[SM4_GROUPS][32];
} sm4_lanes;

typedef struct {
    uint32_t round[32];
} sm4_shared;

/* An expanded key, one of them. */
typedef struct {
    const sm4_lanes *lanes;
    const sm4_shared *shared;
} sm4_ring;

/* The four words of sixteen rows, as P(word). */
typedef struct {
    sm4_word word[4];
} sm4_group;

PLANE_INLINE plane sm4_matrix(uint64_t matrix)
{
    return plane_broadcast(matrix);
}

PLANE_INLINE sm4_word sm4_same_word(uint32_t word)
{
    return word - (sm4_word){0};
}

PLANE_INLINE sm4_word sm4_rotated(plane bytes, int count)
{
    sm4_word x = (sm4_word)bytes;
    return x << count | x >> (32 - count);
}

/* `word` after a round whose S-boxes get `in`. */
PLANE_INLINE sm4_word sm4_round_word(sm4_word word, sm4_word in)
{
    const plane x = (plane)in;
    word ^= (sm4_word)PLANE_AFFINEINV(x, sm4_matrix(ROUND_PART[0]), ROUND_CONSTANT);
    word ^= sm4_rotated(PLANE_AFFINEINV(x, sm4_matrix(ROUND_PART[1]), 0), 8);
    word ^= sm4_rotated(PLANE_AFFINEINV(x, sm4_matrix(ROUND_PART[2]), 0), 16);
    return word ^ sm4_rotated(PLANE_AFFINEINV(x, sm4_matrix(ROUND_PART[3]), 0), 24);
}

PLANE_INLINE sm4_word sm4_key_word(sm4_word word, sm4_word in)
{
    const plane x = (plane)in;
    word ^= (sm4_word)PLANE_AFFINEINV(x, sm4_matrix(KEY_PART[0]), KEY_CONSTANT);
    word ^= sm4_rotated(PLANE_AFFINEINV(x, sm4_matrix(KEY_PART[1]), 0), 8);
    word ^= sm4_rotated(PLANE_AFFINEINV(x, sm4_matrix(KEY_PART[2]), 0), 16);
    return word ^ sm4_rotated(PLANE_AFFINEINV(x, sm4_matrix(KEY_PART[3]), 0), 24);
}

/* Even or odd words of 16 rows' halves, which lie in two registers, and back. */
#define SM4_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define SM4_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define SM4_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define SM4_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

PLANE_INLINE void sm4_load_group(sm4_group *x, const sm4_block *block, int group)
{
    for (int half = 0; half < 2; half++) {
        const plane *rows = &block->half[half].plane[2 * group];
        sm4_word a = (sm4_word)PLANE_AFFINE(rows[0], sm4_matrix(TO_STATE), 0);
        sm4_word b = (sm4_word)PLANE_AFFINE(rows[1], sm4_matrix(TO_STATE), 0);
        x->word[2 * half] = SM4_EVEN(a, b);
        x->word[2 * half + 1] = SM4_ODD(a, b);
    }
}

/* The words come out in the reverse order. */
PLANE_INLINE void sm4_store_group(sm4_block *block, int group, const sm4_group *x)
{
    for (int half = 0; half < 2; half++) {
        plane *rows = &block->half[half].plane[2 * group];
        sm4_word even = x->word[3 - 2 * half], odd = x->word[2 - 2 * half];
        rows[0] = PLANE_AFFINE((plane)SM4_LOW(even, odd), sm4_matrix(FROM_STATE), 0);
        rows[1] = PLANE_AFFINE((plane)SM4_HIGH(even, odd), sm4_matrix(FROM_STATE), 0);
    }
}

PLANE_INLINE sm4_word sm4_others(const sm4_group *x, int round)
{
    return x->word[(round + 1) & 3] ^ x->word[(round + 2) & 3] ^ x->word[(round + 3) & 3];
}

/* The key schedule of `count` groups, a constant. */
PLANE_INLINE void sm4_expand_groups(sm4_lanes *lanes, const sm4_block *key, int first, int count)
{
    sm4_group k[3];
    for (int g = 0; g < count; g++) {
        sm4_load_group(&k[g], key, first + g);
        for (int w = 0; w < 4; w++)
            k[g].word[w] ^= sm4_same_word(SYSTEM_PARAMETER[w]);
    }
    for (int r = 0; r < 32; r += 4)
        for (int i = 0; i < 4; i++) {
            const sm4_word constant = sm4_same_word(KEY_CONSTANT_OF_ROUND[r + i]);
            for (int g = 0; g < count; g++) {
                k[g].word[i] = sm4_key_word(k[g].word[i], sm4_others(&k[g], i) ^ constant);
                lanes->round[first + g][r + i] = k[g].word[i];
            }
        }
}

PLANE_INLINE void sm4_crypt_groups(const sm4_lanes *lanes, const sm4_shared *shared, int decrypt, sm4_block *block, int first, int count)
{
    sm4_group x[3];
    for (int g = 0; g < count; g++)
        sm4_load_group(&x[g], block, first + g);
    for (int r = 0; r < 32; r += 4)
        for (int i = 0; i < 4; i++) {
            const int round = decrypt ? 31 - r - i : r + i;
            for (int g = 0; g < count; g++) {
                const sm4_word key = shared ? sm4_same_word(shared->round[round]) : lanes->round[first + g][round];
                x[g].word[i] = sm4_round_word(x[g].word[i], sm4_others(&x[g], i) ^ key);
            }
        }
    for (int g = 0; g < count; g++)
        sm4_store_group(block, first + g, &x[g]);
}

/* Three groups side by side; 32 groups are ten times three, and two. */
#define SM4_ALL_GROUPS(work)                                  \
    do {                                                      \
        for (int first = 0; first < SM4_GROUPS - 2; first += 3) \
            work(first, 3);                                   \
        work(SM4_GROUPS - 2, 2);                              \
    } while (0)

PLANE_FUNCTION void sm4_expand_lanes(sm4_lanes *lanes, sm4_block *key)
{
#define SM4_WORK(first, count) sm4_expand_groups(lanes, key, first, count)
    SM4_ALL_GROUPS(SM4_WORK);
#undef SM4_WORK
}

PLANE_FUNCTION void sm4_expand_shared(sm4_shared *shared, const uint8_t key[16])
{
    sm4_schedule schedule;
    SM4_GFNI.expand(&schedule, key);
    memcpy(shared->round, schedule.round, sizeof shared->round);
    wipe(&schedule, sizeof schedule);
}

PLANE_FUNCTION void sm4_crypt_lanes(const sm4_lanes *lanes, int decrypt, sm4_block *block)
{
#define SM4_WORK(first, count) sm4_crypt_groups(lanes, NULL, decrypt, block, first, count)
    SM4_ALL_GROUPS(SM4_WORK);
#undef SM4_WORK
}

PLANE_FUNCTION void sm4_crypt_shared(const sm4_shared *shared, int decrypt, sm4_block *block)
{
#define SM4_WORK(first, count) sm4_crypt_groups(NULL, shared, decrypt, block, first, count)
    SM4_ALL_GROUPS(SM4_WORK);
#undef SM4_WORK
}

/* Encipher, or decipher: the same with the round keys backwards. */
PLANE_INLINE void sm4_crypt(sm4_ring ring, int decrypt, sm4_block *block)
{
    if (ring.shared)
        sm4_crypt_shared(ring.shared, decrypt, block);
    else
        sm4_crypt_lanes(ring.lanes, decrypt, block);
}

PLANE_INLINE void sm4_gather(const word_plan *plan, const row_range *range, plane_block *half)
{
    gather(plan, range, half);
}

/* Rows are what sm4_crypt() wants here. */
PLANE_INLINE void sm4_enter(plane_block *half)
{
    (void)half;
}

PLANE_INLINE void sm4_leave(plane_block *half)
{
    (void)half;
}

/* XOR what is the same in every row. */
PLANE_INLINE void sm4_xor_common(plane_block *half, uint64_t word)
{
    for (int i = 0; i < 64; i++)
        half->plane[i] ^= plane_broadcast(word);
}

#endif
