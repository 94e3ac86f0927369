"""Bytes as people write them: hex, ``"text"``, ``$NAME`` for bytes that were captured, ``( … )`` for bytes with their
length in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .lines import Cursor, Place

__all__ = ["NAME", "Counted", "Literal", "Part", "Reference", "Variables", "fill", "read_parts", "references"]

#: Captured bytes by name.
Variables = Mapping[str, bytes]

NAME: Final = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_TEXT: Final = re.compile(r'"([^"]*)"')
_OPEN: Final = re.compile(r"\(")
_CLOSE: Final = re.compile(r"\)")
_FORMS: Final = 'hex, "text", $NAME or ( … )'
_SHORT: Final = 255
_LONG: Final = 65_535
#: Parentheses in parentheses: more than a command needs.
_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that are written out."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Reference:
    """Bytes that an answer before gave a name."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Counted:
    """Bytes with their number in front: one byte, or ``00`` and two where there are more than 255."""

    parts: tuple[Part, ...]
    place: Place


Part = Literal | Reference | Counted


def read_parts(cursor: Cursor, *, spaces: bool = True, depth: int = 0) -> tuple[Part, ...]:
    """The parts up to the end, or to the parenthesis that closes; without ``spaces`` a space ends them too."""
    return tuple(_parts(cursor, spaces=spaces, depth=depth))


def _parts(cursor: Cursor, *, spaces: bool, depth: int) -> Iterator[Part]:
    while True:
        if spaces:
            cursor.skip_spaces()
        start, place = cursor.at, cursor.place
        if cursor.done:
            return
        if found := cursor.take(_HEX):
            if len(found[0]) % 2:
                raise place.error(f"bytes must be pairs of hex digits, got {len(found[0])} digits")
            yield Literal(bytes.fromhex(found[0]))
        elif found := cursor.take(NAME):
            yield Reference(found[1], place)
        elif found := cursor.take(_TEXT):
            yield Literal(_ascii(found[1], place))
        elif cursor.take(_OPEN):
            yield _counted(cursor, place, depth + 1)
        elif depth or not spaces:
            return
        else:
            cursor.at = start
            raise place.error(f"bytes must be {_FORMS}, got {cursor.shown()}")


def _counted(cursor: Cursor, place: Place, depth: int) -> Counted:
    if depth > _DEPTH:
        raise place.error(f"parentheses must be at most {_DEPTH} deep, got more")
    parts = read_parts(cursor, depth=depth)
    if not cursor.take(_CLOSE):
        raise cursor.place.error(f"parenthesis must hold {_FORMS} and be closed, got {cursor.shown()}")
    return Counted(parts, place)


def _ascii(text: str, place: Place) -> bytes:
    if not text.isascii():
        raise place.error("text must be ASCII, got other characters; write its bytes in hex")
    return text.encode("ascii")


def references(parts: tuple[Part, ...]) -> Iterator[Reference]:
    """Every name that is needed to fill the parts."""
    for part in parts:
        if isinstance(part, Reference):
            yield part
        elif isinstance(part, Counted):
            yield from references(part.parts)


def fill(parts: tuple[Part, ...], variables: Variables) -> bytes:
    """The bytes; :class:`~cardos.errors.ScriptError` for a name that has none."""
    return b"".join(_bytes_of(part, variables) for part in parts)


def _bytes_of(part: Part, variables: Variables) -> bytes:
    if isinstance(part, Literal):
        return part.value
    if isinstance(part, Reference):
        if part.name not in variables:
            known = ", ".join(f"${name}" for name in variables) or "captured before, as in -> $X:8 9000"
            raise part.place.error(f"name must be {known}, got ${part.name}")
        return variables[part.name]
    inner = fill(part.parts, variables)
    if len(inner) <= _SHORT:
        return bytes([len(inner)]) + inner
    if len(inner) > _LONG:
        raise part.place.error(f"counted bytes must be 0..{_LONG}, got {len(inner)}")
    return b"\x00" + len(inner).to_bytes(2, "big") + inner
