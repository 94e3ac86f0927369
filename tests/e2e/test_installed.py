"""The program as it is installed, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PROGRAM = Path(sysconfig.get_path("scripts")) / "cardos"


def run(*arguments, cwd, **env):
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_demo_runs_anywhere_and_keeps_its_files(tmp_path):
    done = run("demo", "--cards", 25, "--out", "day", cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert "Faults planted" in done.stdout
    html = (tmp_path / "day" / "report" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in html
    assert not re.search(r"(?:src|href)\s*=\s*[\"']https?:|@import|url\(\s*[\"']?https?:", html)
    assert ["day"] == [p.name for p in tmp_path.iterdir()]


@pytest.mark.slow
def test_wrong_input(tmp_path):
    done = run("decode", "805", cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert "cardos: command must be an even number of hex digits, got '805'\n" == done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "pure"])
def test_backend_is_chosen_by_name(tmp_path, backend):
    done = run("--version", cwd=tmp_path, CARDOS_BACKEND=backend)
    if backend == "native" and done.returncode:
        pytest.skip("this installation was built pure")
    assert f"{backend} (CARDOS_BACKEND={backend})" in done.stdout


@pytest.mark.slow
def test_unknown_backend_is_refused(tmp_path):
    code = "import cardos.crypto"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CARDOS_BACKEND": "fast"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "CARDOS_BACKEND must be native or pure, got 'fast'" in done.stderr
