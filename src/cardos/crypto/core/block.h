/* One face for the three block ciphers: an expanded key, and the block operation. */
#ifndef CARDOS_BLOCK_H
#define CARDOS_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "des.h"
#include "sm4.h"

enum { BLOCK_MAX = 16, KEY_MAX = 16 };

typedef struct {
    int cipher;
    union {
        des_schedule des[2]; /* one, or left and right of a two-key TDES key */
        sm4_schedule sm4;
    } as;
} block_key;

size_t block_size(int cipher);
size_t key_size(int cipher);
void block_expand(block_key *key, int cipher, const uint8_t *value);
void block_encrypt(const block_key *key, const uint8_t *in, uint8_t *out);
void block_decrypt(const block_key *key, const uint8_t *in, uint8_t *out);

/* Overwrite a secret that is no longer needed; the compiler may not leave it out. */
void wipe(void *memory, size_t size);

#endif
