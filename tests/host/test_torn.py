"""Cards torn from the reader at every command, before and after its effect: charged once, credited once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.errors import CardosError, CardRemoved, StatusError, TransportError
from cardos.files.memory import PowerCut
from cardos.host import (
    EntryState,
    Journal,
    OnlineState,
    Purse,
    RecordFlag,
    TerminalRecord,
    Transport,
    Wrapper,
    collect,
    read_upload,
)

from .conftest import NOON, PIN, City, counted, torn
from .flow_table import Counter
from .test_flows import tac_key

BOTH = pytest.mark.parametrize("before", [pytest.param(True, id="before"), pytest.param(False, id="after")])


def moved(journal: Journal) -> int:
    """What the journal says that cards paid or got, fen."""
    return sum(entry.record.amount for entry in journal.entries() if entry.state is EntryState.COMPLETE)


#: Commands of one purchase: SELECT, INITIALIZE, DEBIT; of one load: SELECT, VERIFY, INITIALIZE, CREDIT.
PURCHASE, LOAD = range(3), range(4)
DEBIT, CREDIT = 2, 3


def test_the_tables_above_count_every_command(city):
    link = Counter(city.link)
    city.load(500, link)
    assert len(LOAD) == link.count
    link.count = 0
    city.terminal.purchase(link, 100)
    assert len(PURCHASE) == link.count


@BOTH
@pytest.mark.parametrize("index", PURCHASE)
def test_purchase_torn_anywhere_is_charged_once(city, index, before):
    city.load(500)
    fault = torn(city.link, index, before=before)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    charged = index == DEBIT and not before
    assert 500 - 100 * charged == city.balance()

    fault.reset()
    result = city.terminal.purchase(fault, 100)
    assert (charged, True, 400, 400) == (
        result.recovered,
        result.verified,
        result.balance_after,
        city.balance(),
    )
    result.record.verify_tac(city.profile.dialect, tac_key(city))
    assert 100 == moved(city.journal)


@BOTH
@pytest.mark.parametrize("index", LOAD)
def test_load_torn_anywhere_is_credited_once(city, index, before):
    fault = torn(city.link, index, before=before)
    with pytest.raises(CardRemoved):
        city.load(500, fault)
    credited = index == CREDIT and not before
    assert 500 * credited == city.balance()

    fault.reset()
    result = city.load(500, fault)
    assert (credited, 500, 500) == (result.recovered, result.balance_after, city.balance())
    result.record.verify_tac(city.profile.dialect, tac_key(city))
    assert 500 == moved(city.outlet_journal)
    states = [load.state for load in city.register.history()]
    assert 1 == states.count(OnlineState.CONFIRMED)
    assert 0 == states.count(OnlineState.PENDING)


@BOTH
def test_another_amount_is_another_purchase(city, before):
    """The torn one is settled for itself; the new one is made."""
    city.load(500)
    fault = torn(city.link, DEBIT, before=before)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    result = city.terminal.purchase(fault, 30)
    first = 0 if before else 100
    assert (False, 500 - first - 30) == (result.recovered, city.balance())
    assert first + 30 == moved(city.journal)


@BOTH
def test_recover_settles_without_a_purchase(city, before):
    city.load(500)
    fault = torn(city.link, DEBIT, before=before)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    results = city.terminal.recover(fault)
    assert ([] if before else [100]) == [result.record.amount for result in results]
    assert [EntryState.VOID if before else EntryState.COMPLETE] == [
        entry.state for entry in city.journal.entries()
    ]
    assert () == city.terminal.recover(fault)


@BOTH
def test_recover_settles_a_load(city, before):
    fault = torn(city.link, CREDIT, before=before)
    with pytest.raises(CardRemoved):
        city.load(500, fault)
    fault.reset()
    results = city.outlet.recover(fault, pin=PIN)
    assert ([] if before else [500]) == [record.amount for record in results]
    assert [OnlineState.VOID if before else OnlineState.CONFIRMED] == [
        load.state for load in city.register.history()
    ]


@BOTH
def test_terminal_that_lost_its_power_as_well_recovers_from_the_journal(city, before):
    city.load(500)
    fault = torn(city.link, DEBIT, before=before)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    city.sam_link.reset()
    with Journal(city.journal.path, operator=1) as journal:  # the old one is abandoned, as by kill -9
        fault.reset()
        result = city.boot(journal).purchase(fault, 100)
        assert 100 == moved(journal)
    assert (not before, 400) == (result.recovered, city.balance())
    assert before == result.verified  # the PSAM has forgotten the key: the centre must check the TAC
    result.record.verify_tac(city.profile.dialect, tac_key(city))


@BOTH
def test_another_card_in_between_takes_the_sams_memory_but_no_money(city, before):
    city.load(500)
    other = city.other_card()
    fault = torn(city.link, DEBIT, before=before)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    assert not city.terminal.purchase(other, 100).recovered
    fault.reset()
    result = city.terminal.purchase(fault, 100)
    assert (not before, before) == (result.recovered, result.verified)
    assert (400, 200) == (city.balance(), moved(city.journal))


@BOTH
def test_a_purchase_elsewhere_takes_the_proof_and_the_log_decides(city, before):
    city.load(500)
    fault = torn(city.link, DEBIT, before=before)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    city.other_terminal().purchase(fault, 7)
    result = city.terminal.purchase(fault, 100)
    assert 500 - 7 - 100 == city.balance()
    [entry, *rest] = city.journal.entries()
    if before:  # the other terminal took the step of the counter: nothing was paid here
        assert (False, EntryState.VOID) == (result.recovered, entry.state)
        assert [EntryState.COMPLETE] == [entry.state for entry in rest]
    else:
        assert (True, False, EntryState.TORN) == (result.recovered, result.verified, entry.state)
        assert not city.terminal.purchase(fault, 100).recovered  # once only


def test_a_load_takes_the_proof_of_a_purchase_and_the_log_decides(city):
    city.load(500)
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    city.load(50, fault)
    result = city.terminal.purchase(fault, 100)
    assert (True, False, 450) == (result.recovered, result.verified, city.balance())


def test_a_purchase_takes_the_proof_of_a_load_and_the_serial_decides(city):
    fault = torn(city.link, CREDIT, before=False)
    with pytest.raises(CardRemoved):
        city.load(500, fault)
    fault.reset()
    city.terminal.purchase(fault, 100)
    assert city.load(500, fault).recovered
    assert 400 == city.balance()
    [load] = city.register.history()
    assert (OnlineState.CONFIRMED, b"") == (
        load.state,
        load.tac,
    )  # confirmed by serial and MAC1, no TAC was seen
    [entry] = city.outlet_journal.entries()
    assert EntryState.TORN is entry.state


def test_when_the_log_has_rolled_over_the_centre_decides(city_3des):
    city = city_3des
    city.load(500)
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    other = city.other_terminal()
    for _ in range(10):
        other.purchase(fault, 1)
    assert not city.terminal.purchase(fault, 100).recovered
    assert [EntryState.TORN, EntryState.COMPLETE] == [entry.state for entry in city.journal.entries()]


def test_a_card_too_poor_for_another_purchase_is_still_recovered(city):
    city.load(100)
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    assert city.terminal.purchase(fault, 100).recovered
    assert 0 == city.balance()


def test_unresolved_purchase_goes_up_as_torn(city, tmp_path):
    city.load(500)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(torn(city.link, DEBIT, before=False), 100)
    [raw] = read_upload(collect(city.journal, tmp_path, created=NOON))
    record = TerminalRecord.decode(raw)
    assert (RecordFlag.TORN, bytes(4), 500, 1) == (record.flag, record.tac, record.balance, record.serial)


def test_a_loads_entries_are_no_business_of_the_terminal(city, tmp_path):
    """One journal may serve both."""
    fault = torn(city.link, CREDIT, before=False)
    with pytest.raises(CardRemoved):
        city.load(500, fault)
    fault.reset()
    assert () == city.boot(city.outlet_journal).recover(fault)
    assert [EntryState.OPEN] == [entry.state for entry in city.outlet_journal.entries()]


def test_a_purchases_entries_are_no_business_of_the_outlet(city):
    city.load(500)
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.boot(city.outlet_journal).purchase(fault, 100)
    fault.reset()
    assert () == city.outlet.recover(fault, pin=PIN)
    assert city.boot(city.outlet_journal).purchase(fault, 100).recovered


def test_terminals_that_share_a_journal_settle_for_each_other(city):
    """Two gates of one station, whose PSAMs happen to have the same terminal serial: each knows its own key only."""
    city.load(500)
    other_card = city.other_card()
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    gate = city.other_terminal(city.journal)
    with pytest.raises(CardRemoved):
        gate.purchase(torn(other_card, DEBIT, before=False), 5)
    fault.reset()
    result = gate.purchase(fault, 100)
    assert (True, False, 400) == (result.recovered, result.verified, city.balance())


class Answers(Wrapper):
    """Gives ``answer`` to the instruction ``ins`` as long as it is armed."""

    def __init__(self, inner: Transport, ins: int, answer: str) -> None:
        super().__init__(inner)
        self.ins, self.answer = ins, bytes.fromhex(answer)

    def transmit(self, command: bytes, /) -> bytes:
        return self.answer if command[1] == self.ins else self.inner.transmit(command)


PROVE, INITIALIZE, READ_LOG = 0x5A, 0x50, 0xB2


@pytest.mark.parametrize(
    ("garbled", "second"), [pytest.param("6C08", "6901", id="6C"), pytest.param("6108", "6D00", id="61")]
)
def test_a_debit_whose_garbled_answer_asks_for_more_is_not_taken_for_refused(city, garbled, second):
    """The wrapper sends DEBIT again, or GET RESPONSE; the refusal of that says nothing of the first."""
    city.load(500)

    class Garbles(Wrapper):
        left = 1

        def transmit(self, command: bytes, /) -> bytes:
            answer = self.inner.transmit(command)
            if command[1] != 0x54 or not self.left:
                return answer
            self.left = 0
            return bytes.fromhex(garbled)

    with pytest.raises(StatusError, match=f"DEBIT FOR PURCHASE answered {second}"):
        city.terminal.purchase(Garbles(city.link), 100)
    assert (400, EntryState.OPEN) == (city.balance(), city.journal.entries()[0].state)
    assert (True, True) == (city.terminal.purchase(city.link, 100).recovered, 400 == city.balance())


def test_a_proof_that_is_refused_for_another_reason_settles_nothing(city):
    city.load(500)
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    with pytest.raises(StatusError, match="GET TRANSACTION PROVE answered 6985"):
        city.terminal.recover(Answers(fault, PROVE, "6985"))
    assert [EntryState.OPEN] == [entry.state for entry in city.journal.entries()]
    assert city.terminal.purchase(fault, 100).recovered


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        pytest.param("paid", EntryState.TORN, id="log-says-paid"),
        pytest.param("not paid", EntryState.TORN, id="log-says-nothing"),
    ],
)
def test_a_card_that_cannot_initialise_is_told_by_its_log(city_3des, outcome, state):
    """Too poor, or its counter at the end: no serial to be had."""
    city = city_3des
    city.load(500)
    fault = torn(city.link, DEBIT, before=outcome == "not paid")
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    results = city.terminal.recover(Answers(Answers(fault, PROVE, "9406"), INITIALIZE, "9402"))
    assert ([100] if outcome == "paid" else []) == [result.record.amount for result in results]
    assert [state] == [entry.state for entry in city.journal.entries()]


def test_a_deposit_waits_for_its_pin(city):
    """A tap without PIN, for the other purse, cannot tell what became of the deposit: the entry stays open."""
    city.load(500, purse=Purse.ED)
    city.load(500)
    fault = torn(city.link, DEBIT + 1, before=True)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100, purse=Purse.ED, pin=PIN)
    fault.reset()
    assert not city.terminal.purchase(fault, 100).recovered
    assert [EntryState.OPEN, EntryState.COMPLETE] == [entry.state for entry in city.journal.entries()]
    assert () == city.terminal.recover(fault, pin=PIN)
    assert [EntryState.VOID, EntryState.COMPLETE] == [entry.state for entry in city.journal.entries()]


def test_a_load_waits_for_its_pin(city):
    city.load(1, purse=Purse.ED)
    fault = torn(city.link, CREDIT, before=True)
    with pytest.raises(CardRemoved):
        city.load(500, fault, purse=Purse.ED)
    fault.reset()
    assert () == city.outlet.recover(fault)
    assert EntryState.OPEN is city.outlet_journal.entries()[-1].state
    assert () == city.outlet.recover(fault, pin=PIN)
    assert EntryState.VOID is city.outlet_journal.entries()[-1].state


def test_a_proof_is_believed_where_the_log_is_not_for_us_to_read(city):
    city.load(500)
    fault = torn(city.link, DEBIT, before=False)
    with pytest.raises(CardRemoved):
        city.terminal.purchase(fault, 100)
    fault.reset()
    assert city.terminal.purchase(Answers(fault, READ_LOG, "6982"), 100).verified


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param("9302", EntryState.VOID, id="refused"),
        pytest.param("6581", EntryState.OPEN, id="memory-failure"),
    ],
)
def test_a_refused_credit_is_void_only_when_the_card_is_sure(city_3des, answer, state):
    with pytest.raises(StatusError, match=f"CREDIT FOR LOAD answered {answer}"):
        city_3des.load(500, Answers(city_3des.link, 0x52, answer))
    assert [state] == [entry.state for entry in city_3des.outlet_journal.entries()]
    assert 500 == city_3des.load(500).balance_after


@BOTH
def test_a_sam_that_fails_before_the_debit_costs_nothing(city, before):
    city.load(500)
    terminal = city.boot()
    terminal._psam._resolved.inner = torn(city.sam_link, 0, before=before)
    with pytest.raises(TransportError):
        terminal.purchase(city.link, 100)
    assert (500, 0) == (city.balance(), moved(city.journal))


@BOTH
def test_a_sam_that_fails_after_the_debit_leaves_a_paid_purchase(city, before):
    """An error would send the holder back to the reader, to pay again."""
    city.load(500)
    terminal = city.boot()
    terminal._psam._resolved.inner = torn(city.sam_link, 1, before=before)
    result = terminal.purchase(city.link, 100)
    assert (False, False, 400, 100) == (
        result.verified,
        result.recovered,
        city.balance(),
        moved(city.journal),
    )
    result.record.verify_tac(city.profile.dialect, tac_key(city))


@pytest.mark.parametrize("writes", range(0, 40, 3))
def test_power_cut_inside_the_debit(city_3des, writes):
    """Real tearing, inside the card's memory: the terminal's books agree with what the card made of it."""
    city = city_3des
    city.load(500)

    class Cut(Wrapper):
        def transmit(self, command: bytes, /) -> bytes:
            if command[1] == 0x54:
                city.card.memory.cut_after(writes)
            return self.inner.transmit(command)

    try:
        result = city.terminal.purchase(Cut(city.link), 100)
    except CardRemoved as error:
        assert isinstance(error, PowerCut)
        city.link.reset()
        result = city.terminal.purchase(city.link, 100)
    assert (400, 400, 100) == (result.balance_after, city.balance(), moved(city.journal))


# ---------------------------------------------------------------- exactly once, whatever the link does

taps = st.lists(
    st.tuples(
        st.sampled_from(["load", "terminal", "other"]),
        st.sampled_from([10, 25]),
        st.none() | st.tuples(st.integers(0, 8), st.booleans()),
    ),
    max_size=9,
)


def settle_everything(city: City, terminals: list) -> None:
    city.link.reset()
    city.outlet.recover(city.link, pin=PIN)
    for terminal in terminals:
        terminal.recover(city.link)


@pytest.mark.slow
@settings(max_examples=30)
@given(taps)
def test_books_and_card_agree_after_any_losses(tmp_path_factory, day):
    with City("3des", tmp_path_factory.mktemp("day")) as city:
        _live_and_settle(city, day)


def _live_and_settle(city: City, day: list) -> None:
    other = city.other_terminal()
    city.load(500)
    terminals = {"terminal": city.terminal, "other": other}
    for place, amount, fault in day:
        city.link.reset()
        link = torn(city.link, fault[0], before=fault[1]) if fault else city.link
        with contextlib.suppress(CardosError):
            city.load(amount, link) if place == "load" else terminals[place].purchase(link, amount)
    settle_everything(city, list(terminals.values()))
    entries = [
        entry
        for journal in (city.journal, other._journal, city.outlet_journal)
        for entry in journal.entries()
    ]
    # at most nine transactions: the log has them all, so what was given up as torn did move
    assert not [entry for entry in entries if entry.state is EntryState.OPEN]
    signs = {Purse.EP.load: 1, Purse.EP.purchase: -1}
    book = sum(signs[e.record.type] * e.record.amount for e in entries if e.state is not EntryState.VOID)
    assert book == city.balance()
    loads = sum(load.amount for load in city.register.history() if load.state is OnlineState.CONFIRMED)
    assert loads == sum(
        e.record.amount for e in entries if e.record.type == 2 and e.state is not EntryState.VOID
    )


# ---------------------------------------------------------------- a hostile card


@settings(max_examples=40)
@given(answers=st.lists(st.binary(max_size=40), max_size=6), seed=st.integers(0, 255))
def test_a_card_that_answers_anything_gets_nothing(lasting_city, answers, seed):
    """Random answers, now and then with 9000 behind them: a typed error, and no complete record."""
    city, random = lasting_city, counted(seed)

    class Liar(Wrapper):
        def transmit(self, _command: bytes, /) -> bytes:
            answer = answers.pop() if answers else b""
            return answer + (b"\x90\x00" if random(1)[0] & 1 else b"")

    for action in (city.terminal.purchase, city.outlet.load):
        with pytest.raises(CardosError):
            action(Liar(city.link), 100)
    assert (0, 0) == (moved(city.journal), moved(city.outlet_journal))


@pytest.fixture(scope="module")
def lasting_city(tmp_path_factory):
    """One for many examples: nothing that they do may leave a trace in it."""
    with City("3des", tmp_path_factory.mktemp("hostile")) as city:
        yield city


@pytest.mark.slow
@settings(max_examples=60)
@given(index=st.integers(0, 2), position=st.integers(0, 60), bit=st.integers(0, 7), cut=st.booleans())
def test_a_changed_answer_never_makes_a_wrong_mac2_good(tmp_path_factory, index, position, bit, cut):
    """One answer of a real card, changed in a bit or cut short."""
    with City("3des", tmp_path_factory.mktemp("changed")) as city:
        _pay_with_changed_answer(city, index, position, bit, cut=cut)


def _pay_with_changed_answer(city: City, index: int, position: int, bit: int, *, cut: bool) -> None:
    city.load(500)
    seen = Counter(city.link)

    class Changed(Wrapper):
        def transmit(self, command: bytes, /) -> bytes:
            answer = bytearray(self.inner.transmit(command))
            if seen.count - 1 == index:
                place = position % len(answer)
                if cut:
                    return bytes(answer[:place])
                answer[place] ^= 1 << bit
            return bytes(answer)

    debit_mac2 = index == DEBIT and 4 <= position % 10 < 8
    try:
        result = city.terminal.purchase(Changed(seen), 100)
    except CardosError:
        assert 0 == moved(city.journal)
    else:
        assert not debit_mac2
        assert not (cut and index == DEBIT)
        assert (400, True) == (city.balance(), result.verified)


# ---------------------------------------------------------------- kill -9


@pytest.mark.slow
def test_a_killed_terminal_has_its_entry(tmp_path):
    """A process that is killed right after begin(): the entry is there, open."""
    program = textwrap.dedent("""
        import os, signal, sys
        from dataclasses import replace
        from datetime import date, datetime
        from pathlib import Path
        from cardos.host import Journal, TerminalRecord
        record = TerminalRecord(
            type=6, flag=1, operator=1, terminal=bytes(6), sam=bytes(7) + b"1", terminal_serial=5,
            when=datetime(2025, 3, 1), issuer=bytes(8), card_serial=bytes(8), serial=1, balance=500, amount=100,
            key_version=0, list_version=date(2025, 3, 1),
        )
        journal = Journal(Path(sys.argv[1]), operator=1)
        journal.complete(journal.begin(record), b"TAC1")
        journal.begin(replace(record, terminal_serial=6))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path / "journal")], check=False)
    assert -9 == run.returncode
    with Journal(tmp_path / "journal", operator=1) as journal:
        entries = journal.entries()
    assert [EntryState.COMPLETE, EntryState.OPEN] == [entry.state for entry in entries]
    assert [5, 6] == [entry.record.terminal_serial for entry in entries]
