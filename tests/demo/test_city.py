"""The small city that the README uses."""

from __future__ import annotations

import pytest

from cardos.demo import City
from cardos.errors import CardosError
from cardos.host import CardState, IssuerRefused, PurchaseRefused, Refusal


@pytest.mark.parametrize("family", ["city-3des", "city-sm4"])
def test_load_and_spend(family):
    with City(seed=1) as city:
        card = city.issue(family)
        loaded = city.load(card, 50_00)
        record = city.spend(card, 1_50)
        assert (0, 50_00) == (loaded.balance, loaded.balance_after)
        assert (50_00, 48_50, 1) == (record.balance, card.balance, record.serial)
        record.verify_tac(card.desk.profile.dialect, card.desk.keys.for_card(
            card.desk.profile, issuer=card.desk.number, card_serial=card.serial)["tac"])  # fmt: skip


def test_two_families_share_a_terminal():
    with City(seed=2) as city:
        cards = [city.issue("city-3des"), city.issue("city-sm4")]
        for card in cards:
            city.load(card, 10_00, outlet=1)
        sams = {city.spend(card, 1_00, terminal=5).sam for card in cards}
        assert sams == set(city.terminals[5].sams)


def test_refusals_are_typed():
    with City(seed=3) as city:
        card = city.issue()
        with pytest.raises(PurchaseRefused) as poor:
            city.spend(card, 1_00)
        assert poor.value.reason is Refusal.INSUFFICIENT
        city.register.set_state(card.serial, CardState.LOST)
        with pytest.raises(IssuerRefused) as lost:
            city.load(card, 1_00)
        assert lost.value.reason is Refusal.CARD_STATE
        assert issubclass(PurchaseRefused, CardosError)


@pytest.mark.slow
def test_same_seed_same_tac():
    def tac(seed):
        with City(seed=seed) as city:
            card = city.issue()
            city.load(card, 10_00)
            return city.spend(card, 1_00).tac

    assert tac(7) == tac(7) != tac(8)
