"""The C sources of the core: strict C11 without a warning under each compiler of the machine, and its constants."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cardos.crypto import Cipher

CORE = Path(__file__).parents[2] / "src" / "cardos" / "crypto" / "core"
SOURCES = sorted(CORE.glob("*.c"))
STRICT = [
    "-std=c11",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wno-sign-conversion",
    "-Wshadow",
]


@pytest.mark.slow
@pytest.mark.parametrize("optimisation", ["-O0", "-O2", "-O3"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_warnings(compiler, optimisation, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    program = [compiler, *STRICT, optimisation, "-Werror", "-c", *map(str, SOURCES)]
    run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert run.returncode == 0
    assert len(SOURCES) == len(list(tmp_path.glob("*.o")))


def test_cipher_numbers_are_those_of_python():
    header = (CORE / "core.h").read_text()
    numbers = dict(re.findall(r"CARDOS_(\w+) = (\d)", header))
    assert {cipher.name: str(cipher.code) for cipher in Cipher} == numbers
