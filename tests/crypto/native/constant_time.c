/* Runs every kernel of the core with keys and data that memcheck is told are undefined: it then reports each branch and each
 * address that depends on them.
 *
 *   constant_time LEVEL [PLANTED]     PLANTED is branch or address: a function that leaks so, which must be reported
 */
#include <stdio.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "core.h"

enum { ROWS = 600, BYTES = 16 * ROWS };

static uint8_t data[BYTES + 16], out[BYTES + 16], keys[16 * ROWS], verdicts[ROWS];

/* Of CTR, and public: it stands beside the message. */
static const uint8_t COUNTER[16] = {0, 1, 2, 3, 4, 5, 6, 7, 255, 255, 255, 255, 255, 255, 255, 7};

static void hide(void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, size);
}

static void show(void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, size);
}

static void hide_all(void)
{
    hide(data, sizeof data);
    hide(keys, sizeof keys);
    hide(out, sizeof out);
}

static void single_calls(int cipher, size_t blocks)
{
    const size_t size = blocks * (cipher == CARDOS_SM4 ? 16 : 8);
    for (int decrypt = 0; decrypt < 2; decrypt++) {
        cardos_ecb(cipher, decrypt, keys, data, size, out);
        cardos_cbc(cipher, decrypt, keys, data, data, size, out);
    }
    cardos_ctr(cipher, keys, COUNTER, data, size ? size - 1 : 0, out);
    for (int padding = 1; padding < 3; padding++) {
        cardos_cbc_mac(cipher, keys, data, data, size, padding, out, 4);
        cardos_cbc_mac(cipher, keys, NULL, data, size, padding, out, 8);
        if (cipher == CARDOS_TDES)
            cardos_retail_mac(keys, data, data, size, padding, out, 8);
    }
}

static void expanded_keys(int cipher, size_t blocks)
{
    const size_t size = blocks * (cipher == CARDOS_SM4 ? 16 : 8);
    cardos_key *key = cardos_key_new(cipher, keys);
    for (int decrypt = 0; decrypt < 2; decrypt++) {
        cardos_key_ecb(key, decrypt, data, size, out);
        cardos_key_cbc(key, decrypt, data, data, size, out);
    }
    cardos_key_ctr(key, COUNTER, data, size, out);
    cardos_key_cbc_mac(key, data, data, size, 2, out, 4);
    if (cipher == CARDOS_TDES)
        cardos_key_retail_mac(key, data, data, size, 2, out, 4);
    cardos_key_free(key);
}

/* Keys of the rows, or one for all, with up to two levels; a TAC, whole and folded; every shape of source. */
static void columns(int cipher, size_t rows, int shared, size_t levels)
{
    const ptrdiff_t step = shared ? 0 : 16;
    const cardos_source factor = {data, 8, 1, 8, 0}, inverse = {data, 8, 1, 8, 255};
    const cardos_source pieces[5] = {
        {data, 4, 1, 4, 0}, {data + 7, 8, -1, 8, 0}, {data, 0, 1, 2, 0}, {data, 16, 3, 5, 0}, {data, 3, 1, 3, 0},
    };
    const cardos_source factors[2] = {factor, inverse};
    const cardos_level level[2] = {{cipher, 2, factors}, {cipher, 2, factors}};
    const cardos_keys recipe = {{keys, step, 1, 16, 0}, levels, level};
    const int fold = cipher == CARDOS_TDES;
    const cardos_mac mac = {fold ? CARDOS_DES : cipher, fold, !fold, 5, pieces};
    const cardos_source received = {data, 4, 1, 4, 0};
    const cardos_sink sink = {out, 4, 1}, key_sink = {out, 16, 1};
    if (levels)
        cardos_key_rows(&recipe, rows, key_sink);
    cardos_mac_rows(&recipe, &mac, rows, sink);
    cardos_verify_rows(&recipe, &mac, received, rows, verdicts);
}

static void everything(void)
{
    static const size_t BLOCKS[] = {0, 1, 2, 5, 9, 33, ROWS}, COUNTS[] = {1, 7, 65, ROWS};
    for (int cipher = CARDOS_DES; cipher <= CARDOS_SM4; cipher++)
        for (size_t i = 0; i < sizeof BLOCKS / sizeof BLOCKS[0]; i++) {
            single_calls(cipher, BLOCKS[i]);
            expanded_keys(cipher, BLOCKS[i]);
        }
    for (int cipher = CARDOS_TDES; cipher <= CARDOS_SM4; cipher++)
        for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++)
            for (int shared = 0; shared < 2; shared++)
                for (size_t levels = 0; levels < 3; levels++)
                    columns(cipher, COUNTS[i], shared, levels);
}

static int plant(const char *kind)
{
    static const uint8_t TABLE[256] = {1, 2, 3};
    if (strcmp(kind, "address") == 0)
        out[0] = TABLE[keys[0]];
    else if (strcmp(kind, "branch") == 0 && keys[0] & 1)
        out[0] = data[1];
    show(out, 1);
    return out[0];
}

int main(int count, char **argument)
{
    int level = 0;
    while (count > 1 && cardos_level_name(level) && strcmp(cardos_level_name(level), argument[1]))
        level++;
    if (count < 2 || !cardos_use_level(level)) {
        puts("no such level here");
        return 2;
    }
    hide_all();
    everything();
    if (count > 2)
        printf("planted %d\n", plant(argument[2]));
    printf("ran level %s\n", argument[1]);
    return 0;
}
