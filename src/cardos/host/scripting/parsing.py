"""Scripts: one command a line, and what is expected of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .lines import Cursor, Line, Place, split_lines
from .named import NamedCommand, read_named, take_name, unknown
from .patterns import Expectation, read_expectation
from .templates import Part, Reference, Variables, fill, read_parts, references

__all__ = ["RawCommand", "Reset", "Script", "Send", "Step", "parse_script"]

_ARROW: Final = re.compile(r'(?:[^"\-]|"[^"]*"?|-(?!>))*')
_WORD: Final = re.compile(r"(reset|exit)(?!\S)(?:\s+(cold|warm)(?!\S))?", re.IGNORECASE)
_BEGINS_BYTES: Final = re.compile(r'[0-9A-Fa-f]+(?![^\s0-9A-Fa-f$"()])|[$"(]')


@dataclass(frozen=True, slots=True)
class RawCommand:
    """A command in bytes, sent as it is written."""

    parts: tuple[Part, ...]

    def references(self) -> Iterator[Reference]:
        """The names that it needs."""
        return references(self.parts)

    def build(self, variables: Variables) -> bytes:
        """The command."""
        return fill(self.parts, variables)


@dataclass(frozen=True, slots=True)
class Send:
    """A command to send; ``text`` is its line, ``expected`` what its answer must be, ``None`` for anything."""

    place: Place
    text: str
    command: RawCommand | NamedCommand
    expected: Expectation | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset, ``cold`` or under power; ``expected`` is of the ATR."""

    place: Place
    text: str
    cold: bool = True
    expected: Expectation | None = None


Step = Send | Reset


@dataclass(frozen=True, slots=True)
class Script:
    """The steps of a script, in order, and the ``names`` that have bytes after it."""

    steps: tuple[Step, ...]
    names: frozenset[str] = frozenset()


def parse_script(
    text: str, *, source: str = "script", first_line: int = 1, known: Iterable[str] = ()
) -> Script:
    r"""The script in ``text``, its lines numbered from ``first_line``; ``known`` are names that have bytes already.

    One command a line: bytes in hex, with spaces or without, ``"text"``, ``$NAME`` for what was captured and ``( … )``
    for bytes with their length in front; or the name of a declared command with its fields.  After ``->`` stands what
    the answer must be: a status word, or data and status, where ``X`` is any digit, ``..`` any bytes, ``$NAME:LENGTH``
    bytes to capture, and ``|`` separates alternatives.  ``reset``, ``reset warm`` and ``exit`` are lines too, ``#``
    begins a comment, and a backslash at its end continues a line.

    Raises :class:`~cardos.errors.ScriptError` with line and column.

    >>> script = parse_script("SELECT fid=3F00 -> 6F.. 9000\nGET CHALLENGE le=4 -> $R:4 9000\n0082000008$R 00000000")
    >>> [step.text for step in script.steps][2]
    '0082000008$R 00000000'
    """
    names = set(known)
    steps: list[Step] = []
    for line in split_lines(text, source, first_line):
        step = _step(line)
        if step is None:
            break
        _check_names(step, names)
        steps.append(step)
        names |= set(step.expected.names()) if step.expected else set()
    return Script(tuple(steps), frozenset(names))


def _step(line: Line) -> Step | None:
    """The step in a line, ``None`` for the end."""
    whole = Cursor(line)
    whole.take(_ARROW)
    arrow, whole.at = whole.at, 0
    whole.skip_spaces()
    place, text = whole.place, line.text.strip()
    head = whole.until(arrow)
    word = head.take(_WORD)
    expected = _expected(whole, statuses=word is None)
    if word is None:
        return Send(place, text, _command(head, place), expected)
    head.skip_spaces()
    if not head.done:
        raise head.place.error(f"{word[1].lower()} must stand alone, got {head.shown()}")
    return (
        None if word[1].lower() == "exit" else Reset(place, text, (word[2] or "").lower() != "warm", expected)
    )


def _expected(cursor: Cursor, *, statuses: bool) -> Expectation | None:
    if cursor.done:
        return None
    cursor.at += len("->")
    return read_expectation(cursor, statuses=statuses)


def _command(cursor: Cursor, place: Place) -> RawCommand | NamedCommand:
    spec = take_name(cursor)
    if spec is not None:
        return read_named(spec, cursor, place)
    if cursor.done or not _BEGINS_BYTES.match(cursor.line.text, cursor.at, cursor.end):
        raise place.error(unknown(cursor))
    return RawCommand(read_parts(cursor))


def _check_names(step: Step, names: set[str]) -> None:
    """Every name must have been captured before; what needs none is built, so that its errors come now."""
    needed = list(step.command.references()) if isinstance(step, Send) else []
    for reference in (*needed, *(step.expected.references() if step.expected else ())):
        if reference.name not in names:
            known = ", ".join(f"${name}" for name in sorted(names)) or "captured before, as in -> $X:8 9000"
            raise reference.place.error(f"name must be {known}, got ${reference.name}")
    if isinstance(step, Send) and not needed:
        step.command.build({})
