/* The two instructions of GFNI that the core uses, in plain C from their definition, for machines that have none. */
#ifndef GFNI_MODEL_H
#define GFNI_MODEL_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

static uint8_t model_product(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (; b; b >>= 1) {
        product ^= b & 1 ? a : 0;
        a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1B : 0));
    }
    return product;
}

static uint8_t model_inverse(uint8_t x)
{
    uint8_t result = 1;
    for (int i = 0; i < 254; i++)
        result = model_product(result, x);
    return result;
}

/* Bit i of the result is the parity of byte 7 - i of the matrix AND x, XOR bit i of the constant. */
static uint8_t model_affine(uint8_t x, uint64_t matrix, int constant)
{
    int result = constant;
    for (int i = 0; i < 8; i++)
        result ^= __builtin_parity((unsigned)(matrix >> 8 * (7 - i)) & x) << i;
    return (uint8_t)result;
}

/* `x` and `matrices` of `size` bytes; each 8 bytes have their own matrix. */
static void model_affine_bytes(void *x, const void *matrices, int size, int constant, int invert)
{
    static uint8_t inverse[256];
    uint8_t *byte = x;
    uint64_t matrix;
    for (int i = 0; !inverse[255] && i < 256; i++)
        inverse[i] = model_inverse((uint8_t)i);
    for (int i = 0; i < size; i++) {
        memcpy(&matrix, (const uint8_t *)matrices + i / 8 * 8, 8);
        byte[i] = model_affine(invert ? inverse[byte[i]] : byte[i], matrix, constant);
    }
}

#define MODEL_OF(type, function, invert)                          \
    static inline __attribute__((always_inline, unused)) type function(type x, type matrices, int constant) \
    {                                                             \
        model_affine_bytes(&x, &matrices, sizeof x, constant, invert); \
        return x;                                                 \
    }

typedef uint64_t model_words __attribute__((vector_size(64), may_alias));

MODEL_OF(__m128i, model_affine128, 0)
MODEL_OF(__m128i, model_affineinv128, 1)
MODEL_OF(model_words, model_affine512, 0)
MODEL_OF(model_words, model_affineinv512, 1)

#undef _mm_gf2p8affine_epi64_epi8
#undef _mm_gf2p8affineinv_epi64_epi8
#define _mm_gf2p8affine_epi64_epi8 model_affine128
#define _mm_gf2p8affineinv_epi64_epi8 model_affineinv128

#endif
