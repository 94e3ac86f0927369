"""What an outlet does besides loading: unload, overdraft limits, and what the issuer refuses of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.errors import CardRemoved, DecodeError, MacMismatch, ParameterError, StatusError
from cardos.host import (
    BalanceForm,
    EntryState,
    IssuerRefused,
    OnlineConfirmation,
    OnlineRequest,
    OnlineState,
    Purse,
    PurseSession,
    RecordFlag,
    Refusal,
    TerminalRecord,
    Wrapper,
)

from .conftest import OUTLET, PIN, torn
from .flow_table import START, Bench

COMPLETING = 3  # index of the command that moves the money


@pytest.fixture
def bench(tmp_path):
    with Bench(tmp_path) as bench:
        yield bench


def refused(call) -> Refusal:
    with pytest.raises(IssuerRefused) as caught:
        call()
    return caught.value.reason


class Flips(Wrapper):
    """Flips a bit in the answer to one instruction, once."""

    def __init__(self, inner, ins: int, position: int) -> None:
        super().__init__(inner)
        self.ins, self.position, self.left = ins, position, 1

    def transmit(self, command: bytes, /) -> bytes:
        answer = bytearray(self.inner.transmit(command))
        if command[1] == self.ins and self.left:
            self.left = 0
            answer[self.position] ^= 1
        return bytes(answer)


def test_record_of_an_unload_has_mac3_in_the_place_of_the_tac(bench):
    record = bench.outlet.unload(bench.link, 200, pin=PIN).record
    assert (0x03, 2, START, 200, START - 200, RecordFlag.COMPLETE) == (
        record.type, record.serial, record.balance, record.amount, record.balance_after, record.flag,
    )  # fmt: skip
    done = bench.register.history()[-1]
    assert (OnlineState.CONFIRMED, record.tac, START - 200) == (done.state, done.tac, done.after)


def test_record_of_an_overdraft_update_tells_the_balance_after_it(bench):
    bench.outlet.set_overdraft_limit(bench.link, 400, pin=PIN)
    record = bench.outlet.set_overdraft_limit(bench.link, 300, pin=PIN).record
    assert (0x07, START, 300, START + 300) == (
        record.type, record.balance, record.amount, record.balance_after,
    )  # fmt: skip
    assert START + 300 == bench.balance(Purse.ED)
    public = bench.public
    keys = bench.keys.for_card(bench.profile, issuer=public.issuer, card_serial=public.card_serial)
    record.verify_tac(bench.profile.dialect, keys["tac"])
    assert record == TerminalRecord.decode(bytes(record))


def test_an_overdraft_in_use_is_a_balance_below_nothing(bench):
    """The holder's own money in the record is modulo 2**32 then; what follows from it is right."""
    bench.outlet.set_overdraft_limit(bench.link, 400, pin=PIN)
    bench.terminal.purchase(bench.link, START + 100, purse=Purse.ED, pin=PIN)
    record = bench.outlet.set_overdraft_limit(bench.link, 250, pin=PIN).record
    assert ((1 << 32) - 100, 150, 150) == (record.balance, record.balance_after, bench.balance(Purse.ED))


def test_credit_is_not_paid_out(bench):
    """The balance of a deposit includes its limit, but the limit is nobody's cash."""
    bench.outlet.set_overdraft_limit(bench.link, 400, pin=PIN)
    with pytest.raises(IssuerRefused, match="balance is not sufficient .5001 fen asked for, 5000 there"):
        bench.outlet.unload(bench.link, START + 1, pin=PIN)
    assert 400 == bench.outlet.unload(bench.link, START, pin=PIN).balance_after


def test_more_than_there_is_is_refused_by_the_card(bench):
    assert Refusal.INSUFFICIENT is refused(lambda: bench.outlet.unload(bench.link, START + 1, pin=PIN))
    assert [EntryState.COMPLETE] * 2 == bench.states()


def test_a_limit_that_would_leave_a_negative_balance_is_refused(bench):
    bench.outlet.set_overdraft_limit(bench.link, 400, pin=PIN)
    bench.terminal.purchase(bench.link, START + 300, purse=Purse.ED, pin=PIN)
    assert Refusal.INSUFFICIENT is refused(lambda: bench.outlet.set_overdraft_limit(bench.link, 299, pin=PIN))


@pytest.mark.parametrize("limit", [-1, 1 << 24])
def test_impossible_limits(bench, limit):
    with pytest.raises(ParameterError, match="limit must be 0..16777215 fen"):
        bench.outlet.set_overdraft_limit(bench.link, limit, pin=PIN)


@pytest.mark.parametrize("amount", [-1, 1 << 32])
def test_impossible_amounts(bench, amount):
    for action in (bench.outlet.unload, bench.outlet.unlock):
        with pytest.raises(ParameterError, match="amount must be 1..4294967295 fen"):
            action(bench.link, amount)


def test_what_the_deposit_does_wants_its_pin(bench):
    with pytest.raises(StatusError, match="6982"):
        bench.outlet.unload(bench.link, 100)
    with pytest.raises(StatusError, match="6982"):
        bench.outlet.set_overdraft_limit(bench.link, 100)
    with pytest.raises(StatusError, match="6982"):
        bench.terminal.withdraw(bench.link, 100)


def test_an_old_limit_that_the_register_does_not_know_is_refused(bench):
    with pytest.raises(MacMismatch, match="MAC1 of overdraft"):  # it is under MAC1
        bench.outlet.set_overdraft_limit(Flips(bench.link, 0x50, 8), 100, pin=PIN)
    bench.register._move_purse(replace(bench.register.history()[0], limit=7))
    assert Refusal.LIMIT_UNEXPECTED is refused(
        lambda: bench.outlet.set_overdraft_limit(bench.link, 100, pin=PIN)
    )


