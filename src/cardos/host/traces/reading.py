"""Traces as text, ``cardtrace/1``: JSON Lines, a header and then one event a line."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from ...errors import DecodeError
from .masks import hexed
from .model import FORMAT, KINDS, MOMENT, EventKind, Trace, TraceEvent

__all__ = [
    "MOST_BYTES", "MOST_LINE", "event_row", "header_row", "parse_trace", "read_trace", "row_text", "trace_text",
]  # fmt: skip

#: Longest line, bytes: command and answer of extended length in hex, four times over.
MOST_LINE = 1 << 20
#: Largest trace, bytes: some 400,000 exchanges.
MOST_BYTES = 1 << 26

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}|XX)*")
_EVENTS = frozenset(EventKind)
# Times that other formats hold too: a packet capture counts seconds since 1970 in 32 bits.
_YEARS, _MOST_SECONDS = range(1970, 2100), 10**8

_NO_VALUES: Mapping[str, str] = MappingProxyType({})

# A JSON object: its values are whatever a line holds until they are checked below.
Row = Mapping[str, Any]


def read_trace(path: Path) -> Trace:
    """The trace in a file; see :func:`parse_trace`.  A file that cannot be read raises
    :class:`~cardos.errors.DecodeError` too.
    """
    try:
        with path.open("rb") as stream:
            return _parsed(stream, path.name)
    except OSError as error:
        raise DecodeError(f"must be readable, got: {error.strerror}", path=str(path)) from None


def parse_trace(raw: bytes, *, where: str = "trace") -> Trace:
    r"""The trace in ``raw``.

    A last line without line end is dropped: the recorder was interrupted in it.  Members that are not known are
    ignored.  Anything else that is not ``cardtrace/1``, a line of more than :data:`MOST_LINE` or a trace of more than
    :data:`MOST_BYTES` raises :class:`~cardos.errors.DecodeError` with the line and its offset, never with what may be
    a secret.

    >>> head = b'{"format":"cardtrace/1","card":{"profile":"demo","kind":"device"},"by":"example 1.0"}\n'
    >>> parse_trace(head + b'{"n":1,"ev":"apdu","c":"805C000204","r":"000020009000"}\n{"n":2,"e').events[0].response
    '000020009000'
    """
    return _parsed(io.BytesIO(raw), where)


def _parsed(stream: BinaryIO, where: str) -> Trace:
    header, events, complete = None, [], True
    for number, (place, line) in enumerate(_lines(stream, where)):
        complete = line.endswith(b"\n")
        if not complete:
            break
        row = place.parse(line)
        if header is None:
            header = place.header(row)
        else:
            events.append(place.event(row, expected=number))
    if header is None:
        raise DecodeError(f"must begin with a {FORMAT} header line, got none", path=where)
    return Trace(events=tuple(events), complete=complete, **header)


def _lines(stream: BinaryIO, where: str) -> Iterator[tuple[_Place, bytes]]:
    """Every line with its place; of a file without end or without line ends no more is read than is allowed."""
    offset = number = 0
    while line := stream.readline(MOST_LINE + 1):
        number += 1
        place = _Place(f"{where} line {number}", offset)
        offset += len(line)
        if len(line) > MOST_LINE:
            raise place.refuse("line", f"at most {MOST_LINE} bytes", "a longer one")
        if offset > MOST_BYTES:
            raise place.refuse("trace", f"at most {MOST_BYTES} bytes", "a larger one")
        yield place, line


def trace_text(trace: Trace) -> str:
    """The trace as a file holds it; the inverse of :func:`parse_trace`."""
    return "".join([row_text(header_row(trace)), *(row_text(event_row(event)) for event in trace.events)])


def row_text(row: Row) -> str:
    """One line."""
    return json.dumps(row, separators=(",", ":")) + "\n"


def header_row(trace: Trace) -> dict[str, object]:
    """The members of the header; those that say nothing are left out."""
    members = {
        "format": FORMAT,
        "card": {"profile": trace.profile, "kind": trace.kind},
        "by": trace.by,
        "atr": hexed(trace.atr) or None,
        "made": None if trace.made is None else f"{trace.made:{MOMENT}}",
        "suite": trace.suite or None,
        "case": trace.case or None,
        "seed": trace.seed,
    }
    return {name: value for name, value in members.items() if value is not None}


def event_row(event: TraceEvent) -> dict[str, object]:
    """The members of an event; those that say nothing are left out."""
    members = {
        "n": event.number,
        "t": event.time,
        "ev": event.kind.value,
        "c": event.command,
        "r": event.response,
        "dt": event.duration,
        "raw": event.raw or None,
        "set": dict(event.values) or None,
        "nv": event.writes,
        "note": event.note or None,
    }
    return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a trace, to be named in errors."""

    path: str
    offset: int

    def refuse(self, member: str, allowed: str, got: str) -> DecodeError:
        return DecodeError(f"{member} must be {allowed}, got {got}", offset=self.offset, path=self.path)

    def parse(self, line: bytes) -> Row:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = f" from column {error.colno} on" if isinstance(error, json.JSONDecodeError) else ""
            raise self.refuse("line", "a JSON object", f"something else{column}") from None
        if not isinstance(row, dict):
            raise self.refuse("line", "a JSON object", _shape(row))
        return row

    def header(self, row: Row) -> dict[str, Any]:  # the fields of Trace that a header has
        if row.get("format") != FORMAT:
            raise self.refuse("format", FORMAT, _short(row.get("format")))
        card = row.get("card")
        if (
            not isinstance(card, dict)
            or not isinstance(card.get("profile"), str)
            or card.get("kind") not in KINDS
        ):
            raise self.refuse("card", f"a profile and a kind of {' or '.join(KINDS)}", _short(card))
        atr = self._hex(row, "atr") or self._hex(row, "ats") or ""
        seed = row.get("seed")
        if seed is not None and not isinstance(seed, str) and not _is_number(seed, int):
            raise self.refuse("seed", "a text or a number", _shape(seed))
        return {
            "profile": _clean(card["profile"]), "kind": card["kind"], "by": self._text(row, "by"),
            "atr": bytes.fromhex(atr.replace("XX", "00")), "made": self._moment(row), "suite": self._text(row, "suite"),
            "case": self._text(row, "case"), "seed": _clean(seed) if isinstance(seed, str) else seed,
        }  # fmt: skip

    def event(self, row: Row, *, expected: int) -> TraceEvent:
        if row.get("n") != expected or not _is_number(row["n"], int):
            raise self.refuse("n", f"{expected}", _short(row.get("n")))
        kind = row.get("ev")
        if not isinstance(kind, str) or kind not in _EVENTS:
            raise self.refuse("ev", f"one of {', '.join(sorted(_EVENTS))}", _short(kind))
        command, response = self._hex(row, "c"), self._hex(row, "r")
        if kind == EventKind.APDU and command is None:
            raise self.refuse("c", "given for an apdu", _shape(None))
        writes = row.get("nv")
        if writes is not None and (not _is_number(writes, int) or writes < 0):
            raise self.refuse("nv", "a number of writes", _short(writes))
        return TraceEvent(
            expected, EventKind(kind), command, response, self._seconds(row, "dt"), self._seconds(row, "t"),
            row.get("raw") is True, self._values(row), writes, self._text(row, "note"),
        )  # fmt: skip

    def _hex(self, row: Row, member: str) -> str | None:
        text = row.get(member)
        if text is None:
            return None
        if not isinstance(text, str) or not _HEX.fullmatch(text):
            raise self.refuse(member, "whole bytes in hex, XX where masked", _shape(text))
        return text.upper()

    def _text(self, row: Row, member: str) -> str:
        text = row.get(member)
        if text is not None and not isinstance(text, str):
            raise self.refuse(member, "a text", _shape(text))
        return _clean(text or "")

    def _seconds(self, row: Row, member: str) -> float | None:
        value = row.get(member)
        if value is not None and (not _is_number(value, int, float) or not 0 <= value <= _MOST_SECONDS):
            raise self.refuse(member, f"a number of seconds, 0..{_MOST_SECONDS}", _short(value))
        return value

    def _moment(self, row: Row) -> datetime | None:
        text = self._text(row, "made")
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (ValueError, OverflowError):
            moment = datetime.min
        if moment.year not in _YEARS:
            years = f"{_YEARS.start}..{_YEARS.stop - 1}"
            raise self.refuse("made", f"a moment of the years {years} as in ISO 8601", _short(text))
        return moment

    def _values(self, row: Row) -> Mapping[str, str]:
        values = row.get("set")
        if values is None:
            return _NO_VALUES
        if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
            raise self.refuse("set", "texts by name", _shape(values))
        return {_clean(name): _clean(text) for name, text in values.items()}


def _clean(text: str) -> str:
    """Text that can be written again: JSON may escape half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _short(value: object) -> str:
    return f"{value!r:.60}"


def _shape(value: object) -> str:
    """What a value is, without saying it: it may be a secret."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return {dict: "an object", list: "a list", type(None): "nothing"}.get(
        type(value), "a number, true or false"
    )


def _is_number(value: object, *types: type) -> bool:
    """JSON knows true and false apart from numbers; Python does not."""
    return isinstance(value, types) and not isinstance(value, bool)
