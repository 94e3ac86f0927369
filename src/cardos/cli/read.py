"""``cardos read``: what a reader app would show of the card that lies in a reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from ..apdu import SW
from ..fields import FieldValue, yuan
from ..host.reading import (
    ApplicationReading,
    CardReading,
    FileReading,
    PurseReading,
    RefusedCommand,
    Transaction,
    Trip,
    read_card,
    reading_document,
)
from ..readers import open_transport
from .apdu import ReaderOption

__all__ = ["print_reading", "read"]

_NOTHING = "[dim]unknown[/]"
_LONG = 4  # bytes that are worth a short form when they are all 00
_NO_MOMENT = "[dim]no valid time[/]"


def read(
    reader: ReaderOption = None,
    *,
    files: Annotated[bool, typer.Option("--files", help="Every file that was read, field by field.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON document instead, for programs: all of it.")
    ] = False,
) -> None:
    """Read a card: what it is, number, validity, balance, log and trips. Needs no PIN and changes nothing.

    Status 0: a known card, 1: a card that is not known, 2: it could not be read.
    """
    with open_transport(reader) as transport:
        reading = read_card(transport)
    if as_json:
        typer.echo(json.dumps(reading_document(reading), indent=2, ensure_ascii=False))
    else:
        print_reading(Console(), reading, today=datetime.now().date(), files=files)
    raise typer.Exit(0 if reading.applications else 1)


def print_reading(console: Console, reading: CardReading, *, today: date, files: bool = False) -> None:
    """The reading on a terminal; with ``files`` every file of a known card too, which those of an unknown card always
    are.
    """
    for application in reading.applications:
        console.print(_application(application, today))
        if files:
            console.print(_files(application.files))
    if not reading.applications:
        console.print(_unknown(reading))
    for line in _notes(reading, files=files):
        console.print(line, soft_wrap=True)


# ------------------------------------------------------------------ a known card


def _application(found: ApplicationReading, today: date) -> RenderableType:
    parts: list[RenderableType] = [_facts(found, today)]
    if found.transactions:
        parts += ["", _transactions(found.transactions)]
    if found.trips:
        parts += ["", _trips(found.trips)]
    title = " · ".join(filter(None, (found.title, found.city)))
    return Panel(Group(*parts), title=f"[bold]{escape(title)}[/]", title_align="left", border_style="green")


def _facts(found: ApplicationReading, today: date) -> Table:
    table = _grid()
    table.add_row("number", f"[bold]{found.number}[/]" if found.number else _NOTHING)
    for purse in found.purses:
        table.add_row(_PURSE_NAMES[purse.name], _balance(purse))
    table.add_row("valid", _validity(found, today))
    if found.issuer:
        table.add_row("issuer", _hex(found.issuer))
    table.add_row("application", _name(found.aid))
    return table


_PURSE_NAMES = {"ep": "balance", "ed": "deposit"}


def _balance(purse: PurseReading) -> str:
    colour = "red" if purse.balance < 0 else "green"
    shown = f"[bold {colour}]{yuan(purse.balance)}[/] yuan"
    if not purse.limit:
        return shown
    used = f", {yuan(purse.used)} of it in use" if purse.used else ""
    return f"{shown}  [dim]may be overdrawn by {yuan(purse.limit)}{used}[/]"


def _validity(found: ApplicationReading, today: date) -> str:
    if found.start is None and found.expiry is None:
        return _NOTHING
    span = f"{found.start or '?'} to {found.expiry or '?'}"
    if found.expiry is not None and found.expiry < today:
        return f"{span}  [red]expired[/]"
    return f"{span}  [red]not yet[/]" if found.start is not None and found.start > today else span


def _transactions(transactions: Sequence[Transaction]) -> Table:
    places = any(each.place for each in transactions)
    table = _table("when", "transaction", "yuan>", "serial>", "terminal", *(["place"] if places else []))
    for each in transactions:
        row = (_moment(each.when), each.kind, _change(each.amount), str(each.serial), _hex(each.terminal))
        table.add_row(*row, *([each.place] if places else []))
    return table


def _trips(trips: Sequence[Trip]) -> Table:
    table = _table("when", "trip", "by", "city", "line", "station", "yuan>", "balance>")
    for each in trips:
        table.add_row(
            _moment(each.when), each.kind, each.industry, each.city or _hex(each.city_code), _hex(each.line),
            _hex(each.station), _fare(each.amount), yuan(each.balance),
        )  # fmt: skip
    return table


def _moment(when: datetime | None) -> str:
    return _NO_MOMENT if when is None else when.strftime("%Y-%m-%d %H:%M:%S")


def _fare(fen: int) -> str:
    return yuan(fen) if fen else f"[dim]{yuan(fen)}[/]"


def _change(fen: int) -> str:
    return f"[green]+{yuan(fen)}[/]" if fen > 0 else _fare(fen)


# ------------------------------------------------------------------ files


def _files(files: Sequence[FileReading]) -> Table:
    table = _table("file", "", "content")
    for file in files:
        place = f"{_name(file.application)} {file.sfi:02X}" if file.application else f"MF {file.sfi:02X}"
        for number, text in _contents(file):
            table.add_row(place, number, text)
            place = ""
    return table


def _contents(file: FileReading) -> Iterator[tuple[str, str]]:
    """Numbers and contents of the lines of a file."""
    if file.data:
        yield "", _content(file.data, file.fields)
    for record in file.records:
        yield f"{record.number:02X}", _content(record.data, record.fields)


def _content(data: bytes, fields: Sequence[FieldValue]) -> str:
    return ", ".join(f"[dim]{each.name}[/] {_value(each)}" for each in fields) if fields else _filled(data)


def _value(element: FieldValue) -> str:
    return _filled(element.value) if isinstance(element.value, bytes) else element.text


def _filled(data: bytes) -> str:
    """In hex; what was never filled, in short."""
    return f"00 x {len(data)}" if len(data) > _LONG and not any(data) else _hex(data)


# ------------------------------------------------------------------ an unknown card


def _unknown(reading: CardReading) -> RenderableType:
    table = _grid()
    table.add_row("ATR", reading.atr.hex(" ").upper())
    for name in reading.names:
        table.add_row("application", _name(name))
    for fci in reading.fcis:
        table.add_row("FCI", _hex(fci))
    parts: list[RenderableType] = [table]
    if reading.files:
        parts += ["", _files(reading.files)]
    return Panel(Group(*parts), title="[bold]Unknown card[/]", title_align="left", border_style="yellow")


def _notes(reading: CardReading, *, files: bool) -> Iterator[str]:
    """What was refused; files that a card of this kind may lack are named with the files only."""
    for each in reading.refusals:
        if each.sw == SW.FILE_NOT_FOUND and not files:
            continue
        colour = "yellow" if each.needs_secret else "dim"
        yield f"[{colour}]{_refusal(each)}[/]"
    if reading.stopped:
        yield f"[red]reading stopped: {reading.stopped}[/]"


def _refusal(each: RefusedCommand) -> str:
    place = _name(each.application) if each.application else "MF"
    wanted = "; it needs a PIN or a key" if each.needs_secret else ""
    status = f"{each.sw:04X} " if each.sw else ""
    return f"{place}: {each.command} answered {status}({each.meaning}){wanted}"


def _name(name: bytes) -> str:
    text = name.decode("ascii", errors="replace")
    return escape(text) if text.isascii() and text.isprintable() else _hex(name)


def _hex(data: bytes) -> str:
    return data.hex().upper()


def _grid() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    return table


def _table(*columns: str) -> Table:
    """A table; a column whose name ends in ``>`` is of numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(
            name.removesuffix(">"), justify="right" if name.endswith(">") else "left", overflow="fold"
        )
    return table
