"""Two traces compared: aligned by commands, field by field, times left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.host.traces import (
    RANDOM_FIELDS,
    EventKind,
    FieldDifference,
    Trace,
    TraceDifference,
    TraceEvent,
    compare_traces,
    redact_trace,
    trace_difference_document,
)
from cardos.profile import load_profile
from tests.host.traces.recordings import recorded

CITY = load_profile("city-3des")
_KINDS = frozenset(EventKind)


def trace(*events):
    """Events from (command, answer), or from a kind and an ATR."""
    rows = [
        TraceEvent(n, EventKind(row[0]), None, row[1]) if row[0] in _KINDS else TraceEvent(n, EventKind.APDU, *row)
        for n, row in enumerate(events, 1)
    ]  # fmt: skip
    return Trace("city-3des", "device", tuple(rows))


def lines(before, after, **options):
    return [str(each) for each in compare_traces(before, after, **options)]


BALANCE = ("805C000204", "000000649000")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([BALANCE], [BALANCE], [], id="equal"),
        pytest.param(
            [BALANCE],
            [("805C000204", "000000C89000")],
            ["1/1 GET BALANCE, purse (EP): balance 100 fen -> 200 fen"],
            id="value",
        ),
        pytest.param(
            [BALANCE],
            [("805C000204", "6985")],
            ["1/1 GET BALANCE, purse (EP): balance gone; status 9000 success -> 6985 conditions of use not satisfied"],
            id="status",
        ),
        pytest.param(
            [BALANCE], [("805C000204", None)],
            ["1/1 GET BALANCE, purse (EP): balance gone; status 9000 success -> no answer"], id="no-answer",
        ),
        pytest.param(
            [BALANCE], [("reset", "3B00"), BALANCE], ["-/1 reset: added"], id="added"
        ),
        pytest.param([("remove", None), BALANCE], [BALANCE], ["1/- card removed: gone"], id="gone"),
        pytest.param([("reset", "3B00")], [("reset", "3B01")], ["1/1 reset: ATR 3B00 -> 3B01"], id="atr"),
        pytest.param(
            [("80EE00000112", "9000")], [("80EE00000134", "9000")], [], id="hidden-data-of-the-unknown"
        ),
        pytest.param(
            [("805C000204", "9000")],
            [("805C000200", "9000")],
            ["1/1 GET BALANCE, purse (EP): command 805C000204 -> 805C000200"],
            id="le",
        ),
        pytest.param(
            [("0020000003123456", "9000")], [("0020000003654321", "9000")], [], id="secrets-are-hidden"
        ),
        pytest.param([("note", None)], [("verdict", None), ("note", None)], [], id="remarks"),
    ],
)  # fmt: skip
def test_differences(before, after, expected):
    assert expected == lines(trace(*before), trace(*after))


def test_two_days_differ_where_they_do():
    day = recorded("3des").card
    assert [] == lines(day, replace(day, events=tuple(replace(e, time=None, duration=7) for e in day.events)))
    raw = bytearray.fromhex(day.events[5].response)
    raw[3] ^= 1
    changed = [*day.events]
    changed[5] = replace(day.events[5], response=raw.hex().upper())
    del changed[1]
    expected = [
        "2/- VERIFY, PIN 00: gone",
        "6/6 INITIALIZE FOR PURCHASE, purse (EP): balance 5000 fen -> 5001 fen",
    ]
    assert expected == lines(day, replace(day, events=tuple(changed)))


def test_fields_of_files_have_names_with_a_profile():
    select = ("00A4040009A00000000386980701", "9000")
    record = ("00B201C417", "{:04X}" + "00" * 21 + "9000")
    one, two = (trace(select, (record[0], record[1].format(serial))) for serial in (1, 2))
    assert ["2/2 READ RECORD, record 1 of file 18: serial 1 -> 2"] == lines(one, two, profile=CITY)
    assert "data 0001" in lines(one, two)[0]


def test_what_follows_from_random_numbers_can_be_left_out():
    one = trace(("0084000004", "112233449000"), ("841E000004AABBCCDD", "9000"))
    two = trace(("0084000004", "556677889000"), ("841E000004DDCCBBAA", "9000"))
    assert ["1/1 GET CHALLENGE: challenge 11223344 -> 55667788",
            "2/2 APPLICATION BLOCK, for ever: command_mac AABBCCDD -> DDCCBBAA"] != lines(one, two)  # fmt: skip
    assert 2 == len(lines(one, two))
    assert [] == lines(one, two, ignore=RANDOM_FIELDS)
    assert 1 == len(lines(one, two, ignore=["challenge"]))


def test_masked_bytes_are_equal_to_any():
    day = recorded("3des").card
    opened = replace(day.events[1], command="0020000003123456")
    assert [] == lines(day, replace(day, events=(day.events[0], opened, *day.events[2:])))


_EVENTS = st.lists(
    st.builds(
        lambda c, r: (c.hex().upper(), r and r.hex().upper()),
        st.binary(min_size=4, max_size=12),
        st.none() | st.binary(max_size=12),
    ),
    max_size=6,
)


@given(_EVENTS, _EVENTS)
def test_a_trace_equals_itself_and_every_event_is_in_its_place(one, two):
    assert [] == lines(trace(*one), trace(*one))
    old, new = (redact_trace(trace(*each)) for each in (one, two))
    found = list(compare_traces(old, new))
    gone = [each.before for each in found if each.after is None]
    added = [each.after for each in found if each.before is None]
    assert len(one) - len(gone) == len(two) - len(added)
    assert all(each.fields for each in found if None not in (each.before, each.after))


def test_differences_as_a_document():
    difference = TraceDifference(3, None, "GET BALANCE", (FieldDifference("balance", "1 fen", None),))
    assert {"name": "balance", "before": "1 fen", "after": None} == trace_difference_document(
        "a", "b", [difference]
    )["differences"][0]["fields"][0]
