/* Recipes of columns on planes: keys, MACs and verdicts of LANES rows at a time.
 *
 * One interpreter for every recipe.  Keys stay planes from level to level and into the MAC; rows are read by gather.h when
 * a message needs them and written once at the end.  The last rows of a column fill a part of the lanes, and what the other
 * lanes hold is never written.
 */
#ifndef CARDOS_ROWS_PLANES_H
#define CARDOS_ROWS_PLANES_H

#include "core.h"
#include "des_planes.h"
#include "gather.h"
#include "plane.h"

/* Everything secret of a call; on its stack, wiped at the end, under 32 KB at 512 lanes. */
typedef struct {
    plane_block block; /* of a message, as rows or planes */
    plane left[32], right[32];
    plane_block key[2];
    plane rings[2][DES_RING];
    uint64_t masks[2][DES_RING]; /* of the stored key, when it is the same in every row */
} workspace;

/* What is computed, and for which rows at the moment.  No `mac`: the keys themselves.  `verdicts`: MACs are compared with
 * `received`, not written. */
typedef struct {
    const cardos_keys *keys;
    const cardos_mac *mac;
    size_t rows;
    const cardos_sink *out;
    const cardos_source *received;
    uint8_t *verdicts;
    row_range range;
    workspace *work;
} column_step;

PLANE_INLINE int is_shared(const cardos_keys *keys)
{
    return keys->stored.row_step == 0;
}

PLANE_INLINE size_t width_of(const cardos_level *level)
{
    size_t width = 0;
    for (size_t s = 0; s < level->count; s++)
        width += level->sources[s].width;
    return width;
}

PLANE_INLINE message_reader reader_of(const column_step *s, const cardos_source *sources, size_t count)
{
    message_reader reader = {sources, count, s->rows, 0, 0};
    return reader;
}

/* The rings of a stored key that all rows share; with `fold`, of its left XOR right half. */
PLANE_FUNCTION void prepare_masks(const column_step *s, int fold)
{
    message_reader reader = reader_of(s, &s->keys->stored, 1);
    word_plan plan[2];
    for (int half = 0; half < 2; half++)
        plan_word(&reader, &plan[half]);
    des_ring_of_word(s->work->masks[0], plan[0].common ^ (fold ? plan[1].common : 0));
    des_ring_of_word(s->work->masks[1], plan[1].common);
    wipe(plan, sizeof plan);
}

/* The stored keys of the rows; with `fold`, left XOR right half. */
PLANE_FUNCTION void load_keys(const column_step *s, int fold)
{
    message_reader reader = reader_of(s, &s->keys->stored, 1);
    word_plan plan[2];
    for (int half = 0; half < 2; half++)
        plan_word(&reader, &plan[half]);
    if (fold) {
        gather_folded(plan, &s->range, &s->work->key[0]);
        return;
    }
    for (int half = 0; half < 2 && plan[half].filled; half++)
        gather_planes(&plan[half], &s->range, &s->work->key[half]);
}

PLANE_INLINE des_key key_of_masks(const workspace *work, int cipher)
{
    des_key key = {cipher == CARDOS_TDES, NULL, (const uint64_t(*)[DES_RING])work->masks};
    return key;
}

PLANE_INLINE des_key key_of_planes(workspace *work, int cipher)
{
    des_key key = {cipher == CARDOS_TDES, (const plane(*)[DES_RING])work->rings, NULL};
    for (int half = 0; half <= key.triple; half++)
        des_ring_of_planes(work->rings[half], work->key[half].plane);
    return key;
}

/* Whether two words of a message differ only in what is common to all rows, as S and NOT S do. */
PLANE_INLINE int same_pieces(const word_plan *a, const word_plan *b)
{
    int same = a->count == b->count && a->count > 0;
    for (size_t i = 0; same && i < a->count; i++) {
        const piece *p = &a->pieces[i], *q = &b->pieces[i];
        same = p->lowest == q->lowest && p->row_step == q->row_step && p->width == q->width && p->at == q->at &&
               p->reversed == q->reversed;
    }
    return same;
}

/* One level down: the key enciphers a message of 8 or 16 bytes, and the result is the key. */
PLANE_FUNCTION void derive_planes(const column_step *s, const cardos_level *level, const des_key *key)
{
    workspace *work = s->work;
    message_reader reader = reader_of(s, level->sources, level->count);
    word_plan plan[2];
    for (size_t n = 0; n < width_of(level) / 8; n++) {
        plane *left = work->left, *right = work->right;
        plan_word(&reader, &plan[n]);
        if (n && same_pieces(&plan[0], &plan[1]))
            for (int p = 0; p < 64; p++)
                work->block.plane[p] ^= plane_of_bit((plan[0].common ^ plan[1].common) >> p);
        else
            gather_planes(&plan[n], &s->range, &work->block);
        des_initial_permutation(left, right, work->block.plane);
        des_crypt(key, 0, &left, &right);
        des_final_permutation(work->key[n].plane, left, right);
    }
}

/* All levels of the recipe; the result is in work->key. */
PLANE_FUNCTION void derive_keys(const column_step *s)
{
    for (size_t l = 0; l < s->keys->count; l++) {
        const cardos_level *level = &s->keys->levels[l];
        if (l == 0 && !is_shared(s->keys))
            load_keys(s, 0);
        des_key key = l == 0 && is_shared(s->keys) ? key_of_masks(s->work, level->cipher)
                                                   : key_of_planes(s->work, level->cipher);
        derive_planes(s, level, &key);
    }
}

