"""What a trace is, ``cardtrace/1``: a header, and events in the order in which they happened."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["FORMAT", "GONE", "KINDS", "MOMENT", "EventKind", "Trace", "TraceEvent"]

#: Identifies a trace in the first member of its header.
FORMAT = "cardtrace/1"
#: How moments are written, UTC.
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
#: Where a trace comes from: a simulated card, or a device.
KINDS = ("simulated", "device")


class EventKind(enum.StrEnum):
    """What happened: the member ``ev`` of an event."""

    RESET = "reset"
    APDU = "apdu"
    POWER_CUT = "powerCut"
    REMOVE = "remove"
    LET = "let"
    CHECK = "check"
    NOTE = "note"
    VERDICT = "verdict"


#: The card went away.
GONE = frozenset({EventKind.POWER_CUT, EventKind.REMOVE})


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One line of a trace.

    ``command`` and ``response`` are hex, ``XX`` for each masked byte; ``response`` is ``None`` when no answer came,
    and of a reset the ATR.  ``time`` (since the header) and ``duration`` are in seconds.  ``raw`` says that the answer
    is a ``61xx`` or ``6Cxx`` as it came, ``values`` are computed ones by name (test keys only), ``writes`` the durable
    writes of a simulated card in this command, ``note`` a remark or a verdict.
    """

    number: int
    kind: EventKind
    command: str | None = None
    response: str | None = None
    duration: float | None = None
    time: float | None = None
    raw: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    writes: int | None = None
    note: str = ""

    @property
    def is_redacted(self) -> bool:
        """Whether bytes of the command are masked."""
        return "X" in (self.command or "")


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace: ``profile`` and ``kind`` of the card, the events, and what else the header says.

    ``made`` is the moment of the header, UTC; ``suite``, ``case`` and ``seed`` are of a test.  ``complete`` is false
    when the last line was cut off and dropped.
    """

    profile: str
    kind: str
    events: tuple[TraceEvent, ...]
    complete: bool = True
    by: str = ""
    atr: bytes = b""
    made: datetime | None = None
    suite: str = ""
    case: str = ""
    seed: str | int | None = None
