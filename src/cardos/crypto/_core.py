"""The native backend: the C core behind :class:`cardos.crypto._backend.Backend`.

Every call releases the GIL for as long as C computes.  Expanded keys are wiped in C before it returns.
"""

from __future__ import annotations

from ._native import ffi, lib
from .key import Cipher

__all__ = ["NativeBackend"]


_new, _buffer, _BYTES = ffi.new, ffi.buffer, ffi.typeof("uint8_t[]")


class NativeBackend:
    """Block operations in C; see :class:`cardos.crypto._backend.Backend` for the contract."""

    name = "native"

    def ecb(self, cipher: Cipher, key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        out = _new(_BYTES, len(data))
        lib.cardos_ecb(cipher.code, decrypt, key, data, len(data), out)
        result: bytes = _buffer(out)[:]
        return result

    def cbc(self, cipher: Cipher, key: bytes, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        out = _new(_BYTES, len(data))
        lib.cardos_cbc(cipher.code, decrypt, key, iv, data, len(data), out)
        result: bytes = _buffer(out)[:]
        return result

    def cbc_mac(self, cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes:
        out = _new(_BYTES, cipher.block_size)
        lib.cardos_cbc_mac(cipher.code, key, iv, data, len(data), out)
        result: bytes = _buffer(out)[:]
        return result

    def retail_mac(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        out = _new(_BYTES, Cipher.DES.block_size)
        lib.cardos_retail_mac(key, iv, data, len(data), out)
        result: bytes = _buffer(out)[:]
        return result
