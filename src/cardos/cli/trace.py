"""``cardos trace``: record, explain, compare, replay, export and draw what passed between terminal and card."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, TextIO, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from ..errors import ParameterError
from ..fields import FIELDS, Value
from ..host import KeyRing, Tracer
from ..host.scripting import ScriptRunner
from ..host.traces import (
    RANDOM_FIELDS,
    MessageSequence,
    Trace,
    compare_traces,
    decode_trace,
    message_sequence,
    profile_of,
    read_trace,
    redact_trace,
    replay_trace,
    to_hex_dump,
    to_html,
    to_mermaid,
    to_pcap,
    to_svg,
    trace_difference_document,
    trace_document,
    trace_text,
)
from ..profile import Profile, load_profile
from ..readers import open_transport
from .apdu import ReaderOption, script_steps
from .events import print_difference, print_event, print_line
from .keyfile import read_keyring
from .values import digits

__all__ = ["app"]

app = typer.Typer(
    help="Traces: record one, look into it, compare, replay, export, draw.", no_args_is_help=True
)

_T = TypeVar("_T")

_SERIAL_DIGITS, _ISSUER_DIGITS = 20, 16
#: Fields that no declaration of an element names.
_OTHER_FIELDS = frozenset({"data", "factors", "rest"})

_File = Annotated[Path, typer.Argument(help="Trace, cardtrace/1.")]
_ProfileName = Annotated[
    str | None, typer.Option("--profile", help="Profile of the card, when the trace names none of ours.")
]
_Keys = Annotated[
    Path | None, typer.Option(help="Check MACs with these: a .toml file with master keys by purpose.")
]
_Seed = Annotated[str | None, typer.Option(help="Check MACs with the TEST KEYS made from this text.")]
_Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", help="A field that does not count; may be given again.")
]
_Json = Annotated[bool, typer.Option("--json", help="A JSON document instead, for programs.")]
_Out = Annotated[Path, typer.Argument(help="File to write; it must not exist.")]


@app.command()
def record(
    out: _Out,
    lines: Annotated[
        list[str] | None,
        typer.Argument(
            help="Commands as `cardos apdu` takes them: '00A40000(3F01)', 'GET BALANCE purse=ep', reset …"
        ),
    ] = None,
    *,
    reader: ReaderOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Commands, one a line; - is the input.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile of the card, to stand in the trace.")] = "unknown",
    raw: Annotated[bool, typer.Option("--raw", help="Leave 61xx and 6Cxx as they come.")] = False,
    note: Annotated[str, typer.Option(help="A remark to begin with.")] = "",
    secrets: Annotated[
        bool, typer.Option("--secrets", help="PINs and keys too: for test cards only.")
    ] = False,
) -> None:
    """Send commands to a card and record what passes; secrets are masked.

    Status 0: recorded, 1: recorded, and an answer was not as the commands say, 2: something is wrong here.
    """
    steps = list(script_steps(lines or [], file))
    kind = "simulated" if (reader or "").startswith("sim:") else "device"
    with open_transport(reader) as transport, _new(out) as stream:
        tracer = Tracer(
            transport, stream, card=profile, kind=kind, redact=not secrets,
            clock=time.monotonic, now=lambda: datetime.now(UTC).replace(tzinfo=None),
        )  # fmt: skip
        if note:
            tracer.note(note)
        results = list(ScriptRunner(tracer, raw=raw).run_all(steps))
    different = sum(bool(result.difference) for result in results)
    typer.echo(
        f"{out}: {len(results)} steps, {different} not as expected; look into it: cardos trace show {out}"
    )
    raise typer.Exit(1 if different else 0)


@app.command()
def show(
    file: _File,
    *,
    profile: _ProfileName = None,
    keys: _Keys = None,
    seed: _Seed = None,
    serial: Annotated[
        str | None, typer.Option(help="Application serial number of the card, when the trace does not tell.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(help="Issuer identifier, likewise.")] = None,
    clause: Annotated[bool, typer.Option("--clause", help="Where the standard has each command.")] = False,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Show PINs and keys, if they are in it.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Explain a trace: commands, fields, status words, times; with keys, whether its MACs are right.

    Status 0, or 1 when a MAC is wrong.
    """
    trace = _read(file, secrets=secrets)
    kind = _profile(trace, profile)
    events = list(decode_trace(trace, kind, keys=_ring(keys, seed, kind), known=_known(serial, issuer)))
    if as_json:
        _print_json(trace_document(trace, events))
    else:
        console = Console()
        print_line(console, _title(file, trace))
        for event in events:
            print_event(console, event, clause=clause)
    wrong = any(each.is_wrong for event in events for each in (*event.body, *event.answer))
    raise typer.Exit(1 if wrong else 0)


