/* Known answers of the core without Python, at every level of the machine: for foreign processors, whose sweep of columns
 * (tests/crypto/native/sweep.c) compares the core only with itself.  Prints the name of each level that ran.
 *
 * Answers: FIPS 81, ISO/IEC 9797-1 annex B, GB/T 32907 annex A, the check value of a common test key, and the TAC of a load on
 * a card, as an engineer published it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum { ROWS = 1100 }; /* more than two steps of the widest level */

static const uint8_t KEY[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10};
static const uint8_t CARD_KEY[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
static const uint8_t ZERO[8];
static const uint8_t NOW[] = "Now is the time for all ";
/* Balance, online serial, amount, type, terminal, date, time. */
static const uint8_t LOAD[24] = {0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x02, 0x00,
                                 0x11, 0x22, 0x33, 0x44, 0x55, 0x20, 0x16, 0x12, 0x16, 0x10, 0x58, 0x00};
static const uint8_t TAC[4] = {0xFA, 0x00, 0x06, 0x6D};

static int level;

static void expect(const char *what, const uint8_t *expected, const uint8_t *found, size_t size)
{
    if (memcmp(expected, found, size) == 0)
        return;
    printf("%s is wrong at level %s\n", what, cardos_level_name(level));
    exit(1);
}

static void check_calls(void)
{
    static const uint8_t des[8] = {0x3F, 0xA4, 0x0E, 0x8A, 0x98, 0x4D, 0x48, 0x15};
    static const uint8_t check_value[3] = {0x08, 0xD7, 0xB4};
    static const uint8_t alg1[4] = {0x10, 0xE1, 0xF0, 0xF1}, alg3[4] = {0xE9, 0x08, 0x62, 0x30};
    static const uint8_t sm4[16] = {0x68, 0x1E, 0xDF, 0x34, 0xD2, 0x06, 0x96, 0x5E,
                                    0x86, 0xB3, 0xE9, 0x4F, 0x53, 0x6E, 0x42, 0x46};
    uint8_t out[16];
    cardos_ecb(CARDOS_DES, 0, KEY, NOW, 8, out);
    expect("DES", des, out, 8);
    cardos_ecb(CARDOS_DES, 1, KEY, des, 8, out);
    expect("DES backwards", NOW, out, 8);
    cardos_ecb(CARDOS_TDES, 0, KEY, ZERO, 8, out);
    expect("TDES", check_value, out, 3);
    cardos_cbc_mac(CARDOS_DES, KEY, NULL, NOW, 24, 2, out, 4);
    expect("MAC algorithm 1", alg1, out, 4);
    cardos_retail_mac(KEY, NULL, NOW, 24, 2, out, 4);
    expect("MAC algorithm 3", alg3, out, 4);
    cardos_ecb(CARDOS_SM4, 0, KEY, KEY, 16, out);
    expect("SM4", sm4, out, 16);
    cardos_ecb(CARDOS_SM4, 1, KEY, sm4, 16, out);
    expect("SM4 backwards", KEY, out, 16);
    cardos_cbc_mac(CARDOS_SM4, KEY, NULL, KEY, 16, 1, out, 16);
    expect("SM4 MAC of one block", sm4, out, 16);
}

/* The same bytes as many blocks, which go through the planes. */
static void check_bulk(void)
{
    static uint8_t blocks[16 * ROWS], expected[16 * ROWS];
    for (int cipher = CARDOS_DES; cipher <= CARDOS_SM4; cipher++) {
        size_t block = cipher == CARDOS_SM4 ? 16 : 8;
        for (size_t i = 0; i < ROWS; i++) {
            memcpy(blocks + block * i, KEY, block);
            cardos_ecb(cipher, 0, KEY, KEY, block, expected + block * i);
        }
        cardos_ecb(cipher, 0, KEY, blocks, block * ROWS, blocks);
        expect("bulk", expected, blocks, block * ROWS);
    }
}

/* The published load in every row, under a key of the row and under one for all. */
static void check_rows(void)
{
    static uint8_t keys[ROWS][16], loads[ROWS][24], macs[ROWS][4], verdicts[ROWS];
    const cardos_source message = {loads[0], 24, 1, 24, 0};
    const cardos_mac mac = {CARDOS_DES, 1, 0, 1, &message};
    for (size_t row = 0; row < ROWS; row++) {
        memcpy(keys[row], CARD_KEY, 16);
        memcpy(loads[row], LOAD, 24);
    }
    for (int shared = 0; shared < 2; shared++) {
        const cardos_keys stored = {{keys[0], shared ? 0 : 16, 1, 16, 0}, 0, NULL};
        const cardos_source received = {macs[0], 4, 1, 4, 0};
        const cardos_sink out = {macs[0], 4, 1};
        cardos_mac_rows(&stored, &mac, ROWS, out);
        for (size_t row = 0; row < ROWS; row++)
            expect("TAC of a load", TAC, macs[row], 4);
        macs[ROWS / 2][3] ^= 1;
        cardos_verify_rows(&stored, &mac, received, ROWS, verdicts);
        for (size_t row = 0; row < ROWS; row++)
            expect("verdict", (const uint8_t[]){row != ROWS / 2}, &verdicts[row], 1);
    }
}

int main(void)
{
    for (level = 0; cardos_level_name(level); level++) {
        if (!cardos_use_level(level))
            continue;
        check_calls();
        check_bulk();
        check_rows();
        printf("%s\n", cardos_level_name(level));
    }
    return 0;
}
