"""Every status word of the commands for files, each provoked on a card (see statuses.py)."""

from __future__ import annotations

import pytest

from cardos.apdu.os_commands import (
    APPEND_RECORD,
    CREATE_FILE,
    ERASE_DF,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from cardos.files.filesystem import BlockState
from tests.files.desk import CREATE_ADF, CREATE_MF, OTHER, SELECT_ADF, SELECT_MF, SUITES
from tests.files.statuses import (
    Row,
    anywhere,
    blank,
    blocked,
    card_blocked,
    check,
    check_declared,
    forged,
    nothing,
    params,
    protected,
    send,
    without_key,
    worn,
    wrong_macs,
)  # fmt: skip

TWO, THREE = "AABB", "AABBCC"
READ3, READ4 = "00B0830002", "00B0840002"
UPDATE4 = f"00D6840002{TWO}"
UPDATE_MAC = f"04D6950003{THREE}"
RECORD = "0011223344556677"
EF_TAIL = "F0F0FFFF"

COMMANDS = (
    SELECT, READ_BINARY, UPDATE_BINARY, READ_RECORD, UPDATE_RECORD, APPEND_RECORD, CREATE_FILE, ERASE_DF,
)  # fmt: skip
CREATE_10 = f"80E0001007 28 0010 {EF_TAIL}"
ERASE = "800E000000"

THIRD_LEVEL, ENTER_IT = "80E03F050C 38 0100 F5F0 95 FFFF D1560001", "00A40000023F05"
CLOSED_DIRECTORY = send(THIRD_LEVEL, ENTER_IT, "80E00000073F0040 95F0FFFF", SELECT_MF, SELECT_ADF, ENTER_IT)

ROWS = [
    # -- SELECT
    Row("SELECT", "9000", nothing, SELECT_MF),
    Row("SELECT", "9000", nothing, SELECT_ADF),
    Row("SELECT", "9000", nothing, "00A4000002 0004"),
    Row("SELECT", "6A81", blocked(BlockState.TEMPORARY), SELECT_ADF),
    Row("SELECT", "6283", blocked(BlockState.TEMPORARY), SELECT_ADF, {"blocked_select": 0x6283}),
    Row("SELECT", "9303", blocked(BlockState.PERMANENT), SELECT_ADF),
    Row("SELECT", "6700", nothing, "00A4000001 3F"),
    Row("SELECT", "6700", nothing, "00A4040011" + "41" * 17),
    Row("SELECT", "6A81", blank, SELECT_MF),
    Row("SELECT", "6A81", card_blocked, SELECT_MF),
    Row("SELECT", "6A82", nothing, "00A4000002 7777"),
    Row("SELECT", "6A82", nothing, "00A4040005 4142434445"),
    Row("SELECT", "6A86", nothing, "00A4010002 3F01"),
    Row("SELECT", "6A86", nothing, "00A4000C02 3F01"),
    Row("SELECT", "6A86", nothing, "00A4000201 3F"),  # P2 comes before the length that P1 asks for
    # -- READ BINARY
    Row("READ BINARY", "9000", send(UPDATE4), READ4),
    Row("READ BINARY", "6281", nothing, READ4),
    Row("READ BINARY", "6581", worn, protected("04B0880000")),
    Row("READ BINARY", "6700", nothing, "00B08400"),
    Row("READ BINARY", "6700", nothing, "00B0840002 AABB"),
    Row("READ BINARY", "6700", nothing, "04B08800"),
    Row("READ BINARY", "6900", nothing, protected("04B0840000")),
    Row("READ BINARY", "6900", nothing, "00B0880000"),
    Row("READ BINARY", "6981", nothing, "00B0860000"),
    Row("READ BINARY", "6982", nothing, "00B0830000"),
    Row("READ BINARY", "9303", wrong_macs("04B0880000", 2), forged("04B0880000")),
    Row("READ BINARY", "9302", nothing, forged("04B0880000"), {"mac_wrong": 0x9302}),
    Row("READ BINARY", "6984", nothing, "04B088000411223344"),
    Row("READ BINARY", "6988", nothing, forged("04B0880000")),
    Row("READ BINARY", "6A82", nothing, "00B09E0000"),
    Row("READ BINARY", "6A82", nothing, "00B0000000"),
    Row("READ BINARY", "6A86", nothing, "00B0A40000"),
    Row("READ BINARY", "6A88", without_key("28 0008 F0F0FF7F"), protected("04B0850000")),
    Row("READ BINARY", "6B00", nothing, "00B0841000"),
    Row("READ BINARY", "6C10", nothing, "00B0840011"),
    Row("READ BINARY", "6C02", nothing, "00B0840E03"),
    # -- UPDATE BINARY
    Row("UPDATE BINARY", "9000", nothing, UPDATE4),
    Row("UPDATE BINARY", "9000", nothing, protected(UPDATE_MAC)),
    Row("UPDATE BINARY", "9000", nothing, protected(f"04D6850003{THREE}", enciphered=True)),
    Row("UPDATE BINARY", "6581", worn, UPDATE4),
    Row("UPDATE BINARY", "6700", nothing, "00D6840000"),
    Row("UPDATE BINARY", "6700", nothing, "04D695000411223344"),
    Row("UPDATE BINARY", "6700", nothing, "00D68400F0" + "00" * 240),
    Row("UPDATE BINARY", "6900", nothing, protected(f"04D6840002{TWO}")),
    Row("UPDATE BINARY", "6981", nothing, f"00D6860002{TWO}"),
    Row("UPDATE BINARY", "6982", nothing, f"00D6830002{TWO}"),
    Row("UPDATE BINARY", "6982", nothing, protected(f"04D68E0002{TWO}")),
    Row("UPDATE BINARY", "6984", nothing, f"04D6950007{THREE}11223344"),
    Row("UPDATE BINARY", "6987", nothing, f"00D6950003{THREE}"),
    Row("UPDATE BINARY", "6988", nothing, forged(UPDATE_MAC)),
    Row("UPDATE BINARY", "9302", nothing, forged(UPDATE_MAC), {"mac_wrong": 0x9302}),
    Row("UPDATE BINARY", "6988", nothing, protected(f"04D6850003{THREE}")),  # MAC right, not enciphered
    Row("UPDATE BINARY", "9303", wrong_macs(UPDATE_MAC, 2), forged(UPDATE_MAC)),
    Row("UPDATE BINARY", "9303", wrong_macs("04B08800", 3), UPDATE4),  # by reading
    Row("UPDATE BINARY", "9303", wrong_macs(UPDATE_MAC, 3), UPDATE4),
    Row("UPDATE BINARY", "6A82", nothing, f"00D69E0002{TWO}"),
    Row("UPDATE BINARY", "6A86", nothing, f"00D6C40002{TWO}"),
    Row("UPDATE BINARY", "6A88", nothing, protected(f"04D68B0002{TWO}")),
    Row("UPDATE BINARY", "6B00", nothing, f"00D6840F02{TWO}"),
    Row("UPDATE BINARY", "6B00", nothing, protected(f"04D6951C03{THREE}")),
    # -- READ RECORD
    Row("READ RECORD", "9000", send(f"00DC013408{RECORD}"), "00B2013400"),
    Row("READ RECORD", "9000", send(f"00DC013408{RECORD}"), "00B2013408"),
    Row("READ RECORD", "6581", worn, protected("04B2017C00")),
    Row("READ RECORD", "6700", nothing, "00B20134"),
    Row("READ RECORD", "6900", nothing, protected("04B2013400")),
    Row("READ RECORD", "6900", nothing, "00B2017C00"),
    Row("READ RECORD", "6981", nothing, "00B2012400"),
    Row("READ RECORD", "6981", nothing, "00B2011400"),  # a purse
    Row("READ RECORD", "6981", nothing, "00B2013000"),  # a tag of a linear file
    Row("READ RECORD", "6982", send("80E0001007 2A 0208 F1F0FFFF"), "00B2018400"),
    Row("READ RECORD", "9303", wrong_macs("04B2017C00", 2), forged("04B2017C00")),
    Row("READ RECORD", "9302", nothing, forged("04B2017C00"), {"mac_wrong": 0x9302}),
    Row("READ RECORD", "6984", nothing, "04B2017C0411223344"),
    Row("READ RECORD", "6988", nothing, forged("04B2017C00")),
    Row("READ RECORD", "6A82", nothing, "00B201F400"),
    Row("READ RECORD", "6A83", nothing, "00B2013400"),
    Row("READ RECORD", "6A83", nothing, "00B2003400"),
    Row("READ RECORD", "6A86", nothing, "00B2013500"),
    Row("READ RECORD", "6A88", without_key("2A 0208 F0F0FF7F"), protected("04B2012C00")),
    Row("READ RECORD", "6C08", send(f"00DC013408{RECORD}"), "00B2013407"),
    Row("READ RECORD", "6C08", send(f"00DC013408{RECORD}"), "00B2013409"),
    # -- UPDATE RECORD
    Row("UPDATE RECORD", "9000", nothing, f"00DC013408{RECORD}"),
    Row("UPDATE RECORD", "9000", nothing, protected("04DC015404 AABBCCDD", OTHER)),
    Row("UPDATE RECORD", "6581", worn, f"00DC013408{RECORD}"),
    Row("UPDATE RECORD", "6700", nothing, "00DC013407" + RECORD[:14]),
    Row("UPDATE RECORD", "6700", nothing, "00DC013400"),
    Row("UPDATE RECORD", "6900", nothing, protected(f"04DC013408{RECORD}")),
    Row("UPDATE RECORD", "6981", nothing, f"00DC012408{RECORD}"),
    Row("UPDATE RECORD", "6982", send("80E0001007 2A 0208 F0F1FFFF"), f"00DC018408{RECORD}"),
    Row("UPDATE RECORD", "6984", nothing, "04DC015408 AABBCCDD 11223344"),
    Row("UPDATE RECORD", "6987", nothing, "00DC015404 AABBCCDD"),
    Row("UPDATE RECORD", "6988", nothing, forged("04DC015404 AABBCCDD", OTHER)),
    Row("UPDATE RECORD", "9302", nothing, forged("04DC015404 AABBCCDD", OTHER), {"mac_wrong": 0x9302}),
    Row("UPDATE RECORD", "9303", wrong_macs("04DC015404 AABBCCDD", 2, OTHER), forged("04DC015404 AABBCCDD", OTHER)),
    Row("UPDATE RECORD", "6A80", nothing, "00DC013C04 01039988"),
    Row("UPDATE RECORD", "6A82", nothing, f"00DC01F408{RECORD}"),
    Row("UPDATE RECORD", "6A83", nothing, f"00DC043408{RECORD}"),
    Row("UPDATE RECORD", "6A83", nothing, "00DC01C417" + "00" * 23),  # a cyclic file by number
    Row("UPDATE RECORD", "6A83", nothing, "00DC993805 9903112233"),  # no record with this tag
    Row("UPDATE RECORD", "6A84", nothing, "00DC013C22 0120" + "00" * 32),
    Row("UPDATE RECORD", "6A86", nothing, f"00DC013508{RECORD}"),
    Row("UPDATE RECORD", "6A88", without_key("AA 0208 F0F0FFFF"), protected("04DC012C04 AABBCCDD")),
    # -- APPEND RECORD
    Row("APPEND RECORD", "9000", nothing, f"00E2003008{RECORD}"),
    Row("APPEND RECORD", "9000", nothing, f"00E2003408{RECORD}"),
    Row("APPEND RECORD", "9000", send(*["00E200C017" + "00" * 23] * 4), "00E200C017" + "11" * 23),
    Row("APPEND RECORD", "6581", worn, f"00E2003008{RECORD}"),
    Row("APPEND RECORD", "6700", nothing, "00E2003007" + RECORD[:14]),
    Row("APPEND RECORD", "6900", nothing, protected(f"04E2003008{RECORD}")),
    Row("APPEND RECORD", "6981", nothing, f"00E2002008{RECORD}"),
    Row("APPEND RECORD", "6982", send("80E0001007 2A 0208 F0F1FFFF"), f"00E2008008{RECORD}"),
    Row("APPEND RECORD", "6984", nothing, "04E2005008 AABBCCDD 11223344"),
    Row("APPEND RECORD", "6987", nothing, "00E2005004 AABBCCDD"),
    Row("APPEND RECORD", "6988", nothing, forged("04E2005004 AABBCCDD", OTHER)),
    Row("APPEND RECORD", "9302", nothing, forged("04E2005004 AABBCCDD", OTHER), {"mac_wrong": 0x9302}),
    Row("APPEND RECORD", "9303", wrong_macs("04E2005004 AABBCCDD", 2, OTHER), forged("04E2005004 AABBCCDD", OTHER)),
    Row("APPEND RECORD", "6A80", nothing, "00E2003804 01039988"),
    Row("APPEND RECORD", "6A82", nothing, f"00E200F008{RECORD}"),
    Row("APPEND RECORD", "6A84", send(*[f"00E2003008{RECORD}"] * 3), f"00E2003008{RECORD}"),
    Row("APPEND RECORD", "6A86", nothing, f"00E2003108{RECORD}"),
    Row("APPEND RECORD", "6A86", nothing, f"00E2013008{RECORD}"),
    Row("APPEND RECORD", "6A88", without_key("AA 0208 F0F0FFFF"), protected("04E2002804 AABBCCDD")),
    # -- CREATE FILE
    Row("CREATE FILE", "9000", nothing, f"80E0001007 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "9000", nothing, "80E03F050C 38 0100 F0F0 95 FFFF D1560001"),
    Row("CREATE FILE", "9000", blank, CREATE_MF),
    Row("CREATE FILE", "9000", blank, "80E03F000E 38FFFFF0F001FFFFFFFFFFFFFFFF"),
    Row("CREATE FILE", "6581", worn, f"80E0001007 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6700", nothing, f"80E0001008 28 0010 {EF_TAIL} 00"),
    Row("CREATE FILE", "6700", nothing, "80E03F0508 38 0100 F0F0 95 FFFF"),
    Row("CREATE FILE", "6700", blank, "80E03F000C 38FFFFF0F001FFFFFFFFFFFF"),
    Row("CREATE FILE", "6900", nothing, f"84E0001007 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6982", CLOSED_DIRECTORY, f"80E0001007 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 27 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 28 0000 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 2A 0108 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 2E 0200 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 2A 02F9 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 2F 0209 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0001007 AF 0208 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, f"80E0FFFF07 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6A80", nothing, "80E03F050C B8 0100 F0F0 95 FFFF D1560001"),
    Row("CREATE FILE", "6A80", send(THIRD_LEVEL, ENTER_IT), "80E03F060C 38 0100 F0F0 95 FFFF D1560002"),
    Row("CREATE FILE", "6A80", blank, "80E03F000D38FFFFF0F001FFFFFFFFFFFFFE"),
    Row("CREATE FILE", "6A81", blank, f"80E0001007 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6A81", blank, CREATE_ADF),
    Row("CREATE FILE", "6A84", nothing, f"80E0001007 28 2000 {EF_TAIL}"),
    Row("CREATE FILE", "6A86", nothing, CREATE_MF),
    Row("CREATE FILE", "6A86", nothing, f"80E0000407 28 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6A86", nothing, f"80E0001007 3F 0010 {EF_TAIL}"),
    Row("CREATE FILE", "6A86", nothing, "80E03F0511 38 0100 F0F0 95 FFFF A00000000386980701"),
    # -- ERASE DF
    Row("ERASE DF", "9000", nothing, ERASE),
    Row("ERASE DF", "9000", nothing, "800E0000"),
    Row("ERASE DF", "6581", worn, ERASE),
    Row("ERASE DF", "6700", nothing, "800E0000011100"),
    Row("ERASE DF", "6900", nothing, "840E0000041122334400"),
    Row("ERASE DF", "6982", send("80E03F050C 38 0100 F0F5 95 FFFF D1560001", ENTER_IT, CREATE_10, SELECT_MF, SELECT_ADF,
                                 ENTER_IT), ERASE),
    Row("ERASE DF", "6A86", nothing, "800E010000"),
    # -- every one of them
    *anywhere("READ BINARY", READ4),
    *anywhere("UPDATE BINARY", UPDATE4),
    *anywhere("READ RECORD", "00B2013400"),
    *anywhere("UPDATE RECORD", f"00DC013408{RECORD}"),
    *anywhere("APPEND RECORD", f"00E2003008{RECORD}"),
    *anywhere("CREATE FILE", CREATE_10),
    *anywhere("ERASE DF", ERASE),
]  # fmt: skip


#: What other products answer, and this card never does.
NEVER_HERE: set[tuple[str, str]] = set()


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize("row", params(ROWS))
def test_status(row, profile):
    check(row, profile)


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_every_declared_status_is_provoked_and_no_other(spec):
    check_declared(spec, ROWS, NEVER_HERE)
