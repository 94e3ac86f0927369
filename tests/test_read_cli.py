"""``cardos read``: the view of a reader app, a document for programs, and one line when there is nothing to read."""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from cardos import cli
from cardos.card import Card
from cardos.cli.read import print_reading
from cardos.errors import CardRemoved
from cardos.host import Fault, SimulatedTransport, read_card
from cardos.profile import load_profile
from tests.host.reading.rig import Application, PaperCard, ridden, ride, trip_record
from tests.test_city_layouts import CARDS

SCHEMA = Path(__file__).parent.parent / "vectors" / "schema" / "cardreading-1.schema.json"
TODAY = date(2025, 6, 1)


def run(monkeypatch, capsys, *arguments, reader=""):
    """Status, output and error of the program, through its entry point."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("CARDOS_READER", reader)
    monkeypatch.setattr(sys, "argv", ["cardos", "read", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def shown(reading, **options) -> list[str]:
    """The lines on a terminal, without the frame."""
    console = Console(width=100, file=io.StringIO(), force_terminal=False)
    print_reading(console, reading, **{"today": TODAY, **options})
    return [" ".join(line.strip("│╭╰─╮╯ ").split()) for line in console.file.getvalue().splitlines()]


@pytest.fixture
def image(tmp_path):
    """A used T-Union card as an image."""
    link = ridden("tunion")
    ride(link, "tunion", 1_50, (0x1E, 0, trip_record()))
    link._card.power_off()
    link._card.save(tmp_path / "card.img")
    return tmp_path / "card.img"


# ------------------------------------------------------------------ the program


def test_a_card_in_an_image(monkeypatch, capsys, image):
    before = image.read_bytes()
    status, out, err = run(monkeypatch, capsys, "--reader", f"sim:{image}")
    assert (0, "") == (status, err)
    assert before == image.read_bytes()
    for text in ("T-Union card, JT/T 978 · Beijing", "3105170070104791381", "4.86 yuan", "+10.00", "metro"):
        assert text in out


def test_the_reader_of_the_environment_is_meant_when_none_is_named(monkeypatch, capsys):
    status, out, _ = run(monkeypatch, capsys, reader="sim:shenzhen")
    assert (0, True) == (status, "Shenzhen Tong" in out)


def test_a_document_for_programs(monkeypatch, capsys, image):
    status, out, _ = run(monkeypatch, capsys, "--json", "-r", f"sim:{image}")
    document = json.loads(out)
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (0, []) == (status, [error.message for error in validator.iter_errors(document)])
    [application] = document["applications"]
    assert (4_86, "2025-03-01T18:05:09") == (
        application["purses"][0]["balance"], application["trips"][0]["when"],
    )  # fmt: skip


def test_an_unknown_card_has_status_one(monkeypatch, capsys, tmp_path):
    card = Card.blank(load_profile("city-3des"))
    card.save(tmp_path / "blank.img")
    status, out, _ = run(monkeypatch, capsys, "-r", f"sim:{tmp_path / 'blank.img'}")
    assert (1, True) == (status, "Unknown card" in out)


def test_a_wrong_path_is_one_line(monkeypatch, capsys):
    status, out, err = run(monkeypatch, capsys, "-r", "nowhere:1")
    assert (2, "", 1) == (status, out, err.count("\n"))
    assert "cardos: reader must be one of sim:" in err


def test_a_card_that_is_taken_away_is_one_line(monkeypatch, capsys):
    def opened(_):
        return Fault(ridden("tunion"), at=lambda command: command[1] == 0x5C, before=True)

    monkeypatch.setattr(sys.modules["cardos.cli.read"], "open_transport", opened)
    assert (2, "", "cardos: card was pulled before the command\n") == run(monkeypatch, capsys, "-r", "x")
    with pytest.raises(CardRemoved):
        read_card(opened(""))


# ------------------------------------------------------------------ the view


@pytest.mark.parametrize("city", CARDS)
def test_every_city_shows_number_balance_and_log(city):
    reading = read_card(ridden(city))
    lines = shown(reading)
    assert f"number {reading.main.number}" in lines
    assert "2025-03-01 12:30:15 purchase -3.64 1 001122334455" in lines
    assert "2025-03-01 12:30:15 load +10.00 1 001122334455" in lines
    assert any(line.startswith("balance 6.36 yuan") for line in lines)


def test_the_view_of_a_ridden_card():
    link = ridden("tunion")
    ride(link, "tunion", 9_00, (0x1E, 0, trip_record(amount=900, balance=0, date=bytes(4))))
    lines = shown(read_card(link))
    assert "balance -2.64 yuan may be overdrawn by 8.00, 2.64 of it in use" in lines
    assert "valid 2019-07-18 to 2040-12-31" in lines
    assert "no valid time out metro Beijing 0800 1900 9.00 0.00" in lines


@pytest.mark.parametrize(
    ("today", "note"),
    [
        pytest.param(date(2019, 7, 17), " not yet", id="before"),
        pytest.param(date(2019, 7, 18), "", id="first-day"),
        pytest.param(date(2040, 12, 31), "", id="last-day"),
        pytest.param(date(2041, 1, 1), " expired", id="after"),
    ],
)
def test_validity_is_judged(today, note):
    lines = shown(read_card(ridden("tunion")), today=today)
    assert f"valid 2019-07-18 to 2040-12-31{note}" in lines


def test_places_that_terminals_tell_have_a_column():
    log = "001A000000000000A00900003101165220191024184245"
    raw = "0000000000000000FD44000051800000E63C1D29201712012027120110100000"
    card = PaperCard({"5041592E535A54": Application(files={0x15: raw}, records={0x18: [log]})})
    lines = shown(read_card(SimulatedTransport(card)))
    assert "2019-10-24 18:42:45 composite purchase -1.60 26 000031011652 bus" in lines


def test_what_needs_a_pin_is_named_and_what_is_missing_only_with_files():
    reading = read_card(SimulatedTransport(PaperCard({"A000000632010105": _TUNION})))
    assert not [line for line in shown(reading) if "6A82" in line]
    assert "A000000632010105: READ BINARY 16 answered 6A82 (file not found)" in shown(reading, files=True)


_TUNION = Application(
    files={0x15: "01011000FFFFFFFF02010310517007010479138120190718204012310000"},
    balances={(0, 2): "00000000"},
)


def test_files_field_by_field():
    lines = shown(read_card(ridden("shenzhen")), files=True)
    assert "PAY.SZT 08 01 00 x 32" in lines
    assert any(line.startswith("PAY.SZT 15 issuer 00 x 8, application_type FD") for line in lines)


def test_an_unknown_card_is_shown_in_hex():
    """Nothing that the card says is taken for markup or sent to the terminal as it is."""
    name = b"[red]\x1b[31m"
    ppse = bytes([0x61, len(name) + 2, 0x4F, len(name)]) + name
    names = {"325041592E5359532E4444463031": Application(ppse.hex()), name.hex().upper(): Application("6F00")}
    names["3F00"] = Application("6F00", files={0x05: "0102"}, records={0x06: ["AABB"]})
    lines = shown(read_card(SimulatedTransport(PaperCard(names))))
    assert ["Unknown card", "ATR 3B 00", f"application {name.hex().upper()}"] == lines[:3]
    assert "MF 05 0102" in lines
    assert "MF 06 01 AABB" in lines


def test_a_name_is_never_markup():
    reading = read_card(
        SimulatedTransport(PaperCard({b"[red]PAY".hex().upper(): Application(), **_directory()}))
    )
    assert "application [red]PAY" in shown(reading)


def _directory() -> dict[str, Application]:
    name = b"[red]PAY"
    entry = bytes([0x61, len(name) + 2, 0x4F, len(name)]) + name
    return {"325041592E5359532E4444463031": Application(entry.hex())}


def test_a_reading_that_was_stopped_says_so():
    class Endless:
        def power_on(self) -> bytes:
            return b"\x3b\x00"

        def power_off(self) -> None:
            pass

        def transmit(self, _: bytes, /) -> bytes:
            return bytes(9) + b"\x90\x00"

    assert "reading stopped: 1500 commands were not enough" in shown(read_card(SimulatedTransport(Endless())))
