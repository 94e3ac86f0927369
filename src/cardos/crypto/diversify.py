"""Key diversification: root → city → card (JR/T 0025.2 annex B.2)."""

from __future__ import annotations

from functools import reduce

from ..errors import ParameterError
from .block import encrypt_ecb
from .key import Cipher, Key

__all__ = ["FACTOR_SIZE", "diversification_block", "diversify"]

#: Length of one diversification factor, bytes.
FACTOR_SIZE = 8


def diversification_block(factor: bytes) -> bytes:
    """The 16 bytes that are encrypted to make a derived key: factor ‖ NOT factor."""
    if len(factor) != FACTOR_SIZE:
        raise ParameterError("factor", f"{FACTOR_SIZE} bytes", f"{len(factor)} bytes")
    return factor + bytes(b ^ 0xFF for b in factor)


def _level(master: Key, factor: bytes) -> Key:
    if master.cipher is Cipher.DES:
        raise ParameterError("master", "a TDES or SM4 key", "DES")
    return Key(encrypt_ecb(master, diversification_block(factor)), master.cipher)


def diversify(master: Key, *factors: bytes) -> Key:
    """The key derived from ``master`` by one level per 8-byte factor, the top of the hierarchy first.

    TDES: ``3DES(MK, F) ‖ 3DES(MK, NOT F)``; SM4: ``SM4(MK, F ‖ NOT F)``.  A card key is made with the
    city's factor first, then the card's: the rightmost 16 digits of its application serial number.

    >>> master = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
    >>> diversify(master, bytes.fromhex("1122334455667788")).reveal().hex()
    '496bd7a3513644533100b54e71196528'
    """
    return reduce(_level, factors, master)
