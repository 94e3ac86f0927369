"""What an answer must be: ``9000``, ``61XX``, ``9000|6A82``, ``6F..9000``, ``$RND:8 9000``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ...apdu import describe_sw
from .lines import Cursor, Place
from .templates import NAME, Reference, Variables, fill

__all__ = ["Alternative", "Expectation", "Found", "read_expectation"]

_MASKED: Final = re.compile(r"[0-9A-FXa-fx]+")
_GAP: Final = re.compile(r"\.\.")
_TEXT: Final = re.compile(r'"([^"]*)"')
_COUNT: Final = re.compile(r":(?:(\d{1,5})|\.\.)", re.ASCII)
_OR: Final = re.compile(r"\|")
_FORMS: Final = 'hex with X for any digit, .., "text", $NAME or $NAME:LENGTH'
_STATUS: Final = 2
_EXACT: Final = 0xFF
_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Masked:
    """Bytes of which only the bits in ``mask`` count."""

    value: bytes
    mask: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """``length`` bytes that get a ``name``; ``None`` is as many as there are.  Without a name: any bytes."""

    name: str
    length: int | None


Element = Masked | Capture | Reference


@dataclass(frozen=True, slots=True)
class Found:
    """How an answer compares: the first ``difference`` (empty when there is none), and the bytes that got names."""

    difference: str = ""
    captured: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One form that an answer may have, as written in ``text``: its elements, of which one at most has no length.

    ``status`` alone is compared when nothing is said of the data.
    """

    text: str
    elements: tuple[Element, ...]
    status: bool

    def compare(self, answer: bytes, variables: Variables) -> Found:
        """Hold an answer against it."""
        elements = [_resolved(element, variables) for element in self.elements]
        if self.status:
            answer = answer[-_STATUS:]
        lengths = [_length(element) for element in elements]
        fixed = sum(length for length in lengths if length is not None)
        if None not in lengths and len(answer) != fixed:
            return Found(_wrong_length(answer, f"{fixed}"))
        if len(answer) < fixed:
            return Found(_wrong_length(answer, f"at least {fixed}"))
        return _compared(answer, elements, len(answer) - fixed)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer must be: one of several alternatives; ``statuses`` says that it ends in a status word."""

    alternatives: tuple[Alternative, ...]
    statuses: bool = True

    @property
    def text(self) -> str:
        """As it was written."""
        return " | ".join(each.text for each in self.alternatives)

    def compare(self, answer: bytes, variables: Variables) -> Found:
        """Hold an answer against it: the first alternative that fits decides what gets which name."""
        results = [each.compare(answer, variables) for each in self.alternatives]
        fitting = next((result for result in results if not result.difference), None)
        return fitting or Found(self._explain(answer, [result.difference for result in results]))

    def _explain(self, answer: bytes, differences: list[str]) -> str:
        got = int.from_bytes(answer[-_STATUS:], "big")
        wanted = _statuses(each.elements[-1] for each in self.alternatives) if self.statuses else []
        wrong = len(answer) >= _STATUS and all(_difference(answer[-_STATUS:], each, 0) for each in wanted)
        if wrong and len(wanted) == len(self.alternatives):
            shown = " or ".join(dict.fromkeys(_text(each) for each in wanted))
            return f"status must be {shown}, got {got:04X} ({describe_sw(got)})"
        if len(differences) == 1:
            return differences[0]
        return f"answer must be {self.text.replace('|', 'or')}, got {answer.hex().upper() or 'none'}"

    def names(self) -> Iterator[str]:
        """The names that it can give."""
        for each in self.alternatives:
            yield from (part.name for part in each.elements if isinstance(part, Capture) and part.name)

    def references(self) -> Iterator[Reference]:
        """The names that it needs."""
        for each in self.alternatives:
            yield from (part for part in each.elements if isinstance(part, Reference))


# ------------------------------------------------------------------ comparing


def _resolved(element: Element, variables: Variables) -> Masked | Capture:
    """The element with the bytes of a name in the place of the name."""
    if not isinstance(element, Reference):
        return element
    value = fill((element,), variables)
    return Masked(value, bytes([_EXACT]) * len(value))


def _length(element: Masked | Capture) -> int | None:
    return len(element.value) if isinstance(element, Masked) else element.length


def _compared(answer: bytes, elements: Iterable[Masked | Capture], free: int) -> Found:
    """``free`` bytes are for the element without a length."""
    captured, position = dict[str, bytes](), 0
    for element in elements:
        length = _length(element)
        part = answer[position : position + (free if length is None else length)]
        if isinstance(element, Masked):
            if difference := _difference(part, element, position):
                return Found(difference)
        elif element.name:
            captured[element.name] = part
        position += len(part)
    return Found(captured=captured)


def _wrong_length(answer: bytes, wanted: str) -> str:
    return (
        f"answer must be {wanted} bytes with its status, got {len(answer)}: {answer.hex().upper() or 'none'}"
    )


def _difference(part: bytes, wanted: Masked, position: int) -> str:
    for index, (got, value, mask) in enumerate(zip(part, wanted.value, wanted.mask, strict=True)):
        if (got ^ value) & mask:
            return f"byte at offset {position + index} must be {_nibbles(value, mask)}, got {got:02X}"
    return ""


def _statuses(elements: Iterable[Element]) -> list[Masked]:
    """The status words in which answers must end; none of an element that may be anything."""
    ends = [element for element in elements if isinstance(element, Masked) and len(element.value) >= _STATUS]
    return [Masked(end.value[-_STATUS:], end.mask[-_STATUS:]) for end in ends]


def _text(masked: Masked) -> str:
    return "".join(_nibbles(*pair) for pair in zip(masked.value, masked.mask, strict=True))


def _nibbles(value: int, mask: int) -> str:
    digits = zip(f"{value:02X}", f"{mask:02X}", strict=True)
    return "".join(digit if known == "F" else "X" for digit, known in digits)


# ------------------------------------------------------------------ reading


def read_expectation(cursor: Cursor, *, statuses: bool = True) -> Expectation:
    """The alternatives from here to the end; without ``statuses`` two bytes are a whole answer (an ATR), too."""
    alternatives = [_read_alternative(cursor, statuses=statuses)]
    while cursor.take(_OR):
        alternatives.append(_read_alternative(cursor, statuses=statuses))
    return Expectation(tuple(alternatives), statuses)


def _read_alternative(cursor: Cursor, *, statuses: bool) -> Alternative:
    cursor.skip_spaces()
    start, place = cursor.at, cursor.place
    elements = _joined(tuple(_elements(cursor)))
    text = cursor.line.text[start : cursor.at].strip()
    if not elements:
        raise place.error(f"expectation must be {_FORMS}, got {cursor.shown()}")
    if sum(isinstance(element, Capture) and element.length is None for element in elements) > 1:
        raise place.error(f"expectation must have one part of any length at most, got {text!r}")
    first = elements[0]
    bare = len(first.value) if len(elements) == 1 and isinstance(first, Masked) and text[0] != '"' else 0
    if statuses and bare == 1:
        raise place.error(f"expectation must have the two bytes of a status word, got {text!r}")
    return Alternative(" ".join(text.split()), elements, statuses and bare == _STATUS)


def _elements(cursor: Cursor) -> Iterator[Element]:
    while True:
        cursor.skip_spaces()
        place = cursor.place
        if cursor.done or cursor.line.text[cursor.at] == "|":
            return
        if found := cursor.take(_MASKED):
            yield _masked(found[0], place)
        elif cursor.take(_GAP):
            yield Capture("", None)
        elif found := cursor.take(NAME):
            yield _named(found[1], cursor.take(_COUNT), place)
        elif (found := cursor.take(_TEXT)) and found[1].isascii():
            yield Masked(found[1].encode("ascii"), bytes([_EXACT]) * len(found[1]))
        else:
            raise place.error(f"expectation must be {_FORMS}, got {cursor.shown()}")


def _named(name: str, count: re.Match[str] | None, place: Place) -> Element:
    if count is None:
        return Reference(name, place)
    return Capture(name, None if count[1] is None else int(count[1]))


def _masked(digits: str, place: Place) -> Masked:
    if len(digits) % 2:
        raise place.error(f"expected bytes must be pairs of digits, got {digits[:40]!r}")
    upper = digits.upper()
    value = bytes.fromhex(upper.replace("X", "0"))
    return Masked(value, bytes.fromhex("".join("0" if digit == "X" else "F" for digit in upper)))


def _joined(elements: tuple[Element, ...]) -> tuple[Element, ...]:
    """The same with masked bytes that follow each other as one."""
    joined: list[Element] = []
    for element in elements:
        last = joined[-1] if joined else None
        if isinstance(element, Masked) and isinstance(last, Masked):
            joined[-1] = Masked(last.value + element.value, last.mask + element.mask)
        else:
            joined.append(element)
    return tuple(joined)
