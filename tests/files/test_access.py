"""Rights and the two security registers."""

from __future__ import annotations

import pytest

from cardos.files.access import allowed
from cardos.files.call import Session
from cardos.options import CosOptions
from tests.files.desk import (
    CREATE_MF,
    MASTER,
    OTHER,
    SELECT_ADF,
    SELECT_MF,
    Desk,
    application,
    changed,
    key_record,
)

PIN = "0020000003123456"


@pytest.mark.parametrize("right", range(256))
def test_every_right_in_every_state(right):
    most, least = divmod(right, 16)
    for state in range(16):
        for state_mf in range(16):
            session = Session(state=state, state_mf=state_mf)
            met = state_mf in range(least, 16) if most == 0 else state in range(least, most + 1)
            assert met == allowed(right, session)


ORACLES = {
    ("high_first", "current"): lambda x, y, own, _: own >= y if x == 0 else y <= own <= x,
    ("high_first", "f_is_mf"): lambda x, y, own, mf: mf >= y if x == 15 else y <= own <= x,
    ("low_first", "mf"): lambda x, y, own, _: x <= own <= y,
    ("low_first", "current"): lambda x, y, own, _: x <= own <= y,
    ("low_first", "f_is_mf"): lambda x, y, own, _: x <= own <= y,
}


@pytest.mark.parametrize(("reading", "oracle"), ORACLES.items(), ids=["-".join(key) for key in ORACLES])
def test_every_right_as_other_products_read_it(reading, oracle):
    cos = CosOptions(rights=reading[0], zero_rights=reading[1])
    for right in range(256):
        for own in range(16):
            for mf in range(16):
                met = oracle(*divmod(right, 16), own, mf)
                assert met == allowed(right, Session(state=own, state_mf=mf), cos)


def test_smartcos_rights_on_a_card():
    """0F is free there, F0 never (a SmartCOS writes the least state first)."""
    desk = Desk.blank(changed("city-3des", rights="low_first"))
    desk.ok(CREATE_MF, "80E0001007280004 0F0F FFFF", "80E0001107280004 F0F0 FFFF", SELECT_MF)
    desk.ok("00D69000021234", "00B0900002")
    assert ["6982", "6982"] == [desk.sw("00B0910001"), desk.sw("80E0001207280004 0F0F FFFF")]


def test_the_state_after_selecting_the_mf_is_an_option():
    desk = application(state_after_mf="zero")
    desk.ok(SELECT_MF)
    assert "9000" == desk.authenticate(MASTER)
    desk.ok(SELECT_MF)
    assert (10, 0) == registers(desk)


@pytest.mark.parametrize(
    ("right", "states"),
    [
        pytest.param(0xF0, range(16), id="always"),
        pytest.param(0xF1, range(1, 16), id="after-any"),
        pytest.param(0xFA, range(10, 16), id="A-to-F"),
        pytest.param(0x11, [1], id="exactly-1"),
        pytest.param(0xEF, [], id="never"),
        pytest.param(0x12, [], id="never-too"),
    ],
)
def test_customary_rights(right, states):
    assert list(states) == [state for state in range(16) if allowed(right, Session(state=state))]


def test_the_worked_sequence_of_the_manual():
    """File 0003: read F1, write F2; PIN leads to 1, key 39/01 (use right 11) leads to 2."""
    desk = Desk.blank()
    desk.ok(CREATE_MF, "80E00000073F018F01F0FFFF", "80E000030728 0010 F1F2FFFF".replace(" ", ""))
    desk.ok(
        key_record(0x3A, 0, b"\x12\x34", change=0xEF, first=0x01),
        key_record(0x39, 1, OTHER, use=0x11, first=0x02),
    )
    desk.ok("00D6830001AA", SELECT_MF)
    read, write = "00B0830001", "00D6830001BB"
    assert [0, "6982"] == [desk.session.state, desk.sw(read)]
    desk.ok("00200000021234")
    assert [1, "9000", "6982"] == [desk.session.state, desk.sw(read), desk.sw(write)]
    assert "9000" == desk.authenticate(OTHER, id_=1)
    assert [2, "9000", "9000"] == [desk.session.state, desk.sw(write), desk.sw(read)]
    assert "6982" == desk.authenticate(OTHER, id_=1)


