/* Recipes of columns with SM4: as rows_planes.h, of which this is the part for blocks and keys of 16 bytes. */
#ifndef CARDOS_SM4_ROWS_H
#define CARDOS_SM4_ROWS_H

#include "core.h"
#include "gather.h"
#include "plane.h"
#include "rows_planes.h"

/* Everything secret of a call; on its stack, wiped at the end. */
typedef struct {
    sm4_block block, key;
    sm4_shared shared; /* the stored key, when it is the same in every row */
    sm4_lanes lanes;   /* the key of each row */
} sm4_workspace;

/* A message of whole blocks or, with padding method 2, of any length. */
typedef struct {
    message_reader reader;
    int padded; /* the byte 80 has been added */
} sm4_message;

/* Plan the next half block. */
PLANE_INLINE void plan_half(sm4_message *message, word_plan *plan)
{
    plan_word(&message->reader, plan);
    if (plan->filled < 8 && !message->padded) {
        plan->common ^= byte_of_word(0x80, plan->filled);
        message->padded = 1;
    }
}

/* A key or a block of derivation: 16 bytes that end with a block. */
PLANE_FUNCTION void sm4_read(const column_step *s, const cardos_source *sources, size_t count, sm4_block *block)
{
    message_reader reader = reader_of(s, sources, count);
    word_plan plan[2];
    plan_word(&reader, &plan[0]);
    plan_word(&reader, &plan[1]);
    sm4_gather(&plan[0], &s->range, &block->half[0]);
    if (same_pieces(&plan[0], &plan[1])) {
        block->half[1] = block->half[0];
        sm4_xor_common(&block->half[1], plan[0].common ^ plan[1].common);
    } else {
        sm4_gather(&plan[1], &s->range, &block->half[1]);
    }
}

/* The stored key that all rows share. */
PLANE_FUNCTION void sm4_prepare(const column_step *s, sm4_workspace *work)
{
    message_reader reader = reader_of(s, &s->keys->stored, 1);
    word_plan plan;
    uint8_t key[16];
    for (int i = 0; i < 2; i++) {
        plan_word(&reader, &plan);
        store_word(key + 8 * i, plan.common);
    }
    sm4_expand_shared(&work->shared, key);
    wipe(&plan, sizeof plan);
    wipe(key, sizeof key);
}

/* The key for `level` 0 (the stored one) or the one behind it; the key of the row is in work->key but for a shared one. */
PLANE_FUNCTION sm4_ring sm4_ring_at(const column_step *s, sm4_workspace *work, size_t level)
{
    const sm4_ring shared = {NULL, &work->shared}, lanes = {&work->lanes, NULL};
    if (level == 0 && is_shared(s->keys))
        return shared;
    if (level == 0)
        sm4_read(s, &s->keys->stored, 1, &work->key);
    sm4_expand_lanes(&work->lanes, &work->key);
    return lanes;
}

/* All levels of the recipe; the result is in work->key. */
PLANE_FUNCTION void sm4_derive(const column_step *s, sm4_workspace *work)
{
    for (size_t l = 0; l < s->keys->count; l++) {
        const sm4_ring ring = sm4_ring_at(s, work, l);
        sm4_read(s, s->keys->levels[l].sources, s->keys->levels[l].count, &work->key);
        sm4_crypt(ring, 0, &work->key);
    }
}

/* CBC-MAC with padding method 2; the result is in work->block.half[0], bytes 0 .. 3 of each row. */
PLANE_FUNCTION void sm4_mac(const column_step *s, sm4_workspace *work)
{
    sm4_message message = {reader_of(s, s->mac->sources, s->mac->count), 0};
    const sm4_ring ring = sm4_ring_at(s, work, s->keys->count);
    sm4_block *block = &work->block, *next = &work->key;
    for (int first = 1; !message.padded; first = 0) {
        for (int i = 0; i < 2; i++) {
            word_plan plan;
            plan_half(&message, &plan);
            sm4_gather(&plan, &s->range, first ? &block->half[i] : &next->half[i]);
        }
        for (int i = 0; i < 128 && !first; i++)
            block->plane[i] ^= next->plane[i];
        sm4_crypt(ring, 0, block);
    }
    sm4_leave(&block->half[0]);
    if (!s->mac->fold_words)
        return;
    sm4_leave(&block->half[1]);
    for (size_t i = 0; i < LANES; i++) {
        uint64_t sum = block->half[0].word[i] ^ block->half[1].word[i];
        block->half[0].word[i] = sum ^ sum >> 32;
    }
}

PLANE_FUNCTION void sm4_verdicts(const column_step *s, sm4_workspace *work)
{
    const uint64_t *expected = work->block.half[0].word, *given = work->key.half[0].word;
    message_reader reader = reader_of(s, s->received, 1);
    word_plan plan;
    plan_word(&reader, &plan);
    gather(&plan, &s->range, &work->key.half[0]);
    for (size_t i = 0; i < s->range.count; i++) {
        uint64_t difference = (expected[i] ^ given[i]) & 0xFFFFFFFF;
        s->verdicts[s->range.first + i] = (uint8_t)((difference - 1) >> 63); /* 1 when no bit differs */
    }
}

PLANE_FUNCTION void sm4_step(const column_step *s, sm4_workspace *work)
{
    sm4_derive(s, work);
    if (s->mac) {
        sm4_mac(s, work);
        if (s->verdicts)
            sm4_verdicts(s, work);
        else
            write_words(s, work->block.half[0].word, 0, 4);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        sm4_leave(&work->key.half[i]);
        write_words(s, work->key.half[i].word, 8 * i, 8);
    }
}

PLANE_FUNCTION void sm4_column(column_step *s)
{
    sm4_workspace work;
    if (is_shared(s->keys))
        sm4_prepare(s, &work);
    for (size_t first = 0; first < s->rows; first += LANES) {
        s->range.first = first;
        s->range.count = s->rows - first < LANES ? s->rows - first : LANES;
        sm4_step(s, &work);
    }
    wipe(&work, sizeof work);
}

/* A recipe without a level has nothing to compute and does not come here. */
static void sm4_key_rows(const cardos_keys *keys, size_t rows, const cardos_sink *out)
{
    column_step s = {.keys = keys, .rows = rows, .out = out};
    sm4_column(&s);
}

static void sm4_mac_rows(const cardos_keys *keys, const cardos_mac *mac, size_t rows, const cardos_sink *out)
{
    column_step s = {.keys = keys, .mac = mac, .rows = rows, .out = out};
    sm4_column(&s);
}

static void sm4_verify_rows(const cardos_keys *keys, const cardos_mac *mac, const cardos_source *received, size_t rows,
                            uint8_t *verdicts)
{
    column_step s = {.keys = keys, .mac = mac, .rows = rows, .received = received, .verdicts = verdicts};
    sm4_column(&s);
}

#endif
