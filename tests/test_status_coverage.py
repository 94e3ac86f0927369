"""Every declared (command, status word) pair is provoked by a row of some test table.

A test module that provokes status words keeps them in ``ROWS``: objects with ``command`` and ``sw``, or tuples that
begin with the declaration (or name) of the command and the status word; a table of one command may leave it out, and
its module then has it as ``COMMAND``.  ``NEVER_HERE`` (or ``UNREACHED``) of such a module holds the
pairs that are declared for other products and that no card of ours answers.  This test collects both from all of them,
so that a command whose table is forgotten is found.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardos.apdu import COMMANDS, CommandSpec
from cardos.card import KINDS

TESTS = Path(__file__).parent
TABLE = re.compile(r"^ROWS\b", re.MULTILINE)
MODULES = [
    f"tests.{folder}.{path.stem}"
    for folder in ("files", "wallet")
    for path in sorted((TESTS / folder).glob("*.py"))
    if TABLE.search(path.read_text(encoding="utf-8"))
]


def pair(row: object, command: object = None) -> tuple[str, int]:
    """Command name and status word of a row; ``command`` is that of the table when rows have none."""
    if hasattr(row, "command"):
        first, second = row.command, row.sw
    else:
        values = tuple(getattr(row, "values", row))
        first, second = (command, values[0]) if isinstance(values[0], int) else values[:2]
    name = first.name if isinstance(first, CommandSpec) else str(first)
    return name, int(second, 16) if isinstance(second, str) else int(second)


def collect(table: str) -> Iterator[tuple[str, int]]:
    for name in MODULES:
        module = importlib.import_module(name)
        for row in getattr(module, table, ()):
            yield pair(row, getattr(module, "COMMAND", None))


@pytest.fixture(scope="module")
def provoked():
    return {(name, 0x63C0 if sw & 0xFFF0 == 0x63C0 else sw) for name, sw in collect("ROWS")}


@pytest.fixture(scope="module")
def never():
    return {*collect("NEVER_HERE"), *collect("UNREACHED")}


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name.replace(" ", "_"))
def test_every_status_word_is_provoked(spec, provoked, never):
    declared = {(spec.name, int(sw)) for sw in spec.statuses}
    assert [] == sorted(f"{sw:04X}" for _, sw in declared - provoked - never)


def test_no_exception_is_provoked_after_all(provoked, never):
    assert set() == provoked & never


def test_rows_are_of_declared_commands(provoked, never):
    assert {name for name, _ in provoked | never} <= {spec.name for spec in COMMANDS}


def test_every_command_belongs_to_a_kind_of_card():
    """GET RESPONSE alone is of the transmission protocol."""
    served = {name for handlers in KINDS.values() for name in handlers}
    assert {"GET RESPONSE"} == {spec.name for spec in COMMANDS} - served
    assert served <= {spec.name for spec in COMMANDS}
