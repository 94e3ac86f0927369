"""Importing the library is light: heavy and optional modules are loaded by those who use them."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

HEAVY = (
    "duckdb",
    "hypothesis",
    "jinja2",
    "matplotlib",
    "numpy",
    "pandas",
    "prompt_toolkit",
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


#: Imports each module of the host layer, takes money from a simulated card with it, and may load nothing else.
PROGRAM = """
import importlib, pkgutil, sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refused())
import cardos.host
for module in pkgutil.walk_packages(cardos.host.__path__, "cardos.host."):
    importlib.import_module(module.name)
from cardos.host import Purse, PurseSession
from cardos.profile import load_profile
from cardos.readers import open_transport
with open_transport("sim:city-3des") as card:
    print(PurseSession(card, load_profile("city-3des")).get_balance(Purse.EP))
"""


def _required(name, found):
    """The distributions that one needs without its extras, and those that these need."""
    found.add(name.lower().replace("_", "-"))
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name.lower().replace("_", "-") not in found:
            _required(requirement.name, found)
    return found


def test_the_host_layer_needs_the_core_dependencies_only():
    core = _required("cardos", set())
    others = [
        package
        for package, owners in metadata.packages_distributions().items()
        if not core.intersection(owner.lower().replace("_", "-") for owner in owners)
    ]
    assert {"numpy", "duckdb", "hypothesis"} <= set(others)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *others], capture_output=True, text=True, check=False
    )
    assert ("0\n", "") == (run.stdout, run.stderr)
