/* DES with AVX2: the shift-table kernel.  Each lane of 64 bits has the whole expanded half in it; a shuffle brings each lane
 * the index of its own S-box, four truth tables are shifted by four indexes at once, and the bit that comes to the top selects
 * the places where P and E want it. */
#include "des.h"

#ifdef CARDOS_X86_64

#include "wipe.h"

TARGET_BEGIN("avx2")

#define ALIGNED _Alignas(32)
#include "des_avx2_tables.h"

typedef __m256i half;

typedef struct {
    half left, right;
} halves;

#define HALF_XOR(a, b) _mm256_xor_si256(a, b)
#define HALF_IN_THIS_ORDER(a) IN_THIS_ORDER(a)

static inline half load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline half half_key(uint64_t key)
{
    return _mm256_set1_epi64x((long long)key);
}

/* Output bit of four S-boxes: a shift, and the choice between the places and nothing by the highest bit. */
static inline half output_bit(int i, half index)
{
    __m256d top = _mm256_castsi256_pd(_mm256_sllv_epi64(load(TRUTH[i]), index));
    return _mm256_castpd_si256(_mm256_blendv_pd(_mm256_setzero_pd(), _mm256_castsi256_pd(load(PLACES[i])), top));
}

static inline half four_boxes(int first, half index)
{
    return _mm256_or_si256(_mm256_or_si256(output_bit(first, index), output_bit(first + 1, index)),
                           _mm256_or_si256(output_bit(first + 2, index), output_bit(first + 3, index)));
}

static inline half half_box(half in)
{
    const half low = _mm256_set_epi64x((long long)0x8080808080808003, (long long)0x8080808080808002,
                                       (long long)0x8080808080808001, (long long)0x8080808080808000);
    const half high = _mm256_set_epi64x((long long)0x8080808080808007, (long long)0x8080808080808006,
                                        (long long)0x8080808080808005, (long long)0x8080808080808004);
    half out = _mm256_or_si256(four_boxes(0, _mm256_shuffle_epi8(in, low)), four_boxes(4, _mm256_shuffle_epi8(in, high)));
    out = _mm256_or_si256(out, _mm256_permute2x128_si256(out, out, 1));
    return _mm256_or_si256(out, _mm256_shuffle_epi32(out, 0x4E));
}

/* Bit i of the result: whether byte[i] of `in`, of which both 128-bit lanes are the same, has the bit mask[i]. */
static inline uint32_t gathered(half in, const uint8_t *byte, const uint8_t *mask)
{
    half bit = load(mask);
    half chosen = _mm256_and_si256(_mm256_shuffle_epi8(in, load(byte)), bit);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(chosen, bit));
}

static inline uint64_t gathered64(half in, const uint8_t *byte, const uint8_t *mask)
{
    return (uint64_t)gathered(in, byte + 32, mask + 32) << 32 | gathered(in, byte, mask);
}

static inline halves halves_of_block(const uint8_t *p)
{
    long long block;
    memcpy(&block, p, 8);
    half in = _mm256_set1_epi64x(block);
    return (halves){half_key(gathered64(in, INITIAL_BYTE[0], INITIAL_MASK[0])),
                    half_key(gathered64(in, INITIAL_BYTE[1], INITIAL_MASK[1]))};
}

static inline void block_of_halves(halves h, uint8_t *p)
{
    uint64_t block = gathered64(_mm256_unpacklo_epi64(h.left, h.right), FINAL_BYTE, FINAL_MASK);
    memcpy(p, &block, 8);
}

/* C as bytes of 0 or 255 in two vectors, D in two more; a round key is a choice among them. */
static void expand_half_key(uint64_t round[16], const uint8_t value[8])
{
    long long key;
    half bits[4];
    memcpy(&key, value, 8);
    for (int i = 0; i < 4; i++) {
        __m128i mask = _mm_load_si128((const __m128i *)KEY_MASK[i]);
        __m128i byte = _mm_shuffle_epi8(_mm_set1_epi64x(key), _mm_load_si128((const __m128i *)KEY_BYTE[i]));
        bits[i] = _mm256_broadcastsi128_si256(_mm_cmpeq_epi8(_mm_and_si128(byte, mask), mask));
    }
    for (int i = 0; i < 16; i++) {
        half chosen[4];
        for (int j = 0; j < 4; j++)
            chosen[j] = _mm256_shuffle_epi8(bits[j], load(KEY_CHOICE[i][j]));
        uint32_t c = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(chosen[0], chosen[1]));
        uint32_t d = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(chosen[2], chosen[3]));
        round[i] = (uint64_t)d << 32 | c;
    }
}

#include "des_kernel.h"

const des_kernel DES_AVX2 = {expand, ecb, cbc_encrypt, cbc_decrypt, mac};

TARGET_END

#endif
