"""Every status word of the commands for keys, PINs, authentication and blocking, each provoked on a card (see
statuses.py).
"""

from __future__ import annotations

import pytest

from cardos.apdu.os_commands import (
    APPLICATION_BLOCK,
    APPLICATION_UNBLOCK,
    CARD_BLOCK,
    CHANGE_PIN,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    GET_MESSAGE,
    INTERNAL_AUTHENTICATE,
    PIN_UNBLOCK,
    RELOAD_PIN,
    SET_MESSAGE,
    VERIFY,
    WRITE_KEY,
)
from cardos.files.filesystem import BlockState
from tests.files.desk import CREATE_MF, K16, MASTER, OTHER, SELECT_MF, SUITES, Desk, key_record
from tests.files.statuses import (
    Row,
    anywhere,
    blank,
    blocked,
    both,
    card_blocked,
    check,
    check_declared,
    cryptogram,
    empty_application,
    forged,
    nothing,
    params,
    protected,
    send,
    try_,
    worn,
    wrong_macs,
    wrong_tries,
)  # fmt: skip

COMMANDS = (
    VERIFY, CHANGE_PIN, RELOAD_PIN, PIN_UNBLOCK, GET_CHALLENGE, EXTERNAL_AUTHENTICATE, INTERNAL_AUTHENTICATE,
    APPLICATION_BLOCK, APPLICATION_UNBLOCK, CARD_BLOCK, GET_MESSAGE, SET_MESSAGE, WRITE_KEY,
)  # fmt: skip
READ4 = "00B0840002"
ADD = key_record(0x36, 3, K16)
CHANGE = "80D4390015" + key_record(0x39, 0, OTHER)[10:]

#: Keys of the PIN services, and keys for INTERNAL AUTHENTICATE, as far as the desk's card has none.
SERVICES = send(key_record(0x37, 0, K16), key_record(0x38, 0, MASTER))
LOCKED_RIGHTS = send(key_record(0x37, 0, K16, use=0xF5), key_record(0x38, 0, MASTER, use=0xF5))
INTERNAL = send(key_record(0x30, 0, K16), key_record(0x31, 0, K16), key_record(0x32, 0, K16, use=0xF5))
SECRET_PIN = send(key_record(0xFA, 2, bytes.fromhex("445566"), change=0xEF, first=0x01))
UNBLOCK_PIN = "8024000003 123456"
BLOCK, UNBLOCK, CARD = "801E000000", "8018000000", "8016000000"
CODE = "0022000009 8588D32B7688D32B76"


def reload(pin: str, *, forge: bool = False, id_: int = 0):
    """RELOAD PIN with its MAC under the reload key."""

    def command(desk: Desk) -> bytes:
        new = bytes.fromhex(pin)
        mac = bytearray(desk.suite.pin_mac(desk.suite.key(MASTER), new))
        mac[-1] ^= forge
        return bytes((0x80, 0x5E, 0x00, id_, len(new) + 4)) + new + mac

    return command


def wrong_reloads(times: int):
    return lambda desk: [desk.raw(reload("8888", forge=True)(desk)) for _ in range(times)]


def line(command: str, key: bytes = K16, *, forge: bool = False, enciphered: bool = False):
    """A command that exists protected only."""
    return (forged if forge else protected)(command, key, enciphered=enciphered)


def worn_after_challenge(command: str, key: bytes = K16, *, enciphered: bool = False):
    def make(desk: Desk) -> bytes:
        made = desk.protected(command, key, enciphered=enciphered)
        worn(desk)
        return made

    return make


def empty_mf_without_right(desk: Desk) -> None:
    """A card whose MF lets nobody create, with one file on it."""
    desk.card = Desk.blank(desk.card.profile).card
    desk.ok(CREATE_MF.replace("F0F001", "F5F001"), "80E0000107280004F0F0FFFF")


#: A second application whose maintenance key nobody may use.
UNUSABLE = empty_application("80E00000073F0040 95F0FFFF", key_record(0x36, 0, K16, use=0xEF))
#: And one with a PIN but no key for the services.
PIN_ONLY = empty_application(
    "80E00000073F0040 95F0FFFF", key_record(0x3A, 0, bytes.fromhex("1234"), change=0xEF)
)
#: A second application whose key file has room for its keys alone.
FULL = empty_application(
    "80E00000073F003A 95F0FFFF", key_record(0x37, 0, K16), key_record(0x38, 0, MASTER),
    key_record(0x3A, 0, bytes.fromhex("1234"), change=0xEF),
)  # fmt: skip

