"""Data elements and layouts: widths, ranges, and what impossible values say."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.errors import DecodeError, ParameterError
from cardos.fields import FIELDS, Kind, bcd, unbcd, with_moment
from cardos.layout import Element, Layout


def values(field):
    return {
        Kind.UINT: st.integers(0, field.maximum),
        Kind.BYTES: st.binary(min_size=field.width, max_size=field.width),
        Kind.DATE: st.dates(),
        Kind.TIME: st.times().map(lambda t: t.replace(microsecond=0)),
    }[field.kind]


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=30)
@given(data=st.data())
def test_field_round_trip(name, data):
    field = FIELDS[name]
    value = data.draw(values(field))
    raw = field.encode(value)
    assert field.width == len(raw)
    assert value == field.decode(raw)


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.kind is Kind.UINT])
def test_uint_boundaries(name):
    field = FIELDS[name]
    assert bytes(field.width) == field.encode(0)
    assert b"\xff" * field.width == field.encode(field.maximum)
    for value in (-1, field.maximum + 1, b"\x00", "1"):
        with pytest.raises(ParameterError, match=f"{name} must be 0..{field.maximum}"):
            field.encode(value)


@pytest.mark.parametrize(
    ("name", "raw", "problem"),
    [
        ("date", "20230229", "date at offset 7: must be a calendar date YYYYMMDD, got 20230229"),
        ("date", "00000000", "date at offset 7: must be a calendar date YYYYMMDD, got 00000000"),
        ("time", "240000", "time at offset 7: must be a time of day HHMMSS, got 240000"),
        ("time", "126A00", "time at offset 8: BCD nibble must be 0..9, got A"),
        ("amount", "0000", "amount at offset 7: must be 4 bytes, got 2"),
    ],
)
def test_impossible_values(name, raw, problem):
    with pytest.raises(DecodeError) as caught:
        FIELDS[name].decode(bytes.fromhex(raw), offset=7)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("terminal", b"\x00" * 5, "terminal must be 6 bytes, got 5 bytes"),
        ("date", 20161216, "date must be a date or 4 bytes, got int"),
        ("time", date(2016, 1, 1), "time must be a time or 3 bytes, got date"),
    ],
)
def test_values_of_the_wrong_kind(name, value, problem):
    with pytest.raises(ParameterError) as caught:
        FIELDS[name].encode(value)
    assert problem == str(caught.value)


def test_dates_may_be_given_as_bytes():
    assert bytes.fromhex("20161216") == FIELDS["date"].encode(bytes.fromhex("20161216"))


def test_bcd():
    assert b"\x12\x34" == bcd("1234")
    assert "1234" == unbcd(b"\x12\x34")
    for digits in ("123", "12a4", "١٢"):
        with pytest.raises(ParameterError):
            bcd(digits)
    with pytest.raises(DecodeError) as caught:
        unbcd(b"\x12\x3f", path="serial")
    assert ("serial", 1) == (caught.value.path, caught.value.offset)


def test_with_moment_drops_fractions_of_a_second():
    expected = {"date": date(2016, 12, 16), "time": time(10, 58, 1)}
    assert expected == with_moment(datetime(2016, 12, 16, 10, 58, 1, 999999))


def test_layout_assembles_slices_and_constants():
    layout = Layout.parse("session", ["random", "offline_serial", "terminal_serial[2:4]", "=8000"])
    assert 10 == layout.width
    assert ["random", "offline_serial", "terminal_serial"] == [field.name for field in layout.fields]
    values_ = {"random": b"RAND", "offline_serial": 0x0102, "terminal_serial": 0x11223344, "extra": 1}
    assert b"RAND" + bytes.fromhex("010233448000") == layout.assemble(values_)


def test_layout_names_the_missing_field():
    with pytest.raises(ParameterError, match="amount must be given for purchase.mac1, got nothing"):
        Layout.parse("purchase.mac1", ["amount"]).assemble({})


@pytest.mark.parametrize(
    "text", ["", "nothing", "amount[", "amount[3:2]", "amount[0:5]", "=8", "=80X0", "AMOUNT", "amount "]
)
def test_layout_elements_that_do_not_exist(text):
    with pytest.raises(ParameterError):
        Element.parse(text)


@given(st.data())
def test_split_inverts_assemble(data):
    names = data.draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=6, unique=True))
    layout = Layout.parse("record", [*names, "=A55A"])
    record = {name: data.draw(values(FIELDS[name])) for name in names}
    assert record == layout.split(layout.assemble(record))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("06001122334455", "record at offset 100: must be 9 bytes, got 7"),
        ("06001122334455A5A5", "record at offset 107: must be A55A, got A5A5"),
    ],
)
def test_split_names_the_offset_in_the_original_input(raw, problem):
    layout = Layout.parse("record", ["type", "terminal", "=A55A"])
    with pytest.raises(DecodeError) as caught:
        layout.split(bytes.fromhex(raw), offset=100)
    assert problem == str(caught.value)


def test_split_leaves_out_partial_fields():
    assert {"type": 6} == Layout.parse("x", ["type", "amount[2:4]"]).split(b"\x06\x01\x02")
