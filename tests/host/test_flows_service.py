"""The service desk and the read-out: blocked and unblocked, PINs, everything a card says."""

from __future__ import annotations

import contextlib

import pytest

from cardos.card import Card
from cardos.errors import CardRemoved, ParameterError, StatusError
from cardos.host import (
    LockState,
    PublicData,
    Purse,
    PurseBalance,
    PurseSession,
    ReadOut,
    Service,
    ServiceDesk,
    ServiceResult,
    SimulatedTransport,
    Wrapper,
    read_out,
)

from .conftest import PIN, SAM_DATA, torn
from .flow_table import START, Bench

NEW_PIN = bytes.fromhex("654321")
WRONG_PIN = bytes.fromhex("999999")
PROFILES = ("city-3des", "jrt-3des", "mohurd", "tunion")


@pytest.fixture(params=PROFILES)
def bench(request, tmp_path):
    with Bench(tmp_path, request.param) as bench:
        yield bench


@pytest.fixture
def city(tmp_path):
    with Bench(tmp_path) as bench:
        yield bench


def desk_of(bench: Bench) -> ServiceDesk:
    return ServiceDesk(bench.profile, bench.keys)


def selects(bench: Bench) -> bool:
    """Whether the application can be selected."""
    with contextlib.suppress(StatusError):
        PurseSession(bench.link, bench.profile)
        return True
    return False


def pin_is(bench: Bench, pin: bytes) -> bool:
    with contextlib.suppress(StatusError):
        PurseSession(bench.link, bench.profile).verify(pin)
        return True
    return False


# ------------------------------------------------------------------ blocking


def test_block_and_unblock(bench):
    desk = desk_of(bench)
    assert ServiceResult(Service.BLOCK, bench.public.card_serial) == desk.block(bench.link)
    assert not selects(bench)
    unblocked = desk.unblock(bench.link, card=bench.public)
    assert (ServiceResult(Service.UNBLOCK, bench.public.card_serial), True) == (unblocked, selects(bench))
    assert START - 1 == bench.terminal.purchase(bench.link, 1).balance_after - (
        bench.profile.file(Purse.EP.fid).limit
    )


@pytest.mark.parametrize("name", ["city-3des", "jrt-3des", "lingnan"])
def test_a_blocked_card_says_who_it_is_by_its_public_files(tmp_path, name):
    with Bench(tmp_path, name) as bench:
        desk = desk_of(bench)
        desk.block(bench.link)
        assert bench.public.card_serial == desk.unblock(bench.link).card_serial


def test_where_a_blocked_card_does_not_say_who_it_is_the_desk_must_know(tmp_path):
    with Bench(tmp_path, "tunion") as bench:
        desk, silent = desk_of(bench), Silent(bench.link)
        desk.block(bench.link)
        with pytest.raises(ParameterError, match="card must be given"):
            desk.unblock(silent)
        assert not desk.unblock(silent, card=bench.public).found
        assert selects(bench)


def test_a_blocked_card_without_fci_says_it_in_its_mf(city):
    desk, silent = desk_of(city), Silent(city.link)
    desk.block(city.link)
    assert city.public.card_serial == desk.unblock(silent).card_serial


class Silent(Wrapper):
    """A card that sends nothing but a status word with a refusal."""

    def transmit(self, command: bytes, /) -> bytes:
        answer = self.inner.transmit(command)
        return answer if answer[-2:] == b"\x90\x00" else answer[-2:]


def test_what_is_so_already_is_found(city):
    desk = desk_of(city)
    assert desk.unblock(city.link).found
    desk.block(city.link)
    assert desk.block(city.link).found


def test_blocked_for_ever(city):
    desk = desk_of(city)
    assert not desk.block(city.link, for_ever=True).found
    assert desk.block(city.link, for_ever=True).found
    with pytest.raises(StatusError, match="9303"):
        desk.unblock(city.link)


def test_a_block_for_a_time_becomes_one_for_ever(city):
    desk = desk_of(city)
    desk.block(city.link)
    assert not desk.block(city.link, for_ever=True).found
    with pytest.raises(StatusError, match="9303"):
        desk.unblock(city.link)


def test_a_blocked_card_is_dead(city):
    desk = desk_of(city)
    assert not desk.block_card(city.link, card=city.public).found
    assert not selects(city)
    assert desk.block_card(city.link, card=city.public).found


def test_another_card_is_not_blocked(city):
    public = city.public
    other = PublicData(public.issuer, bytes(10), public.start, public.expiry, bytes(8))
    with pytest.raises(ParameterError, match="card must be 0000000000000000, got 0102030405060701"):
        desk_of(city).block_card(city.link, card=other)
    assert selects(city)


# ------------------------------------------------------------------ PINs


