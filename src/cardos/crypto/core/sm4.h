/* SM4 (GB/T 32907), a call at a time, in constant time. */
#ifndef CARDOS_SM4_H
#define CARDOS_SM4_H

#include <stddef.h>
#include <stdint.h>

#include "x86.h"

/* Round keys in the form of the kernel that made them. */
typedef struct {
    uint32_t round[32];
} sm4_schedule;

/* The kernels of a level; each gives the same results.  Sizes are in blocks of 16 bytes; `in` and `out` may be the same.
 *
 * `mac` is the last block of CBC; `mac_once` expands the key beside the first block, for a key that is used once.  Both take at
 * least one block. */
typedef struct {
    void (*expand)(sm4_schedule *key, const uint8_t value[16]);
    void (*ecb)(const sm4_schedule *key, int decrypt, const uint8_t *in, size_t blocks, uint8_t *out);
    void (*cbc_encrypt)(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t *out);
    void (*cbc_decrypt)(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t *out);
    void (*mac)(const sm4_schedule *key, const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t out[16]);
    void (*mac_once)(const uint8_t value[16], const uint8_t iv[16], const uint8_t *in, size_t blocks, uint8_t out[16]);
} sm4_kernel;

extern const sm4_kernel SM4_PORTABLE;
#ifdef CARDOS_X86_64
extern const sm4_kernel SM4_AESNI, SM4_GFNI;
#endif

#endif
