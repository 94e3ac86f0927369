/* DES in plain C: for each output bit of an S-box a truth table, rotated by the secret index until the bit lies where P
 * wants it.  Constant-time where a rotation by a variable count is, as on every 64-bit processor in use. */
#include "des.h"

#include "wipe.h"

#include "des_portable_tables.h"

typedef uint64_t half;

typedef struct {
    half left, right;
} halves;

#define HALF_XOR(a, b) ((a) ^ (b))
#define HALF_IN_THIS_ORDER(a) (void)(a)

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << (n & 63) | x >> (-n & 63);
}

static inline half half_key(uint64_t key)
{
    return key;
}

/* The outer bits of each index are the inner ones of its neighbours. */
static inline half with_neighbours(half inner)
{
    return inner | rotl(inner & 0x1010101010101010, 52) | rotl(inner & 0x0202020202020202, 12);
}

static inline half half_box(half in)
{
    half inner = 0;
    for (int box = 0; box < 8; box++) {
        unsigned index = (unsigned)(in >> 8 * box);
        for (int bit = 0; bit < 4; bit++)
            inner |= rotl(TRUTH[box][bit], index) & PLACE[box][bit];
    }
    return with_neighbours(inner);
}

static inline uint64_t load(const uint8_t *p)
{
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | p[i];
    return x;
}

/* Exchange the bits of `word` selected by `mask` with those `shift` places above them. */
static inline uint64_t exchange(uint64_t word, uint64_t mask, int shift)
{
    uint64_t difference = (word >> shift ^ word) & mask;
    return word ^ difference ^ difference << shift;
}

/* The eight nibbles of a half, the leftmost first, to the bytes of a word, the least significant first. */
static inline half expanded(uint64_t r)
{
    r = (r & 0x0F0F0F0F) << 4 | (r >> 4 & 0x0F0F0F0F);
    r = (r & 0x00FF00FF) << 8 | (r >> 8 & 0x00FF00FF);
    r = (r & 0x0000FFFF) << 32 | r >> 16;
    r = (r | r << 8) & 0x00FF00FF00FF00FF;
    r = (r | r << 4) & 0x0F0F0F0F0F0F0F0F;
    return with_neighbours(r << 1);
}

static inline uint64_t contracted(half expanded)
{
    uint64_t r = expanded >> 1 & 0x0F0F0F0F0F0F0F0F;
    r = (r | r >> 4) & 0x00FF00FF00FF00FF;
    r = r | r >> 8;
    r = (r & 0xFFFF) << 16 | (r >> 32 & 0xFFFF);
    r = (r & 0x00FF00FF) << 8 | (r >> 8 & 0x00FF00FF);
    return (r & 0x0F0F0F0F) << 4 | (r >> 4 & 0x0F0F0F0F);
}

/* IP is five exchanges; each one is its own inverse, so the reverse order is the inverse permutation. */
static inline halves halves_of_block(const uint8_t *p)
{
    uint64_t block = load(p);
    block = exchange(block, 0x000000000F0F0F0F, 36);
    block = exchange(block, 0x000000000000FFFF, 48);
    block = exchange(block, 0x00000000CCCCCCCC, 30);
    block = exchange(block, 0x00000000FF00FF00, 24);
    block = exchange(block, 0x0000000055555555, 33);
    return (halves){expanded(block >> 32), expanded(block & 0xFFFFFFFF)};
}

static inline void block_of_halves(halves h, uint8_t *p)
{
    uint64_t block = contracted(h.left) << 32 | contracted(h.right);
    block = exchange(block, 0x0000000055555555, 33);
    block = exchange(block, 0x00000000FF00FF00, 24);
    block = exchange(block, 0x00000000CCCCCCCC, 30);
    block = exchange(block, 0x000000000000FFFF, 48);
    block = exchange(block, 0x000000000F0F0F0F, 36);
    for (int i = 7; i >= 0; i--, block >>= 8)
        p[i] = (uint8_t)block;
}

/* The key schedule is linear: each key bit, as a mask, brings its column of the sixteen round keys. */
static void expand_half_key(uint64_t round[16], const uint8_t value[8])
{
    const uint64_t key = load(value);
    const uint64_t(*column)[16] = KEY_COLUMN;
    uint64_t sum[16] = {0}; /* not `round` itself, which would be stored to each time */
    for (int byte = 56; byte >= 0; byte -= 8)
        for (int bit = 7; bit > 0; bit--, column++) { /* bit 0 is parity */
            const uint64_t mask = (uint64_t)0 - (key >> (byte + bit) & 1);
            for (int i = 0; i < 16; i++)
                sum[i] ^= mask & (*column)[i];
        }
    for (int i = 0; i < 16; i++)
        round[i] = sum[i];
}

#include "des_kernel.h"

const des_kernel DES_PORTABLE = {expand, ecb, cbc_encrypt, cbc_decrypt, mac};
