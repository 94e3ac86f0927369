"""Importing the library is light: heavy and optional modules are loaded by those who use them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "duckdb",
    "hypothesis",
    "jinja2",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "rich",
    "smartcard",
    "typer",
)


@pytest.mark.parametrize("name", ["cardos", "cardos.crypto", "cardos.host"])
def test_import_is_light(name):
    program = [sys.executable, "-X", "importtime", "-c", f"import {name}"]
    run = subprocess.run(program, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert name in loaded
    assert sorted(loaded.intersection(HEAVY)) == []


def test_columns_without_numpy_say_what_to_install():
    code = "import sys; sys.modules['numpy'] = None; import cardos.crypto.column"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "numpy is not installed; run: pip install 'cardos[clearing]'" in run.stderr
