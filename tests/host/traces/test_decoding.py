"""Events explained: names, parameters, fields of commands, answers and files, status words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import COMMANDS, Command
from cardos.host.traces import (
    DecodedField,
    EventDecoder,
    EventKind,
    Mac,
    Trace,
    TraceEvent,
    decode_trace,
    profile_of,
    redact_trace,
)
from cardos.host.traces.anatomy import Anatomy
from cardos.host.traces.masks import covers, filled, is_masked, masked
from cardos.host.traces.parameters import PARAMETERS, TRANSACTION_TYPES, parameter_words
from cardos.profile import load_profile
from tests.host.traces.recordings import recorded

CITY = load_profile("city-3des")


def explained(*exchanges, profile=CITY):
    """The events of (command, answer) pairs, explained."""
    events = (TraceEvent(n, EventKind.APDU, c, r) for n, (c, r) in enumerate(exchanges, 1))
    return list(decode_trace(Trace("x", "device", tuple(events)), profile))


def shown(fields):
    return {each.name: each.text for each in fields}


# ------------------------------------------------------------------ commands and answers


def test_a_day_is_explained():
    day = recorded("3des")
    events = list(decode_trace(day.card, day.profile))
    assert [event.number for event in day.card.events] == [event.number for event in events]
    load = events[2]
    assert ("INITIALIZE FOR LOAD", "purse (EP)", "JR/T 0025.2 5.2, 5.5.2") == (
        load.name,
        load.parameters,
        load.clause,
    )
    assert {"key_index": "1", "amount": "5000 fen", "terminal": "990000000001"} == shown(load.body)
    assert {"balance": "0 fen", "online_serial": "0"}.items() <= shown(load.answer).items()
    assert (0x9000, "success", True) == (load.sw, load.status, load.succeeded)
    assert {"serial": "2", "amount": "200 fen", "type": "06 purchase from the purse"}.items() <= shown(
        events[16].answer
    ).items()
    assert "record not found" == events[19].status
    assert ("the end", EventKind.NOTE) == (events[-1].note, events[-1].kind)


def test_times_and_writes_are_kept():
    day = recorded("3des")
    event = list(decode_trace(day.card, day.profile))[3]
    was = day.event(4)
    assert (was.time, was.duration, was.writes) == (event.time, event.duration, event.writes)
    assert event.writes > 0


def test_what_the_fci_says_of_the_card():
    fields = shown(next(decode_trace(recorded("3des").card, CITY)).answer)
    assert {"application_serial": "00000102030405060701", "start": "2025-01-01"}.items() <= fields.items()


def test_without_a_profile_contents_stay_bytes():
    assert ["data"] == [each.name for each in list(decode_trace(recorded("3des").card))[16].answer]


@pytest.mark.parametrize(
    ("exchanges", "expected"),
    [
        pytest.param([("00B0950008", "00" * 8 + "9000")], {"issuer": "00" * 8}, id="part-of-a-file"),
        pytest.param([("00B0950408", "00" * 8 + "9000")], {"data": "00" * 8}, id="from-the-middle"),
        pytest.param([("00B0850012", "00" * 18 + "9000")], {"data": "00" * 18}, id="not-in-this-directory"),
        pytest.param(
            [("00B0950020", "00" * 30 + "1122" + "9000")], {"fci_data": "0000", "rest": "1122"}, id="longer"
        ),
        pytest.param(
            [("00A40000020015", "9000"), ("00B0000008", "00" * 8 + "9000")], {"issuer": "00" * 8}, id="selected"
        ),
        pytest.param(
            [("00A40000020015", "6A82"), ("00B0000008", "00" * 8 + "9000")], {"data": "00" * 8}, id="not-selected"
        ),
        pytest.param([("00B201C417", "00" * 23 + "9000")], {"type": "00", "date": "00000000"}, id="empty-log"),
        pytest.param([("0084000004", "112233449000")], {"challenge": "11223344"}, id="challenge"),
        pytest.param([("805C000204", "6985")], {}, id="no-data"),
        pytest.param([("805C000204", "0102")], {}, id="status-only"),
        pytest.param([("805C000204", "01020304059000")], {"data": "0102030405"}, id="wrong-length"),
        pytest.param([("80EE0000", "AA9000")], {"data": "AA"}, id="unknown"),
        pytest.param([("00A4000000", "6104"), ("00C0000004", "6F0284009000")], {"data": "6F028400"}, id="tail"),
        pytest.param([("805C000204", "6104"), ("00C0000004", "000000649000")], {"balance": "100 fen"}, id="goes-on"),
        pytest.param([("00C0000004", "000000649000")], {"data": "00000064"}, id="goes-on-with-nothing"),
    ],
)  # fmt: skip
def test_answers(exchanges, expected):
    select = ("00A4040009A00000000386980701", "9000")
    last = explained(select, *exchanges)[-1]
    assert expected.items() <= shown(last.answer).items()
    assert bool(expected) == bool(last.answer)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("0020000003XXXXXX", {"pin": "XXXXXX"}, id="masked"),
        pytest.param("80D401011539F0F0AA33" + "XX" * 16, {"type": "39", "value": "XX" * 16}, id="masked-in-part"),
        pytest.param("04D6950022" + "00" * 34, {"issuer": "00" * 8, "command_mac": "00000000"}, id="protected"),
        pytest.param(
            "04D695000C" + "00" * 8 + "11223344", {"data": "00" * 8, "command_mac": "11223344"}, id="enciphered"
        ),
        pytest.param("841E000004AABBCCDD", {"command_mac": "AABBCCDD"}, id="mac-alone"),
        pytest.param("80520000 0B 20169999 105800 8AFA5718".replace(" ", ""), {"date": "20169999"}, id="no-date"),
        pytest.param("805200000420161216", {"data": "20161216"}, id="wrong-length"),
        pytest.param("80E00015072800 1EF0F0FFFF".replace(" ", ""), {"data": "28001EF0F0FFFF"}, id="create-file"),
        pytest.param("80EE000001AA", {"data": "AA"}, id="unknown"),
        pytest.param("00A4", {}, id="stub"),
    ],
)  # fmt: skip
def test_commands(command, expected):
    select = ("00A4040009A00000000386980701", "9000")
    [_, last] = explained(select, (command, "6985"))
    assert expected == {name: text for name, text in shown(last.body).items() if name in expected}
    assert bool(expected) == bool(last.body)


@pytest.mark.parametrize(
    ("answer", "sw", "status"),
    [
        pytest.param("63C2", 0x63C2, "2 tries left", id="tries"),
        pytest.param(None, None, "no answer", id="none"),
        pytest.param("90", None, "no status word", id="short"),
        pytest.param("", None, "no status word", id="empty"),
        pytest.param("XXXX", None, "no status word", id="masked"),
    ],
)
def test_status(answer, sw, status):
    [event] = explained(("0020000003XXXXXX", answer))
    assert (sw, status) == (event.sw, event.status)


def test_undeclared_commands_have_a_name():
    assert ["unknown command 80EE0000", "unknown command 00A4"] == [
        event.name for event in explained(("80EE0000", "6D00"), ("00A4", "6700"))
    ]


def test_a_decoder_follows_events_one_by_one():
    decoder = EventDecoder(CITY)
    select = TraceEvent(1, EventKind.APDU, "00A4040009A00000000386980701", "9000")
    read = TraceEvent(2, EventKind.APDU, "00B0950008", "00" * 8 + "9000")
    decoder.decode(select)
    assert ["issuer"] == [each.name for each in decoder.decode(read).answer]
    decoder.decode(TraceEvent(3, EventKind.RESET, response="3B00"))
    assert ["data"] == [each.name for each in decoder.decode(replace(read, number=4)).answer]


def test_profiles_are_found_by_the_name_in_the_header(tmp_path):
    assert "psam-3des" == profile_of(Trace("psam-3des", "device", ())).name
    mine = tmp_path / "mine.toml"
    mine.write_text('[profile]\nextends = "city-3des"\nname = "mine"\n', encoding="utf-8")
    for name in ("moon", "", str(mine)):  # a file of ours is not opened because a trace says so
        assert profile_of(Trace(name, "device", ())) is None


def test_fields_say_what_they_are():
    mac = DecodedField("mac1", bytes(4), "00000000", Mac.WRONG)
    assert ("00000000", "MAC1", True) == (mac.text, mac.note, mac.is_wrong)
    data = DecodedField("data", b"\x01", "01")
    assert ("01", "", False) == (data.text, data.note, data.is_wrong)
    assert "2025-01-01" == DecodedField("date", date(2025, 1, 1), "20250101").text


@given(st.lists(st.tuples(st.binary(max_size=40), st.none() | st.binary(max_size=60)), max_size=6))
def test_any_bytes_are_explained(exchanges):
    pairs = [(command.hex().upper(), answer and answer.hex().upper()) for command, answer in exchanges]
    assert len(pairs) == len(explained(*pairs))


@given(st.sampled_from(COMMANDS), st.binary(max_size=60), st.binary(max_size=60), st.data())
def test_whatever_is_masked_no_secret_shows_and_nothing_fails(spec, body, answer, data):
    command = Command(
        spec.cla, spec.ins, min(spec.p1), min(spec.p2), body, le=data.draw(st.sampled_from([0, spec.le]))
    )
    event = TraceEvent(1, EventKind.APDU, bytes(command).hex().upper(), answer.hex().upper() + "9000")
    [once] = decode_trace(redact_trace(Trace("x", "device", (event,))), CITY)
    for each in once.body:
        assert (each.value is None) == is_masked(each.raw)


# ------------------------------------------------------------------ what P1 and P2 say


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("00A40000", "by identifier", id="select"),
        pytest.param("00A40402", "by name, next", id="select-next"),
        pytest.param("00B09504", "file 15, offset 4", id="binary"),
        pytest.param("00B00104", "current file, offset 260", id="binary-current"),
        pytest.param("00B201C4", "record 1 of file 18", id="record"),
        pytest.param("00B20002", "next record of current file", id="record-next"),
        pytest.param("00B20007", "mode 7 record of current file", id="record-unknown"),
        pytest.param("00E200C0", "new record of file 18", id="append"),
        pytest.param("00200001", "PIN 01", id="pin"),
        pytest.param("00820002", "key 02", id="key"),
        pytest.param("00880101", "decipher with key 01", id="internal"),
        pytest.param("841E0001", "for ever", id="block"),
        pytest.param("80E03F01", "file 3F01", id="create"),
        pytest.param("80D40102", "new key 02", id="new-key"),
        pytest.param("80D4F901", "key 39/01", id="change-key"),
        pytest.param("805C0302", "purse (EP), own money", id="balance"),
        pytest.param("80500001", "deposit (ED)", id="load"),
        pytest.param("805A0006", "purchase from the purse (06)", id="proof"),
        pytest.param("801A4100", "maintenance key, levels 2, version 00", id="delivery"),
        pytest.param("80FA0500", "mac whole", id="crypt"),
        pytest.param("E07A0801", "purse code 01", id="grey"),
        pytest.param("80540100", "", id="nothing"),
    ],
)
def test_parameters(header, expected):
    command = Command.decode(bytes.fromhex(header))
    assert expected == parameter_words(Anatomy.of(header, None).name, command)


def test_every_command_with_a_choice_of_parameters_says_what_they_mean():
    chosen = {spec.name for spec in COMMANDS if len(spec.p1) > 1 or len(spec.p2) > 1}
    assert chosen <= set(PARAMETERS) <= {spec.name for spec in COMMANDS}
    proof = next(spec for spec in COMMANDS if spec.name == "GET TRANSACTION PROVE")
    assert set(proof.p2) == set(TRANSACTION_TYPES)


# ------------------------------------------------------------------ masks


@given(st.binary(max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_what_is_masked_covers_what_it_was(raw, start, length):
    text = raw.hex().upper()
    stop = min(start + length, len(raw))
    hidden = masked(text, min(start, stop), stop)
    assert covers(hidden, text)
    assert covers(text, hidden)
    assert len(raw) == len(filled(hidden))
    assert text == hidden or is_masked(hidden)


@pytest.mark.parametrize("other", ["0085", "00840000", "0", ""])
def test_other_bytes_are_not_covered(other):
    assert not covers("0084", other)


@pytest.mark.parametrize(
    ("command", "answer", "ignore", "expected"),
    [
        pytest.param("805C000204", "000000649000", {"balance"}, ("805C000204", "XXXXXXXX9000"), id="answer"),
        pytest.param("841E000004AABBCCDD", "9000", {"command_mac"}, ("841E000004XXXXXXXX", "9000"), id="mac"),
        pytest.param("805A0002020001", None, {"serial"}, ("805A000202XXXX", None), id="command"),
        pytest.param("805A0002020001", "9406", {"amount"}, ("805A0002020001", "9406"), id="another"),
        pytest.param("00A4", "6700", {"data"}, ("00A4", "6700"), id="no-command"),
    ],
)
def test_fields_left_out(command, answer, ignore, expected):
    assert expected == Anatomy.of(command, answer).without(ignore)
