"""The installed package: version, typing marker, and the examples of every docstring."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import tomllib
from pathlib import Path

import pytest

import cardos

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
MODULES = sorted(m.name for m in pkgutil.walk_packages(cardos.__path__, "cardos."))
SKIPPED = ("__main__", "_native")  # one would run the program, the other is C


def test_version_is_that_of_the_project():
    assert tomllib.loads(PYPROJECT.read_text())["project"]["version"] == cardos.__version__


def test_an_unknown_attribute_is_named():
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        _ = cardos.versoin


def test_type_information_ships():
    assert (Path(cardos.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith(SKIPPED)])
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
