"""Writes the tables of the SM4 kernels that borrow an AES S-box or inversion, from the definition of SM4.

    python tools/sm4_tables.py aesni src/cardos/crypto/core/sm4_aesni_tables.h
    python tools/sm4_tables.py gfni src/cardos/crypto/core/sm4_gfni_tables.h

SM4's S-box is S(x) = A(inverse(A(x) + D3)) + D3 over the field of 1F5.  With an isomorphism to the field of AES it
becomes

    S(x) = Q(s(P(x) + p)) + q

where s is the S-box of AES (aesni) or the inversion in its field (gfni), and P and Q are matrices.  The kernels keep
every word w of the state as P(w), byte by byte, so P costs nothing in a round.  What is left of a round's linear part L
is P L Q, which turns a byte of the word into four: M_d makes of the byte in place i, counted as it lies in memory, the
one in place (i + d) mod 4.  The key schedule has another L and so other M_d; its words are kept as P(w) + p, and round
keys with them.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

SM4_FIELD, AES_FIELD = 0x1F5, 0x11B
CK = [int.from_bytes(bytes((4 * i + j) * 7 % 256 for j in range(4)), "big") for i in range(32)]

# A linear map of bytes: what it makes of each bit, the least significant first.
Matrix = list[int]


def multiply(a: int, b: int, field: int) -> int:
    """The product in a field."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (field if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(x: int, field: int) -> int:
    """The inverse, and 0 for 0: the power 254."""
    result = 1
    for _ in range(254):
        result = multiply(result, x, field)
    return result


def apply(matrix: Matrix, x: int) -> int:
    """The map of a byte."""
    result = 0
    for bit, column in enumerate(matrix):
        result ^= column if x >> bit & 1 else 0
    return result


def linear(function: Callable[[int], int]) -> Matrix:
    """The matrix of a map that is known to be linear."""
    return [function(1 << bit) for bit in range(8)]


def after(*matrices: Matrix) -> Matrix:
    """The product: the last one is applied first."""

    def chain(x: int) -> int:
        for matrix in reversed(matrices):
            x = apply(matrix, x)
        return x

    return linear(chain)


def inverted(matrix: Matrix) -> Matrix:
    """The inverse of a matrix."""
    found = {apply(matrix, x): x for x in range(256)}
    return linear(found.__getitem__)


def isomorphism() -> Matrix:
    """The map of SM4's field to that of AES by the smallest root of SM4's polynomial there."""

    def power(x: int, n: int) -> int:
        result = 1
        for _ in range(n):
            result = multiply(result, x, AES_FIELD)
        return result

    def value(x: int) -> int:
        total = 0
        for n in range(9):
            total ^= power(x, n) if SM4_FIELD >> n & 1 else 0
        return total

    root = next(x for x in range(2, 256) if value(x) == 0)
    return [power(root, n) for n in range(8)]


def circulant(x: int) -> int:
    """The matrix A of SM4's S-box: the row D3 and its rotations."""
    result, row = 0, 0xD3
    for bit in range(7, -1, -1):
        result |= ((row & x).bit_count() & 1) << bit
        row = (row >> 1) | ((row & 1) << 7)
    return result


def rotate(word: int, count: int) -> int:
    """A rotation of 32 bits to the left."""
    return (word << count | word >> (32 - count)) & 0xFFFFFFFF


def round_layer(b: int) -> int:
    """L of a round."""
    return b ^ rotate(b, 2) ^ rotate(b, 10) ^ rotate(b, 18) ^ rotate(b, 24)


def key_layer(b: int) -> int:
    """L' of the key schedule."""
    return b ^ rotate(b, 13) ^ rotate(b, 23)


A = linear(circulant)
TO_AES = isomorphism()
# The affine map of AES's S-box, FIPS 197 5.1.1.
AES_AFFINE = linear(lambda x: x ^ rotate(x * 0x01010101, 1) & 255 ^ rotate(x * 0x01010101, 2) & 255
                    ^ rotate(x * 0x01010101, 3) & 255 ^ rotate(x * 0x01010101, 4) & 255)  # fmt: skip
P = after(TO_AES, A)
SMALL_P = apply(TO_AES, 0xD3)


