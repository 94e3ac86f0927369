"""Traces: what is written, what is hidden, what is read back."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import CardRemoved, DecodeError, TransportError
from cardos.host import Fault, SimulatedTransport, Tracer, Wrapper, parse_trace, read_trace
from cardos.host.redact import SECRETS, redacted

from .scripted import Scripted

HEAD = b'{"format":"cardtrace/1","card":{"profile":"demo-purse","kind":"device"},"by":"example 1.0"}\n'

# The published recording of a real card: one load and one purchase.
RECORDED = HEAD + (
    b'{"n":1,"ev":"apdu","c":"805000020B010000200000112233445510","r":"0000000000000100C903814D03976C229000"}\n'
    b'{"n":2,"ev":"let","set":{"SK":"11FDF264E8AEEFA3","MAC2":"8AFA5718"}}\n'
    b'{"n":3,"ev":"apdu","c":"805200000B201612161058008AFA571804","r":"FA00066D9000"}\n'
    b'{"n":4,"ev":"apdu","c":"805001020B0000000001001122334455","r":"0000200000000000000000584633C99000"}\n'
    b'{"n":5,"ev":"apdu","c":"805401000F0000000020161216134600D45737C508","r":"8AF270DC66B54A6B9000"}\n'
    b'{"n":6,"ev":"verdict","note":"load and purchase agree with the reference"}\n'
)


class Echo:
    """A card that answers 9000."""

    def power_on(self) -> bytes:
        return bytes.fromhex("3B00")

    def power_off(self) -> None:
        pass

    def transmit(self, _command: bytes, /) -> bytes:
        return b"\x90\x00"


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_recorded_trace_of_a_real_card_is_read():
    trace = parse_trace(RECORDED)
    assert ("demo-purse", "device", True) == (trace.profile, trace.kind, trace.complete)
    assert ["apdu", "let", "apdu", "apdu", "apdu", "verdict"] == [event.kind for event in trace.events]
    assert "8AF270DC66B54A6B9000" == trace.events[4].response


def test_tracer_writes_header_exchange_reset_and_removal():
    stream, seconds = io.StringIO(), count(0, 0.25)
    fault = Fault(SimulatedTransport(Echo()), at=lambda command: command[1] == 0x54, before=True)
    with Tracer(
        fault,
        stream,
        card="city-3des",
        atr=bytes.fromhex("3B00"),
        clock=lambda: next(seconds),
        now=lambda: datetime(2025, 3, 1, 12),
    ) as tracer:
        tracer.transmit(bytes.fromhex("805C000204"))
        with pytest.raises(CardRemoved):
            tracer.transmit(bytes.fromhex("8054010000"))
        tracer.reset()
    head = {
        "format": "cardtrace/1",
        "card": {"profile": "city-3des", "kind": "simulated"},
        "by": "cardos",
        "atr": "3B00",
        "made": "2025-03-01T12:00:00Z",
    }
    expected = [
        head,
        {"n": 1, "ev": "apdu", "c": "805C000204", "r": "9000", "dt": 0.25},
        {"n": 2, "ev": "apdu", "c": "8054010000"},
        {"n": 3, "ev": "remove"},
        {"n": 4, "ev": "reset", "r": "3B00"},
    ]
    assert expected == lines(stream)


def test_a_lost_answer_that_is_no_removal_has_no_response():
    class Broken(Wrapper):
        def transmit(self, _command: bytes, /) -> bytes:
            raise TransportError("reader is gone")

    stream = io.StringIO()
    with pytest.raises(TransportError):
        Tracer(Broken(Scripted()), stream, card="x").transmit(b"\x00\x84\x00\x00\x04")
    assert [{"n": 1, "ev": "apdu", "c": "0084000004"}] == lines(stream)[1:]


def test_trace_without_clock_is_the_same_for_the_same_exchange():
    streams = [io.StringIO(), io.StringIO()]
    for stream in streams:
        Tracer(SimulatedTransport(Echo()), stream, card="x").transmit(b"\x00\x84\x00\x00\x04")
    assert streams[0].getvalue() == streams[1].getvalue()


@given(st.lists(st.binary(min_size=4, max_size=40), max_size=5))
def test_trace_round_trip(commands):
    stream = io.StringIO()
    tracer = Tracer(SimulatedTransport(Echo()), stream, card="x", redact=False)
    for command in commands:
        tracer.transmit(command)
    trace = parse_trace(stream.getvalue().encode())
    assert [command.hex().upper() for command in commands] == [event.command for event in trace.events]
    assert trace.complete


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        pytest.param("0020000003123456", "0020000003XXXXXX", id="verify"),
        pytest.param("00200100021234", "0020010002XXXX", id="verify-with-wrong-p1-is-undeclared"),
        pytest.param("0082000008A0DBBFC1192FF24A", "0082000008" + "XX" * 8, id="external-authenticate"),
        pytest.param(
            "80D401011539F0F0AA33" + "5A" * 16, "80D401011539F0F0AA33" + "XX" * 16, id="write-key-plain"
        ),
        pytest.param("84D401001C" + "5A" * 28, "84D401001C" + "XX" * 28, id="write-key-protected"),
        pytest.param("84D4000024" + "5A" * 36, "84D4000024" + "XX" * 36, id="write-sam-key"),
        pytest.param(
            "80E03F000E38FFFFF001015A5A5A5A5A5A5A5A", "80E03F000E38FFFFF00101" + "XX" * 8, id="transport-code"
        ),
        pytest.param("80E00015072800 1EF0F0FFFF", "80E000150728001EF0F0FFFF", id="create-file-is-open"),
        pytest.param("805E01000512FF3456FF", "805E010005" + "XX" * 5, id="change-pin"),
        pytest.param("805E0000063456AABBCCDD", "805E000006" + "XX" * 6, id="reload-pin"),
        pytest.param("842400000C" + "5A" * 12, "842400000C" + "XX" * 12, id="pin-unblock"),
        pytest.param("80EE01000712345FFF65432F", "80EE010007" + "XX" * 7, id="undeclared-command"),
        pytest.param("805E0100081234", "805E0100XXXXXX", id="malformed"),
        pytest.param("805C000204", "805C000204", id="balance"),
        pytest.param("0084000008", "0084000008", id="challenge"),
        pytest.param("80520000 0B 20161216105800 8AFA5718 04", "805200000B201612161058008AFA571804", id="credit"),
        pytest.param("00A4", "00A4", id="stub"),
        pytest.param("00200000000003123456", "00200000000003XXXXXX", id="extended-length"),
    ],
)  # fmt: skip
def test_redaction_hides_secrets_and_keeps_lengths(command, shown):
    raw = bytes.fromhex(command)
    assert shown == redacted(raw)
    assert len(shown) == 2 * len(raw)


def test_every_row_of_the_secrets_is_exercised_above():
    pins = {"VERIFY", "CHANGE PIN", "RELOAD PIN", "PIN UNBLOCK"}
    assert pins | {"EXTERNAL AUTHENTICATE", "CREATE FILE", "WRITE KEY", "WRITE SAM KEY"} == set(SECRETS)


@given(st.binary(max_size=60))
def test_redaction_never_fails_and_keeps_every_length(raw):
    assert len(redacted(raw)) == 2 * len(raw)


@pytest.mark.parametrize("cut", range(1, len(RECORDED) - len(HEAD), 37))
def test_a_trace_cut_by_a_crash_is_readable(cut):
    whole = parse_trace(RECORDED)
    trace = parse_trace(RECORDED[:-cut])
    assert whole.events[: len(trace.events)] == trace.events
    assert not trace.complete or RECORDED[:-cut].endswith(b"\n")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(b"", "trace at offset 0: must begin with a cardtrace/1 header", id="empty"),
        pytest.param(HEAD[:-1], "trace at offset 0: must begin", id="header-cut"),
        pytest.param(b"hello\n", "trace line 1 at offset 0: line must be a JSON object", id="no-json"),
        pytest.param(b"[1]\n", "line must be a JSON object", id="no-object"),
        pytest.param(b"[" * 100_000 + b"\n", "line must be a JSON object", id="deep"),
        pytest.param(b'{"format":"cardtrace/2"}\n', "format must be cardtrace/1, got 'cardtrace/2'", id="version"),
        pytest.param(b'{"format":"cardtrace/1"}\n', "card must be a profile and a kind", id="no-card"),
        pytest.param(
            HEAD.replace(b"device", b"ghost"), "card must be a profile and a kind of simulated or device", id="kind"
        ),
        pytest.param(HEAD + b'{"n":2,"ev":"remove"}\n', "line 2 at offset 92: n must be 1, got 2", id="gap"),
        pytest.param(HEAD + b'{"n":1,"ev":"dance"}\n', "ev must be one of apdu, check", id="unknown-event"),
        pytest.param(HEAD + b'{"n":1,"ev":"apdu"}\n', "c must be given for an apdu", id="no-command"),
        pytest.param(HEAD + b'{"n":1,"ev":"apdu","c":"805"}\n', "c must be whole bytes in hex", id="odd-hex"),
        pytest.param(HEAD + b'{"n":1,"ev":"apdu","c":"80XY"}\n', "c must be whole bytes in hex", id="half-mask"),
        pytest.param(HEAD + b'{"n":1,"ev":"apdu","c":1}\n', "c must be whole bytes in hex", id="no-text"),
        pytest.param(HEAD + b'{"n":1,"ev":"remove","dt":"x"}\n', "dt must be a number", id="duration"),
    ],
)  # fmt: skip
def test_malformed_traces_are_refused_with_line_and_member(raw, problem):
    with pytest.raises(DecodeError, match=problem):
        parse_trace(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_trace_or_a_decode_error(raw):
    for text in (raw, HEAD + raw):
        with contextlib.suppress(DecodeError):
            parse_trace(text)


def test_trace_file_names_itself_in_errors(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"x\n")
    with pytest.raises(DecodeError, match=r"bad\.jsonl line 1"):
        read_trace(path)


def test_masked_commands_say_so():
    trace = parse_trace(HEAD + b'{"n":1,"ev":"apdu","c":"00200000XX"}\n{"n":2,"ev":"apdu","c":"0084"}\n')
    assert [True, False] == [event.is_redacted for event in trace.events]
