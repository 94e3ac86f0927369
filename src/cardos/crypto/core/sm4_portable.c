/* SM4 in plain C: the S-box is a circuit of gates, which works on the bytes of two words at a time. */
#include "sm4.h"

#include <string.h>

#include "wipe.h"

typedef uint64_t plane;
#define ANDNOT(a, b) ((a) & ~(b))
#include "circuits_sm4.h"

static const uint32_t FK[4] = {0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC};

/* Four words of two blocks: of one in the lower halves, of another in the upper halves. */
typedef struct {
    uint64_t word[4];
} state;

static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

static inline uint64_t exchange(uint64_t x, uint64_t mask, int shift)
{
    uint64_t difference = (x >> shift ^ x) & mask;
    return x ^ difference ^ difference << shift;
}

/* Bit i of byte j becomes bit j of byte i. */
static inline uint64_t transpose(uint64_t x)
{
    x = exchange(x, 0x00AA00AA00AA00AA, 7);
    x = exchange(x, 0x0000CCCC0000CCCC, 14);
    return exchange(x, 0x00000000F0F0F0F0, 28);
}

static inline uint64_t substitute(uint64_t x)
{
    plane bit[8];
    x = transpose(x);
    for (int i = 0; i < 8; i++)
        bit[i] = x >> 8 * i;
    sm4_sbox(bit, bit);
    x = 0;
    for (int i = 0; i < 8; i++)
        x |= (bit[i] & 255) << 8 * i;
    return transpose(x);
}

static inline uint32_t rotl(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static inline uint32_t round_layer(uint32_t b)
{
    return b ^ rotl(b, 2) ^ rotl(b, 10) ^ rotl(b, 18) ^ rotl(b, 24);
}

static inline uint32_t key_layer(uint32_t b)
{
    return b ^ rotl(b, 13) ^ rotl(b, 23);
}

static inline uint64_t both(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

/* Byte j of the constant of round i is (4 i + j) * 7 mod 256. */
static inline uint32_t round_constant(uint32_t i)
{
    uint32_t ck = 0;
    for (uint32_t j = 0; j < 4; j++)
        ck = ck << 8 | ((4 * i + j) * 7 & 255);
    return ck;
}

static inline uint64_t others(const state *x, uint32_t i)
{
    return x->word[(i + 1) & 3] ^ x->word[(i + 2) & 3] ^ x->word[(i + 3) & 3];
}

static void load_block(state *x, const uint8_t *in, int shift)
{
    for (int i = 0; i < 4; i++)
        x->word[i] |= (uint64_t)load32(in + 4 * i) << shift;
}

static void store_block(const state *x, uint8_t *out, int shift)
{
    for (int i = 0; i < 4; i++)
        store32(out + 4 * i, (uint32_t)(x->word[3 - i] >> shift));
}

/* The key and a block, in the lower and the upper halves: the block is one round behind, and has no round key yet in the first.
 * So that is wasted, and the last one works on the block alone. */
static void expand_and_encrypt(sm4_schedule *key, const uint8_t value[16], state *x)
{
    state k = {{0}};
    load_block(&k, value, 0);
    for (int i = 0; i < 4; i++)
        k.word[i] ^= FK[i];
    for (uint32_t i = 0; i <= 32; i++) {
        uint32_t before = i ? key->round[i - 1] : 0, at = (i + 3) & 3; /* i - 1 */
        uint64_t b = substitute(both((uint32_t)others(&k, i) ^ round_constant(i), (uint32_t)others(x, at) ^ before));
        if (i)
            x->word[at] ^= round_layer((uint32_t)(b >> 32));
        if (i < 32) {
            k.word[i & 3] ^= key_layer((uint32_t)b);
            key->round[i] = (uint32_t)k.word[i & 3];
        }
    }
    wipe(&k, sizeof k);
}

static void rounds(const sm4_schedule *key, int decrypt, state *x)
{
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t round = key->round[decrypt ? 31 - i : i];
        uint64_t b = substitute(others(x, i) ^ both(round, round));
        x->word[i & 3] ^= both(round_layer((uint32_t)b), round_layer((uint32_t)(b >> 32)));
    }
}

static void expand(sm4_schedule *key, const uint8_t value[16])
{
    state nothing = {{0}};
    expand_and_encrypt(key, value, &nothing);
    wipe(&nothing, sizeof nothing);
}

/* Two blocks at a time; the second of the last pair may be missing. */
static void ecb(const sm4_schedule *key, int decrypt, const uint8_t *in, size_t blocks, uint8_t *out)
{
    state x;
    for (size_t at = 0; at < blocks; at += 2) {
        memset(&x, 0, sizeof x);
        load_block(&x, in + 16 * at, 0);
        if (at + 1 < blocks)
            load_block(&x, in + 16 * (at + 1), 32);
        rounds(key, decrypt, &x);
        store_block(&x, out + 16 * at, 0);
        if (at + 1 < blocks)
            store_block(&x, out + 16 * (at + 1), 32);
    }
    wipe(&x, sizeof x);
}

static void xor_block(uint8_t *to, const uint8_t *from)
{
    for (int i = 0; i < 16; i++)
        to[i] ^= from[i];
}

static void cbc_encrypt(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t *out)
{
    uint8_t chain[16];
    memcpy(chain, iv, 16);
    for (size_t at = 0; at < blocks; at++) {
        xor_block(chain, in + 16 * at);
        ecb(key, 0, chain, 1, chain);
        memcpy(out + 16 * at, chain, 16);
    }
}

static void cbc_decrypt(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t *out)
{
    uint8_t chain[16], given[32], plain[32];
    memcpy(chain, iv, 16);
    for (size_t at = 0; at < blocks; at += 2) {
        size_t count = blocks - at < 2 ? blocks - at : 2;
        memcpy(given, in + 16 * at, 16 * count);
        ecb(key, 1, given, count, plain);
        for (size_t i = 0; i < count; i++) {
            xor_block(plain + 16 * i, chain);
            memcpy(chain, given + 16 * i, 16);
        }
        memcpy(out + 16 * at, plain, 16 * count);
    }
    wipe(plain, sizeof plain);
}

static void chain_blocks(const sm4_schedule *key, uint8_t chain[16], const uint8_t *in, size_t from, size_t blocks)
{
    for (size_t at = from; at < blocks; at++) {
        xor_block(chain, in + 16 * at);
        ecb(key, 0, chain, 1, chain);
    }
}

static void mac(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t out[16])
{
    uint8_t chain[16];
    memcpy(chain, iv, 16);
    chain_blocks(key, chain, in, 0, blocks);
    memcpy(out, chain, 16);
}

static void mac_once(const uint8_t value[16], const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t out[16])
{
    sm4_schedule key;
    state x = {{0}};
    uint8_t chain[16];
    memcpy(chain, iv, 16);
    xor_block(chain, in);
    load_block(&x, chain, 0);
    expand_and_encrypt(&key, value, &x);
    store_block(&x, chain, 0);
    chain_blocks(&key, chain, in, 1, blocks);
    memcpy(out, chain, 16);
    wipe(&key, sizeof key);
    wipe(&x, sizeof x);
}

const sm4_kernel SM4_PORTABLE = {expand, ecb, cbc_encrypt, cbc_decrypt, mac, mac_once};
