"""Whole files: ECB, CBC and CTR (ISO/IEC 10116) from one buffer into another, with nothing allocated for the result.

``data`` and ``out`` are contiguous buffers of equal length: ``bytearray``, ``memoryview``, ``mmap``, a NumPy array;
``data`` also ``bytes``.  They are the same memory, or share none.  The functions of :mod:`cardos.crypto` return new
``bytes`` instead, which for a large file costs as much time again.

>>> key, journal = Key(bytes(16)), bytearray(b"journal of a day")
>>> ecb(key, journal, journal)
>>> ecb(key, journal, journal, decrypt=True)
>>> journal
bytearray(b'journal of a day')
"""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError
from ._backend import engine
from .block import initial_value
from .key import Key

__all__ = ["cbc", "ctr", "ecb"]

#: What exports its memory.  Any: Python 3.11 has no type for that.
Buffer = Any


def ecb(key: Key, data: Buffer, out: Buffer, *, decrypt: bool = False) -> None:
    """ECB encryption, or decryption, of whole blocks into ``out``."""
    given, result = _views(data, out, key.block_size)
    engine.ecb_into(key, given, result, decrypt=decrypt)


def cbc(key: Key, data: Buffer, out: Buffer, *, iv: bytes | None = None, decrypt: bool = False) -> None:
    """CBC encryption, or decryption, of whole blocks into ``out``; ``iv`` is one block, zeros by default."""
    given, result = _views(data, out, key.block_size)
    engine.cbc_into(key, initial_value(key, iv), given, result, decrypt=decrypt)


def ctr(key: Key, data: Buffer, out: Buffer, *, counter: bytes) -> None:
    """CTR encryption or decryption of any number of bytes into ``out``; see :func:`cardos.crypto.crypt_ctr`."""
    given, result = _views(data, out, 1)
    engine.ctr_into(key, initial_value(key, counter), given, result)


def _view(name: str, buffer: Buffer) -> memoryview:
    view = memoryview(buffer)
    if not view.c_contiguous:
        raise ParameterError(name, "contiguous", f"strides {view.strides}")
    return view.cast("B") if view.nbytes else memoryview(bytearray())


def _views(data: Buffer, out: Buffer, block: int) -> tuple[memoryview, memoryview]:
    given, result = _view("data", data), _view("out", out)
    if len(given) % block:
        raise ParameterError("data", f"a multiple of {block} bytes", f"{len(given)} bytes")
    if len(result) != len(given):
        raise ParameterError("out", f"{len(given)} bytes, as data is", f"{len(result)} bytes")
    if result.readonly:
        raise ParameterError("out", "writable", "a read-only buffer")
    return given, result
