"""What the shell knows of the declared commands: help in words, and what can be typed next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from ..apdu import COMMANDS, CommandSpec, describe_sw
from ..apdu.elements import DataElement, data_elements
from ..card import KINDS
from ..host.scripting import Key, command_of, keys_of
from ..profile import Profile, profile_names

__all__ = ["Suggestion", "command_help", "commands_of", "suggestions"]

_TRIES_LEFT = 0x63C0


def commands_of(profile: Profile | None) -> tuple[CommandSpec, ...]:
    """The commands that a card of ``profile`` knows; all when none is given."""
    if profile is None:
        return COMMANDS
    return tuple(spec for spec in COMMANDS if spec.name in KINDS[profile.kind] or spec.name == "GET RESPONSE")


# ------------------------------------------------------------------ help


def command_help(spec: CommandSpec) -> RenderableType:
    """Clause, coding, what can be written, layouts and status words of a command."""
    heads = (
        f"[bold]{spec.name}[/]  CLA {spec.cla:02X} INS {spec.ins:02X}  [dim]{escape(spec.clause)}[/]",
        f"Effect: {escape(spec.effect)}" if spec.effect else "",
        f"Protected form: {spec.protection.value}.",
    )
    tables = (
        _table("write", _key_rows(keys_of(spec).values())),
        _table("data", _element_rows(data_elements(spec.body))),
        _table("answer", _element_rows(data_elements(spec.answer))),
        _table("status", ((f"{sw:04X}", _meaning(sw)) for sw in sorted(spec.statuses))),
    )
    return Group(*(head for head in heads if head), *(table for table in tables if table.row_count))


def _table(title: str, rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title, "", box=None, padding=(0, 2, 0, 2), header_style="bold")
    for name, text in rows:
        table.add_row(escape(name), escape(text))
    return table


def _key_rows(keys: Iterable[Key]) -> Iterator[tuple[str, str]]:
    for key in keys:
        choices = f"{', '.join(key.choices)}; " if key.choices else ""
        yield f"{key.name}=", choices + key.note


def _element_rows(elements: Iterable[DataElement]) -> Iterator[tuple[str, str]]:
    for each in elements:
        width = "the rest" if each.width is None else f"{each.width} bytes" if each.width > 1 else "1 byte"
        yield each.path, f"{width}; {each.note}" if each.note else width


def _meaning(sw: int) -> str:
    return "wrong, x tries left (63Cx)" if sw == _TRIES_LEFT else describe_sw(sw)


# ------------------------------------------------------------------ completion


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What can stand in the place of the last ``replaces`` characters, and a ``note`` on it."""

    text: str
    replaces: int
    note: str = ""


def suggestions(text: str, words: Sequence[str], profile: Profile | None = None) -> Iterator[Suggestion]:
    """What can be typed after ``text``: names of commands and ``words`` of the shell, then fields and their values.

    >>> [each.text for each in suggestions("get bal", [])], [each.text for each in suggestions("GET BALANCE pu", [])]
    (['GET BALANCE'], ['purse='])
    """
    text = text.lstrip()
    first, space, rest = text.partition(" ")
    if "->" in text:
        return
    if space and first in {"help", "profile"}:
        names = profile_names() if first == "profile" else [spec.name for spec in commands_of(profile)]
        yield from _starting(rest.lstrip(), names)
        return
    spec, written = command_of(text)
    if spec is None or not written:
        yield from _starting(text, [*words, *(spec.name for spec in commands_of(profile))])
    elif written[-1].isspace() or "=" not in written.split()[-1]:
        yield from _keys(spec, written)
    else:
        yield from _values(spec, written.split()[-1])


def _starting(begun: str, names: Iterable[str]) -> Iterator[Suggestion]:
    for name in names:
        if name.casefold().startswith(begun.casefold()):
            yield Suggestion(name, len(begun))


def _keys(spec: CommandSpec, written: str) -> Iterator[Suggestion]:
    tokens = written.split()
    begun = "" if written[-1].isspace() else tokens[-1]
    given = {token.partition("=")[0] for token in tokens if "=" in token}
    for key in keys_of(spec).values():
        if key.name not in given and key.name.startswith(begun):
            yield Suggestion(f"{key.name}=", len(begun), key.note)


def _values(spec: CommandSpec, token: str) -> Iterator[Suggestion]:
    name, _, begun = token.partition("=")
    key = keys_of(spec).get(name)
    for choice in key.choices if key else ():
        if choice.casefold().startswith(begun.casefold()):
            yield Suggestion(choice, len(begun))
