"""``cardos doctor``: what it says of this installation, and what it says of one that computes wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cardos.cli import app, doctor
from cardos.crypto import LevelInfo, backend

RUNNER = CliRunner(env={"COLUMNS": "120"})


def document(*arguments):
    result = RUNNER.invoke(app, ["doctor", "--json", *arguments])
    return result.exit_code, json.loads(result.stdout)


def test_every_level_that_runs_computes_right():
    status, found = document()
    assert (0, "doctor/1") == (status, found["format"])
    assert [] == [level["wrong"] for level in found["levels"] if level["wrong"]]
    assert [backend.level or "pure"] == [level["name"] for level in found["levels"] if level["in_use"]]
    if backend.levels:
        assert [(level.name, level.runs) for level in backend.levels] == [
            (level["name"], level["runs"]) for level in found["levels"]
        ]


def test_the_level_in_use_and_why_are_as_before():
    before = str(backend)
    document()
    assert before == str(backend)


def test_it_says_what_is_in_use_and_why():
    result = RUNNER.invoke(app, ["doctor"])
    assert f"crypto   {backend}" in result.stdout
    assert "in use" in result.stdout


def test_an_engine_that_computes_wrong_is_found(monkeypatch):
    monkeypatch.setattr(doctor.__globals__["crypto"], "encrypt_ecb", lambda _key, data: data)
    result = RUNNER.invoke(app, ["doctor"])
    assert 1 == result.exit_code
    assert "WRONG: SM4" in result.stdout


def test_components_are_those_of_the_extras():
    _, found = document()
    extras = {each["extra"]: each for each in found["components"]}
    assert {"clearing", "pcsc", "shell", "testing"} <= set(extras)
    assert extras["testing"]["version"]


def test_a_component_that_is_missing_is_named_with_what_brings_it(monkeypatch):
    version = doctor.__globals__["_version"]
    monkeypatch.setitem(
        doctor.__globals__, "_version", lambda name: "" if name == "duckdb" else version(name)
    )
    assert "missing; pip install 'cardos[clearing]'" in RUNNER.invoke(app, ["doctor"]).stdout


@pytest.mark.slow
def test_python_m_cardos_doctor():
    done = subprocess.run(
        [sys.executable, "-m", "cardos", "doctor", "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["backend"].startswith(f"{backend.name} (")
    assert [] == [level for level in found["levels"] if level["wrong"]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["portable", "v128", "avx2", "avx512"])
def test_each_override(name, monkeypatch):
    monkeypatch.setenv("CARDOS_LEVEL", name)
    done = subprocess.run(
        [sys.executable, "-m", "cardos", "doctor"], capture_output=True, text=True, check=False
    )
    level = next((level for level in backend.levels if level.name == name), LevelInfo(name, "", runs=False))
    if level.runs:
        assert 0 == done.returncode
        assert f"level {name} (CARDOS_LEVEL={name})" in done.stdout
    elif backend.levels:
        assert "CARDOS_LEVEL must be portable" in done.stderr
        assert f"'{name}', which needs {level.needs}" in done.stderr
    else:
        assert f"CARDOS_LEVEL must be unset with the pure backend, got '{name}'" in done.stderr
