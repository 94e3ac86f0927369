"""Runs searches for circuits: a recipe is a pipe of stages, and with its seeds it always gives the same circuit.

usage: python tools/circuits/search.py 'start 4 1 | walk 4 3 2000000 1 | order 100000 1'
       python tools/circuits/search.py --repeat des.txt [FAMILY NAME]

The first form prints the recipe as a comment and the circuit, ready for des.txt or sm4.txt.  The second runs the
recipes of a file again and compares: status 1 when a circuit is another one.

Stages: start.py (DES) and tower.py (SM4) make a first circuit, `lut3` turns its gates into gates of three inputs,
walk.c makes it smaller, order.c puts it in order.  The C programs are compiled into a temporary folder by $CC or cc.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from netlist import parse

HERE = Path(__file__).parent
PROGRAMS = {"walk": ("net.c", "moves.c", "walk.c"), "order": ("net.c", "order.c")}


def build(program: str, folder: Path, *, wide: bool) -> Path:
    """The executable of a search program, for 64 inputs or 256, made in `folder` when it is not there."""
    target = folder / (program + "_wide" * wide)
    if not target.exists():
        sources = [str(HERE / source) for source in PROGRAMS[program]]
        options = ["-std=gnu11", "-O3", "-march=native", *["-DWIDE"] * wide]
        subprocess.run([os.environ.get("CC", "cc"), *options, *sources, "-o", str(target)], check=True)
    return target


def run(recipe: str, folder: Path) -> str:
    """The line of the circuit that a recipe gives."""
    line = ""
    for stage in recipe.split("|"):
        name, *arguments = stage.split()
        if name == "lut3":
            line = parse(line).of_three().line() + "\n"
            continue
        if name in PROGRAMS:
            command = [str(build(name, folder, wide=line.split()[1] == "sm4"))]
        else:
            command = [sys.executable, str(HERE / f"{name}.py")]
        line = subprocess.run(
            [*command, *arguments], input=line, capture_output=True, text=True, check=True
        ).stdout
    return line.rstrip("\n")


def recipes(path: Path) -> Iterator[tuple[str, str]]:
    """The recipes of a file of results, each with its circuit."""
    recipe = ""
    for line in path.read_text("ascii").splitlines():
        if line.startswith("# from: "):
            recipe = line.removeprefix("# from: ")
        elif line and line[0] != "#":
            yield recipe, line


def main(arguments: Sequence[str]) -> int:
    """One recipe, or those of a file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments[1] != "--repeat":
            print(f"# from: {arguments[1]}\n{run(arguments[1], folder)}")
            return 0
        wanted = " ".join(arguments[3:])
        for recipe, line in recipes(HERE / arguments[2]):
            if line.startswith(wanted) and run(recipe, folder) != line:
                print(f"another circuit than before from: {recipe}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
