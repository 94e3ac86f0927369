/* The modes of DES on expanded halves.  Included by des_portable.c and des_avx2.c behind their definitions of
 *
 *   half                      a half block, R or L, expanded (tools/des_tables.py)
 *   HALF_XOR(a, b), HALF_IN_THIS_ORDER(a)
 *   half half_key(uint64_t)   a round key as a half
 *   half half_box(half)       the S-boxes and P, for a half that has the round key in it
 *   halves halves_of_block(const uint8_t *), void block_of_halves(halves, uint8_t *)    with IP and its inverse
 *   void expand_half_key(uint64_t round[16], const uint8_t key[8])
 *
 * A block stays behind its initial permutation for all passes and through a chain.
 */

/* Blocks that go through the rounds together, so that the processor works on one while it waits for another. */
enum { TOGETHER = 2 };

/* One pass of `count` blocks: sixteen rounds and the change of halves.  The round key goes into a half before the S-boxes'
 * result does, so that it is not on the longest path. */
static inline void one_pass(halves *h, int count, const uint64_t *key, ptrdiff_t step)
{
    half in[TOGETHER], early, box;
    for (int b = 0; b < count; b++)
        in[b] = HALF_XOR(h[b].right, half_key(key[0]));
    for (int i = 0; i < 8; i++) {
        for (int b = 0; b < count; b++) {
            early = HALF_XOR(h[b].left, half_key(key[step]));
            HALF_IN_THIS_ORDER(early);
            box = half_box(in[b]);
            in[b] = HALF_XOR(early, box);
            h[b].left = HALF_XOR(h[b].left, box);
        }
        key += 2 * step;
        for (int b = 0; b < count; b++) {
            early = HALF_XOR(h[b].right, half_key(i < 7 ? key[0] : 0));
            HALF_IN_THIS_ORDER(early);
            box = half_box(in[b]);
            in[b] = HALF_XOR(early, box);
            h[b].right = HALF_XOR(h[b].right, box);
        }
    }
    for (int b = 0; b < count; b++)
        h[b] = (halves){h[b].right, h[b].left};
}

static inline void encrypt_together(const des_schedule *key, int passes, halves *h, int count)
{
    for (int i = 0; i < passes; i++)
        one_pass(h, count, key->round + 16 * i, 1);
}

/* All rounds backwards. */
static inline void decrypt_together(const des_schedule *key, int passes, halves *h, int count)
{
    for (int i = passes; i > 0; i--)
        one_pass(h, count, key->round + 16 * i - 1, -1);
}

static inline halves encrypt_halves(const des_schedule *key, int passes, halves h)
{
    encrypt_together(key, passes, &h, 1);
    return h;
}

static inline halves decrypt_halves(const des_schedule *key, int passes, halves h)
{
    decrypt_together(key, passes, &h, 1);
    return h;
}

static inline halves xor_halves(halves a, halves b)
{
    return (halves){HALF_XOR(a.left, b.left), HALF_XOR(a.right, b.right)};
}

static void expand(des_schedule *key, const uint8_t *value, int passes)
{
    expand_half_key(key->round, value);
    if (passes == 1)
        return;
    uint64_t right[16];
    expand_half_key(right, value + 8);
    for (int i = 0; i < 16; i++) {
        key->round[16 + i] = right[15 - i];
        key->round[32 + i] = key->round[i];
    }
    wipe(right, sizeof right);
}

static inline void ecb_together(const des_schedule *key, int passes, int decrypt, const uint8_t *in, int count, uint8_t *out)
{
    halves h[TOGETHER];
    for (int b = 0; b < count; b++)
        h[b] = halves_of_block(in + 8 * b);
    if (decrypt)
        decrypt_together(key, passes, h, count);
    else
        encrypt_together(key, passes, h, count);
    for (int b = 0; b < count; b++)
        block_of_halves(h[b], out + 8 * b);
}

static void ecb(const des_schedule *key, int passes, int decrypt, const uint8_t *in, size_t blocks, uint8_t *out)
{
    for (; blocks >= TOGETHER; blocks -= TOGETHER, in += 8 * TOGETHER, out += 8 * TOGETHER)
        ecb_together(key, passes, decrypt, in, TOGETHER, out);
    for (; blocks; blocks--, in += 8, out += 8)
        ecb_together(key, passes, decrypt, in, 1, out);
}

static void cbc_encrypt(const des_schedule *key, int passes, const uint8_t iv[8], const uint8_t *in, size_t blocks,
                        uint8_t *out)
{
    halves chain = halves_of_block(iv);
    for (size_t i = 0; i < blocks; i++) {
        chain = encrypt_halves(key, passes, xor_halves(chain, halves_of_block(in + 8 * i)));
        block_of_halves(chain, out + 8 * i);
    }
}

static void cbc_decrypt(const des_schedule *key, int passes, const uint8_t iv[8], const uint8_t *in, size_t blocks,
                        uint8_t *out)
{
    halves chain = halves_of_block(iv);
    for (size_t i = 0; i < blocks; i++) {
        halves given = halves_of_block(in + 8 * i);
        block_of_halves(xor_halves(decrypt_halves(key, passes, given), chain), out + 8 * i);
        chain = given;
    }
}

static void mac(const des_schedule *key, int passes, int last_passes, const uint8_t iv[8], const uint8_t *in, size_t blocks,
                uint8_t out[8])
{
    halves chain = halves_of_block(iv);
    for (size_t i = 0; i < blocks; i++) {
        int now = i + 1 < blocks ? passes : last_passes;
        chain = encrypt_halves(key, now, xor_halves(chain, halves_of_block(in + 8 * i)));
    }
    block_of_halves(chain, out);
}
