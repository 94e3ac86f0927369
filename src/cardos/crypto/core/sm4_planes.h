/* SM4 (GB/T 32907) on planes: LANES blocks at a time, under a key for each lane or one for all.
 *
 * Word w of a block is planes 32 w .. 32 w + 31.  They follow the bytes as they lie in memory, the most significant of a word
 * first, so bit b of a word is plane b ^ 24 of its 32, and rotations are choices of an index.
 */
#ifndef CARDOS_SM4_PLANES_H
#define CARDOS_SM4_PLANES_H

#include "core.h"
#include "gather.h"
#include "plane.h"
#include "sm4.h"

#ifndef CIRCUITS_LUT3
#undef CIRCUITS_FLIPPED
#define CIRCUITS_FLIPPED /* a complement is a gate */
#endif
#undef CIRCUITS_STORE /* DES has its own */
#define CIRCUITS_STORE(o, v) (*(o) = (v))
#include "circuits_sm4.h"

/* A block or a key of all lanes, by halves of 8 bytes, as rows or planes. */
typedef union {
    plane_block half[2];
    plane plane[128];
} sm4_block;

/* The circuits want some bits of each byte complemented, see SM4_FLIP: round keys, and what they are made of, hold them so. */
#define SM4_FLIPPED_WORD ((uint32_t)SM4_FLIP * 0x01010101u)

/* The round keys of a key for each lane, and of one for all: masks of 64 equal bits. */
typedef struct {
    plane round[32][32];
} sm4_lanes;

typedef struct {
    uint64_t round[32][32];
} sm4_shared;

/* An expanded key, one of them. */
typedef struct {
    const sm4_lanes *lanes;
    const sm4_shared *shared;
} sm4_ring;

/* The plane of bit b, any number, of a word. */
#define SM4_BIT(b) (((b) & 31) ^ 24)

/* f(0) f(1) .. f(31): written out, for compilers do not unroll that far and would compute each index anew. */
#define SM4_EIGHT(f, n) f((n)) f((n) + 1) f((n) + 2) f((n) + 3) f((n) + 4) f((n) + 5) f((n) + 6) f((n) + 7)
#define SM4_EACH_BIT(f) SM4_EIGHT(f, 0) SM4_EIGHT(f, 8) SM4_EIGHT(f, 16) SM4_EIGHT(f, 24)

/* The linear layer of a round: `word` ^= b ^ b <<< 2 ^ b <<< 10 ^ b <<< 18 ^ b <<< 24, the same as (v <<< 24) ^ (w <<< 2) with
 * v = b ^ b <<< 8 and w = v ^ b <<< 16. */
PLANE_INLINE void sm4_round_layer(plane word[32], const plane b[32])
{
    plane v[32];
#define SM4_SUM(i) v[SM4_BIT(i)] = b[SM4_BIT(i)] ^ b[SM4_BIT(i - 8)];
#define SM4_ADD(i) word[SM4_BIT(i)] ^= v[SM4_BIT(i - 24)] ^ v[SM4_BIT(i - 2)] ^ b[SM4_BIT(i - 18)];
    SM4_EACH_BIT(SM4_SUM)
    PLANE_BARRIER();
    SM4_EACH_BIT(SM4_ADD)
#undef SM4_SUM
#undef SM4_ADD
}

/* That of the key schedule: b ^ b <<< 13 ^ b <<< 23. */
PLANE_INLINE void sm4_key_layer(plane word[32], const plane b[32])
{
#define SM4_ADD(i) word[SM4_BIT(i)] ^= b[SM4_BIT(i)] ^ b[SM4_BIT(i - 13)] ^ b[SM4_BIT(i - 23)];
    SM4_EACH_BIT(SM4_ADD)
#undef SM4_ADD
}

/* The S-box on b ^ c ^ d ^ key.  SM4_KEY(i) is bit i of the key. */
#if PLANE_BITS == 64
/* Compilers make vectors of the four bytes, when they stand alone. */
PLANE_FUNCTION void sm4_substitute(plane t[32])
{
    for (int byte = 0; byte < 32; byte += 8)
        sm4_sbox(t + byte, t + byte);
}

#define SM4_SUBSTITUTE(t, b, c, d)                           \
    for (int i = 0; i < 32; i++)                             \
        (t)[i] = (b)[i] ^ (c)[i] ^ (d)[i] ^ SM4_KEY(i);      \
    sm4_substitute(t);
#else
/* One byte after the other fills the registers, and what goes in never lies in memory. */
#define SM4_SUBSTITUTE(t, b, c, d)                                                     \
    for (int byte = 0; byte < 32; byte += 8) {                                         \
        plane in[8];                                                                   \
        for (int i = 0; i < 8; i++)                                                    \
            in[i] = (b)[byte + i] ^ (c)[byte + i] ^ (d)[byte + i] ^ SM4_KEY(byte + i); \
        sm4_sbox(in, (t) + byte);                                                      \
        PLANE_BARRIER();                                                               \
    }
