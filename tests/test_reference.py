"""The reference manual: made from the declarations, current, and with nothing left out."""

from __future__ import annotations

import construct
import pytest
from construct import GreedyBytes, Int8ub, Struct, Switch, this
from tools.reference import RENEW, TARGET, elements, layout_text, manual, parameter, span, table

from cardos.apdu import COMMANDS
from cardos.apdu.spec import layout
from cardos.layout import Layout


def test_the_committed_manual_is_current():
    current = TARGET.read_text(encoding="utf-8") == manual()
    assert current, f"docs/commands.md is not what the declarations say; renew it: {RENEW}"


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name.replace(" ", "_"))
def test_a_command_says_everything(spec):
    assert spec.clause
    assert spec.statuses
    assert spec.effect.endswith("."), f"{spec.name} does not say what a success changes"


def test_every_command_and_every_element_has_its_place():
    text = manual()
    for spec in COMMANDS:
        assert f"\n### {spec.name}\n" in text
    for name in ("city-3des", "pin_required", "JR/T 0025.2 5.2.1, table 1", "MAC1 | amount 4"):
        assert name in text


def test_elements_of_a_layout():
    declared = Struct(
        "kind" / Int8ub * "which one",
        "body" / Switch(this.kind, {1: layout("amount")}, default=Struct("rest" / GreedyBytes)),
    )
    expected = [
        ("kind", "1", "which one"),
        ("body", "", "when 1"),
        ("&emsp;amount", "4", "fen"),
        ("body", "", "otherwise"),
        ("&emsp;rest", "rest", ""),
    ]
    assert expected == list(elements(declared))


def test_elements_of_an_unknown_construct_show_their_width():
    assert [("x", "3", "")] == list(elements(Struct("x" / construct.Bytes(3))))


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        pytest.param(range(256), "any", id="any"),
        pytest.param(range(1, 256), "any but 00", id="but-one"),
        pytest.param([1, 2], "01, 02", id="two"),
        pytest.param(range(1, 10), "01..09", id="range"),
        pytest.param([0], "00", id="one"),
    ],
)
def test_parameter(allowed, expected):
    assert expected == parameter(frozenset(allowed))


@pytest.mark.parametrize(("lc", "expected"), [((0, 0), "none"), ((11, 11), "0B"), ((1, 239), "01..EF")])
def test_span(lc, expected):
    assert expected == span(lc)


def test_layout_text():
    parsed = Layout.parse("x", ["random", "terminal_serial[2:4]", "=8000"])
    assert "random 4 ‖ terminal_serial[2:4] 2 ‖ `8000`" == layout_text(parsed)


def test_a_table_keeps_its_columns():
    assert "| a | b |\n|---|---|\n| 1\\|2 | 3 |" == table(("a", "b"), [("1|2", "3")])
    assert "" == table(("a",), [])
