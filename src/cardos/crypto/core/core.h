/* The native core of cardos.crypto: block ciphers, modes and MACs, one value or a column of rows.
 *
 * Lengths, ciphers and pointers were checked by the Python side; nothing here reads or writes outside what it is given.
 * No function keeps state but the level in use, so any number of threads may call at once.  Expanded keys are wiped before a
 * call returns.
 * No branch and no address depends on a key or on data: every kernel is constant-time.
 *
 * build.py reads the part between the two cffi marks, so a declaration exists once.
 */
#ifndef CARDOS_CORE_H
#define CARDOS_CORE_H

#include <stddef.h>
#include <stdint.h>

/* cffi: begin */

/* Numbers of cardos.crypto.Cipher. */
enum { CARDOS_DES = 0, CARDOS_TDES = 1, CARDOS_SM4 = 2 };

/* ECB and CBC over whole blocks (ISO/IEC 10116); `data` and `out` may be the same. */
void cardos_ecb(int cipher, int decrypt, const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out);
void cardos_cbc(int cipher, int decrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size,
                uint8_t *out);

/* The first `length` bytes of the last block of ISO/IEC 9797-1 MAC algorithm 1 (any cipher) and 3 (DES, 16-byte key), with
 * padding method 1 or 2.  No `iv`, NULL, is zeros. */
void cardos_cbc_mac(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding,
                    uint8_t *out, size_t length);
void cardos_retail_mac(const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding, uint8_t *out,
                       size_t length);

/* CTR (ISO/IEC 10116, a counter of a whole block, big-endian) over any number of bytes; enciphers and deciphers. */
void cardos_ctr(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out);

/* The same with a key that is expanded once.  cardos_key_new() gives NULL without memory; cardos_key_free() wipes. */
typedef struct cardos_key cardos_key;
cardos_key *cardos_key_new(int cipher, const uint8_t *value);
void cardos_key_free(cardos_key *key);
void cardos_key_ecb(const cardos_key *key, int decrypt, const uint8_t *data, size_t size, uint8_t *out);
void cardos_key_cbc(const cardos_key *key, int decrypt, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out);
void cardos_key_ctr(const cardos_key *key, const uint8_t *iv, const uint8_t *data, size_t size, uint8_t *out);
void cardos_key_cbc_mac(const cardos_key *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding, uint8_t *out,
                        size_t length);
void cardos_key_retail_mac(const cardos_key *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding, uint8_t *out,
                           size_t length);

/* Levels of the processor, from 0, the simplest, upwards: name (NULL behind the last one), what it needs, whether this
 * machine and this build have it, which one is in use (the best, at first); and a choice, 0 when it does not run here. */
const char *cardos_level_name(int level);
const char *cardos_level_needs(int level);
int cardos_level_runs(int level);
int cardos_level_in_use(void);
int cardos_use_level(int level);

/* Bytes of a column: byte j of row i is bytes[i * row_step + j * byte_step] ^ mask.  A row step of 0 repeats one row, a
 * byte step of -1 reads a little-endian number as the big-endian field it is. */
typedef struct {
    const uint8_t *bytes;
    ptrdiff_t row_step;
    ptrdiff_t byte_step;
    size_t width;
    uint8_t mask;
} cardos_source;

/* Where results go, by the same rule. */
typedef struct {
    uint8_t *bytes;
    ptrdiff_t row_step;
    ptrdiff_t byte_step;
} cardos_sink;

/* One derivation: the key of the row enciphers (ECB) a message of `count` sources; the result is the next key. */
typedef struct {
    int cipher;
    size_t count;
    const cardos_source *sources;
} cardos_level;

/* The keys of a column: a stored key per row, then `count` levels of derivation. */
typedef struct {
    cardos_source stored;
    size_t count;
    const cardos_level *levels;
} cardos_keys;

/* CBC-MAC, initial value 0, padding method 2, over a message of `count` sources; 4 bytes come out.
 * `fold`: the key is left XOR right half.  `fold_words`: the result is the XOR of all 4-byte words, not the leftmost. */
typedef struct {
    int cipher;
    int fold;
    int fold_words;
    size_t count;
    const cardos_source *sources;
} cardos_mac;

/* Rows of keys, of MACs, of verdicts (1 where `received` is the MAC; compared in constant time). */
void cardos_key_rows(const cardos_keys *keys, size_t rows, cardos_sink out);
void cardos_mac_rows(const cardos_keys *keys, const cardos_mac *mac, size_t rows, cardos_sink out);
void cardos_verify_rows(const cardos_keys *keys, const cardos_mac *mac, cardos_source received, size_t rows,
                        uint8_t *verdicts);

/* cffi: end */

#endif
