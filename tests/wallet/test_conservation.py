"""A ledger of plain integers against the card: loads, purchases, failures, resets and power cuts in any order.

After every step the four witnesses of both purses (balance, serials, log, proof) tell the story that the
ledger tells; after a cut they tell it with the interrupted transaction or without it, all four alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardos.apdu import SW
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD
from cardos.files.memory import PowerCut
from tests.wallet.rig import TERMINAL, fresh

CEILING = {ED: 0xFFFFFFFF, EP: 100000}
LOG_SIZE = 10
PURSE = st.sampled_from([ED, EP])
LOAD_AMOUNT = st.one_of(st.integers(0, 3000), st.just(100000))
PURCHASE_AMOUNT = st.one_of(st.integers(0, 500), st.just(100000))
FIRST_LOAD = 2000


@dataclass
class Ledger:
    """What must be true: two purses, the log and the proof of their application."""

    balance: dict[int, int] = field(default_factory=lambda: {ED: 0, EP: 0})
    online: dict[int, int] = field(default_factory=lambda: {ED: 0, EP: 0})
    offline: dict[int, int] = field(default_factory=lambda: {ED: 0, EP: 0})
    loaded: int = 0
    spent: int = 0
    log: tuple[tuple[int, int, int], ...] = ()  # type, serial, amount; the newest first
    proof: bytes | None = None

    def copy(self):
        return replace(self, balance=dict(self.balance), online=dict(self.online), offline=dict(self.offline))

    def _log(self, type_, serial, amount):
        self.log = ((type_, serial, amount), *self.log)[:LOG_SIZE]

    def load(self, purse, amount):
        self.balance[purse] += amount
        self.loaded += amount
        self.online[purse] += 1
        self._log(purse, self.online[purse], amount)

    def purchase(self, purse, amount):
        self.balance[purse] -= amount
        self.spent += amount
        self.offline[purse] += 1
        self._log(purse + 4, self.offline[purse], amount)


class Purses(RuleBasedStateMachine):
    """The rules; ``waiting`` is the partner command of the last INITIALIZE, with what it would do."""

    profile = "city-3des"

    @initialize()
    def start(self):
        self.rig = fresh(self.profile)
        self.rig.verify()
        self.ledger = Ledger()
        self.waiting = None
        self.terminal_serial = 0
        for purse in (ED, EP):
            self.initialize_load(purse, FIRST_LOAD)
            self.finish()

    # -- beginnings

    @rule(purse=PURSE, amount=LOAD_AMOUNT)
    def initialize_load(self, purse, amount):
        fits = self.ledger.balance[purse] + amount <= CEILING[purse]
        begun = self.rig.initialize_load(amount, purse, sw=SW.SUCCESS if fits else SW.CONDITIONS)
        self.waiting = None
        if begun:
            assert (self.ledger.balance[purse], self.ledger.online[purse]) == (
                begun.balance,
                begun.online_serial,
            )
            self.waiting = (self.rig.credit_command(begun, amount, purse), "load", purse, amount)

    @rule(purse=PURSE, amount=PURCHASE_AMOUNT)
    def initialize_purchase(self, purse, amount):
        fits = amount <= self.ledger.balance[purse]
        begun = self.rig.initialize_purchase(
            amount, purse, sw=SW.SUCCESS if fits else SW.BALANCE_INSUFFICIENT
        )
        self.waiting = None
        if begun:
            self.terminal_serial += 1
            command = self.rig.debit_command(begun, amount, purse, serial=self.terminal_serial)
            self.waiting = (command, "purchase", purse, amount)

    # -- ends

    def done(self, answer):
        _, operation, purse, amount = self.waiting
        getattr(self.ledger, operation)(purse, amount)
        data = answer.data
        self.ledger.proof = bytes(4) + data if operation == "load" else data[4:] + data[:4]
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule()
    def finish(self):
        answer = self.rig.raw(self.waiting[0])
        assert SW.SUCCESS == answer.sw
        self.done(answer)

    @precondition(lambda self: self.waiting)
    @rule(position=st.integers(0, 31))
    def finish_with_a_wrong_mac(self, position):
        command = self.waiting[0]
        data = bytearray(command.data)
        data[-1 - position // 8] ^= 1 << position % 8
        assert SW.MAC_INVALID == self.rig.raw(replace(command, data=bytes(data))).sw
        assert SW.INVALID_STATE == self.rig.raw(command).sw
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule(writes=st.integers(0, 12), torn=st.integers(0, 8))
    def finish_under_a_power_cut(self, writes, torn):
        """Old or new, never a third; and the proof says which."""
        command, operation, purse, _ = self.waiting
        self.rig.card.memory.cut_after(writes, torn=torn)
        try:
            answer = self.rig.raw(command)
        except PowerCut:
            answer = None
        self.rig.reset()
        self.rig.verify()
        if answer is not None:
            assert SW.SUCCESS == answer.sw
            self.done(answer)
            return
        type_ = purse if operation == "load" else purse + 4
        serial = (self.ledger.online if operation == "load" else self.ledger.offline)[purse] + 1
        proof = self.rig.prove(type_, serial)
        if proof.sw == SW.SUCCESS:
            getattr(self.ledger, operation)(purse, self.waiting[3])
            self.ledger.proof = proof.data
        else:
            assert SW.PROOF_UNAVAILABLE == proof.sw
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule()
    def replay_after_success(self):
        """The partner once more finds the card idle."""
        command = self.waiting[0]
        self.finish()
        assert SW.INVALID_STATE == self.rig.raw(command).sw

    @rule()
    def reset(self):
        self.rig.reset()
        self.rig.verify()
        self.waiting = None

    # -- what must hold

    @invariant()
    def witnesses_agree(self):
        if not hasattr(self, "ledger"):
            return
        ledger = self.ledger
        assert ledger.loaded - ledger.spent == sum(ledger.balance.values())
        for purse in (ED, EP):
            state = self.rig.purse_state(purse)
            assert ledger.balance[purse] == self.rig.balance(purse) == state.balance
            assert (ledger.online[purse], ledger.offline[purse]) == (
                state.online_serial,
                state.offline_serial,
            )
        records = [LOG_RECORD.split(record) for record in self.rig.log()]
        assert ledger.log == tuple((r["type"], r["serial"], r["amount"]) for r in records)
        assert all(TERMINAL == record["terminal"] for record in records)
        self.proof_agrees()

    def proof_agrees(self):
        for type_, serial, _ in self.ledger.log[:1]:
            answer = self.rig.prove(type_, serial)
            assert (self.ledger.proof, SW.SUCCESS) == (answer.data, answer.sw)
        if self.waiting:
            assert self.rig.state().value == self.waiting[1]


class PursesSm4(Purses):
    profile = "city-sm4"


TestPurses = pytest.mark.slow(Purses.TestCase)
TestPursesSm4 = pytest.mark.slow(PursesSm4.TestCase)
TestPurses.settings = TestPursesSm4.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
