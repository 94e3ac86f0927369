#include <string.h>

#include "block.h"
#include "core.h"

static void xor_into(uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] ^= from[i];
}

void cardos_ecb(int cipher, int decrypt, const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out)
{
    block_key expanded;
    size_t step = block_size(cipher);
    block_expand(&expanded, cipher, key);
    for (size_t i = 0; i < size; i += step)
        (decrypt ? block_decrypt : block_encrypt)(&expanded, data + i, out + i);
    wipe(&expanded, sizeof expanded);
}

void cardos_cbc(int cipher, int decrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size,
                uint8_t *out)
{
    block_key expanded;
    uint8_t chain[BLOCK_MAX], block[BLOCK_MAX];
    size_t step = block_size(cipher);
    block_expand(&expanded, cipher, key);
    memcpy(chain, iv, step);
    for (size_t i = 0; i < size; i += step) {
        memcpy(block, data + i, step);
        if (decrypt) {
            block_decrypt(&expanded, block, out + i);
            xor_into(out + i, chain, step);
            memcpy(chain, block, step);
        } else {
            xor_into(chain, block, step);
            block_encrypt(&expanded, chain, chain);
            memcpy(out + i, chain, step);
        }
    }
    wipe(&expanded, sizeof expanded);
    wipe(chain, sizeof chain);
    wipe(block, sizeof block);
}

void cardos_cbc_mac(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    block_key expanded;
    size_t step = block_size(cipher);
    block_expand(&expanded, cipher, key);
    memcpy(out, iv, step);
    for (size_t i = 0; i < size; i += step) {
        xor_into(out, data + i, step);
        block_encrypt(&expanded, out, out);
    }
    wipe(&expanded, sizeof expanded);
}

void cardos_retail_mac(const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    cardos_cbc_mac(CARDOS_DES, key, iv, data, size, out);
    cardos_ecb(CARDOS_DES, 1, key + 8, out, 8, out);
    cardos_ecb(CARDOS_DES, 0, key, out, 8, out);
}
