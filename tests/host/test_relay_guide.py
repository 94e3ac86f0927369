"""docs/relay.md says what is: its conversation byte for byte, its tables, its limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cardos.host.transports.relay_frames import (
    ANSWER,
    GREETING,
    MOST_BYTES,
    FaultCode,
    Frame,
    Kind,
    decode_error,
    encode_frame,
)
from cardos.host.transports.relay_visit import RelayLimits
from cardos.readers import open_transport

from .relays import ended, served, spoken

GUIDE = (Path(__file__).parents[2] / "docs/relay.md").read_text(encoding="utf-8")
LINES = re.findall(r"^([<>]) ([0-9A-F ]+)$", GUIDE, re.MULTILINE)


def rows(title):
    """The cells of the table rows in a chapter, without the heads."""
    chapter = GUIDE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in chapter.splitlines() if "|" in line
    ]


def test_the_conversation():
    assert {">", "<"} == {who for who, _ in LINES}
    with served(open_transport("sim:city-3des")) as relay, spoken(relay) as link:
        for who, text in LINES:
            raw = bytes.fromhex(text)
            if who == ">":
                link.connection.sendall(raw)
            else:
                assert text.replace(" ", "") == encode_frame(*link.receive(5)).hex().upper()
        assert ended(link)


def test_the_conversation_shows_every_important_kind():
    kinds = {bytes.fromhex(text)[0] for who, text in LINES if who == ">"}
    assert {Kind.HELLO, Kind.TRANSMIT, Kind.RESET, Kind.REMOVE, Kind.CLOSE} == kinds


def test_the_table_of_requests():
    told = {int(row[0], 16): row[3] for row in rows("Frames") if re.fullmatch("[0-9A-F]{2}", row[0])}
    asked = {kind for kind in Kind if kind is not Kind.ERROR}
    assert asked == set(told)
    assert {f"{kind | ANSWER:02X}" for kind in asked - {Kind.CLOSE}} | {""} == set(told.values())
    assert f"{GREETING.hex(' ').upper()}" in GUIDE


def test_the_table_of_errors():
    told = {
        int(row[0], 16): row[2].strip("`") for row in rows("Errors") if re.fullmatch("[0-9A-F]{2}", row[0])
    }
    assert {code: type(decode_error(bytes([code]))).__name__ for code in FaultCode} == told


@pytest.mark.parametrize(
    "said",
    [
        f"0 to {MOST_BYTES:,}",
        f"more than {len(GREETING)} in hello",
        f"end of hello | {RelayLimits().hello:.0f} s",
        f"to take an answer | {RelayLimits().frame:.0f} s",
        f"between two requests | {RelayLimits().idle / 3600:.0f} h",
        f"another client has it | {RelayLimits().handover:.0f} s",
        f"waits up to {RelayLimits().handover:.0f} second",
        f"connections without the card | {RelayLimits().waiting};",
    ],
)
def test_the_limits(said):
    assert said in GUIDE


def test_requests_may_be_sent_ahead():
    with served(open_transport("sim:city-3des")) as relay:
        ahead = encode_frame(Kind.HELLO, GREETING) + encode_frame(Kind.ATR) * 3
        with spoken(relay, ahead) as link:
            welcome, *answers = [link.receive(5) for _ in range(4)]
    assert [Frame(Kind.ATR | ANSWER, welcome.body[len(GREETING) :])] * 3 == answers
