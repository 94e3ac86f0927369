#include "des.h"

/* The bit tables below count from 1 at the left, as the standard does. */

static const uint8_t PC1[56] = {
    57, 49, 41, 33, 25, 17, 9,  1,  58, 50, 42, 34, 26, 18, /* C */
    10, 2,  59, 51, 43, 35, 27, 19, 11, 3,  60, 52, 44, 36,
    63, 55, 47, 39, 31, 23, 15, 7,  62, 54, 46, 38, 30, 22, /* D */
    14, 6,  61, 53, 45, 37, 29, 21, 13, 5,  28, 20, 12, 4,
};

static const uint8_t PC2[48] = {
    14, 17, 11, 24, 1,  5,  3,  28, 15, 6,  21, 10, 23, 19, 12, 4,  26, 8,  16, 7,  27, 20, 13, 2,
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
};

static const uint8_t SHIFTS[16] = {1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1};

/* The S-boxes with the permutation P applied: the four bits of a value go to their places in the result of the round.
 * Values are in the order of the standard: row (outer two bits of the index) times 16 plus column (inner four bits). */
#define SPREAD(v, a, b, c, d) \
    ((uint32_t)((v) >> 3 & 1) << (a) | (uint32_t)((v) >> 2 & 1) << (b) | (uint32_t)((v) >> 1 & 1) << (c) | \
     (uint32_t)((v) & 1) << (d))
#define S1(v) SPREAD(v, 23, 15, 9, 1)
#define S2(v) SPREAD(v, 19, 4, 30, 14)
#define S3(v) SPREAD(v, 8, 16, 2, 26)
#define S4(v) SPREAD(v, 6, 12, 22, 31)
#define S5(v) SPREAD(v, 24, 18, 7, 29)
#define S6(v) SPREAD(v, 28, 3, 21, 13)
#define S7(v) SPREAD(v, 0, 20, 10, 25)
#define S8(v) SPREAD(v, 27, 5, 17, 11)

