"""Cipher suites: how a cipher is used for session keys, MACs, TACs and authentication.

JR/T 0025 fixes these rules for 3DES.  For 128-bit ciphers two practices exist: ``sm4-a`` (soft PSAM of toll
systems) and ``sm4-b`` (utility cards, described there for SM1).  A suite is data; nothing here asks for its
name.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import ParameterError
from .block import encrypt_ecb
from .key import Cipher, Key
from .mac import mac_alg1, mac_alg3, mac_block

__all__ = ["SUITES", "SessionRule", "Suite", "Truncation"]

_MAC_SIZE = 4


class SessionRule(enum.Enum):
    """What completes the 8-byte session block ``X`` to the block that is encrypted."""

    BLOCK = "X"
    COMPLEMENT = "X, NOT X"
    ZEROS = "X, 00 x 8"


class Truncation(enum.Enum):
    """How 4 MAC bytes come out of the last block."""

    LEFT = "left 4 bytes"
    XOR = "XOR of the 4-byte words"


@dataclass(frozen=True, slots=True)
class Suite:
    """The rules of one way to use one cipher.  Keys given to its methods are of ``cipher`` (or DES, in a
    3DES suite).
    """

    name: str
    cipher: Cipher
    session: SessionRule
    truncation: Truncation
    fold_tac_key: bool

    def key(self, value: bytes) -> Key:
        """A key of this suite: 16 bytes for the suite's cipher; 8 bytes are single DES, in a 3DES suite
        only.
        """
        return Key(value, Cipher.DES if self.cipher is Cipher.TDES and len(value) == 8 else self.cipher)

    def session_key(self, key: Key, block: bytes) -> Key:
        """Session key: the encryption of the 8-byte ``block`` (JR/T 0025.2 annex B.3): a DES key, or an SM4
        key.

        >>> dlk = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
        >>> SUITES["3des"].session_key(dlk, bytes.fromhex("C903814D00008000")).reveal().hex()
        '11fdf264e8aeefa3'
        """
        if len(block) != 8:
            raise ParameterError("session block", "8 bytes", f"{len(block)} bytes")
        if self.session is SessionRule.BLOCK:
            return Key(encrypt_ecb(key, block), Cipher.DES)
        rest = bytes(8) if self.session is SessionRule.ZEROS else bytes(b ^ 0xFF for b in block)
        return Key(encrypt_ecb(key, block + rest), self.cipher)

    def mac(self, session_key: Key, data: bytes) -> bytes:
        """MAC1, MAC2 or MAC3: CBC-MAC, initial value 0, padding method 2, 4 bytes (JR/T 0025.2 annex B.4)."""
        return self._truncate(mac_block(session_key, data))

    def tac(self, tac_key: Key, data: bytes) -> bytes:
        """TAC: as :meth:`mac`, under the folded DTK in a 3DES suite, under the whole DTK otherwise (JR/T
        0025.2 5.5).
        """
        return self.mac(tac_key.folded() if self.fold_tac_key else tac_key, data)

    def command_mac(self, key: Key, challenge: bytes, data: bytes, *, padding: int = 2) -> bytes:
        """MAC of a protected command or answer (JR/T 0025.2 5.5.9.1), initial value = challenge filled with
        zeros.

        ``challenge`` is 4, 8 or, with a 16-byte block, 16 bytes.  TDES keys use MAC algorithm 3, DES and
        SM4 keys algorithm 1.  ``padding`` method 1 leaves data alone that were padded before.
        """
        iv = self._fill(key, challenge)
        if key.cipher is Cipher.TDES:
            return mac_alg3(key, data, iv=iv, padding=padding)
        return self._truncate(mac_alg1(key, data, iv=iv, padding=padding, length=key.block_size))

    def cryptogram(self, key: Key, challenge: bytes) -> bytes:
        """The 8 bytes that EXTERNAL AUTHENTICATE sends: the encrypted challenge; a 16-byte result has its
        halves XORed.
        """
        block = encrypt_ecb(key, self._fill(key, challenge))
        return block if len(block) == 8 else bytes(a ^ b for a, b in zip(block[:8], block[8:], strict=True))

    def pin_mac(self, key: Key, pin: bytes) -> bytes:
        """MAC of RELOAD PIN over the new PIN alone (JR/T 0025.2 5.2.12.3); a DES key is used as it is."""
        return self.mac(key, pin) if key.cipher is Cipher.DES else self.tac(key, pin)

    def _fill(self, key: Key, challenge: bytes) -> bytes:
        if len(challenge) not in (4, 8, 16) or len(challenge) > key.block_size:
            raise ParameterError("challenge", f"4, 8 or {key.block_size} bytes", f"{len(challenge)} bytes")
        return challenge.ljust(key.block_size, b"\x00")

    def _truncate(self, block: bytes) -> bytes:
        if self.truncation is Truncation.LEFT:
            return block[:_MAC_SIZE]
        words = (int.from_bytes(block[i : i + _MAC_SIZE], "big") for i in range(0, len(block), _MAC_SIZE))
        result = 0
        for word in words:
            result ^= word
        return result.to_bytes(_MAC_SIZE, "big")


#: The suites by name: ``3des`` (JR/T 0025.2), ``sm4-a`` and ``sm4-b``.
SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            Suite("3des", Cipher.TDES, SessionRule.BLOCK, Truncation.LEFT, fold_tac_key=True),
            Suite("sm4-a", Cipher.SM4, SessionRule.COMPLEMENT, Truncation.LEFT, fold_tac_key=False),
            Suite("sm4-b", Cipher.SM4, SessionRule.ZEROS, Truncation.XOR, fold_tac_key=False),
        )
    }
)
