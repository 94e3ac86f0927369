"""Transports: exact bytes to a card, exact bytes back.  Wrappers add one thing each and are transports too."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Protocol, Self

__all__ = ["CardLike", "Transport", "Wrapper"]


class Transport(Protocol):
    """A channel to one card, a context manager that closes it.

    ``atr`` is what the card answered to the last reset (ATR or ATS), empty when the channel does not tell.

    Errors are :class:`~cardos.errors.TransportError` (no answer: whether the card executed the command is
    unknown) and its subclasses; after :class:`~cardos.errors.CardRemoved` only :meth:`reset` helps.
    """

    atr: bytes = b""

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, data and status word as they came, also when the status is an error."""
        ...

    def reset(self, *, cold: bool = True) -> bytes:
        """Power the card off and on, or with ``cold`` false reset it under power; either way it forgets all that is
        volatile.  Returns its ATR (or ATS).  A card that was removed and is there again is connected anew.
        """
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """While it is open nobody else reaches the card; nothing to do where nobody else can.

        Raises :class:`~cardos.errors.ReaderBusy` when somebody else has it.
        """
        return nullcontext()

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
    """What a simulated card is asked: power and commands."""

    def power_on(self) -> bytes:
        """Power up; returns the ATR or ATS."""
        ...

    def power_off(self) -> None:
        """Cut the power."""
        ...

    def transmit(self, command: bytes, /) -> bytes:
        """Execute one command."""
        ...


class Wrapper(Transport):
    """A transport round a transport, changing nothing: the base of those that change one thing."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    @property
    def atr(self) -> bytes:  # type: ignore[override]  # whoever reads it finds that of the card behind
        """As the inner transport."""
        return self.inner.atr

    def transmit(self, command: bytes, /) -> bytes:
        """As the inner transport."""
        return self.inner.transmit(command)

    def reset(self, *, cold: bool = True) -> bytes:
        """As the inner transport."""
        return self.inner.reset(cold=cold)

    def exclusive(self) -> AbstractContextManager[None]:
        """As the inner transport."""
        return self.inner.exclusive()

    def close(self) -> None:
        """Close the inner transport."""
        self.inner.close()
