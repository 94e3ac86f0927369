"""Secure messaging of commands and answers, for both sides of the contacts (JR/T 0025.2 5.5.9.1, JR/T
0025.1 8.3).

A protected command has 4 in the low nibble of CLA, its data plain or enciphered, and a 4-byte MAC as the
last element of the data field.  The initial value is the challenge that the card gave just before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from ..crypto import Cipher, Key, Suite, decipher, encipher, verify_mac
from ..errors import DecodeError, ParameterError
from ..options import CosOptions
from .command import Command

__all__ = ["MAC_SIZE", "SECURE_MESSAGING", "MessageChannel", "MessageRules", "SecureChannel", "is_protected"]

#: Length of the MAC in a protected command or answer, bytes.
MAC_SIZE = 4
_MOST_DATA = 255 - MAC_SIZE  # Lc is one byte
#: Low nibble of the class byte of a protected command.
SECURE_MESSAGING = 0x04


def is_protected(cla: int) -> bool:
    """Whether a class byte announces secure messaging."""
    return cla & 0x0F == SECURE_MESSAGING


@dataclass(frozen=True, slots=True)
class MessageRules:
    """Where readings of secure messaging differ.

    ``single_des``: a MAC under a 16-byte DES key uses its left half alone, otherwise MAC algorithm 3.
    ``always_pad``: enciphered data whose last block is full get a block ``80 00..`` more.
    """

    single_des: bool = False
    always_pad: bool = False

    @classmethod
    def of(cls, cos: CosOptions) -> MessageRules:
        """The rules of a card with these options of its operating system.

        >>> MessageRules.of(CosOptions())
        MessageRules(single_des=False, always_pad=False)
        """
        return cls(cos.command_mac == "des", cos.encipher_padding == "always")


class MessageChannel(ABC):
    """One protected exchange: how command and answer are put together, whoever has the key."""

    __slots__ = ()

    def protect(self, command: Command, *, enciphered: bool = False) -> Command:
        """The command as it is sent: CLA with 4, data (enciphered if asked for), MAC.

        Raises :class:`~cardos.errors.ParameterError` when data and MAC are more than 255 bytes.
        """
        data = self._encipher(command.data) if enciphered else command.data
        if len(data) > _MOST_DATA:
            raise ParameterError("data", f"0..{_MOST_DATA} bytes before their MAC", f"{len(data)} bytes")
        bare = replace(command, cla=command.cla & 0xF0 | SECURE_MESSAGING, data=data)
        return replace(bare, data=data + self._mac(self._covered(bare, len(data) + MAC_SIZE)))

    def unprotect(self, command: Command, *, enciphered: bool = False) -> Command:
        """The command with MAC checked and removed and its data deciphered; CLA stays as received.

        Raises :class:`~cardos.errors.DecodeError` when there is no room for a MAC or the deciphered data
        are malformed, :class:`~cardos.errors.MacMismatch` when the MAC is wrong.
        """
        if len(command.data) < MAC_SIZE:
            raise DecodeError(f"must end in a MAC of {MAC_SIZE} bytes", offset=5, path="protected data")
        data, received = command.data[:-MAC_SIZE], command.data[-MAC_SIZE:]
        expected = self._mac(self._covered(replace(command, data=data), len(command.data)))
        verify_mac(expected, received, "MAC of the protected command")
        return replace(command, data=self._decipher(data) if enciphered else data)

    def protect_answer(self, data: bytes, *, enciphered: bool = False) -> bytes:
        """Response data of a protected read: data (or its encipherment) followed by a MAC over it."""
        data = self._encipher(data) if enciphered else data
        return data + self._mac(data)

    def unprotect_answer(self, data: bytes, *, enciphered: bool = False) -> bytes:
        """The plain data of :meth:`protect_answer`; raises as :meth:`unprotect` does."""
        if len(data) < MAC_SIZE:
            raise DecodeError(f"must end in a MAC of {MAC_SIZE} bytes", path="protected answer")
        verify_mac(self._mac(data[:-MAC_SIZE]), data[-MAC_SIZE:], "MAC of the protected answer")
        return self._decipher(data[:-MAC_SIZE]) if enciphered else data[:-MAC_SIZE]

    @abstractmethod
    def _encipher(self, data: bytes) -> bytes:
        """Length byte, data and padding, encrypted."""

    @abstractmethod
    def _decipher(self, data: bytes) -> bytes:
        """The data of :meth:`_encipher`."""

    @abstractmethod
    def _mac(self, data: bytes) -> bytes:
        """The 4 bytes of a MAC over ``data``, whose initial value is the challenge."""

    @staticmethod
    def _covered(command: Command, lc: int) -> bytes:
        """The bytes under the MAC: header, the Lc that is transmitted, data."""
        return command.header + bytes([lc]) + command.data


@dataclass(frozen=True, slots=True)
class SecureChannel(MessageChannel):
    """One protected exchange: the suite, the key (DAMK, DPUK or a master key), the challenge of this command, and
    the rules of the card.

    >>> from cardos.crypto import SUITES
    >>> channel = SecureChannel(SUITES["3des"], Key(bytes(16)), bytes.fromhex("B5B0C549"))
    >>> bytes(channel.protect(Command(0x80, 0x1E, 0, 0))).hex()
    '841e00000434be5e04'
    """

    suite: Suite
    key: Key
    challenge: bytes
    rules: MessageRules = MessageRules()

    def _encipher(self, data: bytes) -> bytes:
        return encipher(self.key, data, always_pad=self.rules.always_pad)

    def _decipher(self, data: bytes) -> bytes:
        return decipher(self.key, data)

    def _mac(self, data: bytes) -> bytes:
        halved = self.rules.single_des and self.key.cipher is Cipher.TDES
        return self.suite.command_mac(self.key.left if halved else self.key, self.challenge, data)
