"""Records of one identity: exactly one of them counts, and it is the genuine one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest

from cardos.clearing import Reason
from cardos.host.record import NO_TAC

DAY = date(2026, 3, 2)


def _run(city, *uploads):
    for records in uploads:
        city.house.ingest(city.upload(*records))
    return city.house.run_day(DAY)


def _reasons(result):
    return sorted(note.reason for note in result.refused)


@pytest.mark.parametrize(
    "order", [pytest.param(o, id="-".join(map(str, o))) for o in itertools.permutations(range(3))]
)
def test_a_forged_copy_does_not_push_out_the_genuine_record(make_city, order):
    city = make_city()
    card = city.cards[0]
    load, record = city.load(card, 5000), city.buy(card, 100)
    claims = [record, replace(record, amount=200), replace(record, tac=b"\1\2\3\4")]
    result = _run(city, [load], *([claims[index]] for index in order))
    assert [Reason.CONFLICT, Reason.CONFLICT] == _reasons(result)
    assert (1, 100) == (result.settlements[0].accepted.count, result.settlements[0].accepted.amount)


def test_two_forged_copies_are_a_wrong_tac_and_a_duplicate(city):
    forged = replace(city.buy(city.cards[0], 100, balance=900), tac=b"\1\2\3\4")
    assert [Reason.DUPLICATE, Reason.TAC] == _reasons(_run(city, [forged], [forged, forged][:1]))


def test_the_same_load_twice(city):
    load = city.load(city.cards[0], 5000)
    result = _run(city, [load, load])
    assert [Reason.DUPLICATE] == _reasons(result)
    assert 5000 == result.settlements[2].loads.amount


@pytest.mark.slow
def test_a_record_of_yesterday_comes_again(city):
    card = city.cards[0]
    load, record = city.load(card, 5000), city.buy(card, 100)
    before = _run(city, [load], [record])
    city.house.ingest(city.upload(record, city.buy(card, 50)))
    after = city.house.run_day(DAY + timedelta(days=1))
    assert ([], [Reason.DUPLICATE]) == (_reasons(before), _reasons(after))
    assert 50 == after.settlements[0].accepted.amount


@pytest.mark.slow
def test_a_refused_record_whose_money_is_held_is_not_counted_again(make_city):
    city = make_city()
    card = city.cards[0]
    city.house.publish_list(date(2026, 2, 1), [card.id])
    record = city.buy(card, 100, balance=900, list_version=date(2026, 2, 1))
    before = _run(city, [record])
    city.house.ingest(city.upload(record))
    after = city.house.run_day(DAY + timedelta(days=1))
    assert ([Reason.BLACKLIST], [Reason.DUPLICATE]) == (_reasons(before), _reasons(after))
    assert before.books == after.books


@pytest.mark.slow
def test_a_completed_record_replaces_its_torn_form(city):
    card = city.cards[0]
    load, full = city.load(card, 5000), city.buy(card, 100)
    torn = replace(full, flag=1, tac=NO_TAC)
    first = _run(city, [load], [torn])
    assert (1, 100) == (first.settlements[0].waiting.count, first.settlements[0].waiting.amount)
    city.house.ingest(city.upload(full))
    second = city.house.run_day(DAY + timedelta(days=1))
    assert ([Reason.DUPLICATE], 100) == (_reasons(second), second.settlements[0].accepted.amount)
    assert () == second.waiting
    balances = {book.account: book.balance for book in second.books}
    assert {"cash:0003": 5000, "float": -4900, "payable:0001": -100, "suspense": 0} == balances


def test_a_sam_number_with_another_transaction_is_a_conflict(city):
    first, second = city.cards[:2]
    records = [city.load(first, 500), city.load(second, 500), city.buy(first, 100)]
    again = city.buy(second, 120, terminal_serial=records[2].terminal_serial)
    result = _run(city, records[:2], [records[2]], [again])
    assert ([Reason.CONFLICT], 100) == (_reasons(result), result.settlements[0].accepted.amount)
