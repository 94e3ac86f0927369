#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "core.h"
#include "dispatch.h"

cardos_key *cardos_key_new(int cipher, const uint8_t *value)
{
    cardos_key *key = malloc(sizeof *key);
    if (key)
        block_expand(key, cipher, value);
    return key;
}

void cardos_key_free(cardos_key *key)
{
    wipe(key, sizeof *key);
    free(key);
}

static const plane_level *planes_of(const cardos_key *key, size_t size)
{
    return planes_for(key->cipher, size / block_size(key->cipher));
}

void cardos_key_ecb(const cardos_key *key, int decrypt, const uint8_t *data, size_t size, uint8_t *out)
{
    const plane_level *planes = planes_of(key, size);
    if (planes)
        planes->ecb(key->cipher, decrypt, key->value, data, size, out);
    else
        block_ecb(key, decrypt, data, size, out);
}

/* Encryption is a chain, which no width of register makes shorter. */
void cardos_key_cbc(const cardos_key *key, int decrypt, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    const plane_level *planes = decrypt ? planes_of(key, size) : NULL;
    if (planes)
        planes->cbc_decrypt(key->cipher, key->value, iv, data, size, out);
    else
        block_cbc(key, decrypt, iv, data, size, out);
}

/* Enough counters at a time for the widest level, on the stack. */
enum { COUNTERS = 8192 };

static void count_up(uint8_t *counter, size_t size)
{
    unsigned carry = 1;
    for (size_t i = size; i-- > 0; carry >>= 8) {
        carry += counter[i];
        counter[i] = (uint8_t)carry;
    }
}

void cardos_key_ctr(const cardos_key *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    uint8_t stream[COUNTERS], counter[BLOCK_MAX];
    size_t step = block_size(key->cipher);
    const plane_level *planes = planes_of(key, size);
    if (planes && planes->ctr) {
        planes->ctr(key->value, iv, data, size, out);
        return;
    }
    memcpy(counter, iv, step);
    for (size_t at = 0; at < size; at += COUNTERS) {
        size_t now = size - at < COUNTERS ? size - at : COUNTERS, whole = (now + step - 1) / step * step;
        for (size_t i = 0; i < whole; i += step) {
            memcpy(stream + i, counter, step);
            count_up(counter, step);
        }
        cardos_key_ecb(key, 0, stream, whole, stream);
        for (size_t i = 0; i < now; i++)
            out[at + i] = data[at + i] ^ stream[i];
    }
    wipe(stream, sizeof stream);
}

void cardos_ecb(int cipher, int decrypt, const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out)
{
    block_key expanded;
    const plane_level *planes = planes_for(cipher, size / block_size(cipher));
    if (planes) {
        planes->ecb(cipher, decrypt, key, data, size, out);
        return;
    }
    block_expand(&expanded, cipher, key);
    block_ecb(&expanded, decrypt, data, size, out);
    wipe(&expanded, sizeof expanded);
}

void cardos_cbc(int cipher, int decrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size,
                uint8_t *out)
{
    block_key expanded;
    block_expand(&expanded, cipher, key);
    cardos_key_cbc(&expanded, decrypt, iv, data, size, out);
    wipe(&expanded, sizeof expanded);
}

void cardos_ctr(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out)
{
    block_key expanded;
    block_expand(&expanded, cipher, key);
    cardos_key_ctr(&expanded, iv, data, size, out);
    wipe(&expanded, sizeof expanded);
}
