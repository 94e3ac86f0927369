"""MACs: ISO/IEC 9797-1 algorithm 1 (any cipher) and algorithm 3 (two-key DES), and their verification."""

from __future__ import annotations

import hmac

from ..errors import MacMismatch, ParameterError
from ._backend import engine
from .block import encrypt_ecb, initial_value, pad
from .key import Cipher, Key

__all__ = ["key_check_value", "mac_alg1", "mac_alg3", "mac_block", "same", "verify_mac"]


#: A block of zeros, and what fills a last block of so many bytes, by block size.
_ZEROS = {size: bytes(size) for size in (8, 16)}
_PADDING = {size: tuple(b"\x80" + bytes(size - 1 - rest) for rest in range(size)) for size in _ZEROS}


def _truncate(block: bytes, length: int) -> bytes:
    if not 1 <= length <= len(block):
        raise ParameterError("length", f"1..{len(block)} bytes", length)
    return block[:length]


def mac_alg1(key: Key, data: bytes, *, iv: bytes | None = None, padding: int = 2, length: int = 4) -> bytes:
    """CBC-MAC, ISO/IEC 9797-1 MAC algorithm 1, with DES, TDES or SM4 (GB/T 15852.1 algorithm 1).

    ``iv`` is one block (zeros by default), ``padding`` method 1 or 2, ``length`` the leading bytes that are
    returned.

    >>> mac_alg1(Key(bytes.fromhex("0123456789ABCDEF")), b"Now is the time for all ").hex()
    '10e1f0f1'
    """
    message = pad(data, key.block_size, method=padding)
    return _truncate(engine.cbc_mac(key.cipher, key.reveal(), initial_value(key, iv), message), length)


def mac_block(key: Key, data: bytes) -> bytes:
    """The whole last block of :func:`mac_alg1` with initial value 0 and padding method 2.

    >>> mac_block(Key(bytes.fromhex("0123456789ABCDEF")), b"")[:4].hex()
    'caee534c'
    """
    size = key.cipher.block_size
    message = data + _PADDING[size][len(data) % size]
    return engine.cbc_mac(key.cipher, key.reveal(), _ZEROS[size], message)


def mac_alg3(key: Key, data: bytes, *, iv: bytes | None = None, padding: int = 2, length: int = 4) -> bytes:
    """Retail MAC, ISO/IEC 9797-1 MAC algorithm 3 with DES: CBC with the left half, last block decrypted
    with the right half and encrypted with the left (JR/T 0025.1 figure 4).  ``key`` is a TDES key; other
    arguments as :func:`mac_alg1`.

    >>> header = bytes.fromhex("841E000004")
    >>> mac_alg3(Key(bytes(16)), header, iv=bytes.fromhex("B5B0C54900000000")).hex()
    '34be5e04'
    """
    if key.cipher is not Cipher.TDES:
        raise ParameterError("key", "a TDES key", key.cipher.name)
    message = pad(data, key.block_size, method=padding)
    return _truncate(engine.retail_mac(key.reveal(), initial_value(key, iv), message), length)


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
    return _truncate(encrypt_ecb(key, bytes(key.block_size)), length)
