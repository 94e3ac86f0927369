"""The journal against a model that is a bytes object: whatever is cut, a transaction happened or it did not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cardos.files.journal import JOURNAL_SIZE, Journal
from cardos.files.memory import Memory, PowerCut, WriteFailure

AREA = 64
PLACES = st.integers(0, AREA - 1)
#: Chunks of one value are stored in a shorter form, so both kinds must come.
CHUNKS = st.one_of(
    st.binary(min_size=0, max_size=40),
    st.builds(lambda b, n: bytes([b]) * n, st.integers(0, 255), st.integers(0, 40)),
)
WRITES = st.lists(st.tuples(PLACES, CHUNKS), max_size=4)


def fit(writes):
    return [(place, chunk[: AREA - place]) for place, chunk in writes]


def apply(model, writes):
    content = bytearray(model)
    for place, chunk in writes:
        content[place : place + len(chunk)] = chunk
    return bytes(content)


def new():
    memory = Memory(JOURNAL_SIZE + AREA)
    memory.power_up()
    return memory, Journal(memory)


class JournalMachine(RuleBasedStateMachine):
    """Transactions, rollbacks, cuts at any write of a commit or of a recovery."""

    def __init__(self):
        super().__init__()
        self.memory, self.journal = new()
        self.durable = bytes(AREA)
        self.seen = self.durable

    @rule(writes=WRITES)
    def write(self, writes):
        for place, chunk in fit(writes):
            self.journal.write(JOURNAL_SIZE + place, chunk)
        self.seen = apply(self.seen, fit(writes))

    @rule()
    def commit(self):
        self.journal.commit()
        self.durable = self.seen

    @rule()
    def rollback(self):
        self.journal.rollback()
        self.seen = self.durable

    @rule(
        cuts=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 30), st.booleans()), min_size=1, max_size=3)
    )
    def commit_under_cuts(self, cuts):
        """The first cut falls into the commit, the others into the recoveries after it."""
        (writes, torn, garbage), *others = cuts
        self.memory.cut_after(writes, torn=torn, garbage=garbage)
        completed = self.try_to(self.journal.commit)
        for writes, torn, garbage in others:
            self.memory.cut_after(writes, torn=torn, garbage=garbage)
            self.memory.power_up()
            self.try_to(lambda: Journal(self.memory))
        self.memory.power_off()
        self.memory.power_up()
        self.journal = Journal(self.memory)
        found = self.journal.read(JOURNAL_SIZE, AREA)
        assert found == self.seen if completed else found in (self.durable, self.seen)
        self.durable = self.seen = found

    @staticmethod
    def try_to(act):
        try:
            act()
        except PowerCut:
            return False
        return True

    @invariant()
    def reads_agree(self):
        assert self.seen == self.journal.read(JOURNAL_SIZE, AREA)
        assert self.durable == self.memory.read(JOURNAL_SIZE, AREA)
        assert self.seen[10:20] == self.journal.read(JOURNAL_SIZE + 10, 10)


TestJournal = pytest.mark.slow(JournalMachine.TestCase)
TestJournal.settings = settings(max_examples=40, stateful_step_count=20)


@given(first=WRITES, second=WRITES)
@settings(max_examples=25)
def test_every_cut_of_a_commit_gives_old_or_new(first, second):
    """A second transaction over the remains of the first, torn at every byte of every write, both ways."""
    base, journal = new()
    for place, chunk in fit(first):
        journal.write(JOURNAL_SIZE + place, chunk)
    journal.commit()
    start = base.snapshot()
    old = start[JOURNAL_SIZE:]
    states = (old, apply(old, fit(second)))
    writes = length = 0
    while length is not None:
        length = None
        for torn in range(200):
            for garbage in (False, True):
                memory = Memory(base.size)
                memory.restore(start)
                memory.power_up()
                journal = Journal(memory)
                for place, chunk in fit(second):
                    journal.write(JOURNAL_SIZE + place, chunk)
                memory.cut_after(writes, torn=torn, garbage=garbage)
                try:
                    journal.commit()
                except PowerCut as cut:
                    length = cut.length
                memory.power_off()
                memory.power_up()
                assert Journal(memory).read(JOURNAL_SIZE, AREA) in states
                assert bytes(6) == memory.read(0, 6)
            if length is None or torn >= length:
                break
        writes += 1


def test_an_old_record_under_a_torn_head_does_not_come_back():
    """The head of a new record of the same length, torn before its end, over the entries of an older one."""
    memory, journal = new()
    for value in (b"\x01\x01", b"\x02\x02"):
        journal.write(JOURNAL_SIZE, value)
        journal.commit()
    for torn in range(9):
        memory.power_off()
        memory.power_up()
        journal = Journal(memory)
        journal.write(JOURNAL_SIZE + 4, b"\x03\x03")
        memory.cut_after(0, torn=torn)
        with pytest.raises(PowerCut):
            journal.commit()
        memory.power_up()
        assert "020200000000" == Journal(memory).read(JOURNAL_SIZE, 6).hex()


def test_an_empty_transaction_writes_nothing():
    memory, journal = new()
    journal.write(JOURNAL_SIZE, b"")
    assert not journal.pending
    journal.commit()
    assert 0 == memory.writes


def test_a_transaction_larger_than_the_journal_does_not_happen():
    memory = Memory(JOURNAL_SIZE + 4096)
    memory.power_up()
    journal = Journal(memory)
    journal.write(JOURNAL_SIZE, bytes(range(256)) * 8)
    assert journal.pending
    with pytest.raises(WriteFailure, match="the change takes 2054 bytes of a journal of 2048"):
        journal.commit()
    assert 0 == memory.writes


def test_a_long_stretch_of_one_value_is_short_in_the_journal():
    memory = Memory(JOURNAL_SIZE + 4096)
    memory.power_up()
    journal = Journal(memory)
    journal.write(JOURNAL_SIZE, b"\xff" * 4096)
    journal.commit()
    assert b"\xff" * 4096 == journal.read(JOURNAL_SIZE, 4096)
