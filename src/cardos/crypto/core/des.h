/* DES and two-key TDES (FIPS 46-3, ISO/IEC 18033-3), a call at a time, in constant time.
 *
 * An S-box is four truth tables of 64 bits, which the secret index shifts; nothing is looked up at a secret address.
 */
#ifndef CARDOS_DES_H
#define CARDOS_DES_H

#include <stddef.h>
#include <stdint.h>

#include "x86.h"

/* Round keys in the order in which TDES enciphers: left key forwards, right key backwards, left key forwards.  Single DES
 * uses the first 16.  Each is eight bytes of 6 bits, the least significant one for S1, and is aligned for nothing. */
typedef struct {
    uint64_t round[48];
} des_schedule;

/* Passes of sixteen rounds: DES has one, TDES three.  The kernels of a level; each gives the same results.
 *
 * Sizes are in blocks of 8 bytes; `in` and `out` may be the same.  `mac` is CBC with `passes` up to the last block but one,
 * and `last_passes` for the last: 1 and 3 make the retail MAC, ISO/IEC 9797-1 MAC algorithm 3.  It takes at least one block. */
typedef struct {
    void (*expand)(des_schedule *key, const uint8_t *value, int passes);
    void (*ecb)(const des_schedule *key, int passes, int decrypt, const uint8_t *in, size_t blocks, uint8_t *out);
    void (*cbc_encrypt)(const des_schedule *key, int passes, const uint8_t iv[8], const uint8_t *in, size_t blocks,
                        uint8_t *out);
    void (*cbc_decrypt)(const des_schedule *key, int passes, const uint8_t iv[8], const uint8_t *in, size_t blocks,
                        uint8_t *out);
    void (*mac)(const des_schedule *key, int passes, int last_passes, const uint8_t iv[8], const uint8_t *in, size_t blocks,
                uint8_t out[8]);
} des_kernel;

extern const des_kernel DES_PORTABLE;
#ifdef CARDOS_X86_64
extern const des_kernel DES_AVX2;
#endif

#endif
