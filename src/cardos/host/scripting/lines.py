"""Lines of a script: comments taken off, continued lines joined, and a place in the text for every character."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import ScriptError

__all__ = ["Cursor", "Line", "Place", "split_lines"]

_SPACE = re.compile(r"\s*")
#: What a line says before its comment: quoted text may hold ``#``.
_CODE = re.compile(r'(?:[^#"]|"[^"]*(?:"|$))*')


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a script; line and column count from 1."""

    source: str
    line: int
    column: int

    def error(self, problem: str) -> ScriptError:
        """The error that says so."""
        return ScriptError(problem, source=self.source, line=self.line, column=self.column)


@dataclass(frozen=True, slots=True)
class Line:
    """One command: ``text``, put together from ``parts``, each the index in ``text`` where a physical line starts,
    and its number.
    """

    text: str
    source: str = "command"
    parts: tuple[tuple[int, int], ...] = ((0, 1),)

    def place(self, index: int) -> Place:
        """The place of the character at ``index``."""
        start, number = self.parts[bisect_right(self.parts, index, key=lambda part: part[0]) - 1]
        return Place(self.source, number, index - start + 1)


def split_lines(text: str, source: str, first: int = 1) -> Iterator[Line]:
    """The commands of a script in order; a backslash at its end continues a line."""
    joined, parts = "", list[tuple[int, int]]()
    for number, physical in enumerate(text.split("\n"), first):
        code = _CODE.match(physical)
        said = code[0].rstrip() if code else ""
        parts.append((len(joined), number))
        joined += said.removesuffix("\\") + (" " if said.endswith("\\") else "")
        if said.endswith("\\"):
            continue
        if joined.strip():
            yield Line(joined, source, tuple(parts))
        joined, parts = "", []
    if joined.strip():
        yield Line(joined, source, tuple(parts))


@dataclass(slots=True)
class Cursor:
    """A reader of one line; ``at`` is the next character, which must be before ``end``."""

    line: Line
    at: int = 0
    end: int = field(default=-1)

    def __post_init__(self) -> None:
        if self.end < 0:
            self.end = len(self.line.text)

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.line.place(self.at)

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.at >= self.end

    def skip_spaces(self) -> None:
        """Go to the next character that is no space."""
        self.take(_SPACE)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here, which is read; ``None`` when it does not."""
        found = pattern.match(self.line.text, self.at, self.end)
        if found:
            self.at = found.end()
        return found

    def shown(self) -> str:
        """The next character, for a message; never more, because it may belong to a secret."""
        return "the end" if self.done else repr(self.line.text[self.at])

    def until(self, end: int) -> Cursor:
        """A cursor from here to ``end``; this one goes on there."""
        part = Cursor(self.line, self.at, end)
        self.at = end
        return part
