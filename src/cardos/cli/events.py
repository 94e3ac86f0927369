"""Traces on a terminal: the command, its fields, its answer, what came of its MACs; how two traces differ."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rich.console import Console
from rich.text import Text

from ..host.traces import DecodedEvent, DecodedField, EventKind, Mac, TraceDifference
from ..host.traces.decoding import without_whole
from ..host.traces.masks import hexed
from ..host.traces.model import GONE

__all__ = ["print_difference", "print_event", "print_line"]

_MARKS: Mapping[Mac, tuple[str, str]] = MappingProxyType(
    {
        Mac.RIGHT: ("✓ right", "green"),
        Mac.WRONG: ("✗ wrong", "bold red"),
        Mac.UNCHECKED: ("not checked", "dim"),
    }
)
_INDENT = " " * 5


def print_event(console: Console, event: DecodedEvent, *, clause: bool = False) -> None:
    """One block: a headline with number, time, name and status, then bytes and fields of command and answer.

    ``clause`` adds where the standard has the command.
    """
    print_line(console, _headline(event, clause=clause), prefix=f"{event.number:>4} ")
    if event.kind is EventKind.APDU:
        _bytes(console, ">", event.command)
        _fields(console, event.body)
        if event.response is not None:
            _bytes(console, "<", event.response)
            _fields(console, event.answer)
    elif event.response:
        _bytes(console, "<", event.response, "  ATR")
    for name, text in event.values.items():
        print_line(console, Text(text), prefix=f"{_INDENT}  {name} = ")


def print_difference(console: Console, difference: TraceDifference) -> None:
    """One block: which event of both traces, then each field that differs, before and after."""
    gone, added = difference.after is None, difference.before is None
    places = f"{difference.before or '-'}/{difference.after or '-'} "
    word, style = ("  added", "green") if added else ("  gone", "red") if gone else ("", "")
    print_line(console, Text.assemble((difference.what, "bold"), (word, style)), prefix=places)
    width = max((len(each.name) for each in difference.fields), default=0)
    for each in difference.fields:
        before = Text("added" if each.before is None else each.before, "red" if each.before else "dim")
        after = Text("gone" if each.after is None else each.after, "green" if each.after else "dim")
        line = Text(" → ").join([before, after])
        print_line(console, line, prefix=f"{_INDENT}  {each.name:{width}}  ")


def print_line(console: Console, text: Text, *, prefix: str = "") -> None:
    """One line, on a terminal folded behind its prefix; characters that would steer the terminal are not sent."""
    start, text = Text(prefix, "dim" if prefix.strip().isdigit() else ""), text.copy()
    for each in (start, text):
        each.plain = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in each.plain)
    room = (console.width - len(start)) // 2 * 2  # whole bytes of hex
    lines = text.wrap(console, room, overflow="fold") if console.is_terminal and room > 0 else [text]
    for line in lines:
        console.print(Text.assemble(start, line), soft_wrap=True, highlight=False)
        start = Text(" " * len(start))


def _headline(event: DecodedEvent, *, clause: bool) -> Text:
    line = Text()
    if event.time is not None:
        line.append(f"{event.time:.6f} s ", "dim")
    line.append(event.name, "bold red" if event.kind in GONE else "bold")
    if event.parameters:
        line.append(f", {event.parameters}")
    if event.kind is EventKind.APDU:
        line.append(f"  {event.outcome}", "green" if event.succeeded else "red")
    if event.duration is not None:
        line.append(f"  {event.duration * 1000:.3f} ms", "dim")
    if event.writes:
        line.append(f"  {event.writes} writes", "dim")
    if clause and event.clause:
        line.append(f"  [{event.clause}]", "cyan")
    return line.append(f" {event.note}") if event.note else line


def _bytes(console: Console, sign: str, text: str, said: str = "") -> None:
    print_line(console, Text(f"{text}{said}", "dim"), prefix=f"{_INDENT}{sign} ")


def _fields(console: Console, fields: tuple[DecodedField, ...]) -> None:
    shown = without_whole(fields)
    width = max((len(each.name) for each in shown), default=0)
    for each in shown:
        line = Text(each.text)
        if each.mac is not None:
            mark, style = _MARKS[each.mac]
            line.append(f"  {mark}{f', must be {hexed(each.expected)}' if each.expected else ''}", style)
        print_line(console, line, prefix=f"{_INDENT}  {each.name:{width}}  ")
