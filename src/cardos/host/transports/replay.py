"""A recorded card: a trace that answers what it recorded."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import NoReturn

from ...errors import CardRemoved, ReplayMismatch, TransportError
from ..traces.anatomy import RANDOM_FIELDS, Anatomy
from ..traces.masks import covers, filled, hexed
from ..traces.model import EventKind, Trace, TraceEvent
from ..traces.redact import Redactor, redacted
from .base import Transport

__all__ = ["ReplayTransport"]

#: Events that something passed the contacts in; the others are remarks.
_HAPPENED = frozenset({EventKind.RESET, EventKind.APDU, EventKind.POWER_CUT, EventKind.REMOVE})
_GONE = frozenset({EventKind.POWER_CUT, EventKind.REMOVE})


class ReplayTransport(Transport):
    """The card that ``trace`` recorded; ``atr`` is that of its header, then of its resets.

    Strict, it takes exactly the recorded commands and resets, in the recorded order.  Relaxed (``strict`` false), a
    command is answered by the next exchange recorded for an equal one, from the start again after the end, whereby
    the fields ``ignore`` (by default random numbers and MACs) may have any value; a reset is answered by the next
    recorded one, or by the last ATR.

    Bytes that the trace masks match anything; in an answer they are 00.  Where the card went away it does so again:
    :class:`~cardos.errors.CardRemoved` until :meth:`reset`.  Anything else than was recorded, also after the end of
    the trace, raises :class:`~cardos.errors.ReplayMismatch`, which changes nothing.

    >>> from cardos.host.traces import EventKind, Trace, TraceEvent
    >>> card = ReplayTransport(Trace("any", "device", (TraceEvent(1, EventKind.APDU, "805C000204", "000020009000"),)))
    >>> card.transmit(bytes.fromhex("805C000204")).hex()
    '000020009000'
    """

    def __init__(
        self, trace: Trace, *, strict: bool = True, ignore: Collection[str] = RANDOM_FIELDS
    ) -> None:  # fmt: skip
        self._events = tuple(event for event in trace.events if event.kind in _HAPPENED)
        self._whole, self._strict, self._ignore = trace.complete, strict, ignore
        self._place = 0
        self._gone = self._closed = False
        self.atr = trace.atr

    def transmit(self, command: bytes, /) -> bytes:
        """The recorded answer."""
        self._check_open()
        self._pass_removals()
        wanted = hexed(command) if self._strict else Anatomy.of(hexed(command), None).without(self._ignore)[0]
        place = self._place if self._strict else self._find(wanted)
        event = self._event(place)
        fits = event is not None and _fits(event, wanted)
        if self._gone and not (fits and event is not None and (self._strict or event.response is None)):
            raise CardRemoved("card was removed in the trace; reset it")
        if event is None or not fits:
            raise self._mismatch(event, redacted(command))
        self._place = place + 1
        if event.response is None:
            self._lose(event)
        self._gone = False
        return filled(event.response)

    def reset(self, *, cold: bool = True) -> bytes:
        """The recorded reset."""
        del cold
        self._check_open()
        self._pass_removals()
        place = self._place if self._strict else self._next_reset()
        event = self._event(place)
        if event is not None and event.kind is EventKind.RESET:
            self._place = place + 1
            if event.response is None:
                raise TransportError(f"event {event.number} of the trace is a reset without an answer")
            self.atr = filled(event.response)
        elif self._strict:
            raise self._mismatch(event, "a reset")
        self._gone = False
        return self.atr

    def close(self) -> None:
        """Give the trace up; what is left of it is not an error."""
        self._closed = True

    @property
    def left(self) -> int:
        """How many recorded exchanges, resets and removals are still to come."""
        return len(self._events) - self._place

    # -- where in the trace

    def _event(self, place: int) -> TraceEvent | None:
        return self._events[place] if place < len(self._events) else None

    def _find(self, wanted: str) -> int:
        """The place of the next exchange with an equal command, the end when there is none."""
        for place in chain(range(self._place, len(self._events)), range(self._place)):
            if _fits(self._events[place], wanted):
                return place
        return len(self._events)

    def _next_reset(self) -> int:
        later = range(self._place, len(self._events))
        return next((at for at in later if self._events[at].kind is EventKind.RESET), len(self._events))

    def _pass_removals(self) -> None:
        """The card goes away where the trace says so."""
        while (event := self._event(self._place)) is not None and event.kind in _GONE:
            self._place, self._gone = self._place + 1, True

    def _lose(self, event: TraceEvent) -> NoReturn:
        """No answer came: because the card went away, or for another reason."""
        self._pass_removals()
        if self._gone:
            raise CardRemoved(f"card was removed in event {event.number} of the trace")
        raise TransportError(f"event {event.number} of the trace has no answer")

    def _mismatch(self, event: TraceEvent | None, got: str) -> ReplayMismatch:
        if event is not None:
            shown = Redactor().exchange(event.command, None)[0] if event.command else f"a {event.kind.value}"
            return ReplayMismatch(event.number, shown, got)
        number = self._events[-1].number + 1 if self._events else 1
        if not self._strict:
            return ReplayMismatch(number, "a command that was recorded", got)
        return ReplayMismatch(number, "the end" if self._whole else "the end, where it was cut short", got)

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("transport is closed; open a new one")


def _fits(event: TraceEvent, wanted: str) -> bool:
    """Whether the event is an exchange for this command in masked hex."""
    return event.command is not None and covers(event.command, wanted)
