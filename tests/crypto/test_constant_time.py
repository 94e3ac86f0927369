"""No branch and no address in the core depends on a key or on data: memcheck watches every kernel.

The keys and the data are marked as undefined memory; memcheck reports whatever is decided or addressed by them.
What it cannot run, AVX-512, is not shown this way.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cardos.crypto import backend

CORE = Path(__file__).parents[2] / "src" / "cardos" / "crypto" / "core"
PROGRAM = Path(__file__).with_name("native") / "constant_time.c"
REPORTED = 99
#: Those that run here, and that memcheck can run.
LEVELS = [level.name for level in backend.levels if level.runs and level.name != "avx512"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif(not Path("/usr/include/valgrind/memcheck.h").exists(), reason="no valgrind headers"),
]


@pytest.fixture(scope="module", params=["gcc", "clang"])
def program(request, tmp_path_factory):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    path = tmp_path_factory.mktemp("constant_time") / "program"
    sources = [PROGRAM, *sorted(CORE.glob("*.c"))]
    options = ["-std=c11", "-O3", "-gdwarf-4", f"-I{CORE}"]  # valgrind may not know a newer format
    subprocess.run([request.param, *options, *sources, "-o", path], check=True)
    return path


def memcheck(program, *arguments):
    watched = ["valgrind", "--quiet", f"--error-exitcode={REPORTED}", program, *arguments]
    return subprocess.run(watched, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("level", LEVELS)
def test_no_secret_decides_or_addresses(program, level):
    result = memcheck(program, level)
    assert result.stderr == ""
    assert result.stdout == f"ran level {level}\n"
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("kind", "report"),
    [
        ("branch", "Conditional jump or move depends on uninitialised value"),
        ("address", "Use of uninitialised value"),
    ],
)
def test_a_planted_leak_is_reported(program, kind, report):
    result = memcheck(program, "portable", kind)
    assert report in result.stderr
    assert "plant (constant_time.c" in result.stderr
    assert result.returncode == REPORTED
