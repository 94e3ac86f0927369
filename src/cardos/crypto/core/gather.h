/* Message assembly: bytes from strided columns into the words of a block, LANES rows at a time.
 *
 * A block is the XOR of a word that is the same in every row (constants, masks, padding) and of pieces, each a few bytes of
 * one source.  A piece is read with 8-byte loads where such a load stays inside the source's memory, else byte by byte; so
 * nothing outside the memory that a source spans is ever touched.  Addresses depend on shapes only.
 */
#ifndef CARDOS_GATHER_H
#define CARDOS_GATHER_H

#include "core.h"
#include "plane.h"

/* `width` bytes of each row, 1 .. 8, that go to bytes `at` .. of the word.  `lowest` is the lowest address of row 0. */
typedef struct {
    const uint8_t *lowest;
    ptrdiff_t row_step;
    size_t width, at;
    int reversed;        /* the lowest address has the last byte */
    const uint8_t *high; /* behind the highest byte that may be read */
} piece;

/* A word of a message: what is the same in every row, and up to eight pieces.  `filled`: how many bytes the message had for
 * it. */
typedef struct {
    uint64_t common;
    size_t filled, count;
    piece pieces[8];
} word_plan;

/* The rows of a step: `count` of them, 1 .. LANES, from `first`. */
typedef struct {
    size_t first, count;
} row_range;

/* Byte `at` of a word, counted as it lies in memory. */
PLANE_INLINE uint64_t byte_of_word(uint8_t byte, size_t at)
{
    return (uint64_t)byte << 8 * at;
}

PLANE_INLINE uint64_t reversed(uint64_t word)
{
    word = word >> 32 | word << 32;
    word = (word >> 16 & 0x0000FFFF0000FFFF) | (word & 0x0000FFFF0000FFFF) << 16;
    return (word >> 8 & 0x00FF00FF00FF00FF) | (word & 0x00FF00FF00FF00FF) << 8;
}

/* Rows `from` .. `to` byte by byte. */
PLANE_INLINE void gather_bytes(const piece *p, const uint8_t *lowest, size_t from, size_t to, uint64_t *word)
{
    for (size_t row = from; row < to; row++)
        for (size_t i = 0; i < p->width; i++) {
            size_t at = p->at + (p->reversed ? p->width - 1 - i : i);
            word[row] ^= byte_of_word(lowest[(ptrdiff_t)row * p->row_step + (ptrdiff_t)i], at);
        }
}

/* Rows `from` .. `to` by loads of 8 bytes. */
PLANE_INLINE void gather_words(const piece *p, const uint8_t *lowest, size_t from, size_t to, uint64_t *word)
{
    const uint64_t mask = ~(uint64_t)0 >> (64 - 8 * p->width);
    const size_t up = 8 * p->at, down = 64 - 8 * p->width;
    if (p->reversed)
        for (size_t row = from; row < to; row++)
            word[row] ^= reversed(load_word(lowest + (ptrdiff_t)row * p->row_step)) >> down << up;
    else
        for (size_t row = from; row < to; row++)
            word[row] ^= (load_word(lowest + (ptrdiff_t)row * p->row_step) & mask) << up;
}

#ifdef PLANE_AVX2
#include "gather_avx2.h"
#endif
#ifdef PLANE_AVX512
#include "gather_avx512.h"
#endif

/* Rows `from` .. `to` as the level does it best; each row's load of 8 bytes is allowed. */
PLANE_INLINE void gather_rows(const piece *p, const uint8_t *lowest, size_t from, size_t to, uint64_t *word)
{
#ifdef PLANE_AVX512
    from = gather_eights(p, lowest, from, to, word);
#endif
#ifdef PLANE_AVX2
    from = gather_fours(p, lowest, from, to, word);
#endif
    gather_words(p, lowest, from, to, word);
}

/* XOR a piece of the rows of a step into their words. */
PLANE_FUNCTION void gather_piece(const piece *p, const row_range *range, uint64_t *word)
{
    const uint8_t *lowest = p->lowest + (ptrdiff_t)range->first * p->row_step;
    size_t from = 0, to = range->count;
    /* Only at the end of the memory, in a few rows, is a load of 8 bytes too long. */
    while (to > from && p->high - (lowest + (ptrdiff_t)(to - 1) * p->row_step) < 8)
        to--;
    while (from < to && p->high - (lowest + (ptrdiff_t)from * p->row_step) < 8)
        from++;
    gather_bytes(p, lowest, 0, from, word);
    gather_rows(p, lowest, from, to, word);
    gather_bytes(p, lowest, to, range->count, word);
}

