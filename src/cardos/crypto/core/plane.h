/* Planes: one bit of LANES rows in one register.
 *
 * A level_*.c file sets PLANE_BITS (64, 128, 256 or 512) and includes this; everything here is static, so each level has
 * its own copy.  64 bits are plain C11; the others are vector types of GCC and Clang, on which & | ^ ~ work as on numbers.
 *
 * A block of 8 bytes of LANES rows is either
 *   rows:   word[0 .. LANES-1], of each row 8 bytes, the first one lowest, or
 *   planes: plane[8 j + i] is bit i (0 the least) of byte j of all rows.
 * planes_of_rows() and rows_of_planes() turn one into the other in place.  Which bit of a plane belongs to which row is
 * their secret: a level chooses the cheapest order, and it is the same one in both directions.
 */
#ifndef CARDOS_PLANE_H
#define CARDOS_PLANE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wipe.h"

#define LANES PLANE_BITS

#if PLANE_BITS == 64
typedef uint64_t plane;
#else
typedef uint64_t plane __attribute__((vector_size(PLANE_BITS / 8), may_alias));
#endif

/* Memory is read again behind it: planes stay there and are not held, and then spilled, in registers. */
#ifdef __GNUC__
#define PLANE_BARRIER() __asm__ volatile("" ::: "memory")
#define PLANE_INLINE static inline __attribute__((always_inline, unused))
#define PLANE_FUNCTION static __attribute__((noinline, unused))
#else
#define PLANE_BARRIER()
#define PLANE_INLINE static inline
#define PLANE_FUNCTION static
#endif

