"""The issuer: what it authorises, what it refuses, what its register says after a crash."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cardos.errors import CardRemoved, MacMismatch
from cardos.host import (
    CardRegister,
    EmbeddedIssuer,
    EntryState,
    IssuerRefused,
    Journal,
    OnlineConfirmation,
    OnlineRequest,
    OnlineState,
    Outlet,
    Purse,
    PurseSession,
    Refusal,
    RegisteredCard,
    RegisteredPurse,
)

from .conftest import NOON, OUTLET, PIN, City, torn
from .test_torn import BOTH, CREDIT


def request_of(city: City, amount: int = 500, purse: Purse = Purse.EP) -> tuple[PurseSession, OnlineRequest]:
    """A session that has initialised a load, and the request that it makes."""
    session = PurseSession(city.link, city.profile)
    session.verify(PIN)
    asked = session.initialize_for_load(purse, amount=amount, terminal=OUTLET)
    request = OnlineRequest(
        issuer=city.data.issuer, card_serial=city.data.card_serial, type=purse.load, terminal=OUTLET, amount=amount,
        balance=asked.balance, online_serial=asked.online_serial, key_version=asked.key_version,
        algorithm=asked.algorithm, random=asked.random, mac1=asked.mac1,
    )  # fmt: skip
    return session, request


def states(city: City) -> list[OnlineState]:
    return [load.state for load in city.register.history()]


def refused(city: City, request: OnlineRequest) -> Refusal:
    with pytest.raises(IssuerRefused) as caught:
        city.issuer.authorise(request)
    return caught.value.reason


def confirmation(request: OnlineRequest, when, tac: bytes) -> OnlineConfirmation:
    return OnlineConfirmation(
        issuer=request.issuer, card_serial=request.card_serial, type=request.type, serial=request.online_serial + 1,
        terminal=request.terminal, amount=request.amount, when=when, tac=tac,
    )  # fmt: skip


def test_the_load_is_on_the_disk_before_mac2_leaves(city):
    """A register that is opened by somebody else while the issuer still answers has the load."""
    _, request = request_of(city)
    seen = []

    class Watching(EmbeddedIssuer):
        def _name(self, load_type: int) -> str:
            with CardRegister(city.folder / "register") as other:
                seen.append([load.state for load in other.history()])
            return super()._name(load_type)

    Watching(city.profile, city.keys, city.register, clock=city.clock).authorise(request)
    assert [OnlineState.PENDING] == seen[-1]  # the last look is the one before MAC2 is computed


def test_the_same_request_gets_the_same_answer(city):
    _, request = request_of(city)
    first, second = city.issuer.authorise(request), city.issuer.authorise(request)
    assert first == second
    assert [OnlineState.PENDING] == states(city)


def test_authorisation_works_after_a_restart_of_the_issuer(city):
    session, request = request_of(city)
    first = city.issuer.authorise(request)
    with CardRegister(city.folder / "register") as register:
        issuer = EmbeddedIssuer(city.profile, city.keys, register, clock=city.clock)
        assert first == issuer.authorise(request)
        tac = session.credit_for_load(when=first.when, mac2=first.mac2)
        for _ in range(2):
            issuer.confirm(confirmation(request, first.when, tac))
    assert [OnlineState.CONFIRMED] == states(city)


@pytest.mark.parametrize(
    "changes", [{"amount": 501}, {"balance": 1}, {"terminal": bytes(6)}, {"random": bytes(4)}]
)
def test_a_changed_request_fails_mac1(city, changes):
    _, request = request_of(city)
    with pytest.raises(MacMismatch, match="MAC1 of load"):
        city.issuer.authorise(replace(request, **changes))
    with pytest.raises(MacMismatch, match="MAC1 of load"):
        city.issuer.settle(replace(request, **changes))
    assert [] == states(city)


def test_unknown_card_is_refused(city_3des):
    _, request = request_of(city_3des)
    with CardRegister(city_3des.folder / "empty") as register:
        issuer = EmbeddedIssuer(city_3des.profile, city_3des.keys, register, clock=city_3des.clock)
        with pytest.raises(IssuerRefused, match="not in the register"):
            issuer.authorise(request)


def test_expired_card_is_refused(city_3des):
    _, request = request_of(city_3des)
    city_3des.clock.now = NOON + timedelta(days=365 * 20)
    assert Refusal.EXPIRED is refused(city_3des, request)


def test_a_request_whose_load_is_settled_is_a_replay(city):
    session, request = request_of(city)
    answer = city.issuer.authorise(request)
    tac = session.credit_for_load(when=answer.when, mac2=answer.mac2)
    city.issuer.confirm(confirmation(request, answer.when, tac))
    assert Refusal.REQUEST_REPEATED is refused(city, request)
    with pytest.raises(IssuerRefused, match="answered before"):
        city.issuer.settle(request)


def test_an_old_serial_is_refused(city):
    _, old = request_of(city)
    city.load(300)
    assert Refusal.SERIAL_UNEXPECTED is refused(city, old)


def test_a_serial_ahead_of_the_register_is_refused(city):
    """The card was loaded by somebody whose loads are not in this register."""
    city.load(300)
    with CardRegister(city.folder / "second") as register:
        register.register(*city.register.cards())
        city.register, city.issuer = (
            register,
            EmbeddedIssuer(city.profile, city.keys, register, clock=city.clock),
        )
        assert Refusal.SERIAL_UNEXPECTED is refused(city, request_of(city)[1])


def test_more_money_than_was_loaded_is_refused(city):
    city.load(300)
    [load] = city.register.history()
    with city.register.transaction() as db:
        db.execute("UPDATE purses SET balance = 299")
    assert Refusal.BALANCE_IMPOSSIBLE is refused(city, request_of(city)[1])
    assert load in city.register.history()


def test_purchases_only_lower_what_the_register_allows(city):
    city.load(300)
    city.terminal.purchase(city.link, 100)
    city.load(50)
    assert RegisteredPurse(2, 250) == city.register.purse(city.data.card_serial, Purse.EP.load)


def test_deposit_and_purse_have_serials_of_their_own(city):
    city.load(300, purse=Purse.EP)
    city.load(200, purse=Purse.ED)
    purses = [city.register.purse(city.data.card_serial, purse.load) for purse in Purse]
    assert [RegisteredPurse(1, 200), RegisteredPurse(1, 300)] == purses


def test_the_card_uses_the_serial_again_so_the_first_load_is_void(city):
    _, first = request_of(city)
    city.issuer.authorise(first)
    city.load(200)
    assert [OnlineState.VOID, OnlineState.CONFIRMED] == states(city)
    assert 200 == city.balance()


@BOTH
def test_settling_authorises_nothing(city, before):
    with pytest.raises(CardRemoved):
        city.load(500, torn(city.link, CREDIT, before=before))
    city.link.reset()
    _, request = request_of(city, 1)
    expected = OnlineState.VOID if before else OnlineState.CONFIRMED
    assert expected is city.issuer.settle(request)
    assert [expected] == states(city)
    assert city.issuer.settle(request) is None


def test_two_requests_kept_back_get_the_card_one_load_and_the_tac_says_which(city):
    """Two INITIALIZE answers with one serial, presented in the wrong order: the card takes the load that its
    last INITIALIZE was for, the register first believes the other, the TAC puts it right.
    """
    _, small = request_of(city, 1)
    session, large = request_of(city, 9000)
    answer = city.issuer.authorise(large)
    city.issuer.authorise(small)
    assert [OnlineState.VOID, OnlineState.PENDING] == states(city)
    tac = session.credit_for_load(when=answer.when, mac2=answer.mac2)
    city.issuer.confirm(confirmation(large, answer.when, tac))
    assert [OnlineState.CONFIRMED, OnlineState.VOID] == states(city)
    assert RegisteredPurse(1, 9000) == city.register.purse(city.data.card_serial, 2)


def test_without_that_tac_the_balance_gives_the_trick_away(city):
    _, small = request_of(city, 1)
    session, large = request_of(city, 9000)
    answer = city.issuer.authorise(large)
    city.issuer.authorise(small)
    session.credit_for_load(when=answer.when, mac2=answer.mac2)
    assert Refusal.BALANCE_IMPOSSIBLE is refused(city, request_of(city)[1])


def test_a_load_taken_for_void_comes_to_life_with_the_serial(city):
    """An old request, kept back, makes the register believe that the card was not credited."""
    _, kept = request_of(city, 1)
    session, request = request_of(city, 500)
    answer = city.issuer.authorise(request)
    session.credit_for_load(when=answer.when, mac2=answer.mac2)
    assert OnlineState.VOID is city.issuer.settle(kept)
    city.load(20)
    assert [OnlineState.CONFIRMED, OnlineState.CONFIRMED] == states(city)
    assert RegisteredPurse(2, 520) == city.register.purse(city.data.card_serial, 2)


def test_a_late_tac_of_an_old_load_does_not_turn_the_purse_back(city):
    session, request = request_of(city)
    answer = city.issuer.authorise(request)
    tac = session.credit_for_load(when=answer.when, mac2=answer.mac2)
    city.load(20)
    city.issuer.confirm(confirmation(request, answer.when, tac))
    assert RegisteredPurse(2, 520) == city.register.purse(city.data.card_serial, 2)
    assert tac == city.register.history()[0].tac


@pytest.mark.parametrize("changes", [{"amount": 1}, {"serial": 2}, {"terminal": bytes(6)}, {"tac": bytes(4)}])
def test_a_word_that_fits_no_load_is_not_believed(city, changes):
    session, request = request_of(city)
    answer = city.issuer.authorise(request)
    word = confirmation(request, answer.when, session.credit_for_load(when=answer.when, mac2=answer.mac2))
    with pytest.raises(MacMismatch, match="TAC of load"):
        city.issuer.confirm(replace(word, **changes))
    assert [OnlineState.PENDING] == states(city)


def test_a_load_elsewhere_with_the_same_serial_is_not_taken_for_ours(city):
    """Torn before the credit here, then loaded at another outlet, which is proved by the card with the same
    type and serial.
    """
    fault = torn(city.link, CREDIT, before=True)
    with pytest.raises(CardRemoved):
        city.load(500, fault)
    fault.reset()
    with Journal(city.folder / "elsewhere", operator=8) as journal:
        elsewhere = Outlet(
            city.issuer,
            journal,
            city.profile,
            terminal=bytes.fromhex("990000000002"),
            list_version=NOON.date(),
        )
        elsewhere.load(fault, 500, pin=PIN)
    result = city.load(500, fault)
    assert (False, 1000) == (result.recovered, city.balance())
    assert [EntryState.VOID, EntryState.COMPLETE] == [entry.state for entry in city.outlet_journal.entries()]


def test_issuer_that_cannot_be_reached_costs_nothing(city):
    class Away(EmbeddedIssuer):
        def confirm(self, _confirmation: OnlineConfirmation, /) -> None:
            raise ConnectionError

    away = Away(city.profile, city.keys, city.register, clock=city.clock)
    outlet = Outlet(away, city.outlet_journal, city.profile, terminal=OUTLET, list_version=NOON.date())
    with pytest.raises(ConnectionError):
        outlet.load(city.link, 500, pin=PIN)
    assert city.load(500).recovered
    assert (500, [OnlineState.CONFIRMED]) == (city.balance(), states(city))


def test_registered_card_of_another_profile_keeps_its_name(city):
    [card] = city.register.cards()
    expected = RegisteredCard(city.data.issuer, city.data.card_serial, city.profile.name, city.data.expiry)
    assert expected == card
