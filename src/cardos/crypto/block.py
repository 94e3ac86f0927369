"""ECB and CBC, ISO/IEC 9797-1 padding, and the PBOC encipherment of command data."""

from __future__ import annotations

from ..errors import DecodeError, ParameterError
from ._backend import engine
from ._padding import pad
from .key import Key

__all__ = [
    "crypt_ctr",
    "decipher",
    "decrypt_cbc",
    "decrypt_ecb",
    "encipher",
    "enclosed",
    "encrypt_cbc",
    "encrypt_ecb",
    "pad",
    "unpad",
]


_ecb = engine.ecb


def _whole_blocks(key: Key, data: bytes) -> bytes:
    if len(data) % key.block_size:
        raise ParameterError("data", f"a multiple of {key.block_size} bytes", f"{len(data)} bytes")
    return data


def initial_value(key: Key, iv: bytes | None) -> bytes:
    """The initial value in use: zeros when ``None``, else exactly one block."""
    if iv is None:
        return bytes(key.block_size)
    if len(iv) != key.block_size:
        raise ParameterError("iv", f"{key.block_size} bytes", f"{len(iv)} bytes")
    return iv


def encrypt_ecb(key: Key, data: bytes) -> bytes:
    """ECB encryption of whole blocks (ISO/IEC 10116).

    >>> encrypt_ecb(Key(bytes.fromhex("0123456789ABCDEF")), b"Now is t").hex()
    '3fa40e8a984d4815'
    """
    if len(data) % key._cipher.block_size:  # noqa: SLF001 (as it is: every command needs one)
        _whole_blocks(key, data)
    return _ecb(key, data)


def decrypt_ecb(key: Key, data: bytes) -> bytes:
    """ECB decryption of whole blocks (ISO/IEC 10116)."""
    return engine.ecb(key, _whole_blocks(key, data), decrypt=True)


def encrypt_cbc(key: Key, data: bytes, *, iv: bytes | None = None) -> bytes:
    """CBC encryption of whole blocks (ISO/IEC 10116); ``iv`` is one block, zeros by default."""
    return engine.cbc(key, initial_value(key, iv), _whole_blocks(key, data))


def decrypt_cbc(key: Key, data: bytes, *, iv: bytes | None = None) -> bytes:
    """CBC decryption of whole blocks (ISO/IEC 10116); ``iv`` is one block, zeros by default."""
    return engine.cbc(key, initial_value(key, iv), _whole_blocks(key, data), decrypt=True)


def crypt_ctr(key: Key, data: bytes, *, counter: bytes) -> bytes:
    """CTR encryption or decryption, which are the same, of any number of bytes (ISO/IEC 10116).

    ``counter`` is one block, the first of the key stream's; it counts on as a big-endian number.

    >>> key = Key(bytes(8))
    >>> crypt_ctr(key, crypt_ctr(key, b"journal", counter=bytes(8)), counter=bytes(8))
    b'journal'
    """
    return engine.ctr(key, initial_value(key, counter), data)


def unpad(data: bytes, *, path: str = "padded data") -> bytes:
    """Data without padding method 2; :class:`~cardos.errors.DecodeError` when there is none.

    >>> unpad(bytes.fromhex("0102800000000000")).hex()
    '0102'
    """
    body = data.rstrip(b"\x00")
    if not body.endswith(b"\x80"):
        raise DecodeError("must end in 80 00..", offset=len(body), path=path)
    return body[:-1]


def enclosed(data: bytes, block_size: int, *, always_pad: bool = False) -> bytes:
    """What :func:`encipher` encrypts: length byte ‖ data, padded with ``80 00..`` only where needed (JR/T 0025.1
    8.3.3), or with ``always_pad`` also when the last block is full.

    ``data`` is 0..255 bytes.

    >>> enclosed(bytes([0xAA]), 8).hex()
    '01aa800000000000'
    """
    if len(data) > 255:
        raise ParameterError("data", "0..255 bytes", f"{len(data)} bytes")
    block = bytes([len(data)]) + data
    return pad(block, block_size) if always_pad or len(block) % block_size else block


def encipher(key: Key, data: bytes, *, always_pad: bool = False) -> bytes:
    """Enciphered command data: ECB over length byte ‖ data, padded with ``80 00..`` only where needed (JR/T
    0025.1 8.3.3), or with ``always_pad`` also when the last block is full, as some products do.

    ``data`` is 0..255 bytes.

    >>> dpuk = Key(bytes(16))
    >>> encipher(dpuk, bytes.fromhex("0000")).hex()
    'c5d6090efe1729bc'
    """
    return encrypt_ecb(key, enclosed(data, key.block_size, always_pad=always_pad))


def decipher(key: Key, data: bytes) -> bytes:
    """The plain data of :func:`encipher`; :class:`~cardos.errors.DecodeError` when length byte or padding
    is impossible.

    A padding block after a full last block is accepted too: some terminals send it.
    """
    if not data or len(data) % key.block_size:
        raise DecodeError(
            f"must be whole blocks of {key.block_size} bytes, got {len(data)}", path="enciphered data"
        )
    block = decrypt_ecb(key, data)
    end = 1 + block[0]
    if end > len(block):
        raise DecodeError(
            f"length byte must be at most {len(block) - 1}, got {block[0]}", path="enciphered data"
        )
    rest = block[end:]
    if len(rest) > key.block_size or rest != (b"\x80" + bytes(len(rest)))[: len(rest)]:
        raise DecodeError("padding must be 80 00..", offset=end, path="enciphered data")
    return block[1:end]
