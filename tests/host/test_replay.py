"""The recorded card: strict and relaxed, removals and resets, what it says when something else comes."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import CardRemoved, ReplayMismatch, TransportError
from cardos.host import Purse, PurseSession, SimulatedTransport, Tracer, parse_trace
from cardos.host.traces import EventKind, Trace, TraceEvent
from cardos.host.transports.replay import ReplayTransport
from cardos.testing import check_transport
from tests.host.traces.recordings import recorded
from tests.host.traces.test_difference import trace

BALANCE = ("805C000204", "000000649000")
CHALLENGE = ("0084000004", "112233449000")


def send(card, text):
    return card.transmit(bytes.fromhex(text)).hex().upper()


@pytest.mark.parametrize("strict", [True, False])
def test_a_day_is_lived_again(strict):
    day = recorded("3des").card
    card = ReplayTransport(day, strict=strict)
    assert day.atr == card.atr
    for event in day.events:
        if event.kind is EventKind.RESET:
            assert event.response == card.reset().hex().upper()
        elif event.kind is EventKind.APDU:
            assert event.response == send(card, event.command.replace("XX", "12"))
    assert not strict or 0 == card.left


def test_a_session_reads_a_recorded_card():
    day = recorded("3des")
    card = ReplayTransport(day.card, strict=False)
    session = PurseSession(card, day.profile)
    assert [200, 150, 5000] == [record.amount for record in session.read_log()]
    assert 0 == session.get_balance(Purse.ED)


@pytest.mark.parametrize(
    ("events", "sent", "problem"),
    [
        pytest.param([BALANCE], ["805C000104"], "event 1 of the trace must be 805C000204, got 805C000104", id="other"),
        pytest.param([BALANCE], [BALANCE[0]] * 2, "event 2 of the trace must be the end, got 805C000204", id="end"),
        pytest.param([], ["805C000204"], "event 1 of the trace must be the end, got 805C000204", id="empty"),
        pytest.param([("reset", "3B00")], ["805C000204"], "must be a reset, got 805C000204", id="reset"),
        pytest.param(
            [("0020000003123456", "9000")], ["0020000003654321"],
            "must be 0020000003XXXXXX, got 0020000003XXXXXX", id="secrets",
        ),
        pytest.param([BALANCE], ["80EE000002ABCD"], "must be 805C000204, got 80EE000002XXXX", id="secret-sent"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_event(events, sent, problem):
    card = ReplayTransport(trace(*events))
    *before, last = sent
    for command in before:
        send(card, command)
    with pytest.raises(ReplayMismatch, match=problem):
        send(card, last)


def test_a_mismatch_changes_nothing_and_says_what_and_where():
    card = ReplayTransport(trace(BALANCE, CHALLENGE))
    with pytest.raises(ReplayMismatch) as caught:
        send(card, CHALLENGE[0])
    assert (1, BALANCE[0], CHALLENGE[0]) == (caught.value.number, caught.value.expected, caught.value.got)
    with pytest.raises(ReplayMismatch, match="event 1 of the trace must be 805C000204, got a reset"):
        card.reset()
    assert BALANCE[1] == send(card, BALANCE[0])


def test_a_trace_that_was_cut_short_says_so():
    cut = replace(trace(BALANCE), complete=False)
    card = ReplayTransport(cut)
    send(card, BALANCE[0])
    with pytest.raises(ReplayMismatch, match="event 2 of the trace must be the end, where it was cut short"):
        send(card, CHALLENGE[0])


def test_masked_bytes_match_anything_and_are_zero_in_answers():
    card = ReplayTransport(trace(("0020000003XXXXXX", "63C2"), ("801A1E0000", "XXXX9000")))
    assert "63C2" == send(card, "0020000003999999")
    assert "00009000" == send(card, "801A1E0000")


def test_relaxed_takes_any_order_and_begins_again():
    card = ReplayTransport(trace(BALANCE, CHALLENGE, ("805C000204", "000000C89000")), strict=False)
    assert CHALLENGE[1] == send(card, CHALLENGE[0])
    assert ["000000C89000", BALANCE[1], "000000C89000"] == [send(card, BALANCE[0]) for _ in range(3)]
    with pytest.raises(ReplayMismatch, match="must be a command that was recorded, got 805C000104"):
        send(card, "805C000104")


def test_relaxed_lets_macs_and_random_numbers_be_what_they_are():
    credit = "805200000B20161216105800{}04"
    card = ReplayTransport(trace((credit.format("8AFA5718"), "FA00066D9000")), strict=False)
    assert "FA00066D9000" == send(card, credit.format("00000000"))
    exact = ReplayTransport(trace((credit.format("8AFA5718"), "FA00066D9000")), strict=False, ignore=())
    with pytest.raises(ReplayMismatch):
        send(exact, credit.format("00000000"))


@pytest.mark.parametrize("kind", ["remove", "powerCut"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_card_that_went_away_goes_away_again(kind, strict):
    card = ReplayTransport(
        trace(BALANCE, (CHALLENGE[0], None), (kind, None), ("reset", "3B01"), BALANCE), strict=strict
    )
    send(card, BALANCE[0])
    for _ in range(2):
        with pytest.raises(CardRemoved):
            send(card, CHALLENGE[0])
    assert bytes.fromhex("3B01") == card.reset() == card.atr
    assert BALANCE[1] == send(card, BALANCE[0])


def test_a_card_that_was_taken_between_two_commands():
    card = ReplayTransport(
        trace(BALANCE, ("remove", None), (BALANCE[0], None), ("remove", None), ("reset", "3B00"))
    )
    send(card, BALANCE[0])
    for _ in range(2):
        with pytest.raises(CardRemoved):
            send(card, BALANCE[0])
    assert bytes.fromhex("3B00") == card.reset()
    assert 0 == card.left


def test_a_trace_that_says_nothing_of_the_reset_is_lived_again_as_it_is():
    card = ReplayTransport(trace((CHALLENGE[0], None), ("powerCut", None), BALANCE, CHALLENGE))
    with pytest.raises(CardRemoved):
        send(card, CHALLENGE[0])
    assert [BALANCE[1], CHALLENGE[1]] == [send(card, BALANCE[0]), send(card, CHALLENGE[0])]


def test_an_answer_that_did_not_come_is_no_removal():
    card = ReplayTransport(trace((BALANCE[0], None), BALANCE))
    with pytest.raises(TransportError, match="event 1 of the trace has no answer"):
        send(card, BALANCE[0])
    assert BALANCE[1] == send(card, BALANCE[0])


def test_a_reset_that_was_not_answered():
    card = ReplayTransport(trace(("reset", None)))
    with pytest.raises(TransportError, match="event 1 of the trace is a reset without an answer"):
        card.reset()


def test_relaxed_resets_without_a_recorded_one_give_the_last_atr():
    day = Trace("x", "device", trace(BALANCE).events, atr=bytes.fromhex("3B00"))
    card = ReplayTransport(day, strict=False)
    assert bytes.fromhex("3B00") == card.reset()


class Mirrored(ReplayTransport):
    """A recorded card with a real one beside it, which counts what came."""

    def __init__(self, recording, card):
        super().__init__(recording)
        self._beside = SimulatedTransport(card)

    def transmit(self, command, /):
        with contextlib.suppress(CardRemoved):
            self._beside.transmit(command)
        return super().transmit(command)

    def reset(self, *, cold=True):
        self._beside.reset(cold=cold)
        return super().reset(cold=cold)


def test_the_kit_for_transports_passes_through_a_recorder_and_on_what_it_recorded():
    streams = []

    def recording(card):
        streams.append(io.StringIO())
        return Tracer(SimulatedTransport(card), streams[-1], card="kit", redact=False)

    checks = check_transport(recording)
    traces = iter([parse_trace(stream.getvalue().encode()) for stream in streams])
    assert checks == check_transport(lambda card: Mirrored(next(traces), card))


def test_closed_is_closed():
    with ReplayTransport(trace(BALANCE)) as card:
        pass
    with pytest.raises(TransportError, match="transport is closed"):
        send(card, BALANCE[0])
    card.close()


def test_remarks_are_no_exchanges():
    text = b'{"format":"cardtrace/1","card":{"profile":"x","kind":"device"},"by":"y"}\n'
    text += b'{"n":1,"ev":"note","note":"hello"}\n{"n":2,"ev":"apdu","c":"805c000204","r":"000000649000"}\n'
    card = ReplayTransport(parse_trace(text))
    assert BALANCE[1] == send(card, BALANCE[0])


@given(
    st.lists(st.tuples(st.binary(min_size=4, max_size=20), st.binary(min_size=2, max_size=20)), max_size=8)
)
def test_every_trace_of_answers_is_lived_again(exchanges):
    events = tuple(
        TraceEvent(n, EventKind.APDU, c.hex().upper(), r.hex().upper())
        for n, (c, r) in enumerate(exchanges, 1)
    )
    for strict in (True, False):
        card = ReplayTransport(Trace("x", "device", events), strict=strict)
        for command, answer in exchanges:
            got = card.transmit(command)
            assert answer == got or not strict
