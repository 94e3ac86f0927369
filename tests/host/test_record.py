"""The terminal record: its bytes, its identity, its TAC."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import DecodeError, MacMismatch, ParameterError
from cardos.fields import FIELDS
from cardos.host import RECORD, RecordFlag, TerminalRecord
from cardos.profile import load_dialect

TERMINAL = bytes.fromhex("001122334455")
PBOC = load_dialect("pboc2", "3des")
DTK = PBOC.suite.key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))

# A published recording of a real FMCOS card: first load 20.00... (hex 2000) fen, then a purchase of 1 fen.
PURCHASE = TerminalRecord(
    type=6,
    operator=1,
    terminal=TERMINAL,
    sam=bytes.fromhex("0000000000000042"),
    terminal_serial=0,
    when=datetime(2016, 12, 16, 13, 46),
    issuer=bytes.fromhex("1000000000000001"),
    card_serial=bytes.fromhex("0102030405060708"),
    serial=1,
    balance=0x2000,
    amount=1,
    key_version=0,
    list_version=date(2016, 12, 1),
    tac=bytes.fromhex("8AF270DC"),
)
LOAD = replace(
    PURCHASE,
    type=2,
    sam=bytes(8),
    when=datetime(2016, 12, 16, 10, 58),
    balance=0,
    amount=0x2000,
    tac=bytes.fromhex("FA00066D"),
)

records = st.builds(
    TerminalRecord,
    type=st.integers(0, 255),
    flag=st.integers(0, 255),
    operator=st.integers(0, 0xFFFF),
    terminal=st.binary(min_size=6, max_size=6),
    sam=st.binary(min_size=8, max_size=8),
    terminal_serial=st.integers(0, 0xFFFFFFFF),
    when=st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    issuer=st.binary(min_size=8, max_size=8),
    card_serial=st.binary(min_size=8, max_size=8),
    serial=st.integers(0, 0xFFFF),
    balance=st.integers(0, 0xFFFFFFFF),
    amount=st.integers(0, 0xFFFFFFFF),
    key_version=st.integers(0, 255),
    list_version=st.dates(),
    tac=st.binary(min_size=4, max_size=4),
)


def test_layout_is_the_declared_64_bytes():
    assert 64 == RECORD.width
    assert ["type", "flag", "operator", "terminal", "sam", "terminal_serial"] == [
        f.name for f in RECORD.fields[:6]
    ]
    assert all(FIELDS[field.name] is field for field in RECORD.fields)


def test_bytes_of_a_record():
    expected = (
        "06 00 0001 001122334455 0000000000000042 00000000 20161216 134600 1000000000000001 0102030405060708"
        "0001 00002000 00000001 00 20161201 8AF270DC"
    )
    assert bytes.fromhex(expected) == bytes(PURCHASE)


@given(records)
def test_record_round_trip(record):
    assert record == TerminalRecord.decode(bytes(record))


@pytest.mark.parametrize(
    ("offset", "value", "place"),
    [
        pytest.param(22, "20250230", "terminal record/date at offset 122", id="impossible-day"),
        pytest.param(22, "20251301", "terminal record/date at offset 122", id="impossible-month"),
        pytest.param(22, "00000000", "terminal record/date at offset 122", id="no-date"),
        pytest.param(26, "246000", "terminal record/time at offset 126", id="impossible-time"),
        pytest.param(56, "FFFFFFFF", "terminal record/list_version", id="no-bcd"),
    ],
)
def test_impossible_records_name_field_and_place(offset, value, place):
    raw = bytearray(bytes(PURCHASE))
    raw[offset : offset + len(value) // 2] = bytes.fromhex(value)
    with pytest.raises(DecodeError, match=place):
        TerminalRecord.decode(bytes(raw), offset=100)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_wrong_length_is_refused(size):
    with pytest.raises(DecodeError, match=f"must be 64 bytes, got {size}"):
        TerminalRecord.decode(bytes(size))


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", -1), ("amount", 1 << 32), ("serial", 65536), ("tac", b"123"), ("operator", 70000)],
)
def test_values_out_of_range_name_the_field(field, value):
    with pytest.raises(ParameterError, match=f"^{field} must be"):
        bytes(replace(PURCHASE, **{field: value}))


@pytest.mark.parametrize("record", [pytest.param(PURCHASE, id="purchase"), pytest.param(LOAD, id="load")])
def test_tac_of_a_real_card_verifies(record):
    record.verify_tac(PBOC, DTK)


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        pytest.param(PURCHASE, {"amount": 2}, id="purchase-amount"),
        pytest.param(PURCHASE, {"terminal_serial": 1}, id="purchase-terminal-serial"),
        pytest.param(PURCHASE, {"tac": bytes(4)}, id="purchase-tac"),
        pytest.param(LOAD, {"serial": 2}, id="load-serial"),
        pytest.param(LOAD, {"serial": 0}, id="load-serial-zero"),
        pytest.param(LOAD, {"balance": 1}, id="load-balance"),
    ],
)
def test_a_changed_record_does_not_verify(record, changes):
    with pytest.raises(MacMismatch):
        replace(record, **changes).verify_tac(PBOC, DTK)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"amount": 5}, True, id="other-amount"),
        pytest.param({"when": datetime(2017, 1, 1)}, True, id="other-moment"),
        pytest.param({"terminal_serial": 9}, False, id="other-serial-of-the-terminal"),
        pytest.param({"sam": bytes(7) + b"\x01"}, False, id="other-sam"),
    ],
)
def test_identity_of_a_purchase_is_sam_and_terminal_serial(changes, same):
    assert same == (PURCHASE.identity == replace(PURCHASE, **changes).identity)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"amount": 5}, True, id="other-amount"),
        pytest.param({"serial": 9}, False, id="other-serial"),
        pytest.param({"card_serial": bytes(8)}, False, id="other-card"),
        pytest.param({"when": datetime(2017, 1, 1)}, False, id="other-moment"),
        pytest.param({"type": 0x01}, False, id="other-purse"),
    ],
)
def test_identity_of_a_load_is_purse_place_moment_card_and_serial(changes, same):
    assert same == (LOAD.identity == replace(LOAD, **changes).identity)


def test_balance_after_follows_the_direction_of_the_type():
    assert (0x1FFF, 0x2000) == (PURCHASE.balance_after, LOAD.balance_after)
    assert 0x2000 == replace(PURCHASE, type=0x08).balance_after  # no such transaction: nothing moves


def test_a_torn_record_becomes_complete_with_its_tac():
    torn = replace(PURCHASE, flag=RecordFlag.TORN, tac=bytes(4))
    assert torn.torn
    assert PURCHASE == torn.completed(PURCHASE.tac)
