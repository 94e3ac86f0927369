"""Commands by their declared name, with fields: ``GET BALANCE purse=ep``, ``SELECT name="1PAY.SYS.DDF01"``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, cast

from ...apdu import COMMANDS, Command, CommandSpec
from ...apdu.elements import data_elements
from ...apdu.secure import SECURE_MESSAGING
from ...errors import ParameterError
from .keys import SHORTHANDS, Shorthand, Values, Written, keys_of
from .lines import Cursor, Line, Place
from .templates import Reference, Variables

__all__ = ["NamedCommand", "command_of", "read_named", "take_name", "unknown"]


@dataclass(frozen=True, slots=True)
class NamedCommand:
    """A declared command with the fields that were written for it."""

    spec: CommandSpec
    given: tuple[Written, ...]
    place: Place

    def references(self) -> Iterator[Reference]:
        """The names that it needs."""
        for written in self.given:
            yield from written.references()

    def build(self, variables: Variables) -> bytes:
        """The command; :class:`~cardos.errors.ScriptError` where a field is missing or does not fit."""
        values = self._values(variables)
        le, mac = values.pop("le", None), values.pop("mac", None)
        try:
            command = self._command(values)
            command = command if le is None else replace(command, le=cast(int, le))
            return bytes(command if mac is None else _protected(command, cast(bytes, mac)))
        except ParameterError as error:
            raise self.place.error(str(error)) from None

    def _command(self, values: Values) -> Command:
        spec, (least, most) = self.spec, self.spec.lc
        p1, p2 = (values.pop(name, _default(getattr(spec, name))) for name in ("p1", "p2"))
        command = spec.command(cast(int, p1), cast(int, p2), **self._body(values))
        if not spec.accepts_length(command):
            raise ParameterError(f"data of {spec.name}", f"{least}..{most} bytes", f"{len(command.data)}")
        return command

    def _values(self, variables: Variables) -> Values:
        keys, values = keys_of(self.spec), Values()
        for written in self.given:
            try:
                values[written.key] = keys[written.key].read(written, variables)
            except ParameterError as error:
                raise written.place.error(str(error)) from None
        for shorthand in SHORTHANDS:
            words = (
                {key.name for key in shorthand.keys} & set(values) if shorthand.knows(self.spec) else set()
            )
            if words:
                values = self._shortened(shorthand, {word: values.pop(word) for word in words}) | values
        return values

    def _shortened(self, shorthand: Shorthand, words: Values) -> Values:
        try:
            return dict(shorthand.parameters(**words))
        except ParameterError as error:
            raise self.place.error(str(error)) from None

    def _body(self, values: Values) -> Values:
        """The fields of the data, in the shape of its layout; what takes all the rest may be left out."""
        body = Values()
        for element in data_elements(self.spec.body):
            *outer, name = element.path.split(".")
            target = body
            for step in outer:
                target = cast(Values, target.setdefault(step, {}))
            if element.path in values:
                target[name] = values[element.path]
            elif element.width is None:
                target.setdefault(name, b"")
            elif not outer:
                raise ParameterError(name, f"given for {self.spec.name}", "nothing")
        return body


def _default(allowed: frozenset[int]) -> int | None:
    """A parameter that was not written: the only value, or 00 where that is one."""
    return 0x00 if 0x00 in allowed else None


def _protected(command: Command, mac: bytes) -> Command:
    return replace(command, cla=command.cla | SECURE_MESSAGING, data=command.data + mac)


# ------------------------------------------------------------------ reading

_NAMES: Final = {spec.name: spec for spec in COMMANDS}
_NAME: Final = re.compile(
    rf"(?:{'|'.join(re.escape(name) for name in sorted(_NAMES, key=len, reverse=True))})(?!\S)".replace(
        r"\ ", r"\s+"
    ),
    re.IGNORECASE,
)
_KEY: Final = re.compile(r"([A-Za-z_][\w.]*)=", re.ASCII)
_VALUE: Final = re.compile(r'(?:[^\s"]|"[^"]*")*')
#: Words that may be meant for a name; with digits in it a word may be a secret, which no message shows.
_WORDS: Final = re.compile(r"[A-Za-z]+(?:\s+[A-Za-z]+)*(?![\w=])")


def take_name(cursor: Cursor) -> CommandSpec | None:
    """The declared command whose name stands here, in any case, which is read."""
    found = cursor.take(_NAME)
    return _NAMES[" ".join(found[0].upper().split())] if found else None


def command_of(text: str) -> tuple[CommandSpec | None, str]:
    """The declared command whose name begins ``text``, and what stands behind it.

    >>> command_of("get balance p2=0")[1]
    ' p2=0'
    """
    cursor = Cursor(Line(text))
    spec = take_name(cursor)
    return spec, text[cursor.at :]


def read_named(spec: CommandSpec, cursor: Cursor, place: Place) -> NamedCommand:
    """The fields of a command whose name was read."""
    given: dict[str, Written] = {}
    while True:
        cursor.skip_spaces()
        if cursor.done:
            return NamedCommand(spec, tuple(given.values()), place)
        written = _read_field(spec, cursor)
        if written.key in given:
            raise written.place.error(f"{written.key} must be given once, got it twice")
        given[written.key] = written


def _read_field(spec: CommandSpec, cursor: Cursor) -> Written:
    place, keys = cursor.place, keys_of(spec)
    found = cursor.take(_KEY)
    if not found or found[1] not in keys:
        choices = ", ".join(f"{key}=" for key in keys) or "left out"
        raise place.error(
            f"field of {spec.name} must be {choices}, got {found[0] if found else cursor.shown()}"
        )
    start = cursor.at
    value = cursor.take(_VALUE)
    text = value[0] if value else ""
    part = Cursor(cursor.line, start, cursor.at)
    written = Written(found[1], text, part, cursor.line.place(start))
    if not text:
        raise written.place.error(f"{written.key} must have a value, got none")
    return written


def unknown(cursor: Cursor) -> str:
    """What to say of something that is no name of a command."""
    found = _WORDS.match(cursor.line.text, cursor.at, cursor.end)
    near = difflib.get_close_matches(" ".join(found[0].upper().split()), _NAMES, n=3) if found else []
    hint = f"; perhaps {' or '.join(near)}" if near else ""
    got = repr(found[0]) if found else cursor.shown()
    return f"command must be hex, reset, exit or a declared name, got {got}{hint}"
