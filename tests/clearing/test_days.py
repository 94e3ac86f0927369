"""Random days: whatever happens in whatever order of files, books sum to zero and money is conserved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = date(2026, 3, 2)
BUS, METRO = 1, 2

_CARDS = st.integers(0, 3)
_AMOUNTS = st.integers(1, 300)
_PLACES = st.sampled_from([BUS, METRO])
_FAULTS = st.sampled_from(["moved", "unmoved", "lost", "forged", "inflated", "twice"])
_HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), _CARDS, st.integers(1, 2000)),
        st.tuples(st.just("buy"), _CARDS, _AMOUNTS, _PLACES),
        st.tuples(_FAULTS, _CARDS, _AMOUNTS, _PLACES),
    ),
    min_size=1,
    max_size=25,
)  # fmt: skip


def _happen(city, kind, number, amount, *place):
    """Records that the centre gets of one happening."""
    card = city.cards[number]
    if kind != "load" and card.balance < amount:
        return []
    match kind:
        case "load":
            return [city.load(card, amount)]
        case "moved" | "unmoved":
            return [city.torn(card, amount, *place, debited=kind == "moved")]
    record = city.buy(card, amount, *place)
    return {
        "buy": [record],
        "lost": [],
        "forged": [replace(record, tac=bytes(byte ^ 0x55 for byte in record.tac))],
        "inflated": [replace(record, amount=amount + 1000)],
        "twice": [record, record],
    }[kind]


def _city(make, happenings):
    city = make()
    starts = [city.load(card, 500) for card in city.cards]
    return city, starts + [record for event in happenings for record in _happen(city, *event)]


def _uploads(city, records, size):
    """Files of at most ``size`` records."""
    paths = []
    for operator in sorted({record.operator for record in records}):
        own = [record for record in records if record.operator == operator]
        paths += [city.upload(*own[start : start + size]) for start in range(0, len(own), size)]
    return paths


@pytest.mark.slow
@settings(max_examples=15)
@given(happenings=_HAPPENINGS, data=st.data())
def test_any_day_balances_in_any_order_of_files(fresh_cities, happenings, data):
    with fresh_cities() as make:
        city, records = _city(make, happenings)
        paths = _uploads(city, records, size=7)
        results = []
        other_order = data.draw(st.permutations(paths), label="order of files")
        for centre, order in ((city, paths), (make(), other_order)):
            for path in order:
                centre.house.ingest(path)
            results.append((centre.house.run_day(DAY), centre.house.conservation(DAY, city.closing())))
        (result, proof), other = results
        assert (result, proof) == other
        assert 0 == sum(book.balance for book in result.books)
        assert proof.balanced
        moved = sum(part.total.amount for part in proof.parts)
        assert sum(card.balance for card in city.cards) == proof.closing.amount == moved
        claims = sum(t.count for line in result.settlements for t in _outcomes(line))
        assert len(records) == claims  # nothing is dropped


@pytest.mark.slow
@settings(max_examples=8)
@given(happenings=_HAPPENINGS, cut=st.integers(0, 25))
def test_a_day_in_two_runs_pays_what_one_run_pays(fresh_cities, happenings, cut):
    with fresh_cities() as make:
        city, records = _city(make, happenings)
        paths = _uploads(city, records, size=3)
        split = make()
        for path in paths:
            city.house.ingest(path)
        once = city.house.run_day(DAY)
        for path in paths[:cut]:
            split.house.ingest(path)
        split.house.run_day(DAY)
        for path in paths[cut:]:
            split.house.ingest(path)
        again = split.house.run_day(DAY)
        assert once.books == again.books
        assert split.house.conservation(DAY, city.closing()).balanced


@pytest.mark.slow
@settings(max_examples=8)
@given(days=st.lists(_HAPPENINGS, min_size=2, max_size=3))
def test_days_one_after_the_other(fresh_cities, days):
    with fresh_cities() as make:
        city, paid = make(), 0
        city.send(*(city.load(card, 500) for card in city.cards))
        for number, happenings in enumerate(days):
            city.send(*(record for event in happenings for record in _happen(city, *event)))
            day = DAY + timedelta(days=number)
            result = city.house.run_day(day)
            paid += sum(line.due for line in result.settlements)
            assert 0 == sum(book.balance for book in result.books)
            assert -paid == sum(book.balance for book in result.books if book.account.startswith("payable"))
            assert city.house.conservation(day, city.closing()).balanced


def _outcomes(line):
    return line.accepted, line.adjusted, line.loads, line.refused, line.waiting
