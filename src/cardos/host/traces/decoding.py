"""A trace explained: each event with the command's name, the fields of command and answer, the status in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ...apdu import SW, Tlv, describe_sw, parse_tlv
from ...apdu.os_commands import SELECT
from ...errors import DecodeError
from ...fields import FIELDS, FieldValue, Value
from ...layout import Layout
from ...profile import Profile, load_profile, profile_names
from ..keyring import KeyRing
from .anatomy import Anatomy, Part
from .macs import MAC_FIELDS, Mac, MacCheck, MacFollower
from .masks import filled, hexed, is_masked
from .model import EventKind, Trace, TraceEvent
from .parameters import TRANSACTION_TYPES, parameter_words
from .places import Places

__all__ = ["DecodedEvent", "DecodedField", "EventDecoder", "decode_trace", "profile_of", "without_whole"]

_ISSUER_DATA = 0x9F0C  # tag of file 0015 inside the FCI (JR/T 0025.1 6.2.13)
_DATA = "data"
#: Events that are no exchange, where another word says more than their kind.
_NAMES: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.REMOVE: "card removed",
        EventKind.POWER_CUT: "power cut",
        EventKind.LET: "computed",
    }
)
#: Fields that a message tells, and those that a file tells: what keys are made from, or what stands under a MAC without
#: being in a command.
_MESSAGE_NAMES = frozenset({"safety_code"})
_PUBLIC_NAMES = _MESSAGE_NAMES | {
    "application_serial",
    "card_number",
    "card_serial",
    "city",
    "issuer",
    "terminal",
}


@dataclass(frozen=True, slots=True)
class DecodedField:
    """A field of a command or an answer: its name, its value (``None`` when hidden), its bytes in hex with ``XX`` where
    hidden; of a MAC what came of checking it, and ``expected``, what a wrong one must be.
    """

    name: str
    value: Value | None
    raw: str
    mac: Mac | None = None
    expected: bytes | None = None

    @property
    def text(self) -> str:
        """The value in words, amounts in fen; hidden bytes as ``XX``.

        >>> DecodedField("amount", 150, "00000096").text, DecodedField("pin", None, "XXXXXX").text
        ('150 fen', 'XXXXXX')
        """
        if self.value is None:
            return self.raw
        if self.name == "type" and isinstance(self.value, int):
            return f"{self.value:02X} {TRANSACTION_TYPES.get(self.value, '')}".rstrip()
        known = FieldValue(self.name, self.value)
        return known.text if self.name in FIELDS else known.plain

    @property
    def is_wrong(self) -> bool:
        """Whether it is a MAC that does not verify."""
        return self.mac is Mac.WRONG

    @property
    def note(self) -> str:
        """Unit and meaning of the field; empty when it is not declared."""
        return FIELDS[self.name].note if self.name in FIELDS else ""


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """An event of a trace, explained.

    ``name`` is the command's, ``parameters`` what its P1 and P2 say, ``clause`` where the standard has it; ``body``
    and ``answer`` are the fields, ``sw`` is ``None`` when no answer came, ``status`` says it in words.  Of an event
    that is no APDU only number, kind, name, times, ``response`` (the ATR of a reset), ``values`` and ``note`` say
    something.

    >>> event = DecodedEvent(1, EventKind.APDU, "GET BALANCE", "purse (EP)", sw=0x9000, status="success")
    >>> event.title, event.outcome
    ('GET BALANCE, purse (EP)', '9000 success')
    """

    number: int
    kind: EventKind
    name: str = ""
    parameters: str = ""
    clause: str = ""
    command: str = ""
    response: str | None = None
    body: tuple[DecodedField, ...] = ()
    answer: tuple[DecodedField, ...] = ()
    sw: int | None = None
    status: str = ""
    time: float | None = None
    duration: float | None = None
    writes: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the card answered 9000."""
        return self.sw == SW.SUCCESS

    @property
    def title(self) -> str:
        """Name and parameters."""
        return f"{self.name}, {self.parameters}" if self.parameters else self.name

    @property
    def outcome(self) -> str:
        """The status word and what it says."""
        return self.status if self.sw is None else f"{self.sw:04X} {self.status}"


