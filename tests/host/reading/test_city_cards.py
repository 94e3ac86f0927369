"""Cards of every city, personalised and used, read as a reader app shows them."""

from __future__ import annotations

from datetime import date

import pytest

from cardos.card import Card
from cardos.errors import CardRemoved
from cardos.host import Fault, KeyRing, SimulatedTransport, personalise
from cardos.host.reading import NumberForm, read_card
from cardos.host.reading.candidates import load_candidates
from cardos.profile import load_profile, profile_names
from cardos.simulation import make_test_card
from tests.host.reading.rig import RIDE_WHEN, ridden, ride, trip_record
from tests.test_city_layouts import CARDS, SAM, TERMINAL, WHEN

#: What is shown of each city: number, name of the city, first and last day.
SHOWN = {
    "beijing": ("1000751136141285", "Beijing", date(2018, 3, 9), date(2024, 3, 9)),
    "wuhan": ("0123456789", "Wuhan", date(2025, 1, 1), date(2034, 12, 31)),
    "chongqing": ("4000000212668612", "Chongqing", date(2014, 12, 3), date(2099, 12, 31)),
    "mohurd": ("3100000020458878", "Hangzhou", date(2014, 6, 14), date(2064, 6, 14)),
    "tunion": ("3105170070104791381", "Beijing", date(2019, 7, 18), date(2040, 12, 31)),
    "shenzhen": ("689781990(3)", "", date(2017, 12, 1), date(2027, 12, 1)),
    "suzhou": ("2150012345678901", "", date(2025, 1, 1), date(2034, 12, 31)),
    "lingnan": ("5100000012345678", "", date(2025, 1, 1), date(2034, 12, 31)),
}


def of_card(city):
    return read_card(ridden(city))


@pytest.mark.parametrize("city", CARDS)
def test_a_city_card_is_recognised_and_read(city):
    reading = of_card(city)
    [found] = reading.applications
    assert (city, *SHOWN[city]) == (found.kind, found.number, found.city, found.start, found.expiry)
    assert CARDS[city].card_serial == found.serial
    assert 6_36 == found.balance
    rows = [(each.when, each.kind, each.amount, each.serial, each.terminal) for each in found.transactions]
    assert [(WHEN, "purchase", -3_64, 1, TERMINAL), (WHEN, "load", 10_00, 1, TERMINAL)] == rows
    assert "" == reading.stopped
    assert () == reading.refusals


@pytest.mark.parametrize("city", CARDS)
def test_reading_changes_nothing(city):
    link = ridden(city)
    before = link._card.memory.snapshot()
    read_card(link)
    assert before == link._card.memory.snapshot()


@pytest.mark.parametrize("protocol", ["T=0", "T=1", "T=CL"])
def test_the_protocol_makes_no_difference(protocol):
    """T=0 answers 61xx and 6Cxx where T=1 answers at once."""
    [found] = read_card(ridden("tunion", protocol=protocol)).applications
    assert of_card("tunion").applications == (found,)


def test_every_card_profile_is_recognised():
    """Each shipped card and SAM, made with test keys; those that differ in keys or cipher only are the same to a
    reader.
    """
    known = {each.profile.name for each in load_candidates()}
    same = {
        "city-sm4": "city-3des",
        "jrt-3des": "city-3des",
        "psam-sm4": "psam-3des",
        "psam-mohurd": "psam-3des",
    }
    same |= {"isam-sm4": "isam-3des"}
    for name in profile_names():
        reading = read_card(SimulatedTransport(make_test_card(name)))
        wanted = same.get(name, name)
        assert wanted in known
        assert [wanted] == [found.kind for found in reading.applications], name


# ------------------------------------------------------------------ what only some cards have


def test_trips_and_rides_of_a_tunion_card():
    link = ridden("tunion")
    bus = bytes.fromhex("2702") + bytes(126)
    ride(link, "tunion", 1_50, (0x1E, 0, trip_record()), (0x1A, 2, bus))
    [found] = read_card(link).applications
    [trip] = found.trips
    assert (RIDE_WHEN, "out", "metro", "Beijing", 1_50, 4_86) == (
        trip.when, trip.kind, trip.industry, trip.city, trip.amount, trip.balance,
    )  # fmt: skip
    assert ("0800", "1900") == (trip.line.hex(), trip.station.hex())
    assert ("composite purchase", -1_50) == (found.transactions[0].kind, found.transactions[0].amount)
    [rides] = [file for file in found.files if file.sfi == 0x1A]
    names = [{each.name for each in record.fields} for record in rides.records]
    assert ["crc" in names[0], "crc" in names[1], "mileage" in names[1]] == [True, False, True]


