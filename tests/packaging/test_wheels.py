"""The two wheels, as `pip wheel` makes them: what is in them, and that they work in a bare environment.

One test for each, since building takes most of the time and workers of pytest-xdist share nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
ANSWERS = Path(__file__).with_name("known_answers.py")
MADE_HERE = shutil.ignore_patterns(".*", "__pycache__", "_native*", "build", "dist", "out")

pytestmark = pytest.mark.slow


def run(*command, cwd, **environment):
    """What it prints; without the settings of this run of the suite."""
    ours = ("CARDOS_", "COV_", "COVERAGE_", "PYTHON", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder, **environment):
    """The wheel of a copy of this checkout: a build writes into its source tree."""
    shutil.copytree(ROOT, folder / "source", ignore=MADE_HERE)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "-w", folder, folder / "source", cwd=folder, **environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_content(wheel, *, pure):
    with ZipFile(wheel) as archive:
        content = {PurePosixPath(name): archive.read(name) for name in archive.namelist()}
    (metadata,) = (data for path, data in content.items() if path.match("*.dist-info/WHEEL"))
    assert str(pure).lower() == message_from_bytes(metadata)["Root-Is-Purelib"]
    package = [path for path in content if not path.parts[0].endswith(".dist-info")]
    assert {"cardos"} == {path.parts[0] for path in package}
    compiled = [] if pure else ["cardos/crypto/_native.abi3.so"]
    assert compiled == [str(path) for path in package if path.suffix in {".so", ".pyd"}]
    assert not [path for path in package if path.suffix in {".c", ".h", ".o", ".pyc"}]
    assert not [path for path in package if {"core", "tests", "tools"} & set(path.parts)]
    assert not [path for path, data in content.items() if str(wheel.parent).encode() in data]


def answers(wheel):
    """What known_answers.py prints in an environment that has the wheel and what it depends on, no more."""
    folder = wheel.parent
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    run(programs / "pip", "--quiet", "--disable-pip-version-check", "install", wheel, cwd=folder)
    assert run(programs / "cardos", "--version", cwd=folder).startswith("cardos ")
    return run(programs / "python", ANSWERS, cwd=folder).splitlines()


def test_native(tmp_path):
    wheel = build(tmp_path)
    assert "-cp311-abi3-" in wheel.name
    check_content(wheel, pure=False)
    printed = answers(wheel)
    assert all(line.startswith("native (default), level ") for line in printed)
    assert {"portable", "v128"} <= {line.partition("level ")[2].split()[0] for line in printed}
    if importlib.util.find_spec("abi3audit") is None:
        pytest.skip("abi3audit is not installed; everything else of the wheel is right")
    run(sys.executable, "-m", "abi3audit", "--strict", wheel, cwd=tmp_path)


def test_pure(tmp_path):
    wheel = build(tmp_path, CARDOS_BACKEND="pure")
    assert wheel.name.endswith("-py3-none-any.whl")
    check_content(wheel, pure=True)
    assert ["pure (this installation was built without the native core)"] == answers(wheel)
