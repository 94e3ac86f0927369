"""CHANGE PIN, RELOAD PIN and PIN UNBLOCK: what becomes of PIN, counters and application."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import Command
from tests.files.desk import (
    AID,
    K8,
    K16,
    MASTER,
    OTHER,
    SELECT_ADF,
    SUITES,
    Desk,
    application,
    key_record,
    wrong,
)  # fmt: skip
from tests.files.statuses import forged, wrong_macs

PIN, WRONG_PIN = "0020000003123456", "0020000003123450"
SERVICES = (key_record(0x37, 0, K16), key_record(0x38, 0, MASTER))


def desk_with(*commands: str, **options: object) -> Desk:
    """The desk's card, which has the keys of the PIN services too."""
    desk = application(**options)
    desk.ok(*commands or SERVICES)
    return desk


def record(desk: Desk, type_: int, id_: int = 0):
    return desk.fs.key(desk.fs.by_name(AID), type_, id_)


def verify(pin: str, id_: int = 0) -> str:
    return f"002000{id_:02X}{len(pin) // 2:02X}{pin}"


def change(data: str, id_: int = 0) -> str:
    return f"805E01{id_:02X}{len(data) // 2:02X}{data}"


def reload(desk: Desk, pin: str, key: bytes = MASTER, id_: int = 0) -> bytes:
    new = bytes.fromhex(pin)
    data = new + desk.suite.pin_mac(desk.suite.key(key), new)
    return bytes((0x80, 0x5E, 0x00, id_, len(data))) + data


def unblock(desk: Desk, pin: str = "123456", key: bytes = K16, *, p1: int = 0, p2: int = 0) -> bytes:
    return desk.protected(f"8024{p1:02X}{p2:02X}{len(pin) // 2:02X}{pin}", key, enciphered=True)


def lock(desk: Desk) -> Desk:
    assert ["63C2", "63C1", "63C0"] == [desk.sw(WRONG_PIN) for _ in range(3)]
    return desk


# ------------------------------------------------------------------ CHANGE PIN


def test_a_changed_pin_is_the_pin():
    desk = application()
    desk.ok(change("123456FF87654321"))
    assert ["63C2", "9000"] == [desk.sw(PIN), desk.sw(verify("87654321"))]


def test_a_change_gives_all_tries_back_and_no_state():
    desk = application()
    desk.raw(WRONG_PIN)
    desk.ok(change("123456FF4321"))
    assert (0x33, 0) == (record(desk, 0x3A).second, desk.session.state)
    assert not desk.session.pin_verified


def test_a_change_keeps_rights_and_follow_up_state():
    desk = application()
    before = record(desk, 0x3A)
    desk.ok(change("123456FF4321"))
    after = record(desk, 0x3A)
    assert (before.type, before.id, before.use, before.change, before.first) == (
        after.type, after.id, after.use, after.change, after.first,
    )  # fmt: skip
    assert bytes.fromhex("4321") == after.value


@pytest.mark.parametrize(
    ("stored", "data", "new"),
    [
        pytest.param("1234", "1234FF4321", "4321", id="shortest"),
        pytest.param("123456789012", "123456789012FF210987654321", "210987654321", id="longest"),
        pytest.param("12345F", "12345FFF1234", "1234", id="old-of-five-digits"),
        pytest.param("123456", "123456FF12345F", "12345F", id="new-of-five-digits"),
        pytest.param("12FF", "12FFFF34FF", "34FF", id="FF-in-both"),
        pytest.param("12FF56", "12FF56FF1234", "1234", id="FF-too-early-in-the-old-one"),
        pytest.param("1234", "1234FFFF55", "FF55", id="new-begins-with-FF"),
    ],
)
def test_the_first_ff_between_two_pins_splits(stored, data, new):
    desk = desk_with(key_record(0x3A, 5, bytes.fromhex(stored), change=0xEF))
    desk.ok(change(data, 5))
    assert bytes.fromhex(new) == record(desk, 0x3A, 5).value


def test_an_ff_that_leaves_both_their_length_splits_even_if_it_was_not_meant_to():
    """Old PIN 1234FF56 and new PIN 7890 are read as 1234 and 56FF7890."""
    desk = desk_with(key_record(0x3A, 5, bytes.fromhex("1234FF56"), change=0xEF))
    assert "63C2" == desk.sw(change("1234FF56FF7890", 5))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("1234567890", id="none"),
        pytest.param("FF12345678", id="nothing-before"),
        pytest.param("12FF345678", id="one-byte-before"),
        pytest.param("123456FF78", id="one-byte-behind"),
        pytest.param("12345678FF", id="nothing-behind"),
        pytest.param("12FF3456789012345678901234", id="too-much-behind"),
        pytest.param("1234567890123456789012FF34", id="too-much-before"),
    ],
)
def test_no_ff_between_two_pins_costs_no_try(data):
    desk = application()
    assert "6A80" == desk.sw(change(data))
    assert 0x33 == record(desk, 0x3A).second


