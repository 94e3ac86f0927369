"""What can be written for a declared command: its data, its parameters, and shorthands for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, cast

from ...apdu import CommandSpec, Protection
from ...apdu.elements import DataElement, data_elements
from ...apdu.os_commands import (
    APPEND_RECORD,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from ...errors import ParameterError
from ...fields import Kind, read_value
from ..sessions.answers import Purse
from ..sessions.files import RecordMode, binary_place, record_place
from .lines import Cursor, Place
from .templates import Reference, Variables, fill, read_parts, references

__all__ = ["SHORTHANDS", "Key", "Shorthand", "Values", "Written", "keys_of"]

#: Values by key, and what they come to.
Values = dict[str, object]


@dataclass(frozen=True, slots=True)
class Written:
    """The value of a field as somebody wrote it."""

    key: str
    text: str
    cursor: Cursor
    place: Place

    def references(self) -> Iterator[Reference]:
        """The names that it needs."""
        if "$" in self.text:
            yield from references(read_parts(replace(self.cursor), spaces=False))

    def bytes(self, variables: Variables) -> bytes:
        """Its bytes."""
        cursor = replace(self.cursor)
        parts = read_parts(cursor, spaces=False)
        if not cursor.done:
            raise cursor.place.error(f"{self.key} must be hex, got {cursor.shown()}")
        return fill(parts, variables)

    def value(self, kind: Kind, variables: Variables) -> object:
        """A value of this kind; a name gives the bytes of one."""
        if kind is Kind.BYTES:
            return self.bytes(variables)
        if "$" in self.text:
            raw = self.bytes(variables)
            return int.from_bytes(raw, "big") if kind is Kind.UINT else raw
        return read_value(self.key, kind, self.text)


Reader = Callable[[Written, Variables], object]


@dataclass(frozen=True, slots=True)
class Key:
    """What can be written before ``=``: its ``note``, the ``choices`` where they are few, how its value is read."""

    name: str
    note: str
    read: Reader
    choices: tuple[str, ...] = ()


# ------------------------------------------------------------------ values


def _hex_byte(written: Written, variables: Variables) -> int:
    raw = written.bytes(variables)
    if len(raw) != 1:
        raise ParameterError(written.key, "two hex digits", repr(written.text))
    return raw[0]


def _parameter(allowed: frozenset[int]) -> Reader:
    def read(written: Written, variables: Variables) -> int:
        value = _hex_byte(written, variables)
        if value not in allowed:
            choices = ", ".join(_choices(allowed)) or "another byte"
            raise ParameterError(written.key, f"one of {choices}", f"{value:02X}")
        return value

    return read


def _number(written: Written, variables: Variables) -> int:
    return cast(int, written.value(Kind.UINT, variables))


def _bytes(written: Written, variables: Variables) -> bytes:
    return written.bytes(variables)


def _purse(written: Written, _variables: Variables) -> int:
    choices = {purse.name: purse.p2 for purse in Purse}
    if written.text.upper() not in choices:
        raise ParameterError(written.key, f"one of {', '.join(choices).lower()}", repr(written.text))
    return choices[written.text.upper()]


def _element(element: DataElement) -> Reader:
    def read(written: Written, variables: Variables) -> object:
        value = written.value(element.kind, variables)
        width = element.width
        if width is not None and isinstance(value, bytes) and len(value) != width:
            raise ParameterError(element.path, f"{width} bytes", f"{len(value)} bytes")
        if width is not None and isinstance(value, int) and not 0 <= value < 1 << 8 * width:
            raise ParameterError(element.path, f"0..{(1 << 8 * width) - 1}", value)
        return value

    return read


# ------------------------------------------------------------------ shorthands


@dataclass(frozen=True, slots=True)
class Shorthand:
    """Words that stand for parameters: the commands that know them, the keys, and what they come to."""

    knows: Callable[[CommandSpec], bool]
    keys: tuple[Key, ...]
    parameters: Callable[..., Mapping[str, object]]


def _one_of(*specs: CommandSpec) -> Callable[[CommandSpec], bool]:
    names = {spec.name for spec in specs}
    return lambda spec: spec.name in names


def _takes_purse(spec: CommandSpec) -> bool:
    return spec.p2 == {purse.p2 for purse in Purse}


def _binary(sfi: int = 0, offset: int = 0) -> Values:
    p1, p2 = binary_place(sfi, offset)
    return {"p1": p1, "p2": p2}


def _record(sfi: int = 0, record: int = 0) -> Values:
    return {"p1": record, "p2": record_place(sfi, RecordMode.NUMBER)}


_SFI = Key("sfi", "short file identifier in hex, 15 for file 0015; 00 is the current file", _hex_byte)
SHORTHANDS: Final = (
    Shorthand(
        _one_of(SELECT),
        (Key("fid", "file identifier", _bytes),),
        lambda fid: {"p1": 0x00, "p2": 0x00, "data": fid},
    ),
    Shorthand(
        _one_of(SELECT),
        (Key("name", "name of an application, or its first bytes", _bytes),),
        lambda name: {"p1": 0x04, "p2": 0x00, "data": name},
    ),
    Shorthand(
        _one_of(READ_BINARY, UPDATE_BINARY),
        (_SFI, Key("offset", "bytes from the start of the file", _number)),
        _binary,
    ),
    Shorthand(
        _one_of(READ_RECORD, UPDATE_RECORD),
        (_SFI, Key("record", "number of the record; of a cyclic file 1 is the newest", _number)),
        _record,
    ),
    Shorthand(_one_of(APPEND_RECORD), (_SFI,), lambda sfi: {"p2": record_place(sfi, RecordMode.FIRST)}),
    Shorthand(
        _takes_purse,
        (Key("purse", "electronic deposit or purse", _purse, tuple(purse.name.lower() for purse in Purse)),),
        lambda purse: {"p2": purse},
    ),
)

#: Forms that take a MAC behind their data.
_WITH_MAC: Final = frozenset({Protection.OPTIONAL, Protection.ALWAYS})
_FEW: Final = 16


def keys_of(spec: CommandSpec) -> Mapping[str, Key]:
    """What can be written for a command, by name: the shorthands first, then its data, its parameters and Le.

    >>> from cardos.apdu.purse_commands import GET_BALANCE
    >>> list(keys_of(GET_BALANCE)), keys_of(GET_BALANCE)["p1"].choices
    (['purse', 'p1', 'p2', 'le'], ('00', '01', '02', '03'))
    """
    keys = [key for shorthand in SHORTHANDS if shorthand.knows(spec) for key in shorthand.keys]
    keys += [Key(each.path, each.note, _element(each)) for each in data_elements(spec.body)]
    keys += [
        Key(name, "parameter byte in hex", _parameter(allowed), _choices(allowed))
        for name, allowed in (("p1", spec.p1), ("p2", spec.p2))
        if len(allowed) > 1
    ]
    if spec.le:
        keys.append(Key("le", "bytes asked for, 256 is all there is", _number))
    if spec.protection in _WITH_MAC:
        keys.append(Key("mac", "MAC of the protected form, put behind the data", _bytes))
    return MappingProxyType({key.name: key for key in keys})


def _choices(allowed: frozenset[int]) -> tuple[str, ...]:
    return tuple(f"{value:02X}" for value in sorted(allowed)) if len(allowed) <= _FEW else ()
