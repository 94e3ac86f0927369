"""Traces sent to a card again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.card import Card
from cardos.errors import ParameterError
from cardos.host import SimulatedTransport
from cardos.host.traces import Replayed, replay_trace
from cardos.host.transports.replay import ReplayTransport
from tests.host.conftest import made, profiles
from tests.host.traces.recordings import recorded
from tests.host.traces.test_difference import trace


def open_day(suite="3des"):
    """The day of a card, its PIN in the open again."""
    card = recorded(suite).card
    events = (replace(e, command="0020000003123456") if e.is_redacted else e for e in card.events)
    return replace(card, events=tuple(events))


def other_randoms():
    """The same card with random numbers of its own."""
    card = Card.blank(profiles("3des")[0])
    card.restore(made("3des", 1))
    return SimulatedTransport(card)


def test_a_trace_is_equal_to_itself():
    assert Replayed(20, 0, None) == replay_trace(open_day(), ReplayTransport(recorded("3des").card))


def test_a_new_card_refuses_the_macs_of_an_old_trace():
    replayed = replay_trace(open_day(), other_randoms(), profile=recorded("3des").profile)
    assert 4 == replayed.sent
    assert "4/4 CREDIT FOR LOAD: status 9000 success -> 9302 MAC invalid" == str(replayed.difference)


def test_random_numbers_count_when_asked():
    replayed = replay_trace(open_day(), other_randoms(), ignore=())
    assert 3 == replayed.sent
    assert str(replayed.difference).startswith("3/3 INITIALIZE FOR LOAD, purse (EP): random ")


def test_masked_commands_cannot_be_sent():
    card = recorded("3des").card
    with pytest.raises(ParameterError, match="trace must be without masked commands, got one in event 2"):
        replay_trace(card, ReplayTransport(card))


def test_masked_commands_can_be_left_out():
    card = recorded("3des").card
    shorter = replace(card, events=tuple(event for event in card.events if not event.is_redacted))
    assert Replayed(18, 2, None) == replay_trace(card, ReplayTransport(shorter), skip_masked=True)
    other = replay_trace(card, other_randoms(), skip_masked=True)
    assert (3, 1) == (other.sent, other.skipped)


def test_an_answer_that_does_not_come_is_a_difference():
    recording = trace(("805C000204", "000000649000"))
    silent = trace(("805C000204", None))
    difference = replay_trace(recording, ReplayTransport(silent)).difference
    assert "1/1 GET BALANCE, purse (EP): balance gone; status 9000 success -> no answer" == str(difference)
    assert replay_trace(silent, ReplayTransport(silent)).difference is None


def test_another_atr_is_a_difference():
    replayed = replay_trace(trace(("reset", "3B00")), ReplayTransport(trace(("reset", "3B01"))))
    assert "1/1 reset: ATR 3B00 -> 3B01" == str(replayed.difference)


def test_file_contents_may_differ_in_a_field():
    select, read = ("00A4040009A00000000386980701", "9000"), "00B201C417"
    one, two = (trace(select, (read, f"{number:04X}" + "00" * 21 + "9000")) for number in (1, 2))
    profile = recorded("3des").profile
    assert replay_trace(one, ReplayTransport(two), profile=profile).difference is not None
    assert replay_trace(one, ReplayTransport(two), profile=profile, ignore={"serial"}).difference is None
