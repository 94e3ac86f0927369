/* SM4 with the S-box of AES-NI.  AESENCLAST is that S-box, and a shift of rows which into_place() takes back; matrices are
 * shuffles of two nibbles.  Nothing is looked up in memory. */
#include "sm4.h"

#ifdef CARDOS_X86_64

#include "wipe.h"

TARGET_BEGIN("avx2,aes")

#include "sm4_aesni_tables.h"

static inline __m128i table(const uint8_t t[16])
{
    return _mm_load_si128((const __m128i *)t);
}

static inline void nibbles(__m128i x, __m128i *low, __m128i *high)
{
    const __m128i mask = _mm_set1_epi8(15);
    *low = _mm_and_si128(x, mask);
    *high = _mm_and_si128(_mm_srli_epi32(x, 4), mask);
}

static inline __m128i affine(const uint8_t t[2][16], __m128i x)
{
    __m128i low, high;
    nibbles(x, &low, &high);
    return _mm_xor_si128(_mm_shuffle_epi8(table(t[0]), low), _mm_shuffle_epi8(table(t[1]), high));
}

static inline void parts(const uint8_t t[8][16], __m128i x, __m128i part[4])
{
    __m128i low, high;
    nibbles(_mm_aesenclast_si128(x, _mm_setzero_si128()), &low, &high);
    for (int d = 0; d < 4; d++)
        part[d] = _mm_xor_si128(_mm_shuffle_epi8(table(t[2 * d]), low), _mm_shuffle_epi8(table(t[2 * d + 1]), high));
}

static inline void round_parts(__m128i x, __m128i part[4])
{
    parts(ROUND_PART, x, part);
}

static inline void key_parts(__m128i x, __m128i part[4])
{
    parts(KEY_PART, x, part);
}

/* Byte i of a column was taken by the shift of rows from i columns further, which does not show where all columns are equal;
 * part d belongs d bytes behind. */
static inline __m128i into_place(__m128i sum, const __m128i part[4], int equal_columns)
{
    const __m128i back0 = _mm_setr_epi8(0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);
    const __m128i back1 = _mm_setr_epi8(7, 0, 13, 10, 11, 4, 1, 14, 15, 8, 5, 2, 3, 12, 9, 6);
    const __m128i back2 = _mm_setr_epi8(10, 7, 0, 13, 14, 11, 4, 1, 2, 15, 8, 5, 6, 3, 12, 9);
    const __m128i back3 = _mm_setr_epi8(13, 10, 7, 0, 1, 14, 11, 4, 5, 2, 15, 8, 9, 6, 3, 12);
    sum = _mm_xor_si128(sum, equal_columns ? part[0] : _mm_shuffle_epi8(part[0], back0));
    sum = _mm_xor_si128(sum, _mm_shuffle_epi8(part[1], back1));
    IN_THIS_ORDER(sum);
    return _mm_xor_si128(sum, _mm_xor_si128(_mm_shuffle_epi8(part[2], back2), _mm_shuffle_epi8(part[3], back3)));
}

static inline __m128i to_state(__m128i x)
{
    return affine(TO_STATE, x);
}

static inline __m128i from_state(__m128i x)
{
    return affine(FROM_STATE, x);
}

#include "sm4_x86.h"

const sm4_kernel SM4_AESNI = {expand, ecb, cbc_encrypt, cbc_decrypt, mac, mac_once};

TARGET_END

#endif
