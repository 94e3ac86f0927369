"""ERASE DF: what goes, what stays, and that its room is there again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW
from cardos.files.volume import AREAS, memory_size
from tests.files.desk import (
    CREATE_ADF,
    CREATE_MF,
    K16,
    MASTER,
    OTHER,
    SELECT_ADF,
    SELECT_MF,
    Desk,
    application,
    changed,
    key_record,
)
from tests.powercut import sweep

ERASE = "800E000000"


def names(desk: Desk) -> list[str]:
    return [f"{node.fid:04X}" for node in desk.fs.nodes]


@pytest.mark.parametrize("command", [ERASE, "800E0000"], ids=["with-le", "header"])
def test_an_application_is_emptied_and_stays(command):
    desk = application()
    assert "9000" == desk.sw(command)
    assert ["3F00", "0000", "0001", "0005", "3F01"] == names(desk)
    assert 0x3F01 == desk.session.directory.fid
    assert "6A82" == desk.sw("00B0840001")
    assert "6F0B8409A00000000386980701" == desk.ok(SELECT_ADF)


def test_the_proof_of_the_last_transaction_goes_with_its_purse():
    desk = application()
    desk.fs.set_proof(desk.session.directory, b"\x06\x00\x01")
    desk.fs.commit()
    desk.ok(ERASE)
    assert bytes(11) == desk.fs.proof(desk.session.directory)
    desk.reset().ok(SELECT_ADF)
    assert bytes(11) == desk.fs.proof(desk.session.directory)


def test_the_other_directories_are_as_they_were():
    desk = application()
    desk.ok(
        "00D6840004 AABBCCDD", SELECT_MF, "80E03F020E 38 0100 F0 F0 95 FFFF D15600000102", "00A40000023F02"
    )
    desk.ok(
        "80E00000073F0040 95F0FFFF", key_record(0x36, 0, K16), "80E0000507280004F0F0FFFF", "00D68500021234"
    )
    desk.ok(ERASE, SELECT_ADF)
    assert "AABBCCDD" == desk.ok("00B0840004")
    assert "9000" == desk.authenticate(MASTER)
    desk.ok(SELECT_MF)
    assert "9000" == desk.authenticate(MASTER)


def test_a_directory_before_others_is_erased():
    """What lies behind moves, with its keys, records and children."""
    desk = application()
    desk.ok(SELECT_MF, "80E03F020E 38 0200 F0 F0 95 FFFF D15600000102", "00A40000023F02")
    desk.ok("80E00000073F0040 95F0FFFF", key_record(0x39, 0, OTHER, first=0x05), "80E00006072A0308F0F0FFFF")
    desk.ok("00E200300811223344556677 88", "80E03F030C 38 0100 F0 F0 95 FFFF D1560003", "00A40000023F03")
    desk.ok("80E0000407280004F0F0FFFF", "00D6840002ABCD", SELECT_MF, SELECT_ADF, ERASE)
    desk.reset().ok("00A40000023F02")
    assert "9000" == desk.authenticate(OTHER)
    assert "1122334455667788" == desk.ok("00B2013400")
    desk.ok("00A40000023F03")
    assert "ABCD" == desk.ok("00B0840002")
    assert "3F02" == f"{desk.session.directory.parent.fid:04X}"


def test_the_mf_is_emptied():
    desk = application()
    desk.ok(SELECT_MF, ERASE)
    assert ["3F00"] == names(desk)
    desk.ok("80E00000073F005001F0FFFF", key_record(0x39, 0, MASTER), CREATE_ADF, SELECT_ADF)


def test_an_emptied_directory_may_be_filled_freely_until_it_is_left():
    desk = Desk.blank()
    desk.ok(CREATE_MF.replace("F0F001", "F5F001"), "80E00000073F008001F0FFFF", SELECT_MF)
    assert "6982" == desk.sw("80E0000407280004F0F0FFFF")
    desk.ok(ERASE, "80E0000407280004F5F5FFFF", "00D684000199", SELECT_MF)
    assert "6982" == desk.sw("00B0840001")


def test_registers_stay_and_what_was_current_goes():
    desk = application()
    assert "9000" == desk.authenticate()
    desk.ok("00A40000020004", "0020000003123456")
    desk.session.pending = object()
    desk.ok(ERASE)
    session = desk.session
    assert (1, None, 0, False, None) == (
        session.state, session.file, session.record, session.pin_verified, session.pending,
    )  # fmt: skip


def test_the_right_to_erase():
    desk = Desk.blank()
    desk.ok(CREATE_MF.replace("F0F001", "F0F101"), "80E0000407280004F0F0FFFF")
    desk.ok(ERASE)  # free mode lifts it
    desk.ok("80E0000407280004F0F0FFFF", SELECT_MF)
    assert "6982" == desk.sw(ERASE)
    assert ["3F00", "0004"] == names(desk)


def test_a_worn_memory_erases_nothing():
    desk = application()
    before = names(desk)
    desk.card.memory.worn = True
    assert "6581" == desk.sw(ERASE)
    desk.card.memory.worn = False
    assert before == names(desk)
    assert before == names(desk.reset())


def test_the_two_areas_take_turns():
    desk = application()
    seen = []
    for _ in range(3):
        seen.append(desk.fs.root.address)
        desk.ok(SELECT_MF, ERASE)
    assert [AREAS, AREAS + (memory_size(desk.card.profile) - AREAS) // 2, AREAS] == seen


# ------------------------------------------------------------------ room


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("create"), st.integers(0, 2), st.integers(1, 400)),
            st.tuples(st.just("erase"), st.integers(0, 2), st.just(0)),
        ),
        max_size=40,
    )
)
def test_room_is_there_again(actions):
    """Against a plain model: a file fits exactly when the counted bytes are there, whatever was erased before."""
    desk = Desk.blank(changed("city-3des", memory=2048))
    desk.ok(CREATE_MF)
    places = [f"00A40000023F0{n}" for n in range(1, 4)]
    for n in range(1, 4):
        desk.ok(f"80E03F0{n}09 38 0400 F0 F0 95 FFFF 4{n}")
    files: list[list[int]] = [[], [], []]
    serial = 0
    for action, which, size in actions:
        desk.ok(SELECT_MF, places[which])
        if action == "erase":
            desk.ok(ERASE)
            files[which] = []
            continue
        serial += 1
        taken = 11 + 3 * 12 + sum(11 + each for inside in files for each in inside)
        fits = taken + 11 + size <= 2048
        expected = SW.SUCCESS if fits else SW.NO_SPACE
        assert expected == desk.raw(f"80E0{0x1000 + serial:04X}0728{size:04X}F0F0FFFF").sw
        if fits:
            files[which].append(size)
    before = desk.fs.nodes
    assert before == desk.reset().fs.nodes
    assert [len(inside) for inside in files] == [
        len(desk.fs.inside(d)) for d in desk.fs.children(desk.fs.root)
    ]


# ------------------------------------------------------------------ power


def view(card) -> object:
    fs = card._kernel.fs
    return [
        (n.fid, n.type_byte, n.parent and n.parent.fid, fs.read(n, 0, n.size), fs.state(n)) for n in fs.nodes
    ]


@pytest.mark.slow
@pytest.mark.parametrize("where", [SELECT_ADF, SELECT_MF], ids=["application", "mf"])
def test_old_or_new(where):
    desk = application()
    desk.ok(where)
    assert sweep(lambda: desk.card, lambda _: desk.raw(ERASE), view) > 1000
