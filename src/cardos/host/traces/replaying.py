"""A trace sent to a card again: the recorded commands, and where the answers differ first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ...errors import ParameterError, TransportError
from ...profile import Profile
from ..transports.base import Transport
from .anatomy import RANDOM_FIELDS, Anatomy
from .difference import TraceDifference, compare_traces
from .masks import covers, hexed, is_masked
from .model import EventKind, Trace, TraceEvent

__all__ = ["Replayed", "replay_trace"]


_SENT = frozenset({EventKind.APDU, EventKind.RESET})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay: how many commands were sent, how many left out because they are masked, and the first
    difference, ``None`` when there is none.
    """

    sent: int
    skipped: int
    difference: TraceDifference | None


def replay_trace(
    trace: Trace, transport: Transport, *, ignore: Collection[str] = RANDOM_FIELDS, skip_masked: bool = False,
    profile: Profile | None = None,
) -> Replayed:  # fmt: skip
    """Send the commands and resets of ``trace`` to the card behind ``transport``, until an answer differs.

    Fields named in ``ignore`` may differ: by default what holds a random number or follows from one.  Where the
    recorded card went away, this one is reset when the trace does it.  An answer that does not come is a difference
    where one was recorded.

    Nobody knows what to send in a command with masked bytes: it raises :class:`~cardos.errors.ParameterError`, before
    anything is sent, or is left out with ``skip_masked``.
    """
    hidden = [event for event in trace.events if is_masked(event.command or "")]
    if hidden and not skip_masked:
        raise ParameterError("trace", "without masked commands", f"one in event {hidden[0].number}")
    seen: list[TraceEvent] = []
    answered: list[TraceEvent] = []
    previous: Anatomy | None = None
    for event in trace.events:
        if event.kind not in _SENT or is_masked(event.command or ""):
            continue
        seen.append(event)
        answered.append(replace(event, response=_answer(event, transport)))
        previous, agrees = _compared(previous, event, answered[-1], ignore)
        if not agrees:
            sides = (replace(trace, events=tuple(events)) for events in (seen, answered))
            difference = next(compare_traces(*sides, profile=profile, ignore=ignore), None)
            if difference is not None:
                return _replayed(seen, hidden, difference)
    return _replayed(seen, hidden, None)


def _replayed(
    seen: list[TraceEvent], hidden: list[TraceEvent], difference: TraceDifference | None
) -> Replayed:
    sent = sum(event.kind is EventKind.APDU for event in seen)
    skipped = sum(event.number < seen[-1].number for event in hidden) if difference else len(hidden)
    return Replayed(sent, skipped, difference)


def _compared(
    previous: Anatomy | None, recorded: TraceEvent, answered: TraceEvent, ignore: Collection[str]
) -> tuple[Anatomy | None, bool]:
    """The exchange, for the next one, and whether the answers agree byte by byte, ignored fields left out."""
    if recorded.command is None:
        return None, recorded.response == answered.response
    sides = [Anatomy.of(recorded.command, each.response, previous) for each in (recorded, answered)]
    old, new = (side.without(ignore)[1] for side in sides)
    return sides[0], (old is None) == (new is None) and covers(old or "", new or "")


def _answer(event: TraceEvent, transport: Transport) -> str | None:
    try:
        if event.kind is EventKind.RESET:
            return hexed(transport.reset())
        return hexed(transport.transmit(bytes.fromhex(event.command or "")))
    except TransportError:
        return None
