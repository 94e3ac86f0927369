"""Recording: everything that passes a transport, one line for each event, written at once.

Lines are flushed one by one, so a trace that a crash cut short is readable up to its last whole line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TextIO

from ...errors import CardRemoved
from ..transports.base import Transport, Wrapper
from .masks import hexed
from .model import GONE, EventKind, Trace, TraceEvent
from .reading import event_row, header_row, row_text
from .redact import Redactor

__all__ = ["Tracer"]

_UNRESOLVED = (0x61, 0x6C)


class Tracer(Wrapper):
    """A transport that records what passes it into ``stream``.

    Secrets (PINs, keys, authentication cryptograms, the transport code, the holder's name) are masked unless
    ``redact`` is false, which is for test keys only.  ``card`` names the profile, ``kind`` is ``simulated`` or
    ``device``, ``by`` the producer; ``atr`` is by default that of the transport.  ``suite``, ``case`` and ``seed`` are
    of a test.

    ``clock`` gives seconds for ``t`` (since now) and ``dt``, and ``now`` the moment of the header, UTC; without them a
    trace has no times and is the same for the same exchange.  ``writes`` gives the durable writes of a simulated card
    so far, for ``nv``.
    """

    def __init__(
        self, inner: Transport, stream: TextIO, *, card: str, kind: str = "simulated", by: str = "cardos",
        atr: bytes = b"", redact: bool = True, clock: Callable[[], float] | None = None,
        now: Callable[[], datetime] | None = None, writes: Callable[[], int] | None = None, suite: str = "",
        case: str = "", seed: str | int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inner)
        self._stream, self._clock, self._writes, self._number = stream, clock, writes, 0
        self._redactor = Redactor() if redact else None
        self._start = clock() if clock else 0.0
        made = None if now is None else now()
        header = Trace(
            card, kind, (), by=by, atr=atr or inner.atr, made=made, suite=suite, case=case, seed=seed
        )
        self._line(header_row(header))

    # -- what passes

    def transmit(self, command: bytes, /) -> bytes:
        """The inner transport's answer, recorded."""
        start, written = self._seconds(), self._written()
        try:
            answer = self.inner.transmit(command)
        except BaseException as error:
            self._exchange(start, command, None)
            if isinstance(error, CardRemoved):
                self._event(EventKind.REMOVE, self._seconds())
            raise
        end, now = self._seconds(), self._written()
        self._exchange(
            start, command, answer,
            duration=None if start is None or end is None else round(end - start, 6),
            raw=bool(answer) and len(answer) > 1 and answer[-2] in _UNRESOLVED,
            writes=None if written is None or now is None else now - written,
        )  # fmt: skip
        return answer

    def reset(self, *, cold: bool = True) -> bytes:
        """The inner transport's reset, recorded; one that fails has no ``r``."""
        start = self._seconds()
        try:
            atr = self.inner.reset(cold=cold)
        except BaseException:
            self._event(EventKind.RESET, start)
            raise
        self._event(EventKind.RESET, start, response=hexed(atr))
        return atr

    # -- what whoever records knows besides

    def remove(self) -> None:
        """Record that the card was taken away."""
        self._event(EventKind.REMOVE, self._seconds())

    def power_cut(self) -> None:
        """Record that the power was cut, as a simulator does inside a write."""
        self._event(EventKind.POWER_CUT, self._seconds())

    def let(self, **values: bytes) -> None:
        """Record computed values, such as a session key; of test keys only, and nothing of them when redacting."""
        if self._redactor is None:
            shown = {name: hexed(value) for name, value in values.items()}
            self._event(EventKind.LET, self._seconds(), values=shown)

    def note(self, text: str) -> None:
        """Record a remark."""
        self._event(EventKind.NOTE, self._seconds(), note=text)

    def check(self, text: str) -> None:
        """Record what was checked here."""
        self._event(EventKind.CHECK, self._seconds(), note=text)

    def verdict(self, text: str) -> None:
        """Record what came out of a test."""
        self._event(EventKind.VERDICT, self._seconds(), note=text)

    # -- lines

    def _exchange(
        self, start: float | None, command: bytes, answer: bytes | None, **members: Any
    ) -> None:  # members of an event
        text, response = hexed(command), None if answer is None else hexed(answer)
        if self._redactor is not None:
            text, response = self._redactor.exchange(text, response)
        self._event(EventKind.APDU, start, command=text, response=response, **members)

    def _event(self, kind: EventKind, time: float | None, **members: Any) -> None:  # members of an event
        self._number += 1
        if self._redactor is not None and (kind is EventKind.RESET or kind in GONE):
            self._redactor.reset()
        event = TraceEvent(self._number, kind, time=None if time is None else round(time, 6))
        self._line(event_row(replace(event, **members)))

    def _line(self, row: dict[str, object]) -> None:
        self._stream.write(row_text(row))
        self._stream.flush()

    def _seconds(self) -> float | None:
        """Seconds since the header."""
        return None if self._clock is None else self._clock() - self._start

    def _written(self) -> int | None:
        return None if self._writes is None else self._writes()
