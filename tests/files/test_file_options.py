"""Files where products differ: each option of the file system, on and off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.card import Card
from cardos.profile import FileSpec, load_profile
from cardos.wallet.purse_file import PurseState
from tests.files.desk import CREATE_ADF, CREATE_MF, SELECT_ADF, SELECT_MF, Desk, Random, application, changed

CREATE_10 = "80E0001007280004F0F0FFFF"


@pytest.mark.parametrize("sw", [0x6A86, 0x6A89, 0x6A8A])
def test_what_exists_already(sw):
    desk = application(file_exists=sw)
    desk.ok(CREATE_10)
    again = (
        CREATE_10,
        "80E000110 7 3F 0040 F0F0FFFF",
        "80E03F0516 38 0100 F0F0 95 FFFF 315041592E5359532E4444463031",
    )
    assert [f"{sw:04X}"] * 3 == [desk.sw(command.replace(" ", "")) for command in again]
    assert f"{sw:04X}" == desk.sw(CREATE_MF)


@pytest.mark.parametrize(("enforced", "sw"), [(False, "9000"), (True, "6A84")])
def test_the_size_of_a_directory_is_a_limit_or_not(enforced, sw):
    """A directory of 64 bytes: its own 13, then a file that fits and one that does not (FMCOS 4.2)."""
    desk = Desk.blank(changed("city-3des", enforce_df_size=enforced))
    desk.ok(CREATE_MF, "80E03F010A 38 0040 F0F0 95 FFFF 4142", "00A40000023F01")
    desk.ok("80E0000107280028F0F0FFFF")
    assert sw == desk.sw("80E0000207280001F0F0FFFF")
    desk.ok(SELECT_MF, "80E0000107280100F0F0FFFF")  # the MF has the whole card


def test_a_directory_inside_counts_for_the_one_around_it():
    desk = Desk.blank(changed("city-3des", enforce_df_size=True))
    desk.ok(CREATE_MF, "80E03F010A 38 0040 F0F0 95 FFFF 4142", "00A40000023F01")
    desk.ok("80E03F020A 38 0040 F0F0 95 FFFF 4143", "00A40000023F02")
    assert "6A84" == desk.sw("80E0000107280020F0F0FFFF")
    desk.ok("80E000010728001AF0F0FFFF")


@pytest.mark.parametrize("overhead", [0, 8])
def test_bytes_that_a_record_file_takes_beside_its_records(overhead):
    desk = Desk.blank(changed("city-3des", record_overhead=overhead))
    desk.ok(CREATE_MF)
    before = desk.fs.free
    desk.ok("80E00001072A0213F0F0FFFF")
    assert before - (11 + 2 * 20 + overhead) == desk.fs.free


@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_the_content_of_a_new_file(byte):
    desk = Desk.blank(changed("city-3des", initial_byte=byte))
    desk.ok(CREATE_MF, CREATE_10)
    answer = desk.raw("00B0900000")
    assert (bytes([byte]) * 4, 0x6281) == (answer.data, answer.sw)


@pytest.mark.parametrize(
    ("code", "short", "sw"), [(8, True, "9000"), (7, True, "9000"), (8, False, "9000"), (7, False, "6700")]
)
def test_the_last_byte_of_the_transport_code(code, short, sw):
    desk = Desk.blank(changed("city-3des", short_transport_code=short))
    assert sw == desk.sw(f"80E03F00{6 + code:02X}38FFFFF0F001" + "FF" * code)


@pytest.mark.parametrize(
    ("update", "previous", "next_", "next_01"),
    [
        ("both", "9000", "9000", "9000"),
        ("previous", "9000", "6A83", "6A83"),
        ("next", "6A83", "9000", "9000"),
    ],
)
def test_modes_that_add_to_a_cyclic_file(update, previous, next_, next_01):
    desk = application(cyclic_update=update)
    record = "17" + "AB" * 23
    assert [previous, next_, next_01] == [desk.sw(f"00DC{p}{record}") for p in ("00C3", "00C2", "01C2")]


def test_the_variables_of_a_purse():
    assert "6981" == application().sw("00B2011400")
    desk = application(purse_readable=True)
    desk.ok("00B2011400")
    assert bytes(8) == desk.raw("00B2011408").data
    assert PurseState(0, 0, 0, 0, 100000).to_bytes()[8:16] == desk.raw("00B2021400").data
    assert ["6A83", "6C08", "6981", "6981"] == [
        desk.sw(command)
        for command in ("00B2031400", "00B2011409", "00DC011408" + "00" * 8, "00E2001008" + "00" * 8)
    ]


@pytest.mark.parametrize(("lenient", "sw"), [(False, "6900"), (True, "6281")])
def test_a_protected_file_read_in_clear(lenient, sw):
    desk = application(lenient_read=lenient)
    assert sw == desk.sw("00B0880000")
    assert "6281" == desk.sw(desk.protected("04B0880000"))


# ------------------------------------------------------------------ purses


def purse_card(**file: int) -> Desk:
    """A card whose profile says more of its electronic purse."""
    profile = load_profile("city-3des")
    root, adf = profile.directories
    files = [replace(spec, **file) if spec.fid == 0x0002 else spec for spec in adf.files]
    mine = replace(profile, directories=(root, replace(adf, files=tuple(files))))
    random = Random()
    desk = Desk(Card.blank(mine, random=random), random)
    desk.card.power_on()
    desk.ok(CREATE_MF, CREATE_ADF, SELECT_ADF)
    desk.ok("80E00002072F0208F000FF18", "80E00001072F0208F000FF18")
    return desk


def variables(desk: Desk, fid: int) -> PurseState:
    node = desk.fs.find(desk.session.directory, fid)
    return PurseState.from_bytes(desk.fs.read(node, 0, node.size))


def test_a_purse_begins_with_the_limit_of_the_profile():
    """The balance includes the overdraft limit, so a new purse can be spent down to it (JT/T 978)."""
    desk = purse_card(limit=800, ceiling=50000)
    assert PurseState(800, 0, 0, 800, 50000) == variables(desk, 2)
    assert PurseState(0, 0, 0, 0, 0xFFFFFFFF) == variables(desk, 1)


def test_a_purse_without_a_ceiling_of_its_own_has_the_general_one():
    assert PurseState(0, 0, 0, 0, 100000) == variables(purse_card(), 2)
    assert -1 == FileSpec(0x0002, "purse").ceiling
