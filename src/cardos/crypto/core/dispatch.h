/* The levels of the core: the same work on registers of different width, and the one in use. */
#ifndef CARDOS_DISPATCH_H
#define CARDOS_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "core.h"

/* Vectors of the compiler, on which bytes lie as in numbers of 64 bits: little-endian. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CARDOS_VECTORS
#endif

/* Their numbers, for cardos_level_in_use(). */
enum { LEVEL_PORTABLE, LEVEL_V128, LEVEL_AVX2, LEVEL_AVX512 };

/* What single calls may use beside the level: AES instructions. */
int has_aes(void);

/* What a level does on planes: DES and TDES, and in a table of its own SM4.  A recipe is for one table.  Fewer rows or blocks
 * than `fewest` are faster one by one.  `ctr` may be missing. */
typedef struct plane_level {
    const struct plane_level *sm4;
    size_t lanes, fewest;
    void (*key_rows)(const cardos_keys *keys, size_t rows, const cardos_sink *out);
    void (*mac_rows)(const cardos_keys *keys, const cardos_mac *mac, size_t rows, const cardos_sink *out);
    void (*verify_rows)(const cardos_keys *keys, const cardos_mac *mac, const cardos_source *received, size_t rows,
                        uint8_t *verdicts);
    void (*ecb)(int cipher, int decrypt, const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out);
    void (*cbc_decrypt)(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out);
    void (*ctr)(const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out);
} plane_level;

extern const plane_level level_portable, level_v128, level_avx2, level_avx512;

/* The planes in use for `cipher`, or NULL where it has none at this level or so few `rows` are not worth it. */
const plane_level *planes_for(int cipher, size_t rows);

#endif
