"""The native backend: the C core behind :class:`cardos.crypto._backend.Backend`.

Every call releases the GIL for as long as C computes.  Expanded keys are wiped in C before it returns; that of an
:class:`ExpandedKey` when it is freed.

C writes its result into new ``bytes``, which nobody else has seen yet and which are therefore free to change: no
buffer of cffi's is made, which takes longer than a MAC, nothing is copied, and nothing secret stays behind.  That
holds for CPython, for which alone the native core is built.
"""

# ruff: noqa: SLF001 (the fields of keys are read as they are: reveal() is one more call)

from __future__ import annotations

from typing import Any

from ..errors import ParameterError
from ._native import ffi, lib
from .key import Cipher, Key

__all__ = ["ExpandedKey", "NativeBackend"]

# Any, here and below: cffi has no types for its objects.
_BYTES, _from_buffer, _NULL = ffi.typeof("uint8_t[]"), ffi.from_buffer, ffi.NULL
_ecb, _cbc, _ctr = lib.cardos_ecb, lib.cardos_cbc, lib.cardos_ctr
_cbc_mac, _retail_mac = lib.cardos_cbc_mac, lib.cardos_retail_mac
_key_ecb, _key_cbc, _key_ctr = lib.cardos_key_ecb, lib.cardos_key_cbc, lib.cardos_key_ctr
_key_cbc_mac, _key_retail_mac = lib.cardos_key_cbc_mac, lib.cardos_key_retail_mac


class ExpandedKey(Key):
    """A :class:`Key` with its key schedule; see :meth:`Key.expanded`."""

    __slots__ = ("_schedule",)

    _schedule: Any

    def __init__(self, value: bytes, cipher: Cipher) -> None:
        super().__init__(value, cipher)
        schedule = lib.cardos_key_new(cipher.code, self.reveal())
        if schedule == _NULL:
            raise MemoryError
        self._schedule = schedule

    def __del__(self, _free: Any = lib.cardos_key_free) -> None:
        schedule = getattr(self, "_schedule", None)  # none where __init__ raised
        if schedule is not None:
            _free(schedule)


def _apart(data: memoryview, out: memoryview) -> tuple[Any, Any]:
    """Both as arrays of C, which are the same memory or share none."""
    given, result = _from_buffer(_BYTES, data), _from_buffer(_BYTES, out)
    distance = abs(int(ffi.cast("intptr_t", result)) - int(ffi.cast("intptr_t", given)))
    if 0 < distance < len(given):
        raise ParameterError("out", "the memory of data, or none of it", "memory that overlaps")
    return given, result


class NativeBackend:
    """Block operations in C; see :class:`cardos.crypto._backend.Backend` for the contract.

    A card's every command needs the first three, so these call nothing in Python.
    """

    name = "native"

    def ecb(self, key: Key, data: bytes, *, decrypt: bool = False) -> bytes:
        out = bytes(len(data))
        if type(key) is ExpandedKey:
            _key_ecb(key._schedule, decrypt, data, len(data), out)
        else:
            _ecb(key._cipher.code, decrypt, key._value, data, len(data), out)
        return out

    def cbc_mac(self, key: Key, iv: bytes | None, data: bytes, padding: int, length: int) -> bytes:
        out = bytes(length)
        if type(key) is ExpandedKey:
            _key_cbc_mac(key._schedule, iv or _NULL, data, len(data), padding, out, length)
        else:
            _cbc_mac(key._cipher.code, key._value, iv or _NULL, data, len(data), padding, out, length)
        return out

    def retail_mac(self, key: Key, iv: bytes | None, data: bytes, padding: int, length: int) -> bytes:
        out = bytes(length)
        if type(key) is ExpandedKey:
            _key_retail_mac(key._schedule, iv or _NULL, data, len(data), padding, out, length)
        else:
            _retail_mac(key._value, iv or _NULL, data, len(data), padding, out, length)
        return out

    def expanded(self, key: Key) -> Key:
        return key if type(key) is ExpandedKey else ExpandedKey(key.reveal(), key.cipher)

    def cbc(self, key: Key, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        out = bytes(len(data))
        self._cbc_to(key, iv, data, out, decrypt)
        return out

    def ctr(self, key: Key, counter: bytes, data: bytes) -> bytes:
        out = bytes(len(data))
        self._ctr_to(key, counter, data, out)
        return out

    def ecb_into(self, key: Key, data: memoryview, out: memoryview, *, decrypt: bool = False) -> None:
        given, result = _apart(data, out)
        if type(key) is ExpandedKey:
            _key_ecb(key._schedule, decrypt, given, len(given), result)
        else:
            _ecb(key._cipher.code, decrypt, key.reveal(), given, len(given), result)

    def cbc_into(
        self, key: Key, iv: bytes, data: memoryview, out: memoryview, *, decrypt: bool = False
    ) -> None:
        self._cbc_to(key, iv, *_apart(data, out), decrypt)

    def ctr_into(self, key: Key, counter: bytes, data: memoryview, out: memoryview) -> None:
        self._ctr_to(key, counter, *_apart(data, out))

    def _cbc_to(self, key: Key, iv: bytes, data: Any, out: Any, decrypt: bool) -> None:  # noqa: FBT001 (an int of C)
        if type(key) is ExpandedKey:
            _key_cbc(key._schedule, decrypt, iv, data, len(data), out)
        else:
            _cbc(key._cipher.code, decrypt, key.reveal(), iv, data, len(data), out)

    def _ctr_to(self, key: Key, counter: bytes, data: Any, out: Any) -> None:
        if type(key) is ExpandedKey:
            _key_ctr(key._schedule, counter, data, len(data), out)
        else:
            _ctr(key._cipher.code, key.reveal(), counter, data, len(data), out)
