"""Whatever a trace holds: it is read, masked, explained, compared, replayed, exported and drawn without a surprise."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import COMMANDS
from cardos.errors import DecodeError, TransportError
from cardos.host.traces import (
    EventKind,
    compare_traces,
    decode_trace,
    message_sequence,
    parse_trace,
    redact_trace,
    replay_trace,
    to_hex_dump,
    to_html,
    to_mermaid,
    to_pcap,
    trace_document,
    trace_text,
)
from cardos.host.transports.replay import ReplayTransport
from cardos.profile import load_profile
from tests.host.conftest import ring
from tests.host.traces.recordings import recorded

CITY = load_profile("city-3des")
HEAD = {"format": "cardtrace/1", "card": {"profile": "city-3des", "kind": "device"}, "by": "x"}

BYTE = st.sampled_from(["XX", "00", "9F", "ff"]) | st.integers(0, 255).map("{:02X}".format)


def hexes(least=0, most=40):
    return st.lists(BYTE, min_size=least, max_size=most).map("".join)


#: Headers of real commands, with bodies that are seldom right.
HEADERS = st.sampled_from(
    [f"{spec.cla:02X}{spec.ins:02X}{min(spec.p1):02X}{min(spec.p2):02X}" for spec in COMMANDS]
)
COMMANDS_OF_SOME_KIND = st.builds(
    lambda header, body, le: header + (f"{len(body) // 2:02X}{body}" if body else "") + le,
    HEADERS, hexes(), st.sampled_from(["", "00", "04", "17"]),
)  # fmt: skip
ROWS = st.fixed_dictionaries(
    {"ev": st.sampled_from(list(EventKind)), "c": COMMANDS_OF_SOME_KIND | hexes()},
    optional={
        "r": hexes(), "t": st.floats(0, 1e8), "dt": st.floats(0, 10), "nv": st.integers(0, 9), "raw": st.booleans(),
        "note": st.text(max_size=20), "set": st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=2),
    },
)  # fmt: skip


def parsed(rows, **header):
    lines = [{**HEAD, **header}, *({"n": number, **row} for number, row in enumerate(rows, 1))]
    return parse_trace("".join(json.dumps(line) + "\n" for line in lines).encode())


def everything(trace, other):
    """All that can be done with two traces; gives the events of the first."""
    assert replace(trace, complete=True) == parse_trace(trace_text(trace).encode())
    masked = redact_trace(trace)
    assert masked == redact_trace(masked)
    events = list(decode_trace(trace, CITY, keys=ring("3des"), known={"application_serial": bytes(10)}))
    json.dumps(trace_document(trace, events))
    assert [] == list(compare_traces(trace, masked))
    for difference in compare_traces(trace, other, profile=CITY):
        assert str(difference)
    to_pcap(trace)
    to_hex_dump(trace).encode()
    sequence = message_sequence([trace, other], keys=ring("3des"))
    assert to_mermaid(sequence).encode()
    assert to_html(sequence).encode()
    return events


@pytest.mark.slow
@settings(max_examples=50)
@given(st.lists(ROWS, max_size=6), st.lists(ROWS, max_size=3))
def test_any_trace(rows, others):
    trace, other = parsed(rows, made="2099-12-31T23:59:59Z"), parsed(others, made="1970-01-01T00:00:00Z")
    assert len(rows) == len(everything(trace, other))


@pytest.mark.slow
@settings(max_examples=25)
@given(st.data())
def test_a_damaged_recording_is_used_or_refused(data):
    """Some bytes of a real recording are others, gone or twice, or its end is cut off."""
    day = recorded("3des").card
    raw = trace_text(day).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        stop = min(start + data.draw(st.integers(0, 4)), len(raw))
        raw = (
            raw[:start]
            + data.draw(st.binary(max_size=4) | st.sampled_from([b"0", b"F", raw[start:stop] * 2]))
            + raw[stop:]
        )
    with contextlib.suppress(DecodeError):
        everything(parse_trace(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]), day)


@settings(max_examples=50)
@given(st.lists(ROWS, max_size=6))
def test_any_trace_replayed_against_itself(rows):
    trace = parsed([row for row in rows if "XX" not in row["c"]])
    assert replay_trace(trace, ReplayTransport(trace)).difference is None


@settings(max_examples=50)
@given(st.lists(ROWS, max_size=6), st.lists(st.binary(max_size=12), max_size=4), st.booleans())
def test_any_command_to_a_recorded_card(rows, commands, strict):
    card = ReplayTransport(parsed(rows), strict=strict)
    for command in commands:
        with contextlib.suppress(TransportError):
            card.transmit(command)
        with contextlib.suppress(TransportError):
            card.reset()


def nested(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(st.recursive(PLAIN, nested))
def test_any_json_is_a_trace_or_refused(value):
    for members in (
        {"n": 1, "ev": "note", "note": value},
        {"n": 1, "ev": "apdu", "c": value},
        {"n": value},
        value,
    ):
        with contextlib.suppress(DecodeError):
            parse_trace((json.dumps(HEAD) + "\n" + json.dumps(members) + "\n").encode())
    for name in ("card", "by", "atr", "made", "seed"):
        with contextlib.suppress(DecodeError):
            parse_trace((json.dumps({**HEAD, name: value}) + "\n").encode())
