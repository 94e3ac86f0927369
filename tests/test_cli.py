"""The command line: what it prints, and one line with status 2 for wrong input."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from cardos import cli
from cardos.demo import City
from cardos.host import collect

RUNNER = CliRunner()
KEY = {"CARDOS_TAC_KEY": "00112233445566778899AABBCCDDEEFF", "COLUMNS": "100"}
FIELDS = [
    "amount=1",
    "type=6",
    "date=2016-12-16",
    "time=13:46:00",
    "terminal=001122334455",
    "terminal_serial=0",
]


def run(monkeypatch, capsys, *arguments, env=KEY):
    """Status, output and error of the program, through its entry point."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["cardos", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture
def upload(tmp_path):
    with City(seed=1) as city:
        card = city.issue()
        city.load(card, 10_00)
        city.spend(card, 1_00)
        return collect(city.terminals[0].journal, tmp_path, created=city.clock())


def test_tac_of_a_real_card(monkeypatch, capsys):
    # CSDN deng214: what an FM1208 answered to this purchase.
    assert (0, "8AF270DC\n", "") == run(monkeypatch, capsys, "tac", "purchase", *FIELDS)


def test_version_says_the_engine(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "--version")
    assert 0 == code
    assert out.startswith("cardos ")
    assert "crypto: " in out


def test_help_leads_a_newcomer_to_the_demo():
    for arguments in ([], ["--help"], ["-h"]):
        assert "cardos demo" in RUNNER.invoke(cli.app, arguments).output
    assert "--seed" in RUNNER.invoke(cli.app, ["demo", "--help"], env={"COLUMNS": "100"}).output


def test_profiles(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "profiles")
    assert 0 == code
    assert "city-sm4" in out


def test_decode_command_and_response(monkeypatch, capsys):
    code, out, _ = run(
        monkeypatch,
        capsys,
        "decode",
        "805000020B010000200000112233445510",
        "0000000000000100C903814D03976C229000",
    )
    assert 0 == code
    for text in ("INITIALIZE FOR LOAD", "amount           8192", "C903814D", "9000"):
        assert text in out


def test_decode_of_an_unknown_command(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "decode", "80FF0000", "6D00")
    assert 0 == code
    assert "unknown command" in out
    assert "instruction not supported" in out


def test_upload_shows_records(monkeypatch, capsys, upload):
    code, out, _ = run(monkeypatch, capsys, "upload", upload)
    assert 0 == code
    assert "0000000001000001" in out


@pytest.mark.slow
def test_demo(monkeypatch, capsys, tmp_path):
    code, out, _ = run(monkeypatch, capsys, "demo", "--cards", "25", "--seed", "3", "--out", tmp_path / "day")
    assert 0 == code
    assert "came = went, to the fen" in out
    assert (tmp_path / "day" / "report" / "report.html").exists()


def test_demo_status_is_1_when_something_was_missed(monkeypatch, capsys):
    monkeypatch.setattr("cardos.demo.run_demo", lambda **_: False)
    assert 1 == run(monkeypatch, capsys, "demo")[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ["decode", "805"], "command must be an even number of hex digits, got '805'", id="odd-hex"
        ),
        pytest.param(
            ["decode", "8050"], "command header at offset 2: must be at least 4 bytes, got 2", id="short"
        ),
        pytest.param(
            ["tac", "purchase", "date=2026-02-30"],
            "date must be a date YYYY-MM-DD, got '2026-02-30'",
            id="date",
        ),
        pytest.param(
            ["tac", "purchase", "amount=1.5"], "amount must be a whole number, got '1.5'", id="amount"
        ),
        pytest.param(
            ["tac", "purchase", *FIELDS, "amount=-1"],
            "amount must be 0..4294967295, got -1",
            id="amount-range",
        ),
        pytest.param(["tac", "purchase", "colour=1"], "field must be one of amount, type", id="field"),
        pytest.param(["tac", "gift", "amount=1"], "transaction must be one of load", id="transaction"),
        pytest.param(
            ["tac", "purchase", "--profile", "moon", "amount=1"], "moon: no such profile", id="profile"
        ),
        pytest.param(
            ["tac", "purchase", *FIELDS, "--key", "ABC"],
            "key must be an even number of hex digits, got 3",
            id="key",
        ),
        pytest.param(["upload", "no-such.cup"], "no-such.cup: file must be readable", id="no-file"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(monkeypatch, capsys, arguments, line):
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (2, "") == (code, out)
    assert err.startswith(f"cardos: {line}")
    assert 1 == err.count("\n")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda raw: raw[:50], "records at offset 50", id="truncated"),
        pytest.param(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "checksum at offset", id="checksum"),
        pytest.param(
            lambda raw: raw[:8] + b"\x02" + raw[9:], "version at offset 8: must be 1, got 2", id="version"
        ),
        pytest.param(lambda raw: b"PK" + raw[2:], "magic at offset 0", id="magic"),
    ],
)
def test_damaged_uploads_name_file_place_and_expectation(monkeypatch, capsys, upload, change, expected):
    upload.write_bytes(change(upload.read_bytes()))
    code, out, err = run(monkeypatch, capsys, "upload", upload)
    assert (2, "") == (code, out)
    assert f"{upload}: {expected}" in err


def test_out_that_is_taken(monkeypatch, capsys, tmp_path):
    (tmp_path / "x").touch()
    code, _, err = run(monkeypatch, capsys, "demo", "--out", tmp_path)
    assert 2 == code
    assert "out must be a new or empty folder" in err
    assert ["x"] == [p.name for p in tmp_path.iterdir()]
