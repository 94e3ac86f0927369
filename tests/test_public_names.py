"""The public names: a list that changes only on purpose, each name documented and with an example or a test."""

from __future__ import annotations

import enum
import importlib
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIST = HERE / "public_names.txt"
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in HERE.rglob("*.py"))
WORDS = frozenset(re.findall(r"\w+", TESTS))

#: What other projects import from.  Modules below these are how they are made.
MODULES = (
    "cardos.apdu",
    "cardos.card",
    "cardos.clearing",
    "cardos.crypto",
    "cardos.crypto.arrow",
    "cardos.crypto.bulk",
    "cardos.crypto.column",
    "cardos.demo",
    "cardos.durable",
    "cardos.errors",
    "cardos.fields",
    "cardos.host",
    "cardos.host.aio",
    "cardos.host.scripting",
    "cardos.host.serving",
    "cardos.host.traces",
    "cardos.host.transports",
    "cardos.inspection",
    "cardos.layout",
    "cardos.options",
    "cardos.profile",
    "cardos.readers",
    "cardos.simulation",
    "cardos.testing",
    "cardos.wallet.states",
)


def public(name):
    """The names of a module: its list, or what a package takes over from its own modules."""
    module = importlib.import_module(name)
    own = getattr(module, "__all__", None)
    if own is None:
        own = [key for key, value in vars(module).items() if not key.startswith("_") and _is_ours(value)]
    return sorted(own)


def _is_ours(value):
    if isinstance(value, type(re)):
        return False
    return getattr(value, "__module__", "cardos").startswith("cardos")


def test_the_list_of_public_names_changes_on_purpose():
    now = [f"{module}.{name}" for module in MODULES for name in public(module)]
    assert LIST.read_text(encoding="utf-8").split() == now


@pytest.mark.parametrize("module", MODULES)
def test_each_is_documented_and_has_an_example_or_a_test(module):
    for name in public(module):
        thing = getattr(importlib.import_module(module), name)
        text = (thing.__doc__ or "") if isinstance(thing, type) or callable(thing) else ""
        if isinstance(thing, type) and not issubclass(thing, enum.Enum):
            assert text, f"{module}.{name} has no docstring"
        assert ">>>" in text or name in WORDS, f"{module}.{name} has neither an example nor a test"