PINS = st.binary(min_size=2, max_size=6).filter(lambda pin: b"\xff" not in pin)


@given(st.lists(PINS, min_size=2, max_size=6))
def test_pins_of_any_lengths_take_turns(pins):
    """Keys before and behind the PIN are not touched when its length changes."""
    desk = desk_with(
        key_record(0x3A, 5, pins[0], change=0xEF), key_record(0x38, 0, MASTER), key_record(0x34, 5, K16)
    )
    others = [key for key in desk.fs.keys(desk.session.directory) if (key.type, key.id) != (0x3A, 5)]
    for old, new in pairwise(pins):
        desk.ok(change(f"{old.hex()}FF{new.hex()}", 5))
        assert "9000" == desk.sw(verify(new.hex(), 5))
        keys = [key for key in desk.fs.keys(desk.session.directory) if (key.type, key.id) != (0x3A, 5)]
        assert [key.value for key in others] == [key.value for key in keys]
        assert [key.encode() for key in others] == [key.encode() for key in keys]


def test_no_room_for_a_longer_pin_changes_nothing():
    """The key file of 24 + 24 + 10 bytes is full; the old PIN was right, so its tries are back."""
    desk = application()
    desk.ok("80E03F020E 38 0100 F0 F0 95 FFFF D15600000102", "00A40000023F02", "80E00000073F003A 95F0FFFF")
    desk.ok(*SERVICES, key_record(0x3A, 0, b"\x12\x34", change=0xEF))
    before = [key.encode() for key in desk.fs.keys(desk.session.directory)]
    assert "6A84" == desk.sw(change("1234FF432100"))
    assert before == [key.encode() for key in desk.fs.keys(desk.session.directory)]
    desk.ok(change("1234FF4321"), verify("4321"))


def test_a_wrong_old_pin_counts_and_locks():
    desk = application()
    assert ["63C2", "63C1", "63C0", "6983"] == [desk.sw(change("123450FF4321")) for _ in range(4)]
    assert "6983" == desk.sw(PIN)


def test_a_wrong_old_pin_takes_the_verified_pin():
    """A verified PIN counts until a wrong one (JR/T 0025.2 5.5.1.7); the register of the directory stays."""
    desk = application()
    desk.ok(PIN)
    assert "63C2" == desk.sw(change("123450FF4321"))
    assert (False, 1) == (desk.session.pin_verified, desk.session.state)


def test_a_verified_pin_stays_verified_when_it_is_changed():
    desk = application()
    desk.ok(PIN, change("123456FF4321"))
    assert desk.session.pin_verified


# ------------------------------------------------------------------ RELOAD PIN


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize("pin", ["8888", "888888", "12345F", "210987654321"])
def test_a_reloaded_pin_is_the_pin(profile, pin):
    desk = application(profile)
    desk.ok(*SERVICES)
    desk.ok(reload(desk, pin), verify(pin))


def test_a_reload_unlocks():
    desk = lock(desk_with())
    desk.ok(reload(desk, "8888"))
    assert 0x33 == record(desk, 0x3A).second
    desk.ok(verify("8888"))


def test_a_reload_needs_no_challenge_and_no_old_pin():
    """The MAC is over the new PIN alone, so the same command serves again."""
    desk = desk_with()
    command = reload(desk, "8888")
    desk.ok(command, change("8888FF7777"), command, verify("8888"))


def test_a_reload_key_of_8_bytes_is_used_as_it_is():
    desk = desk_with(key_record(0x38, 0, K8))
    desk.ok(reload(desk, "8888", K8), verify("8888"))


def test_wrong_reloads_count_and_a_right_one_refills():
    desk = desk_with()
    for expected in ("9302", "9302", "9000", "9302", "9302", "9000"):
        command = reload(desk, "8888")
        assert expected == desk.sw(command if expected == "9000" else wrong(command))
    assert 0x33 == record(desk, 0x38).second


def test_the_last_wrong_reload_blocks_the_application_for_ever():
    desk = desk_with()
    assert ["9302", "9302", "9303"] == [desk.sw(wrong(reload(desk, "8888"))) for _ in range(3)]
    assert ["9303"] * 2 == [desk.sw(PIN), desk.sw(reload(desk, "8888"))]
    desk.reset()
    assert "9303" == desk.sw(SELECT_ADF)


