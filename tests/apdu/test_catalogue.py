"""The declared commands: unambiguous, complete, and consistent with the field's coding table."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import COMMANDS, SW, Catalogue, Command, CommandSpec, find_spec, match
from cardos.apdu import os_commands as os_
from cardos.apdu import purse_commands as purse
from cardos.apdu import sam_commands as sam
from cardos.apdu.spec import layout
from cardos.card import KINDS
from cardos.errors import DecodeError, ParameterError


# JR/T 0025.2, section 5 command table: CLA INS P1 P2, Lc, Le.
@pytest.mark.parametrize(
    ("spec", "header", "lc", "le"),
    [
        (purse.INITIALIZE_FOR_LOAD, "80500002", 0x0B, 0x10),
        (purse.CREDIT_FOR_LOAD, "80520000", 0x0B, 0x04),
        (purse.INITIALIZE_FOR_PURCHASE, "80500102", 0x0B, 0x0F),
        (purse.DEBIT_FOR_PURCHASE, "80540100", 0x0F, 0x08),
        (purse.GET_BALANCE, "805C0002", 0x00, 0x04),
        (purse.GET_TRANSACTION_PROVE, "805A0006", 0x02, 0x08),
        (sam.CREDIT_SAM_FOR_PURCHASE, "80720000", 0x04, 0x00),
    ],
    ids=lambda value: value.name if isinstance(value, CommandSpec) else None,
)
def test_fixed_coding(spec, header, lc, le):
    command = Command(*bytes.fromhex(header), bytes(lc), le)
    assert spec is find_spec(command)
    assert (lc, lc) == spec.lc
    assert le == spec.le
    assert spec.accepts_length(command)
    assert not spec.accepts_length(Command(*bytes.fromhex(header), bytes(lc + 1), le))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("00A40400", "SELECT"),
        ("00A40200", SW.WRONG_P1P2),
        ("04A40400", SW.CANNOT_PROCESS),
        ("04B09500", "READ BINARY"),
        ("80B00000", SW.CLA_UNKNOWN),
        ("00FF0000", SW.INS_UNKNOWN),
        ("90A40400", SW.CLA_UNKNOWN),
        ("01A40400", SW.CLA_UNKNOWN),
        ("80500302", "INITIALIZE FOR CAPP PURCHASE"),
        ("80500602", SW.WRONG_P1P2),
        ("80D40100", "WRITE KEY"),
        ("84D40000", "WRITE SAM KEY"),
        ("80D40000", SW.WRONG_P1P2),
        ("80700000", "INIT SAM FOR PURCHASE"),
    ],
)
def test_match(header, expected):
    found = match(Command(*bytes.fromhex(header)))
    assert expected == (found.name if isinstance(found, CommandSpec) else found)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_commands_of_a_card_share_a_coding(kind):
    served = [spec for spec in COMMANDS if spec.name in KINDS[kind]]
    for cla in (0x00, 0x04, 0x80, 0x84, 0xE0):
        for ins in {spec.ins for spec in served}:
            for p1 in (0x00, 0x01, 0x02, 0x04, 0x39, 0x3E, 0xFF):
                for p2 in (0x00, 0x01, 0x02, 0xFF):
                    command = Command(cla, ins, p1, p2)
                    assert 1 >= sum(_claims(spec, command) for spec in served), (cla, ins, p1, p2)


def test_aliases():
    for alias, meant in (("00D68400", "00D08400"), ("00DC0134", "00D20134")):
        one, two = (find_spec(Command(*bytes.fromhex(header), b"1")) for header in (alias, meant))
        assert one is two is not None


def test_a_catalogue_knows_its_commands_only():
    mine = Catalogue([os_.SELECT, purse.GET_BALANCE])
    found = [
        mine.match(*bytes.fromhex(h))
        for h in ("00A40000", "805C0002", "00B00000", "80A40000", "E07A0801", "805C0102")
    ]
    assert [os_.SELECT, purse.GET_BALANCE, SW.INS_UNKNOWN, SW.CLA_UNKNOWN, SW.CLA_UNKNOWN] == found[:5]
    assert purse.GET_BALANCE is found[5]


def _claims(spec: CommandSpec, command: Command) -> bool:
    forms = {"plain only": {0x00}, "protected only": {0x04}}.get(spec.protection.value, {0x00, 0x04})
    here = command.cla & 0xF0 == spec.cla and command.cla & 0x0F in forms
    return here and command.ins == spec.ins and command.p1 in spec.p1 and command.p2 in spec.p2


def test_names_are_unique_and_cited():
    assert len(COMMANDS) == len({spec.name for spec in COMMANDS})
    assert all(spec.clause for spec in COMMANDS)


def test_published_load_and_purchase_apdus():
    # cardtrace of a real FMCOS card: one load and one purchase (CSDN deng214).
    terminal = bytes.fromhex("001122334455")
    load = purse.INITIALIZE_FOR_LOAD.command(None, purse.EP, key_index=1, amount=0x2000, terminal=terminal)
    assert "805000020b010000200000112233445510" == bytes(load).hex()
    answer = purse.INITIALIZE_FOR_LOAD.parse_answer(bytes.fromhex("0000000000000100C903814D03976C22"))
    assert (0, 0, 1, 0) == (answer.balance, answer.online_serial, answer.key_version, answer.algorithm)
    assert bytes.fromhex("C903814D") == answer.random
    assert bytes.fromhex("03976C22") == answer.mac1
    credit = purse.CREDIT_FOR_LOAD.command(
        date=date(2016, 12, 16), time=time(10, 58), mac2=bytes.fromhex("8AFA5718")
    )
    assert "805200000b201612161058008afa571804" == bytes(credit).hex()
    debit = purse.DEBIT_FOR_PURCHASE.command(
        terminal_serial=0, date=date(2016, 12, 16), time=time(13, 46), mac1=bytes.fromhex("D45737C5")
    )
    assert "805401000f0000000020161216134600d45737c508" == bytes(debit).hex()


@given(st.binary(max_size=40), st.sampled_from(COMMANDS))
def test_any_body_parses_or_raises_decode_error(data, spec):
    for raw in (True, False):
        try:
            spec.parse_body(data, raw=raw)
        except DecodeError as error:
            assert 0 <= error.offset <= len(data)


def test_raw_body_keeps_impossible_dates():
    body = bytes.fromhex("20169999") + bytes.fromhex("FFFFFF") + bytes(4)
    assert bytes.fromhex("20169999") == purse.CREDIT_FOR_LOAD.parse_body(body, raw=True).date
    with pytest.raises(DecodeError, match="calendar date"):
        purse.CREDIT_FOR_LOAD.parse_body(body)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: purse.GET_BALANCE.command(0, 3), "p2 of GET BALANCE must be one of 01, 02, got 3"),
        (lambda: os_.VERIFY.command(None, None, pin=b"12"), "p2 of VERIFY must be one of 00..FF, got None"),
        (
            lambda: purse.CREDIT_FOR_LOAD.command(date=date(2016, 1, 1), time=time(1, 2, 3)),
            "CREDIT FOR LOAD body must be built from all of its fields in range, got field 'mac2'",
        ),
        (
            lambda: purse.INITIALIZE_FOR_LOAD.command(
                None, 2, key_index=1, amount=1 << 32, terminal=bytes(6)
            ),
            "INITIALIZE FOR LOAD body",
        ),
    ],
    ids=["p2", "p2-missing", "field-missing", "amount-too-large"],
)
def test_wrong_parameters(call, message):
    with pytest.raises(ParameterError) as caught:
        call()
    assert str(caught.value).startswith(message)


def test_answer_round_trip():
    built = purse.GET_TRANSACTION_PROVE.build_answer(mac=b"MAC2", tac=b"TACX")
    assert b"MAC2TACX" == built
    with pytest.raises(DecodeError, match="must be 8 bytes, got 9"):
        purse.GET_TRANSACTION_PROVE.parse_answer(built + b"!")
    with pytest.raises(DecodeError):
        purse.GET_TRANSACTION_PROVE.parse_answer(built[:7])


def test_create_file_headers_of_a_published_script():
    # FMCOS issuance script: MF, key file, application, purse.
    mf = os_.CREATE_FILE.parse_body(bytes.fromhex("38FFFFF0F001FFFFFFFFFFFFFF"))
    assert (0x38, 0xFFFF, 0xF0, 0x01) == (mf.type, mf.header.size, mf.header.create, mf.header.application)
    purse_file = os_.CREATE_FILE.parse_body(bytes.fromhex("2F0208F000FF18"))
    assert (0x2F, 0x0208, 0x18) == (purse_file.type, purse_file.header.shape, purse_file.header.protection)
    header = {"shape": 30, "read": 0xF0, "write": 0xF0, "reserved": 0xFF, "protection": 0xFF, "tail": b""}
    built = os_.CREATE_FILE.command(0x00, 0x15, type=0xA8, header=header)
    assert "80e0001507a8001ef0f0ffff" == bytes(built).hex()


def test_layout_of_unknown_field():
    with pytest.raises(KeyError):
        layout("no_such_field")
