"""``cardos doctor``: what is installed here, what computes, and whether it computes right."""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from types import MappingProxyType
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from .. import __version__, crypto
from ..crypto import SUITES, Cipher, Key
from ..errors import CardosError
from ..fields import with_moment
from ..profile import load_dialect

__all__ = ["doctor"]

#: Identifies the document of ``--json``.
_FORMAT: Final = "doctor/1"
_KEY: Final = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
_SM4: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
#: More than the lanes of the widest level, and not a multiple of them.
_ROWS: Final = 600


@dataclass(frozen=True, slots=True)
class LevelReport:
    """A level of the native core, or pure Python: what it needs, whether it runs here and is in use, and the known
    answers that it got ``wrong``.
    """

    name: str
    needs: str
    runs: bool
    in_use: bool
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """A distribution of an extra, with the version that is installed; empty when it is not."""

    extra: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that ``cardos doctor`` says; ``pcsc`` is empty without pyscard."""

    version: str
    python: str
    machine: str
    backend: str
    levels: tuple[LevelReport, ...]
    components: tuple[ComponentReport, ...]
    pcsc: str

    @property
    def healthy(self) -> bool:
        """Whether every known answer was right."""
        return not any(level.wrong for level in self.levels)


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="A JSON document instead, for programs.")] = False
) -> None:
    """Say what is installed, which crypto engine and level are in use and why, and check known answers at each level.

    Status 0: all is well, 1: an engine computes wrong; do not use this installation.
    """
    report = examine()
    if as_json:
        typer.echo(json.dumps({"format": _FORMAT, **asdict(report)}, indent=2, ensure_ascii=False))
    else:
        _print(report)
    raise typer.Exit(0 if report.healthy else 1)


def examine() -> Report:
    """Look at this installation."""
    return Report(
        version=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}, {sys.platform}",
        machine=platform.machine(),
        backend=str(crypto.backend),
        levels=tuple(_levels()),
        components=tuple(_components()),
        pcsc=_pcsc(),
    )


# ------------------------------------------------------------------ levels and what they compute


def _levels() -> Iterator[LevelReport]:
    """Each level, tried; the one in use is in use again afterwards."""
    backend = crypto.backend
    if not backend.levels:
        yield LevelReport(backend.name, "any processor", runs=True, in_use=True, wrong=_wrong())
        return
    before, why = backend.level, backend.level_reason
    try:
        for level in backend.levels:
            wrong: tuple[str, ...] = ()
            if level.runs:
                backend.use_level(level.name)
                wrong = _wrong()
            yield LevelReport(level.name, level.needs, level.runs, level.name == before, wrong)
    finally:
        backend.use_level(before, reason=why)


def _wrong() -> tuple[str, ...]:
    return tuple(name for name, right in _KNOWN.items() if not right())


def _tac_inputs() -> dict[str, object]:
    when = with_moment(datetime(2016, 12, 16, 13, 46))
    return {
        "amount": 1,
        "type": 0x06,
        "terminal": bytes.fromhex("001122334455"),
        "terminal_serial": 0,
        **when,
    }


def _tac() -> bool:
    tac = load_dialect("pboc2", "3des").tac("purchase", _KEY, **_tac_inputs())  # type: ignore[arg-type]  # values of fields
    return tac.hex() == "8af270dc"


def _tac_column() -> bool:
    if importlib.util.find_spec("numpy") is None:
        return True
    import numpy as np

    from ..crypto.column import tac_column

    inputs = _tac_inputs() | {"amount": np.ones(_ROWS, np.uint32)}
    tacs = tac_column(load_dialect("pboc2", "3des"), "purchase", _KEY, **inputs)  # type: ignore[arg-type]  # as above
    return tacs.tobytes() == bytes.fromhex("8af270dc") * _ROWS


def _session_key() -> bool:
    block = bytes.fromhex("C903814D00008000")
    return SUITES["3des"].session_key(_KEY, block).reveal().hex() == "11fdf264e8aeefa3"


def _sm4() -> bool:
    once = bytes.fromhex("681EDF34D206965E86B3E94F536E4246")
    key = Key(_SM4, Cipher.SM4)
    return crypto.encrypt_ecb(key, _SM4) == once and crypto.encrypt_ecb(key, _SM4 * _ROWS) == once * _ROWS


#: Answers that others published: of a real card (TAC, session key) and of GB/T 32907 appendix A.1.
_KNOWN: Mapping[str, Callable[[], bool]] = MappingProxyType(
    {"TAC": _tac, "TAC column": _tac_column, "3DES session key": _session_key, "SM4": _sm4}
)


# ------------------------------------------------------------------ what else is here


def _components() -> Iterator[ComponentReport]:
    """What the extras of this distribution bring, as it declares them."""
    for requirement in metadata.requires("cardos") or ():
        name, _, marker = requirement.partition(";")
        if "extra ==" in marker:
            extra = marker.rpartition("extra ==")[2].strip(" \"'")
            bare = name.replace("<", ">").replace("=", ">").partition(">")[0].strip()
            yield ComponentReport(extra, bare, _version(bare))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _pcsc() -> str:
    if importlib.util.find_spec("smartcard") is None:
        return ""
    from ..host import list_readers

    try:
        readers = list_readers()
    except CardosError as error:
        return str(error)
    return f"the service runs, readers: {len(readers)}"


# ------------------------------------------------------------------ on the terminal


def _print(report: Report) -> None:
    console = Console()
    for name, text in (
        ("cardos", report.version), ("Python", report.python), ("machine", report.machine), ("crypto", report.backend),
    ):  # fmt: skip
        console.print(f"{name:8} {text}", markup=False, highlight=False)
    levels = Table("level", "needs", "here", "known answers")
    for level in report.levels:
        here = "[bold]in use[/]" if level.in_use else "yes" if level.runs else "[dim]no[/]"
        answers = "[dim]not tried[/]" if not level.runs else "[green]right[/]"
        if level.wrong:
            answers = f"[red]WRONG: {', '.join(level.wrong)}[/]"
        levels.add_row(level.name, level.needs, here, answers)
    console.print(levels)
    parts = Table("extra", "component", "version")
    for each in report.components:
        missing = f"[yellow]missing; pip install 'cardos\\[{each.extra}]'[/]"
        parts.add_row(each.extra, each.name, each.version or missing)
    console.print(parts)
    console.print(f"PC/SC    {report.pcsc or 'not looked at without pyscard'}", markup=False, highlight=False)