def test_wrong_reloads_count_through_a_loss_of_power():
    desk = desk_with()
    for expected in ("9302", "9302", "9303"):
        assert expected == desk.sw(wrong(reload(desk, "8888")))
        desk.card.power_off()
        desk.card.power_on()
        desk.raw(SELECT_ADF)


def test_a_wrong_reload_changes_no_pin():
    desk = desk_with()
    desk.raw(wrong(reload(desk, "8888")))
    desk.ok(PIN)


def test_uncounted_reloads_never_block():
    desk = desk_with(key_record(0x38, 0, MASTER, second=0x00))
    assert ["9302"] * 20 == [desk.sw(wrong(reload(desk, "8888"))) for _ in range(20)]
    desk.ok(reload(desk, "8888"))


def test_a_right_reload_without_room_costs_no_try():
    desk = application()
    desk.ok("80E03F020E 38 0100 F0 F0 95 FFFF D15600000102", "00A40000023F02", "80E00000073F003A 95F0FFFF")
    desk.ok(*SERVICES, key_record(0x3A, 0, b"\x12\x34", change=0xEF))
    assert ["6A84"] * 5 == [desk.sw(reload(desk, "888888")) for _ in range(5)]
    desk.ok(reload(desk, "8888"), verify("8888"))


def test_a_reload_leaves_the_challenge_unused_and_used_up():
    desk = desk_with()
    desk.challenge()
    desk.ok(reload(desk, "8888"))
    assert "6984" == desk.sw("0082000008" + "00" * 8)


# ------------------------------------------------------------------ PIN UNBLOCK


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize("pin", ["1234", "123456", "12345678", "1234567890123456"])
def test_an_unblocked_pin_is_the_one_that_was_sent(profile, pin):
    desk = application(profile)
    desk.ok(*SERVICES)
    lock(desk).ok(unblock(desk, pin), verify(pin))


def test_an_unblocked_pin_has_all_tries_and_gives_no_state():
    desk = lock(desk_with())
    desk.ok(unblock(desk))
    assert (0x33, 0, False) == (record(desk, 0x3A).second, desk.session.state, desk.session.pin_verified)


@pytest.mark.parametrize("size", [4, 8])
def test_challenges_of_both_lengths_serve(size):
    desk = lock(desk_with())
    desk.ok(desk.protected("8024000003123456", K16, enciphered=True, challenge="A5" * size))


@pytest.mark.parametrize(
    ("p1", "p2", "sw"),
    [(1, 0, "9000"), (1, 1, "9000"), (0, 0, "9000"), (0, 1, "9000"), (0, 2, "6A86"), (7, 0, "9403")],
)
def test_p1_names_the_pin_and_p2_is_00_or_01(p1, p2, sw):
    desk = desk_with()
    assert sw == desk.sw(unblock(desk, "9999", p1=p1, p2=p2))
    if sw == "9000":
        assert b"\x99\x99" == record(desk, 0x3A, p1).value


def test_wrong_unblocks_count_and_a_right_one_refills():
    desk = desk_with()
    for expected in ("6988", "6988", "9000", "6988", "6988", "9000"):
        command = unblock(desk)
        assert expected == desk.sw(command if expected == "9000" else wrong(command))
    assert 0x33 == record(desk, 0x37).second


def test_the_last_wrong_unblock_blocks_the_application_for_ever():
    desk = lock(desk_with())
    assert ["6988", "6988", "9303"] == [desk.sw(wrong(unblock(desk))) for _ in range(3)]
    desk.reset()
    assert ["9303", "9303"] == [desk.sw(SELECT_ADF), desk.sw(PIN)]


def test_a_locked_unblock_key_is_never_used_again():
    """A key 37 without tries in an application that is not blocked: it was loaded so."""
    desk = lock(desk_with(key_record(0x37, 0, K16, second=0x30)))
    assert "6983" == desk.sw(unblock(desk))


def test_a_pin_that_was_not_enciphered_costs_no_try():
    """The MAC is right, so this is no attack; nothing is replaced."""
    desk = desk_with()
    assert "6988" == desk.sw(desk.protected("8024000003123456", K16))
    assert (0x33, 0x33) == (record(desk, 0x37).second, record(desk, 0x3A).second)


def test_the_reload_key_does_not_unblock():
    desk = lock(desk_with())
    assert "6988" == desk.sw(unblock(desk, key=MASTER))


# ------------------------------------------------------------------ options


@pytest.mark.parametrize(("type_", "other"), [(0x37, 0x38), (0x38, 0x37)])
def test_which_key_unblocks_and_which_reloads(type_, other):
    desk = application(unblock_key=type_)
    desk.ok(key_record(type_, 0, K16), key_record(other, 0, MASTER))
    lock(desk).ok(unblock(desk), reload(desk, "8888"), verify("8888"))


