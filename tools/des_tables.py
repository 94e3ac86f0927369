"""Writes the tables of the constant-time DES kernels from the tables of FIPS 46-3.

    python tools/des_tables.py portable src/cardos/crypto/core/des_portable_tables.h
    python tools/des_tables.py avx2 src/cardos/crypto/core/des_avx2_tables.h

A half block is held *expanded*: byte k, counted from the least significant, of a 64-bit word is the 6-bit index of
S-box k + 1 (its top two bits are 0).  So E costs nothing, a round key is one such word, and an S-box is four truth
tables of 64 bits, which the secret index shifts: no address depends on it.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

Nested = int | Sequence["Nested"]

# Bits count from 1 at the left, as in the standard.
IP = [start - 8 * i for start in (58, 60, 62, 64, 57, 59, 61, 63) for i in range(8)]
P = [
    *(16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10),
    *(2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25),
]
PC1 = [
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18),
    *(10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22),
    *(14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
]
PC2 = [
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
]
SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
# A row of 16 hexadecimal digits for each pair of outer bits of the index.
S = [
    ("E4D12FB83A6C5907", "0F74E2D1A6CB9538", "41E8D62BFC973A50", "FC8249175B3EA06D"),
    ("F18E6B34972DC05A", "3D47F28EC01A69B5", "0E7BA4D158C6932F", "D8A13F42B67C05E9"),
    ("A09E63F51DC7B428", "D709346A285ECBF1", "D6498F30B12C5AE7", "1AD069874FE3B52C"),
    ("7DE3069A1285BC4F", "D8B56F03472C1AE9", "A690CB7DF13E5284", "3F06A1D8945BC72E"),
    ("2C417AB6853FD0E9", "EB2C47D150FA3986", "421BAD78F9C5630E", "B8C71E2D6F09A453"),
    ("C1AF92680D34E75B", "AF427C9561DE0B38", "9EF528C3704A1DB6", "432C95FABE17608D"),
    ("4B2EF08D3C975A61", "D0B7491AE35C2F86", "14BDC37EAF680592", "6BD814A7950FE23C"),
    ("D2846FB1A93E50C7", "1FD8A374C56B0E92", "7B419CE206ADF358", "21E74A8DFC90356B"),
]

NOTHING = 0x80  # a byte shuffle gives 0 for this index


def inner(bit: int) -> int:
    """Place in the expanded half of bit 1..32, where it is one of the inner four of an index."""
    box, number = divmod(bit - 1, 4)
    return 8 * box + 4 - number


def places(bit: int) -> int:
    """All places in the expanded half of bit 1..32: one, or two for a neighbour of the next S-box."""
    box, number = divmod(bit - 1, 4)
    word = 1 << inner(bit)
    if number == 0:
        word |= 1 << 8 * ((box - 1) % 8)
    if number == 3:
        word |= 1 << 8 * ((box + 1) % 8) + 5
    return word


def output(box: int, bit: int, index: int) -> int:
    """Bit 0..3 from the left of an S-box's value; the index's outer two bits are the row."""
    row, column = (index >> 4 & 2) | (index & 1), index >> 1 & 15
    return int(S[box][row][column], 16) >> (3 - bit) & 1


def target(box: int, bit: int) -> int:
    """Where P puts an S-box's output bit: 1..32."""
    return P.index(4 * box + bit + 1) + 1


def top_table(box: int, bit: int) -> int:
    """Truth table whose bit for an index is the highest after a shift to the left by the index."""
    return sum(output(box, bit, index) << (63 - index) for index in range(64))


def placed_table(box: int, bit: int) -> int:
    """Truth table whose bit for an index lies in its inner place after a rotation to the left by the index."""
    return sum(output(box, bit, index) << (inner(target(box, bit)) - index) % 64 for index in range(64))


def key_bit(half: int, number: int, turns: int) -> int:
    """Key bit 1..64 at place 0..27 of half 0 (C) or 1 (D) after ``turns`` rotations."""
    return PC1[28 * half + (number + turns) % 28]