static const uint32_t SP[8][64] = {
    {
        S1(14), S1(4), S1(13), S1(1), S1(2), S1(15), S1(11), S1(8),
        S1(3), S1(10), S1(6), S1(12), S1(5), S1(9), S1(0), S1(7),
        S1(0), S1(15), S1(7), S1(4), S1(14), S1(2), S1(13), S1(1),
        S1(10), S1(6), S1(12), S1(11), S1(9), S1(5), S1(3), S1(8),
        S1(4), S1(1), S1(14), S1(8), S1(13), S1(6), S1(2), S1(11),
        S1(15), S1(12), S1(9), S1(7), S1(3), S1(10), S1(5), S1(0),
        S1(15), S1(12), S1(8), S1(2), S1(4), S1(9), S1(1), S1(7),
        S1(5), S1(11), S1(3), S1(14), S1(10), S1(0), S1(6), S1(13),
    },
    {
        S2(15), S2(1), S2(8), S2(14), S2(6), S2(11), S2(3), S2(4),
        S2(9), S2(7), S2(2), S2(13), S2(12), S2(0), S2(5), S2(10),
        S2(3), S2(13), S2(4), S2(7), S2(15), S2(2), S2(8), S2(14),
        S2(12), S2(0), S2(1), S2(10), S2(6), S2(9), S2(11), S2(5),
        S2(0), S2(14), S2(7), S2(11), S2(10), S2(4), S2(13), S2(1),
        S2(5), S2(8), S2(12), S2(6), S2(9), S2(3), S2(2), S2(15),
        S2(13), S2(8), S2(10), S2(1), S2(3), S2(15), S2(4), S2(2),
        S2(11), S2(6), S2(7), S2(12), S2(0), S2(5), S2(14), S2(9),
    },
    {
        S3(10), S3(0), S3(9), S3(14), S3(6), S3(3), S3(15), S3(5),
        S3(1), S3(13), S3(12), S3(7), S3(11), S3(4), S3(2), S3(8),
        S3(13), S3(7), S3(0), S3(9), S3(3), S3(4), S3(6), S3(10),
        S3(2), S3(8), S3(5), S3(14), S3(12), S3(11), S3(15), S3(1),
        S3(13), S3(6), S3(4), S3(9), S3(8), S3(15), S3(3), S3(0),
        S3(11), S3(1), S3(2), S3(12), S3(5), S3(10), S3(14), S3(7),
        S3(1), S3(10), S3(13), S3(0), S3(6), S3(9), S3(8), S3(7),
        S3(4), S3(15), S3(14), S3(3), S3(11), S3(5), S3(2), S3(12),
    },
    {
        S4(7), S4(13), S4(14), S4(3), S4(0), S4(6), S4(9), S4(10),
        S4(1), S4(2), S4(8), S4(5), S4(11), S4(12), S4(4), S4(15),
        S4(13), S4(8), S4(11), S4(5), S4(6), S4(15), S4(0), S4(3),
        S4(4), S4(7), S4(2), S4(12), S4(1), S4(10), S4(14), S4(9),
        S4(10), S4(6), S4(9), S4(0), S4(12), S4(11), S4(7), S4(13),
        S4(15), S4(1), S4(3), S4(14), S4(5), S4(2), S4(8), S4(4),
        S4(3), S4(15), S4(0), S4(6), S4(10), S4(1), S4(13), S4(8),
        S4(9), S4(4), S4(5), S4(11), S4(12), S4(7), S4(2), S4(14),
    },
    {
        S5(2), S5(12), S5(4), S5(1), S5(7), S5(10), S5(11), S5(6),
        S5(8), S5(5), S5(3), S5(15), S5(13), S5(0), S5(14), S5(9),
        S5(14), S5(11), S5(2), S5(12), S5(4), S5(7), S5(13), S5(1),
        S5(5), S5(0), S5(15), S5(10), S5(3), S5(9), S5(8), S5(6),
        S5(4), S5(2), S5(1), S5(11), S5(10), S5(13), S5(7), S5(8),
        S5(15), S5(9), S5(12), S5(5), S5(6), S5(3), S5(0), S5(14),
        S5(11), S5(8), S5(12), S5(7), S5(1), S5(14), S5(2), S5(13),
        S5(6), S5(15), S5(0), S5(9), S5(10), S5(4), S5(5), S5(3),
    },
    {
        S6(12), S6(1), S6(10), S6(15), S6(9), S6(2), S6(6), S6(8),
        S6(0), S6(13), S6(3), S6(4), S6(14), S6(7), S6(5), S6(11),
        S6(10), S6(15), S6(4), S6(2), S6(7), S6(12), S6(9), S6(5),
        S6(6), S6(1), S6(13), S6(14), S6(0), S6(11), S6(3), S6(8),
        S6(9), S6(14), S6(15), S6(5), S6(2), S6(8), S6(12), S6(3),
        S6(7), S6(0), S6(4), S6(10), S6(1), S6(13), S6(11), S6(6),
        S6(4), S6(3), S6(2), S6(12), S6(9), S6(5), S6(15), S6(10),
        S6(11), S6(14), S6(1), S6(7), S6(6), S6(0), S6(8), S6(13),
    },
    {
        S7(4), S7(11), S7(2), S7(14), S7(15), S7(0), S7(8), S7(13),
        S7(3), S7(12), S7(9), S7(7), S7(5), S7(10), S7(6), S7(1),
        S7(13), S7(0), S7(11), S7(7), S7(4), S7(9), S7(1), S7(10),
        S7(14), S7(3), S7(5), S7(12), S7(2), S7(15), S7(8), S7(6),
        S7(1), S7(4), S7(11), S7(13), S7(12), S7(3), S7(7), S7(14),
        S7(10), S7(15), S7(6), S7(8), S7(0), S7(5), S7(9), S7(2),
        S7(6), S7(11), S7(13), S7(8), S7(1), S7(4), S7(10), S7(7),
        S7(9), S7(5), S7(0), S7(15), S7(14), S7(2), S7(3), S7(12),
    },
    {
        S8(13), S8(2), S8(8), S8(4), S8(6), S8(15), S8(11), S8(1),
        S8(10), S8(9), S8(3), S8(14), S8(5), S8(0), S8(12), S8(7),
        S8(1), S8(15), S8(13), S8(8), S8(10), S8(3), S8(7), S8(4),
        S8(12), S8(5), S8(6), S8(11), S8(0), S8(14), S8(9), S8(2),
        S8(7), S8(11), S8(4), S8(1), S8(9), S8(12), S8(14), S8(2),
        S8(0), S8(6), S8(10), S8(13), S8(15), S8(3), S8(5), S8(8),
        S8(2), S8(1), S8(14), S8(7), S8(4), S8(10), S8(8), S8(13),
        S8(15), S8(12), S8(9), S8(0), S8(3), S8(5), S8(6), S8(11),
    },
};