def test_a_trip_without_a_valid_time_is_a_trip():
    link = ridden("tunion")
    ride(link, "tunion", 0, (0x1E, 0, trip_record(date=bytes(4), trip_kind=0xEE, industry=0xAB)))
    [trip] = read_card(link).applications[0].trips
    assert (None, "EE", "AB") == (trip.when, trip.kind, trip.industry)


def test_overdraft_in_use_is_shown_below_zero():
    link = ridden("tunion")
    ride(link, "tunion", 9_36, (0x1E, 0, trip_record()))
    [purse] = read_card(link).applications[0].purses
    assert (-3_00, 5_00, 8_00, 3_00, 0) == (
        purse.balance, purse.spendable, purse.limit, purse.used, purse.own,
    )  # fmt: skip


def test_the_deposit_of_a_card_needs_a_pin():
    reading = read_card(SimulatedTransport(make_test_card("city-3des")))
    [refused] = reading.refusals
    assert ("GET BALANCE ED", 0x6982, True) == (refused.command, refused.sw, refused.needs_secret)
    assert ["ep"] == [purse.name for purse in reading.main.purses]
    assert "security status not satisfied" == refused.meaning


def test_the_deposit_is_read_where_it_needs_none(tmp_path):
    path = tmp_path / "open.toml"
    path.write_text(
        '[profile]\nextends = "city-3des"\n[purse]\npin_required = []\n'
        "[[change]]\nfid = 0x3F01\nfile = [{ fid = 0x0001, read = 0xF0 }]\n"
    )
    reading = read_card(SimulatedTransport(make_test_card(str(path))))
    assert [("ep", 0), ("ed", 0)] == [(purse.name, purse.balance) for purse in reading.main.purses]
    assert () == reading.refusals


def test_a_safe_file_of_a_sam_is_named_as_such():
    profile = load_profile("psam-3des")
    link = SimulatedTransport(Card.blank(profile))
    personalise(link, profile, SAM, KeyRing.for_tests("reading", profile))
    reading = read_card(link)
    assert ("psam-3des", "00" * 10, ()) == (reading.main.kind, reading.main.number, reading.main.purses)
    assert ["READ RECORD 1B"] == [each.command for each in reading.refusals if each.needs_secret]


def test_every_file_has_its_fields():
    [found] = of_card("mohurd").applications
    [public] = [file for file in found.files if (file.sfi, file.application) == (0x15, found.aid)]
    values = {each.name: each.value for each in public.fields}
    assert (bytes.fromhex("8475310000000000"), date(2014, 6, 14)) == (values["issuer"], values["start"])
    [zones] = [file for file in found.files if file.sfi == 0x17]
    assert [1, 2, 3, 4, 5, 9, 0x11] == [record.data[0] for record in zones.records]


def test_other_forms_of_the_number():
    [found] = of_card("mohurd").applications
    assert (
        NumberForm("big endian", "541427832"),
        NumberForm("signed big endian", "541427832"),
        NumberForm("signed little endian", "2022196512"),
    ) == found.other_numbers


# ------------------------------------------------------------------ trouble


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("share", [0, 1, 3, 7, 10])
def test_a_card_that_is_taken_away_says_so(share, before):
    """At its first command, at its last, and between."""
    whole = of_card("tunion")
    left = [share * (whole.commands - 1) // 10]

    def at(_: bytes) -> bool:
        left[0] -= 1
        return left[0] < 0

    link = Fault(ridden("tunion"), at=at, before=before)
    with pytest.raises(CardRemoved):
        read_card(link)
    link.reset()
    assert whole == read_card(link)


def test_a_blocked_application_says_so():
    """A card that answers 9303 to the selection of its purse."""

    class Blocked:
        def power_on(self) -> bytes:
            return b"\x3b\x00"

        def power_off(self) -> None:
            pass

        def transmit(self, command: bytes, /) -> bytes:
            known = bytes.fromhex("A000000632010105")
            return bytes.fromhex("9303" if known in command else "6A82")

    reading = read_card(SimulatedTransport(Blocked()))
    assert () == reading.applications
    [refused] = reading.refusals
    assert (bytes.fromhex("A000000632010105"), "SELECT", 0x9303) == (
        refused.application, refused.command, refused.sw,
    )  # fmt: skip
