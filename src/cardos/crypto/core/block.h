/* One face for the three block ciphers: an expanded key, and the modes of a single call. */
#ifndef CARDOS_BLOCK_H
#define CARDOS_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "des.h"
#include "sm4.h"
#include "wipe.h"

enum { BLOCK_MAX = 16, KEY_MAX = 16 };

/* An expanded key, and the kernel that made it: it stays right when another level is chosen.  The value is kept for planes,
 * which expand it their own way. */
struct cardos_key {
    int cipher;
    uint8_t value[KEY_MAX];
    const des_kernel *des;
    const sm4_kernel *sm4;
    union {
        des_schedule des;
        sm4_schedule sm4;
    } as;
};

typedef struct cardos_key block_key;

size_t block_size(int cipher);
size_t key_size(int cipher);

/* The kernels for single calls at the level in use. */
const des_kernel *des_kernel_in_use(void);
const sm4_kernel *sm4_kernel_in_use(void);

void block_expand(block_key *key, int cipher, const uint8_t *value);

/* One block; `in` and `out` may be the same. */
static inline void block_encrypt(const block_key *key, const uint8_t *in, uint8_t *out)
{
    if (key->cipher == CARDOS_SM4)
        key->sm4->ecb(&key->as.sm4, 0, in, 1, out);
    else
        key->des->ecb(&key->as.des, key->cipher == CARDOS_TDES ? 3 : 1, 0, in, 1, out);
}

/* `size` in bytes, whole blocks.  `block_mac` takes at least one, and gives the whole last block. */
void block_ecb(const block_key *key, int decrypt, const uint8_t *in, size_t size, uint8_t *out);
void block_cbc(const block_key *key, int decrypt, const uint8_t *iv, const uint8_t *in, size_t size, uint8_t *out);
void block_mac(const block_key *key, const uint8_t *iv, const uint8_t *in, size_t size, uint8_t *out);

#endif
