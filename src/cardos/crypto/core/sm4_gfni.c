/* SM4 with GFNI: the inversion of the S-box and each part of the linear layer are one instruction. */
#include "sm4.h"

#ifdef CARDOS_X86_64

#include "wipe.h"

#ifdef GFNI_MODEL /* tests run this file on machines without GFNI, with the two instructions in plain C */
TARGET_BEGIN("avx2")
#include GFNI_MODEL
#else
TARGET_BEGIN("avx2,gfni")
#endif

#include "sm4_gfni_tables.h"

static inline __m128i matrix(uint64_t m)
{
    return _mm_set1_epi64x((long long)m);
}

static inline void round_parts(__m128i x, __m128i part[4])
{
    part[0] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(ROUND_PART[0]), ROUND_CONSTANT);
    part[1] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(ROUND_PART[1]), 0);
    part[2] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(ROUND_PART[2]), 0);
    part[3] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(ROUND_PART[3]), 0);
}

static inline void key_parts(__m128i x, __m128i part[4])
{
    part[0] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(KEY_PART[0]), KEY_CONSTANT);
    part[1] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(KEY_PART[1]), 0);
    part[2] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(KEY_PART[2]), 0);
    part[3] = _mm_gf2p8affineinv_epi64_epi8(x, matrix(KEY_PART[3]), 0);
}

static inline __m128i into_place(__m128i sum, const __m128i part[4], int equal_columns)
{
    const __m128i by1 = _mm_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
    const __m128i by2 = _mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    const __m128i by3 = _mm_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
    (void)equal_columns;
    sum = _mm_xor_si128(_mm_xor_si128(sum, part[0]), _mm_shuffle_epi8(part[1], by1));
    IN_THIS_ORDER(sum);
    return _mm_xor_si128(sum, _mm_xor_si128(_mm_shuffle_epi8(part[2], by2), _mm_shuffle_epi8(part[3], by3)));
}

static inline __m128i to_state(__m128i x)
{
    return _mm_gf2p8affine_epi64_epi8(x, matrix(TO_STATE), 0);
}

static inline __m128i from_state(__m128i x)
{
    return _mm_gf2p8affine_epi64_epi8(x, matrix(FROM_STATE), 0);
}

#include "sm4_x86.h"

const sm4_kernel SM4_GFNI = {expand, ecb, cbc_encrypt, cbc_decrypt, mac, mac_once};

TARGET_END

#endif
