"""``cardos apdu``: commands on a card, typed or from a file, and what their answers must be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..errors import ParameterError
from ..host.scripting import ScriptRunner, Step, StepResult, parse_script
from ..profile import load_profile
from ..readers import open_transport
from .exchange import Explainer, print_step, step_document

__all__ = ["ReaderOption", "apdu", "script_steps"]

#: Identifies the document of ``--json``.
_FORMAT = "cardapdu/1"

ReaderOption = Annotated[
    str | None,
    typer.Option(
        "--reader", "-r", help="sim:…, pcsc:…, vpcd:…, tcp:…, unix:… or replay:…; default $CARDOS_READER."
    ),
]


def apdu(
    lines: Annotated[
        list[str] | None,
        typer.Argument(
            help="Commands, one an argument: '00A40000(3F01) -> 9000', 'GET BALANCE purse=ep', reset …"
        ),
    ] = None,
    *,
    reader: ReaderOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Commands, one a line; - is the input.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Leave 61xx and 6Cxx as they come.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", "-k", help="Go on after a difference.")] = False,
    profile: Annotated[
        str | None, typer.Option(help="Profile of the card, which names what is in files.")
    ] = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show PINs and keys that were sent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document instead, for programs.")] = False,
) -> None:
    """Send commands to a card, explain its answers, and compare them with what is expected.

    Status 0: every answer as expected, 1: a difference, where it stops, 2: a command or the reader is wrong.
    """
    steps = list(script_steps(lines or [], file))
    explainer = Explainer(None if profile is None else load_profile(profile), secrets=secrets)
    console, documents, differences = Console(), list[dict[str, object]](), 0
    with open_transport(reader) as transport, transport.exclusive():
        try:
            for result in _results(ScriptRunner(transport, raw=raw), steps, keep_going=keep_going):
                event = explainer.explain(result)
                differences += bool(result.difference)
                if as_json:
                    documents.append(step_document(result, event))
                else:
                    print_step(console, result, event)
        finally:
            if as_json:
                document = {"format": _FORMAT, "steps": documents}
                typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if differences else 0)


def _results(runner: ScriptRunner, steps: list[Step], *, keep_going: bool) -> Iterator[StepResult]:
    for result in runner.run_all(steps):
        yield result
        if result.difference and not keep_going:
            return


def script_steps(lines: list[str], file: Path | None) -> list[Step]:
    """The steps of a file, then those of the arguments."""
    if file is None and not lines:
        raise ParameterError("command", "given as an argument or with --file", "none")
    script = parse_script("" if file is None else _read(file), source=str(file))
    more = parse_script("\n".join(lines), source="argument", known=script.names)
    return [*script.steps, *more.steps]


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ParameterError(f"{file}: script", "readable", error.strerror) from None
    except UnicodeDecodeError:
        raise ParameterError(f"{file}: script", "text in UTF-8", "something else") from None
