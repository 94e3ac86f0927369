"""What a terminal does besides a purchase: prepare, withdraw, rides, evidence for and from other terminals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.errors import CardRemoved, MacMismatch, ParameterError, StatusError
from cardos.host import (
    CappRecord,
    EntryState,
    Evidence,
    Fare,
    Gate,
    Outcome,
    Prepared,
    PurchaseRefused,
    Purse,
    PurseSession,
    RecordFlag,
    Refusal,
    Ride,
    RideFiles,
    TerminalRecord,
    collect,
    read_upload,
)
from cardos.profile import load_layout

from .conftest import NOON, PIN, torn
from .flow_table import FARE, OTHER_STATION, START, STATION, Bench
from .test_flows_outlet import Flips

DEBIT = 2


@pytest.fixture
def bench(tmp_path):
    with Bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def metro(tmp_path):
    with Bench(tmp_path, "tunion") as bench:
        yield bench


def refused(call) -> Refusal:
    with pytest.raises(PurchaseRefused) as caught:
        call()
    return caught.value.reason


def lose_debit(bench: Bench, amount: int = 100, *, before: bool = False):
    """A purchase whose debit is torn; gives the fault, and the card back."""
    fault = torn(bench.link, DEBIT, before=before)
    with pytest.raises(CardRemoved):
        bench.terminal.purchase(fault, amount)
    fault.reset()
    return fault


# ------------------------------------------------------------------ prepared


def test_prepared_then_committed(bench):
    prepared = bench.terminal.prepare(bench.link, 100)
    assert (False, 100, START, ()) == (
        prepared.is_paid, prepared.record.amount, bench.balance(Purse.EP), bench.journal.entries(),
    )  # fmt: skip
    result = prepared.commit()
    assert (START - 100, True, True) == (result.balance_after, result.verified, prepared.is_paid)
    assert result is prepared.commit()


def test_abandoned_it_costs_nothing(bench):
    with bench.terminal.prepare(bench.link, 100) as prepared:
        pass
    assert (START, ()) == (bench.balance(Purse.EP), bench.journal.entries())
    with pytest.raises(ParameterError, match="prepared purchase must be new"):
        prepared.commit()
    assert START - 5 == bench.terminal.purchase(bench.link, 5).balance_after


def test_committed_inside_its_context_it_stays_paid(bench):
    with bench.terminal.prepare(bench.link, 100) as prepared:
        prepared.commit()
    assert (START - 100, True) == (bench.balance(Purse.EP), prepared.is_paid)


def test_only_the_last_one_can_be_committed(bench):
    first = bench.terminal.prepare(bench.link, 100)
    second = bench.terminal.prepare(bench.link, 70)
    with pytest.raises(ParameterError, match="prepared purchase must be the last that its terminal began"):
        first.commit()
    assert START - 70 == second.commit().balance_after


def test_a_torn_commit_is_resolved_by_the_next_tap(bench):
    fault = torn(bench.link, DEBIT, before=False)
    prepared = bench.terminal.prepare(fault, 100)
    with pytest.raises(CardRemoved):
        prepared.commit()
    with pytest.raises(ParameterError, match="got one that was committed"):
        prepared.commit()
    fault.reset()
    again = bench.terminal.prepare(fault, 100)
    assert (True, True) == (again.is_paid, again.commit().recovered)
    assert START - 100 == bench.balance(Purse.EP)
    again.abandon()
    assert again.is_paid


def test_a_prepared_purchase_of_a_paid_record(bench):
    result = bench.terminal.purchase(bench.link, 1)
    assert result is Prepared.of_paid(result).commit()


# ------------------------------------------------------------------ cash


def test_cash_withdrawal(bench):
    result = bench.terminal.withdraw(bench.link, 300, pin=PIN)
    assert (0x04, START - 300, START) == (
        result.record.type, bench.balance(Purse.ED), bench.balance(Purse.EP),
    )  # fmt: skip


def test_a_torn_withdrawal_is_no_purchase(bench):
    fault = torn(bench.link, DEBIT + 1, before=False)
    with pytest.raises(CardRemoved):
        bench.terminal.withdraw(fault, 300, pin=PIN)
    fault.reset()
    assert not bench.terminal.purchase(fault, 300, purse=Purse.ED, pin=PIN).recovered
    assert START - 600 == bench.balance(Purse.ED)


# ------------------------------------------------------------------ rides


def test_a_ride(metro):
    entered = metro.far_gate.enter(metro.link)
    assert (9, 0) == (entered.record.type, entered.record.amount)
    ride = RideFiles().open_ride(PurseSession(metro.link, metro.profile))
    assert (OTHER_STATION, True) == (ride.station, NOON < ride.since <= entered.record.when)
    left = metro.gate.leave(metro.link)
    assert (FARE, None) == (
        left.record.amount, RideFiles().open_ride(PurseSession(metro.link, metro.profile)),
    )  # fmt: skip


def test_the_fare_is_that_of_the_ride(metro):
    asked = []

    def fares(ride: Ride, station: bytes, when) -> int:
        asked.append((ride.station, station, when > ride.since))
        return 450

    metro.far_gate.enter(metro.link)
    assert 450 == Gate(metro.terminal, STATION, fares, clock=metro.clock).leave(metro.link).record.amount
    assert [(OTHER_STATION, STATION, True)] == asked


def test_both_ends_are_in_the_list_of_trips(metro):
    metro.far_gate.enter(metro.link)
    metro.gate.leave(metro.link)
    session = PurseSession(metro.link, metro.profile)
    trips = [load_layout("tunion_trip").split(session.read_record(0x1E, number)) for number in (1, 2)]
    assert [(4, FARE, STATION), (3, 0, OTHER_STATION)] == [
        (trip["trip_kind"], trip["amount"], trip["device"]) for trip in trips
    ]
    assert session.get_balance(Purse.EP) == trips[0]["balance"]


def test_the_same_gate_twice_does_nothing_more(metro):
    metro.gate.enter(metro.link)
    assert Refusal.NOTHING_DUE is refused(lambda: metro.gate.enter(metro.link))
    metro.gate.leave(metro.link)
    assert Refusal.NOTHING_DUE is refused(lambda: metro.gate.leave(metro.link))
    assert 2 == len(metro.journal.entries())


def test_who_cannot_pay_stays_in(metro):
    dear = Gate(metro.terminal, STATION, lambda *_: 1_000_000, clock=metro.clock)
    metro.far_gate.enter(metro.link)
    assert Refusal.INSUFFICIENT is refused(lambda: dear.leave(metro.link))
    assert FARE == metro.gate.leave(metro.link).record.amount


def test_a_station_has_eight_bytes(metro):
    with pytest.raises(ParameterError, match="station must be 8 bytes, got 2 bytes"):
        metro.gate_at(b"\x00\x01")


@pytest.mark.parametrize("amount", [-1, 1 << 32])
def test_impossible_fares(metro, amount):
    with pytest.raises(ParameterError, match="amount must be 0..4294967295 fen"):
        metro.terminal.composite(metro.link, lambda _: Fare(amount, ()))


def test_a_composite_purchase_needs_a_record(metro):
    with pytest.raises(ParameterError, match="records must be one at least, got none"):
        metro.terminal.composite(metro.link, lambda _: Fare(1, ()))
    assert () == metro.journal.entries()


def test_a_record_that_the_card_does_not_take_costs_nothing(metro):
    with pytest.raises(StatusError, match="UPDATE CAPP DATA CACHE answered"):
        metro.terminal.composite(metro.link, lambda _: Fare(1, (CappRecord(0x03, 1, b"x"),)))
    assert () == metro.journal.entries()


# ------------------------------------------------------------------ evidence


def test_another_terminal_reads_the_proof_and_the_seller_accepts_it(bench):
    fault = lose_debit(bench)
    [entry] = bench.journal.entries()
    bench.reboot()
    evidence = bench.other_terminal().read_evidence(fault, entry.record)
    assert (Outcome.PROVED, entry.record) == (evidence.outcome, evidence.record)
    result = bench.terminal.accept(evidence)
    assert (True, False, RecordFlag.COMPLETE) == (result.recovered, result.verified, result.record.flag)
    public = bench.public
    keys = bench.keys.for_card(bench.profile, issuer=public.issuer, card_serial=public.card_serial)
    result.record.verify_tac(bench.profile.dialect, keys["tac"])


def test_mac2_in_the_evidence_is_checked_while_the_psam_has_the_key(bench):
    fault = lose_debit(bench)
    [entry] = bench.journal.entries()
    evidence = bench.other_terminal().read_evidence(fault, entry.record)
    forged = replace(evidence, proof=replace(evidence.proof, mac=bytes(4)))
    with pytest.raises(MacMismatch):
        bench.terminal.accept(forged)
    assert [EntryState.SUSPECT] == [entry.state for entry in bench.journal.entries()]


def test_evidence_that_nothing_was_paid(bench):
    fault = lose_debit(bench, before=True)
    [entry] = bench.journal.entries()
    evidence = bench.other_terminal().read_evidence(fault, entry.record)
    assert Outcome.NOT_MOVED is evidence.outcome
    assert (None, [EntryState.VOID]) == (bench.terminal.accept(evidence), bench.states()[:1])


def test_another_terminal_does_not_settle_what_is_not_its_own(bench):
    fault = lose_debit(bench)
    other = bench.other_terminal()
    [entry] = bench.journal.entries()
    evidence = other.read_evidence(fault, entry.record)
    with pytest.raises(ParameterError, match="record must be open in the journal of this terminal"):
        other.accept(evidence)
    assert () == other._journal.entries()


def test_evidence_of_another_card_is_refused(bench):
    lose_debit(bench)
    [entry] = bench.journal.entries()
    record = replace(entry.record, card_serial=bytes(8))
    assert Refusal.ANOTHER_CARD is refused(lambda: bench.terminal.read_evidence(bench.link, record))


def test_evidence_of_a_load_is_not_a_terminals_to_read(bench):
    [entry] = [each for each in bench.outlet_journal.entries() if each.record.type == 0x02]
    with pytest.raises(ParameterError, match="type of a record must be that of a purchase, got 02"):
        bench.terminal.read_evidence(bench.link, entry.record)


def test_evidence_that_says_nothing_leaves_it_open(bench):
    lose_debit(bench)
    [entry] = bench.journal.entries()
    assert bench.terminal.accept(Evidence(entry.record, Outcome.NOT_YET)) is None
    assert EntryState.OPEN is bench.journal.entries()[0].state


# ------------------------------------------------------------------ suspect


def test_a_suspect_record_goes_up_with_its_tac_and_flag(bench, tmp_path):
    with pytest.raises(MacMismatch):
        bench.terminal.purchase(Flips(bench.link, 0x54, 4), 100)
    [raw] = read_upload(collect(bench.journal, tmp_path, created=NOON))
    record = TerminalRecord.decode(raw)
    assert (RecordFlag.SUSPECT, False, 100) == (record.flag, record.torn, record.amount)
    public = bench.public
    keys = bench.keys.for_card(bench.profile, issuer=public.issuer, card_serial=public.card_serial)
    record.verify_tac(bench.profile.dialect, keys["tac"])
