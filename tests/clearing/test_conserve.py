"""The statement balances to the fen, and does not when money came from nowhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cardos.clearing import CardId, CardReading, Total
from cardos.clearing.conserve import Part
from cardos.errors import ParameterError

DAY = date(2026, 3, 2)
BUS, METRO = 1, 2


def _amounts(proof):
    """Amount by part."""
    return {part: sum(line.total.amount for line in proof.parts if line.part is part) for part in Part}


def _nothing(_city, _card):
    return []


def _honest(city, card):
    return [city.buy(card, 100), city.load(card, 30)]


def _forged_tac(city, card):
    return [replace(city.buy(card, 100), tac=b"\1\2\3\4"), city.buy(card, 1)]


def _forged_amount(city, card):
    return [replace(city.buy(card, 100), amount=900), city.buy(card, 1)]


def _forged_amount_last(city, card):
    return [replace(city.buy(card, 100), amount=900)]


def _invented(city, card):
    record = city.buy(card, 0)
    card.offline -= 1
    return [replace(record, amount=500, tac=b"\1\2\3\4")]


def _lost(city, card):
    city.buy(card, 100)
    return [city.buy(card, 1)]


def _lost_last(city, card):
    city.buy(card, 100)
    return []


def _lost_load(city, card):
    city.load(card, 100)
    return [city.load(card, 1)]


def _torn_moved(city, card):
    return [city.torn(card, 100, debited=True)]


def _torn_unmoved(city, card):
    return [city.torn(card, 100, debited=False)]


def _torn_adjusted(city, card):
    return [city.torn(card, 100, debited=True), city.buy(card, 1)]


def _twice(city, card):
    record = city.buy(card, 100)
    return [record, record, city.buy(card, 1)]


def _held(city, card):
    return [city.buy(card, 100, operator=METRO, terminal=city.terminals[BUS])]


def _lost_and_forged(city, card):
    return [replace(city.buy(card, 100), tac=b"\1\2\3\4"), city.buy(card, 20), city.buy(card, 1)][::2]


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        pytest.param(_nothing, {}, id="nothing"),
        pytest.param(_honest, {Part.LOADS: 5030, Part.PURCHASES: -100}, id="honest"),
        pytest.param(_forged_tac, {Part.PURCHASES: -1, Part.CLAIMED: -100}, id="forged-tac"),
        pytest.param(_forged_amount, {Part.PURCHASES: -1, Part.CLAIMED: -100}, id="forged-amount"),
        pytest.param(_forged_amount_last, {Part.CLAIMED: -100}, id="forged-amount-last"),
        pytest.param(_invented, {}, id="invented"),
        pytest.param(_lost, {Part.PURCHASES: -1, Part.UNTOLD: -100}, id="lost"),
        pytest.param(_lost_last, {Part.UNTOLD: -100}, id="lost-last"),
        pytest.param(_lost_load, {Part.LOADS: 5001, Part.UNTOLD: 100}, id="lost-load"),
        pytest.param(_torn_moved, {Part.CLAIMED: -100}, id="torn-moved"),
        pytest.param(_torn_unmoved, {}, id="torn-unmoved"),
        pytest.param(_torn_adjusted, {Part.PURCHASES: -101}, id="torn-adjusted"),
        pytest.param(_twice, {Part.PURCHASES: -101}, id="twice"),
        pytest.param(_held, {Part.HELD: -100}, id="held"),
        pytest.param(_lost_and_forged, {Part.PURCHASES: -1, Part.CLAIMED: -100, Part.UNTOLD: -20}, id="both"),
    ],
)
def test_money_is_conserved(make_city, make, parts):
    city = make_city()
    card, other = city.cards[:2]
    load = city.load(card, 5000)
    records = make(city, card)
    city.send(load, *records, city.load(other, 70), city.buy(other, 7))
    city.house.run_day(DAY)
    proof = city.house.conservation(DAY, city.closing())
    expected = dict.fromkeys(Part, 0) | {Part.LOADS: 5000} | parts
    expected[Part.LOADS] += 70
    expected[Part.PURCHASES] -= 7
    assert expected == _amounts(proof)
    assert proof.balanced
    total = sum(card.balance for card in city.cards)
    assert (Total(4, 0), Total(4, total)) == (proof.opening, proof.closing)
    assert total == sum(_amounts(proof).values())


@pytest.mark.parametrize("sign", [pytest.param(+1, id="made"), pytest.param(-1, id="vanished")])
def test_money_from_nowhere_is_found(city, sign):
    card = city.cards[0]
    city.send(city.load(card, 5000), city.buy(card, 10))
    city.house.run_day(DAY)
    card.balance += sign * 3
    proof = city.house.conservation(DAY, city.closing())
    assert (False, Total(1, sign * 3)) == (proof.balanced, proof.unexplained)
    assert proof.closing.amount == sum(_amounts(proof).values()) + proof.unexplained.amount


def test_without_counters_a_lost_last_record_has_no_trace(city):
    card = city.cards[0]
    city.send(city.load(card, 5000))
    city.house.run_day(DAY)
    city.buy(card, 10)
    assert Total(1, -10) == city.house.conservation(DAY, city.closing(counters=False)).unexplained
    assert city.house.conservation(DAY, city.closing()).balanced


def test_a_forged_claim_beyond_the_counter_explains_nothing(city):
    card = city.cards[0]
    city.send(city.load(card, 5000), replace(city.buy(card, 0), serial=500, amount=10, tac=b"\1\2\3\4"))
    card.offline = 0
    city.house.run_day(DAY)
    card.balance -= 10
    assert Total(1, -10) == city.house.conservation(DAY, city.closing()).unexplained


def test_plain_balances_are_enough(city):
    card = city.cards[0]
    city.send(city.load(card, 5000), city.buy(card, 10))
    city.house.run_day(DAY)
    assert city.house.conservation(DAY, {card.id: card.balance for card in city.cards}).balanced


@pytest.mark.slow
def test_a_day_before_has_its_own_statement(city):
    card = city.cards[0]
    city.send(city.load(card, 5000))
    city.house.run_day(DAY)
    closing = city.closing()
    city.send(city.buy(card, 10))
    city.house.run_day(DAY + timedelta(days=1))
    assert city.house.conservation(DAY, closing).balanced
    assert city.house.conservation(DAY + timedelta(days=1), city.closing()).balanced


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda closing, card: closing.pop(card), "of which it is missing", id="missing"),
        pytest.param(
            lambda closing, card: closing.update({CardId(card.issuer, b"stranger"): CardReading(1)}),
            "of which it is not registered",
            id="stranger",
        ),
    ],
)
def test_the_statement_is_about_all_registered_cards(city, change, problem):
    closing = city.closing()
    change(closing, city.cards[0].id)
    with pytest.raises(ParameterError, match=f"closing must be the registered cards, got .*{problem}"):
        city.house.conservation(DAY, closing)
