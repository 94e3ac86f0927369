"""SM4 in plain Python, from GB/T 32907 (also RFC 8998 references, draft-ribose-cfrg-sm4)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Sm4"]

_POLYNOMIAL = 0x1F5  # x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1
_AFFINE_ROW, _AFFINE_CONSTANT = 0xD3, 0xD3
_FK = (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC)


def _multiply(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (_POLYNOMIAL if a & 0x80 else 0)
        b >>= 1
    return product


def _inverse(a: int) -> int:
    result = 1
    for _ in range(254):
        result = _multiply(result, a)
    return result


def _affine(x: int) -> int:
    """The circulant bit matrix of the S-box definition, then its constant."""
    row, out = _AFFINE_ROW, 0
    for bit in range(7, -1, -1):
        out |= ((row & x).bit_count() & 1) << bit
        row = (row >> 1) | ((row & 1) << 7)
    return out ^ _AFFINE_CONSTANT


def _rotate(word: int, count: int) -> int:
    return ((word << count) | (word >> (32 - count))) & 0xFFFFFFFF


_SBOX = bytes(_affine(_inverse(_affine(x))) for x in range(256))
_CK = tuple(int.from_bytes(bytes((4 * i + j) * 7 % 256 for j in range(4)), "big") for i in range(32))


def _tau(word: int) -> int:
    return int.from_bytes(bytes(_SBOX[b] for b in word.to_bytes(4, "big")), "big")


def _round_tables() -> tuple[tuple[int, ...], ...]:
    """The S-box and the linear layer of the round joined in one table per byte position."""
    tables = []
    for shift in (24, 16, 8, 0):
        row = []
        for x in range(256):
            b = _SBOX[x] << shift
            row.append(b ^ _rotate(b, 2) ^ _rotate(b, 10) ^ _rotate(b, 18) ^ _rotate(b, 24))
        tables.append(tuple(row))
    return tuple(tables)


_T0, _T1, _T2, _T3 = _round_tables()


def _expand(key: bytes) -> list[int]:
    k = [int.from_bytes(key[4 * i : 4 * i + 4], "big") ^ _FK[i] for i in range(4)]
    for i in range(32):
        b = _tau(k[i + 1] ^ k[i + 2] ^ k[i + 3] ^ _CK[i])
        k.append(k[i] ^ b ^ _rotate(b, 13) ^ _rotate(b, 23))
    return k[4:]


class Sm4:
    """One key, expanded.  ``encrypt`` and ``decrypt`` take one block of 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._round_keys = _expand(key)

    def encrypt(self, block: bytes, /) -> bytes:
        return self._crypt(block, self._round_keys)

    def decrypt(self, block: bytes, /) -> bytes:
        return self._crypt(block, self._round_keys[::-1])

    @staticmethod
    def _crypt(block: bytes, round_keys: Sequence[int]) -> bytes:
        a, b, c, d = (int.from_bytes(block[i : i + 4], "big") for i in (0, 4, 8, 12))
        for rk in round_keys:
            x = b ^ c ^ d ^ rk
            t = _T0[x >> 24] ^ _T1[x >> 16 & 255] ^ _T2[x >> 8 & 255] ^ _T3[x & 255]
            a, b, c, d = b, c, d, a ^ t
        return b"".join(word.to_bytes(4, "big") for word in (d, c, b, a))
