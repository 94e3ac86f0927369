/* DES (FIPS 46-3, ISO/IEC 18033-3) on blocks held as big-endian 64-bit numbers. */
#ifndef CARDOS_DES_H
#define CARDOS_DES_H

#include <stdint.h>

/* Sixteen round keys, each as eight groups of 6 bits, one per S-box. */
typedef struct {
    uint8_t round[16][8];
} des_schedule;

void des_expand(des_schedule *schedule, uint64_t key);
uint64_t des_encrypt(const des_schedule *schedule, uint64_t block);
uint64_t des_decrypt(const des_schedule *schedule, uint64_t block);

#endif
