"""Torn records: resolved by what the card did next, each way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cardos.clearing import Reason, Rules, Total

DAY = date(2026, 3, 2)
METRO = 2


def _after_a_purchase(city, card):
    return [city.buy(card, 70, METRO)]


def _after_load_and_purchase(city, card):
    return [city.load(card, 900), city.load(card, 50), city.buy(card, 70, METRO)]


def _after_a_load(city, card):
    return [city.load(card, 900)]


def _after_a_load_then_much_more(city, card):
    return [city.load(card, 900), *(city.buy(card, 10) for _ in range(3))]


def _after_nothing(_city, _card):
    return []


def _after_a_gap(city, card):
    city.buy(card, 33)
    return [city.buy(card, 70, METRO)]


def _after_a_missing_load(city, card):
    city.load(card, 123)
    return [city.buy(card, 70, METRO)]


@pytest.mark.parametrize(
    ("debited", "after", "outcome"),
    [
        pytest.param(True, _after_a_purchase, Reason.ADJUSTED, id="moved-next-purchase"),
        pytest.param(True, _after_load_and_purchase, Reason.ADJUSTED, id="moved-loads-between"),
        pytest.param(True, _after_a_load, Reason.ADJUSTED, id="moved-load-only"),
        pytest.param(True, _after_a_load_then_much_more, Reason.ADJUSTED, id="moved-and-more"),
        pytest.param(True, _after_nothing, Reason.TORN, id="moved-nothing-yet"),
        pytest.param(True, _after_a_gap, Reason.TORN, id="moved-next-is-lost"),
        pytest.param(True, _after_a_missing_load, Reason.TORN, id="moved-load-is-lost"),
        pytest.param(False, _after_a_purchase, Reason.NOT_DEBITED, id="unmoved-same-serial"),
        pytest.param(False, _after_load_and_purchase, Reason.NOT_DEBITED, id="unmoved-loads-between"),
        pytest.param(False, _after_a_load, Reason.NOT_DEBITED, id="unmoved-load-only"),
        pytest.param(False, _after_nothing, Reason.TORN, id="unmoved-nothing-yet"),
    ],
)
def test_a_torn_purchase(make_city, debited, after, outcome):
    city = make_city()
    card = city.cards[0]
    city.send(
        city.load(card, 5000), city.buy(card, 10), city.torn(card, 200, debited=debited), *after(city, card)
    )
    result = city.house.run_day(DAY)
    bus = result.settlements[0]
    assert {Reason.ADJUSTED: (1, 200)}.get(outcome, (0, 0)) == (bus.adjusted.count, bus.adjusted.amount)
    assert {Reason.NOT_DEBITED: (1, 200)}.get(outcome, (0, 0)) == (bus.refused.count, bus.refused.amount)
    assert {Reason.TORN: (1, 200)}.get(outcome, (0, 0)) == (bus.waiting.count, bus.waiting.amount)
    assert bus.adjusted.count == len(result.adjusted)
    assert {outcome} == {note.reason for note in (*result.adjusted, *result.refused, *result.waiting)}
    assert city.house.conservation(DAY, city.closing()).balanced


@pytest.mark.slow
@pytest.mark.parametrize("debited", [pytest.param(True, id="moved"), pytest.param(False, id="unmoved")])
def test_the_answer_comes_a_day_later(make_city, debited):
    city = make_city()
    card = city.cards[0]
    city.send(city.load(card, 5000), city.torn(card, 200, debited=debited))
    first = city.house.run_day(DAY)
    assert [Reason.TORN] == [note.reason for note in first.waiting]
    assert {"suspense": -200} == {b.account: b.balance for b in first.books if b.account == "suspense"}
    city.send(city.buy(card, 70))
    second = city.house.run_day(DAY + timedelta(days=1))
    assert () == second.waiting
    balances = {book.account: book.balance for book in second.books}
    paid = 270 if debited else 70
    assert {"cash:0003": 5000, "float": paid - 5000, "payable:0001": -paid, "suspense": 0} == balances
    assert first == city.house.run_day(DAY)  # the day before is closed: same result


def test_equal_fares_torn_one_after_the_other_are_paid_once(city):
    card = city.cards[0]
    load = city.load(card, 5000)
    tries = [
        city.torn(card, 200, debited=False),
        city.torn(card, 200, METRO, debited=True),
        city.buy(card, 50),
    ]
    city.send(load, *tries)
    result = city.house.run_day(DAY)
    assert [(0, 0, 1), (1, 200, 0)] == [
        (line.adjusted.count, line.adjusted.amount, line.refused.count) for line in result.settlements[:2]
    ]
    assert city.house.conservation(DAY, city.closing()).balanced


def test_a_chain_of_torn_records_is_resolved_from_its_end(city):
    card = city.cards[0]
    load = city.load(card, 5000)
    torn = [city.torn(card, amount, debited=True) for amount in (10, 20, 30, 40)]
    city.send(load, *torn, city.buy(card, 5))
    assert Total(4, 100) == city.house.run_day(DAY).settlements[0].adjusted


def test_a_chain_of_torn_records_without_an_end_waits(city):
    card = city.cards[0]
    city.send(city.load(card, 5000), city.torn(card, 10, debited=True), city.torn(card, 20, debited=True))
    result = city.house.run_day(DAY)
    assert 2 == len(result.waiting)
    assert city.house.conservation(DAY, city.closing()).balanced


@pytest.mark.slow
def test_nobody_waits_for_ever(make_city):
    city = make_city(rules=Rules(torn_wait_days=5))
    card = city.cards[0]
    city.send(city.load(card, 5000), city.torn(card, 200, debited=True))
    waiting = [len(city.house.run_day(DAY + timedelta(days=days)).waiting) for days in (0, 5)]
    last = city.house.run_day(DAY + timedelta(days=6))
    assert ([1, 1], [Reason.TORN_EXPIRED]) == (waiting, [note.reason for note in last.refused])
    assert {"cash:0003": 5000, "float": -5000, "suspense": 0} == {b.account: b.balance for b in last.books}


def test_a_proved_record_still_passes_the_other_checks(make_city):
    city = make_city(rules=Rules(max_purchase=100))
    card = city.cards[0]
    city.send(city.load(card, 5000), city.torn(card, 200, debited=True), city.buy(card, 5))
    [note] = city.house.run_day(DAY).refused
    assert (Reason.AMOUNT, True) == (note.reason, note.authentic)


def test_a_torn_record_of_another_city_is_not_resolved_by_chance(city):
    one, other = city.cards[0], city.cards[2]
    assert one.id.issuer == other.id.issuer
    city.send(city.load(one, 5000), city.load(other, 5000))
    city.send(city.torn(one, 200, debited=True), city.buy(other, 200), city.buy(other, 100))
    assert 1 == len(city.house.run_day(DAY).waiting)


def test_a_torn_record_does_not_bring_a_tac(city):
    card = city.cards[0]
    load = city.load(card, 5000)
    city.send(load, replace(city.torn(card, 200, debited=False), tac=b"\1\2\3\4"))
    assert [Reason.TORN] == [note.reason for note in city.house.run_day(DAY).waiting]
