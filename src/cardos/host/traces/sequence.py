"""Who told whom what: one or more traces as one sequence of messages, secrets masked, ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from textwrap import wrap

from ...profile import Profile
from ..keyring import KeyRing
from .decoding import DecodedEvent, DecodedField, decode_trace, profile_of, without_whole
from .macs import Mac
from .masks import hexed
from .model import EventKind, Trace
from .redact import redact_trace

__all__ = ["Item", "Message", "MessageSequence", "message_sequence", "to_mermaid"]

#: How the parties are called, by the kind of their profile.
_KINDS = {"card": "card", "psam": "PSAM", "isam": "load SAM", "keycard": "key card"}
_MARKS = {Mac.RIGHT: "✓", Mac.WRONG: "✗"}
_MOST_HEX, _MOST_NOTE = 24, 72


@dataclass(frozen=True, slots=True)
class Item:
    """A field of a message in words; ``mac`` is whether it verifies, where that was checked, and ``expected`` what a
    wrong one must be.
    """

    name: str
    text: str
    mac: Mac | None = None
    expected: bytes | None = None

    @property
    def mark(self) -> str:
        """✓ of a MAC that is right, ✗ of one that is wrong and what it must be."""
        sign = "" if self.mac is None else _MARKS.get(self.mac, "")
        return f"{sign} must be {hexed(self.expected)}" if self.expected is not None else sign

    def __str__(self) -> str:
        return f"{self.name} {self.text}{self.mark and ' ' + self.mark}"


@dataclass(frozen=True, slots=True)
class Message:
    """An exchange between the terminal and ``party`` (its place among those of the sequence), or something that
    happened to it.

    ``number`` is that of the event in its trace, ``time`` seconds since the first message; ``title`` and ``items`` are
    of the command, ``status`` and ``answers`` of the answer; of an event that is no exchange ``title`` alone says
    something.  ``hex`` is what was recorded, ``succeeded`` whether the card answered 9000, ``answered`` whether it
    answered at all.
    """

    party: int
    number: int
    kind: EventKind
    title: str
    items: tuple[Item, ...] = ()
    status: str = ""
    answers: tuple[Item, ...] = ()
    succeeded: bool = False
    answered: bool = True
    time: float | None = None
    hex: str = ""


@dataclass(frozen=True, slots=True)
class MessageSequence:
    """Messages in order between a terminal and ``parties``, one for each trace."""

    parties: tuple[str, ...]
    messages: tuple[Message, ...]


def message_sequence(
    traces: Sequence[Trace], *, profiles: Sequence[Profile | None] = (), keys: KeyRing | None = None
) -> MessageSequence:
    """The messages of ``traces``, secrets masked: by their moments, where every trace has times and the moment of its
    header, otherwise one trace after the other.

    ``profiles`` are those of the traces, by default what their headers name; with master ``keys`` MACs are marked.

    >>> from .model import TraceEvent
    >>> event = TraceEvent(1, EventKind.APDU, "805C000204", "000020009000")
    >>> message_sequence([Trace("city-3des", "device", (event,))]).messages[0].answers[0].text
    '8192 fen'
    """
    known = tuple(profiles) or tuple(map(profile_of, traces))
    by_moment = all(trace.made is not None for trace in traces) and all(
        event.time is not None for trace in traces for event in trace.events
    )
    found: list[tuple[datetime | None, Message]] = []
    for party, (trace, profile) in enumerate(zip(traces, known, strict=True)):
        usable = keys if profile is not None and keys is not None and _fits(profile, keys) else None
        for event in decode_trace(redact_trace(trace), profile, keys=usable):
            moment = trace.made + timedelta(seconds=event.time or 0) if trace.made else None
            found.append((moment, _message(party, event)))
    if by_moment:
        found.sort(key=lambda pair: pair[0] or datetime.min)
    parties = tuple(map(_party, traces, known))
    return MessageSequence(parties, tuple(_timed(found) if by_moment else (each for _, each in found)))


def _fits(profile: Profile, keys: KeyRing) -> bool:
    return all(key.cipher is profile.suite.cipher for key in keys.keys.values())


def _party(trace: Trace, profile: Profile | None) -> str:
    return f"{_KINDS.get(profile.kind, 'card') if profile else 'card'} {trace.profile}".strip()


def _timed(found: Iterable[tuple[datetime | None, Message]]) -> Iterator[Message]:
    """The messages with seconds since the first."""
    first: datetime | None = None
    for moment, each in found:
        first = first or moment
        yield replace(each, time=(moment - first).total_seconds() if moment and first else None)


def _message(party: int, event: DecodedEvent) -> Message:
    if event.kind is not EventKind.APDU:
        return Message(
            party, event.number, event.kind, _happening(event), time=event.time, hex=event.response or ""
        )
    raw = f"{event.command}\n{event.response or 'no answer'}"
    return Message(
        party, event.number, event.kind, event.title, _items(event.body), event.outcome, _items(event.answer),
        event.succeeded, event.response is not None, event.time, raw,
    )  # fmt: skip


def _happening(event: DecodedEvent) -> str:
    said = [event.note, f"ATR {event.response}" if event.response else "", ", ".join(event.values)]
    return ": ".join([event.name, ", ".join(each for each in said if each)]) if any(said) else event.name


def _items(fields: tuple[DecodedField, ...]) -> tuple[Item, ...]:
    """The fields in words, long ones shortened."""
    return tuple(
        Item(each.name, _short(each.text), each.mac, each.expected) for each in without_whole(fields)
    )


def _short(text: str) -> str:
    if len(text) <= _MOST_HEX + 8 or " " in text:
        return text
    return f"{text[:_MOST_HEX]}… ({len(text) // 2} bytes)"


# ------------------------------------------------------------------ Mermaid


def to_mermaid(sequence: MessageSequence) -> str:
    """The sequence as the text of a Mermaid sequence diagram.

    >>> event = Message(0, 1, EventKind.APDU, "GET BALANCE", (), "9000 success", (Item("balance", "150 fen"),), True)
    >>> print(to_mermaid(MessageSequence(("card any",), (event,))), end="")
    sequenceDiagram
        participant T as terminal
        participant P0 as card any
        T->>P0: 1 GET BALANCE
        P0-->>T: 9000 success<br/>balance 150 fen
    """
    lines = ["sequenceDiagram", "    participant T as terminal"]
    parties = [f"    participant P{n} as {_quoted(name)}" for n, name in enumerate(sequence.parties)]
    lines[1:1] = parties[: len(parties) // 2]  # several cards stand on both sides of the terminal
    lines += parties[len(parties) // 2 :]
    for each in sequence.messages:
        lines += [f"    {line}" for line in _mermaid(each)]
    return "\n".join(lines) + "\n"


def _mermaid(message: Message) -> Iterator[str]:
    party = f"P{message.party}"
    if message.kind is not EventKind.APDU:
        lines = wrap(f"{message.number} {message.title}", _MOST_NOTE)
        yield f"Note over T,{party}: {'<br/>'.join(map(_quoted, lines))}"
        return
    yield f"T->>{party}: {message.number} {_labelled(message.title, message.items)}"
    arrow = "-->>" if message.succeeded else "--x"
    yield f"{party}{arrow}T: {_labelled(message.status, message.answers)}"


def _labelled(title: str, items: tuple[Item, ...]) -> str:
    return "<br/>".join([_quoted(title), *(_quoted(", ".join(map(str, row))) for row in _rows(items))])


def _rows(items: tuple[Item, ...], most: int = 3) -> Iterator[tuple[Item, ...]]:
    return (items[at : at + most] for at in range(0, len(items), most))


def _quoted(text: str) -> str:
    """Text in which Mermaid sees nothing of its own."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain.translate(_ESCAPES)


_ESCAPES = str.maketrans({"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;"})
