/* MACs of a single call: ISO/IEC 9797-1 algorithms 1 and 3, padding included. */
#include <string.h>

#include "block.h"
#include "core.h"

/* Messages up to here are padded in one place, and so are one chain for a kernel. */
enum { SHORT_MESSAGE = 256 };

/* How a MAC goes over whole blocks; `last` when no more follow.  `out` gets a whole block. */
typedef struct {
    const block_key *key;
    int retail;
} mac_rule;

static void chain(const mac_rule *rule, const uint8_t *iv, const uint8_t *data, size_t size, int last, uint8_t *out)
{
    const block_key *key = rule->key;
    if (rule->retail) /* the last block passes through the right half and the left one too: it is TDES */
        key->des->mac(&key->as.des, 1, last ? 3 : 1, iv, data, size / 8, out);
    else
        block_mac(key, iv, data, size, out);
}

/* Data and padding in `to`, which has room for both; gives the length.  No data are one block for method 1 too. */
static size_t pad(uint8_t *to, const uint8_t *data, size_t size, size_t step, int method)
{
    size_t whole = (size + (method == 2)) / step * step, rest = (size + (method == 2)) % step;
    if (rest || size + (method == 2) == 0)
        whole += step;
    memset(to, 0, whole);
    memcpy(to, data, size);
    if (method == 2)
        to[size] = 0x80;
    return whole;
}

static void mac(const mac_rule *rule, const uint8_t *iv, const uint8_t *data, size_t size, int method, uint8_t *out,
                size_t length)
{
    uint8_t padded[SHORT_MESSAGE + BLOCK_MAX], block[BLOCK_MAX];
    const uint8_t zeros[BLOCK_MAX] = {0};
    const size_t step = block_size(rule->key->cipher);
    iv = iv ? iv : zeros;
    if (size > SHORT_MESSAGE) {
        size_t first = (size - 1) / step * step; /* at least a byte is left */
        chain(rule, iv, data, first, 0, block);
        size = pad(padded, data + first, size - first, step, method);
        chain(rule, block, padded, size, 1, block);
    } else {
        size = pad(padded, data, size, step, method);
        chain(rule, iv, padded, size, 1, block);
    }
    memcpy(out, block, length);
    wipe(padded, size);
    wipe(block, sizeof block);
}

void cardos_key_cbc_mac(const cardos_key *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding, uint8_t *out,
                        size_t length)
{
    const mac_rule rule = {key, 0};
    mac(&rule, iv, data, size, padding, out, length);
}

void cardos_key_retail_mac(const cardos_key *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding, uint8_t *out,
                           size_t length)
{
    const mac_rule rule = {key, 1};
    mac(&rule, iv, data, size, padding, out, length);
}

/* SM4 expands the key beside the first block. */
static void sm4_mac_once(const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, int method, uint8_t *out,
                         size_t length)
{
    uint8_t padded[SHORT_MESSAGE + BLOCK_MAX], block[BLOCK_MAX];
    const uint8_t zeros[BLOCK_MAX] = {0};
    size = pad(padded, data, size, 16, method);
    sm4_kernel_in_use()->mac_once(key, iv ? iv : zeros, padded, size / 16, block);
    memcpy(out, block, length);
    wipe(padded, size);
    wipe(block, sizeof block);
}

void cardos_cbc_mac(int cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding,
                    uint8_t *out, size_t length)
{
    block_key expanded;
    if (cipher == CARDOS_SM4 && size <= SHORT_MESSAGE) {
        sm4_mac_once(key, iv, data, size, padding, out, length);
        return;
    }
    block_expand(&expanded, cipher, key);
    cardos_key_cbc_mac(&expanded, iv, data, size, padding, out, length);
    wipe(&expanded, sizeof expanded);
}

void cardos_retail_mac(const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size, int padding, uint8_t *out,
                       size_t length)
{
    block_key expanded;
    block_expand(&expanded, CARDOS_TDES, key);
    cardos_key_retail_mac(&expanded, iv, data, size, padding, out, length);
    wipe(&expanded, sizeof expanded);
}
