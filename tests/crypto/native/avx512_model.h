/* The instructions of plane_avx512.h in plain C, for machines without AVX-512. */
#ifndef AVX512_MODEL_H
#define AVX512_MODEL_H

#include "gfni_model.h"

#define PLANE_AFFINE(bytes, matrix, constant) ((plane)model_affine512((model_words)(bytes), (model_words)(matrix), constant))
#define PLANE_AFFINEINV(bytes, matrix, constant) \
    ((plane)model_affineinv512((model_words)(bytes), (model_words)(matrix), constant))

#define MODEL_TERM(a, b, c, table, row) \
    ((table) >> (row) & 1 ? ((row) & 4 ? (a) : ~(a)) & ((row) & 2 ? (b) : ~(b)) & ((row) & 1 ? (c) : ~(c)) : (a) ^ (a))
#define PLANE_LUT3(a, b, c, table)                                                                  \
    (MODEL_TERM(a, b, c, table, 0) | MODEL_TERM(a, b, c, table, 1) | MODEL_TERM(a, b, c, table, 2) | \
     MODEL_TERM(a, b, c, table, 3) | MODEL_TERM(a, b, c, table, 4) | MODEL_TERM(a, b, c, table, 5) | \
     MODEL_TERM(a, b, c, table, 6) | MODEL_TERM(a, b, c, table, 7))

typedef uint8_t model_bytes __attribute__((vector_size(64), may_alias));

static inline __attribute__((always_inline)) model_bytes model_pick(model_bytes low, model_bytes high, model_bytes index, int mask)
{
    model_bytes result = low;
    for (int i = 0; i < 64; i++)
        result[i] = (index[i] & mask) < 64 ? low[index[i] & 63] : high[index[i] & 63];
    return result;
}

#define PLANE_PICK(bytes, index) model_pick(bytes, bytes, index, 63)
#define PLANE_PICK2(low, high, index) model_pick(low, high, index, 127)

#endif