def registers(desk: Desk) -> tuple[int, int]:
    return desk.session.state_mf, desk.session.state


def mf_authenticated() -> Desk:
    desk = application()
    desk.ok(SELECT_MF)
    assert "9000" == desk.authenticate(MASTER)
    assert (10, 10) == registers(desk)
    return desk


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        pytest.param([SELECT_MF], (10, 10), id="select-mf"),
        pytest.param([SELECT_ADF], (10, 0), id="select-df"),
        pytest.param([SELECT_ADF, SELECT_MF], (10, 10), id="back-to-mf"),
        pytest.param(["00A40000020005"], (10, 10), id="select-ef"),
        pytest.param([SELECT_ADF, PIN], (10, 1), id="pin-in-df"),
        pytest.param([SELECT_ADF, PIN, SELECT_ADF], (10, 0), id="select-df-again"),
    ],
)
def test_registers_after_selection(commands, expected):
    desk = mf_authenticated()
    desk.ok(*commands)
    assert expected == registers(desk)


def test_the_register_is_set_not_raised():
    desk = application()
    assert "9000" == desk.authenticate()
    assert 2 == desk.session.state
    desk.ok(PIN)
    assert 1 == desk.session.state


@pytest.mark.parametrize("command", ["0020000003999999", "0020070003999999"])
def test_a_failed_try_changes_no_register(command):
    desk = application()
    desk.ok(PIN)
    desk.raw(command)
    assert (0, 1) == registers(desk)


def test_reset_and_selection_take_the_verified_pin():
    desk = application()
    desk.ok(PIN)
    assert desk.session.pin_verified
    desk.ok(SELECT_ADF)
    assert not desk.session.pin_verified
    desk.ok(PIN)
    desk.reset()
    assert (0, 0) == registers(desk)
    assert not desk.session.pin_verified


def test_selection_takes_what_an_application_keeps():
    desk = application()
    desk.session.pending, desk.session.temporary = object(), {"key": 1}
    desk.ok("00A40000020004")
    assert desk.session.pending
    desk.ok(SELECT_MF)
    assert (None, {}) == (desk.session.pending, desk.session.temporary)


FREE_CREATE = "80E00010072800 10 F5F5FFFF".replace(" ", "")


def test_free_mode_ends_when_the_directory_is_left():
    """Everything may be created, read and written in a directory that was entered empty, key file or not."""
    desk = Desk.blank()
    desk.ok(CREATE_MF.replace("F0F001", "F5F001"), "80E00000073F008001F5FFFF", FREE_CREATE)
    desk.ok("00D6900001AA", "00B0900001", key_record(0x34, 0, OTHER))
    desk.ok(SELECT_MF)
    assert ["6982"] * 4 == [
        desk.sw(command)
        for command in (
            "00D6900001AA",
            "00B0900001",
            key_record(0x34, 1, OTHER),
            FREE_CREATE.replace("0010", "0011", 1),
        )
    ]


def test_free_mode_does_not_lift_protection_nor_key_rights():
    desk = Desk.blank()
    desk.ok(CREATE_MF, "80E00000073F008001F0FFFF", "80E0001007A80010F0F0FFFF")
    desk.ok(key_record(0x34, 0, OTHER, change=0xF1), key_record(0x3A, 0, b"\x12\x34", use=0xF1))
    assert "6987" == desk.sw("00D6900001AA")
    assert "6982" == desk.sw("80D4340015" + key_record(0x34, 0, OTHER)[10:])
    assert "6982" == desk.sw("00200000021234")


def test_an_empty_directory_is_free_again_after_reset():
    desk = Desk.blank()
    desk.ok(CREATE_MF.replace("F0F001", "F5F001"))
    desk.reset()
    assert desk.session.free
    desk.ok(FREE_CREATE)
    desk.reset()
    assert not desk.session.free


def test_a_right_of_the_mf_lets_into_an_application():
    """Right 02: state 2 or more of the MF, whatever the application's."""
    desk = application()
    desk.ok("80E000100728 0010 0202FFFF".replace(" ", ""))
    assert "6982" == desk.sw("00B0900001")
    desk.ok(SELECT_MF)
    desk.authenticate()
    desk.ok(SELECT_ADF, "00D6900001AA", "00B0900001")