def test_change_pin(bench):
    result = desk_of(bench).change_pin(bench.link, PIN, NEW_PIN)
    assert (Service.CHANGE_PIN, False, True) == (result.service, result.found, pin_is(bench, NEW_PIN))


def test_a_wrong_old_pin_costs_one_try(city):
    """The new one is not tried: nothing was torn."""
    with pytest.raises(StatusError, match="63C2"):
        desk_of(city).change_pin(city.link, WRONG_PIN, NEW_PIN)


def test_reload_pin(bench):
    assert Service.RELOAD_PIN is desk_of(bench).reload_pin(bench.link, NEW_PIN).service
    assert pin_is(bench, NEW_PIN)


def test_unblock_pin(bench):
    for _ in range(3):
        assert not pin_is(bench, WRONG_PIN)
    assert not pin_is(bench, PIN)
    assert Service.UNBLOCK_PIN is desk_of(bench).unblock_pin(bench.link, PIN).service
    assert pin_is(bench, PIN)


def test_unblock_pin_of_one_that_is_not_locked_is_refused_where_the_card_minds(tmp_path):
    with Bench(tmp_path, "jrt-3des") as bench, pytest.raises(StatusError, match="6985"):
        desk_of(bench).unblock_pin(bench.link, PIN)


# ------------------------------------------------------------------ torn

SERVICES = {
    "block": (lambda desk, link, _: desk.block(link), 3, lambda bench: not selects(bench)),
    "unblock": (lambda desk, link, bench: desk.unblock(link, card=bench.public), 4, selects),
    "block-card": (
        lambda desk, link, bench: desk.block_card(link, card=bench.public), 4, lambda bench: not selects(bench),
    ),
    "change-pin": (lambda desk, link, _: desk.change_pin(link, PIN, NEW_PIN), 2, lambda b: pin_is(b, NEW_PIN)),
    "reload-pin": (lambda desk, link, _: desk.reload_pin(link, NEW_PIN), 2, lambda b: pin_is(b, NEW_PIN)),
    "unblock-pin": (lambda desk, link, _: desk.unblock_pin(link, PIN), 3, lambda b: pin_is(b, PIN)),
}  # fmt: skip
TORN = [
    pytest.param(name, index, before, id=f"{name}-{index}-{'before' if before else 'after'}")
    for name, (_, commands, _) in SERVICES.items()
    for index in range(commands)
    for before in (True, False)
]


@pytest.mark.parametrize("profile", ["city-3des", "jrt-3des"])
@pytest.mark.parametrize(("name", "index", "before"), TORN)
def test_a_torn_service_is_done_by_the_next_try(tmp_path, profile, name, index, before):
    run, _, is_done = SERVICES[name]
    with Bench(tmp_path, profile) as bench:
        desk = desk_of(bench)
        if name == "unblock":
            desk.block(bench.link)
        if name == "unblock-pin":
            for _ in range(3):
                pin_is(bench, WRONG_PIN)
        fault = torn(bench.link, index, before=before)
        with pytest.raises(CardRemoved):
            run(desk, fault, bench)
        fault.reset()
        assert bench.public.card_serial == run(desk, bench.link, bench).card_serial
        assert is_done(bench)


# ------------------------------------------------------------------ read-out


def test_read_out_of_everything(bench):
    bench.terminal.purchase(bench.link, 100)
    limit = bench.profile.file(Purse.EP.fid).limit
    found = read_out(bench.link, bench.profile, pin=PIN)
    assert isinstance(found, ReadOut)
    assert bench.public == found.public
    assert PurseBalance(Purse.EP, START - 100 + limit, START - 100) == found.balance(Purse.EP)
    assert bench.purses == [each.purse for each in found.balances]
    assert 100 == found.log[0].amount
    assert (None, False) == (found.lock, found.is_locked)


def test_read_out_without_pin_says_what_it_may(city):
    found = read_out(city.link, city.profile)
    assert PurseBalance(Purse.ED, None, None) == found.balance(Purse.ED)
    assert START == found.balance(Purse.EP).spendable


def test_read_out_shows_a_lock(city):
    sale = city.terminal.lock(city.link)
    found = read_out(city.link, city.profile)
    assert (True, LockState.LOCKED, SAM_DATA.terminal) == (
        found.is_locked, found.lock.lock_state, found.lock.terminal,
    )  # fmt: skip
    assert sale.record.tac == found.lock.lock_tac


def test_read_out_changes_nothing(city):
    before = city.card.snapshot().memory
    read_out(city.link, city.profile)
    assert before == city.card.snapshot().memory


def test_read_out_of_a_blank_card_is_refused(city):
    link = SimulatedTransport(Card.blank(city.profile))
    with pytest.raises(StatusError, match="SELECT answered"):
        read_out(link, city.profile)
