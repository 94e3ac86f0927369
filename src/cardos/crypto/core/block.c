#include "block.h"

#include <string.h>

#include "dispatch.h"

/* The first level of dispatch.c at which a kernel may be used. */
enum { FROM_AVX2 = 2, FROM_AVX512 = 3 };

size_t block_size(int cipher)
{
    return cipher == CARDOS_SM4 ? 16 : 8;
}

size_t key_size(int cipher)
{
    return cipher == CARDOS_DES ? 8 : 16;
}

static int passes_of(const block_key *key)
{
    return key->cipher == CARDOS_TDES ? 3 : 1;
}

const des_kernel *des_kernel_in_use(void)
{
#ifdef CARDOS_X86_64
    if (cardos_level_in_use() >= FROM_AVX2)
        return &DES_AVX2;
#endif
    return &DES_PORTABLE;
}

const sm4_kernel *sm4_kernel_in_use(void)
{
#ifdef CARDOS_X86_64
    int level = cardos_level_in_use();
    if (level >= FROM_AVX512)
        return &SM4_GFNI;
    if (level >= FROM_AVX2 && has_aes())
        return &SM4_AESNI;
#endif
    return &SM4_PORTABLE;
}

void block_expand(block_key *key, int cipher, const uint8_t *value)
{
    key->cipher = cipher;
    memcpy(key->value, value, key_size(cipher));
    if (cipher == CARDOS_SM4) {
        key->sm4 = sm4_kernel_in_use();
        key->sm4->expand(&key->as.sm4, value);
    } else {
        key->des = des_kernel_in_use();
        key->des->expand(&key->as.des, value, passes_of(key));
    }
}

void block_ecb(const block_key *key, int decrypt, const uint8_t *in, size_t size, uint8_t *out)
{
    if (key->cipher == CARDOS_SM4)
        key->sm4->ecb(&key->as.sm4, decrypt, in, size / 16, out);
    else
        key->des->ecb(&key->as.des, passes_of(key), decrypt, in, size / 8, out);
}

void block_cbc(const block_key *key, int decrypt, const uint8_t *iv, const uint8_t *in, size_t size, uint8_t *out)
{
    if (key->cipher == CARDOS_SM4)
        (decrypt ? key->sm4->cbc_decrypt : key->sm4->cbc_encrypt)(&key->as.sm4, iv, in, size / 16, out);
    else
        (decrypt ? key->des->cbc_decrypt : key->des->cbc_encrypt)(&key->as.des, passes_of(key), iv, in, size / 8, out);
}

void block_mac(const block_key *key, const uint8_t *iv, const uint8_t *in, size_t size, uint8_t *out)
{
    if (key->cipher == CARDOS_SM4)
        key->sm4->mac(&key->as.sm4, iv, in, size / 16, out);
    else
        key->des->mac(&key->as.des, passes_of(key), passes_of(key), iv, in, size / 8, out);
}
