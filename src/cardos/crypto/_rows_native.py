"""Rows evaluated by the C core: one call for a column, the GIL released, messages taken from where the
columns lie.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ._native import ffi, lib
from ._rows import KeyRows, MacRows
from ._source import Bytes2D, Source
from .key import Cipher
from .suite import Truncation

__all__ = ["NativeRows"]

# Any: a cffi struct, array or pointer; cffi has no types for them.
_C = Any

# A ``cardos_source`` as C lays it out: address, row step, byte step, width, mask, and the room behind it.  Packing all
# of them at once is faster than cffi's initialisers, and a short column waits for nothing else.
_SOURCE = "PnnNB0P"
if struct.calcsize(_SOURCE) != ffi.sizeof("cardos_source"):
    raise ImportError("the core lays out cardos_source otherwise")

_SOURCES, _from_buffer = ffi.typeof("cardos_source[]"), ffi.from_buffer


@cache
def _packer(count: int) -> struct.Struct:
    return struct.Struct(_SOURCE * count)


def _pointer(array: npt.NDArray[np.generic]) -> _C:
    return ffi.cast("uint8_t *", array.ctypes.data)


def _sources(sources: Sequence[Source]) -> _C:
    """A C array of sources; it lives as long as the result, and the bytes as long as the sources."""
    values: list[int] = []
    for source in sources:
        data = source.data
        row_step, byte_step = data.strides
        values += (
            data.ctypes.data,
            0 if source.every_row else row_step,
            byte_step,
            data.shape[1],
            source.mask,
        )
    return _from_buffer(_SOURCES, _packer(len(sources)).pack(*values))


class _Keys:
    """A ``cardos_keys`` and the C arrays that it points to, alive as long as this object."""

    def __init__(self, keys: KeyRows) -> None:
        self._stored = _sources((keys.stored,))
        self._messages = [_sources(level.message) for level in keys.levels]
        pairs = zip(keys.ciphers, self._messages, strict=False)
        self._levels = ffi.new("cardos_level[]", [(cipher.code, len(m), m) for cipher, m in pairs])
        self.c = ffi.new("cardos_keys *", (self._stored[0], len(keys.levels), self._levels))


class _Mac:
    """A ``cardos_mac`` and the C array that it points to, alive as long as this object."""

    def __init__(self, mac: MacRows, cipher: Cipher) -> None:
        self._message = _sources(mac.message)
        code = Cipher.DES.code if mac.fold else cipher.code
        fold_words = mac.suite.truncation is Truncation.XOR
        self.c = ffi.new("cardos_mac *", (code, mac.fold, fold_words, len(mac.message), self._message))


def _sink(out: Bytes2D) -> _C:
    return ffi.new("cardos_sink *", (_pointer(out), *out.strides))


class NativeRows:
    """See :class:`cardos.crypto._rows.RowEngine`."""

    def keys(self, keys: KeyRows, rows: int, out: Bytes2D) -> None:
        c_keys = _Keys(keys)
        lib.cardos_key_rows(c_keys.c, rows, _sink(out)[0])

    def macs(self, keys: KeyRows, mac: MacRows, rows: int, out: Bytes2D) -> None:
        c_keys, c_mac = _Keys(keys), _Mac(mac, keys.ciphers[-1])
        lib.cardos_mac_rows(c_keys.c, c_mac.c, rows, _sink(out)[0])

    def verify(self, keys: KeyRows, mac: MacRows, received: Source, verdicts: npt.NDArray[np.bool_]) -> None:
        c_keys, c_mac = _Keys(keys), _Mac(mac, keys.ciphers[-1])
        given = _sources((received,))
        lib.cardos_verify_rows(c_keys.c, c_mac.c, given[0], len(verdicts), _pointer(verdicts))