@app.command()
def redact(file: _File, out: _Out) -> None:
    """Write a trace with every secret masked: PINs, keys, cryptograms, computed values."""
    _write(out, trace_text(redact_trace(read_trace(file))).encode())


@app.command()
def diff(
    before: _File,
    after: Annotated[Path, typer.Argument(help="The trace to compare with it.")],
    *,
    ignore: _Ignore = None,
    random: Annotated[
        bool, typer.Option("--random", help="Random numbers, and what follows from them, do not count.")
    ] = False,
    profile: _ProfileName = None,
    as_json: _Json = False,
) -> None:
    """Show how two traces differ, times left out. Status 0: they do not, 1: they do, 2: one cannot be read."""
    old, new = read_trace(before), read_trace(after)
    names = _names(ignore) | (RANDOM_FIELDS if random else frozenset())
    found = list(compare_traces(old, new, profile=_profile(old, profile), ignore=names))
    if as_json:
        _print_json(trace_difference_document(str(before), str(after), found))
    else:
        console = Console()
        for each in found:
            print_difference(console, each)
    raise typer.Exit(1 if found else 0)


@app.command()
def replay(
    file: _File,
    *,
    reader: ReaderOption = None,
    ignore: _Ignore = None,
    exact: Annotated[bool, typer.Option("--exact", help="Random numbers and MACs count too.")] = False,
    skip_masked: Annotated[
        bool, typer.Option("--skip-masked", help="Leave out commands with masked secrets.")
    ] = False,
    profile: _ProfileName = None,
) -> None:
    """Send the commands of a trace to a card and show the first answer that differs.

    Status 0: all as recorded, 1: a difference, 2: the trace or the reader is wrong.
    """
    trace = read_trace(file)
    names = _names(ignore) | (frozenset() if exact else RANDOM_FIELDS)
    with open_transport(reader) as transport:
        replayed = replay_trace(
            trace, transport, ignore=names, skip_masked=skip_masked, profile=_profile(trace, profile)
        )
    left_out = f", left out because masked: {replayed.skipped}" if replayed.skipped else ""
    result = "every answer as recorded" if replayed.difference is None else str(replayed.difference)
    print_line(Console(), Text(f"commands sent: {replayed.sent}{left_out}; {result}"))
    raise typer.Exit(0 if replayed.difference is None else 1)


@app.command()
def export(file: _File, out: _Out) -> None:
    """Write a trace for other programs: .pcap for Wireshark (GSMTAP), .txt for two lines of hex an exchange.

    Secrets are masked.
    """
    _write(out, _made(out, _EXPORTS)(read_trace(file)))


@app.command()
def diagram(
    files: Annotated[list[Path], typer.Argument(help="Traces of one or more cards.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Picture to write: .svg, .html, or .mmd (Mermaid).")
    ],
    keys: _Keys = None,
    seed: _Seed = None,
) -> None:
    """Draw the messages between terminal, card and PSAM, secrets masked; several traces in one picture.

    Traces with times are merged by them, others follow one another.
    """
    write = _made(out, _DIAGRAMS)
    traces = [read_trace(file) for file in files]
    kinds = [_profile(trace, None) for trace in traces]
    ring = _ring(keys, seed, *kinds)
    _write(out, write(message_sequence(traces, profiles=kinds, keys=ring)))


