"""Every flow, torn at every command, before and after its effect: the card is charged once, the books say so."""

from __future__ import annotations

import contextlib

import pytest

from cardos.errors import CardosError, CardRemoved, TransportError
from cardos.host import (
    EntryState,
    Journal,
    OnlineState,
    PurchaseRefused,
    Refusal,
    TransactionRefused,
    grey_sale,
    outlet,
    terminal,
)
from cardos.host.recovery import Finding, Outcome

from .conftest import PIN, torn
from .flow_table import BY_NAME, FLOWS, Bench, Flow, expected

SWEEP = [
    pytest.param(flow, index, before, id=f"{flow.name}-{index}-{'before' if before else 'after'}")
    for flow in FLOWS
    for index in range(flow.commands)
    for before in (True, False)
]
#: Flows that leave a sale open in the journal: it waits for its debit, or for the card to tell that it is unlocked.
WAITING = {"lock", "online-unlock"}


@pytest.fixture
def bench_of(tmp_path):
    """Makes the bench of a flow, ready for it."""
    with contextlib.ExitStack() as stack:

        def make(flow: Flow) -> Bench:
            bench = stack.enter_context(Bench(tmp_path, flow.profile))
            flow.before(bench)
            return bench

        yield make


def tear(bench: Bench, flow: Flow, index: int, *, before: bool) -> None:
    """Run the flow with a card that is pulled at one command; what came of it, the card may keep to itself."""
    fault = torn(bench.link, index, before=before)
    with contextlib.suppress(CardRemoved):
        flow.run(bench, fault)
    assert fault.spent
    fault.reset()


def check_settled(bench: Bench, flow: Flow, start: tuple[int, ...], books: int) -> None:
    """The flow was done once, everybody knows it, and nothing is left open."""
    assert expected(bench, flow, start) == bench.money()
    assert flow.books == bench.settled() - books
    assert [EntryState.OPEN] * (flow.name in WAITING) == [
        state for state in bench.states() if state not in (EntryState.COMPLETE, EntryState.VOID)
    ]
    assert [] == [each for each in bench.register.history() if each.state is OnlineState.PENDING]
    bench.check_conserved()


@pytest.mark.parametrize(("flow", "index", "before"), SWEEP)
def test_the_same_again_resolves_it(bench_of, flow, index, before):
    check_same_again(bench_of(flow), flow, index, before=before)


def check_same_again(bench: Bench, flow: Flow, index: int, *, before: bool) -> None:
    start, books, complete = bench.money(), bench.settled(), bench.states().count(EntryState.COMPLETE)
    tear(bench, flow, index, before=before)
    done, known = flow.is_done(index, before=before), bench.states().count(EntryState.COMPLETE)
    assert expected(bench, flow, start, done=done) == bench.money()
    assert bench.settled() - books in {0, flow.books * done}  # the journal claims nothing that did not happen
    result = flow.run(bench, bench.link)
    assert flow.name == "lock" or done == result.recovered
    check_settled(bench, flow, start, books)
    now = bench.states().count(EntryState.COMPLETE)
    assert now - complete == (flow.name != "lock")  # one record of it
    assert known <= now


#: What a terminal that lost its own memory cannot do: its PSAM waits no more for the MAC2 of a lock.
_FORGOTTEN = ("lock", 3)


@pytest.mark.slow
@pytest.mark.parametrize(("flow", "index", "before"), SWEEP)
def test_a_terminal_that_was_killed_resolves_it_from_its_journal(bench_of, flow, index, before):
    bench = bench_of(flow)
    start, books = bench.money(), bench.settled()
    tear(bench, flow, index, before=before)
    bench.reboot()
    if (flow.name, index, before) == (*_FORGOTTEN, False):
        with pytest.raises(PurchaseRefused) as caught:
            flow.run(bench, bench.link)
        assert Refusal.GREY_LOCKED is caught.value.reason
        bench.outlet.unlock(bench.link)  # so it is the issuer's turn
    flow.run(bench, bench.link)
    check_settled(bench, flow, start, books)


@pytest.mark.parametrize(("flow", "index", "before"), SWEEP)
def test_recovery_alone_agrees_with_the_card(bench_of, flow, index, before):
    """Nobody wants it any more: the books say what the card says."""
    bench = bench_of(flow)
    start, books = bench.money(), bench.settled()
    tear(bench, flow, index, before=before)
    for place in (bench.outlet, bench.terminal):
        place.recover(bench.link, pin=PIN)
    done = bench.money() != start
    collected = flow.name == "debit"  # a filled sale is debited at the next tap, whoever asks
    assert flow.books * (done or collected) == bench.settled() - books


# ------------------------------------------------------------------ the next tap is elsewhere


def tap_elsewhere(bench: Bench, flow: Flow) -> int:
    """Another terminal, or outlet, moves 7 fen; what it moved, nothing on a card that is locked."""
    with contextlib.suppress(TransactionRefused):
        if flow.online:
            bench.other_outlet().load(bench.link, 7, purse=flow.purse, pin=PIN)
            return +7
        bench.other_terminal().purchase(bench.link, 7, purse=flow.purse, pin=PIN)
        return -7
    return 0