/* The keys of the MAC. */
PLANE_FUNCTION des_key mac_keys(const column_step *s)
{
    const int fold = s->mac->fold;
    plane_block *key = s->work->key;
    if (s->keys->count == 0 && is_shared(s->keys))
        return key_of_masks(s->work, s->mac->cipher);
    if (s->keys->count == 0)
        load_keys(s, fold);
    derive_keys(s);
    for (int p = 0; p < 64 && fold && s->keys->count; p++)
        key[0].plane[p] ^= key[1].plane[p];
    return key_of_planes(s->work, s->mac->cipher);
}

/* CBC-MAC with padding method 2; the result is in work->block, bytes 0 .. 3 of each row. */
PLANE_FUNCTION void mac_planes(const column_step *s, const des_key *key)
{
    workspace *work = s->work;
    plane *left = work->left, *right = work->right, *block = work->block.plane;
    message_reader reader = reader_of(s, s->mac->sources, s->mac->count);
    word_plan plan;
    int first = 1;
    do {
        plan_word(&reader, &plan);
        if (plan.filled < 8)
            plan.common ^= byte_of_word(0x80, plan.filled);
        gather_planes(&plan, &s->range, &work->block);
        (first ? des_initial_permutation : des_chain)(left, right, block);
        des_crypt(key, 0, &left, &right);
        first = 0;
    } while (plan.filled == 8);
    des_final_permutation(block, left, right);
    for (int p = 0; p < 32 && s->mac->fold_words; p++)
        block[p] ^= block[32 + p];
    left_rows_of_planes(&work->block);
}

/* Write the lowest `width` bytes of the words, 4 or 8, as bytes `at` .. of the rows. */
PLANE_INLINE void write_words(const column_step *s, const uint64_t *word, size_t at, size_t width)
{
    const ptrdiff_t step = s->out->row_step, byte_step = s->out->byte_step;
    uint8_t *to = s->out->bytes + (ptrdiff_t)s->range.first * step + (ptrdiff_t)at * byte_step;
    const size_t count = s->range.count;
    if (byte_step == 1 && width == 4 && step == 4)
        for (size_t i = 0; i < count; i++)
            store_half_word(to + 4 * i, (uint32_t)word[i]);
    else if (byte_step == 1 && width == 4)
        for (size_t i = 0; i < count; i++, to += step)
            store_half_word(to, (uint32_t)word[i]);
    else if (byte_step == 1)
        for (size_t i = 0; i < count; i++, to += step)
            store_word(to, word[i]);
    else
        for (size_t i = 0; i < count; i++, to += step)
            for (size_t j = 0; j < width; j++)
                to[(ptrdiff_t)j * byte_step] = (uint8_t)(word[i] >> 8 * j);
}

PLANE_FUNCTION void write_keys(const column_step *s)
{
    size_t words = width_of(&s->keys->levels[s->keys->count - 1]) / 8;
    for (size_t half = 0; half < words; half++) {
        plane_block *key = &s->work->key[half];
        rows_of_planes(key);
        write_words(s, key->word, 8 * half, 8);
    }
}

PLANE_FUNCTION void write_macs(const column_step *s)
{
    write_words(s, s->work->block.word, 0, 4);
}

PLANE_FUNCTION void write_verdicts(const column_step *s)
{
    const uint64_t *expected = s->work->block.word, *given = s->work->key[0].word;
    message_reader reader = reader_of(s, s->received, 1);
    word_plan plan;
    plan_word(&reader, &plan);
    gather(&plan, &s->range, &s->work->key[0]);
    for (size_t i = 0; i < s->range.count; i++) {
        uint64_t difference = (expected[i] ^ given[i]) & 0xFFFFFFFF;
        s->verdicts[s->range.first + i] = (uint8_t)((difference - 1) >> 63); /* 1 when no bit differs */
    }
}

PLANE_FUNCTION void column_rows(column_step *s)
{
    workspace work;
    s->work = &work;
    if (is_shared(s->keys))
        prepare_masks(s, s->mac && s->mac->fold && s->keys->count == 0);
    for (size_t first = 0; first < s->rows; first += LANES) {
        s->range.first = first;
        s->range.count = s->rows - first < LANES ? s->rows - first : LANES;
        if (!s->mac) {
            derive_keys(s);
            write_keys(s);
            continue;
        }
        des_key key = mac_keys(s);
        mac_planes(s, &key);
        if (s->verdicts)
            write_verdicts(s);
        else
            write_macs(s);
    }
    wipe(&work, sizeof work);
}

/* A recipe without a level has nothing to compute and does not come here. */
static void plane_key_rows(const cardos_keys *keys, size_t rows, const cardos_sink *out)
{
    column_step s = {.keys = keys, .rows = rows, .out = out};
    column_rows(&s);
}

static void plane_mac_rows(const cardos_keys *keys, const cardos_mac *mac, size_t rows, const cardos_sink *out)
{
    column_step s = {.keys = keys, .mac = mac, .rows = rows, .out = out};
    column_rows(&s);
}

static void plane_verify_rows(const cardos_keys *keys, const cardos_mac *mac, const cardos_source *received, size_t rows,
                              uint8_t *verdicts)
{
    column_step s = {.keys = keys, .mac = mac, .rows = rows, .received = received, .verdicts = verdicts};
    column_rows(&s);
}

#endif
