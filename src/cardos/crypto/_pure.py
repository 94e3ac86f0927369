"""The pure-Python backend: pycryptodome's DES and our SM4.  The simple version that the native core is
checked against.

Not constant-time: table look-ups by secret values.  Use it where no native core can be built.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, cast

from Crypto.Cipher import DES

from . import _sm4
from ._padding import pad
from .key import Cipher, Key

__all__ = ["PureBackend"]


class _Block(Protocol):
    def encrypt(self, block: bytes, /) -> bytes: ...

    def decrypt(self, block: bytes, /) -> bytes: ...


class _TwoKeyTripleDes:
    """EDE with K1, K2, K1.  pycryptodome's own DES3 refuses K1 = K2, which test cards use."""

    def __init__(self, key: bytes) -> None:
        self._k1, self._k2 = _des(key[:8]), _des(key[8:])

    def encrypt(self, block: bytes, /) -> bytes:
        return self._k1.encrypt(self._k2.decrypt(self._k1.encrypt(block)))

    def decrypt(self, block: bytes, /) -> bytes:
        return self._k1.decrypt(self._k2.encrypt(self._k1.decrypt(block)))


@lru_cache(maxsize=256)
def _des(key: bytes) -> _Block:
    return cast(_Block, DES.new(key, DES.MODE_ECB))


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


class PureBackend:
    """Block operations in Python; see :class:`cardos.crypto._backend.Backend` for the contract."""

    name = "pure"

    def expanded(self, key: Key) -> Key:
        return key  # DES keys are kept expanded anyway

    def _block(self, key: Key) -> _Block:
        value = key.reveal()
        if key.cipher is Cipher.DES:
            return _des(value)
        return _TwoKeyTripleDes(value) if key.cipher is Cipher.TDES else _sm4.Sm4(value)

    def ecb(self, key: Key, data: bytes, *, decrypt: bool = False) -> bytes:
        block, size = self._block(key), key.block_size
        step = block.decrypt if decrypt else block.encrypt
        return b"".join(step(data[i : i + size]) for i in range(0, len(data), size))

    def cbc(self, key: Key, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        block, size, out = self._block(key), key.block_size, []
        for i in range(0, len(data), size):
            chunk = data[i : i + size]
            if decrypt:
                out.append(_xor(block.decrypt(chunk), iv))
                iv = chunk
            else:
                iv = block.encrypt(_xor(chunk, iv))
                out.append(iv)
        return b"".join(out)

    def ctr(self, key: Key, counter: bytes, data: bytes) -> bytes:
        size, first = key.block_size, int.from_bytes(counter, "big")
        blocks = range(first, first - len(data) // -size)
        stream = self.ecb(key, b"".join((n % 256**size).to_bytes(size, "big") for n in blocks))
        return _xor(data, stream[: len(data)])

    def ecb_into(self, key: Key, data: memoryview, out: memoryview, *, decrypt: bool = False) -> None:
        out[:] = self.ecb(key, bytes(data), decrypt=decrypt)

    def cbc_into(
        self, key: Key, iv: bytes, data: memoryview, out: memoryview, *, decrypt: bool = False
    ) -> None:
        out[:] = self.cbc(key, iv, bytes(data), decrypt=decrypt)

    def ctr_into(self, key: Key, counter: bytes, data: memoryview, out: memoryview) -> None:
        out[:] = self.ctr(key, counter, bytes(data))

    def cbc_mac(self, key: Key, iv: bytes | None, data: bytes, padding: int, length: int) -> bytes:
        size = key.block_size
        message = pad(data, size, method=padding)
        return self.cbc(key, bytes(size) if iv is None else iv, message)[-size:][:length]

    def retail_mac(self, key: Key, iv: bytes | None, data: bytes, padding: int, length: int) -> bytes:
        left, right = _des(key.left.reveal()), _des(key.right.reveal())
        return left.encrypt(right.decrypt(self.cbc_mac(key.left, iv, data, padding, 8)))[:length]
