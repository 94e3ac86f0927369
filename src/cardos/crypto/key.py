"""Keys that never show their value: :class:`Key` and the ciphers they belong to."""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
from typing import NoReturn

from ..errors import ParameterError

__all__ = ["Cipher", "Key"]

# Hash values differ from process to process, so they tell nothing about a key that leaked into a log as a
# number.
_HASH_SALT = secrets.token_bytes(16)


class Cipher(enum.Enum):
    """A block cipher: ``code`` is its number in the native core, lengths are in bytes."""

    DES = (0, 8, 8)
    TDES = (1, 16, 8)
    SM4 = (2, 16, 16)

    def __init__(self, code: int, key_size: int, block_size: int) -> None:
        self.code = code
        self.key_size = key_size
        self.block_size = block_size


# An enumeration looks its members up slowly.
_DES, _TDES = Cipher.DES, Cipher.TDES


class Key:
    """A key together with the cipher that it belongs to (ISO/IEC 18033-3 for DES and two-key TDES, GB/T
    32907 for SM4).

    The value is not in ``repr``, cannot be pickled and is compared in constant time; :meth:`reveal` is the
    one way out. DES parity bits are kept as given and ignored.

    >>> key = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
    >>> key
    <Key TDES>
    >>> key == Key(key.reveal(), Cipher.TDES), key == Key(key.reveal(), Cipher.SM4)
    (True, False)

    Raises :class:`~cardos.errors.ParameterError` when the length is not that of the cipher (DES 8, TDES and
    SM4 16 bytes).
    """

    __slots__ = ("_cipher", "_value")

    def __init__(self, value: bytes, cipher: Cipher | None = None) -> None:
        if cipher is None:
            cipher = _DES if len(value) == 8 else _TDES
        if len(value) != cipher.key_size:
            raise ParameterError(f"{cipher.name} key", f"{cipher.key_size} bytes", f"{len(value)} bytes")
        self._value = value if type(value) is bytes else bytes(value)
        self._cipher = cipher

    @property
    def cipher(self) -> Cipher:
        """The cipher that the key belongs to."""
        return self._cipher

    def reveal(self) -> bytes:
        """The key's bytes, for the few places that must have them: a cipher, a key file, an export by
        name.
        """
        return self._value

    def expanded(self) -> Key:
        """The same key with its key schedule, for a key that is used many times; equal to this one.

        The schedule shows as little as the key does, and is wiped from memory when the key is freed.  (The value itself
        is ``bytes``, which Python cannot wipe.)  With the pure backend it is this key.

        >>> key = Key(bytes(16), Cipher.SM4)
        >>> key.expanded(), key.expanded() == key
        (<Key SM4>, True)
        """
        from ._backend import engine  # which imports this module

        return engine.expanded(self)

    @property
    def block_size(self) -> int:
        """Block length of the cipher, bytes."""
        return self.cipher.block_size

    @property
    def left(self) -> Key:
        """The left half of a TDES key as a DES key."""
        return Key(self._half(0), Cipher.DES)

    @property
    def right(self) -> Key:
        """The right half of a TDES key as a DES key."""
        return Key(self._half(8), Cipher.DES)

    def folded(self) -> Key:
        """Left half XOR right half of a TDES key, a DES key: the TAC and RELOAD PIN key (JR/T 0025.2 5.5,
        5.2.12.3).
        """
        left, right = int.from_bytes(self._half(0), "big"), int.from_bytes(self._half(8), "big")
        return Key((left ^ right).to_bytes(8, "big"), Cipher.DES)

    def _half(self, start: int) -> bytes:
        if self.cipher is not Cipher.TDES:
            raise ParameterError("key", "a TDES key", self.cipher.name)
        return self._value[start : start + 8]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return self.cipher is other.cipher and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        digest = hashlib.blake2b(self._value, digest_size=8, key=_HASH_SALT, person=self.cipher.name.encode())
        return int.from_bytes(digest.digest(), "big")

    def __repr__(self) -> str:
        return f"<Key {self.cipher.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Key cannot be pickled; use reveal() where its bytes may be stored")
