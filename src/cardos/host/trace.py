"""Traces, ``cardtrace/1``: everything that passed a transport, one JSON object a line.

The first line is a header (``format``, ``card``, ``by``, ``atr``, ``made``), each further line an event with a
running number ``n`` and its kind ``ev``: ``apdu`` with the command ``c``, the answer ``r`` (missing when none
came) and the duration ``dt`` in seconds, ``reset`` with the ATR in ``r``, ``remove``.  Lines are flushed one by
one, so a trace that a crash cut short is readable up to its last whole line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from ..errors import CardRemoved, DecodeError
from .redact import redacted
from .transport import Transport, Wrapper

__all__ = ["FORMAT", "Trace", "TraceEvent", "Tracer", "parse_trace", "read_trace"]

#: Identifies a trace in the first member of its header.
FORMAT = "cardtrace/1"

#: Kinds of event in a trace; those made here are ``apdu``, ``reset`` and ``remove``.
_EVENTS = frozenset({"reset", "apdu", "powerCut", "remove", "let", "check", "note", "verdict"})
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}|XX)*")
_KINDS = ("simulated", "device")

# A parsed JSON object: its values are whatever the line holds until they are checked below.
Row = Mapping[str, Any]


class Tracer(Wrapper):
    """A transport that records what passes it into ``stream``.

    Secrets (PINs, keys, authentication cryptograms, the transport code) are masked unless ``redact`` is
    false, which is for test keys only.  ``card`` names the profile, ``kind`` is ``simulated`` or
    ``device``, ``by`` the producer.  ``clock`` gives seconds for ``dt`` and ``now`` the moment of the
    header; without them a trace has no times and is the same for the same exchange.
    """

    def __init__(
        self, inner: Transport, stream: TextIO, *, card: str, kind: str = "simulated", by: str = "cardos",
        atr: bytes = b"", redact: bool = True, clock: Callable[[], float] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inner)
        self._stream, self._clock, self._number = stream, clock, 0
        self._text = redacted if redact else _hex
        header: dict[str, object] = {"format": FORMAT, "card": {"profile": card, "kind": kind}, "by": by}
        if atr:
            header["atr"] = _hex(atr)
        if now is not None:
            header["made"] = f"{now():%Y-%m-%dT%H:%M:%S}Z"
        self._write(header)

    def transmit(self, command: bytes, /) -> bytes:
        """The inner transport's answer, recorded."""
        start = self._clock() if self._clock else 0.0
        try:
            answer = self.inner.transmit(command)
        except CardRemoved:
            self._event("apdu", c=self._text(command))
            self._event("remove")
            raise
        except BaseException:
            self._event("apdu", c=self._text(command))
            raise
        duration = {"dt": round(self._clock() - start, 6)} if self._clock else {}
        self._event("apdu", c=self._text(command), r=_hex(answer), **duration)
        return answer

    def reset(self) -> bytes:
        """The inner transport's reset, recorded."""
        atr = self.inner.reset()
        self._event("reset", r=_hex(atr))
        return atr

    def _event(self, kind: str, **members: object) -> None:
        self._number += 1
        self._write({"n": self._number, "ev": kind, **members})

    def _write(self, row: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(row, separators=(",", ":")) + "\n")
        self._stream.flush()


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One line of a trace.  ``command`` and ``response`` are hex as written, ``XX`` for each masked byte;
    ``response`` is ``None`` when no answer came.  ``duration`` is in seconds.
    """

    number: int
    kind: str
    command: str | None = None
    response: str | None = None
    duration: float | None = None

    @property
    def is_redacted(self) -> bool:
        """Whether bytes of the command are masked."""
        return "X" in (self.command or "")


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that was read.  ``complete`` is false when its last line was cut off and dropped."""

    profile: str
    kind: str
    events: tuple[TraceEvent, ...]
    complete: bool = True


def read_trace(path: Path) -> Trace:
    """The trace in a file; see :func:`parse_trace`."""
    return parse_trace(path.read_bytes(), where=path.name)


def parse_trace(raw: bytes, *, where: str = "trace") -> Trace:
    r"""The trace in ``raw``.

    A last line without line end is dropped: the recorder was interrupted in it.  Anything else that is not
    ``cardtrace/1`` raises :class:`~cardos.errors.DecodeError` with the line and its offset.

    >>> head = b'{"format":"cardtrace/1","card":{"profile":"demo","kind":"device"},"by":"example 1.0"}\n'
    >>> parse_trace(head + b'{"n":1,"ev":"apdu","c":"805C000204","r":"000020009000"}\n{"n":2,"e').events[0].response
    '000020009000'
    """
    *lines, rest = raw.split(b"\n")
    offset, header, events = 0, None, []
    for number, line in enumerate(lines, 1):
        place = _Place(f"{where} line {number}", offset)
        row = place.parse(line)
        if header is None:
            header = place.header(row)
        else:
            events.append(place.event(row, expected=number - 1))
        offset += len(line) + 1
    if header is None:
        raise DecodeError(f"must begin with a {FORMAT} header line, got none", path=where)
    return Trace(*header, tuple(events), complete=not rest)


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a trace, to be named in errors."""

    path: str
    offset: int

    def refuse(self, member: str, allowed: str, got: object) -> DecodeError:
        return DecodeError(f"{member} must be {allowed}, got {got!r}", offset=self.offset, path=self.path)

    def parse(self, line: bytes) -> Row:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise self.refuse("line", "a JSON object", line[:40]) from None
        if not isinstance(row, dict):
            raise self.refuse("line", "a JSON object", line[:40])
        return row

    def header(self, row: Row) -> tuple[str, str]:
        if row.get("format") != FORMAT:
            raise self.refuse("format", FORMAT, row.get("format"))
        card = row.get("card")
        if (
            not isinstance(card, dict)
            or not isinstance(card.get("profile"), str)
            or card.get("kind") not in _KINDS
        ):
            raise self.refuse("card", f"a profile and a kind of {' or '.join(_KINDS)}", card)
        return card["profile"], card["kind"]

    def event(self, row: Row, *, expected: int) -> TraceEvent:
        if row.get("n") != expected:
            raise self.refuse("n", f"{expected}", row.get("n"))
        kind = row.get("ev")
        if kind not in _EVENTS:
            raise self.refuse("ev", f"one of {', '.join(sorted(_EVENTS))}", kind)
        command, response = self._hex(row, "c"), self._hex(row, "r")
        if kind == "apdu" and command is None:
            raise self.refuse("c", "given for an apdu", None)
        duration = row.get("dt")
        if not isinstance(duration, int | float | None):
            raise self.refuse("dt", "a number of seconds", duration)
        return TraceEvent(expected, kind, command, response, duration)

    def _hex(self, row: Row, member: str) -> str | None:
        text = row.get(member)
        if text is not None and (not isinstance(text, str) or not _HEX.fullmatch(text)):
            raise self.refuse(member, "whole bytes in hex, XX where masked", text)
        return text


def _hex(raw: bytes) -> str:
    return raw.hex().upper()
