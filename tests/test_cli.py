"""The command line: what it prints, and one line with status 2 for wrong input."""

from __future__ import annotations

import json
import re
import stat
import sys

import pytest
from typer.testing import CliRunner

from cardos import cli
from cardos.card import Card
from cardos.demo import City
from cardos.fields import bcd
from cardos.files.filesystem import BlockState
from cardos.host import Purse, PurseSession, SimulatedTransport, collect
from cardos.inspection import FileView, KeyList, inspect_image, inspection_document
from cardos.profile import load_profile, profile_names
from tests.files.desk import application

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


# ------------------------------------------------------------------ card images


@pytest.fixture
def image(monkeypatch, capsys, tmp_path):
    """A new city card in a file."""
    path = tmp_path / "card.img"
    assert (
        0
        == run(monkeypatch, capsys, "card", "new", "city-3des", path, "--serial", "42", "--pin", "246810")[0]
    )
    return path


def keyring(path, profile="city-3des", suite="3des", **change):
    """A key ring file with a key for every purpose of a profile."""
    purposes = {k.source for d in load_profile(profile).directories for k in d.keys if k.source}
    keys = {purpose: f"{n:032X}" for n, purpose in enumerate(sorted(purposes))} | change
    lines = [
        f'suite = "{suite}"',
        "[keys]",
        *(f'"{name}" = "{value}"' for name, value in keys.items() if value),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


def key_marks(path):
    view = inspect_image(path)
    contents = [node.content for _, node in view.walk() if isinstance(node, FileView)]
    return {
        (n, key.name): key.mark for n, c in enumerate(contents) if isinstance(c, KeyList) for key in c.keys
    }


def test_new_card(image, monkeypatch, capsys):
    card = Card.load(image)
    assert ("city-3des", "T=1", False) == (card.profile.name, card.protocol, card.powered)
    assert 0o600 == stat.S_IMODE(image.stat().st_mode)
    card.power_on()
    session = PurseSession(SimulatedTransport(card), card.profile)
    assert 0 == session.get_balance(Purse.EP)
    assert bcd(f"{42:020d}") == session.public.application_serial
    session.verify(bytes.fromhex("246810"))


def test_new_says_what_it_made_and_that_the_keys_are_test_keys(monkeypatch, capsys, tmp_path):
    out = tmp_path / "a.img"
    code, text, _ = run(
        monkeypatch, capsys, "card", "new", "psam-sm4", out, "--terminal", "123456", "--protocol", "T=0"
    )
    assert 0 == code
    assert text.startswith(f"{out}: psam-sm4, TEST KEYS from seed 'test', ")
    assert "T=0" == Card.load(out).protocol


def test_new_blank(monkeypatch, capsys, tmp_path):
    out = tmp_path / "a.img"
    code, text, _ = run(monkeypatch, capsys, "card", "new", "city-sm4", out, "--blank")
    assert (0, True) == (code, "no keys, 8192 bytes free" in text)
    assert inspect_image(out).root is None


@pytest.mark.parametrize("profile", profile_names())
def test_new_of_every_profile(monkeypatch, capsys, tmp_path, profile):
    out = tmp_path / "a.img"
    assert 0 == run(monkeypatch, capsys, "card", "new", profile, out)[0]
    assert profile == inspect_image(out).profile
    assert 0 == run(monkeypatch, capsys, "card", "inspect", out)[0]


def test_the_same_seed_makes_the_same_card(monkeypatch, capsys, tmp_path):
    a, b, c = (tmp_path / name for name in ("a.img", "b.img", "c.img"))
    for path, seed in ((a, "1"), (b, "1"), (c, "2")):
        run(monkeypatch, capsys, "card", "new", "city-3des", path, "--seed", seed)
    assert a.read_bytes() == b.read_bytes() != c.read_bytes()
    assert (0, "", "") == run(monkeypatch, capsys, "card", "diff", a, b)
    code, out, _ = run(monkeypatch, capsys, "card", "diff", a, c)
    assert 1 == code
    assert {"value differs"} == {line.partition(": ")[2] for line in out.splitlines()}


def test_keys_of_a_file(monkeypatch, capsys, tmp_path):
    out, ring = tmp_path / "a.img", keyring(tmp_path / "keys.toml")
    code, text, _ = run(monkeypatch, capsys, "card", "new", "city-3des", out, "--keys", ring)
    assert (0, True) == (code, f"keys of {ring}" in text)
    run(monkeypatch, capsys, "card", "new", "city-3des", tmp_path / "b.img")
    mine, test = key_marks(out), key_marks(tmp_path / "b.img")
    assert mine.keys() == test.keys()
    assert ["3A/00"] == [name for n, name in mine if mine[n, name] == test[n, name]]


def test_inspect(monkeypatch, capsys, image):
    code, out, _ = run(monkeypatch, capsys, "card", "inspect", image)
    assert 0 == code
    for text in (
        "city-3des (card, T=1)",
        "MF 3F00 '1PAY.SYS.DDF01'  create F0 always, erase 01 MF 1..F",
        "DF 3F01 A00000000386980701",
        "39/00 authentication 16  F0 always 0A MF A..F state 4, tries 3/3",
        "0018 cyclic, 0 of 10 x 23 bytes",
        "purse EP, log 18  use F0 always",
        "balance 0 fen, online_serial 0, offline_serial 0",
        "application_serial  00000000000000000042",
    ):
        assert " ".join(text.split()) in " ".join(out.split())


def test_inspect_of_a_used_card(monkeypatch, capsys, tmp_path):
    with City(seed=1) as city:
        card = city.issue()
        city.load(card, 10_00)
        city.spend(card, 1_00)
        card.card.save(tmp_path / "a.img")
    _, out, _ = run(monkeypatch, capsys, "card", "inspect", tmp_path / "a.img")
    assert "2 of 10 x 23 bytes (amounts in fen)" in out
    assert re.search(r"1 +1 +0 +100 +06 +\d{12} +2026-03-02 +06:00:00", out)
    assert "proof of the last transaction: type 06, serial 1, mac " in out


def test_inspect_says_that_a_card_is_blocked(monkeypatch, capsys, tmp_path):
    desk = application("city-3des")
    desk.fs.set_block_state(desk.session.directory, BlockState.TEMPORARY)
    desk.fs.block_card()
    desk.fs.commit()
    desk.card.save(tmp_path / "a.img")
    _, out, _ = run(monkeypatch, capsys, "card", "inspect", tmp_path / "a.img")
    assert "card blocked for ever" in out
    assert "blocked for a time" in out
    assert "never written" in out


def test_inspect_a_blank_chip(monkeypatch, capsys, tmp_path):
    run(monkeypatch, capsys, "card", "new", "city-3des", tmp_path / "a.img", "--blank")
    assert "blank: no MF yet" in run(monkeypatch, capsys, "card", "inspect", tmp_path / "a.img")[1]


def test_inspect_as_json(monkeypatch, capsys, image):
    code, out, _ = run(monkeypatch, capsys, "card", "inspect", image, "--json")
    assert (0, inspection_document(inspect_image(image))) == (code, json.loads(out))


def test_diff(monkeypatch, capsys, image, tmp_path):
    card = Card.load(image)
    card.power_on()
    for command in ("00A4040009A00000000386980701", "0020000003999999"):
        card.transmit(bytes.fromhex(command))
    other = tmp_path / "b.img"
    card.save(other)
    line = "3F00/3F01/0000/3A/00: tries 3/3 -> 2/3"
    assert (1, f"{line}\n", "") == run(monkeypatch, capsys, "card", "diff", image, other)
    code, out, _ = run(monkeypatch, capsys, "card", "diff", image, other, "--json")
    document = json.loads(out)
    assert (1, "carddiff/1", str(image), str(other)) == (
        code,
        document["format"],
        document["before"],
        document["after"],
    )
    path, _, _ = line.partition(":")
    assert [{"path": path, "what": "tries", "before": "3/3", "after": "2/3"}] == document["differences"]


def test_diff_of_equal_cards_says_nothing(monkeypatch, capsys, image):
    assert (0, "", "") == run(monkeypatch, capsys, "card", "diff", image, image)
    code, out, _ = run(monkeypatch, capsys, "card", "diff", image, image, "--json")
    assert (0, []) == (code, json.loads(out)["differences"])


def test_a_profile_that_is_not_shipped(monkeypatch, capsys, tmp_path):
    profile, out = tmp_path / "mine.toml", tmp_path / "a.img"
    profile.write_text('[profile]\nextends = "city-3des"\nname = "mine"\n', encoding="utf-8")
    assert 0 == run(monkeypatch, capsys, "card", "new", profile, out)[0]
    code, _, err = run(monkeypatch, capsys, "card", "inspect", out)
    assert (2, True) == (code, err.startswith("cardos: mine: no such profile"))
    assert 0 == run(monkeypatch, capsys, "card", "inspect", out, "--profile", profile)[0]
    assert 0 == run(monkeypatch, capsys, "card", "diff", out, out, "--profile", profile)[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["moon"], "moon: no such profile", id="profile"),
        pytest.param(
            ["city-3des", "--serial", "4x"], "serial must be 1..20 decimal digits, got '4x'", id="serial"
        ),
        pytest.param(
            ["city-3des", "--issuer", "1" * 17],
            f"issuer must be 1..16 decimal digits, got '{'1' * 17}'",
            id="issuer",
        ),
        pytest.param(
            ["city-3des", "--pin", "123"],
            "pin must be an even number of 4..16 digits, got 3 characters",
            id="pin",
        ),
        pytest.param(
            ["psam-3des", "--pin", "1234"], "pin must be left out, because psam-3des has none", id="no-pin"
        ),
        pytest.param(
            ["city-3des", "--expiry", "2020-01-01"],
            "expiry must be 2025-01-01 or later, got 2020-01-01",
            id="expiry",
        ),
        pytest.param(
            ["city-3des", "--protocol", "T=2"],
            "protocol must be one of T=0, T=1, T=CL, got 'T=2'",
            id="protocol",
        ),
        pytest.param(
            ["city-3des", "--keys", "none.toml"],
            "none.toml: key ring must be readable, got No such file or directory",
            id="keys",
        ),
    ],
)
def test_new_with_wrong_input_makes_nothing(monkeypatch, capsys, tmp_path, arguments, line):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(monkeypatch, capsys, "card", "new", arguments[0], "out.img", *arguments[1:])
    assert (2, "") == (code, out)
    assert err.startswith(f"cardos: {line}")
    assert 1 == err.count("\n")
    assert [] == list(tmp_path.iterdir())