class Borrowed:
    """How an S-box is borrowed: Q and q."""

    def __init__(self, which: str) -> None:
        back = after(A, inverted(TO_AES))
        if which == "gfni":
            self.big_q, self.small_q = back, 0xD3
        else:
            self.big_q = after(back, inverted(AES_AFFINE))
            self.small_q = apply(self.big_q, 0x63) ^ 0xD3

    def parts(self, layer: Callable[[int], int]) -> list[Matrix]:
        """M_0 .. M_3."""

        def part(d: int) -> Matrix:
            return linear(lambda x: apply(P, layer(apply(self.big_q, x) << 24) >> (24 - 8 * d) & 255))

        return [part(d) for d in range(4)]

    def constant(self, layer: Callable[[int], int]) -> int:
        """What the layer makes of q in all four bytes: the same in each."""
        word = layer(self.small_q * 0x01010101)
        assert word & 255 == word >> 24  # noqa: S101 (a check of the mathematics)
        return apply(P, word & 255)


def nibbles(matrix: Matrix, constant: int = 0) -> list[list[int]]:
    """A map as two tables, of the low and of the high four bits."""
    return [[apply(matrix, x) ^ constant for x in range(16)], [apply(matrix, 16 * x) for x in range(16)]]


def gfni_matrix(matrix: Matrix) -> int:
    """A map as the operand of gf2p8affineqb: row i, of result bit i, is byte 7 - i."""
    word = 0
    for bit in range(8):
        row = sum((matrix[column] >> bit & 1) << column for column in range(8))
        word |= row << 8 * (7 - bit)
    return word


def key_constants() -> list[int]:
    """P of the constants CK, as words that lie in memory with their first byte first."""
    return [int.from_bytes(bytes(apply(P, byte) for byte in ck.to_bytes(4, "big")), "little") for ck in CK]


def system_parameter() -> list[int]:
    """P(FK) + p, in the same form."""
    words = (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC)
    return [
        int.from_bytes(bytes(apply(P, byte) ^ SMALL_P for byte in fk.to_bytes(4, "big")), "little")
        for fk in words
    ]


def row(values: list[int], digits: int) -> str:
    """A C initialiser of numbers."""
    items = textwrap.wrap(", ".join(f"0x{value:0{digits}X}" for value in values), 112)
    return "{" + "\n     ".join(items) + "}"


def tables(rows: list[list[int]]) -> str:
    """A C initialiser of rows of bytes."""
    return "{\n" + "".join(f"    {row(values, 2)},\n" for values in rows) + "}"


def aesni(borrowed: Borrowed) -> str:
    """Tables of 16 bytes, for shuffles."""
    text = ""
    for name, layer in (("ROUND", round_layer), ("KEY", key_layer)):
        constants = [borrowed.constant(layer), 0, 0, 0]
        pairs = [nibbles(m, c) for m, c in zip(borrowed.parts(layer), constants, strict=True)]
        text += "/* M_0 low, M_0 high, M_1 low ...; M_0 brings the constant. */\n"
        rows = [table for pair in pairs for table in pair]
        text += f"static _Alignas(16) const uint8_t {name}_PART[8][16] = {tables(rows)};\n\n"
    for name, matrix in (("TO_STATE", P), ("FROM_STATE", inverted(P))):
        text += f"static _Alignas(16) const uint8_t {name}[2][16] = {tables(nibbles(matrix))};\n\n"
    return text


def gfni(borrowed: Borrowed) -> str:
    """Matrices of 64 bits."""
    text = ""
    for name, layer in (("ROUND", round_layer), ("KEY", key_layer)):
        text += f"static const uint64_t {name}_PART[4] = {row([gfni_matrix(m) for m in borrowed.parts(layer)], 16)};\n"
        text += f"enum {{ {name}_CONSTANT = 0x{borrowed.constant(layer):02X} }};\n\n"
    for name, matrix in (("TO_STATE", P), ("FROM_STATE", inverted(P))):
        text += f"static const uint64_t {name} = 0x{gfni_matrix(matrix):016X};\n"
    return text + "\n"


def main(which: str, path: str) -> None:
    """Write a header."""
    text = "/* Made by tools/sm4_tables.py, which says what they are. */\n\n"
    text += {"aesni": aesni, "gfni": gfni}[which](Borrowed(which))
    text += "/* P of the system parameter FK, with p added, the first byte least significant. */\n"
    text += f"static const uint32_t SYSTEM_PARAMETER[4] = {row(system_parameter(), 8)};\n\n"
    text += "/* P of the constants CK. */\n"
    text += f"static const uint32_t KEY_CONSTANT_OF_ROUND[32] =\n    {row(key_constants(), 8)};\n"
    Path(path).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
