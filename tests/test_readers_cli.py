"""``cardos readers``: readers and events of a PC/SC service, on a terminal and as documents."""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cardos import cli
from cardos.testing import KIT_ATR, KitCard
from tests.host.fake_scard import EMPTY, NO_SERVICE, PRESENT, FakeScard

SCHEMA = json.loads((Path(__file__).parent.parent / "vectors/schema/readers-1.schema.json").read_text())
EVENT = Draft202012Validator({"$ref": "#/$defs/event", "$defs": SCHEMA["$defs"]})


@pytest.fixture
def service(monkeypatch):
    return FakeScard(**{"Acme [NFC] 00": KitCard(), "Acme 01": None}).install(monkeypatch)


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the program: status, output and error."""

    def run(*arguments):
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "argv", ["cardos", "readers", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_table(service, run):
    status, out, _ = run()
    assert 0 == status
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "pcsc:" in line]
    assert [
        ["pcsc:Acme [NFC] 00", "yes", KIT_ATR.hex(" ").upper(), "T=1"],
        ["pcsc:Acme 01", "none", "", ""],
    ] == rows


def test_document(service, run):
    status, out, _ = run("--json")
    assert 0 == status
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(json.loads(out))
    first, second = json.loads(out)["readers"]
    assert {
        "name": "Acme [NFC] 00",
        "present": True,
        "atr": KIT_ATR.hex().upper(),
        "protocols": ["T=1"],
    } == first
    assert {"name": "Acme 01", "present": False, "atr": "", "protocols": []} == second


@pytest.mark.parametrize(("arguments", "shown"), [((), "no reader is there"), (("--json",), '"readers": []')])
def test_no_readers(monkeypatch, run, arguments, shown):
    FakeScard().install(monkeypatch)
    status, out, _ = run(*arguments)
    assert 1 == status
    assert shown in out


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--watch",)])
def test_no_service(service, run, arguments):
    service.will("SCardEstablishContext", NO_SERVICE)
    status, out, err = run(*arguments)
    assert (2, "") == (status, out)
    assert "cardos: the service does not run; start pcscd (SCARD_E_NO_SERVICE)\n" == err


def test_no_pyscard(monkeypatch, run):
    monkeypatch.setitem(sys.modules, "smartcard", None)
    status, _, err = run()
    assert (2, "cardos: pyscard is not installed; run: pip install 'cardos[pcsc]'\n") == (status, err)


STATES = [
    [("Acme 01", PRESENT, list(KIT_ATR))],
    [("Acme 01", 0x10000 | EMPTY, [])],
    [("Acme 01", 0x20000 | PRESENT, [])],
]


def test_watch(service, run):
    service.states = deque(STATES)
    status, out, _ = run("--watch", "--limit", "0.05")
    assert 0 == status
    assert [
        f"Acme 01: card inserted, {KIT_ATR.hex(' ').upper()}",
        "Acme 01: card removed",
        "Acme 01: card inserted, mute",
    ] == out.splitlines()


def test_watch_as_documents(service, run):
    service.states = deque(STATES)
    _, out, _ = run("--watch", "--json", "--limit", "0.05")
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        EVENT.validate(event)
    assert [True, False, True] == [event["inserted"] for event in events]


def test_watch_ends_when_it_is_interrupted(service, run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "SCardGetStatusChange", interrupt)
    status, out, err = run("--watch")
    assert (0, "", "") == (status, out, err)
    assert set() == service.open
