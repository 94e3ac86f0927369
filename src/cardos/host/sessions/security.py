"""Keys, PINs, secure messaging and blocking, as they are used from outside."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ...apdu import Command, MessageChannel, MessageRules, Response, SecureChannel
from ...apdu.os_commands import (
    APPLICATION_BLOCK,
    APPLICATION_UNBLOCK,
    CARD_BLOCK,
    CHANGE_PIN,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    INTERNAL_AUTHENTICATE,
    PIN_UNBLOCK,
    RELOAD_PIN,
    VERIFY,
)
from ...crypto import Key, Suite
from ...errors import DecodeError
from ...options import CosOptions
from ..transports import Transport
from .base import CardSession

__all__ = ["InternalMethod", "MessageKey", "SecuritySession"]

#: What protects commands: a key at hand or, as :meth:`PsamSession.message_key` gives it, what opens the channel of a
#: challenge with a key that lies elsewhere.
MessageKey = Key | Callable[[bytes, MessageRules], MessageChannel]

_USUAL: Final = CosOptions()
_BETWEEN_PINS: Final = b"\xff"
_MAC_CHALLENGE: Final = 4  # bytes of the challenge that is the initial value of a MAC
_FOR_A_TIME, _FOR_EVER = 0x00, 0x01


@enum.unique
class InternalMethod(enum.IntEnum):
    """P1 of INTERNAL AUTHENTICATE: what the key of that type does with the data (FMCOS 7.3)."""

    ENCIPHER = 0x00
    DECIPHER = 0x01
    MAC = 0x02


class SecuritySession(CardSession):
    """Keys and PINs of the current directory of a card of ``suite``, whose operating system has the options ``cos``.

    Where a method takes ``key``, the command is protected with it: a challenge is fetched, the MAC is made
    with it, and ``enciphered`` data are enciphered (JR/T 0025.2 5.5.9.1).
    """

    def __init__(self, transport: Transport, suite: Suite, cos: CosOptions = _USUAL) -> None:
        super().__init__(transport)
        self.suite = suite
        self.cos = cos

    # -- challenges and cryptograms

    def get_challenge(self, size: int = 8) -> bytes:
        """GET CHALLENGE (JR/T 0025.1 6.2.7): a random number of ``size`` bytes (4, 8 or, on cards with a 128-bit
        cipher, 16), good for the next command.

        Raises :class:`~cardos.errors.DecodeError` when the card gives another number of bytes.
        """
        challenge = self.send(replace(GET_CHALLENGE.command(), le=size)).data
        if len(challenge) != size:
            raise DecodeError(
                f"must be {size} bytes, got {len(challenge)}", path=f"{GET_CHALLENGE.name} answer"
            )
        return challenge

    def external_authenticate(
        self, key: Key, *, key_id: int = 0, line_key: MessageKey | None = None, enciphered: bool = False
    ) -> None:
        """EXTERNAL AUTHENTICATE (JR/T 0025.1 6.2.6): prove to the card that we have its authentication key
        ``key_id``; a wrong one raises ``63Cx``, x tries left.

        ``line_key`` protects the command, for a key whose type demands it.
        """
        challenge = self.get_challenge(key.block_size)
        command = EXTERNAL_AUTHENTICATE.command(
            None, key_id, cryptogram=self.suite.cryptogram(key, challenge)
        )
        if line_key is not None:
            command = self._channel(line_key, challenge).protect(command, enciphered=enciphered)
        self.send(command)

    def present_cryptogram(self, cryptogram: bytes, *, key_id: int = 0) -> None:
        """EXTERNAL AUTHENTICATE with what somebody else, a SAM or a key card, made of the challenge that was fetched
        just before.
        """
        self.send(EXTERNAL_AUTHENTICATE.command(None, key_id, cryptogram=cryptogram))

    def internal_authenticate(
        self, data: bytes, *, method: InternalMethod = InternalMethod.ENCIPHER, key_id: int = 0
    ) -> bytes:
        """INTERNAL AUTHENTICATE (JR/T 0025.1 6.2.9): what the card's key ``key_id`` makes of ``data``, whole blocks or
        a MAC of 4 bytes.
        """
        return self.send(INTERNAL_AUTHENTICATE.command(method, key_id, data=data)).data

    # -- PINs

    def verify(
        self, pin: bytes, *, key_id: int = 0, key: MessageKey | None = None, enciphered: bool = False
    ) -> None:
        """VERIFY (JR/T 0025.1 6.2.16): present the PIN ``key_id``; a wrong one raises ``63Cx``, x tries left."""
        self._send_protected(VERIFY.command(None, key_id, pin=pin), key, enciphered=enciphered)

    def change_pin(self, old: bytes, new: bytes, *, key_id: int = 0) -> None:
        """CHANGE PIN (JR/T 0025.2 5.2.1), both of 2..6 bytes; a wrong ``old`` one raises ``63Cx``, x tries left."""
        self.send(CHANGE_PIN.command(None, key_id, pins=old + _BETWEEN_PINS + new))

    def reload_pin(self, pin: bytes, *, key: Key, key_id: int = 0) -> None:
        """RELOAD PIN (JR/T 0025.2 5.2.12): a new PIN of 2..6 bytes with all its tries, under the issuer's ``key``."""
        mac = self.suite.pin_mac(key, pin)
        self.send(RELOAD_PIN.command(None, key_id, pin=pin + mac))

    def pin_unblock(self, pin: bytes, *, key: MessageKey, key_id: int = 0) -> None:
        """PIN UNBLOCK (JR/T 0025.1 6.2.10): all tries of a PIN are back, under the issuer's ``key``.

        ``pin`` goes enciphered; whether it must be the old one or becomes the new one is an option of the card.
        """
        place = (key_id, 0x00) if self.cos.pin_unblock_id == "p1" else (0x00, key_id)
        self._send_protected(PIN_UNBLOCK.command(*place, pin=pin), key, enciphered=True)

    # -- blocking

    def application_block(self, *, key: MessageKey, for_ever: bool = False) -> None:
        """APPLICATION BLOCK (JR/T 0025.1 6.2.3) of the current application, under its maintenance ``key``."""
        self._send_protected(APPLICATION_BLOCK.command(None, _FOR_EVER if for_ever else _FOR_A_TIME), key)

    def application_unblock(self, *, key: MessageKey) -> None:
        """APPLICATION UNBLOCK (JR/T 0025.1 6.2.4) of the current application, under its maintenance ``key``."""
        self._send_protected(APPLICATION_UNBLOCK.command(), key)

    def card_block(self, *, key: MessageKey) -> None:
        """CARD BLOCK (JR/T 0025.1 6.2.5): the card answers ``6A81`` to everything from now on, for ever."""
        self._send_protected(CARD_BLOCK.command(), key)

    # -- secure messaging

    def _channel(self, key: MessageKey, challenge: bytes | None = None) -> MessageChannel:
        """The protected exchange of one command, with a new challenge unless there is one."""
        if challenge is None:
            usual = _MAC_CHALLENGE in self.cos.challenge_sizes
            challenge = self.get_challenge(_MAC_CHALLENGE if usual else self.suite.cipher.block_size)
        rules = MessageRules.of(self.cos)
        return (
            SecureChannel(self.suite, key, challenge, rules)
            if isinstance(key, Key)
            else key(challenge, rules)
        )

    def _send_protected(
        self, command: Command, key: MessageKey | None, *, enciphered: bool = False
    ) -> Response:
        if key is not None:
            command = self._channel(key).protect(command, enciphered=enciphered)
        return self.send(command)

    def _read_protected(self, command: Command, key: MessageKey | None, *, enciphered: bool) -> bytes:
        """What a reading command gives; under ``key`` the MAC of the answer is checked and its data deciphered."""
        if key is None:
            return self.send(command).data
        length = command.le  # T=0 has no place for it beside the MAC: the card gives all there is
        hides_le = enciphered and self.cos.enciphered_le == "enciphered"
        if hides_le:
            command = replace(command, data=bytes([command.le % 256]), le=0)
        channel = self._channel(key)
        answer = self.send(channel.protect(command, enciphered=hides_le))
        return channel.unprotect_answer(answer.data, enciphered=enciphered)[:length]
