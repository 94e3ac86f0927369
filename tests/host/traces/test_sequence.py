"""Message sequences: merged, masked, drawn in Mermaid, SVG and HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.host.traces import (
    EventKind,
    Mac,
    MessageSequence,
    Trace,
    TraceEvent,
    message_sequence,
    to_html,
    to_mermaid,
    to_svg,
)
from cardos.host.traces.sequence import Item
from tests.host.traces.recordings import recorded

SVG = "{http://www.w3.org/2000/svg}"


def day(suite="3des", **options):
    both = recorded(suite)
    return message_sequence([both.card, both.sam], **options)


def texts(svg):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_traces_with_times_are_merged_by_them():
    sequence = day()
    assert ("card city-3des", "PSAM psam-3des") == sequence.parties
    names = [message.title.partition(",")[0] for message in sequence.messages]
    begin = names.index("INITIALIZE FOR PURCHASE")
    expected = [
        "INITIALIZE FOR PURCHASE",
        "INIT SAM FOR PURCHASE",
        "DEBIT FOR PURCHASE",
        "CREDIT SAM FOR PURCHASE",
    ]
    assert expected == names[begin : begin + 4]
    times = [message.time for message in sequence.messages]
    assert sorted(times) == times
    assert 0 == times[0]


def test_traces_without_times_follow_one_another():
    both = recorded("3des")
    untimed = replace(both.sam, made=None)
    parties = [message.party for message in message_sequence([untimed, both.card]).messages]
    assert sorted(parties) == parties
    assert {0, 1} == set(parties)


def test_macs_are_marked_when_keys_are_given():
    assert {None, Mac.UNCHECKED} == {item.mac for item in items(day())}
    marked = day(keys=recorded("3des").keys)
    assert {None, Mac.RIGHT} == {item.mac for item in items(marked)}
    assert "✓" in to_mermaid(marked)
    assert "21 MACs checked" not in to_html(day())
    checked = sum(item.mac is Mac.RIGHT for item in items(marked))
    assert f"{checked} MACs checked, 0 wrong." in to_html(marked)
    assert f"{checked} MACs, not checked." in to_html(day())


def items(sequence):
    return [item for message in sequence.messages for item in (*message.items, *message.answers)]


@pytest.mark.parametrize("draw", [to_mermaid, to_svg, to_html])
def test_a_wrong_mac_is_drawn_with_what_it_must_be(draw):
    both = recorded("3des")
    credit = both.event(4)
    events = (*both.card.events[:3], replace(credit, response="00000000" + credit.response[8:]))
    picture = draw(message_sequence([replace(both.card, events=events)], keys=both.keys))
    assert f"✗ must be {credit.response[:8]}" in picture


def test_keys_of_another_cipher_mark_nothing():
    assert {None, Mac.UNCHECKED} == {item.mac for item in items(day(keys=recorded("sm4").keys))}


def secret():
    event = TraceEvent(1, EventKind.APDU, "0020000003123456", "9000")
    let = TraceEvent(2, EventKind.LET, values={"SK": "11FDF264E8AEEFA3"})
    return message_sequence([Trace("city-3des", "device", (event, let))])


@pytest.mark.parametrize("draw", [to_mermaid, to_svg, to_html])
def test_secrets_are_masked(draw):
    picture = draw(secret())
    assert "123456" not in picture
    assert "11FDF264" not in picture
    assert "XXXXXX" in picture


def test_mermaid():
    event = TraceEvent(1, EventKind.APDU, "805C000204", "000000649000")
    lost = TraceEvent(2, EventKind.APDU, "0084000004", None)
    removed = TraceEvent(3, EventKind.REMOVE, note="a; b # <c>")
    text = to_mermaid(message_sequence([Trace("moon", "device", (event, lost, removed))]))
    expected = [
        "sequenceDiagram",
        "    participant T as terminal",
        "    participant P0 as card moon",
        "    T->>P0: 1 GET BALANCE, purse (EP)",
        "    P0-->>T: 9000 success<br/>balance 100 fen",
        "    T->>P0: 2 GET CHALLENGE",
        "    P0--xT: no answer",
        "    Note over T,P0: 3 card removed: a#59; b #35; #lt;c#gt;",
    ]
    assert expected == text.splitlines()


def test_the_picture_says_everything_once():
    sequence = day(keys=recorded("3des").keys)
    found = texts(to_svg(sequence))
    for message in sequence.messages:
        assert message.title in found
    assert 6 == len([each for each in found if each in ("terminal", *sequence.parties)])  # at both ends
    words = "\n".join(found)
    for item in items(sequence):
        assert f"{item.name} {item.text}" in words


def test_arrows_go_from_the_terminal_and_back():
    event = TraceEvent(1, EventKind.APDU, "805C000204", "000000649000")
    root = ET.fromstring(to_svg(message_sequence([Trace("moon", "device", (event,))])))
    [row] = [each for each in root.iter(f"{SVG}g") if each.get("class") == "row"]
    command, answer = row.iter(f"{SVG}line")
    heads = {
        each.text: float(each.get("x")) for each in root.iter(f"{SVG}text") if each.get("class") == "head"
    }
    assert heads["terminal"] < heads["card moon"]
    assert heads["terminal"] == float(command.get("x1")) == float(answer.get("x2")) - 7
    assert heads["card moon"] == float(answer.get("x1")) == float(command.get("x2")) + 7


def test_the_terminal_stands_between_card_and_sam():
    heads = re.findall(r'class="head" x="(\d+)" y="28">([^<]+)', to_svg(day()))
    places = {name: int(x) for x, name in heads}
    assert places["card city-3des"] < places["terminal"] < places["PSAM psam-3des"]


def test_mermaid_stands_the_terminal_between_card_and_sam_too():
    lines = [line.split(" as ")[1] for line in to_mermaid(day()).splitlines() if " as " in line]
    assert ["card city-3des", "terminal", "PSAM psam-3des"] == lines


def test_an_answer_that_did_not_come_is_a_cross():
    lost = TraceEvent(1, EventKind.APDU, "0084000004", None)
    svg = to_svg(message_sequence([Trace("moon", "device", (lost,))]))
    [row] = [each for each in ET.fromstring(svg).iter(f"{SVG}g") if each.get("class") == "row"]
    assert ["lost"] == [each.get("class") for each in row.iter(f"{SVG}path")][1:]
    assert 1 == len(list(row.iter(f"{SVG}line")))


def crowded():
    """Long names, remarks, values and status words, and such of wide characters."""
    notes = ("x" * 500, "a remark of many words " * 40, "充值测试记录" * 40, "")
    events = [TraceEvent(n, EventKind.NOTE, note=note) for n, note in enumerate(notes, 1)]
    more = [TraceEvent(5, EventKind.APDU, "80EE0000FF" + "CC" * 255, "AB" * 256 + "6F17")]
    traces = [Trace(name, "device", (*events, *more)) for name in ("m" * 100, "城市一卡通" * 30, "moon")]
    return message_sequence(traces)


@pytest.mark.parametrize(
    "sequence", [lambda: day(keys=recorded("3des").keys), crowded], ids=["day", "crowded"]
)
def test_nothing_is_drawn_outside(sequence):
    svg = ET.fromstring(to_svg(sequence()))
    width, height = float(svg.get("width")), float(svg.get("height"))
    for element in svg.iter(f"{SVG}text"):
        x, y, text = float(element.get("x")), float(element.get("y")), "".join(element.itertext())
        assert 0 <= x <= width
        assert 0 <= y <= height
        cells = sum(2 if east_asian_width(each) in "WF" else 1 for each in text)
        start = x - 4 * cells if element.get("class") == "head" else x
        if "left" not in element.get("class", ""):
            assert 0 <= start <= start + 6.4 * cells <= width
    for box in svg.iter(f"{SVG}rect"):
        assert 0 <= float(box.get("x", 0)) <= float(box.get("x", 0)) + float(box.get("width")) <= width


def test_a_page_needs_nothing_beside_itself():
    page = to_html(day(), title="Load & purchase <1>")
    assert "<title>Load &amp; purchase &lt;1&gt;</title>" in page
    assert not re.search(r"(?:src|href)\s*=|@import|url\(|<script", page)
    assert "29 commands, 1 without success" in page


def test_long_bytes_are_shortened():
    event = TraceEvent(1, EventKind.APDU, "00B0810080", "AB" * 128 + "9000")
    [message] = message_sequence([Trace("moon", "device", (event,))]).messages
    assert Item("data", "AB" * 12 + "… (128 bytes)") == message.answers[0]


def test_nothing_is_drawn_too():
    empty = message_sequence([])
    assert MessageSequence((), ()) == empty
    assert "terminal" in to_svg(empty)
    assert "0 commands" in to_html(empty)


_TEXT = st.text(max_size=30)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.binary(max_size=12), st.none() | st.binary(max_size=40), _TEXT), max_size=4), _TEXT
)
def test_whatever_a_trace_holds_the_picture_is_well_formed(rows, name):
    events = []
    for number, (command, answer, note) in enumerate(rows):
        text = answer if answer is None else answer.hex().upper()
        events.append(TraceEvent(2 * number + 1, EventKind.APDU, command.hex().upper(), text))
        events.append(TraceEvent(2 * number + 2, EventKind.NOTE, note=note))
    sequence = message_sequence([Trace(name, "device", tuple(events))])
    ET.fromstring(to_svg(sequence))
    to_html(sequence, title=name).encode()
    assert 3 + 3 * len(rows) == len(to_mermaid(sequence).splitlines())
