"""Wrappers: transports round a transport that change one thing each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ...apdu import Command, find_spec
from ...apdu.grey_commands import GET_LOCK_PROOF
from ...apdu.os_commands import GET_MESSAGE, READ_BINARY, READ_RECORD, SELECT
from ...apdu.purse_commands import GET_BALANCE, GET_TRANSACTION_PROVE
from ...errors import CardRemoved, DecodeError, ParameterError, TransportError, TransportTimeout
from .base import Transport, Wrapper

__all__ = [
    "Delay",
    "Effect",
    "Fault",
    "GetResponse",
    "Interference",
    "Retry",
    "changes_nothing",
    "corrupt_answer",
    "lose_answer",
    "lose_command",
    "tear_answer",
]

_MORE, _WRONG_LE = 0x61, 0x6C
_MOST_BYTES = 65_536
_RECORD_MODE, _BY_NUMBER = 0x07, 0x04  # in P2 of READ RECORD


class GetResponse(Wrapper):
    """Resolves ``61xx`` by GET RESPONSE and ``6Cxx`` by asking again with that Le (ISO/IEC 7816-4 5.3.4).

    The extra exchanges go through the inner transport, so a trace below shows them.  ``6Cxx`` is followed
    once.  A card that never ends its answer raises :class:`~cardos.errors.TransportError` after 64 KiB.
    """

    def transmit(self, command: bytes, /) -> bytes:
        """The whole answer with its final status word."""
        raw = self.inner.transmit(command)
        if raw[-2:-1] == bytes([_WRONG_LE]):
            raw = self.inner.transmit(_with_le(command, raw[-1]))
        return self._collect(raw)

    def _collect(self, raw: bytes) -> bytes:
        data = b""
        while raw[-2:-1] == bytes([_MORE]):
            data += raw[:-2]
            if len(data) > _MOST_BYTES:
                raise TransportError(f"answer must end within {_MOST_BYTES} bytes, got more")
            got = self.inner.transmit(bytes([0x00, 0xC0, 0x00, 0x00, raw[-1]]))
            if len(got) <= 2 and got[:1] == bytes([_MORE]):
                raise TransportError("GET RESPONSE must return data, got none")
            raw = got
        return data + raw


def _with_le(command: bytes, le: int) -> bytes:
    try:
        return bytes(replace(Command.decode(command, strict=False), le=le or 256))
    except DecodeError:
        return command


class Fault(Wrapper):
    """Pulls the card on purpose, for tests and demonstrations: at the first command that ``at`` chooses.

    ``before`` the command reaches the card, or after the card executed it (its answer is lost).  Then
    :class:`~cardos.errors.CardRemoved` is raised until :meth:`reset`, and the fault is ``spent``.
    """

    def __init__(self, inner: Transport, *, at: Callable[[bytes], bool], before: bool) -> None:
        super().__init__(inner)
        self._at, self._before = at, before
        self._gone = self.spent = False

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, or :class:`~cardos.errors.CardRemoved` where the fault strikes."""
        if self._gone:
            raise CardRemoved("card was pulled; reset it")
        if self.spent or not self._at(command):
            return self.inner.transmit(command)
        self._gone = self.spent = True
        if not self._before:
            self.inner.transmit(command)
        raise CardRemoved(f"card was pulled {'before' if self._before else 'after'} the command")

    def reset(self, *, cold: bool = True) -> bytes:
        """Put the card back."""
        self._gone = False
        return self.inner.reset(cold=cold)


# ------------------------------------------------------------------ a bad line


#: What happens to one command: it gets the inner transport and the command, and gives the answer or raises.
Effect = Callable[[Transport, bytes], bytes]


def lose_command(inner: Transport, command: bytes) -> bytes:
    """The command never reaches the card; :class:`~cardos.errors.TransportTimeout`."""
    del inner, command
    raise TransportTimeout("no answer came: the command was lost")


