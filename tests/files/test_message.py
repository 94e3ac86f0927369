"""GET MESSAGE and SET MESSAGE: the safety authentication code of the chip."""

from __future__ import annotations

import pytest

from tests.files.desk import CREATE_MF, MASTER, SELECT_ADF, SELECT_MF, SUITES, Desk, application

CODE = "8588D32B7688D32B76"
SET, GET = f"0022000009{CODE}", "80CA000009"


@pytest.mark.parametrize("profile", SUITES)
def test_the_code_is_given_in_every_directory_and_after_every_reset(profile):
    desk = application(profile)
    assert ["6A81", "6985"] == [desk.sw(GET), desk.sw(SET)]
    desk.ok(SELECT_MF, SET)
    assert [CODE, CODE] == [desk.ok(GET), desk.ok(SELECT_ADF, GET)]
    desk.reset()
    assert [CODE, CODE] == [desk.ok(GET), desk.ok("80CA000000")]


def test_the_code_is_written_again_where_the_mf_may_be_filled():
    desk = application()
    desk.ok(SELECT_MF, SET, "0022000009" + "11" * 9)
    assert "11" * 9 == desk.ok(GET)


def test_the_create_right_of_the_mf_closes_it():
    """Free in a new MF; afterwards as the right says, here state 10 of the MF."""
    desk = Desk.blank()
    desk.ok(CREATE_MF.replace("F0F001", "0AF001"), SET)
    desk.ok("80E00000073F005001F0FFFF", "80D4010015390000FA33" + MASTER.hex())
    desk.ok("0022000009" + "22" * 9, SELECT_MF)
    assert "6982" == desk.sw(SET)
    assert "9000" == desk.authenticate()
    desk.ok(SET)
    assert CODE == desk.ok(GET)


def test_the_code_outlives_what_is_erased():
    desk = application()
    desk.ok(SELECT_MF, SET, "800E0000")
    assert CODE == desk.ok(GET)


def test_a_code_of_zeros_is_none():
    desk = application()
    desk.ok(SELECT_MF, SET, "0022000009" + "00" * 9)
    assert "6A81" == desk.sw(GET)
