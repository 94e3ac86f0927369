"""The commands that people type, on cards in two slots of the real PC/SC service."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cardos.cli import app
from cardos.simulation import make_test_card

pytestmark = pytest.mark.slow
pytest.importorskip("smartcard", reason="needs pyscard: pip install 'cardos[pcsc]'")

CARD, SAM = "pcsc:00 00", "pcsc:00 01"


@pytest.fixture
def run(stack, tmp_path, monkeypatch):
    """Runs the program while a card and a PSAM lie in the reader."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("CARDOS_READER", CARD)
    with stack.insert(make_test_card("city-3des")), stack.insert(make_test_card("psam-3des"), 1):
        for slot in ("00", "01"):
            stack.wait(f"Virtual PCD 00 {slot}")
        yield lambda *arguments, **more: CliRunner().invoke(app, list(map(str, arguments)), **more)


def test_a_load_and_a_purchase(run, tmp_path):
    loaded = run("load", "50.00", "--json")
    assert ("done", 5000) == tuple(json.loads(loaded.stdout)[name] for name in ("outcome", "balance"))
    paid = run("purchase", "1.50", "--psam", SAM, "--journal", tmp_path / "till.journal", "--json")
    receipt = json.loads(paid.stdout)
    assert ("done", 4850, True) == tuple(receipt[name] for name in ("outcome", "balance", "verified"))


def test_commands_and_a_conversation(run):
    result = run(
        "apdu", "reset -> 3B..", "SELECT fid=3F01 -> 6F..9000", "GET BALANCE purse=ep -> 00000000 9000"
    )
    assert 0 == result.exit_code, result.output
    result = run("shell", input="reset warm\nSELECT fid=3F01 -> 6F..9000\nexit\n")
    assert 0 == result.exit_code, result.output
