"""APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK: what still works, and what brings an application back."""

from __future__ import annotations

import pytest

from cardos.card import Card
from cardos.files.filesystem import BlockState
from tests.files.desk import (
    AID,
    K16,
    MASTER,
    OTHER,
    SELECT_ADF,
    SELECT_MF,
    SUITES,
    Desk,
    application,
    key_record,
    wrong,
)  # fmt: skip
from tests.files.statuses import nothing, protected

BLOCK, FOR_EVER, UNBLOCK, CARD = "801E0000", "801E0001", "80180000", "80160000"
READ, PIN = "00B0840001", "0020000003123456"
MF_PIN = (SELECT_MF, key_record(0x3A, 0, b"\x12\x34", change=0xEF), "00200000021234")


def blocked(profile: str = "city-3des", *, command: str = BLOCK, **options: object) -> Desk:
    desk = application(profile, **options)
    desk.ok(desk.protected(command))
    return desk


def repower(desk: Desk) -> None:
    desk.card.power_off()
    desk.card.power_on()
    desk.raw(SELECT_ADF)


def state(desk: Desk) -> BlockState:
    return desk.fs.block_state(desk.fs.by_name(AID))


def tries(desk: Desk) -> int:
    return desk.fs.key(desk.fs.by_name(AID), 0x36, 0).second


# ------------------------------------------------------------------ for a time


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize("after", [nothing, repower], ids=["at-once", "after-power-up"])
def test_a_blocked_application_is_unblocked_and_is_as_before(profile, after):
    desk = application(profile)
    desk.ok("00D6840003AABBCC", PIN)
    before = desk.fs.nodes, [key.encode() for key in desk.fs.keys(desk.session.directory)]
    desk.ok(desk.protected(BLOCK))
    after(desk)
    assert ["6A81", "6A81"] == [desk.sw(READ), desk.sw(PIN)]
    desk.ok(desk.protected(UNBLOCK))
    assert before == (desk.fs.nodes, [key.encode() for key in desk.fs.keys(desk.session.directory)])
    assert "AABBCC" == desk.ok("00B0840003")


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        pytest.param(SELECT_MF, "9000", id="select-the-mf"),
        pytest.param(SELECT_ADF, "6A81", id="select-it"),
        pytest.param("00A40000020004", "9000", id="select-a-file"),
        pytest.param("0084000004", "9000", id="get-challenge"),
        pytest.param(protected(BLOCK), "9000", id="block-again"),
        pytest.param(protected(FOR_EVER), "9000", id="block-for-ever"),
        pytest.param(protected(UNBLOCK), "9000", id="unblock"),
        pytest.param(protected(CARD), "9000", id="card-block"),
        pytest.param(READ, "6A81", id="read"),
        pytest.param("00D6840001AA", "6A81", id="update"),
        pytest.param(PIN, "6A81", id="verify"),
        pytest.param("0082000008" + "00" * 8, "6A81", id="external-authenticate"),
        pytest.param("0088000003010203", "6A81", id="internal-authenticate"),
        pytest.param("805C000204", "6A81", id="get-balance"),
        pytest.param("80CA000009", "6A81", id="get-message"),
        pytest.param("80E0001007280004F0F0FFFF", "6A81", id="create-file"),
        pytest.param("800E000000", "6A81", id="erase-df"),
        pytest.param(key_record(0x34, 9, K16), "6A81", id="write-key"),
        pytest.param("805E010007123456FF654321", "6A81", id="change-pin"),
        pytest.param("00FF000000", "6D00", id="an-unknown-one"),
        pytest.param("00B08400FF00", "6700", id="a-malformed-one"),
    ],
)
def test_what_a_blocked_application_takes(command, sw):
    desk = blocked()
    assert sw == desk.sw(command if isinstance(command, str) else command(desk))


def test_the_status_inside_a_blocked_application_is_an_option():
    desk = blocked(blocked_command=0x6985)
    assert ["6985", "6985", "9000"] == [desk.sw(READ), desk.sw(PIN), desk.sw("0084000004")]


def test_other_directories_are_not_blocked():
    """A PIN of the MF is verified while an application is blocked (JR/T 0025.1 6.2.16)."""
    desk = blocked()
    desk.ok(*MF_PIN)
    assert "6A81" == desk.sw(SELECT_ADF)


def test_an_application_inside_a_blocked_one_is_not_blocked():
    desk = application()
    desk.ok("80E03F060E 38 0100 F0 F0 95 FFFF D15600000106")
    desk.ok(desk.protected(BLOCK))
    desk.ok("00A40000023F06", "80E0001007280004F0F0FFFF", "00D6900001AA")


def test_the_mf_is_blocked_like_an_application():
    desk = application()
    desk.ok(SELECT_MF)
    desk.ok(desk.protected(BLOCK))
    assert ["6A81", "6A81"] == [desk.sw("00B2010C00"), desk.sw(SELECT_MF)]
    desk.ok(SELECT_ADF)
    desk.reset()
    assert "6A81" == desk.sw("00B2010C00")
    desk.ok(desk.protected(UNBLOCK))
    desk.ok(SELECT_MF)


def test_a_block_of_what_is_blocked_succeeds():
    desk = blocked()
    desk.ok(desk.protected(BLOCK))
    assert BlockState.TEMPORARY is state(desk)


def test_a_block_takes_the_verified_pin_and_what_was_pending():
    desk = application()
    desk.ok(PIN)
    desk.session.pending = object()
    desk.ok(desk.protected(BLOCK))
    assert (False, None, 1) == (desk.session.pin_verified, desk.session.pending, desk.session.state)