def profile_of(trace: Trace) -> Profile | None:
    """The profile that a trace names, ``None`` when it is not a shipped one: a trace comes from outside, and no file
    is opened because it says so.

    >>> profile_of(Trace("city-3des", "device", ())).name
    'city-3des'
    """
    return load_profile(trace.profile) if trace.profile in profile_names() else None


def decode_trace(
    trace: Trace, profile: Profile | None = None, *, keys: KeyRing | None = None,
    known: Mapping[str, Value] | None = None,
) -> Iterator[DecodedEvent]:  # fmt: skip
    """Every event of ``trace`` explained, in order.

    With a ``profile`` the contents of files are fields too.  With master ``keys`` as well the MACs and TACs are
    computed again; ``known`` are fields that the trace does not tell, such as ``application_serial``, which the keys
    of a card are made from.

    >>> event = TraceEvent(1, EventKind.APDU, "805C000204", "000020009000")
    >>> [decoded] = decode_trace(Trace("any", "device", (event,)))
    >>> decoded.name, decoded.parameters, decoded.answer[0].text, decoded.status
    ('GET BALANCE', 'purse (EP)', '8192 fen', 'success')
    """
    reader = EventDecoder(profile, keys, dict(known or {}))
    return (reader.decode(event) for event in trace.events)


class EventDecoder:
    """Explains one event after the other, as they happen; for the arguments see :func:`decode_trace`.

    >>> decoder = EventDecoder()
    >>> decoder.decode(TraceEvent(1, EventKind.APDU, "0084000004", "112233449000")).name
    'GET CHALLENGE'
    """

    def __init__(
        self,
        profile: Profile | None = None,
        keys: KeyRing | None = None,
        known: dict[str, Value] | None = None,
    ) -> None:
        known = {} if known is None else known
        self._known = known
        self._places = None if profile is None else Places(profile)
        self._public = None if profile is None else _public_layout(profile)
        self._macs = None if profile is None or keys is None else MacFollower(profile, keys, self._known)
        self._previous: Anatomy | None = None
        self._layout: Layout | None = None

    def decode(self, event: TraceEvent) -> DecodedEvent:
        """The event that follows, explained."""
        if event.kind is EventKind.APDU and event.command is not None:
            return self._exchange(event, event.command)
        if event.kind in (EventKind.RESET, EventKind.POWER_CUT, EventKind.REMOVE):
            self._reset()
        return DecodedEvent(
            event.number, event.kind, _NAMES.get(event.kind, event.kind.value), response=event.response,
            time=event.time, values=dict(event.values), note=event.note,
        )  # fmt: skip

    def _reset(self) -> None:
        self._previous = self._layout = None
        if self._places is not None:
            self._places.reset()
        if self._macs is not None:
            self._macs.reset()

    def _exchange(self, event: TraceEvent, text: str) -> DecodedEvent:
        exchange = Anatomy.of(text, event.response, self._previous)
        self._previous = exchange
        self._follow(exchange)
        hidden = (
            exchange.protected and self._layout is not None and not _is_plain(exchange.body, self._layout)
        )
        body = tuple(self._contents(exchange.body, None if hidden else self._layout))
        answer = tuple(self._answer(exchange))
        self._learn((*body, *answer), exchange)
        macs = {} if self._macs is None else self._macs.check(exchange)
        spec, command = exchange.spec, exchange.command
        return DecodedEvent(
            event.number, event.kind, exchange.name,
            parameter_words(spec.name, command) if spec and command else "", spec.clause if spec else "", text,
            event.response, _marked(body, macs), _marked(answer, macs), exchange.sw, _status(exchange), event.time,
            event.duration, event.writes, dict(event.values), event.note,
        )  # fmt: skip

    def _follow(self, exchange: Anatomy) -> None:
        """The layout of what the command reads or writes; it stays for a GET RESPONSE."""
        if exchange.spec is not exchange.answers or self._places is None:
            return
        self._layout = None
        if exchange.spec is not None and exchange.command is not None:
            self._layout = self._places.follow(exchange.spec, exchange.command, exchange.sw or 0)

    def _contents(self, parts: Iterable[Part], layout: Layout | None) -> Iterator[DecodedField]:
        """The fields, and where one is the content of a file that the profile knows, its elements in its place."""
        for part in parts:
            inner = self._elements(layout, part) if part.name == _DATA else ()
            yield from inner or (DecodedField(part.name, part.value, part.text),)

    def _answer(self, exchange: Anatomy) -> Iterator[DecodedField]:
        yield from self._contents(exchange.answer, self._layout)
        if exchange.answers is SELECT:
            for part in exchange.answer:
                yield from self._issuer_data(part)

    def _issuer_data(self, part: Part) -> Iterator[DecodedField]:
        """What the FCI says of the card, which is file 0015."""
        if is_masked(part.text) or self._public is None:
            return
        found = _find(filled(part.text), _ISSUER_DATA)
        if found is not None:
            yield from self._elements(self._public, Part(_DATA, 0, len(found), hexed(found)))

    def _elements(self, layout: Layout | None, part: Part) -> tuple[DecodedField, ...]:
        """The elements of a content and what is left behind them; none when it is hidden or the profile is silent."""
        if layout is None or is_masked(part.text):
            return ()
        raw = filled(part.text)
        found = [
            DecodedField(each.name, each.value, hexed(FIELDS[each.name].encode(each.value)))
            for each in layout.read(raw)
        ]
        rest = raw[layout.width :]
        return (*found, *([DecodedField("rest", rest, hexed(rest))] if found and rest else []))

    def _learn(self, fields: tuple[DecodedField, ...], exchange: Anatomy) -> None:
        """What the card's public files and messages say is good for its keys and MACs."""
        tells = self._layout is not None or exchange.answers is SELECT
        names = _PUBLIC_NAMES if tells else _MESSAGE_NAMES
        self._known.update(
            (each.name, each.value) for each in fields if each.value is not None and each.name in names
        )


