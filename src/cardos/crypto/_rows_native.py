"""Rows evaluated by the C core: one call for a column, the GIL released, messages taken from where the
columns lie.
"""

from __future__ import annotations

from collections.abc import Iterable
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


def _pointer(array: npt.NDArray[np.generic]) -> _C:
    return ffi.cast("uint8_t *", array.ctypes.data)


def _source(source: Source) -> _C:
    data = source.data
    row_step = 0 if source.every_row else data.strides[0]
    return (_pointer(data), row_step, data.strides[1], source.width, source.mask)


def _sources(sources: Iterable[Source]) -> _C:
    return ffi.new("cardos_source[]", [_source(source) for source in sources])


class _Keys:
    """A ``cardos_keys`` and the C arrays that it points to, alive as long as this object."""

    def __init__(self, keys: KeyRows) -> None:
        self._messages = [_sources(level.message) for level in keys.levels]
        pairs = zip(keys.ciphers, self._messages, strict=False)
        self._levels = ffi.new("cardos_level[]", [(cipher.code, len(m), m) for cipher, m in pairs])
        self.c = ffi.new("cardos_keys *", (_source(keys.stored), len(keys.levels), self._levels))


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
        given = ffi.new("cardos_source *", _source(received))
        lib.cardos_verify_rows(c_keys.c, c_mac.c, given[0], len(verdicts), _pointer(verdicts))
