/* SM4 on 128-bit registers with a borrowed S-box.  Included by sm4_aesni.c and sm4_gfni.c behind their definitions of
 *
 *   void round_parts(__m128i x, __m128i part[4]), void key_parts(...)
 *       the S-box and the linear layer: part[d] is what each byte adds to the byte d places behind it, in its own place
 *   __m128i into_place(__m128i sum, const __m128i part[4], int equal_columns)
 *       adds the parts to a sum, each moved to where it belongs
 *   __m128i to_state(__m128i), __m128i from_state(__m128i)
 *
 * and their tables (tools/sm4_tables.py).  Register w of a state has word w of four blocks, one in each column, with the bytes
 * as they lie in memory.  A single block stands in all four.
 */
typedef struct {
    __m128i word[4];
} state;

static inline __m128i load128(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void store128(void *p, __m128i x)
{
    _mm_storeu_si128((__m128i *)p, x);
}

static inline __m128i xor3(__m128i a, __m128i b, __m128i c)
{
    return _mm_xor_si128(_mm_xor_si128(a, b), c);
}

static inline __m128i round_key(const sm4_schedule *key, int i)
{
    return _mm_set1_epi32((int)key->round[i]);
}

/* The sum of the last three words and `key`: what goes into the S-box. */
static inline __m128i into_box(const state *x, __m128i key)
{
    return _mm_xor_si128(xor3(x->word[1], x->word[2], key), x->word[3]);
}

/* A round with its `input` to the S-box known; gives that of the next round, whose key is `key`, before anything else, since
 * the next round waits for it.  The new word moves in at the end. */
static inline __m128i one_round(state *x, __m128i input, __m128i key, int equal_columns,
                                void (*box)(__m128i x, __m128i part[4]))
{
    __m128i *w = x->word, part[4];
    __m128i others = xor3(w[2], w[3], key);
    __m128i early = _mm_xor_si128(others, w[0]);
    IN_THIS_ORDER(early);
    box(input, part);
    input = into_place(early, part, equal_columns);
    IN_THIS_ORDER(input);
    w[0] = w[1];
    w[1] = w[2];
    w[2] = w[3];
    w[3] = _mm_xor_si128(input, others);
    return input;
}

/* A block in all four columns. */
static inline state single(__m128i block)
{
    return (state){{_mm_shuffle_epi32(block, 0x00), _mm_shuffle_epi32(block, 0x55), _mm_shuffle_epi32(block, 0xAA),
                    _mm_shuffle_epi32(block, 0xFF)}};
}

/* The words come out in the reverse order, as the cipher wants them. */
static inline __m128i block_of_single(const state *x)
{
    return _mm_blend_epi32(_mm_blend_epi32(x->word[3], x->word[2], 2), _mm_blend_epi32(x->word[1], x->word[0], 8), 12);
}

static inline state transposed(__m128i a, __m128i b, __m128i c, __m128i d)
{
    __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
    __m128i ab2 = _mm_unpackhi_epi32(a, b), cd2 = _mm_unpackhi_epi32(c, d);
    return (state){{_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd), _mm_unpacklo_epi64(ab2, cd2),
                    _mm_unpackhi_epi64(ab2, cd2)}};
}

static inline void rounds(const sm4_schedule *key, int decrypt, int equal_columns, state *x)
{
    __m128i input = into_box(x, round_key(key, decrypt ? 31 : 0));
    for (int i = 1; i <= 32; i++)
        input = one_round(x, input, round_key(key, (decrypt ? 31 - i : i) & 31), equal_columns, round_parts);
}

static inline __m128i encrypt_single(const sm4_schedule *key, __m128i block)
{
    state x = single(block);
    rounds(key, 0, 1, &x);
    return block_of_single(&x);
}

static inline state key_state(const uint8_t value[16])
{
    return single(_mm_xor_si128(to_state(load128(value)), load128(SYSTEM_PARAMETER)));
}

static inline __m128i key_constant(int i)
{
    return _mm_set1_epi32((int)KEY_CONSTANT_OF_ROUND[i & 31]);
}