def round_bits() -> Iterable[tuple[int, int, int]]:
    """Of a round key: place in the expanded word, half, number in the half."""
    for i, source in enumerate(PC2):
        half, number = divmod(source - 1, 28)
        yield 8 * (i // 6) + 5 - i % 6, half, number


TURNS = [sum(SHIFTS[: i + 1]) for i in range(16)]


def key_columns() -> list[list[int]]:
    """For each key bit without parity, from the left: where it goes in the sixteen round keys."""
    columns = {bit: [0] * 16 for bit in range(1, 65) if bit % 8}
    for number_of_round, turns in enumerate(TURNS):
        for place, half, number in round_bits():
            columns[key_bit(half, number, turns)][number_of_round] |= 1 << place
    return list(columns.values())


def source(bit: int) -> tuple[int, int]:
    """Byte and mask of bit 1..64 of a block."""
    return (bit - 1) // 8, 0x80 >> (bit - 1) % 8


def initial(half: int) -> list[tuple[int, int]]:
    """For each place of an expanded half: byte and mask in the block."""
    chosen = [(NOTHING, 1)] * 64
    for bit in range(1, 33):
        for place in range(64):
            if places(bit) >> place & 1:
                chosen[place] = source(IP[32 * half + bit - 1])
    return chosen


def final() -> list[tuple[int, int]]:
    """For each bit of the block, least significant of byte 0 first: byte and mask in R16 then L16, expanded."""
    chosen = [(0, 0)] * 64
    for i, bit in enumerate(IP):
        byte, mask = source(bit)
        half, number = divmod(i, 32)
        place = inner(number + 1)
        chosen[8 * byte + mask.bit_length() - 1] = 8 * half + place // 8, 1 << place % 8
    return chosen


def spread_key() -> list[list[tuple[int, int]]]:
    """C in two vectors of 16 bytes, D in two: byte and mask in the key for each bit."""
    return [
        [source(key_bit(half, i, 0)) if i < 28 else (NOTHING, 1) for i in range(start, start + 16)]
        for half in (0, 1)
        for start in (0, 16)
    ]


def choices() -> list[list[list[int]]]:
    """For each round and each of those four vectors: which of its bytes go to the 32 places of its half."""
    rounds = []
    for turns in TURNS:
        vectors = [[NOTHING] * 32 for _ in range(4)]
        for place, half, number in round_bits():
            now = (number + turns) % 28
            vectors[2 * half + now // 16][place % 32] = now % 16
        rounds.append(vectors)
    return rounds


def split(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The bytes, and the masks."""
    return [byte for byte, _ in pairs], [mask for _, mask in pairs]


def boxes(entry: Callable[[int, int], int]) -> Nested:
    """An entry for each output bit of each S-box."""
    return [[entry(box, bit) for bit in range(4)] for box in range(8)]


def lanes(entry: Callable[[int, int], int]) -> Nested:
    """For each output bit of S-boxes 1..4, then of 5..8: a vector with an S-box in each lane."""
    return [[entry(first + lane, bit) for lane in range(4)] for first in (0, 4) for bit in range(4)]


def portable() -> dict[str, Nested]:
    """The tables of des_portable.c."""
    return {
        "uint64_t TRUTH": boxes(placed_table),
        "uint64_t PLACE": boxes(lambda box, bit: 1 << inner(target(box, bit))),
        "uint64_t KEY_COLUMN": key_columns(),
    }


def avx2() -> dict[str, Nested]:
    """The tables of des_avx2.c."""
    starts, key = [split(initial(half)) for half in (0, 1)], [split(vector) for vector in spread_key()]
    final_byte, final_mask = split(final())
    return {
        "uint64_t TRUTH": lanes(top_table),
        "uint64_t PLACES": lanes(lambda box, bit: places(target(box, bit))),
        "uint8_t INITIAL_BYTE": [byte for byte, _ in starts],
        "uint8_t INITIAL_MASK": [mask for _, mask in starts],
        "uint8_t FINAL_BYTE": final_byte,
        "uint8_t FINAL_MASK": final_mask,
        "uint8_t KEY_BYTE": [byte for byte, _ in key],
        "uint8_t KEY_MASK": [mask for _, mask in key],
        "uint8_t KEY_CHOICE": choices(),
    }


def initialiser(value: Nested, digits: int, indent: str = "") -> str:
    """A value in C."""
    if isinstance(value, int):
        return f"0x{value:0{digits}X}"
    items = [initialiser(item, digits, indent + "    ") for item in value]
    if isinstance(value[0], int):
        items = textwrap.wrap(", ".join(items), 116 - len(indent))
        return "{" + f"\n{indent} ".join(items) + "}"
    return "{\n" + "".join(f"{indent}    {item},\n" for item in items) + indent + "}"


def declaration(name: str, value: Nested) -> str:
    """A table in C; ``name`` begins with the type of its elements."""
    shape, inside = "", value
    while not isinstance(inside, int):
        shape, inside = f"{shape}[{len(inside)}]", inside[0]
    alignment = "ALIGNED " if name.startswith("uint8_t") else ""
    return f"static {alignment}const {name}{shape} = {initialiser(value, 16 if '64' in name else 2)};\n"


def main(which: str, path: str) -> None:
    """Write a header."""
    tables = {"portable": portable, "avx2": avx2}[which]()
    note = f"/* Made by tools/des_tables.py, which says what they are.  For des_{which}.c alone. */\n"
    Path(path).write_text("\n".join([note, *(declaration(*table) for table in tables.items())]))


if __name__ == "__main__":
    main(*sys.argv[1:])
