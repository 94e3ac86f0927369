/* SM4 (GB/T 32907). */
#ifndef CARDOS_SM4_H
#define CARDOS_SM4_H

#include <stdint.h>

typedef struct {
    uint32_t round[32];
} sm4_schedule;

void sm4_expand(sm4_schedule *schedule, const uint8_t key[16]);
void sm4_encrypt(const sm4_schedule *schedule, const uint8_t in[16], uint8_t out[16]);
void sm4_decrypt(const sm4_schedule *schedule, const uint8_t in[16], uint8_t out[16]);

#endif