/* Round key `i` and the input for the next one. */
static inline __m128i next_key(sm4_schedule *key, state *k, __m128i input, int i)
{
    input = one_round(k, input, key_constant(i + 1), 1, key_parts);
    key->round[i] = (uint32_t)_mm_cvtsi128_si32(k->word[3]);
    return input;
}

static void expand(sm4_schedule *key, const uint8_t value[16])
{
    state k = key_state(value);
    __m128i input = into_box(&k, key_constant(0));
    for (int i = 0; i < 32; i++)
        input = next_key(key, &k, input, i);
}

/* expand() and the encryption of a block side by side: they wait for nothing of each other but round keys, which are made a
 * round ahead. */
static inline __m128i expand_and_encrypt(sm4_schedule *key, const uint8_t value[16], __m128i block)
{
    state k = key_state(value), x = single(block);
    __m128i key_input = next_key(key, &k, into_box(&k, key_constant(0)), 0), input = into_box(&x, k.word[3]);
    for (int i = 1; i < 32; i++) {
        key_input = next_key(key, &k, key_input, i);
        input = one_round(&x, input, k.word[3], 1, round_parts);
    }
    one_round(&x, input, input, 1, round_parts);
    return block_of_single(&x);
}

/* Up to four blocks. */
static inline void four_blocks(const sm4_schedule *key, int decrypt, const __m128i in[4], __m128i out[4])
{
    state x = transposed(to_state(in[0]), to_state(in[1]), to_state(in[2]), to_state(in[3]));
    rounds(key, decrypt, 0, &x);
    x = transposed(x.word[3], x.word[2], x.word[1], x.word[0]);
    for (int i = 0; i < 4; i++)
        out[i] = from_state(x.word[i]);
}

/* Blocks `from` .. of `in`, at most four; what is missing is 0. */
static inline size_t take(__m128i block[4], const uint8_t *in, size_t from, size_t blocks)
{
    size_t count = blocks - from < 4 ? blocks - from : 4;
    for (size_t i = 0; i < 4; i++)
        block[i] = i < count ? load128(in + 16 * (from + i)) : _mm_setzero_si128();
    return count;
}

static void ecb(const sm4_schedule *key, int decrypt, const uint8_t *in, size_t blocks, uint8_t *out)
{
    __m128i block[4];
    for (size_t at = 0; at < blocks; at += 4) {
        size_t count = take(block, in, at, blocks);
        four_blocks(key, decrypt, block, block);
        for (size_t i = 0; i < count; i++)
            store128(out + 16 * (at + i), block[i]);
    }
}

static void cbc_encrypt(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t *out)
{
    __m128i chain = to_state(load128(iv));
    for (size_t at = 0; at < blocks; at++) {
        chain = encrypt_single(key, _mm_xor_si128(chain, to_state(load128(in + 16 * at))));
        store128(out + 16 * at, from_state(chain));
    }
}

static void cbc_decrypt(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t *out)
{
    __m128i chain = load128(iv), given[4], plain[4];
    for (size_t at = 0; at < blocks; at += 4) {
        size_t count = take(given, in, at, blocks);
        four_blocks(key, 1, given, plain);
        for (size_t i = 0; i < count; i++) {
            store128(out + 16 * (at + i), _mm_xor_si128(plain[i], chain));
            chain = given[i];
        }
    }
}

static inline __m128i chained(const sm4_schedule *key, __m128i chain, const uint8_t *in, size_t from, size_t blocks)
{
    for (size_t at = from; at < blocks; at++)
        chain = encrypt_single(key, _mm_xor_si128(chain, to_state(load128(in + 16 * at))));
    return from_state(chain);
}

static void mac(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t out[16])
{
    store128(out, chained(key, to_state(load128(iv)), in, 0, blocks));
}

static void mac_once(const uint8_t value[16], const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t out[16])
{
    sm4_schedule key;
    __m128i first = to_state(_mm_xor_si128(load128(iv), load128(in)));
    __m128i chain = expand_and_encrypt(&key, value, first);
    store128(out, chained(&key, chain, in, 1, blocks));
    wipe(&key, sizeof key);
}