def test_wrong_mac3_leaves_the_unload_open_until_the_card_proves_it(bench):
    with pytest.raises(MacMismatch, match="MAC3 of unload"):
        bench.outlet.unload(Flips(bench.link, 0x54, 0), 100, pin=PIN)
    assert EntryState.OPEN is bench.states()[-1]
    assert bench.outlet.unload(bench.link, 100, pin=PIN).recovered
    assert START - 100 == bench.balance(Purse.ED)


def test_wrong_mac3_of_an_unlock_as_well(bench):
    bench.terminal.lock(bench.link)
    with pytest.raises(MacMismatch, match="MAC3 of grey_unlock"):
        bench.outlet.unlock(Flips(bench.link, 0x7E, 0), 100)
    assert bench.outlet.unlock(bench.link, 100).recovered
    assert START - 100 == bench.balance(Purse.EP)


def test_load_unload_and_limit_share_one_counter(bench):
    """What was torn as one is told by the INITIALIZE of another."""
    fault = torn(bench.link, COMPLETING, before=False)
    with pytest.raises(CardRemoved):
        bench.outlet.unload(fault, 100, pin=PIN)
    fault.reset()
    assert START - 100 + 400 == bench.outlet.set_overdraft_limit(fault, 400, pin=PIN).balance_after
    assert [OnlineState.CONFIRMED] * 4 == [each.state for each in bench.register.history()]


def test_an_unload_whose_proof_was_lost_is_told_by_serial_and_log(bench):
    fault = torn(bench.link, COMPLETING, before=False)
    with pytest.raises(CardRemoved):
        bench.outlet.unload(fault, 100, pin=PIN)
    fault.reset()
    bench.terminal.purchase(fault, 1, purse=Purse.ED, pin=PIN)
    assert bench.outlet.unload(fault, 100, pin=PIN).recovered
    assert (START - 101, OnlineState.CONFIRMED) == (
        bench.balance(Purse.ED), bench.register.history()[-1].state,
    )  # fmt: skip


def test_after_an_unload_the_issuer_knows_that_there_is_less(bench):
    """A card that still shows the old balance is not believed."""
    bench.outlet.unload(bench.link, 100, pin=PIN)
    purse = bench.register.purse(bench.public.card_serial, Purse.ED.load)
    assert (2, START - 100, 0) == (purse.online_serial, purse.balance, purse.limit)


def test_an_offline_transaction_is_not_authorised(bench):
    request = OnlineRequest(
        issuer=bytes(8), card_serial=bytes(8), type=6, terminal=bytes(6), amount=1, balance=1, online_serial=0,
        key_version=0, algorithm=0, random=bytes(4), mac1=bytes(4),
    )  # fmt: skip
    assert Refusal.NOT_ONLINE is refused(lambda: bench.issuer.authorise(request))


def test_a_confirmation_of_nothing_is_wrong(bench):
    word = OnlineConfirmation(
        issuer=bytes(8), card_serial=bytes(8), type=3, serial=1, terminal=OUTLET, amount=1,
        when=bench.clock.now, tac=bytes(4),
    )  # fmt: skip
    with pytest.raises(MacMismatch, match="MAC3 of unload"):
        bench.issuer.confirm(word)


def test_a_request_is_what_its_bytes_say(bench):
    raw = bench.register.history()[0].request
    assert raw == bytes(OnlineRequest.decode(raw))
    with pytest.raises(DecodeError):
        OnlineRequest.decode(raw[:-1])


def test_a_t_union_card_starts_with_its_limit(tmp_path):
    with Bench(tmp_path, "tunion") as bench:
        session = PurseSession(bench.link, bench.profile)
        limit = session.get_balance(Purse.EP, BalanceForm.LIMIT)
        assert limit == bench.register.history()[-1].limit > 0


@pytest.mark.slow
@settings(max_examples=25)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["load", "unload", "limit", "purchase"]),
            st.integers(1, 900),
            st.none() | st.tuples(st.integers(0, 6), st.booleans()),
        ),
        max_size=8,
    )
)
def test_the_deposit_is_what_its_books_say_after_any_losses(tmp_path_factory, steps):
    """Loads, unloads, limits and purchases of the deposit in any order, each perhaps torn somewhere."""
    with Bench(tmp_path_factory.mktemp("deposit")) as bench:
        limit = 0
        actions = {
            "load": lambda link, fen: bench.outlet.load(link, fen, purse=Purse.ED, pin=PIN),
            "unload": lambda link, fen: bench.outlet.unload(link, fen, pin=PIN),
            "limit": lambda link, fen: bench.outlet.set_overdraft_limit(link, fen, pin=PIN),
            "purchase": lambda link, fen: bench.terminal.purchase(link, fen, purse=Purse.ED, pin=PIN),
        }
        for name, fen, fault in steps:
            bench.link.reset()
            link = torn(bench.link, fault[0], before=fault[1]) if fault else bench.link
            try:
                actions[name](link, fen)
            except (CardRemoved, IssuerRefused):
                continue
        bench.link.reset()
        for place in (bench.outlet, bench.terminal):
            place.recover(bench.link, pin=PIN)
        entries = [entry for journal in (bench.outlet_journal, bench.journal) for entry in journal.entries()]
        assert EntryState.OPEN not in [entry.state for entry in entries]
        signs = {0x01: +1, 0x03: -1, 0x05: -1}
        done = [entry.record for entry in entries if entry.state is not EntryState.VOID]
        own = sum(signs.get(record.type, 0) * record.amount for record in done)
        limits = [record.amount for record in done if record.type == 0x07]
        limit = limits[-1] if limits else 0
        assert own + limit == bench.balance(Purse.ED)
