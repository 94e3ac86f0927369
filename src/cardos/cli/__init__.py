"""The command ``cardos``: a thin face over the library.

Exit status: 0 done, 1 the work found something wrong (or ``card diff`` a difference), 2 the input was wrong (one line
on standard error says where).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .. import crypto
from ..apdu import Command, Response, describe_sw, find_spec
from ..crypto import Dialect
from ..errors import CardosError, DecodeError, ParameterError
from ..fields import FIELDS, Value, read_value
from ..host import RECORD, TerminalRecord, read_upload
from ..host.upload import HEADER_SIZE
from ..profile import load_profile, profile_names
from . import card, trace
from .apdu import apdu
from .doctor import doctor
from .pay import load, purchase
from .read import read
from .readers import readers
from .relay import relay
from .shell import shell

__all__ = ["app", "main"]

app = typer.Typer(
    name="cardos",
    help="Purse cards of the city: simulate, load, spend, clear. Start with: cardos demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(card.app, name="card")
app.add_typer(trace.app, name="trace")
app.command()(apdu)
app.command()(read)
app.command()(readers)
app.command()(shell)
app.command()(load)
app.command()(purchase)
app.command()(relay)
app.command()(doctor)


def _version(asked: bool) -> None:  # noqa: FBT001 (typer hands the flag's value over by position)
    if asked:
        from .. import __version__

        typer.echo(f"cardos {__version__} (crypto: {crypto.backend})")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", help="Show version and crypto engine.", callback=_version, is_eager=True)
]


@app.callback()
def _root(*, version: _Version = False) -> None:
    """Options that stand before a command."""


@app.command()
def demo(
    cards: Annotated[int, typer.Option(min=20, max=100_000, help="How many cards the city issues.")] = 300,
    seed: Annotated[int, typer.Option(help="Same seed, same day, same result.")] = 2026,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep upload files, databases, tables and the HTML report in this folder."),
    ] = None,
) -> None:
    """Run one city day: issue, load, spend, upload, clear, settle; with faults planted and found.

    Ends with status 0 only if every planted fault was found and the money is conserved to the fen.
    """
    from ..demo import run_demo

    raise typer.Exit(0 if run_demo(cards=cards, seed=seed, out=out, console=Console()) else 1)


@app.command()
def profiles() -> None:
    """List the card and SAM profiles that are shipped."""
    table = Table("name", "kind", "cipher", "what it is")
    for name in profile_names():
        profile = load_profile(name)
        table.add_row(name, profile.kind, profile.suite.name, profile.title)
    Console().print(table)


@app.command()
def decode(
    command: Annotated[str, typer.Argument(help="Command APDU in hex.")],
    response: Annotated[str | None, typer.Argument(help="Response in hex, with its status word.")] = None,
) -> None:
    """Explain a command APDU, and its response, field by field."""
    apdu = Command.decode(_hex("command", command))
    spec = find_spec(apdu)
    console = Console()
    console.print(
        f"[bold]{spec.name if spec else 'unknown command'}[/]  case {apdu.case}  {bytes(apdu).hex(' ').upper()}"
    )
    if spec is not None and spec.accepts_length(apdu):
        _print_fields(console, spec.body_fields(apdu.data))
    if response is None:
        return
    answer = Response.decode(_hex("response", response))
    console.print(f"[bold]{answer.sw:04X}[/]  {describe_sw(answer.sw)}")
    if spec is not None and answer.data:
        _print_fields(console, spec.answer_fields(answer.data))


@app.command()
def tac(
    transaction: Annotated[str, typer.Argument(help="Transaction of the profile, such as purchase or load.")],
    values: Annotated[
        list[str],
        typer.Argument(help="Fields as name=value: amount=150 date=2026-11-24 terminal=001122334455 …"),
    ],
    key: Annotated[
        str,
        typer.Option(
            envvar="CARDOS_TAC_KEY", help="TAC key DTK of the card, 32 hex digits; better in the variable."
        ),
    ],
    profile: Annotated[
        str, typer.Option(help="Card profile: a name of `cardos profiles`, or a .toml file.")
    ] = "city-3des",
) -> None:
    """Compute the TAC of one transaction from its fields."""
    dialect = load_profile(profile).dialect
    fields = _fields(dialect, transaction, values)
    dtk = dialect.suite.key(_hex("key", key, secret=True))
    typer.echo(dialect.tac(transaction, dtk, item="tac", **fields).hex().upper())


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="Upload files of terminals and outlets (.cup).")],
) -> None:
    """Check upload files and show their records."""
    for path in files:
        content = read_upload(path)
        records = [
            TerminalRecord.decode(raw, offset=HEADER_SIZE + RECORD.width * n) for n, raw in enumerate(content)
        ]
        header = content.header
        Console().print(f"{path}: operator {header.operator}, made {header.created}, {content.count} records")
        table = Table(
            "when", "type", "terminal", "card", "serial", "fen", "TAC", box=None, padding=(0, 1, 0, 0)
        )
        for r in records:
            tac = "torn" if r.torn else r.tac.hex().upper()
            row = (r.when, f"{r.type:02X}", r.terminal.hex(), r.card_serial.hex(), r.serial, r.amount, tac)
            table.add_row(*map(str, row))
        Console().print(table)


def _print_fields(console: Console, fields: dict[str, object]) -> None:
    for name, value in fields.items():
        note = FIELDS[name].note if name in FIELDS else ""
        shown = value.hex().upper() if isinstance(value, bytes) else value
        console.print(f"  {name:16} {shown}  [dim]{note}[/]")


def _fields(dialect: Dialect, transaction: str, texts: list[str]) -> dict[str, Value]:
    """Fields from their ``name=value`` form: integers, dates as YYYY-MM-DD, times as HH:MM:SS, other bytes
    in hex.
    """
    wanted = [field.name for field in dialect.transaction(transaction).item("tac").fields]
    found: dict[str, Value] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in wanted:
            raise ParameterError("field", f"one of {', '.join(wanted)}", repr(name))
        found[name] = read_value(name, FIELDS[name].kind, value)
    return found


def _hex(name: str, text: str, *, secret: bool = False) -> bytes:
    digits = "".join(text.split())
    try:
        return bytes.fromhex(digits)
    except ValueError:
        shown = f"{len(digits)} characters" if secret else repr(text)
        raise ParameterError(name, "an even number of hex digits", shown) from None


def main() -> None:
    """Entry point of the program: wrong input ends in one line and status 2."""
    try:
        app()
    except (ParameterError, DecodeError, CardosError) as error:
        typer.echo(f"cardos: {error}", err=True)
        sys.exit(2)
