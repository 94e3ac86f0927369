/* DES (FIPS 46-3, ISO/IEC 18033-3) on planes: LANES blocks at a time, under a key for each lane or one for all.
 *
 * IP, E, P, PC1 and PC2 are choices of an index.  A block stays behind its initial permutation from one DES to the next,
 * also through a CBC chain: its halves `left` and `right`, 32 planes each, change places after every 16 rounds.
 */
#ifndef CARDOS_DES_PLANES_H
#define CARDOS_DES_PLANES_H

#include "plane.h"

/* The result of an S-box goes into the other half at once. */
#define CIRCUITS_STORE(o, v) (*(o) ^= (v))
#ifndef CIRCUITS_LUT3
#define CIRCUITS_FLIPPED /* a complement is a gate: some bits of both halves are held complemented, see DES_FLIP */
#endif
#include "circuits_des.h"
#undef CIRCUITS_STORE

/* The ring of a key: C twice, then D twice, 28 bits each.  Rotated by s, bit i of C is ring[i + s] and bit i of D is
 * ring[D_RING + i + s], so a round key is a choice of places, and the parity bits of a key are never read. */
enum { D_RING = 56, DES_RING = 112 };

/* One ring, or two (two-key TDES, EDE): of planes, or of masks of 64 equal bits when all lanes have the same key. */
typedef struct {
    int triple;
    const plane (*rings)[DES_RING];
    const uint64_t (*masks)[DES_RING];
} des_key;

/* Where the bits of C and D stand in the key, as plane numbers: bit n of the standard is plane (n - 1) ^ 7. */
static const uint8_t DES_PC1[56] = {
    63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6,  61, 53, 45, 37, 29, 21, 13, 5, 60, 52, 44, 36,
    57, 49, 41, 33, 25, 17, 9,  1, 58, 50, 42, 34, 26, 18, 10, 2,  59, 51, 43, 35, 27, 19, 11, 3, 28, 20, 12, 4,
};

/* How far C and D are rotated in each round, forwards to encipher and backwards to decipher. */
static const uint8_t DES_ROTATION[2][16] = {
    {1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28},
    {28, 27, 25, 23, 21, 19, 17, 15, 14, 12, 10, 8, 6, 4, 2, 1},
};

/* IP in plane numbers, for both halves in turn: bit i of a block behind IP is this plane of the block. */
#define DES_IP(i) (8 * (7 - ((i) & 7)) + 6 - 2 * ((i) >> 3 & 3) + ((i) >> 5))

/* S-box `n` of a round.  E gives it bits 4n-4 .. 4n+1 of the right half (counted from 1, around the end), PC2 the six places
 * k1 .. k6 of the ring, and P takes its result to bits p1 .. p4 of the left half (counted from 0). */
#define DES_BOX(n, k1, k2, k3, k4, k5, k6, p1, p2, p3, p4)                                                             \
    do {                                                                                                              \
        des_s##n(right[(4 * n - 5) & 31] ^ DES_KEY(k1), right[4 * n - 4] ^ DES_KEY(k2), right[4 * n - 3] ^ DES_KEY(k3), \
                 right[4 * n - 2] ^ DES_KEY(k4), right[4 * n - 1] ^ DES_KEY(k5), right[(4 * n) & 31] ^ DES_KEY(k6),     \
                 &left[p1], &left[p2], &left[p3], &left[p4]);                                                         \
        PLANE_BARRIER();                                                                                              \
    } while (0)

/* One round: left ^= f(right).  DES_KEY(place) is defined around it.  In this order of the S-boxes the last ones of a round
 * give little to the first ones of the next, which need not wait: 8 % faster than 1 .. 8 at 256 lanes. */
#define DES_ROUND()                                                  \
    do {                                                             \
        DES_BOX(5, 68, 79, 58, 64, 74, 82, 7, 13, 24, 2);            \
        DES_BOX(1, 13, 16, 10, 23, 0, 4, 8, 16, 22, 30);             \
        DES_BOX(2, 2, 27, 14, 5, 20, 9, 12, 27, 1, 17);              \
        DES_BOX(6, 57, 67, 78, 72, 60, 75, 3, 28, 10, 18);           \
        DES_BOX(8, 73, 69, 77, 63, 56, 59, 4, 26, 14, 20);           \
        DES_BOX(4, 15, 6, 26, 19, 12, 1, 25, 19, 9, 0);              \
        DES_BOX(3, 22, 18, 11, 3, 25, 7, 23, 15, 29, 5);             \
        DES_BOX(7, 71, 76, 66, 83, 61, 80, 31, 11, 21, 6);           \
    } while (0)

