/* A generated sweep of columns and of bulk data over all levels: row counts around every number of lanes, strides of every
 * kind, every shape of recipe.  What rows give together must be what each gives alone; arrays are exactly as long as they must
 * be, so that a sanitizer sees every step outside.  Prints the cases of each level.
 *
 * usage: sweep SEED CASES */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

static uint64_t state;

static size_t below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 16) % n;
}

static const size_t ROWS[] = {0, 1, 2, 7, 8, 9, 31, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 600, 1025};
enum { SOURCES = 64, BLOCKS = 600, MOST_ROWS = 1025 };

static void *arrays[2 * SOURCES];
static size_t array_count;

/* Random bytes, aligned to anything, at the end of an array. */
static uint8_t *bytes(size_t size)
{
    size_t before = below(2) ? below(16) : 0;
    uint8_t *array = malloc(before + size ? before + size : 1);
    for (size_t i = 0; i < before + size; i++)
        array[i] = (uint8_t)below(256);
    arrays[array_count++] = array;
    return array + before;
}

static void forget(void)
{
    while (array_count)
        free(arrays[--array_count]);
}

/* Rows of `width` bytes in a new array: packed, apart, one over the other, backwards, reversed, in columns, of one byte, or one
 * row for all. */
static cardos_source source(size_t rows, size_t width)
{
    static const uint8_t MASKS[] = {0, 0, 0xFF, 0x5A};
    cardos_source s = {NULL, (ptrdiff_t)width, 1, width, MASKS[below(4)]};
    if (below(6) == 0) { /* the same in every row */
        s.bytes = bytes(width);
        s.row_step = 0;
        return s;
    }
    switch (below(6)) {
    case 0: /* packed */
        break;
    case 1: /* fields of a record */
        s.row_step += (ptrdiff_t)below(40);
        break;
    case 2: /* every other byte */
        s.byte_step = 2;
        s.row_step = (ptrdiff_t)(2 * width - 1 + below(3));
        break;
    case 3: /* columns */
        s.byte_step = rows ? (ptrdiff_t)rows : 1;
        s.row_step = 1;
        break;
    case 4: /* each row begins in the one before */
        s.row_step = 1 + (ptrdiff_t)below(width);
        break;
    case 5: /* a byte that fills the row */
        s.byte_step = 0;
        s.row_step = 1 + (ptrdiff_t)below(9);
        break;
    }
    if (rows == 0) {
        s.bytes = bytes(0);
        return s;
    }
    ptrdiff_t over_rows = (ptrdiff_t)(rows - 1) * s.row_step, over_bytes = (ptrdiff_t)(width - 1) * s.byte_step;
    s.bytes = bytes((size_t)(over_rows + over_bytes + 1));
    if (below(3) == 0) {
        s.bytes += over_bytes;
        s.byte_step = -s.byte_step;
    }
    if (below(3) == 0) {
        s.bytes += over_rows;
        s.row_step = -s.row_step;
    }
    return s;
}

static cardos_source sources[SOURCES];
static size_t source_count;

/* A message of `width` bytes in pieces. */
static const cardos_source *message(size_t rows, size_t width, size_t *count)
{
    const cardos_source *first = &sources[source_count];
    for (*count = 0; width; ++*count) {
        size_t piece = below(4) ? 1 + below(6) : 1 + below(20);
        piece = piece < width ? piece : width;
        sources[source_count++] = source(rows, piece);
        width -= piece;
    }
    return first;
}

typedef struct {
    cardos_level levels[3];
    cardos_keys keys;
    cardos_mac mac;
    size_t key_width;
} recipe;

static void make_recipe(recipe *r, size_t rows, int sm4)
{
    int cipher = sm4 ? CARDOS_SM4 : below(2) ? CARDOS_TDES : CARDOS_DES;
    r->keys = (cardos_keys){source(rows, cipher == CARDOS_DES ? 8 : 16), below(4), r->levels};
    for (size_t l = 0; l < r->keys.count; l++) {
        cardos_level *level = &r->levels[l];
        int next = sm4 ? CARDOS_SM4 : below(2) ? CARDOS_TDES : CARDOS_DES;
        level->cipher = cipher;
        if (next == CARDOS_TDES && below(2)) { /* S, NOT S */
            cardos_source s = source(rows, 8);
            level->sources = &sources[source_count];
            sources[source_count++] = s;
            s.mask ^= 0xFF;
            sources[source_count++] = s;
            level->count = 2;
        } else {
            level->sources = message(rows, next == CARDOS_DES ? 8 : 16, &level->count);
        }
        cipher = next;
    }
    r->key_width = cipher == CARDOS_DES ? 8 : 16;
    r->mac = (cardos_mac){cipher, 0, below(4) == 0, 0, NULL};
    r->mac.sources = message(rows, 1 + below(50), &r->mac.count);
    if (cipher == CARDOS_TDES && below(2)) {
        r->mac.cipher = CARDOS_DES;
        r->mac.fold = 1;
    }
}

/* The same recipe for one row of it. */
static void row_of_recipe(recipe *one, cardos_source *moved, const recipe *r, size_t row)
{
    size_t used = 0;
    *one = *r;
    one->keys.levels = one->levels;
    one->keys.stored.bytes += (ptrdiff_t)row * r->keys.stored.row_step;
    for (size_t l = 0; l <= r->keys.count; l++) {
        const cardos_source *from = l < r->keys.count ? r->levels[l].sources : r->mac.sources;
        size_t count = l < r->keys.count ? r->levels[l].count : r->mac.count;
        *(l < r->keys.count ? &one->levels[l].sources : &one->mac.sources) = &moved[used];
        for (size_t s = 0; s < count; s++, used++) {
            moved[used] = from[s];
            moved[used].bytes += (ptrdiff_t)row * from[s].row_step;
        }
    }
}

