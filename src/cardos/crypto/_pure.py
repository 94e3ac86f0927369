"""The pure-Python backend: pycryptodome's DES and our SM4.  The simple version that the native core is
checked against.

Not constant-time: table look-ups by secret values.  Use it where no native core can be built.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, cast

from Crypto.Cipher import DES

from . import _sm4
from .key import Cipher

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

    def _block(self, cipher: Cipher, key: bytes) -> _Block:
        if cipher is Cipher.DES:
            return _des(key)
        return _TwoKeyTripleDes(key) if cipher is Cipher.TDES else _sm4.Sm4(key)

    def ecb(self, cipher: Cipher, key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        block, size = self._block(cipher, key), cipher.block_size
        step = block.decrypt if decrypt else block.encrypt
        return b"".join(step(data[i : i + size]) for i in range(0, len(data), size))

    def cbc(self, cipher: Cipher, key: bytes, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        block, size, out = self._block(cipher, key), cipher.block_size, []
        for i in range(0, len(data), size):
            chunk = data[i : i + size]
            if decrypt:
                out.append(_xor(block.decrypt(chunk), iv))
                iv = chunk
            else:
                iv = block.encrypt(_xor(chunk, iv))
                out.append(iv)
        return b"".join(out)

    def cbc_mac(self, cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes:
        return self.cbc(cipher, key, iv, data)[-cipher.block_size :]

    def retail_mac(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        left, right = _des(key[:8]), _des(key[8:])
        return left.encrypt(right.decrypt(self.cbc_mac(Cipher.DES, key[:8], iv, data)))
