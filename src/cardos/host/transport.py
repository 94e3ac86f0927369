"""Transports: exact bytes to a card, exact bytes back.  Wrappers add one thing each and are transports too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from ..apdu import Command
from ..errors import CardRemoved, DecodeError, TransportError

__all__ = ["CardLike", "Fault", "GetResponse", "SimulatedTransport", "Transport", "Wrapper"]

_MORE, _WRONG_LE = 0x61, 0x6C
_MOST_BYTES = 65_536


class Transport(Protocol):
    """A channel to one card.  Anything with these three methods is one; a subclass is a context manager as well.

    Errors are :class:`~cardos.errors.TransportError` (no answer: whether the card executed the command is
    unknown) and its subclass :class:`~cardos.errors.CardRemoved`, after which only :meth:`reset` helps.
    """

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, data and status word as they came, also when the status is an error."""
        ...

    def reset(self) -> bytes:
        """Power the card off and on; returns its ATR (or ATS)."""
        ...

    def close(self) -> None:
        """Give the card up; closing twice is allowed."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CardLike(Protocol):
    """What :class:`SimulatedTransport` asks of a card in the same process."""

    def power_on(self) -> bytes:
        """Power up; returns the ATR or ATS."""
        ...

    def power_off(self) -> None:
        """Cut the power."""
        ...

    def transmit(self, command: bytes, /) -> bytes:
        """Execute one command."""
        ...


class SimulatedTransport(Transport):
    """A card in the same process, powered up here; ``atr`` is what it answered to the last reset.

    When the card loses power inside a command (it raises :class:`~cardos.errors.CardRemoved`) nothing works
    until :meth:`reset`, as with a card that was pulled and put back.
    """

    def __init__(self, card: CardLike) -> None:
        self._card = card
        self._powered = self._closed = False
        self.atr = self.reset()

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer; :class:`~cardos.errors.CardRemoved` when it has, or loses, no power."""
        self._check_open()
        if not self._powered:
            raise CardRemoved("card is not powered; reset it")
        try:
            return self._card.transmit(command)
        except CardRemoved:
            self._powered = False
            raise

    def reset(self) -> bytes:
        """Power the card off and on."""
        self._check_open()
        self._card.power_off()
        self._powered = False
        self.atr = self._card.power_on()
        self._powered = True
        return self.atr

    def remove(self) -> None:
        """Take the card away: commands raise :class:`~cardos.errors.CardRemoved` until :meth:`reset`."""
        self._card.power_off()
        self._powered = False

    def close(self) -> None:
        """Cut the power; the card object can be used by another transport."""
        if not self._closed:
            self.remove()
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("transport is closed; open a new one")


class Wrapper(Transport):
    """A transport round a transport, changing nothing: the base of those that change one thing."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    def transmit(self, command: bytes, /) -> bytes:
        """As the inner transport."""
        return self.inner.transmit(command)

    def reset(self) -> bytes:
        """As the inner transport."""
        return self.inner.reset()

    def close(self) -> None:
        """Close the inner transport."""
        self.inner.close()


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

    def reset(self) -> bytes:
        """Put the card back."""
        self._gone = False
        return self.inner.reset()
