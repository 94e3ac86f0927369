"""Columns against the scalar reading of a record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cardos.clearing.model import KINDS, CardAccount, CardId
from cardos.clearing.records import RAW, parse
from cardos.errors import DecodeError, ParameterError
from cardos.host.record import DIRECTIONS, RECORD, TerminalRecord

GOOD = TerminalRecord(
    type=6, flag=1, operator=258, terminal=bytes.fromhex("A1B2C3D4E5F6"), sam=bytes(range(8)),
    terminal_serial=0xFFFFFFFF, when=datetime(2024, 2, 29, 23, 59, 59), issuer=bytes(range(8, 16)),
    card_serial=bytes(range(248, 256)), serial=0xFFFF, balance=0xFFFFFFFE, amount=1, key_version=255,
    list_version=date(1, 1, 1), tac=bytes.fromhex("01020304"),
)  # fmt: skip


def _row(table, index):
    return {
        name: column[index].as_py() for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _as_row(record, number):
    values = {name: getattr(record, name) for name in RAW.names if name not in {"date", "time"}}
    texts = {name: value.hex().upper() for name, value in values.items() if isinstance(value, bytes)}
    return values | texts | {"number": number, "moment": record.when}


def _with(name, value):
    """A record with other bytes in one field."""
    raw = bytearray(bytes(GOOD))
    position = sum(f.width for f in RECORD.fields[: [f.name for f in RECORD.fields].index(name)])
    raw[position : position + len(value)] = value
    return bytes(raw)


def test_every_field_of_a_record_becomes_a_column():
    other = replace(GOOD, when=datetime(1, 1, 1), flag=0, serial=0)
    parsed = parse(bytes(GOOD) + bytes(other))
    assert [_as_row(GOOD, 1), _as_row(other, 2)] == [_row(parsed.table, index) for index in range(2)]
    assert () == parsed.unparsable
    assert bytes(GOOD) + bytes(other) == parsed.raw.tobytes()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param(
            "date", "20260229", "date at offset 22: must be a calendar date YYYYMMDD, got 20260229", id="leap"
        ),
        pytest.param(
            "date",
            "20261301",
            "date at offset 22: must be a calendar date YYYYMMDD, got 20261301",
            id="month",
        ),
        pytest.param(
            "date",
            "00000101",
            "date at offset 22: must be a calendar date YYYYMMDD, got 00000101",
            id="year-0",
        ),
        pytest.param("date", "2026010A", "BCD nibble must be 0..9, got A", id="nibble"),
        pytest.param(
            "time", "240000", "time at offset 26: must be a time of day HHMMSS, got 240000", id="hour"
        ),
        pytest.param(
            "time", "235960", "time at offset 26: must be a time of day HHMMSS, got 235960", id="second"
        ),
        pytest.param("list_version", "00000000", "must be a calendar date YYYYMMDD, got 00000000", id="list"),
        pytest.param("flag", "07", "flag at offset 1: must be 00 or 01 or 02, got 07", id="flag"),
    ],
)
def test_an_impossible_record_is_kept_apart(name, value, problem):
    bad = _with(name, bytes.fromhex(value))
    parsed = parse(bytes(GOOD) + bad + bytes(GOOD))
    [kept] = parsed.unparsable
    assert (2, bad) == (kept.number, kept.raw)
    assert problem in kept.problem
    assert [1, 3] == parsed.table["number"].to_pylist()


def test_no_records():
    parsed = parse(b"")
    assert (0, ()) == (parsed.table.num_rows, parsed.unparsable)
    assert parse(bytes(GOOD)).table.schema == parsed.table.schema


@given(body=st.lists(st.binary(min_size=64, max_size=64), max_size=5))
@example([bytes(64), bytes(GOOD)])
def test_columns_agree_with_the_scalar_record(body):
    parsed = parse(b"".join(body))
    rows = {
        _row(parsed.table, index)["number"]: _row(parsed.table, index)
        for index in range(parsed.table.num_rows)
    }
    kept = {record.number: record for record in parsed.unparsable}
    for number, raw in enumerate(body, 1):
        try:
            record = TerminalRecord.decode(raw)
        except DecodeError as error:
            assert str(error) == kept[number].problem
        else:
            assert (record.flag in (0, 1)) == (number in rows)
            assert number in kept or _as_row(record, number) == rows[number]
    assert len(body) == len(rows) + len(kept)


@given(
    day=st.dates(), second=st.times().map(lambda moment: moment.replace(microsecond=0)), listed=st.dates(),
)  # fmt: skip
def test_every_possible_moment_is_read(day, second, listed):
    record = replace(GOOD, when=datetime.combine(day, second), list_version=listed)
    assert [_as_row(record, 1)] == [_row(parse(bytes(record)).table, 0)]


def test_types_that_the_centre_clears_have_a_direction_and_a_tac():
    assert {
        (0x01, "online_serial", +1), (0x02, "online_serial", +1), (0x04, "offline_serial", -1),
        (0x05, "offline_serial", -1), (0x06, "offline_serial", -1), (0x09, "offline_serial", -1),
        (0x93, "offline_serial", -1), (0x94, "offline_serial", -1),
    } == {(kind.type, kind.counter, kind.direction) for kind in KINDS}  # fmt: skip
    assert {kind.type for kind in KINDS} < DIRECTIONS.keys()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: CardId(bytes(7), bytes(8)), id="issuer"),
        pytest.param(lambda: CardId(bytes(8), bytes(9)), id="serial"),
        pytest.param(lambda: CardAccount(CardId(bytes(8), bytes(8)), opening=-1), id="opening"),
        pytest.param(lambda: CardAccount(CardId(bytes(8), bytes(8)), online_serial=65536), id="counter"),
    ],
)
def test_an_impossible_card_is_refused(make):
    with pytest.raises(ParameterError):
        make()
