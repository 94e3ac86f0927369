/* Message assembly by AVX-512 with VBMI: eight rows at a time out of 64 or 128 bytes, wherever in them the rows are.  Included
 * by gather.h. */

typedef uint8_t unaligned_bytes __attribute__((vector_size(64), aligned(1), may_alias));

PLANE_INLINE plane_bytes load_64(const uint8_t *from)
{
    return *(const unaligned_bytes *)(const void *)from;
}

PLANE_INLINE plane_bytes every_byte(size_t number)
{
    return (uint8_t)number - (plane_bytes){0};
}

/* Rows `from` .. `to`, as many eights of them as lie close enough together; returns the first row that is left. */
PLANE_INLINE size_t gather_eights(const piece *p, const uint8_t *lowest, size_t from, size_t to, uint64_t *word)
{
    const ptrdiff_t step = p->row_step, span = 7 * step + (ptrdiff_t)p->width, loaded = span <= 64 ? 64 : 128;
    if (step <= 0 || span > 128 || from)
        return from;
    /* Where the bytes of eight words come from, as the same choice in each word and the places of the rows. */
    const plane row = {0, 1, 2, 3, 4, 5, 6, 7};
    plane_bytes place = (plane_bytes)plane_broadcast(0x0706050403020100) - every_byte(p->at);
    const plane inside = (plane)(place < every_byte(p->width));
    if (p->reversed)
        place = every_byte(p->width - 1) - place;
    const plane_bytes index = place + (plane_bytes)(row * (uint64_t)step * 0x0101010101010101);
    const uint8_t *source = lowest;
    for (; from + 8 <= to && p->high - source >= loaded; from += 8, source += 8 * step) {
        plane *words = (plane *)(void *)(word + from);
        const plane_bytes picked = loaded == 64 ? PLANE_PICK(load_64(source), index)
                                                : PLANE_PICK2(load_64(source), load_64(source + 64), index);
        *words ^= (plane)picked & inside;
    }
    return from;
}