PLANE_INLINE const uint8_t *highest_of(const uint8_t *lowest, ptrdiff_t row_step, size_t rows, size_t width)
{
    return lowest + (row_step > 0 ? (ptrdiff_t)(rows - 1) * row_step : 0) + width;
}

/* Add a piece to a plan, to the one before it where both lie side by side. */
PLANE_INLINE void plan_piece(word_plan *plan, piece next, size_t rows)
{
    piece *before = plan->count ? &plan->pieces[plan->count - 1] : NULL;
    next.high = highest_of(next.lowest, next.row_step, rows, next.width);
    if (before && before->row_step == next.row_step && before->reversed == next.reversed &&
        (next.reversed ? next.lowest + next.width == before->lowest : before->lowest + before->width == next.lowest)) {
        before->lowest = next.reversed ? next.lowest : before->lowest;
        before->width += next.width;
        before->high = highest_of(before->lowest, before->row_step, rows, before->width);
    } else {
        plan->pieces[plan->count++] = next;
    }
}

/* Plan bytes `from` .. `from + width` of a source as bytes `at` .. of a word. */
PLANE_FUNCTION void plan_source(word_plan *plan, const cardos_source *source, size_t rows, size_t from, size_t width, size_t at)
{
    const uint8_t *start = source->bytes + (ptrdiff_t)from * source->byte_step;
    const ptrdiff_t step = source->byte_step;
    for (size_t i = 0; i < width; i++)
        plan->common ^= byte_of_word(source->mask ^ (source->row_step ? 0 : start[(ptrdiff_t)i * step]), at + i);
    if (source->row_step == 0)
        return;
    if (step == 1 || step == -1) {
        piece whole = {step > 0 ? start : start + 1 - width, source->row_step, width, at, step < 0, NULL};
        plan_piece(plan, whole, rows);
        return;
    }
    for (size_t i = 0; i < width; i++) {
        piece byte = {start + (ptrdiff_t)i * step, source->row_step, 1, at + i, 0, NULL};
        plan_piece(plan, byte, rows);
    }
}

/* A message being read, 8 bytes at a time. */
typedef struct {
    const cardos_source *sources;
    size_t count, rows;
    size_t source, byte; /* the next one */
} message_reader;

PLANE_FUNCTION void plan_word(message_reader *reader, word_plan *plan)
{
    plan->common = 0;
    plan->filled = plan->count = 0;
    while (plan->filled < 8 && reader->source < reader->count) {
        const cardos_source *source = &reader->sources[reader->source];
        size_t rest = source->width - reader->byte, room = 8 - plan->filled, width = rest < room ? rest : room;
        if (width)
            plan_source(plan, source, reader->rows, reader->byte, width, plan->filled);
        plan->filled += width;
        reader->byte += width;
        if (reader->byte == source->width) {
            reader->source++;
            reader->byte = 0;
        }
    }
}

/* The words of a step by their plan. */
PLANE_FUNCTION void gather(const word_plan *plan, const row_range *range, plane_block *block)
{
    const plane common = plane_broadcast(plan->common); /* the same word in LANES / 64 rows */
    for (int i = 0; i < 64; i++)
        block->plane[i] = common;
    for (size_t i = 0; i < plan->count; i++)
        gather_piece(&plan->pieces[i], range, block->word);
}

/* The same, as planes. */
PLANE_FUNCTION void gather_planes(const word_plan *plan, const row_range *range, plane_block *block)
{
    if (plan->count) {
        gather(plan, range, block);
        planes_of_rows(block);
    } else {
        for (int p = 0; p < 64; p++)
            block->plane[p] = plane_of_bit(plan->common >> p);
    }
}

/* The XOR of two words that lie in the same source, as planes. */
PLANE_FUNCTION void gather_folded(const word_plan plan[2], const row_range *range, plane_block *block)
{
    gather(&plan[0], range, block);
    const plane common = plane_broadcast(plan[1].common);
    for (int i = 0; i < 64; i++)
        block->plane[i] ^= common;
    for (size_t i = 0; i < plan[1].count; i++)
        gather_piece(&plan[1].pieces[i], range, block->word);
    planes_of_rows(block);
}

#endif