def lose_answer(inner: Transport, command: bytes) -> bytes:
    """The card executes the command, and its answer never comes; :class:`~cardos.errors.TransportTimeout`."""
    inner.transmit(command)
    raise TransportTimeout("no answer came: it was lost")


def corrupt_answer(position: int, *, flip: int = 0x01) -> Effect:
    """An effect that inverts the bits ``flip`` (01..FF) of the answer's byte at ``position`` (negative: from the
    end); shorter answers pass.
    """

    def corrupted(inner: Transport, command: bytes) -> bytes:
        answer = bytearray(inner.transmit(command))
        if -len(answer) <= position < len(answer):
            answer[position] ^= flip
        return bytes(answer)

    return corrupted


def tear_answer(length: int) -> Effect:
    """An effect that lets only the first ``length`` bytes of the answer through."""
    return lambda inner, command: inner.transmit(command)[:length]


class Interference(Wrapper):
    """A line that does ``effect`` to every command that ``at`` chooses, for tests: one of :func:`lose_command`,
    :func:`lose_answer`, :func:`corrupt_answer`, :func:`tear_answer`, or a function of one's own.

    >>> from cardos.readers import open_transport
    >>> card = Interference(open_transport("sim:city-3des"), at=lambda _: True, effect=tear_answer(1))
    >>> len(card.transmit(bytes.fromhex("0084000004")))
    1
    """

    def __init__(self, inner: Transport, *, at: Callable[[bytes], bool], effect: Effect) -> None:
        super().__init__(inner)
        self._at, self._effect = at, effect

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, and what the line made of it."""
        return self._effect(self.inner, command) if self._at(command) else self.inner.transmit(command)


class Delay(Wrapper):
    """A slow line: ``seconds`` pass before each command; ``sleep`` is how."""

    def __init__(
        self, inner: Transport, seconds: float, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        super().__init__(inner)
        if seconds < 0:
            raise ParameterError("seconds", "0 or more", seconds)
        self._seconds, self._sleep = seconds, sleep

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, later."""
        self._sleep(self._seconds)
        return self.inner.transmit(command)


#: Commands that a card may get twice, and the parameters with which they mean the same again: not the next record or
#: application.
_REPEATABLE: Mapping[str, Callable[[Command], bool]] = MappingProxyType(
    {
        SELECT.name: lambda command: command.p2 == 0,
        READ_RECORD.name: lambda command: command.p2 & _RECORD_MODE == _BY_NUMBER,
        **{
            spec.name: lambda _: True
            for spec in (READ_BINARY, GET_BALANCE, GET_TRANSACTION_PROVE, GET_LOCK_PROOF, GET_MESSAGE)
        },
    }
)


def changes_nothing(command: bytes) -> bool:
    """Whether a command may be sent twice, because the second one finds and leaves what the first did.

    >>> changes_nothing(bytes.fromhex("805C000204")), changes_nothing(bytes.fromhex("0020000003123456"))
    (True, False)
    """
    try:
        decoded = Command.decode(command)
    except DecodeError:
        return False
    spec = find_spec(decoded)
    return spec is not None and spec.name in _REPEATABLE and _REPEATABLE[spec.name](decoded)


class Retry(Wrapper):
    """Sends a command again, up to ``times`` more, when no answer came in time, but only one that ``repeatable`` allows
    (:func:`changes_nothing`): everything else may have been executed.

    A card that was removed is not asked again: it lost its state.
    """

    def __init__(
        self, inner: Transport, times: int = 2, *, repeatable: Callable[[bytes], bool] = changes_nothing
    ) -> None:
        super().__init__(inner)
        if times < 0:
            raise ParameterError("times", "0 or more", times)
        self._times, self._repeatable = times, repeatable

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, or :class:`~cardos.errors.TransportTimeout` of the last try."""
        for _ in range(self._times if self._repeatable(command) else 0):
            try:
                return self.inner.transmit(command)
            except TransportTimeout:
                continue
        return self.inner.transmit(command)
