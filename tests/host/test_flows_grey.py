"""Grey-locked sales: locked, filled, debited; here, elsewhere, or by the issuer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import CardRemoved, DecodeError, MacMismatch, ParameterError, StatusError
from cardos.host import (
    Dispenser,
    EntryState,
    GreyClaim,
    GreySale,
    LockState,
    Outcome,
    PurchaseRefused,
    Purse,
    PurseSession,
    RecordFlag,
    Refusal,
    read_out,
)

from .conftest import PIN, TERMINAL, torn
from .flow_table import START, Bench
from .test_flows_outlet import Flips

LOCK, DEBIT_FOR_UNLOCK = 3, 2  # commands of lock() and debit() that change the card


@pytest.fixture
def bench(tmp_path):
    with Bench(tmp_path) as bench:
        yield bench


def tac_key(bench):
    public = bench.public
    return bench.keys.for_card(bench.profile, issuer=public.issuer, card_serial=public.card_serial)["tac"]


def filled(bench: Bench, amount: int = 700) -> GreySale:
    return bench.terminal.fill(bench.terminal.lock(bench.link), amount)


def refused(call) -> Refusal:
    with pytest.raises(PurchaseRefused) as caught:
        call()
    return caught.value.reason


def test_a_sale_is_one_record_from_lock_to_debit(bench):
    sale = bench.terminal.lock(bench.link)
    assert (0x91, 0, RecordFlag.TORN, START) == (
        sale.record.type, sale.record.amount, sale.record.flag, sale.record.balance,
    )  # fmt: skip
    assert not sale.is_filled
    sale = bench.terminal.fill(sale, 700)
    assert ((0x93, 700), True) == ((sale.record.type, sale.record.amount), sale.is_filled)
    result = bench.terminal.debit(bench.link, sale)
    assert (START - 700, False, True) == (result.balance_after, result.recovered, result.verified)
    result.record.verify_tac(bench.profile.dialect, tac_key(bench))
    [entry] = bench.journal.entries()
    assert (EntryState.COMPLETE, result.record) == (entry.state, entry.record)


def test_the_tac_counts_as_read_afterwards(bench):
    bench.terminal.debit(bench.link, filled(bench))
    assert LockState.NONE == PurseSession(bench.link, bench.profile).get_lock_proof().lock_state


def test_nothing_taken_is_a_debit_of_nothing(bench):
    result = bench.terminal.debit(bench.link, filled(bench, 0))
    assert (0, START) == (result.record.amount, bench.balance(Purse.EP))
    assert not read_out(bench.link, bench.profile).is_locked


def test_a_debit_that_was_made_is_told_again(bench):
    sale = filled(bench)
    first = bench.terminal.debit(bench.link, sale)
    again = bench.terminal.debit(bench.link, sale)
    assert (first.record, True) == (again.record, True if again.recovered else None)
    assert START - 700 == bench.balance(Purse.EP)


@pytest.mark.parametrize("amount", [-1, START + 1])
def test_no_more_is_filled_than_the_card_holds(bench, amount):
    sale = bench.terminal.lock(bench.link)
    with pytest.raises(ParameterError, match="amount must be 0..5000 fen, what the card holds"):
        bench.terminal.fill(sale, amount)


def test_an_amount_is_said_once(bench):
    sale = filled(bench)
    assert sale == bench.terminal.fill(sale, 700)
    with pytest.raises(ParameterError, match="amount must be 700 fen, as it was said before, got 701"):
        bench.terminal.fill(sale, 701)


def test_an_empty_sale_is_not_debited(bench):
    sale = bench.terminal.lock(bench.link)
    with pytest.raises(ParameterError, match="sale must be filled"):
        bench.terminal.debit(bench.link, sale)
    with pytest.raises(ParameterError, match="sale must be filled"):
        bench.terminal.claim(sale)


def test_the_customer_leaves_and_pays_at_the_next_tap(bench):
    """The terminal loses its power too; any purchase there settles the sale first."""
    filled(bench)
    assert [700] == [sale.record.amount for sale in bench.terminal.open_sales()]
    bench.reboot()
    bench.link.reset()
    assert START - 800 == bench.terminal.purchase(bench.link, 100).balance_after
    assert (START - 800, ()) == (bench.balance(Purse.EP), bench.terminal.open_sales())
    assert [EntryState.COMPLETE] * 2 == [entry.state for entry in bench.journal.entries()]


def test_a_lock_that_is_not_filled_is_the_same_sale_again(bench):
    sale = bench.terminal.lock(bench.link)
    bench.reboot()
    assert sale == bench.terminal.lock(bench.link)
    assert () == bench.terminal.recover(bench.link)
    assert (sale,) == bench.terminal.open_sales()


def test_a_card_locked_elsewhere_is_refused(bench):
    bench.terminal.lock(bench.link)
    other = bench.other_terminal()
    assert Refusal.GREY_LOCKED is refused(lambda: other.lock(bench.link))
    assert Refusal.GREY_LOCKED is refused(lambda: other.purchase(bench.link, 100))
    assert () == other._journal.entries()


def test_another_terminal_that_was_told_debits_for_the_seller(bench):
    sale = filled(bench)
    claim = GreyClaim.decode(bytes(bench.terminal.claim(sale)))
    bench.link.reset()
    other = bench.other_terminal()
    evidence = other.collect(bench.link, claim)
    assert (Outcome.PROVED, START - 700, ()) == (
        evidence.outcome, bench.balance(Purse.EP), other._journal.entries(),
    )  # fmt: skip
    result = bench.terminal.accept(evidence)
    result.record.verify_tac(bench.profile.dialect, tac_key(bench))
    assert (TERMINAL, 700) == (result.record.terminal, result.record.amount)
    assert START - 700 - 5 == bench.terminal.purchase(bench.link, 5).balance_after


def test_collecting_twice_charges_once(bench):
    claim = bench.terminal.claim(filled(bench))
    other = bench.other_terminal()
    assert other.collect(bench.link, claim) == other.collect(bench.link, claim)
    assert START - 700 == bench.balance(Purse.EP)


@pytest.mark.parametrize("before", [True, False])
def test_a_collection_that_was_torn_is_told_by_the_card(bench, before):
    claim = bench.terminal.claim(filled(bench))
    other = bench.other_terminal()
    fault = torn(bench.link, DEBIT_FOR_UNLOCK, before=before)
    with pytest.raises(CardRemoved):
        other.collect(fault, claim)
    fault.reset()
    assert Outcome.PROVED is other.collect(fault, claim).outcome
    assert START - 700 == bench.balance(Purse.EP)


def test_the_seller_finds_what_was_collected_without_being_told(bench):
    sale = filled(bench)
    bench.other_terminal().collect(bench.link, bench.terminal.claim(sale))
    assert bench.terminal.debit(bench.link, sale).recovered
    assert START - 700 == bench.balance(Purse.EP)


def test_a_later_sale_elsewhere_hides_the_proof_and_the_log_tells(bench):
    sale = filled(bench)
    other = bench.other_terminal()
    other.collect(bench.link, bench.terminal.claim(sale))
    other.debit(bench.link, other.fill(other.lock(bench.link), 10))
    result = bench.terminal.debit(bench.link, sale)
    assert (True, False, EntryState.TORN) == (
        result.recovered, result.verified, bench.journal.entries()[0].state,
    )  # fmt: skip


def test_the_issuer_unlocks_when_the_seller_cannot(bench):
    """The seller's record goes up as torn: whether the issuer took the money for it is the centre's question."""
    sale = filled(bench)
    unlocked = bench.outlet.unlock(bench.link, 700)
    assert (0x95, START - 700) == (unlocked.record.type, bench.balance(Purse.EP))
    assert Refusal.NOT_LOCKED is refused(lambda: bench.terminal.debit(bench.link, sale))
    [entry] = bench.journal.entries()
    assert (EntryState.TORN, 700) == (entry.state, entry.record.amount)


def test_a_lock_that_the_issuer_ended_before_anything_was_taken_is_void(bench):
    bench.terminal.lock(bench.link)
    bench.outlet.unlock(bench.link)
    assert START - 1 == bench.terminal.purchase(bench.link, 1).balance_after
    assert EntryState.VOID is bench.journal.entries()[0].state


def test_a_card_that_is_not_locked_is_not_unlocked(bench):
    with pytest.raises(StatusError, match="INITIALIZE FOR GREY UNLOCK answered"):
        bench.outlet.unlock(bench.link)


def test_another_card_is_not_debited(bench):
    sale = filled(bench)
    record = replace(sale.record, card_serial=bytes(8))
    claim = GreyClaim(record, bench.terminal.claim(sale).gmac)
    assert Refusal.ANOTHER_CARD is refused(lambda: bench.terminal.collect(bench.link, claim))


@pytest.mark.parametrize("position", range(4, 8))
def test_a_wrong_mac2_gives_no_goods(bench, position):
    with pytest.raises(MacMismatch, match="MAC2 of grey lock"):
        bench.terminal.lock(Flips(bench.link, 0x7C, position))
    [entry] = bench.journal.entries()
    assert (EntryState.SUSPECT, RecordFlag.SUSPECT) == (entry.state, entry.record.flag)
    assert Refusal.GREY_LOCKED is refused(lambda: bench.terminal.lock(bench.link))


def test_a_forged_claim_is_refused_by_the_card_and_the_sale_goes_on(bench):
    sale = filled(bench)
    claim = bench.terminal.claim(sale)
    forged = GreyClaim(replace(claim.record, amount=701), claim.gmac)
    with pytest.raises(StatusError, match="DEBIT FOR UNLOCK answered 9302"):
        bench.other_terminal().collect(bench.link, forged)
    assert START - 700 == bench.terminal.debit(bench.link, sale).balance_after


def test_two_terminals_with_one_journal_leave_the_debit_to_the_one_that_locked(bench):
    sale = filled(bench)
    gate = bench.other_terminal(operator=1)
    shared = Dispenser(gate._psam, bench.journal, bench.profile, blacklist=gate.blacklist, clock=bench.clock)
    assert () == shared.recover(bench.link)
    assert Refusal.NOT_LOCKED is refused(lambda: shared.debit(bench.link, sale))
    with pytest.raises(ParameterError, match="sale must be one of PSAM 0000000000000043"):
        shared.claim(sale)
    assert START - 700 == bench.terminal.debit(bench.link, sale).balance_after


def test_a_sale_of_another_journal_is_unknown(bench):
    sale = filled(bench)
    other = bench.other_terminal()
    with pytest.raises(ParameterError, match="number of an entry must be that of one in the journal"):
        other.debit(bench.link, sale)


def test_a_lock_torn_in_the_answer_is_certified_later(bench):
    fault = torn(bench.link, LOCK, before=False)
    with pytest.raises(CardRemoved):
        bench.terminal.lock(fault)
    [sale] = bench.terminal.open_sales()
    with pytest.raises(ParameterError, match="sale must be one that the PSAM certified"):
        bench.terminal.fill(sale, 10)
    fault.reset()
    sale = bench.terminal.lock(fault)
    assert START - 10 == bench.terminal.debit(fault, bench.terminal.fill(sale, 10)).balance_after


@given(raw=st.binary(max_size=80))
def test_a_claim_is_whole_or_an_error(raw):
    with pytest.raises(DecodeError):
        GreyClaim.decode(raw)


def test_either_purse_can_be_locked_where_the_card_has_two_codes(tmp_path):
    with Bench(tmp_path, "city-3des+grey_both_purses") as bench:
        for purse, lock in ((Purse.ED, 0x91), (Purse.EP, 0x92)):
            sale = bench.terminal.lock(bench.link, purse=purse, pin=PIN)
            assert lock == sale.record.type
            result = bench.terminal.debit(bench.link, bench.terminal.fill(sale, 10))
            assert (lock + 2, START - 10) == (result.record.type, result.balance_after)
            assert START - 10 == bench.balance(purse)
            bench.terminal.lock(bench.link, purse=purse, pin=PIN)
            assert lock + 4 == bench.outlet.unlock(bench.link, 5, purse=purse, pin=PIN).record.type
            assert START - 15 == bench.balance(purse)


def test_the_safety_code_of_a_ministry_card_is_under_the_gmac(tmp_path):
    with Bench(tmp_path, "mohurd") as bench:
        sale = bench.terminal.fill(bench.terminal.lock(bench.link), 700)
        claim = bench.terminal.claim(sale, transport=bench.link)
        assert claim == bench.terminal.claim(sale)  # once signed, the card need not be there
        assert START - 700 == bench.terminal.debit(bench.link, sale).balance_after


def test_without_the_card_its_safety_code_is_missing(tmp_path):
    with Bench(tmp_path, "mohurd") as bench:
        sale = bench.terminal.fill(bench.terminal.lock(bench.link), 700)
        with pytest.raises(StatusError, match="CREDIT SAM FOR GREY DEBIT answered 6985"):
            bench.terminal.claim(sale)