def test_new_never_overwrites(monkeypatch, capsys, image):
    raw = image.read_bytes()
    code, _, err = run(monkeypatch, capsys, "card", "new", "city-3des", image)
    assert (2, f"cardos: {image}: must be a new file; it was left as it is\n") == (code, err)
    assert raw == image.read_bytes()


def test_new_in_a_folder_that_is_not_there(monkeypatch, capsys, tmp_path):
    out = tmp_path / "none" / "a.img"
    code, _, err = run(monkeypatch, capsys, "card", "new", "city-3des", out, "--blank")
    assert (2, f"cardos: {out}: cannot be written: No such file or directory\n") == (code, err)


SECRET = "00112233445566778899AABBCCDDEEFF"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"load": SECRET[:-1]}, "load key must be a TDES key in hex", id="odd-hex"),
        pytest.param({"load": SECRET + SECRET}, "load key must be a TDES key in hex", id="length"),
        pytest.param({"load": ""}, "keys must be given for control, load", id="missing"),
        pytest.param({"suite": "sm4-a"}, "suite must be '3des' for city-3des, got 'sm4-a'", id="suite"),
    ],
)
def test_a_key_ring_that_does_not_fit(monkeypatch, capsys, tmp_path, change, problem):
    ring = keyring(tmp_path / "keys.toml", **change)
    code, out, err = run(monkeypatch, capsys, "card", "new", "city-3des", tmp_path / "a.img", "--keys", ring)
    assert (2, "") == (code, out)
    assert err.startswith(f"cardos: {ring}: {problem}")
    assert SECRET[:8] not in err
    assert [ring] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        pytest.param("", 0o640, "key ring must be readable by its owner only", id="others"),
        pytest.param("[keys", 0o600, "key ring must be TOML", id="no-toml"),
        pytest.param('suite = "3des"', 0o600, "keys must be a table of keys by purpose", id="no-keys"),
    ],
)
def test_a_key_ring_that_is_none(monkeypatch, capsys, tmp_path, text, mode, problem):
    ring = tmp_path / "keys.toml"
    ring.write_text(text, encoding="utf-8")
    ring.chmod(mode)
    code, _, err = run(monkeypatch, capsys, "card", "new", "city-3des", tmp_path / "a.img", "--keys", ring)
    assert (2, 1) == (code, err.count("\n"))
    assert err.startswith(f"cardos: {ring}: {problem}")


@pytest.mark.parametrize("command", ["inspect", "diff"])
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda raw: raw[:50], "cut short", id="truncated"),
        pytest.param(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "SHA-256 must match", id="damaged"),
        pytest.param(lambda raw: raw[:9] + b"\x02" + raw[10:], "version must be 1, got 2", id="newer"),
        pytest.param(lambda raw: b"PK" + raw, "not a card image", id="foreign"),
        pytest.param(lambda _: b"", "not a card image", id="empty"),
    ],
)
def test_an_image_that_cannot_be_read_is_left_alone(
    monkeypatch, capsys, image, tmp_path, command, change, problem
):
    bad = tmp_path / "bad.img"
    raw = change(image.read_bytes())
    bad.write_bytes(raw)
    arguments = [image, bad] if command == "diff" else [bad]
    code, out, err = run(monkeypatch, capsys, "card", command, *arguments)
    assert (2, "", 1) == (code, out, err.count("\n"))
    assert err.startswith(f"cardos: {bad}: ")
    assert problem in err
    assert raw == bad.read_bytes()
