"""Secure messaging with a key that never leaves a SAM: the SAM encrypts and MACs (DES CRYPT)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...apdu import MessageChannel, MessageRules
from ...apdu.sam_commands import DES_CRYPT, MOST_CRYPT_DATA, CryptMode
from ...apdu.secure import MAC_SIZE
from ...crypto import Cipher
from ...crypto.block import enclosed, pad
from ...errors import DecodeError, ParameterError

__all__ = ["SamChannel"]

#: Modes of a MAC in parts by whether a part is the first and the last.
_MAC_MODES: Final = {
    (True, True): CryptMode.MAC_WHOLE,
    (True, False): CryptMode.MAC_FIRST,
    (False, False): CryptMode.MAC_MIDDLE,
    (False, True): CryptMode.MAC_LAST,
}


class SamChannel(MessageChannel):
    """One protected exchange under the key that was delivered in a SAM, of which ``crypt`` is the DES CRYPT.

    A SAM deciphers nothing, and its MAC of a 3DES key is algorithm 3 of ISO/IEC 9797-1, always.
    """

    __slots__ = ("_always_pad", "_crypt", "_size", "_start")

    def __init__(
        self,
        crypt: Callable[[CryptMode, bytes], bytes],
        cipher: Cipher,
        challenge: bytes,
        rules: MessageRules,
    ) -> None:
        if rules.single_des:
            raise ParameterError("key", "at hand for a card whose MAC is single DES", "one in a SAM")
        self._crypt = crypt
        self._size = cipher.block_size
        self._start = challenge.ljust(self._size, b"\x00")
        self._always_pad = rules.always_pad

    def _encipher(self, data: bytes) -> bytes:
        plain = enclosed(data, self._size, always_pad=self._always_pad)
        return b"".join(self._sam(CryptMode.ENCRYPT_LAST, part, len(part)) for part in _parts(plain))

    def _decipher(self, data: bytes) -> bytes:
        del data
        raise ParameterError("enciphered", "False with a key in a SAM, which deciphers nothing", "True")

    def _mac(self, data: bytes) -> bytes:
        parts = _parts(self._start + pad(data, self._size))
        last = len(parts) - 1
        mac = b""
        for place, part in enumerate(parts):
            mac = self._sam(_MAC_MODES[place == 0, place == last], part, MAC_SIZE if place == last else 0)
        return mac

    def _sam(self, mode: CryptMode, data: bytes, size: int) -> bytes:
        """What the SAM makes of ``data``; :class:`~cardos.errors.DecodeError` unless it is ``size`` bytes."""
        answer = self._crypt(mode, data)
        if len(answer) != size:
            raise DecodeError(f"must be {size} bytes, got {len(answer)}", path=f"{DES_CRYPT.name} answer")
        return answer


def _parts(data: bytes) -> list[bytes]:
    """Data as commands of a SAM take them."""
    return [data[at : at + MOST_CRYPT_DATA] for at in range(0, len(data), MOST_CRYPT_DATA)]