ROWS = [
    # -- VERIFY
    Row("VERIFY", "9000", nothing, "0020000003 123456"),
    Row("VERIFY", "63C2", nothing, "0020000003 123457"),
    Row("VERIFY", "63C0", try_(*["0020000003 123457"] * 2), "0020000003 123457"),
    Row("VERIFY", "6581", worn, "0020000003 123456"),
    Row("VERIFY", "6700", nothing, "0020000001 12"),
    Row("VERIFY", "6700", nothing, "0020000009" + "12" * 9),
    Row("VERIFY", "6982", nothing, "0020000102 1234"),
    Row("VERIFY", "6983", try_(*["0020000003 123457"] * 3), "0020000003 123456"),
    Row("VERIFY", "6A82", empty_application(), "0020000003 123456"),
    Row("VERIFY", "6A86", nothing, "0020010003 123456"),
    Row("VERIFY", "9403", nothing, "0020000703 123456"),
    Row("VERIFY", "9000", SECRET_PIN, line("0020000203 445566", enciphered=True)),
    Row("VERIFY", "6900", nothing, line("0020000003 123456")),
    Row("VERIFY", "6984", SECRET_PIN, "042000020C" + "00" * 12),
    Row("VERIFY", "9302", SECRET_PIN, line("0020000203 445566", forge=True, enciphered=True)),
    Row("VERIFY", "6988", SECRET_PIN, line("0020000203 445566", forge=True, enciphered=True), {"mac_wrong": 0x6988}),
    Row("VERIFY", "6A88", empty_application(
        "80E00000073F0040 95F0FFFF", key_record(0xFA, 0, bytes.fromhex("1234"), change=0xEF)
    ), line("0020000002 1234", enciphered=True)),
    # -- CHANGE PIN
    Row("CHANGE PIN", "9000", nothing, "805E010008 123456FF87654321"),
    Row("CHANGE PIN", "9000", nothing, "845E010008 123456FF87654321"),
    Row("CHANGE PIN", "63C2", nothing, "805E010007 123457FF654321"),
    Row("CHANGE PIN", "6581", worn, "805E010007 123456FF654321"),
    Row("CHANGE PIN", "6700", nothing, "805E010004 12FF3456"),
    Row("CHANGE PIN", "6982", nothing, "805E010105 1234FF4321"),
    Row("CHANGE PIN", "6983", try_(*["805E010007 123457FF654321"] * 3), "805E010007 123456FF654321"),
    Row("CHANGE PIN", "6A80", nothing, "805E010007 12345678901234"),
    Row("CHANGE PIN", "6A80", nothing, "805E010005 123456FF78"),
    Row("CHANGE PIN", "6A82", empty_application(), "805E010007 123456FF654321"),
    Row("CHANGE PIN", "6A84", FULL, "805E010006 1234FF432100"),
    Row("CHANGE PIN", "9403", nothing, "805E010707 123456FF654321"),
    # -- RELOAD PIN
    Row("RELOAD PIN", "9000", SERVICES, reload("8888")),
    Row("RELOAD PIN", "6581", both(SERVICES, worn), reload("8888")),
    Row("RELOAD PIN", "6700", nothing, "805E000005 8811223344"),
    Row("RELOAD PIN", "6982", LOCKED_RIGHTS, reload("8888")),
    Row("RELOAD PIN", "6983", send(key_record(0x38, 0, MASTER, second=0x30)), reload("8888")),
    Row("RELOAD PIN", "6988", SERVICES, reload("8888", forge=True), {"reload_mac_wrong": 0x6988}),
    Row("RELOAD PIN", "9302", SERVICES, reload("8888", forge=True)),
    Row("RELOAD PIN", "9303", both(SERVICES, wrong_reloads(2)), reload("8888", forge=True)),
    Row("RELOAD PIN", "6A82", empty_application(), reload("8888")),
    Row("RELOAD PIN", "6A84", FULL, reload("888888")),
    Row("RELOAD PIN", "6A88", nothing, reload("8888")),
    Row("RELOAD PIN", "9403", SERVICES, reload("8888", id_=7)),
    Row("RELOAD PIN", "6A86", nothing, "805E020006 8888 11223344"),
    Row("CHANGE PIN", "6A86", nothing, "805E030006 8888 11223344"),
    # -- PIN UNBLOCK
    Row("PIN UNBLOCK", "9000", SERVICES, line(UNBLOCK_PIN, enciphered=True)),
    Row("PIN UNBLOCK", "6581", SERVICES, worn_after_challenge(UNBLOCK_PIN, enciphered=True)),
    Row("PIN UNBLOCK", "6700", SERVICES, "8424000005 0011223344"),
    Row("PIN UNBLOCK", "6900", SERVICES, UNBLOCK_PIN),
    Row("PIN UNBLOCK", "6982", LOCKED_RIGHTS, line(UNBLOCK_PIN, enciphered=True)),
    Row("PIN UNBLOCK", "6983", send(key_record(0x37, 0, K16, second=0x30)), line(UNBLOCK_PIN, enciphered=True)),
    Row("PIN UNBLOCK", "6984", SERVICES, "842400000C" + "00" * 12),
    Row("PIN UNBLOCK", "6985", SERVICES, line(UNBLOCK_PIN, enciphered=True), {"pin_unblock_unlocked": False}),
    Row("PIN UNBLOCK", "6985", SERVICES, line("8024000003 654321", enciphered=True), {"pin_unblock": "compare"}),
    Row("PIN UNBLOCK", "6987", SERVICES, "84240000"),
    Row("PIN UNBLOCK", "6988", SERVICES, line(UNBLOCK_PIN, forge=True, enciphered=True)),
    Row("PIN UNBLOCK", "9302", SERVICES, line(UNBLOCK_PIN, forge=True, enciphered=True), {"mac_wrong": 0x9302}),
    Row("PIN UNBLOCK", "9303", both(SERVICES, wrong_macs(UNBLOCK_PIN, 2, enciphered=True)),
        line(UNBLOCK_PIN, forge=True, enciphered=True)),
    Row("PIN UNBLOCK", "6A80", SERVICES, line("8024000001 12", enciphered=True)),
    Row("PIN UNBLOCK", "6A82", empty_application(), line(UNBLOCK_PIN, enciphered=True)),
    Row("PIN UNBLOCK", "6A84", FULL, line("8024000003 123456", enciphered=True)),
    Row("PIN UNBLOCK", "6A86", SERVICES, line("8024000203 123456", enciphered=True)),
    Row("PIN UNBLOCK", "6A86", SERVICES, line("8024010003 123456", enciphered=True), {"pin_unblock_id": "p2"}),
    Row("PIN UNBLOCK", "6A88", nothing, line(UNBLOCK_PIN, enciphered=True)),
    Row("PIN UNBLOCK", "9403", SERVICES, line("8024070003 123456", enciphered=True)),
    # -- GET CHALLENGE
    Row("GET CHALLENGE", "9000", nothing, "0084000004"),
    Row("GET CHALLENGE", "9000", nothing, "0084000008"),
    Row("GET CHALLENGE", "6700", nothing, "0084000005"),
    Row("GET CHALLENGE", "6700", nothing, "0084000000"),
    Row("GET CHALLENGE", "6700", nothing, "00840000"),
    Row("GET CHALLENGE", "6A81", blank, "0084000004"),
    Row("GET CHALLENGE", "6A81", card_blocked, "0084000004"),
    Row("GET CHALLENGE", "6A86", nothing, "0084010004"),
    Row("GET CHALLENGE", "9303", blocked(BlockState.PERMANENT), "0084000004"),
    # -- EXTERNAL AUTHENTICATE
    Row("EXTERNAL AUTHENTICATE", "9000", nothing, cryptogram(MASTER, 0)),
    Row("EXTERNAL AUTHENTICATE", "63C2", nothing, cryptogram(MASTER, 0, forge=True)),
    Row("EXTERNAL AUTHENTICATE", "63C0", wrong_tries(2), cryptogram(MASTER, 0, forge=True)),
    Row("EXTERNAL AUTHENTICATE", "6581", both(lambda desk: desk.challenge(), worn), "0082000008" + "00" * 8),
    Row("EXTERNAL AUTHENTICATE", "6700", nothing, "0082000007" + "00" * 7),
    Row("EXTERNAL AUTHENTICATE", "6982", nothing, cryptogram(OTHER, 1)),
    Row("EXTERNAL AUTHENTICATE", "6983", wrong_tries(3), cryptogram(MASTER, 0)),
    Row("EXTERNAL AUTHENTICATE", "6984", nothing, "0082000008" + "00" * 8),
    Row("EXTERNAL AUTHENTICATE", "6984", both(lambda desk: desk.challenge(), try_(READ4)), "0082000008" + "00" * 8),
    Row("EXTERNAL AUTHENTICATE", "6A82", empty_application(), "0082000008" + "00" * 8),
    Row("EXTERNAL AUTHENTICATE", "6A86", nothing, "0082010008" + "00" * 8),
    Row("EXTERNAL AUTHENTICATE", "6A88", nothing, "0082000708" + "00" * 8),
    Row("EXTERNAL AUTHENTICATE", "6300", nothing, cryptogram(MASTER, 0, forge=True), {"authentication_wrong": 0x6300}),
    Row("EXTERNAL AUTHENTICATE", "6985", nothing, "0082000008" + "00" * 8, {"no_challenge": 0x6985}),
    Row("EXTERNAL AUTHENTICATE", "6900", lambda desk: desk.challenge(), "048200000C" + "00" * 12),
    Row("EXTERNAL AUTHENTICATE", "9302", lambda desk: desk.challenge(), "0482000214" + "00" * 20),
    Row("EXTERNAL AUTHENTICATE", "6988", lambda desk: desk.challenge(), "0482000214" + "00" * 20,
        {"mac_wrong": 0x6988}),
    # -- INTERNAL AUTHENTICATE
    Row("INTERNAL AUTHENTICATE", "9000", INTERNAL, "0088000003 010203"),
    Row("INTERNAL AUTHENTICATE", "9000", INTERNAL, "0088010010" + "00" * 16),
    Row("INTERNAL AUTHENTICATE", "6700", INTERNAL, "0088010007 01020304050607"),
    Row("INTERNAL AUTHENTICATE", "6700", INTERNAL, "0088000000"),
    Row("INTERNAL AUTHENTICATE", "6700", INTERNAL, "00880000EF" + "00" * 239),  # the answer would be too long
    Row("INTERNAL AUTHENTICATE", "6982", INTERNAL, "0088020003 010203"),
    Row("INTERNAL AUTHENTICATE", "6A82", empty_application(), "0088000003 010203"),
    Row("INTERNAL AUTHENTICATE", "6A86", INTERNAL, "0088030003 010203"),
    Row("INTERNAL AUTHENTICATE", "6A88", INTERNAL, "0088000703 010203"),
    # -- APPLICATION BLOCK
    Row("APPLICATION BLOCK", "9000", nothing, line(BLOCK)),
    Row("APPLICATION BLOCK", "9000", blocked(BlockState.TEMPORARY), line("801E000100")),
    Row("APPLICATION BLOCK", "6581", nothing, worn_after_challenge(BLOCK)),
    Row("APPLICATION BLOCK", "6A86", nothing, line("801E000200")),
    # -- APPLICATION UNBLOCK
    Row("APPLICATION UNBLOCK", "9000", blocked(BlockState.TEMPORARY), line(UNBLOCK)),
    Row("APPLICATION UNBLOCK", "6985", nothing, line(UNBLOCK)),
    Row("APPLICATION UNBLOCK", "6581", blocked(BlockState.TEMPORARY), worn_after_challenge(UNBLOCK)),
    Row("APPLICATION UNBLOCK", "6A86", nothing, line("8018010000")),
    Row("APPLICATION UNBLOCK", "9303", both(blocked(BlockState.TEMPORARY), wrong_macs(UNBLOCK, 3)),
        "841800000411223344"),
    # -- CARD BLOCK
    Row("CARD BLOCK", "9000", nothing, line(CARD)),
    Row("CARD BLOCK", "9303", blocked(BlockState.PERMANENT), "841600000411223344"),
    Row("CARD BLOCK", "6581", nothing, worn_after_challenge(CARD)),
    Row("CARD BLOCK", "6A86", nothing, line("8016000100")),
    # -- what the three share
    *[
        row
        for name, command, before in (
            ("APPLICATION BLOCK", BLOCK, nothing),
            ("APPLICATION UNBLOCK", UNBLOCK, blocked(BlockState.TEMPORARY)),
            ("CARD BLOCK", CARD, nothing),
        )
        for row in (
            Row(name, "6700", before, f"84{command[2:8]}03112233"),
            Row(name, "6900", before, command),
            Row(name, "6987", before, f"84{command[2:8]}"),
            Row(name, "6987", before, f"84{command[2:8]}00"),
            Row(name, "6A81", blank, f"84{command[2:8]}0411223344"),
            Row(name, "6A82", both(empty_application(), before), line(command)),
            Row(name, "6A88", both(PIN_ONLY, before), line(command)),
            Row(name, "6982", both(UNUSABLE, before), line(command)),
            Row(name, "6984", before, f"84{command[2:8]}0411223344"),
            Row(name, "6988", before, line(command, forge=True)),
            Row(name, "9302", before, line(command, forge=True), {"mac_wrong": 0x9302}),
            Row(name, "9303", both(before, wrong_macs(command, 2)), line(command, forge=True)),
        )
    ],
    # -- GET MESSAGE, SET MESSAGE
    Row("GET MESSAGE", "9000", send(SELECT_MF, CODE), "80CA000009"),
    Row("GET MESSAGE", "6A81", nothing, "80CA000009"),
    Row("GET MESSAGE", "6700", nothing, "80CA0000"),
    Row("GET MESSAGE", "6C09", nothing, "80CA000008"),
    Row("GET MESSAGE", "6A86", nothing, "80CA010009"),
    Row("SET MESSAGE", "9000", send(SELECT_MF), CODE),
    Row("SET MESSAGE", "6581", both(send(SELECT_MF), worn), CODE),
    Row("SET MESSAGE", "6700", nothing, "0022000008 0011223344556677"),
    Row("SET MESSAGE", "6985", nothing, CODE),
    Row("SET MESSAGE", "6A86", nothing, "0022010009 8588D32B7688D32B76"),
    Row("SET MESSAGE", "6982", both(empty_mf_without_right, send(SELECT_MF)), CODE),
    # -- WRITE KEY
    Row("WRITE KEY", "9000", nothing, ADD),
    Row("WRITE KEY", "9000", nothing, protected(ADD, MASTER, enciphered=True)),
    Row("WRITE KEY", "9000", nothing, CHANGE),
    Row("WRITE KEY", "6581", worn, ADD),
    Row("WRITE KEY", "6700", nothing, "80D4010306 36F0F0FF3311"),
    Row("WRITE KEY", "6700", nothing, key_record(0x36, 3, K16[:15])),
    Row("WRITE KEY", "6700", nothing, key_record(0x3A, 3, bytes(9))),
    Row("WRITE KEY", "6700", send(key_record(0x3A, 3, bytes(2))), "80D43A030A" + key_record(0x3A, 3, bytes(5))[10:]),
    Row("WRITE KEY", "6700", nothing, protected("80D4010306 36F0F0FF3311", MASTER, enciphered=True)),
    Row("WRITE KEY", "6982", empty_application("80E00000073F0040 95F5FFFF", SELECT_MF, "00A40000023F02"), ADD),
    Row("WRITE KEY", "6982", nothing, "80D43A000D" + key_record(0x3A, 0, bytes(8))[10:]),
    Row("WRITE KEY", "6983", wrong_macs(ADD, 3, MASTER, enciphered=True), protected(ADD, MASTER, enciphered=True)),
    Row("WRITE KEY", "6984", nothing, "84D401031C" + "00" * 28),
    Row("WRITE KEY", "6987", nothing, "80D4390215" + key_record(0xF9, 2, K16)[10:]),
    Row("WRITE KEY", "9302", nothing, forged(ADD, MASTER, enciphered=True)),
    Row("WRITE KEY", "9302", nothing, protected(ADD, MASTER)),  # MAC right, not enciphered
    Row("WRITE KEY", "6A80", nothing, key_record(0x3B, 0, K16)),
    Row("WRITE KEY", "6A80", nothing, key_record(0x36, 0, K16)),
    Row("WRITE KEY", "6A80", nothing, "80D4360015" + key_record(0x34, 0, K16)[10:]),
    Row("WRITE KEY", "6A82", empty_application(), ADD),
    Row("WRITE KEY", "6A84", empty_application("80E00000073F0017 95F0FFFF"), ADD),
    Row("WRITE KEY", "6A80", nothing, "80D401FF15" + ADD[10:]),
    Row("WRITE KEY", "6A86", nothing, "80D4000315" + ADD[10:]),
    Row("WRITE KEY", "6988", nothing, forged(ADD, MASTER, enciphered=True), {"mac_wrong": 0x6988}),
    Row("WRITE KEY", "6A88", nothing, "80D4360715" + ADD[10:]),
    # -- every one of them
    *anywhere("VERIFY", "0020000003 123456"),
    *anywhere("CHANGE PIN", "805E010007 123456FF654321"),
    *anywhere("RELOAD PIN", "805E000006 8888 11223344"),
    *anywhere("PIN UNBLOCK", "842400000C" + "00" * 12),
    *anywhere("EXTERNAL AUTHENTICATE", "0082000008" + "00" * 8),
    *anywhere("INTERNAL AUTHENTICATE", "0088000003 010203"),
    *anywhere("GET MESSAGE", "80CA000009"),
    *anywhere("SET MESSAGE", CODE),
    *anywhere("WRITE KEY", ADD),
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