#endif

#define SM4_KEY(i) key[i]
PLANE_FUNCTION void sm4_round_of_planes(plane *a, const plane *b, const plane *c, const plane *d, const plane *key)
{
    plane t[32];
    SM4_SUBSTITUTE(t, b, c, d)
    sm4_round_layer(a, t);
}
#undef SM4_KEY

#define SM4_KEY(i) plane_broadcast(key[i])
PLANE_FUNCTION void sm4_round_of_masks(plane *a, const plane *b, const plane *c, const plane *d, const uint64_t *key)
{
    plane t[32];
    SM4_SUBSTITUTE(t, b, c, d)
    sm4_round_layer(a, t);
}

/* A round of the key schedule; `key` is its constant, as masks. */
PLANE_FUNCTION void sm4_round_of_key(plane *a, const plane *b, const plane *c, const plane *d, const uint64_t *key)
{
    plane t[32];
    SM4_SUBSTITUTE(t, b, c, d)
    sm4_key_layer(a, t);
}
#undef SM4_KEY

/* All bits of a word as masks. */
PLANE_INLINE void sm4_masks_of_word(uint64_t mask[32], uint32_t word)
{
    for (int i = 0; i < 32; i++)
        mask[i] = (uint64_t)0 - (word >> (i ^ 24) & 1);
}

/* Byte j of the constant of round i is (4 i + j) * 7 mod 256. */
PLANE_INLINE uint32_t sm4_round_constant(uint32_t i)
{
    uint32_t ck = 0;
    for (uint32_t j = 0; j < 4; j++)
        ck = ck << 8 | ((4 * i + j) * 7 & 255);
    return ck;
}

/* The key schedule of a key for each lane; `key` is used up. */
PLANE_FUNCTION void sm4_expand_lanes(sm4_lanes *lanes, sm4_block *key)
{
    static const uint32_t FK[4] = {0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC};
    plane *k = key->plane;
    uint64_t mask[32];
    for (int w = 0; w < 4; w++) {
        sm4_masks_of_word(mask, FK[w] ^ SM4_FLIPPED_WORD);
        for (int i = 0; i < 32; i++)
            k[32 * w + i] ^= plane_broadcast(mask[i]);
    }
    for (uint32_t r = 0; r < 32; r++) {
        plane *a = k + 32 * (r & 3);
        const plane *b = k + 32 * ((r + 1) & 3), *c = k + 32 * ((r + 2) & 3), *d = k + 32 * ((r + 3) & 3);
        sm4_masks_of_word(mask, sm4_round_constant(r));
        sm4_round_of_key(a, b, c, d, mask);
        memcpy(lanes->round[r], a, sizeof lanes->round[r]);
    }
}

/* The key schedule of one key for all lanes. */
PLANE_FUNCTION void sm4_expand_shared(sm4_shared *shared, const uint8_t key[16])
{
    sm4_schedule schedule;
    SM4_PORTABLE.expand(&schedule, key); /* the others keep round keys in a form of their own */
    for (int r = 0; r < 32; r++)
        sm4_masks_of_word(shared->round[r], schedule.round[r] ^ SM4_FLIPPED_WORD);
    wipe(&schedule, sizeof schedule);
}

/* Encipher, or decipher: the same with the round keys backwards. */
PLANE_FUNCTION void sm4_crypt(sm4_ring ring, int decrypt, sm4_block *block)
{
    plane *x = block->plane;
    for (int r = 0; r < 32; r++) {
        plane *a = x + 32 * (r & 3);
        const plane *b = x + 32 * ((r + 1) & 3), *c = x + 32 * ((r + 2) & 3), *d = x + 32 * ((r + 3) & 3);
        const int key = decrypt ? 31 - r : r;
        if (ring.shared)
            sm4_round_of_masks(a, b, c, d, ring.shared->round[key]);
        else
            sm4_round_of_planes(a, b, c, d, ring.lanes->round[key]);
    }
    for (int i = 0; i < 64; i++) { /* the words come out in the reverse order */
        plane first = x[i], *last = &x[32 * (3 - i / 32) + i % 32];
        x[i] = *last;
        *last = first;
    }
}

/* The words of a step by their plan, as sm4_crypt() wants them, and back into rows. */
PLANE_INLINE void sm4_gather(const word_plan *plan, const row_range *range, plane_block *half)
{
    gather_planes(plan, range, half);
}

PLANE_INLINE void sm4_enter(plane_block *half)
{
    planes_of_rows(half);
}

PLANE_INLINE void sm4_leave(plane_block *half)
{
    rows_of_planes(half);
}

/* XOR what is the same in every row. */
PLANE_INLINE void sm4_xor_common(plane_block *half, uint64_t word)
{
    for (int i = 0; i < 64; i++)
        half->plane[i] ^= plane_of_bit(word >> i);
}

#endif
