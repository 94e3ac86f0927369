"""Suspect records: the card's MAC2 was wrong, so the TAC that came with it decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cardos.clearing import Reason
from cardos.host import RecordFlag

DAY = date(2026, 3, 2)


@pytest.mark.parametrize("good", [pytest.param(True, id="good-tac"), pytest.param(False, id="bad-tac")])
def test_the_tac_of_a_suspect_record_decides(make_city, good):
    city = make_city()
    card = city.cards[0]
    loaded, bought = city.load(card, 5000), city.buy(card, 10)
    suspect = replace(bought, flag=RecordFlag.SUSPECT)
    city.send(loaded, suspect if good else replace(suspect, tac=bytes(4)))
    result = city.house.run_day(DAY)
    bus = result.settlements[0]
    assert (good, not good) == (bus.accepted.count == 1, bus.refused.count == 1)
    assert ([] if good else [Reason.TAC]) == [note.reason for note in result.refused]


def test_a_suspect_record_and_the_same_without_its_flag_are_one(make_city):
    city = make_city()
    card = city.cards[0]
    loaded, bought = city.load(card, 5000), city.buy(card, 10)
    city.send(loaded, replace(bought, flag=RecordFlag.SUSPECT), bought)
    result = city.house.run_day(DAY)
    assert 1 == result.settlements[0].accepted.count
    assert [Reason.DUPLICATE] == [note.reason for note in result.refused]