# ------------------------------------------------------------------ what is asked of the caller

_EXPORTS: Mapping[str, Callable[[Trace], bytes]] = MappingProxyType(
    {".pcap": to_pcap, ".txt": lambda trace: to_hex_dump(trace).encode()}
)
_DIAGRAMS: Mapping[str, Callable[[MessageSequence], bytes]] = MappingProxyType(
    {
        ".svg": lambda sequence: to_svg(sequence).encode(),
        ".html": lambda sequence: to_html(sequence).encode(),
        ".mmd": lambda sequence: to_mermaid(sequence).encode(),
    }
)


def _made(out: Path, makers: Mapping[str, Callable[[_T], bytes]]) -> Callable[[_T], bytes]:
    """What makes a file with this ending."""
    if out.suffix not in makers:
        raise ParameterError("out", f"a file that ends in {', '.join(makers)}", repr(out.name))
    return makers[out.suffix]


def _read(file: Path, *, secrets: bool) -> Trace:
    trace = read_trace(file)
    return trace if secrets else redact_trace(trace)


def _profile(trace: Trace, name: str | None) -> Profile | None:
    return profile_of(trace) if name is None else load_profile(name)


def _ring(keys: Path | None, seed: str | None, *profiles: Profile | None) -> KeyRing | None:
    """The keys to check MACs with, of every profile that is known; ``None`` when none are given."""
    if keys is None and seed is None:
        return None
    known = [profile for profile in profiles if profile is not None]
    if not known:
        raise ParameterError(
            "keys", "given for a trace whose profile is known; see --profile", "an unknown one"
        )
    if keys is None:
        return KeyRing.for_tests(seed or "", *known)
    rings = [read_keyring(keys, profile).keys for profile in known]
    return KeyRing(MappingProxyType({name: key for ring in rings for name, key in ring.items()}))


def _known(serial: str | None, issuer: str | None) -> dict[str, Value]:
    """What keys are made from, as on a card."""
    known: dict[str, Value] = {}
    if serial is not None:
        known["application_serial"] = digits("serial", serial, _SERIAL_DIGITS)
    if issuer is not None:
        known["issuer"] = digits("issuer", issuer, _ISSUER_DIGITS)
    return known


def _names(given: list[str] | None) -> frozenset[str]:
    """Names of fields to ignore."""
    for name in given or []:
        if name not in FIELDS and name not in RANDOM_FIELDS | _OTHER_FIELDS:
            raise ParameterError(
                "ignore", "the name of a field, as `cardos trace show` prints it", repr(name)
            )
    return frozenset(given or [])


# ------------------------------------------------------------------ files and what is printed


@contextmanager
def _new(out: Path) -> Iterator[TextIO]:
    """A file that did not exist."""
    try:
        stream = out.open("x", encoding="utf-8", newline="\n")
    except FileExistsError:
        raise ParameterError(f"{out}: file", "a new one", "one that exists; it was left as it is") from None
    except OSError as error:
        raise ParameterError(f"{out}: file", "a new one", error.strerror) from None
    with stream:
        yield stream


def _write(out: Path, content: bytes) -> None:
    with _new(out) as stream:
        stream.buffer.write(content)
    typer.echo(f"{out}: {len(content)} bytes")


def _print_json(document: Mapping[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _title(file: Path, trace: Trace) -> Text:
    made = f", {trace.made:%Y-%m-%d %H:%M:%S} UTC" if trace.made else ""
    cut = "" if trace.complete else "; its last line was cut off"
    atr = f", ATR {trace.atr.hex().upper()}" if trace.atr else ""
    by = f", by {trace.by}" if trace.by else ""
    return Text.assemble((str(file), "bold"), f"  {trace.profile} ({trace.kind}){by}{made}{atr}{cut}")
