"""How two traces differ: aligned by their commands, then compared field by field.  Times do not count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile, zip_longest

from ...profile import Profile
from .decoding import DecodedEvent, DecodedField, decode_trace
from .masks import covers
from .model import EventKind, Trace
from .redact import redact_trace

__all__ = ["FieldDifference", "TraceDifference", "compare_traces"]

_Key = tuple[EventKind, str]
_DATA = "data"
#: Remarks of whoever made the trace are no part of what happened.
_REMARKS = frozenset({EventKind.LET, EventKind.CHECK, EventKind.NOTE, EventKind.VERDICT})


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field that differs: its ``name``, and its value on both sides in words, ``None`` where it is not."""

    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name} added: {self.after}"
        return f"{self.name} gone" if self.after is None else f"{self.name} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class TraceDifference:
    """An event that differs: its number in both traces (``None``: it is not there), what it is, and how.

    >>> str(TraceDifference(3, 3, "GET BALANCE", (FieldDifference("balance", "0 fen", "150 fen"),)))
    '3/3 GET BALANCE: balance 0 fen -> 150 fen'
    """

    before: int | None
    after: int | None
    what: str
    fields: tuple[FieldDifference, ...] = ()

    def __str__(self) -> str:
        place = f"{self.before or '-'}/{self.after or '-'} {self.what}"
        if self.before is None:
            return f"{place}: added"
        return f"{place}: gone" if self.after is None else f"{place}: {'; '.join(map(str, self.fields))}"


def compare_traces(
    before: Trace, after: Trace, *, profile: Profile | None = None, ignore: Collection[str] = ()
) -> Iterator[TraceDifference]:
    """Every difference between two traces, in order; secrets are masked on both sides, and masked bytes are equal to
    any.

    Fields named in ``ignore`` do not count (:data:`RANDOM_FIELDS` are those that hold, or follow from, a random
    number).  ``profile`` names the fields of files.
    """
    old, new = (
        [event for event in decode_trace(redact_trace(trace), profile) if event.kind not in _REMARKS]
        for trace in (before, after)
    )
    for left, right in _aligned(old, new):
        if left is not None and right is not None:
            if found := tuple(_differences(left, right, frozenset(ignore))):
                yield TraceDifference(left.number, right.number, left.title, found)
        elif left is not None:
            yield TraceDifference(left.number, None, left.title)
        elif right is not None:
            yield TraceDifference(None, right.number, right.title)


def _aligned(
    old: list[DecodedEvent], new: list[DecodedEvent]
) -> Iterator[tuple[DecodedEvent | None, DecodedEvent | None]]:
    """Pairs of events that belong together, by kind and command; one side is ``None`` where nothing does."""
    ours, theirs = ([_key(each) for each in events] for events in (old, new))
    head = _alike(ours, theirs)
    tail = _alike(reversed(ours[head:]), reversed(theirs[head:]))
    # The search takes the square of what it gets: it gets what lies between the first and the last difference.
    matcher = SequenceMatcher(
        None, ours[head : len(ours) - tail], theirs[head : len(theirs) - tail], autojunk=False
    )
    yield from zip(old[:head], new[:head], strict=True)
    for tag, start, stop, first, last in matcher.get_opcodes():
        left, right = old[head + start : head + stop], new[head + first : head + last]
        if tag == "equal":
            yield from zip(left, right, strict=True)
        else:
            yield from ((each, None) for each in left)
            yield from ((None, each) for each in right)
    yield from zip(old[len(old) - tail :], new[len(new) - tail :], strict=True)


def _alike(ours: Iterable[_Key], theirs: Iterable[_Key]) -> int:
    """How many keys are equal from the first on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))


def _key(event: DecodedEvent) -> _Key:
    """Kind, and CLA INS P1 P2."""
    return event.kind, event.command[:8]


def _differences(
    left: DecodedEvent, right: DecodedEvent, ignore: frozenset[str]
) -> Iterator[FieldDifference]:
    yield from _fields(left.body, right.body, ignore)
    found = tuple(_fields(left.answer, right.answer, ignore))
    named = tuple(each for each in found if each.name != _DATA)
    yield from named or found  # an FCI that differs in its fields differs as a whole too
    if left.kind is EventKind.APDU and (left.sw, left.response is None) != (right.sw, right.response is None):
        yield FieldDifference("status", left.outcome, right.outcome)
    elif left.kind is not EventKind.APDU and left.response != right.response:
        yield FieldDifference("ATR", left.response, right.response)
    if not (left.body or right.body) and not covers(left.command, right.command):
        yield FieldDifference("command", left.command, right.command)


def _fields(
    old: tuple[DecodedField, ...], new: tuple[DecodedField, ...], ignore: frozenset[str]
) -> Iterator[FieldDifference]:
    """Fields of one name belong together, the first with the first."""
    names = dict.fromkeys(each.name for each in (*old, *new))
    for name in (name for name in names if name not in ignore):
        sides = ([each for each in fields if each.name == name] for fields in (old, new))
        for was, now in zip_longest(*sides):
            if was is None or now is None or not covers(was.raw, now.raw):
                yield FieldDifference(name, *(each.text if each else None for each in (was, now)))
