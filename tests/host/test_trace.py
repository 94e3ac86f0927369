"""Traces: what is written, what is hidden, what is read back."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import CardRemoved, DecodeError, TransportError
from cardos.host import Fault, SimulatedTransport, Tracer, Wrapper, parse_trace, read_trace
from cardos.host.traces import EventKind, Trace, TraceEvent, reading, redact_trace, trace_text
from cardos.host.traces.reading import MOST_LINE
from cardos.host.traces.redact import SECRETS, Redactor, redacted

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
        {"n": 1, "t": 0.25, "ev": "apdu", "c": "805C000204", "r": "9000", "dt": 0.25},
        {"n": 2, "t": 0.75, "ev": "apdu", "c": "8054010000"},
        {"n": 3, "t": 1.0, "ev": "remove"},
        {"n": 4, "t": 1.25, "ev": "reset", "r": "3B00"},
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


def test_a_reset_that_fails_is_recorded():
    class Broken(Wrapper):
        def reset(self, *, cold: bool = True) -> bytes:
            del cold
            raise TransportError("reader is gone")

    stream = io.StringIO()
    with pytest.raises(TransportError):
        Tracer(Broken(Scripted()), stream, card="x").reset()
    assert [{"n": 1, "ev": "reset"}] == lines(stream)[1:]


def test_unresolved_answers_and_durable_writes_say_so():
    stream, writes = io.StringIO(), count(0, 3)
    tracer = Tracer(
        Scripted(("00A40000", "6114"), ("0084", "9000")), stream, card="x", writes=lambda: next(writes)
    )
    for command in ("00A40000", "0084"):
        tracer.transmit(bytes.fromhex(command))
    expected = [
        {"n": 1, "ev": "apdu", "c": "00A40000", "r": "6114", "raw": True, "nv": 3},
        {"n": 2, "ev": "apdu", "c": "0084", "r": "9000", "nv": 3},
    ]
    assert expected == lines(stream)[1:]


@pytest.mark.parametrize("redact", [True, False], ids=["redacted", "open"])
def test_remarks_and_what_a_simulator_knows(redact):
    stream = io.StringIO()
    tracer = Tracer(Scripted(), stream, card="x", redact=redact, suite="purse", case="TER-01", seed=7)
    tracer.let(SK=bytes.fromhex("11FDF264E8AEEFA3"))
    tracer.note("half way")
    tracer.check("balance")
    tracer.power_cut()
    tracer.remove()
    tracer.verdict("PASS")
    head, *events = lines(stream)
    assert ("purse", "TER-01", 7) == (head["suite"], head["case"], head["seed"])
    let = [] if redact else [{"n": 1, "ev": "let", "set": {"SK": "11FDF264E8AEEFA3"}}]
    rest = [
        {"ev": "note", "note": "half way"}, {"ev": "check", "note": "balance"}, {"ev": "powerCut"}, {"ev": "remove"},
        {"ev": "verdict", "note": "PASS"},
    ]  # fmt: skip
    assert [*let, *({"n": number, **row} for number, row in enumerate(rest, len(let) + 1))] == events


def test_the_text_of_a_trace_is_read_as_the_same_trace():
    event = TraceEvent(
        1,
        EventKind.APDU,
        "805C0002XX",
        "61XX",
        0.5,
        1.25,
        raw=True,
        values={"SK": "11"},
        writes=3,
        note="half",
    )
    whole = Trace(
        "city-3des", "device", (event, TraceEvent(2, EventKind.VERDICT, note="PASS")), by="example 1.0",
        atr=bytes.fromhex("3B00"), made=datetime(2026, 3, 1, 12), suite="purse", case="TER-01", seed="7",
    )  # fmt: skip
    assert whole == parse_trace(trace_text(whole).encode())
    assert RECORDED == trace_text(parse_trace(RECORDED)).encode()


def test_moments_of_the_header_are_utc():
    made = HEAD.replace(b'"by"', b'"made":"2026-03-01T20:00:00+08:00","by"')
    assert datetime(2026, 3, 1, 12) == parse_trace(made).made


def test_the_answer_of_a_contactless_card_is_its_atr():
    assert bytes.fromhex("0678") == parse_trace(HEAD.replace(b'"by"', b'"ats":"0678","by"')).atr


KEY = "00112233445566778899AABBCCDDEEFF"


def test_an_exported_key_is_masked_also_when_it_comes_in_pieces():
    script = Scripted(("801A1E0000", "6108"), ("00C0000008", KEY[:16] + "6108"), ("00C0000008", KEY[16:] + "9000"),
                      ("00C0000008", "01029000"))  # fmt: skip
    stream = io.StringIO()
    tracer = Tracer(script, stream, card="x")
    for command in ("801A1E0000", *["00C0000008"] * 3):
        tracer.transmit(bytes.fromhex(command))
    answers = [row["r"] for row in lines(stream)[1:]]
    assert ["6108", "XX" * 8 + "6108", "XX" * 8 + "9000", "01029000"] == answers


_ADF, _MF, _HOLDER = "00A40400050102030405", "00A40000023F00", "00B0960003"


@pytest.mark.parametrize(
    ("before", "command", "hidden"),
    [
        pytest.param([], _HOLDER, True, id="nothing-known"),
        pytest.param([(_ADF, "9000")], _HOLDER, True, id="application"),
        pytest.param([(_ADF, "6283")], _HOLDER, True, id="blocked-application"),
        pytest.param([(_MF, "9000")], _HOLDER, False, id="terminal-number-of-a-sam"),
        pytest.param([(_MF, "6112")], _HOLDER, False, id="mf-with-more-to-come"),
        pytest.param([("00A40000", "9000")], _HOLDER, False, id="mf-without-a-name"),
        pytest.param([(_MF, "9000"), (_ADF, "6A82")], _HOLDER, False, id="application-not-found"),
        pytest.param([(_MF, "9000"), (_ADF, "9000")], _HOLDER, True, id="out-of-the-mf"),
        pytest.param([(_MF, "9000"), ("00A40000023F01", "9000")], _HOLDER, True, id="directory-by-identifier"),
        pytest.param([(_MF, "9000"), None], _HOLDER, True, id="after-a-reset"),
        pytest.param([(_ADF, "9000"), ("00A40000020016", "9000")], "00B0000003", True, id="current-file"),
        pytest.param([(_HOLDER, "4142439000")], "00B0000203", True, id="current-by-short-identifier"),
        pytest.param([(_ADF, "9000"), ("00A40000020015", "9000")], "00B0000003", False, id="current-is-another"),
        pytest.param([("00A40000020016", "6A82")], "00B0000003", False, id="file-not-found"),
        pytest.param([(_ADF, "9000")], "00B0950003", False, id="public-file"),
        pytest.param([(_ADF, "9000")], "04B0960003", True, id="protected-read"),
        pytest.param([(_ADF, "9000")], "80FA000008" + "00" * 8, True, id="cryptogram-of-a-sam"),
        pytest.param([(_ADF, "9000")], "80FA050010" + "00" * 16, False, id="mac-of-a-sam"),
    ],
)  # fmt: skip
def test_the_holder_and_cryptograms_are_hidden_in_answers(before, command, hidden):
    redactor = Redactor()
    for exchange in before:
        redactor.exchange(*exchange) if exchange else redactor.reset()
    assert ("XXXXXX9000" if hidden else "4142439000") == redactor.exchange(command, "4142439000")[1]


def test_the_holder_is_hidden_also_when_the_answer_comes_in_pieces():
    redactor = Redactor()
    assert "6103" == redactor.exchange("00B0960003", "6103")[1]
    assert "XXXXXX9000" == redactor.exchange("00C0000003", "4142439000")[1]


@pytest.mark.parametrize("loss", ["reset", "remove", "power_cut"])
def test_the_recorder_forgets_with_the_card_where_it_was(loss):
    stream = io.StringIO()
    script = Scripted((_MF, "9000"), (_HOLDER, "4142439000"), (_HOLDER, "4142439000"))
    tracer = Tracer(script, stream, card="x")
    for command in (_MF, _HOLDER):
        tracer.transmit(bytes.fromhex(command))
    getattr(tracer, loss)()
    tracer.transmit(bytes.fromhex(_HOLDER))
    answers = [row["r"] for row in lines(stream)[1:] if row["ev"] == "apdu"]
    assert ["9000", "4142439000", "XXXXXX9000"] == answers
    opened = [
        TraceEvent(n, EventKind.APDU, c, "4142439000") for n, c in ((1, _MF), (2, _HOLDER), (4, _HOLDER))
    ]
    lost = {"reset": EventKind.RESET, "remove": EventKind.REMOVE, "power_cut": EventKind.POWER_CUT}[loss]
    events = (*opened[:2], TraceEvent(3, lost), opened[2])
    masked = redact_trace(Trace("x", "device", events)).events
    assert ["4142439000", "XXXXXX9000"] == [masked[1].response, masked[3].response]


def test_redaction_of_a_whole_trace_masks_computed_values_too():
    open_trace = parse_trace(
        HEAD + b'{"n":1,"ev":"let","set":{"SK":"11FDF264","n":"1"}}\n'
        b'{"n":2,"ev":"apdu","c":"0020000003123456","r":"9000"}\n{"n":3,"ev":"reset","r":"3B00"}\n'
    )
    masked = redact_trace(open_trace)
    assert {"SK": "XXXXXXXX", "n": "XX"} == masked.events[0].values
    assert ["0020000003XXXXXX", None] == [event.command for event in masked.events[1:]]
    assert masked == redact_trace(masked)
    assert "123456" not in trace_text(masked)


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
        pytest.param("80FA000008" + "5A" * 8, "80FA000008" + "XX" * 8, id="what-a-sam-enciphers"),
        pytest.param("80FA050010" + "5A" * 16, "80FA050010" + "XX" * 16, id="what-a-sam-puts-a-mac-on"),
        pytest.param("00D6960003414243", "00D6960003XXXXXX", id="holder"),
        pytest.param("00D6950003414243", "00D6950003414243", id="another-file"),
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
    keys = {"WRITE KEY", "WRITE SAM KEY", "DES CRYPT"}
    assert pins | keys | {"EXTERNAL AUTHENTICATE", "CREATE FILE"} == set(SECRETS)


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
        pytest.param(HEAD + b'{"n":1,"ev":"remove","t":-1}\n', "t must be a number", id="time"),
        pytest.param(HEAD + b'{"n":1,"ev":"remove","t":NaN}\n', "t must be a number", id="no-time"),
        pytest.param(HEAD + b'{"n":1,"ev":"remove","t":true}\n', "t must be a number", id="time-truth"),
        pytest.param(HEAD + b'{"n":1,"ev":"remove","nv":-1}\n', "nv must be a number of writes", id="writes"),
        pytest.param(HEAD + b'{"n":1,"ev":"let","set":[1]}\n', "set must be texts by name", id="set"),
        pytest.param(HEAD + b'{"n":1,"ev":"let","set":{"SK":1}}\n', "set must be texts by name", id="set-number"),
        pytest.param(HEAD + b'{"n":1,"ev":"note","note":1}\n', "note must be a text", id="note"),
        pytest.param(HEAD + b'{"n":1,"ev":[]}\n', "ev must be one of", id="event-list"),
        pytest.param(HEAD + b'{"n":true,"ev":"remove"}\n', "n must be 1, got True", id="number-truth"),
        pytest.param(HEAD + b'{"n":1,"ev":"remove","t":1e9}\n', "t must be a number of seconds, 0..100", id="late"),
        pytest.param(HEAD + b'{"n":1,"ev":"remove","dt":1' + b"0" * 400 + b"}\n", "dt must be a number", id="huge"),
        pytest.param(HEAD + b'{"n":1' + b"0" * 5000 + b"}\n", "line must be a JSON object", id="endless-number"),
        pytest.param(
            HEAD.replace(b'"by"', b'"made":"0001-01-01T00:00:00+14:00","by"'), "made must be a moment of the years",
            id="before-time",
        ),
        pytest.param(HEAD.replace(b'"by"', b'"made":"1969-12-31","by"'), "made must be a moment of", id="too-early"),
        pytest.param(HEAD.replace(b'"by"', b'"seed":true,"by"'), "seed must be a text or a number", id="seed-truth"),
        pytest.param(
            HEAD + b" " * MOST_LINE + b"\n", f"line 2 at offset 92: line must be at most {MOST_LINE} bytes", id="long"
        ),
        pytest.param(HEAD.replace(b'"by"', b'"made":"today","by"'), "made must be a moment", id="made"),
        pytest.param(HEAD.replace(b'"by"', b'"seed":[],"by"'), "seed must be a text or a number", id="seed"),
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


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"n":1,"ev":"apdu","c":"0020000003123456"', id="cut"),
        pytest.param('{"n":1,"ev":"apdu","c":"00200000031234567"}', id="odd"),
        pytest.param('{"n":1,"ev":"apdu","c":"0020","r":["0020000003123456"]}', id="list"),
        pytest.param('{"n":1,"ev":"let","set":{"PIN":123456}}', id="set"),
        pytest.param('{"n":1,"ev":"note","note":{"pin":123456}}', id="note"),
        pytest.param('["0020000003123456"]', id="no-object"),
    ],
)
def test_what_may_be_a_secret_is_not_in_the_message(line):
    with pytest.raises(DecodeError) as refused:
        parse_trace(HEAD + line.encode() + b"\n")
    assert "line 2" in str(refused.value)
    assert "123456" not in str(refused.value)


def test_of_a_file_without_end_no_more_is_read_than_is_allowed():
    with pytest.raises(DecodeError, match=f"zero line 1 at offset 0: line must be at most {MOST_LINE} bytes"):
        read_trace(Path("/dev/zero"))


def test_a_trace_of_too_many_lines(monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "MOST_BYTES", 2 * len(HEAD))
    path = tmp_path / "long.jsonl"
    path.write_bytes(HEAD + b"".join(b'{"n":%d,"ev":"remove"}\n' % number for number in range(1, 6)))
    with pytest.raises(
        DecodeError, match="line 6 at offset 180: trace must be at most 184 bytes, got a larger one"
    ):
        read_trace(path)


@given(st.integers(0, len(RECORDED) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_trace_is_read_or_refused(place, damage):
    with contextlib.suppress(DecodeError):
        parse_trace(RECORDED[:place] + damage + RECORDED[place + len(damage) :])


def test_half_a_character_becomes_a_question_mark():
    trace = parse_trace(HEAD + b'{"n":1,"ev":"note","note":"a\\ud800b"}\n')
    assert "a?b" == trace.events[0].note


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DecodeError, match="none.jsonl at offset 0: must be readable"):
        read_trace(tmp_path / "none.jsonl")


def test_trace_file_names_itself_in_errors(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"x\n")
    with pytest.raises(DecodeError, match=r"bad\.jsonl line 1"):
        read_trace(path)


def test_masked_commands_say_so():
    trace = parse_trace(HEAD + b'{"n":1,"ev":"apdu","c":"00200000XX"}\n{"n":2,"ev":"apdu","c":"0084"}\n')
    assert [True, False] == [event.is_redacted for event in trace.events]
