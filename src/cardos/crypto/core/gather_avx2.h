/* Message assembly by AVX2: four rows at a time, their bytes placed by one shuffle.  Included by gather.h. */

/* The same number in every byte of a word. */
#define EVERY_BYTE(number) ((long long)((uint64_t)(number) * 0x0101010101010101))

/* Where the bytes of four words come from: the rows begin at `row0 .. row3` of 16 loaded bytes, two of them in the lower half
 * of the shuffle and two in the upper.  Places with the highest bit set give zero. */
PLANE_INLINE __m256i places_of(const piece *p, size_t row0, size_t row1, size_t row2, size_t row3)
{
    const __m256i rows = _mm256_set_epi64x(EVERY_BYTE(row3), EVERY_BYTE(row2), EVERY_BYTE(row1), EVERY_BYTE(row0));
    const __m256i last = _mm256_set1_epi8((char)(p->width - 1)), nothing = _mm256_set1_epi8((char)0x80);
    __m256i place = _mm256_sub_epi8(_mm256_set1_epi64x(0x0706050403020100), _mm256_set1_epi8((char)p->at));
    const __m256i inside = _mm256_cmpeq_epi8(_mm256_min_epu8(place, last), place);
    if (p->reversed)
        place = _mm256_sub_epi8(last, place);
    return _mm256_blendv_epi8(nothing, _mm256_add_epi8(place, rows), inside);
}

PLANE_INLINE void xor_placed(uint64_t *word, __m256i rows, __m256i places)
{
    __m256i *words = (__m256i *)(void *)word;
    *words = _mm256_xor_si256(*words, _mm256_shuffle_epi8(rows, places));
}

PLANE_INLINE __m128i load_16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

PLANE_INLINE __m256i join(__m128i low, __m128i high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

PLANE_INLINE __m128i load_two_words(const uint8_t *first, const uint8_t *second)
{
    __m128i low = _mm_loadl_epi64((const __m128i *)(const void *)first);
    return _mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(low), (const double *)(const void *)second));
}

/* The end of the fours of rows from `from` on that may be read by loads that reach `reach` bytes beyond their first row. */
PLANE_INLINE size_t end_of_fours(const piece *p, const uint8_t *lowest, size_t from, size_t to, ptrdiff_t reach)
{
    size_t end = to - (to - from) % 4;
    while (end > from && p->high - (lowest + (ptrdiff_t)(end - 4) * p->row_step) < reach)
        end -= 4;
    return end;
}

/* Rows `from` .. `to`, as many fours of them as can be; returns the first row that is left. */
PLANE_INLINE size_t gather_fours(const piece *p, const uint8_t *lowest, size_t from, size_t to, uint64_t *word)
{
    const ptrdiff_t step = p->row_step, width = (ptrdiff_t)p->width;
    const size_t apart = (size_t)step;
    for (; from % 4 && from < to; from++) /* words that are not aligned */
        gather_words(p, lowest, from, from + 1, word);
    const uint8_t *row = lowest + (ptrdiff_t)from * step;
    if (step > 0 && 3 * step + width <= 16) { /* four rows in one load */
        const size_t end = end_of_fours(p, lowest, from, to, 16);
        const __m256i places = places_of(p, 0, apart, 2 * apart, 3 * apart);
        for (; from < end; from += 4, row += 4 * step)
            xor_placed(word + from, _mm256_broadcastsi128_si256(load_16(row)), places);
    } else if (step > 0 && step + width <= 16) { /* two */
        const size_t end = end_of_fours(p, lowest, from, to, 2 * step + 16);
        const __m256i places = places_of(p, 0, apart, 0, apart);
        for (; from < end; from += 4, row += 4 * step)
            xor_placed(word + from, join(load_16(row), load_16(row + 2 * step)), places);
    }
    if (from + 4 > to)
        return from;
    const __m256i places = places_of(p, 0, 8, 0, 8);
    for (; from + 4 <= to; from += 4, row += 4 * step)
        xor_placed(word + from, join(load_two_words(row, row + step), load_two_words(row + 2 * step, row + 3 * step)), places);
    return from;
}
