"""Counters with holes, cards with two lives, balances that jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cardos.clearing import CardAccount, CardId, Fork, Gap, JumpOfBalance
from cardos.host.record import NO_TAC

DAY = date(2026, 3, 2)
BUS, METRO = 1, 2


def _lost_between(city, card):
    return [city.buy(card, 10), city.buy(card, 20)][1:], [
        Gap(city.sams[BUS], "terminal_serial", 1, 1),
        Gap(card.id, "offline_serial", 1, 1),
    ]


def _lost_range(city, card):
    records = [city.buy(card, 10) for _ in range(6)]
    return [records[0], records[4], records[5]], [
        Gap(city.sams[BUS], "terminal_serial", 2, 4),
        Gap(card.id, "offline_serial", 2, 4),
    ]


def _lost_load(city, card):
    return [city.load(card, 10), city.load(card, 20)][1:], [Gap(card.id, "online_serial", 2, 2)]


def _two_holes(city, card):
    records = [city.buy(card, 10) for _ in range(5)]
    return records[::2], [
        Gap(city.sams[BUS], "terminal_serial", 2, 2),
        Gap(city.sams[BUS], "terminal_serial", 4, 4),
        Gap(card.id, "offline_serial", 2, 2),
        Gap(card.id, "offline_serial", 4, 4),
    ]


def _refused_record_fills(city, card):
    records = [city.buy(card, 10) for _ in range(3)]
    return [records[0], replace(records[1], tac=b"\1\2\3\4"), records[2]], []


def _forged_serial_opens_no_gap(city, card):
    return [replace(city.buy(card, 10), tac=b"\1\2\3\4", terminal_serial=0xFFFFFFFF, serial=0xFFFF)], []


def _torn_fills(city, card):
    return [city.buy(card, 10), city.torn(card, 10, debited=True), city.buy(card, 20)], []


def _unmoved_torn_fills_no_card_counter(city, card):
    tried = city.torn(card, 10, debited=False)
    lost, last = city.buy(card, 10), city.load(card, 1)
    assert lost.serial == tried.serial
    return [replace(tried, balance=last.balance), last, city.buy(card, 5)], [
        Gap(city.sams[BUS], "terminal_serial", 2, 2),
        Gap(card.id, "offline_serial", 1, 1),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_lost_between, id="first-is-lost"),
        pytest.param(_lost_range, id="range"),
        pytest.param(_lost_load, id="load"),
        pytest.param(_two_holes, id="two-holes"),
        pytest.param(_refused_record_fills, id="refused-fills"),
        pytest.param(_forged_serial_opens_no_gap, id="forged"),
        pytest.param(_torn_fills, id="torn-fills"),
        pytest.param(_unmoved_torn_fills_no_card_counter, id="unmoved-torn"),
    ],
)
def test_gaps(make_city, make):
    city = make_city()
    card = city.cards[0]
    load = city.load(card, 5000)
    records, gaps = make(city, card)
    city.send(load, *records)
    found = city.house.run_day(DAY).gaps
    assert gaps == list(found)
    assert sum(gap.last - gap.first + 1 for gap in gaps) == sum(gap.count for gap in found)


@pytest.mark.slow
def test_a_late_record_closes_its_gap(city):
    card = city.cards[0]
    load = city.load(card, 5000)
    records = [city.buy(card, 10) for _ in range(3)]
    city.send(load, records[0], records[2])
    first = city.house.run_day(DAY)
    city.send(records[1])
    second = city.house.run_day(DAY + timedelta(days=1))
    assert (2, 1) == (len(first.gaps), len(first.jumps))
    assert ((), ()) == (second.gaps, second.jumps)
    assert first == city.house.run_day(DAY)


def test_an_unregistered_first_number_is_the_smallest_seen(city):
    sam, terminal = bytes(7) + b"\x09", bytes(5) + b"\x09"
    city.house.register_sam(sam, terminal, BUS)
    card = city.cards[0]
    place = {"sam": sam, "terminal": terminal}
    city.send(city.load(card, 5000), *(city.buy(card, 1, terminal_serial=n, **place) for n in (500, 502)))
    assert (Gap(sam, "terminal_serial", 501, 501),) == city.house.run_day(DAY).gaps


def test_a_card_that_was_used_before_starts_at_its_registered_counters(city):
    card = type(city.cards[0])(CardId(city.ISSUERS[0], b"used one"), balance=900, online=4, offline=70)
    city.house.register_card(CardAccount(card.id, opening=900, online_serial=4, offline_serial=70))
    city.send(city.buy(card, 10), city.load(card, 100), city.buy(card, 10))
    result = city.house.run_day(DAY)
    assert ((), ()) == (result.gaps, result.jumps)
    city.cards.append(card)
    assert city.house.conservation(DAY, city.closing()).balanced


def test_a_copied_card_forks(city):
    card = city.cards[0]
    load = city.load(card, 5000)
    copy = replace_card(card)
    city.send(load, city.buy(card, 10), city.buy(copy, 30, METRO))
    result = city.house.run_day(DAY)
    assert (Fork(card.id, "offline_serial", 1, 2),) == result.forks
    assert [(4990, 5000)] == [(jump.expected, jump.found) for jump in result.jumps]
    assert () == result.refused


def replace_card(card):
    """A second life of a card."""
    return type(card)(card.id, card.balance, card.online, card.offline)


def test_a_jump_names_the_record(city):
    card = city.cards[0]
    load, first = city.load(card, 5000), city.buy(card, 10)
    card.balance += 7
    second = city.buy(card, 10)
    path = city.upload(first, second)
    city.send(load)
    city.house.ingest(path)
    jump = JumpOfBalance(card.id, path.name, 2, second.when, 4990, 4997)
    assert (jump,) == city.house.run_day(DAY).jumps


def test_a_wrong_clock_makes_no_jump(city):
    card = city.cards[0]
    load, first, year_off, reload, last = (
        city.load(card, 5000), city.buy(card, 10), city.buy(card, 20), city.load(card, 500), city.buy(card, 30),
    )  # fmt: skip
    wrong = city.signed(replace(year_off, when=year_off.when + timedelta(days=365)))
    city.send(load, first, wrong, reload, last)
    result = city.house.run_day(DAY)
    assert (["future"], ()) == ([note.reason for note in result.refused], result.jumps)
    assert city.house.conservation(DAY, city.closing()).balanced


def test_a_torn_form_beside_its_full_record_leaves_no_trace_in_the_chains(city):
    card = city.cards[0]
    load, full, last = city.load(card, 5000), city.buy(card, 10), city.buy(card, 10)
    city.send(load, replace(full, flag=1, tac=NO_TAC), full, last)
    result = city.house.run_day(DAY)
    assert ((), (), ()) == (result.gaps, result.jumps, result.forks)
