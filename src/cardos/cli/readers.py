"""``cardos readers``: the readers of the PC/SC service, and the cards that come and go in them."""

from __future__ import annotations

import json
from contextlib import suppress
from types import MappingProxyType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..document import DocumentForm
from ..host.transports.pcsc_events import CardEvent, CardWatch, ReaderInfo, list_readers

__all__ = ["readers"]

#: Identifies the document of ``--json``.
_FORMAT = "readers/1"
_FORM = DocumentForm(hex=MappingProxyType({}), elements=frozenset())


def readers(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON document instead, for programs; with --watch one a line.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Tell which cards are there, come and go, until interrupted.")
    ] = False,
    limit: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Watch no longer than this.")
    ] = None,
) -> None:
    """List the readers of the PC/SC service, with the cards in them. No card is disturbed.

    Status 0: there are readers (or the watch ended), 1: there is none, 2: the service does not run.
    """
    if watch:
        _watch(limit, as_json=as_json)
        return
    found = list_readers()
    if as_json:
        document = {"format": _FORMAT, "readers": [_FORM.members(each) for each in found]}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif found:
        _print_readers(found)
    else:
        typer.echo(
            "no reader is there; plug one in, and look for its driver (Debian: apt-get install libccid)"
        )
    raise typer.Exit(0 if found else 1)


def _print_readers(found: tuple[ReaderInfo, ...]) -> None:
    table = Table("path", "card", "ATR", "protocols")
    for each in found:
        card = "yes" if each.present else "[dim]none[/]"
        atr = each.atr.hex(" ").upper()
        table.add_row(escape(f"pcsc:{each.name}"), card, atr, ", ".join(each.protocols))
    Console().print(table)


def _watch(limit: float | None, *, as_json: bool) -> None:
    with suppress(KeyboardInterrupt), CardWatch(limit=limit) as watch:
        for event in watch:
            typer.echo(json.dumps(_FORM.members(event), ensure_ascii=False) if as_json else _line(event))


def _line(event: CardEvent) -> str:
    if not event.inserted:
        return f"{event.reader}: card removed"
    atr = event.atr.hex(" ").upper() or "mute"
    return f"{event.reader}: card inserted, {atr}"