/* A number whose byte 0, as it lies in memory, is its lowest 8 bits. */
PLANE_INLINE uint64_t plane_little_endian(uint64_t word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

typedef union {
    plane plane[64];
    uint64_t word[LANES];
    uint8_t byte[8 * LANES];
} plane_block;

PLANE_INLINE uint64_t load_word(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return plane_little_endian(word);
}

PLANE_INLINE void store_half_word(uint8_t *to, uint32_t half)
{
    half = (uint32_t)(plane_little_endian(half) >> (plane_little_endian(1) == 1 ? 0 : 32));
    memcpy(to, &half, sizeof half);
}

PLANE_INLINE void store_word(uint8_t *to, uint64_t word)
{
    word = plane_little_endian(word);
    memcpy(to, &word, sizeof word);
}

/* The same 64 bits for every 64 lanes; all ones and all zeros are what it is used for. */
PLANE_INLINE plane plane_broadcast(uint64_t mask)
{
#if PLANE_BITS == 64
    return mask;
#else
    return mask - (plane){0};
#endif
}

/* Ones where `bit` is 1, zeros where it is 0. */
PLANE_INLINE plane plane_of_bit(uint64_t bit)
{
    return plane_broadcast((uint64_t)0 - (bit & 1));
}

/* The gates of the circuits beside & | ^ ~; with CIRCUITS_LUT3 any function of three planes, of which bit 4 a + 2 b + c of
 * `table` is the value. */
#define ANDNOT(a, b) ((a) & ~(b))
#ifdef CIRCUITS_LUT3
#define LUT3(a, b, c, table) PLANE_LUT3(a, b, c, table)
#endif

/* Exchange bits of `high` selected by `mask` with those of `low` that stand `shift` above. */
PLANE_INLINE void plane_exchange(plane *low, plane *high, int shift, uint64_t mask)
{
#ifdef CIRCUITS_LUT3
    const plane m = plane_broadcast(mask), moved = *low >> shift;
    *low = LUT3(m << shift, *high << shift, *low, 0xCA);
    *high = LUT3(m, moved, *high, 0xCA);
#else
    plane difference = (*low >> shift ^ *high) & plane_broadcast(mask);
    *high ^= difference;
    *low ^= difference << shift;
#endif
}

/* Exchanges between p[0], p[step] .. p[7 step] whose numbers differ in one bit: bit t of number i goes to bit i of number t,
 * in units of `unit` bits. */
PLANE_INLINE void exchange_eight(plane *p, int step, int unit, uint64_t mask4, uint64_t mask2, uint64_t mask1)
{
    plane a = p[0], b = p[step], c = p[2 * step], d = p[3 * step];
    plane e = p[4 * step], f = p[5 * step], g = p[6 * step], h = p[7 * step];
    plane_exchange(&a, &e, 4 * unit, mask4);
    plane_exchange(&b, &f, 4 * unit, mask4);
    plane_exchange(&c, &g, 4 * unit, mask4);
    plane_exchange(&d, &h, 4 * unit, mask4);
    plane_exchange(&a, &c, 2 * unit, mask2);
    plane_exchange(&b, &d, 2 * unit, mask2);
    plane_exchange(&e, &g, 2 * unit, mask2);
    plane_exchange(&f, &h, 2 * unit, mask2);
    plane_exchange(&a, &b, unit, mask1);
    plane_exchange(&c, &d, unit, mask1);
    plane_exchange(&e, &f, unit, mask1);
    plane_exchange(&g, &h, unit, mask1);
    p[0] = a, p[step] = b, p[2 * step] = c, p[3 * step] = d;
    p[4 * step] = e, p[5 * step] = f, p[6 * step] = g, p[7 * step] = h;
}

/* In eight planes side by side: bit i of byte n of plane t becomes bit t of byte n of plane i. */
PLANE_INLINE void exchange_bits(plane p[8])
{
    exchange_eight(p, 1, 1, 0x0F0F0F0F0F0F0F0F, 0x3333333333333333, 0x5555555555555555);
}

#if PLANE_BITS == 64

/* In eight planes, eight apart: byte j of plane m becomes byte m of plane j. */
PLANE_INLINE void exchange_bytes(plane *p)
{
    exchange_eight(p, 8, 8, 0x00000000FFFFFFFF, 0x0000FFFF0000FFFF, 0x00FF00FF00FF00FF);
}

#else

typedef uint8_t plane_bytes __attribute__((vector_size(PLANE_BITS / 8), may_alias));

/* Units of 1, 2, 4, 8 bytes of x and y in turn, from the low or the high half of each 16 bytes: one instruction of every
 * vector set.  UNIT_n(from) lists the sources of the 16 bytes that begin at `from` of an x that is PLANE_BITS / 8 long. */
#define Y (PLANE_BITS / 8)
#define LOW_1(f) f, Y + f, f + 1, Y + f + 1, f + 2, Y + f + 2, f + 3, Y + f + 3, \
                 f + 4, Y + f + 4, f + 5, Y + f + 5, f + 6, Y + f + 6, f + 7, Y + f + 7
#define LOW_2(f) f, f + 1, Y + f, Y + f + 1, f + 2, f + 3, Y + f + 2, Y + f + 3, \
                 f + 4, f + 5, Y + f + 4, Y + f + 5, f + 6, f + 7, Y + f + 6, Y + f + 7
#define LOW_4(f) f, f + 1, f + 2, f + 3, Y + f, Y + f + 1, Y + f + 2, Y + f + 3, \
                 f + 4, f + 5, f + 6, f + 7, Y + f + 4, Y + f + 5, Y + f + 6, Y + f + 7
#define LOW_8(f) f, f + 1, f + 2, f + 3, f + 4, f + 5, f + 6, f + 7, \
                 Y + f, Y + f + 1, Y + f + 2, Y + f + 3, Y + f + 4, Y + f + 5, Y + f + 6, Y + f + 7
#if PLANE_BITS == 128
#define EVERY_16(unit, f) unit(f)
#elif PLANE_BITS == 256
#define EVERY_16(unit, f) unit(f), unit(16 + f)
#else
#define EVERY_16(unit, f) unit(f), unit(16 + f), unit(32 + f), unit(48 + f)
#endif
#define PLANE_ZIP(unit, a, b)                                                  \
    do {                                                                       \
        const plane_bytes x = (plane_bytes)(a), y = (plane_bytes)(b);          \
        a = (plane)__builtin_shufflevector(x, y, EVERY_16(unit, (0)));         \
        b = (plane)__builtin_shufflevector(x, y, EVERY_16(unit, (8)));         \
    } while (0)

/* In eight planes, eight apart: byte 8 r + j of each 16 of plane m becomes byte 8 r + m of plane j. */
PLANE_INLINE void exchange_bytes(plane *p)
{
    plane a = p[0], b = p[8], c = p[16], d = p[24], e = p[32], f = p[40], g = p[48], h = p[56];
    PLANE_ZIP(LOW_1, a, b); /* row 0 of planes 0, 1; row 1 of planes 0, 1 */
    PLANE_ZIP(LOW_1, c, d);
    PLANE_ZIP(LOW_1, e, f);
    PLANE_ZIP(LOW_1, g, h);
    PLANE_ZIP(LOW_2, a, c); /* row 0 of planes 0 .. 3: bytes 0 .. 3; bytes 4 .. 7 */
    PLANE_ZIP(LOW_2, e, g);
    PLANE_ZIP(LOW_2, b, d);
    PLANE_ZIP(LOW_2, f, h);
    PLANE_ZIP(LOW_4, a, e); /* row 0 of planes 0 .. 7: bytes 0, 1; bytes 2, 3 */
    PLANE_ZIP(LOW_4, c, g);
    PLANE_ZIP(LOW_4, b, f);
    PLANE_ZIP(LOW_4, d, h);
    PLANE_ZIP(LOW_8, a, b); /* both rows: byte 0; byte 1 */
    PLANE_ZIP(LOW_8, e, f);
    PLANE_ZIP(LOW_8, c, d);
    PLANE_ZIP(LOW_8, g, h);
    p[0] = a, p[8] = b, p[16] = e, p[24] = f, p[32] = c, p[40] = d, p[48] = g, p[56] = h;
}

#endif

/* Bits and bytes change places in independent steps, so each step undoes itself and their order does not matter. */
PLANE_FUNCTION void planes_of_rows(plane_block *block)
{
    for (int m = 0; m < 64; m += 8)
        exchange_bits(block->plane + m);
    for (int i = 0; i < 8; i++)
        exchange_bytes(block->plane + i);
}

PLANE_FUNCTION void rows_of_planes(plane_block *block)
{
    for (int j = 0; j < 64; j += 8)
        exchange_bits(block->plane + j);
    for (int i = 0; i < 8; i++)
        exchange_bytes(block->plane + i);
}

/* Bytes 0 .. 3 of each row only; the others are left undefined. */
PLANE_FUNCTION void left_rows_of_planes(plane_block *block)
{
    for (int j = 0; j < 32; j += 8)
        exchange_bits(block->plane + j);
    for (int i = 0; i < 8; i++)
        exchange_bytes(block->plane + i);
}

/* Rows from and to consecutive bytes, `count` of them; the others are zero. */
PLANE_INLINE void bytes_to_rows(plane_block *block, const uint8_t *data, size_t count)
{
    for (size_t row = 0; row < count; row++)
        block->word[row] = load_word(data + 8 * row);
    for (size_t row = count; row < LANES; row++)
        block->word[row] = 0;
}

PLANE_INLINE void rows_to_bytes(uint8_t *data, const plane_block *block, size_t count)
{
    for (size_t row = 0; row < count; row++)
        store_word(data + 8 * row, block->word[row]);
}

#endif
