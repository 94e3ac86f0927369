"""A recorded command and its answer taken apart into named stretches of bytes, hidden bytes included."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ...apdu import Command, CommandSpec, find_spec
from ...apdu.os_commands import GET_CHALLENGE, GET_RESPONSE
from ...apdu.secure import MAC_SIZE
from ...errors import DecodeError
from ...fields import FIELDS, Value
from .masks import filled, is_masked, masked

__all__ = ["CHALLENGE", "COMMAND_MAC", "RANDOM_FIELDS", "Anatomy", "Part"]

#: The MAC at the end of a protected command, and the answer to GET CHALLENGE, as fields.
COMMAND_MAC, CHALLENGE = "command_mac", "challenge"
#: Fields that differ from run to run: random numbers, and what is computed with them.
RANDOM_FIELDS = frozenset(
    {
        CHALLENGE, COMMAND_MAC, "cryptogram", "gmac", "gtac", "lock_tac", "mac", "mac1", "mac2", "mac3", "random",
        "tac", "terminal_random",
    }
)  # fmt: skip

_SW_SIZE = 2
_LONG_HEADER, _SHORT_HEADER = 7, 5
#: Answers with a name of their own.
_ANSWERS: Mapping[str, str] = MappingProxyType({GET_CHALLENGE.name: CHALLENGE})


@dataclass(frozen=True, slots=True)
class Part:
    """A field: its name, where it lies (bytes ``start``..``stop`` of the command or of the answer), and its bytes in
    hex, ``XX`` where hidden.
    """

    name: str
    start: int
    stop: int
    text: str

    @property
    def value(self) -> Value | None:
        """What the bytes say: as :data:`cardos.fields.FIELDS` declares the name, otherwise, and for an impossible
        date or time, the bytes; ``None`` when some are hidden.
        """
        if is_masked(self.text):
            return None
        raw, field = filled(self.text), FIELDS.get(self.name)
        if field is None:
            return raw
        try:
            return field.decode(raw)
        except DecodeError:
            return raw


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A command and its answer in masked hex, with the declaration that fits; ``command`` and ``spec`` are ``None``
    for bytes that are no command, or none that is declared.

    ``answers`` is the declaration that the answer belongs to: that of ``spec``, or of the command that a GET RESPONSE
    goes on with.

    >>> balance = Anatomy.of("805C000204", "000020009000")
    >>> balance.name, [(part.name, part.value) for part in balance.answer]
    ('GET BALANCE', [('balance', 8192)])
    """

    text: str
    response: str | None
    command: Command | None
    spec: CommandSpec | None
    answers: CommandSpec | None

    @classmethod
    def of(cls, text: str, response: str | None, previous: Anatomy | None = None) -> Anatomy:
        """The anatomy of an exchange that came after ``previous``."""
        try:
            command = Command.decode(filled(text))
        except DecodeError:
            return cls(text, response, None, None, None)
        spec = find_spec(command)
        goes_on = spec is GET_RESPONSE and previous is not None and previous.has_more
        return cls(text, response, command, spec, previous.answers if goes_on and previous else spec)

    @property
    def name(self) -> str:
        """The command's name, of an undeclared one its header."""
        return self.spec.name if self.spec else f"unknown command {self.text[:8]}"

    @property
    def sw(self) -> int | None:
        """The status word; ``None`` when no answer came, or a shorter or hidden one."""
        shown = self.response[-2 * _SW_SIZE :] if self.response else ""
        return int(shown, 16) if len(shown) == 2 * _SW_SIZE and not is_masked(shown) else None

    @property
    def has_more(self) -> bool:
        """Whether the answer ended in ``61xx``."""
        return self.sw is not None and self.sw >> 8 == 0x61

    @property
    def protected(self) -> bool:
        """Whether the command ends in a MAC."""
        return bool(
            self.spec
            and self.command
            and self.spec.is_protected(self.command)
            and len(self.command.data) >= MAC_SIZE
        )

    @property
    def first(self) -> int:
        """Where the command's data begin, in bytes."""
        return _LONG_HEADER if self.command and self.command.is_extended else _SHORT_HEADER

    @property
    def body(self) -> tuple[Part, ...]:
        """The fields of the command data; of a protected command, whose data may be enciphered, data and MAC."""
        if self.command is None or not self.command.data:
            return ()
        start, stop = self.first, self.first + len(self.command.data)
        if self.spec is None:
            return (self._part("data", start, stop),)
        if self.protected:
            middle = stop - MAC_SIZE
            data = [self._part("data", start, middle)] if middle > start else []
            return (*data, self._part(COMMAND_MAC, middle, stop))
        spans = self.spec.body_spans(stop - start)
        parts = (self._part(name, start + span.start, start + span.stop) for name, span in spans.items())
        found = tuple(part for part in parts if part.text)
        whole = found and self.spec.accepts_length(self.command)
        return found if whole else (self._part("data", start, stop),)

    @property
    def answer(self) -> tuple[Part, ...]:
        """The fields of the answer data."""
        if self.response is None or len(self.response) <= 2 * _SW_SIZE:
            return ()
        data = self.response[: -2 * _SW_SIZE]
        size = len(data) // 2
        if self.answers is None:
            return (Part("data", 0, size, data),)
        spans = self.answers.answer_spans(size)
        if not spans or max(span.stop for span in spans.values()) != size or self.protected:
            return (Part("data", 0, size, data),)
        known = _ANSWERS.get(self.answers.name, "data")
        names = ((known if name == "data" else name, span) for name, span in spans.items())
        return tuple(
            Part(name, span.start, span.stop, data[2 * span.start : 2 * span.stop]) for name, span in names
        )

    def without(self, names: Collection[str]) -> tuple[str, str | None]:
        """Command and answer in hex with the fields ``names`` hidden.

        >>> Anatomy.of("0084000004", "112233449000").without({"challenge"})
        ('0084000004', 'XXXXXXXX9000')
        """
        text, response = self.text, self.response
        for part in _named(self.body, names):
            text = masked(text, part.start, part.stop)
        for part in _named(self.answer, names):
            response = masked(response or "", part.start, part.stop)
        return text, response

    def _part(self, name: str, start: int, stop: int) -> Part:
        return Part(name, start, stop, self.text[2 * start : 2 * stop])


def _named(parts: tuple[Part, ...], names: Collection[str]) -> Iterator[Part]:
    return (part for part in parts if part.name in names)
