"""The readers of the PC/SC service, and the cards that come and go in them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from ...errors import NoReader, TransportError
from .pcsc_service import PcscContext, ReaderState

__all__ = ["CardEvent", "CardWatch", "ReaderInfo", "list_readers", "offered_protocols"]

_PLUG_AND_PLAY = "\\\\?PnP?\\Notification"  # the reader that changes when a reader comes or goes
_SLICE = 1.0  # seconds; the longest that a cancellation, or a reader that comes, can be missed
_GLOBAL = 15  # T=15 announces bytes that hold for every protocol


@dataclass(frozen=True, slots=True)
class ReaderInfo:
    """A reader: whether a card lies in it, its ATR (empty when it does not answer) and the protocols that it offers."""

    name: str
    present: bool
    atr: bytes
    protocols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardEvent:
    """A card came (``inserted``, with its ATR) or went."""

    reader: str
    inserted: bool
    atr: bytes = b""


def list_readers() -> tuple[ReaderInfo, ...]:
    """Every reader of the service, in its order; no card is disturbed.

    Raises :class:`~cardos.errors.ServiceDown` when the service does not run, and
    :class:`~cardos.errors.MissingComponent` when pyscard is not installed.
    """
    with PcscContext() as context:
        names = context.readers()
        states = context.changes([ReaderState(name) for name in names], 0.0) if names else ()
        return tuple(
            ReaderInfo(state.name, state.present, state.atr, offered_protocols(state.atr))
            for state in states or ()
        )


def offered_protocols(atr: bytes) -> tuple[str, ...]:
    """The protocols that an ATR offers, in its order (ISO/IEC 7816-3 8.2.3); one that ends too early offers what it
    names.

    >>> offered_protocols(bytes.fromhex("3B6300006B6974")), offered_protocols(bytes.fromhex("3B8180018081"))
    (('T=0',), ('T=0', 'T=1'))
    """
    if len(atr) < 2:
        return ()
    found: list[int] = []
    indicator, place = atr[1] >> 4, 2
    while indicator & 0x8:
        place += (indicator & 0x7).bit_count()
        if place >= len(atr):
            break
        found.append(atr[place] & 0xF)
        indicator, place = atr[place] >> 4, place + 1
    return tuple(f"T={number}" for number in dict.fromkeys(found or [0]) if number != _GLOBAL)


class CardWatch(Iterator[CardEvent]):
    """Cards that come and go: an iterator that waits for the next event, and a context manager that ends it.

    First come the cards that are there already.  ``reader`` is part of the names of the readers that are meant, by
    default all, also those that are plugged in later.  After ``limit`` seconds in all (``None``: never), and after
    :meth:`cancel`, the iteration ends; ``next(watch, None)`` waits for one event.

    A card that was changed for another so fast that nobody saw the empty reader is an event of each kind.

    Raises what :func:`list_readers` raises, also later, when the service goes away.
    """

    def __init__(self, reader: str = "", *, limit: float | None = None) -> None:
        self._fragment = reader.casefold()
        self._until = math.inf if limit is None else time.monotonic() + limit
        self._known: dict[str, ReaderState] = {}
        self._events: deque[CardEvent] = deque()
        self._cancelled = False
        self._context = PcscContext()

    def __next__(self) -> CardEvent:
        looked = False
        while not self._events:
            left = self._until - time.monotonic()
            if self._cancelled or (looked and left <= 0):
                raise StopIteration
            self._look(min(max(left, 0.0), _SLICE))
            looked = True
        return self._events.popleft()

    def cancel(self) -> None:
        """End the iteration, also while another thread waits in it."""
        self._cancelled = True
        self._context.cancel()

    def close(self) -> None:
        """End the iteration and give the service up; no other thread may wait in it any more."""
        self._cancelled = True
        self._context.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, seconds: float) -> None:
        """Collect events, waiting for the first of them."""
        names = [name for name in self._context.readers() if self._fragment in name.casefold()]
        for name in [name for name in self._known if name not in names]:
            self._note(ReaderState(name))
            del self._known[name]
        asked = [self._known.get(name, ReaderState(name)) for name in names]
        try:
            found = self._context.changes([*asked, ReaderState(_PLUG_AND_PLAY)], seconds)
        except NoReader:  # one was unplugged since it was listed
            return
        except TransportError:
            if self._cancelled:
                return
            raise
        for state in found or ():
            if state.name != _PLUG_AND_PLAY:
                self._note(state)
                self._known[state.name] = state

    def _note(self, state: ReaderState) -> None:
        before = self._known.get(state.name, ReaderState(state.name))
        swapped = before.present and state.present and before.count != state.count
        if before.present and (swapped or not state.present):
            self._events.append(CardEvent(state.name, inserted=False))
        if state.present and (swapped or not before.present):
            self._events.append(CardEvent(state.name, inserted=True, atr=state.atr))