@pytest.mark.parametrize(("flow", "index", "before"), SWEEP)
def test_a_tap_elsewhere_in_between_changes_nothing(bench_of, flow, index, before):
    """It takes the proof away, and perhaps the step of the counter; the log tells whose that was."""
    bench = bench_of(flow)
    start = bench.money()
    tear(bench, flow, index, before=before)
    done = flow.is_done(index, before=before)
    assert expected(bench, flow, start, done=done) == bench.money()
    elsewhere = tap_elsewhere(bench, flow)
    result = flow.run(bench, bench.link)
    assert flow.name == "lock" or done == result.recovered
    assert sum(expected(bench, flow, start)) + elsewhere == sum(bench.money())
    assert (EntryState.OPEN in bench.states()) == (flow.name in WAITING)
    bench.check_conserved()


OFFLINE_SWEEP = [param for param in SWEEP if not param.values[0].online and param.values[0].name != "lock"]


@pytest.mark.parametrize(("flow", "index", "before"), OFFLINE_SWEEP)
def test_what_another_terminal_reads_settles_it(bench_of, flow, index, before):
    """The card is seen elsewhere only; what it said there is sent to the first terminal."""
    bench = bench_of(flow)
    books = bench.settled()
    tear(bench, flow, index, before=before)
    bench.reboot()
    other = bench.other_terminal()
    for entry in bench.journal.open_entries(bench.public.card_serial):
        bench.terminal.accept(other.read_evidence(bench.link, entry.record, pin=PIN))
    done = flow.is_done(index, before=before)
    assert flow.books * done == bench.settled() - books
    assert (EntryState.OPEN in bench.states()) == (
        flow.name == "debit" and not done
    )  # it waits to be debited
    bench.check_conserved()


# ------------------------------------------------------------------ the sweep finds what is wrong


def _forgets(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "open_entries", lambda *_: ())


def _always_finds(outcome: Outcome):
    def plant(patch: pytest.MonkeyPatch) -> None:
        for module in (grey_sale, outlet, terminal):
            patch.setattr(module, "find_out", lambda *_: Finding(outcome))

    return plant


#: What may be wrong with a recovery, and whether the command that moves the money was lost, or its answer.
MISTAKES = {
    "forgets": (_forgets, False, {"debit"}),  # whose sale names its entry
    "takes-all-for-unpaid": (_always_finds(Outcome.NOT_MOVED), False, {"lock"}),
    "takes-all-for-paid": (_always_finds(Outcome.LOGGED), True, {"lock", "debit"}),
}
PLANTED = [
    pytest.param(flow, plant, before, id=f"{name}-{flow.name}")
    for name, (plant, before, unaffected) in MISTAKES.items()
    for flow in FLOWS
    if flow.name not in unaffected
]


@pytest.mark.parametrize(("flow", "plant", "before"), PLANTED)
def test_a_planted_mistake_is_caught(bench_of, monkeypatch, flow, plant, before):
    bench = bench_of(flow)
    completing = next(index for index in range(flow.commands) if flow.is_done(index, before=False))
    plant(monkeypatch)
    with pytest.raises((AssertionError, CardosError)):
        check_same_again(bench, flow, completing, before=before)


# ------------------------------------------------------------------ the PSAM


#: Commands that the PSAM gets in a flow; what is paid by the last of them.
SAM_COMMANDS = {
    "purchase": 2,
    "purchase-ed": 2,
    "prepared": 2,
    "cash": 2,
    "entry": 2,
    "exit": 2,
    "lock": 2,
    "debit": 2,
}
PAID_BEFORE = {(name, 1) for name in SAM_COMMANDS} - {("lock", 1), ("debit", 1)}
SAM_SWEEP = [
    pytest.param(BY_NAME[name], index, before, id=f"{name}-{index}-{'before' if before else 'after'}")
    for name, count in SAM_COMMANDS.items()
    for index in range(count)
    for before in (True, False)
]


@pytest.mark.parametrize(("flow", "index", "before"), SAM_SWEEP)
def test_a_sam_that_fails_costs_nobody_money(bench_of, flow, index, before):
    bench = bench_of(flow)
    start, books = bench.money(), bench.settled()
    fault = torn(bench.sam_link, index, before=before)
    bench.terminal._psam._resolved.inner = fault
    if (flow.name, index) in PAID_BEFORE:  # an error here would have the holder pay again
        assert not flow.run(bench, bench.link).verified
    else:
        with pytest.raises(TransportError):
            flow.run(bench, bench.link)
        assert start == bench.money()
        bench.reboot()
        if (flow.name, index) == (
            "lock",
            1,
        ):  # whether the PSAM kept the lock is not known: the issuer ends it
            bench.outlet.unlock(bench.link)
        flow.run(bench, bench.link)
    assert fault.spent
    check_settled(bench, flow, start, books)


def test_the_sweep_covers_every_command():
    assert {flow.name for flow in FLOWS} == {param.values[0].name for param in SWEEP}
    assert sum(flow.commands for flow in FLOWS) * 2 == len(SWEEP)
