"""MACs: ISO/IEC 9797-1 algorithm 1 (any cipher) and algorithm 3 (two-key DES), and their verification."""

# ruff: noqa: SLF001 (the cipher of a key is read as it is: every command needs a MAC)

from __future__ import annotations

import hmac
from typing import NoReturn

from ..errors import MacMismatch, ParameterError
from ._backend import engine
from .block import encrypt_ecb, initial_value
from .key import Cipher, Key

__all__ = ["key_check_value", "mac_alg1", "mac_alg3", "mac_block", "same", "verify_mac"]

# What a call needs, looked up once.
_cbc_mac, _retail_mac, _TDES = engine.cbc_mac, engine.retail_mac, Cipher.TDES


def _refuse(key: Key, iv: bytes | None, length: int) -> NoReturn:
    initial_value(key, iv)
    raise ParameterError("length", f"1..{key.block_size} bytes", length)


def _refuse_padding(padding: int) -> NoReturn:
    raise ParameterError("padding", "1 or 2", padding)


def mac_alg1(key: Key, data: bytes, *, iv: bytes | None = None, padding: int = 2, length: int = 4) -> bytes:
    """CBC-MAC, ISO/IEC 9797-1 MAC algorithm 1, with DES, TDES or SM4 (GB/T 15852.1 algorithm 1).

    ``iv`` is one block (zeros by default), ``padding`` method 1 or 2, ``length`` the leading bytes that are
    returned.

    >>> mac_alg1(Key(bytes.fromhex("0123456789ABCDEF")), b"Now is the time for all ").hex()
    '10e1f0f1'
    """
    size = key._cipher.block_size
    if (iv is not None and len(iv) != size) or not 1 <= length <= size:
        _refuse(key, iv, length)
    if padding not in (1, 2):
        _refuse_padding(padding)
    return _cbc_mac(key, iv, data, padding, length)


def mac_block(key: Key, data: bytes) -> bytes:
    """The whole last block of :func:`mac_alg1` with initial value 0 and padding method 2.

    >>> mac_block(Key(bytes.fromhex("0123456789ABCDEF")), b"")[:4].hex()
    'caee534c'
    """
    return _cbc_mac(key, None, data, 2, key._cipher.block_size)


def mac_alg3(key: Key, data: bytes, *, iv: bytes | None = None, padding: int = 2, length: int = 4) -> bytes:
    """Retail MAC, ISO/IEC 9797-1 MAC algorithm 3 with DES: CBC with the left half, last block decrypted
    with the right half and encrypted with the left (JR/T 0025.1 figure 4).  ``key`` is a TDES key; other
    arguments as :func:`mac_alg1`.

    >>> header = bytes.fromhex("841E000004")
    >>> mac_alg3(Key(bytes(16)), header, iv=bytes.fromhex("B5B0C54900000000")).hex()
    '34be5e04'
    """
    if key._cipher is not _TDES:
        raise ParameterError("key", "a TDES key", key.cipher.name)
    if (iv is not None and len(iv) != 8) or not 1 <= length <= 8:
        _refuse(key, iv, length)
    if padding not in (1, 2):
        _refuse_padding(padding)
    return _retail_mac(key, iv, data, padding, length)


def same(expected: bytes, received: bytes) -> bool:
    """Whether two MACs are equal in length and content, in constant time for equal lengths."""
    return hmac.compare_digest(expected, received)


def verify_mac(expected: bytes, received: bytes, what: str) -> None:
    """Raise :class:`~cardos.errors.MacMismatch` naming ``what`` unless both are equal (constant time)."""
    if not same(expected, received):
        raise MacMismatch(what)


def key_check_value(key: Key, *, length: int = 3) -> bytes:
    """Leading bytes of the encryption of a zero block: tells two keys apart without showing them.

    >>> key_check_value(Key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))).hex()
    '08d7b4'
    """
    if not 1 <= length <= key.block_size:
        _refuse(key, None, length)
    return encrypt_ecb(key, bytes(key.block_size))[:length]
