"""The core on other machines, cross-compiled and run by qemu-user; on aarch64 also the package, in Debian's Python; and
the core as a compiler makes it that does not know GNU C, such as Microsoft's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "cardos" / "crypto" / "core"
HERE = Path(__file__).parent
SWEEP = ROOT / "tests" / "crypto" / "native" / "sweep.c"

#: Other machines, and the levels that they have.  s390x is big-endian.
MACHINES = {"aarch64": ["portable", "v128"], "s390x": ["portable"]}
STRICT = [
    "-std=c11",
    "-pedantic",
    "-O2",  # GCC for s390x unrolls loops at -O3 until it sees overflows that cannot be
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wconversion",
    "-Wno-sign-conversion",
]

#: By CARDOS_LEVEL, what `cardos doctor` says of it.
REPORTS = {
    "": "native (default), level v128 (the best of this processor)",
    "portable": "native (default), level portable (CARDOS_LEVEL=portable)",
    "avx2": "got 'avx2', which needs an x86-64 processor, and a build by GCC or Clang",
}

#: Tests that take the core through its paths in half a minute of emulation.
SUITE = ["test_mac.py", "test_suite.py", "test_diversify.py", "test_dialect.py", "test_column_misuse.py"]

pytestmark = pytest.mark.slow


def need(machine):
    """Skip unless programs of ``machine`` can be made and run."""
    if None in {shutil.which(f"{machine}-linux-gnu-gcc"), shutil.which(f"qemu-{machine}")}:
        libc = f"libc6-dev-{'arm64' if machine == 'aarch64' else machine}-cross"
        pytest.skip(f"needs the Debian packages gcc-{machine}-linux-gnu, {libc} and qemu-user")


def run(*command, cwd, **environment):
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def compiled(compiler, *arguments, cwd):
    """By `compiler`, without a warning."""
    done = run(*compiler, *STRICT, f"-I{CORE}", *arguments, cwd=cwd)
    assert (0, "") == (done.returncode, done.stderr)


def build_programs(compiler, cwd):
    """``known`` and ``sweep``."""
    compiled(compiler, "-c", *sorted(CORE.glob("*.c")), cwd=cwd)
    objects = sorted(cwd.glob("*.o"))
    compiled(compiler, HERE / "known.c", *objects, "-o", "known", cwd=cwd)
    compiled(compiler, SWEEP, *objects, "-o", "sweep", cwd=cwd)


def emulate(machine, program, *arguments, cwd):
    done = run(f"qemu-{machine}", "-L", f"/usr/{machine}-linux-gnu", program, *arguments, cwd=cwd)
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    return done.stdout.splitlines()


def levels(printed):
    """The names in lines of known_answers.py."""
    return [line.partition("level ")[2].split()[0] for line in printed.splitlines()]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_core(machine, tmp_path):
    """Compiled without a warning; published answers; columns as single calls, in a generated sweep."""
    need(machine)
    build_programs([f"{machine}-linux-gnu-gcc"], tmp_path)
    assert MACHINES[machine] == emulate(machine, "known", cwd=tmp_path)
    printed = emulate(machine, "sweep", "1", "200", cwd=tmp_path)
    assert [f"{level} 200" for level in MACHINES[machine]] == [
        line for line in printed if not line.endswith(" 0")
    ]


def test_a_compiler_without_gnu_c(tmp_path):
    """Only the portable level, and single calls, by a Clang that does not say that it is GNU C."""
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    build_programs(["clang", "-fgnuc-version=0"], tmp_path)
    assert "portable\n" == run(tmp_path / "known", cwd=tmp_path).stdout
    printed = run(tmp_path / "sweep", "1", "200", cwd=tmp_path).stdout
    assert ["portable 200", "v128 0", "avx2 0", "avx512 0"] == printed.splitlines()


def test_the_package_on_aarch64(tmp_path):
    """In a Python for aarch64: the level in use and the overrides, published answers, a part of the suite."""
    need("aarch64")
    script = ROOT / "tools" / "aarch64.sh"
    libraries = ["pytest", "hypothesis", "cryptography"]
    made = run("sh", script, tmp_path / "aarch64", *libraries, cwd=tmp_path, PYTHON=sys.executable)
    if made.returncode:  # without a network, most likely
        pytest.skip(f"tools/aarch64.sh stopped: {(made.stdout + made.stderr).strip()[-300:]}")
    python = tmp_path / "aarch64" / "python"

    for level, reported in REPORTS.items():
        environment = {"CARDOS_BACKEND": "", "CARDOS_LEVEL": level, "COLUMNS": "120"}
        done = run(python, "-m", "cardos", "doctor", cwd=tmp_path, **environment)
        assert reported in done.stdout + done.stderr
        assert "WRONG" not in done.stdout

    done = run(python, HERE / "known_answers.py", cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert MACHINES["aarch64"] == levels(done.stdout)

    tests = [ROOT / "tests" / "crypto" / name for name in SUITE]
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "-k",
        "not as_openssl",
    ]  # that one is slow here
    settings = ["--rootdir", ROOT, "-c", ROOT / "pyproject.toml"]
    done = run(
        python, "-B", "-m", "pytest", *options, *settings, *tests, cwd=tmp_path, CARDOS_BACKEND="native"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
