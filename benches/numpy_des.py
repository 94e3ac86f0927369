"""DES over columns by NumPy and tables: a contender that no package reaches over a million rows.

The usual table implementation, with an array operation where that has a machine operation: eight look-ups a round in
S-boxes joined with P, IP and its inverse by five exchanges.  Rows go in chunks that stay in the cache.  There are two
key schedules: by the tables of the standard (``schedule``), and by a table of round keys for each byte of the key
(``schedule_by_bytes``), several times as fast.
"""

from __future__ import annotations

import numpy as np

CHUNK = 16384

# FIPS 46-3; bits are counted from 1 at the left.
PC1 = (
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18),
    *(10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22),
    *(14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
)
PC2 = (
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
)
ROTATION = (1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28)
P = (
    *(16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10),
    *(2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25),
)
BOXES = (
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
)
EXCHANGES = ((36, 0x0F0F0F0F), (48, 0x0000FFFF), (30, 0xCCCCCCCC), (24, 0xFF00FF00), (33, 0x55555555))


def _sp_tables():
    """For each S-box and input the 32 bits that it adds to the result of a round."""
    tables = np.zeros((8, 64), np.uint32)
    for box, digits in enumerate(BOXES):
        for x in range(64):
            value = int(digits[(x >> 4 & 2 | x & 1) * 16 + (x >> 1 & 15)], 16)
            for place, bit in enumerate(P):
                if (bit - 1) // 4 == box and value >> (3 - (bit - 1) % 4) & 1:
                    tables[box, x] |= np.uint32(1 << 31 - place)
    return tables


def _key_tables():
    """For each byte of a key and its value what it adds to the 16 round keys, as two words of four 6-bit groups."""
    tables = np.zeros((8, 256, 16, 2), np.uint32)
    for number, rotation in enumerate(ROTATION):
        for place, bit in enumerate(PC2):
            half, offset = divmod(bit - 1, 28)
            source = PC1[28 * half + (offset + rotation) % 28] - 1
            box, digit = divmod(place, 6)
            values = np.arange(256, dtype=np.uint32) >> (7 - source % 8) & 1
            tables[source // 8, :, number, box % 2] |= values << (24 - 8 * (box // 2) + 5 - digit)
    return tables


SP, KEY_TABLES = _sp_tables(), _key_tables()


def _selection():
    """Which bit of a key stands where in the round keys, eight places a group; bit 64 is none."""
    selection = np.full((16, 2, 4, 8), 64)
    for number, rotation in enumerate(ROTATION):
        for place, bit in enumerate(PC2):
            half, offset = divmod(bit - 1, 28)
            box, digit = divmod(place, 6)
            selection[number, box % 2, box // 2, 2 + digit] = PC1[28 * half + (offset + rotation) % 28] - 1
    return selection.ravel()


SELECTION = _selection()


def _exchange(block, shift, mask):
    difference = (block >> np.uint64(shift) ^ block) & np.uint64(mask)
    return block ^ difference ^ difference << np.uint64(shift)


def schedule(keys):
    """Round keys of ``keys`` (N, 8): an array (16, 2, N)."""
    bits = np.pad(np.unpackbits(keys, axis=1), ((0, 0), (0, 1)))
    words = np.packbits(bits.take(SELECTION, axis=1), axis=1).view(">u4").reshape(-1, 16, 2)
    return np.ascontiguousarray(words.transpose(1, 2, 0)).astype(np.uint32)


def schedule_by_bytes(keys):
    """The same, faster."""
    words = KEY_TABLES[0][keys[:, 0]]
    for i in range(1, 8):
        words ^= KEY_TABLES[i][keys[:, i]]
    return np.ascontiguousarray(words.transpose(1, 2, 0))


def crypt(round_keys, blocks, *, decrypt=False):
    """DES of ``blocks`` (N,), big-endian numbers as uint64."""
    for shift, mask in EXCHANGES:
        blocks = _exchange(blocks, shift, mask)
    left, right = (blocks >> np.uint64(32)).astype(np.uint32), blocks.astype(np.uint32)
    for odd, even in round_keys[::-1] if decrypt else round_keys:
        a = (right >> np.uint32(3) | right << np.uint32(29)) ^ odd
        b = (right << np.uint32(1) | right >> np.uint32(31)) ^ even
        for i in range(4):
            shift = np.uint32(24 - 8 * i)
            left ^= SP[2 * i].take(a >> shift & np.uint32(63))
            left ^= SP[2 * i + 1].take(b >> shift & np.uint32(63))
        left, right = right, left
    blocks = right.astype(np.uint64) << np.uint64(32) | left
    for shift, mask in reversed(EXCHANGES):
        blocks = _exchange(blocks, shift, mask)
    return blocks


def words_of(rows):
    """Rows of 8 bytes as big-endian numbers."""
    return np.ascontiguousarray(rows).view(">u8")[..., 0].astype(np.uint64)


def bytes_of(words):
    """Numbers as rows of 8 bytes."""
    return words.astype(">u8").view(np.uint8).reshape(-1, 8)


def tdes(left, right, blocks):
    """Two-key TDES with the round keys of both halves."""
    return crypt(left, crypt(right, crypt(left, blocks), decrypt=True))


def mac(round_keys, messages):
    """Left 4 bytes of the CBC-MAC of padded ``messages`` (N, 8 n)."""
    chain = np.zeros(len(messages), np.uint64)
    for at in range(0, messages.shape[1], 8):
        chain = crypt(round_keys, chain ^ words_of(messages[:, at : at + 8]))
    return bytes_of(chain)[:, :4]


def in_chunks(function, *columns):
    """``function`` over slices of the columns that stay in the cache, the results joined."""
    starts = range(0, len(columns[0]), CHUNK)
    return np.concatenate([function(*(column[i : i + CHUNK] for column in columns)) for i in starts])