#define DES_KEY(place) ring[place]
PLANE_INLINE void des_round_of_planes(plane *left, const plane *right, const plane *ring)
{
    DES_ROUND();
}
#undef DES_KEY

#define DES_KEY(place) plane_broadcast(ring[place])
PLANE_INLINE void des_round_of_masks(plane *left, const plane *right, const uint64_t *ring)
{
    DES_ROUND();
}
#undef DES_KEY

/* Sixteen rounds; two in a loop's body, since the halves change roles and not places. */
PLANE_FUNCTION void des_rounds_of_planes(plane *left, plane *right, const plane *ring, const uint8_t rotation[16])
{
    for (int round = 0; round < 16; round += 2) {
        des_round_of_planes(left, right, ring + rotation[round]);
        des_round_of_planes(right, left, ring + rotation[round + 1]);
    }
}

PLANE_FUNCTION void des_rounds_of_masks(plane *left, plane *right, const uint64_t *ring, const uint8_t rotation[16])
{
    for (int round = 0; round < 16; round += 2) {
        des_round_of_masks(left, right, ring + rotation[round]);
        des_round_of_masks(right, left, ring + rotation[round + 1]);
    }
}

/* One DES of `key`; afterwards `right` is the left half of the result. */
PLANE_INLINE void des_pass(const des_key *key, int ring, int decrypt, plane *left, plane *right)
{
    if (key->masks)
        des_rounds_of_masks(left, right, key->masks[ring], DES_ROTATION[decrypt]);
    else
        des_rounds_of_planes(left, right, key->rings[ring], DES_ROTATION[decrypt]);
}

/* DES or two-key TDES of the block whose halves are *left and *right, behind its initial permutation. */
PLANE_FUNCTION void des_crypt(const des_key *key, int decrypt, plane **left, plane **right)
{
    plane *l = *left, *r = *right;
    des_pass(key, 0, decrypt, l, r);
    if (key->triple) {
        des_pass(key, 1, !decrypt, r, l);
        des_pass(key, 0, decrypt, l, r);
    }
    *left = r;
    *right = l;
}

PLANE_INLINE void des_ring_of_planes(plane ring[DES_RING], const plane key[64])
{
    for (int i = 0; i < 28; i++) {
        ring[i] = ring[28 + i] = key[DES_PC1[i]];
        ring[D_RING + i] = ring[D_RING + 28 + i] = key[DES_PC1[28 + i]];
    }
}

/* The ring of a key that all lanes share, given as the number whose bit p is plane p. */
PLANE_INLINE void des_ring_of_word(uint64_t ring[DES_RING], uint64_t key)
{
    for (int i = 0; i < 28; i++) {
        ring[i] = ring[28 + i] = 0 - (key >> DES_PC1[i] & 1);
        ring[D_RING + i] = ring[D_RING + 28 + i] = 0 - (key >> DES_PC1[28 + i] & 1);
    }
}

/* Bits 1 .. 32 of DES_FLIP as planes of ones; they are the same in both halves. */
PLANE_INLINE plane des_flip(int i)
{
    return plane_of_bit(DES_FLIP >> (31 - i));
}

PLANE_INLINE void des_initial_permutation(plane *left, plane *right, const plane block[64])
{
    for (int i = 0; i < 32; i++) {
        left[i] = block[DES_IP(i)] ^ des_flip(i);
        right[i] = block[DES_IP(32 + i)] ^ des_flip(i);
    }
}

/* The same for the next block of a CBC chain, whose bits are flipped already. */
PLANE_INLINE void des_chain(plane *left, plane *right, const plane block[64])
{
    for (int i = 0; i < 32; i++) {
        left[i] ^= block[DES_IP(i)];
        right[i] ^= block[DES_IP(32 + i)];
    }
}

PLANE_INLINE void des_final_permutation(plane block[64], const plane *left, const plane *right)
{
    for (int i = 0; i < 32; i++) {
        block[DES_IP(i)] = left[i] ^ des_flip(i);
        block[DES_IP(32 + i)] = right[i] ^ des_flip(i);
    }
}

#endif