static void fail(const char *what, int level, size_t rows, size_t row)
{
    printf("%s of row %zu of %zu differs at level %s\n", what, row, rows, cardos_level_name(level));
    exit(1);
}

static const size_t COUNT = sizeof ROWS / sizeof ROWS[0];

static void check_column(int level)
{
    static uint8_t macs[MOST_ROWS][4], verdicts[MOST_ROWS];
    cardos_source moved[SOURCES];
    recipe r, one;
    size_t rows = ROWS[below(COUNT)];
    source_count = 0;
    make_recipe(&r, rows, below(8) == 0);

    size_t apart = 4 + below(5);
    uint8_t *out = bytes(rows ? (rows - 1) * apart + 4 : 0);
    cardos_sink sink = {out, (ptrdiff_t)apart, 1};
    if (below(2) && rows) { /* backwards in both directions */
        sink = (cardos_sink){out + (rows - 1) * apart + 3, -(ptrdiff_t)apart, -1};
    }
    cardos_mac_rows(&r.keys, &r.mac, rows, sink);
    uint8_t *keys = bytes(rows * r.key_width);
    cardos_sink key_sink = {keys, (ptrdiff_t)r.key_width, 1};
    if (below(2)) /* a byte of all rows, then the next */
        key_sink = (cardos_sink){keys, 1, (ptrdiff_t)rows};
    cardos_key_rows(&r.keys, rows, key_sink);

    for (size_t row = 0; row < rows; row++) {
        uint8_t mac[4], key[16];
        row_of_recipe(&one, moved, &r, row);
        cardos_mac_rows(&one.keys, &one.mac, 1, (cardos_sink){mac, 4, 1});
        cardos_key_rows(&one.keys, 1, (cardos_sink){key, 16, 1});
        for (int i = 0; i < 4; i++) {
            macs[row][i] = sink.bytes[(ptrdiff_t)row * sink.row_step + i * sink.byte_step];
            if (macs[row][i] != mac[i])
                fail("MAC", level, rows, row);
        }
        for (size_t i = 0; i < r.key_width; i++)
            if (key_sink.bytes[(ptrdiff_t)row * key_sink.row_step + (ptrdiff_t)i * key_sink.byte_step] != key[i])
                fail("key", level, rows, row);
    }

    uint8_t *given = bytes(rows * 4);
    cardos_source received = {given, 4, 1, 4, (uint8_t)below(256)};
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < 4; i++) /* in every third row one bit is wrong */
            given[4 * row + i] = (uint8_t)(macs[row][i] ^ received.mask ^ (row % 3 == 0 && row / 3 % 4 == i) << row % 8);
    cardos_verify_rows(&r.keys, &r.mac, received, rows, verdicts);
    for (size_t row = 0; row < rows; row++)
        if (verdicts[row] != (row % 3 != 0))
            fail("verdict", level, rows, row);
}

static void check_bulk(int level)
{
    static uint8_t expected[16 * BLOCKS];
    int cipher = (int)below(3), decrypt = (int)below(2);
    size_t block = cipher == CARDOS_SM4 ? 16 : 8, blocks = below(BLOCKS), size = block * blocks;
    uint8_t *key = bytes(16), *iv = bytes(block), *data = bytes(size), *out = bytes(size);
    for (size_t i = 0; i < size; i += block)
        cardos_ecb(cipher, decrypt, key, data + i, block, expected + i);
    cardos_ecb(cipher, decrypt, key, data, size, out);
    if (memcmp(out, expected, size) != 0)
        fail("ECB", level, blocks, 0);
    for (size_t i = 0; i < size; i += block)
        cardos_cbc(cipher, 1, key, i ? data + i - block : iv, data + i, block, expected + i);
    cardos_cbc(cipher, 1, key, iv, data, size, data); /* in place */
    if (memcmp(data, expected, size) != 0)
        fail("CBC", level, blocks, 0);
}

/* Any number of bytes, under a counter whose carry runs through it. */
static void check_counter(int level)
{
    int cipher = (int)below(3);
    size_t block = cipher == CARDOS_SM4 ? 16 : 8, size = below(16 * BLOCKS);
    uint8_t *key = bytes(16), *iv = bytes(block), *data = bytes(size), *out = bytes(size), *counter = bytes(block);
    memset(iv + block / 4, 0xFF, block - block / 4 - 1);
    memcpy(counter, iv, block);
    cardos_ctr(cipher, key, iv, data, size, out);
    for (size_t at = 0; at < size; at += block) {
        uint8_t stream[16];
        cardos_ecb(cipher, 0, key, counter, block, stream);
        for (size_t i = at; i < size && i < at + block; i++)
            if (out[i] != (data[i] ^ stream[i - at]))
                fail("CTR", level, size, i);
        for (size_t i = block; i-- > 0 && ++counter[i] == 0;)
            ;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    for (int level = 0; cardos_level_name(level); level++) {
        state = 88172645463325252u ^ strtoull(argv[1], NULL, 10);
        int cases = cardos_use_level(level) ? atoi(argv[2]) : 0;
        for (int i = 0; i < cases; i++) {
            switch (below(6)) {
            case 0:
                check_bulk(level);
                break;
            case 1:
                check_counter(level);
                break;
            default:
                check_column(level);
            }
            forget();
        }
        printf("%s %d\n", cardos_level_name(level), cases);
    }
    return 0;
}
