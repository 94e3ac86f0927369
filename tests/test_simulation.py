"""Simulated cards ready for use: issued by real commands, or living in an image file."""

from __future__ import annotations

from datetime import date

import pytest

from cardos.card import Card
from cardos.errors import CardRemoved, ImageError
from cardos.host import KeyRing, PurseSession, SimulatedTransport
from cardos.profile import load_profile
from cardos.simulation import SavedCard, issue_card, make_test_card, open_card

SELECT = bytes.fromhex("00A4040009A00000000386980701")
VERIFY_WRONG = bytes.fromhex("0020000003123457")
TRIES_LEFT = {2: "63c2", 1: "63c1"}


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "card.img"
    make_test_card("city-3des").save(path)
    return path


def wrong_pin(card) -> str:
    card.power_on()
    card.transmit(SELECT)
    return card.transmit(VERIFY_WRONG).hex()


@pytest.mark.parametrize("name", ["city-3des", "psam-sm4", "isam-3des", "tunion@sm4-b"])
def test_make_test_card_of_every_kind(name):
    card = make_test_card(name)
    assert (name, True) == (card.profile.name, card.powered)
    assert bytes.fromhex("9000") == card.transmit(bytes.fromhex("00A4000002 3F00"))[-2:]


def test_issue_card_writes_what_it_is_given():
    profile = load_profile("city-3des")
    serial, issuer = bytes.fromhex("00002900000000000042"), bytes.fromhex("1122334455667788")
    keys = KeyRing.for_tests("mine", profile)
    days = {"start": date(2026, 1, 1), "expiry": date(2026, 12, 31)}
    card = issue_card(profile, keys, serial=serial, issuer=issuer, terminal=bytes(6), protocol="T=0", **days)
    public = PurseSession(SimulatedTransport(card), profile).public
    assert (issuer, serial, *days.values()) == (
        public.issuer,
        public.application_serial,
        public.start,
        public.expiry,
    )


def test_what_was_acknowledged_is_in_the_file(image):
    """The first process never closes anything: its memory is just gone."""
    assert TRIES_LEFT[2] == wrong_pin(SavedCard(image))
    assert TRIES_LEFT[1] == wrong_pin(Card.load(image))


def test_a_power_cut_is_in_the_file_too(image):
    saved = SavedCard(image)
    saved.power_on()
    saved.transmit(SELECT)
    saved.card.memory.cut_after(1)
    with pytest.raises(CardRemoved):
        saved.transmit(VERIFY_WRONG)
    assert saved.card.memory.snapshot() == Card.load(image).memory.snapshot()
    assert TRIES_LEFT[1] == wrong_pin(SavedCard(image))


def test_reading_writes_nothing(image):
    before = image.stat()
    saved = SavedCard(image)
    saved.power_on()
    saved.transmit(SELECT)
    assert (before.st_ino, before.st_mtime_ns) == (image.stat().st_ino, image.stat().st_mtime_ns)


def test_close_leaves_a_card_without_power(image):
    saved = SavedCard(image)
    saved.power_on()
    saved.close()
    assert not saved.card.powered
    assert TRIES_LEFT[2] == wrong_pin(Card.load(image))


def test_a_damaged_image_is_refused_untouched(image):
    raw = image.read_bytes()[:-1] + b"?"
    image.write_bytes(raw)
    with pytest.raises(ImageError, match="SHA-256"):
        SavedCard(image)
    assert raw == image.read_bytes()


def test_a_file_that_another_program_changed_is_left_as_it_is(image):
    ours, theirs = SavedCard(image), SavedCard(image)
    assert TRIES_LEFT[2] == wrong_pin(theirs)
    raw = image.read_bytes()
    with pytest.raises(ImageError, match="must be the file that was written last, got another"):
        wrong_pin(ours)
    with pytest.raises(ImageError, match=str(image)):
        ours.transmit(VERIFY_WRONG)
    ours.close()  # it never wrote, so there is nothing to make durable
    assert raw == image.read_bytes()
    assert TRIES_LEFT[1] == wrong_pin(theirs)


def test_a_file_that_cannot_be_written_is_named(image, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    saved = SavedCard(image)
    monkeypatch.setattr(saved.card, "save", full)
    with pytest.raises(ImageError, match="card.img: cannot be written: No space left on device"):
        wrong_pin(saved)


@pytest.mark.parametrize("place", ["city-3des", "tunion@sm4-b"])
def test_open_card_of_a_profile_is_in_memory_only(place):
    card = open_card(place)
    assert isinstance(card, Card)
    assert place == card.profile.name


def test_open_card_of_an_image(image):
    card = open_card(str(image))
    assert isinstance(card, SavedCard)
    assert ("city-3des", "T=1", image) == (card.profile.name, card.protocol, card.path)
    assert card.memory is card.card.memory