static uint64_t bit(uint64_t word, int width, int number)
{
    return word >> (width - number) & 1;
}

static uint32_t rotate28(uint32_t half, int count)
{
    return (half << count | half >> (28 - count)) & 0x0FFFFFFF;
}

void des_expand(des_schedule *schedule, uint64_t key)
{
    uint32_t c = 0, d = 0;
    for (int i = 0; i < 28; i++) {
        c = c << 1 | (uint32_t)bit(key, 64, PC1[i]);
        d = d << 1 | (uint32_t)bit(key, 64, PC1[28 + i]);
    }
    for (int round = 0; round < 16; round++) {
        c = rotate28(c, SHIFTS[round]);
        d = rotate28(d, SHIFTS[round]);
        uint64_t cd = (uint64_t)c << 28 | d;
        for (int box = 0; box < 8; box++) {
            uint32_t group = 0;
            for (int i = 0; i < 6; i++)
                group = group << 1 | (uint32_t)bit(cd, 56, PC2[6 * box + i]);
            schedule->round[round][box] = (uint8_t)group;
        }
    }
}

/* Exchange the bits of `word` selected by `mask` with those `shift` places above them. */
static uint64_t exchange(uint64_t word, uint64_t mask, int shift)
{
    uint64_t difference = (word >> shift ^ word) & mask;
    return word ^ difference ^ difference << shift;
}

/* IP as five exchanges; each one is its own inverse, so the reverse order is the inverse permutation. */
static uint64_t initial_permutation(uint64_t block)
{
    block = exchange(block, 0x000000000F0F0F0F, 36);
    block = exchange(block, 0x000000000000FFFF, 48);
    block = exchange(block, 0x00000000CCCCCCCC, 30);
    block = exchange(block, 0x00000000FF00FF00, 24);
    return exchange(block, 0x0000000055555555, 33);
}

static uint64_t final_permutation(uint64_t block)
{
    block = exchange(block, 0x0000000055555555, 33);
    block = exchange(block, 0x00000000FF00FF00, 24);
    block = exchange(block, 0x00000000CCCCCCCC, 30);
    block = exchange(block, 0x000000000000FFFF, 48);
    return exchange(block, 0x000000000F0F0F0F, 36);
}

static uint32_t rotl(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

/* E, the round key, the S-boxes and P.  E takes for each S-box its four bits and one neighbour on either side. */
static uint32_t round_function(uint32_t half, const uint8_t key[8])
{
    uint32_t result = 0, window = rotl(half, 31);
    for (int box = 0; box < 8; box++) {
        uint32_t x = window >> 26 ^ key[box];
        result |= SP[box][(x & 0x20) | (x & 1) << 4 | (x >> 1 & 15)];
        window = rotl(window, 4);
    }
    return result;
}

static uint64_t crypt(const des_schedule *schedule, uint64_t block, int last)
{
    block = initial_permutation(block);
    uint32_t left = (uint32_t)(block >> 32), right = (uint32_t)block;
    for (int round = 0; round < 16; round++) {
        uint32_t next = left ^ round_function(right, schedule->round[round ^ last]);
        left = right;
        right = next;
    }
    return final_permutation((uint64_t)right << 32 | left);
}

uint64_t des_encrypt(const des_schedule *schedule, uint64_t block)
{
    return crypt(schedule, block, 0);
}

/* round ^ 15 counts the round keys downwards. */
uint64_t des_decrypt(const des_schedule *schedule, uint64_t block)
{
    return crypt(schedule, block, 15);
}