@pytest.mark.parametrize(
    ("reading", "sent", "sw", "pin"),
    [
        ("replace", "123456", "9000", "123456"),
        ("replace", "9999", "9000", "9999"),
        ("compare", "123456", "9000", "123456"),
        ("compare", "9999", "6985", None),
        ("reset", "123456", "9000", "123456"),
        ("reset", "9999", "9000", "123456"),
    ],
)
def test_what_an_unblock_does_with_the_pin_that_is_sent(reading, sent, sw, pin):
    desk = application(pin_unblock=reading)
    desk.ok(*SERVICES)
    assert sw == lock(desk).sw(unblock(desk, sent))
    assert ("9000" if pin else "6983") == desk.sw(verify(pin or "123456"))


def test_an_unblock_that_compares_keeps_the_filling_of_the_stored_pin():
    desk = application(pin_unblock="compare")
    desk.ok(*SERVICES)
    lock(desk).ok(unblock(desk, "123456"))
    assert bytes.fromhex("123456FFFFFFFFFF") == record(desk, 0x3A).value


@pytest.mark.parametrize(("unlocked", "sw"), [(True, "9000"), (False, "6985")])
def test_a_pin_that_is_not_locked(unlocked, sw):
    desk = application(pin_unblock_unlocked=unlocked)
    desk.ok(*SERVICES)
    assert sw == desk.sw(unblock(desk))
    lock(desk).ok(unblock(desk))


@pytest.mark.parametrize(("p1", "p2", "sw"), [(0, 1, "9000"), (0, 7, "9403"), (1, 0, "6A86")])
def test_p2_names_the_pin_where_the_profile_says_so(p1, p2, sw):
    desk = application(pin_unblock_id="p2")
    desk.ok(*SERVICES)
    assert sw == desk.sw(unblock(desk, "9999", p1=p1, p2=p2))
    if sw == "9000":
        assert b"\x99\x99" == record(desk, 0x3A, p2).value


@pytest.mark.parametrize("sw", ["9302", "6988"])
def test_the_status_of_a_wrong_reload_is_an_option(sw):
    desk = application(reload_mac_wrong=int(sw, 16))
    desk.ok(*SERVICES)
    assert [sw, sw, "9303"] == [desk.sw(wrong(reload(desk, "8888"))) for _ in range(3)]


# ------------------------------------------------------------------ protected PINs


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize(
    ("type_", "enciphered"),
    [
        pytest.param(0xFA, True, id="both-bits"),
        pytest.param(0xBA, False, id="bit-8"),
        pytest.param(0x7A, False, id="bit-7"),
    ],
)
def test_a_pin_of_protected_type_is_verified_in_either_form(profile, type_, enciphered):
    desk = application(profile)
    desk.ok(key_record(type_, 5, b"\x44\x55", change=0xEF, first=0x06))
    desk.ok(desk.protected("00200005024455", enciphered=enciphered))
    assert (6, True) == (desk.session.state, desk.session.pin_verified)
    desk.ok(verify("4455", 5))
    assert "63C2" == desk.sw(desk.protected("00200005024456", enciphered=enciphered))


def test_a_wrong_mac_costs_a_try_of_the_maintenance_key_and_none_of_the_pin():
    desk = desk_with(key_record(0xFA, 5, b"\x44\x55", change=0xEF))
    command = "00200005024455"
    assert "9302" == desk.sw(forged(command, enciphered=True)(desk))
    assert (0x32, 0x33) == (record(desk, 0x36).second, record(desk, 0x3A, 5).second)
    wrong_macs(command, 2, enciphered=True)(desk)
    assert "9303" == desk.sw(desk.protected(command, enciphered=True))
    desk.ok(verify("4455", 5))


def test_the_use_right_of_the_maintenance_key_of_a_protected_pin():
    desk = desk_with(key_record(0xFA, 5, b"\x44\x55", change=0xEF))
    desk.ok("80D4360015" + key_record(0x36, 0, K16, use=0xF1)[10:])
    command = "00200005024455"
    assert "6982" == desk.sw(desk.protected(command, enciphered=True))
    desk.ok(PIN)
    desk.ok(desk.protected(command, enciphered=True))


@pytest.mark.parametrize("profile", SUITES)
def test_an_authentication_key_of_protected_type(profile):
    """Key 39/02 of the desk is of type F9.  The challenge serves the cryptogram and, as initial value, the MAC."""
    desk = application(profile)
    channel = desk.channel(K16)
    cryptogram = desk.suite.cryptogram(desk.suite.key(OTHER), channel.challenge)
    desk.ok(channel.protect(Command(0x00, 0x82, 0x00, 0x02, cryptogram), enciphered=True))
    assert 3 == desk.session.state