def test_an_unblock_of_what_is_not_blocked_costs_no_try():
    desk = application()
    assert "6985" == desk.sw(wrong(desk.protected(UNBLOCK)))
    assert 0x33 == tries(desk)


# ------------------------------------------------------------------ for ever


def test_an_application_blocked_for_ever_takes_nothing():
    """Not even SELECT (JR/T 0025.1 6.2.3), which still makes it the current one."""
    desk = blocked(command=FOR_EVER)
    commands = (
        SELECT_ADF,
        READ,
        PIN,
        "0084000004",
        "841E000004" + "00" * 4,
        "841800000400000000",
        "841600000400000000",
    )
    assert ["9303"] * 7 == [desk.sw(command) for command in commands]
    repower(desk)
    assert ["9303"] * 7 == [desk.sw(command) for command in commands]


def test_the_rest_of_the_card_outlives_it():
    desk = blocked(command=FOR_EVER)
    desk.ok(*MF_PIN)
    assert "9303" == desk.sw(SELECT_ADF)


# ------------------------------------------------------------------ wrong MACs


@pytest.mark.parametrize(
    ("command", "before"),
    [
        pytest.param(BLOCK, None, id="block"),
        pytest.param(FOR_EVER, None, id="block-for-ever"),
        pytest.param(UNBLOCK, BLOCK, id="unblock"),
        pytest.param(CARD, None, id="card-block"),
    ],
)
@pytest.mark.parametrize("after", [nothing, repower], ids=["under-power", "through-power-ups"])
def test_the_third_wrong_mac_in_a_row_ends_the_application(command, before, after):
    desk = application() if before is None else blocked(command=before)
    for sw in ("6988", "6988", "9303"):
        assert sw == desk.sw(wrong(desk.protected(command)))
        after(desk)
    assert BlockState.PERMANENT is state(desk)
    assert not desk.fs.card_blocked
    assert "9303" == desk.sw(SELECT_ADF)


def test_a_right_mac_between_begins_the_row_again():
    desk = blocked()
    for sw in ("6988", "6988", "9000", "6988", "6988", "9000"):
        desk.ok(desk.protected(BLOCK))
        command = desk.protected(UNBLOCK)
        assert sw == desk.sw(command if sw == "9000" else wrong(command))
        assert 0x33 == tries(desk) or sw != "9000"


def test_wrong_macs_of_several_commands_are_one_row():
    desk = application()
    assert "6988" == desk.sw(wrong(desk.protected(CARD)))
    assert "6988" == desk.sw(wrong(desk.protected("04D6950003AABBCC")))
    assert "9303" == desk.sw(wrong(desk.protected(BLOCK)))


def test_the_counter_of_the_key_says_how_many():
    desk = application()
    desk.ok("80D4360015" + key_record(0x36, 0, K16, second=0x11)[10:])
    assert "9303" == desk.sw(wrong(desk.protected(BLOCK)))


def test_a_mac_of_another_challenge_or_key_or_command():
    desk = application()
    good = desk.protected(BLOCK)
    desk.ok(good)
    desk.challenge("55667788")
    assert "6988" == desk.sw(good)
    assert "6988" == desk.sw(desk.protected(UNBLOCK, OTHER))
    other = desk.protected(FOR_EVER)
    assert "9303" == desk.sw(bytes.fromhex("841E000004") + other[-4:])


# ------------------------------------------------------------------ the card


@pytest.mark.parametrize("profile", SUITES)
def test_a_blocked_card_answers_one_thing_only(profile):
    desk = blocked(profile, command=CARD)
    commands = (
        SELECT_MF,
        SELECT_ADF,
        READ,
        "0084000004",
        "841800000400000000",
        "00",
        "",
        "FFFFFFFFFF",
        "00C0000010",
    )
    for _ in range(2):
        assert {"6A81"} == {desk.sw(command) for command in commands}
        desk.reset()
    repower(desk)
    assert {"6A81"} == {desk.sw(command) for command in commands}


def test_a_blocked_card_is_blocked_in_its_image(tmp_path):
    desk = blocked(command=CARD)
    desk.card.save(tmp_path / "card.cos")
    card = Card.load(tmp_path / "card.cos")
    card.power_on()
    assert "6a81" == card.transmit(bytes.fromhex(SELECT_MF)).hex()


def test_the_card_is_blocked_from_a_blocked_application_and_from_the_mf():
    desk = blocked()
    desk.ok(desk.protected(CARD))
    assert desk.fs.card_blocked
    desk = application()
    desk.ok(SELECT_MF)
    desk.ok(desk.protected(CARD))
    assert desk.fs.card_blocked


# ------------------------------------------------------------------ which key


def test_the_key_is_that_of_the_current_directory():
    """The application has another maintenance key than the MF."""
    desk = application()
    desk.ok("80D4360015" + key_record(0x36, 0, MASTER)[10:])
    assert "6988" == desk.sw(desk.protected(BLOCK, K16))
    desk.ok(desk.protected(BLOCK, MASTER))
    desk.ok(SELECT_MF)
    assert "6988" == desk.sw(desk.protected(BLOCK, MASTER))
    desk.ok(desk.protected(BLOCK, K16))


def test_the_use_right_of_the_key():
    desk = application()
    desk.ok("80D4360015" + key_record(0x36, 0, K16, use=0xF1)[10:])
    assert "6982" == desk.sw(desk.protected(BLOCK))
    desk.ok(PIN)
    desk.ok(desk.protected(BLOCK))
    assert BlockState.TEMPORARY is state(desk)
