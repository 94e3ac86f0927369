#include <string.h>

#include "block.h"
#include "core.h"
#include "dispatch.h"

static const uint8_t *row_of(const cardos_source *source, size_t row)
{
    return source->bytes + (ptrdiff_t)row * source->row_step;
}

static void read_row(const cardos_source *source, size_t row, uint8_t *to)
{
    const uint8_t *from = row_of(source, row);
    for (size_t i = 0; i < source->width; i++)
        to[i] = from[(ptrdiff_t)i * source->byte_step] ^ source->mask;
}

static void write_row(const cardos_sink *sink, size_t row, const uint8_t *from, size_t width)
{
    uint8_t *to = sink->bytes + (ptrdiff_t)row * sink->row_step;
    for (size_t i = 0; i < width; i++)
        to[(ptrdiff_t)i * sink->byte_step] = from[i];
}

/* One step down: `value` is the key, then the key derived from it.  Returns the length of the new key. */
static size_t derive(const cardos_level *level, size_t row, uint8_t value[KEY_MAX])
{
    block_key key;
    uint8_t message[KEY_MAX];
    size_t length = 0;
    for (size_t s = 0; s < level->count; s++) {
        read_row(&level->sources[s], row, message + length);
        length += level->sources[s].width;
    }
    block_expand(&key, level->cipher, value);
    block_ecb(&key, 0, message, length, value);
    wipe(&key, sizeof key);
    return length;
}

/* The key of a row; returns its length. */
static size_t key_of_row(const cardos_keys *keys, size_t row, uint8_t value[KEY_MAX])
{
    size_t length = keys->stored.width;
    read_row(&keys->stored, row, value);
    for (size_t l = 0; l < keys->count; l++)
        length = derive(&keys->levels[l], row, value);
    return length;
}

/* CBC-MAC of a row's message, taken byte by byte from its sources and never gathered in one place. */
static void chain_row(const block_key *key, const cardos_mac *mac, size_t row, uint8_t chain[BLOCK_MAX])
{
    size_t at = 0, step = block_size(mac->cipher);
    memset(chain, 0, BLOCK_MAX);
    for (size_t s = 0; s < mac->count; s++) {
        const cardos_source *source = &mac->sources[s];
        const uint8_t *from = row_of(source, row);
        for (size_t i = 0; i < source->width; i++) {
            chain[at++] ^= from[(ptrdiff_t)i * source->byte_step] ^ source->mask;
            if (at == step) {
                block_ecb(key, 0, chain, step, chain);
                at = 0;
            }
        }
    }
    chain[at] ^= 0x80; /* padding method 2 */
    block_ecb(key, 0, chain, step, chain);
}

static void mac_of_row(const cardos_keys *keys, const cardos_mac *mac, size_t row, uint8_t result[4])
{
    block_key key;
    uint8_t value[KEY_MAX], chain[BLOCK_MAX];
    key_of_row(keys, row, value);
    if (mac->fold)
        for (size_t i = 0; i < 8; i++)
            value[i] ^= value[8 + i];
    block_expand(&key, mac->cipher, value);
    chain_row(&key, mac, row, chain);
    memcpy(result, chain, 4);
    if (mac->fold_words)
        for (size_t i = 4; i < block_size(mac->cipher); i++)
            result[i & 3] ^= chain[i];
    wipe(&key, sizeof key);
    wipe(value, sizeof value);
    wipe(chain, sizeof chain);
}

/* The planes that can do all of a recipe, or NULL: also where two ciphers would need two tables. */
static const plane_level *planes_for_recipe(const cardos_keys *keys, const cardos_mac *mac, size_t rows)
{
    const plane_level *planes = planes_for(mac ? mac->cipher : keys->levels[0].cipher, rows);
    for (size_t l = 0; planes && l < keys->count; l++)
        planes = planes_for(keys->levels[l].cipher, rows) == planes ? planes : NULL;
    return planes;
}

void cardos_key_rows(const cardos_keys *keys, size_t rows, cardos_sink out)
{
    const plane_level *planes = keys->count ? planes_for_recipe(keys, NULL, rows) : NULL;
    uint8_t value[KEY_MAX];
    if (planes) {
        planes->key_rows(keys, rows, &out);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        size_t length = key_of_row(keys, row, value);
        write_row(&out, row, value, length);
    }
    wipe(value, sizeof value);
}

void cardos_mac_rows(const cardos_keys *keys, const cardos_mac *mac, size_t rows, cardos_sink out)
{
    const plane_level *planes = planes_for_recipe(keys, mac, rows);
    uint8_t result[4];
    if (planes) {
        planes->mac_rows(keys, mac, rows, &out);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        mac_of_row(keys, mac, row, result);
        write_row(&out, row, result, 4);
    }
}

void cardos_verify_rows(const cardos_keys *keys, const cardos_mac *mac, cardos_source received, size_t rows,
                        uint8_t *verdicts)
{
    const plane_level *planes = planes_for_recipe(keys, mac, rows);
    uint8_t expected[4];
    if (planes) {
        planes->verify_rows(keys, mac, &received, rows, verdicts);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *given = row_of(&received, row);
        uint8_t difference = 0;
        mac_of_row(keys, mac, row, expected);
        for (int i = 0; i < 4; i++)
            difference |= expected[i] ^ given[i * received.byte_step] ^ received.mask;
        verdicts[row] = (uint8_t)((difference - 1) >> 8 & 1); /* 1 when no bit differs */
    }
    wipe(expected, sizeof expected);
}
