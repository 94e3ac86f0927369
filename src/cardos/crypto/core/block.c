#include "block.h"

#include "core.h"

size_t block_size(int cipher)
{
    return cipher == CARDOS_SM4 ? 16 : 8;
}

size_t key_size(int cipher)
{
    return cipher == CARDOS_DES ? 8 : 16;
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | p[i];
    return x;
}

static void store64(uint8_t *p, uint64_t x)
{
    for (int i = 7; i >= 0; i--, x >>= 8)
        p[i] = (uint8_t)x;
}

void block_expand(block_key *key, int cipher, const uint8_t *value)
{
    key->cipher = cipher;
    if (cipher == CARDOS_SM4) {
        sm4_expand(&key->as.sm4, value);
        return;
    }
    des_expand(&key->as.des[0], load64(value));
    if (cipher == CARDOS_TDES)
        des_expand(&key->as.des[1], load64(value + 8));
}

void block_encrypt(const block_key *key, const uint8_t *in, uint8_t *out)
{
    if (key->cipher == CARDOS_SM4) {
        sm4_encrypt(&key->as.sm4, in, out);
        return;
    }
    uint64_t block = des_encrypt(&key->as.des[0], load64(in));
    if (key->cipher == CARDOS_TDES)
        block = des_encrypt(&key->as.des[0], des_decrypt(&key->as.des[1], block));
    store64(out, block);
}

void block_decrypt(const block_key *key, const uint8_t *in, uint8_t *out)
{
    if (key->cipher == CARDOS_SM4) {
        sm4_decrypt(&key->as.sm4, in, out);
        return;
    }
    uint64_t block = des_decrypt(&key->as.des[0], load64(in));
    if (key->cipher == CARDOS_TDES)
        block = des_decrypt(&key->as.des[0], des_encrypt(&key->as.des[1], block));
    store64(out, block);
}

void wipe(void *memory, size_t size)
{
    volatile uint8_t *byte = memory;
    while (size--)
        *byte++ = 0;
}
