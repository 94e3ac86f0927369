"""Postings, fees, books."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cardos.clearing import Book, OperatorSettlement, Posting, Total
from cardos.clearing.settle import BOOKING, Account, Event, check_books
from cardos.errors import BooksError, ParameterError

DAY = date(2026, 3, 2)
BUS, METRO = 1, 2


def _day(city):
    one, two = city.cards[:2]
    return [
        city.load(one, 5000), city.load(two, 3000), city.buy(one, 250), city.buy(two, 333), city.buy(one, 100, METRO),
        replace(city.buy(two, 50, METRO), tac=b"\1\2\3\4"),
    ]  # fmt: skip


def test_a_day_to_the_fen(city):
    city.send(*_day(city))
    result = city.house.run_day(DAY)
    nothing = Total()
    assert (
        OperatorSettlement(1, "bus", Total(2, 583), nothing, nothing, nothing, nothing, 0),
        OperatorSettlement(2, "metro", Total(1, 100), nothing, nothing, Total(1, 50), nothing, 0),
        OperatorSettlement(3, "outlet", nothing, nothing, Total(2, 8000), nothing, nothing, 0),
    ) == result.settlements
    assert (
        Posting(DAY, 1, "cash:0003", "float", 8000, "loads accepted, operator 0003, records: 2"),
        Posting(DAY, 2, "float", "payable:0001", 583, "purchases accepted, operator 0001, records: 2"),
        Posting(DAY, 3, "float", "payable:0002", 100, "purchases accepted, operator 0002, records: 1"),
    ) == result.postings
    assert (
        Book("cash:0003", 8000, 0, 8000),
        Book("float", 683, 8000, -7317),
        Book("payable:0001", 0, 583, -583),
        Book("payable:0002", 0, 100, -100),
    ) == result.books
    assert [583, 100, 0] == [line.due for line in result.settlements]


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        pytest.param(99, 0, id="below-half"),
        pytest.param(100, 1, id="half-up"),
        pytest.param(299, 1, id="below-next-half"),
        pytest.param(10_00, 5, id="exact"),
    ],
)
def test_a_fee_is_rounded_half_up_once_a_day(city, amount, fee):
    city.house.register_operator(9, "shop", fee_per_mille=5)
    city.open_place(9, bytes(7) + b"\x09", bytes(5) + b"\x09")
    card = city.cards[0]
    city.send(city.load(card, 5000), city.buy(card, amount - 1, 9), city.buy(card, 1, 9))
    result = city.house.run_day(DAY)
    shop = result.settlements[-1]
    assert (Total(2, amount), fee, amount - fee) == (shop.accepted, shop.fee, shop.due)
    assert 0 == sum(book.balance for book in result.books)


def test_running_a_day_again_changes_nothing(city):
    city.send(*_day(city))
    assert city.house.run_day(DAY) == city.house.run_day(DAY)


@pytest.mark.slow
def test_running_a_day_again_adds_what_came_in(city):
    records = _day(city)
    city.send(*records[:3])
    city.house.run_day(DAY)
    city.send(*records[3:])
    again = city.house.run_day(DAY)
    assert [583, 100, 0] == [line.due for line in again.settlements]
    assert 0 == sum(book.balance for book in again.books)


@pytest.mark.slow
def test_books_go_on_from_day_to_day(city):
    card = city.cards[0]
    city.send(city.load(card, 5000), city.buy(card, 10))
    first = city.house.run_day(DAY)
    city.send(city.buy(card, 20))
    second = city.house.run_day(DAY + timedelta(days=1))
    third = city.house.run_day(DAY + timedelta(days=5))
    assert [10, 20, 0] == [result.settlements[0].due for result in (first, second, third)]
    assert [-10, -30, -30] == [
        {b.account: b.balance for b in result.books}["payable:0001"] for result in (first, second, third)
    ]


@pytest.mark.slow
def test_a_closed_day_judges_nothing(city):
    city.house.run_day(DAY)
    later = city.house.run_day(DAY + timedelta(days=1))
    city.send(city.load(city.cards[0], 100))
    assert 0 == city.house.run_day(DAY).settlements[2].loads.count
    assert later == replace(city.house.run_day(DAY), day=later.day)
    with pytest.raises(
        ParameterError, match="day must be 2026-03-03 or later, or a day that was run, got 2026-03-01"
    ):
        city.house.run_day(DAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        pytest.param(
            "update books set balance = balance + 1 where account = 'float'", "sum of all accounts", id="sum"
        ),
        pytest.param(
            "update books set balance = 0", "payable and fees must be -683 fen, got 0 fen", id="payable"
        ),
        pytest.param(
            "update books set balance = balance - 1 where account = 'cash:0003';"
            "update books set balance = balance + 1 where account = 'float'",
            "cash of the outlets must be 8000 fen, got 7999 fen",
            id="cash",
        ),
        pytest.param(
            "insert into books select day, 'suspense', 1, 0, 1 from books limit 1;"
            "update books set balance = -7318 where account = 'float'",
            "suspense must be 0 fen, got 1 fen",
            id="suspense",
        ),
    ],
)
def test_books_that_do_not_balance_are_found(city, sql, what):
    city.send(*_day(city))
    city.house.run_day(DAY)
    store = city.house._store
    check_books(store, DAY)
    store.rows(sql)
    with pytest.raises(BooksError, match=what):
        check_books(store, DAY)


def test_nothing_is_posted_when_the_books_would_not_balance(city, monkeypatch):
    city.send(*_day(city))
    monkeypatch.setattr("cardos.clearing.settle.BOOKING", BOOKING[1:])  # accepted purchases are forgotten
    with pytest.raises(BooksError, match="payable and fees"):
        city.house.run_day(DAY)
    monkeypatch.undo()
    for table in ("postings", "books", "verdicts", "days"):
        assert [(0,)] == city.house._store.rows(f"select count(*) from {table}")
    assert 683 == sum(line.due for line in city.house.run_day(DAY).settlements)


def test_every_event_is_booked_for_both_directions():
    assert {(event, way) for event in Event for way in (+1, -1)} == {(b.event, b.direction) for b in BOOKING}
    assert all(b.debit is not b.credit for b in BOOKING)
    assert set(Account) - {Account.FEES} == {account for b in BOOKING for account in (b.debit, b.credit)}