def _is_plain(body: tuple[Part, ...], layout: Layout) -> bool:
    """Whether protected data can be the content itself; enciphered data are longer."""
    return any(part.name == _DATA and len(part.text) == 2 * layout.width for part in body)


def _public_layout(profile: Profile) -> Layout | None:
    """The layout of the public file of the application, which is in its FCI as well."""
    files = (profile.application.find(place.file) for place in profile.public)
    return next((file.layout for file in files if file is not None), None)


def _find(raw: bytes, tag: int) -> bytes | None:
    try:
        tops: tuple[Tlv, ...] = parse_tlv(raw)
    except DecodeError:
        return None
    found = next((tlv for top in tops if (tlv := top.find(tag)) is not None), None)
    return None if found is None else found.value


def _marked(fields: tuple[DecodedField, ...], macs: Mapping[str, MacCheck]) -> tuple[DecodedField, ...]:
    unchecked = MacCheck(Mac.UNCHECKED)
    return tuple(
        replace(each, mac=check.mac, expected=check.expected) if each.name in MAC_FIELDS else each
        for each, check in ((each, macs.get(each.name, unchecked)) for each in fields)
    )


def without_whole(fields: tuple[DecodedField, ...]) -> tuple[DecodedField, ...]:
    """The fields to be shown: without the bytes as a whole where the others say what is in them, as in an FCI.

    >>> whole, part = DecodedField("data", None, "XX00"), DecodedField("key_version", 0, "00")
    >>> [each.name for each in without_whole((whole, part))]
    ['key_version']
    """
    return tuple(each for each in fields if each.name != _DATA or len(fields) == 1)


def _status(exchange: Anatomy) -> str:
    if exchange.response is None:
        return "no answer"
    return "no status word" if exchange.sw is None else describe_sw(exchange.sw)
