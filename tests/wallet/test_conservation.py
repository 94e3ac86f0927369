"""A ledger of plain integers against the card: every transaction, failures, resets and power cuts in any order.

After every step the witnesses of both purses (balance, limit, serials, log, records, proof) tell the story that the
ledger tells; after a cut they tell it with the interrupted transaction or without it, all alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardos.apdu import SW, Command
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD
from cardos.files.memory import PowerCut
from tests.wallet.flows import FLOWS
from tests.wallet.purse_cards import CAPP, COMPOSITE_FILES, CYCLIC, LINEAR, purse_card
from tests.wallet.rig import TERMINAL

CEILING = {ED: 0xFFFFFFFF, EP: 100000}
LOG_SIZE, TRIPS = 10, 3
OPERATION = st.sampled_from([(kind, purse) for kind, flow in FLOWS.items() for purse in flow.types])
AMOUNT = st.one_of(st.integers(0, 500), st.integers(0, 3000), st.just(100000))
FIRST_LOAD = 2000
RIDE = bytes.fromhex("020A00") + bytes(9)
#: Files of composite purchases and the length of a record of each.
LENGTHS = {CAPP: 12, LINEAR: 16, CYCLIC: 48}


@dataclass
class Waiting:
    """A transaction that was begun: the command that completes it, and what that will do."""

    command: Command
    kind: str
    purse: int
    amount: int
    records: list[tuple[int, bytes]] = field(default_factory=list)


def _nothing():
    return {ED: 0, EP: 0}


@dataclass
class Ledger:
    """What must be true: two purses, the log and the proof of their application, its files."""

    balance: dict[int, int] = field(default_factory=_nothing)
    limit: int = 0
    online_serial: dict[int, int] = field(default_factory=_nothing)
    offline_serial: dict[int, int] = field(default_factory=_nothing)
    loaded: int = 0
    spent: int = 0
    log: tuple[tuple[int, int, int, int], ...] = ()  # type, serial, amount, limit; the newest first
    proof: bytes | None = None
    records: dict[int, tuple[bytes, ...]] = field(
        default_factory=lambda: {CAPP: (RIDE,), LINEAR: (), CYCLIC: ()}
    )

    def begins(self, kind: str, purse: int, amount: int) -> int:
        """What INITIALIZE answers when nothing else waits."""
        if kind == "load" and self.balance[purse] + amount > CEILING[purse]:
            return SW.CONDITIONS
        if FLOWS[kind].sign < 0 and amount > self.balance[purse]:
            return SW.BALANCE_INSUFFICIENT
        return SW.SUCCESS

    def completes(self, waiting: Waiting) -> int:
        """What the partner answers when its MAC is right."""
        if waiting.kind == "composite" and not waiting.records:
            return SW.INVALID_STATE
        if waiting.kind == "overdraft" and self.balance[ED] - self.limit + waiting.amount < 0:
            return SW.CANNOT_PROCESS
        return SW.SUCCESS

    def enter(self, waiting: Waiting) -> None:
        """The transaction happened."""
        flow, purse, amount = FLOWS[waiting.kind], waiting.purse, waiting.amount
        serials = getattr(self, flow.serial)
        serials[purse] += 1
        updates = waiting.kind == "overdraft"
        if updates:
            self.balance[ED] += amount - self.limit
            self.limit = amount
        else:
            self.balance[purse] += flow.sign * amount
            self.loaded += amount * (flow.sign > 0)
            self.spent += amount * (flow.sign < 0)
        entry = (flow.types[purse], serials[purse], amount * (not updates), amount * updates)
        self.log = (entry, *self.log)[:LOG_SIZE]
        for sfi, data in waiting.records:
            older = self.records[sfi] if sfi == CYCLIC else ()
            self.records[sfi] = (data.ljust(LENGTHS[sfi], b"\x00"), *older)[:TRIPS]


class Purses(RuleBasedStateMachine):
    """The rules; ``waiting`` is the transaction that the last INITIALIZE began."""

    suite = "3des"

    @initialize()
    def start(self):
        self.rig = purse_card(suite=self.suite, files=COMPOSITE_FILES)
        self.rig.fs.append_record(self.rig.fs.by_sfi(self.rig.application, CAPP), RIDE)
        self.rig.fs.commit()
        self.ledger = Ledger()
        self.waiting: Waiting | None = None
        self.terminal_serial = 0
        for purse in (ED, EP):
            self.begin(("load", purse), FIRST_LOAD)
            self.finish()

    # -- beginnings

    @rule(operation=OPERATION, amount=AMOUNT)
    def begin(self, operation, amount):
        kind, purse = operation
        in_composite = self.waiting is not None and self.waiting.kind == "composite"
        in_the_way = in_composite or (kind == "composite" and self.waiting is not None)
        sw = SW.INVALID_STATE if in_the_way else self.ledger.begins(kind, purse, amount)
        begun = self.rig.begin(kind, amount, purse, sw=sw)
        self.waiting = None
        if begun:
            flow = FLOWS[kind]
            assert self.ledger.balance[purse] == begun.balance
            assert getattr(self.ledger, flow.serial)[purse] == getattr(begun, flow.serial)
            assert (self.ledger.limit if purse == ED else 0) == getattr(
                begun, "limit", self.ledger.limit if purse == ED else 0
            )
            self.terminal_serial += 1
            command = self.rig.partner(kind, begun, amount, purse, serial=self.terminal_serial)
            self.waiting = Waiting(command, kind, purse, amount)

    @precondition(lambda self: self.waiting and self.waiting.kind == "composite")
    @rule(sfi=st.sampled_from([CAPP, LINEAR, CYCLIC]), data=st.binary(min_size=1, max_size=9))
    def cache(self, sfi, data):
        head, p1 = {CAPP: (RIDE[:3], 0x02), LINEAR: (b"", 1), CYCLIC: (b"", 0)}[sfi]
        self.rig.cache(p1, sfi << 3, head + data)
        self.waiting.records.append((sfi, head + data))

    # -- ends

    def done(self, answer):
        waiting, data = self.waiting, answer.data
        self.ledger.enter(waiting)
        alone = {"load": bytes(4) + data, "overdraft": bytes(4) + data, "unload": data + bytes(4)}
        self.ledger.proof = alone.get(waiting.kind, data[4:] + data[:4])
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule()
    def finish(self):
        expected, answer = self.ledger.completes(self.waiting), self.rig.raw(self.waiting.command)
        assert expected == answer.sw
        if expected == SW.SUCCESS:
            self.done(answer)
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule(position=st.integers(0, 31))
    def finish_with_a_wrong_mac(self, position):
        command = self.waiting.command
        data = bytearray(command.data)
        data[-1 - position // 8] ^= 1 << position % 8
        early = self.waiting.kind == "composite" and not self.waiting.records
        expected = SW.INVALID_STATE if early else SW.MAC_INVALID
        assert expected == self.rig.raw(replace(command, data=bytes(data))).sw
        assert SW.INVALID_STATE == self.rig.raw(command).sw
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule(writes=st.integers(0, 20), torn=st.integers(0, 8))
    def finish_under_a_power_cut(self, writes, torn):
        """Old or new, never a third; and the proof says which."""
        waiting = self.waiting
        self.rig.card.memory.cut_after(writes, torn=torn)
        try:
            answer = self.rig.raw(waiting.command)
        except PowerCut:
            answer = None
        self.rig.reset()
        if answer is not None:
            assert self.ledger.completes(waiting) == answer.sw
            if answer.sw == SW.SUCCESS:
                self.done(answer)
        else:
            flow = FLOWS[waiting.kind]
            serial = getattr(self.ledger, flow.serial)[waiting.purse] + 1
            proof = self.rig.prove(flow.types[waiting.purse], serial)
            assert proof.sw in (SW.SUCCESS, SW.PROOF_UNAVAILABLE)
            if proof.sw == SW.SUCCESS:
                self.ledger.enter(waiting)
                self.ledger.proof = proof.data
        self.waiting = None

    @precondition(lambda self: self.waiting)
    @rule()
    def replay_after_success(self):
        """The partner once more finds the card idle."""
        command = self.waiting.command
        self.finish()
        assert SW.INVALID_STATE == self.rig.raw(command).sw

    @rule()
    def reset(self):
        self.rig.reset()
        self.waiting = None

    # -- what must hold

    @invariant()
    def witnesses_agree(self):
        if not hasattr(self, "ledger"):
            return
        ledger = self.ledger
        assert ledger.loaded - ledger.spent + ledger.limit == sum(ledger.balance.values())
        for purse in (ED, EP):
            state = self.rig.purse_state(purse)
            assert ledger.balance[purse] == self.rig.balance(purse) == state.balance
            assert (ledger.limit if purse == ED else 0) == state.limit
            for name in ("online_serial", "offline_serial"):
                assert getattr(ledger, name)[purse] == getattr(state, name)
        records = [LOG_RECORD.split(record) for record in self.rig.log()]
        assert ledger.log == tuple(
            (each["type"], each["serial"], each["amount"], each["new_limit"]) for each in records
        )
        assert all(TERMINAL == record["terminal"] for record in records)
        self.records_agree()
        self.proof_agrees()

    def records_agree(self):
        for sfi, expected in self.ledger.records.items():
            node = self.rig.fs.by_sfi(self.rig.application, sfi)
            found = [
                self.rig.fs.read_record(node, number)
                for number in range(1, self.rig.fs.record_count(node) + 1)
            ]
            assert list(expected) == found

    def proof_agrees(self):
        for type_, serial, _, _ in self.ledger.log[:1]:
            before = self.rig.state()
            answer = self.rig.prove(type_, serial)
            assert (self.ledger.proof, SW.SUCCESS) == (answer.data, answer.sw)
            assert before is self.rig.state()


class PursesSm4(Purses):
    suite = "sm4-a"


TestPurses = pytest.mark.slow(Purses.TestCase)
TestPursesSm4 = pytest.mark.slow(PursesSm4.TestCase)
TestPurses.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestPursesSm4.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
