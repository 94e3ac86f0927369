"""Traces for other programs: packets by hand and by their checksums, and the hex dump.  Wireshark opens them in
tests/e2e/test_trace_tools.py.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cardos.host.traces import EventKind, Trace, TraceEvent, parse_trace, to_hex_dump, to_pcap
from tests.host.test_trace import RECORDED
from tests.host.traces.recordings import recorded

ATR = bytes.fromhex("3BED0000018065084904865300000000000099")


def packets(capture):
    """Seconds and bytes of each packet of a capture."""
    assert struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 228) == capture[:24]
    at = 24
    while at < len(capture):
        second, micro, kept, whole = struct.unpack_from("<IIII", capture, at)
        assert kept == whole
        yield second + micro / 1e6, capture[at + 16 : at + 16 + kept]
        at += 16 + kept


def ones_sum(data):
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def inside(packet):
    """GSMTAP type, number, sub-type and payload; everything round it is checked."""
    ip, udp, tap = packet[:20], packet[20:28], packet[28:44]
    assert (0x45, len(packet), 17) == (ip[0], int.from_bytes(ip[2:4], "big"), ip[9])
    assert 0xFFFF == ones_sum(ip)
    ports = struct.unpack(">HHH", udp[:6])
    assert (4729, 4729, len(packet) - 20) == ports
    pseudo = ip[12:20] + struct.pack(">BBH", 0, 17, ports[2])
    assert 0xFFFF == ones_sum(pseudo + packet[20:])
    version, words, type_, slot, channel, signal, noise, number, sub_type, *rest = struct.unpack(
        ">BBBBHbbIBBBB", tap
    )
    assert (2, 4, 0, 0, 0, 0, [0, 0, 0]) == (version, words, slot, channel, signal, noise, rest)
    return type_, number, sub_type, packet[44:]


def exchange(command, answer, number=1, **members):
    return TraceEvent(number, EventKind.APDU, command, answer, **members)


def only(event, **members):
    [(_, packet)] = packets(to_pcap(Trace("x", "device", (event,), **members)))
    return inside(packet)


def test_a_published_recording_as_packets():
    found = [inside(packet) for _, packet in packets(to_pcap(parse_trace(RECORDED)))]
    assert [(4, 1, 0), (4, 3, 0), (4, 4, 0), (4, 5, 0)] == [each[:3] for each in found[:4]]
    assert bytes.fromhex("805200000B201612161058008AFA571804FA00066D9000") == found[1][3]
    assert (16, 6) == found[4][:2]  # the verdict, a packet of type log
    assert found[4][3].endswith(b"verdict: load and purchase agree with the reference")


def test_moments_are_the_header_s_and_the_event_s():
    made = datetime(2026, 3, 1, 12)
    trace = Trace("x", "device", (exchange("0084000004", "112233449000", time=1.25),), atr=ATR, made=made)
    start = made.replace(tzinfo=UTC).timestamp()
    assert [start, start + 1.25] == [moment for moment, _ in packets(to_pcap(trace))]
    untimed = replace(
        trace, made=None, events=tuple(replace(trace.events[0], number=n, time=None) for n in (1, 2))
    )
    assert [0, 0.001, 0.002] == [moment for moment, _ in packets(to_pcap(untimed))]


def test_an_atr_is_a_packet_of_its_own_kind():
    reset = TraceEvent(1, EventKind.RESET, response=ATR.hex().upper())
    assert (4, 1, 1, ATR) == only(reset)
    [(_, header)] = packets(to_pcap(Trace("x", "device", (), atr=ATR)))
    assert (4, 0, 1, ATR) == inside(header)


@pytest.mark.parametrize(
    ("command", "answer", "payload"),
    [
        pytest.param("00B201C417", "6A83", "00B201C4006A83", id="le-of-no-data"),
        pytest.param("00B0950000", "AABB9000", "00B0950002AABB9000", id="le-of-all"),
        pytest.param("00A4000000", "6F009000", "00A40000006F009000", id="command-that-takes-data"),
        pytest.param("80160000", "6E00", "80160000006E00", id="case-1"),
        pytest.param("0020000003XXXXXX", "9000", "0020000003FFFFFF9000", id="masked"),
        pytest.param("80EE000000", "AA9000", "80EE000001AA9000", id="unknown"),
    ],
)
def test_what_a_sim_dissector_takes(command, answer, payload):
    assert (4, 1, 0, bytes.fromhex(payload)) == only(exchange(command, answer))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        pytest.param(exchange("0084000004", None), "GET CHALLENGE: 0084000004 has no answer", id="no-answer"),
        pytest.param(exchange("00A4", "6700"), "unknown command 00A4: 00A4 6700", id="stub"),
        pytest.param(exchange("0084000004", "90"), "GET CHALLENGE: 0084000004 90", id="half-a-status"),
        pytest.param(
            exchange("00880000 01 AA".replace(" ", ""), "9000"),
            "INTERNAL AUTHENTICATE: 0088000001AA 9000",
            id="sim",
        ),
        pytest.param(
            exchange("00200000000003XXXXXX", "9000"), "VERIFY: 00200000000003XXXXXX 9000", id="extended"
        ),
        pytest.param(TraceEvent(1, EventKind.REMOVE), "remove", id="remove"),
        pytest.param(TraceEvent(1, EventKind.POWER_CUT, note="in a write"), "powerCut: in a write", id="cut"),
        pytest.param(TraceEvent(1, EventKind.RESET, response="3B00"), "ATR 3B00", id="short-atr"),
        pytest.param(TraceEvent(1, EventKind.NOTE, note="纸"), "note: 纸", id="note"),
    ],
)
def test_what_it_cannot_take_is_said_in_words(event, words):
    type_, number, sub_type, payload = only(event)
    assert (16, 1, 0) == (type_, number, sub_type)
    assert b"cardos".ljust(16, b"\x00") == payload[8:24]
    assert words.encode() == payload[84:]


@pytest.mark.parametrize(
    "event", [TraceEvent(1, EventKind.LET, values={"SK": "11"}), TraceEvent(1, EventKind.RESET)]
)
def test_computed_values_and_failed_resets_have_no_packets(event):
    assert [] == list(packets(to_pcap(Trace("x", "device", (event,)))))


def test_the_longest_note_fits_a_packet():
    type_, _, _, payload = only(TraceEvent(1, EventKind.NOTE, note="x" * 100_000))
    assert (16, 65_535 - 28 - 16) == (type_, len(payload))


def test_the_hex_dump_has_two_lines_an_exchange():
    day = recorded("3des").card
    lines = to_hex_dump(day).splitlines()
    assert f"# ATR: {day.atr.hex().upper()}" == lines[0]
    assert [lines[1], lines[2]] == [day.events[0].command, day.events[0].response]
    assert "# remove" in lines
    assert "# the end" == lines[-1]
    plain = [line for line in lines if not line.startswith("#")]
    exchanges = [event for event in day.events if event.kind is EventKind.APDU]
    assert [text for each in exchanges for text in (each.command, each.response)] == plain


def test_the_hex_dump_says_what_is_missing():
    events = (
        exchange("0084000004", None), TraceEvent(2, EventKind.RESET), TraceEvent(3, EventKind.NOTE, note="one\ntwo"),
    )  # fmt: skip
    dump = to_hex_dump(Trace("x", "device", events))
    assert ["0084000004", "# no answer", "# ATR: none", "# one two"] == dump.splitlines()
