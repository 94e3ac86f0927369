"""``cardos demo``: the day, its progress on the terminal, its files in a folder."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import ParameterError

__all__ = ["run_demo"]


def run_demo(*, cards: int, seed: int, out: Path | None, console: Console) -> bool:
    """Run a city day with ``cards`` cards and print it; whether every fault was found and the money is
    conserved.

    ``out`` is a folder that does not exist yet (or is empty): it gets the upload files, journals,
    databases, tables, a trace and the HTML report, all of them or nothing.  Raises
    :class:`~cardos.errors.ParameterError` for another one.
    """
    with _folder(out) as folder:
        from .day import CityDay
        from .show import show

        with _progress(console) as progress:
            outcome = CityDay(folder, cards, seed, progress).run()
        well = show(outcome, console)
        report = outcome.report.relative_to(folder)
    console.print()
    console.print(f"report: {out / report}" if out else "--out DIR keeps the files and an HTML report")
    return well


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """A working folder; it becomes ``out`` when the work is done, and goes away when it fails."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="cardos-demo-") as name:
            yield Path(name)
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ParameterError("out", "a new or empty folder", out)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))
    try:
        yield work
        work.chmod(0o755)
        work.replace(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:

        def stage(name: str, steps: int) -> Callable[[], None]:
            task = bars.add_task(name, total=steps)
            return lambda: bars.advance(task)

        yield stage
