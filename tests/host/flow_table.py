"""Every flow as one row: what happens before it, how it is run and run again, and what it moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Self

from cardos.card import Card, CardSnapshot
from cardos.host import (
    Blacklist,
    CardRegister,
    Dispenser,
    EmbeddedIssuer,
    EntryState,
    Gate,
    Journal,
    KeyRing,
    OnlineState,
    Outlet,
    PsamSession,
    Purse,
    PurseSession,
    RegisteredCard,
    SimulatedTransport,
    Transport,
    Wrapper,
    personalise,
)
from cardos.profile import Profile, load_profile

from .conftest import NOON, OUTLET, PIN, SAM_DATA, Clock, card_data, counted

#: Fen on each purse when a flow begins.
START = 5000
STATION = bytes.fromhex("0000000000001234")
OTHER_STATION = bytes.fromhex("0000000000005678")
FARE = 300


@cache
def profile_of(name: str) -> Profile:
    """A shipped profile, perhaps with an option set behind a plus sign."""
    base, _, option = name.partition("+")
    return load_profile(base).with_options(**{option: True} if option else {})


@cache
def _made(name: str) -> tuple[CardSnapshot, CardSnapshot, KeyRing]:
    """A card with money in both purses, and its PSAM; the ring that made them."""
    profile = profile_of(name)
    sam_profile = profile_of(profile.psam)
    keys = KeyRing.for_tests("flows", profile, sam_profile)
    snapshots = []
    for each, data, seed in ((profile, card_data(), 5), (sam_profile, SAM_DATA, 6)):
        card = Card.blank(each, random=counted(seed))
        with SimulatedTransport(card) as transport:
            personalise(transport, each, data, keys)
        snapshots.append(card.snapshot())
    return snapshots[0], snapshots[1], keys


#: What a completed transaction adds to the card, by type, in amounts: with a PSAM, and with the issuer.
OFFLINE_SIGNS = dict.fromkeys((0x04, 0x05, 0x06, 0x09, 0x93, 0x94), -1)
SIGNS = OFFLINE_SIGNS | {0x01: +1, 0x02: +1, 0x03: -1, 0x07: 0, 0x95: -1, 0x96: -1}
MOVED = (EntryState.COMPLETE, EntryState.TORN)


def _sum_of(
    *journals: Journal,
    types: Mapping[int, int] = SIGNS,
    states: tuple[EntryState, ...] = (EntryState.COMPLETE,),
) -> int:
    records = [each.record for journal in journals for each in journal.entries() if each.state in states]
    return sum(types.get(record.type, 0) * record.amount for record in records)


class Counter(Wrapper):
    """Counts commands."""

    count = 0

    def transmit(self, command: bytes, /) -> bytes:
        self.count += 1
        return self.inner.transmit(command)


def keys_of(name: str) -> KeyRing:
    """The test keys of the cards of a profile and their PSAMs."""
    return _made(name)[2]


class Bench:
    """An issuer, an outlet, a terminal that can do everything, and a card with money on it."""

    def __init__(self, folder: Path, name: str = "city-3des") -> None:
        self.folder, self.profile = folder, profile_of(name)
        snapshot, self._sam_snapshot, self.keys = _made(name)
        self.clock, self.data = Clock(), card_data()
        self.card = self._restored(self.profile, snapshot, 1001)
        self.link = SimulatedTransport(self.card)
        self.sam_link = SimulatedTransport(self._restored(self.sam_profile, self._sam_snapshot, 1002))
        self.register = CardRegister(folder / "register")
        self.public = PurseSession(self.link, self.profile).public
        self.register.register(
            RegisteredCard(self.public.issuer, self.public.card_serial, self.profile.name, self.public.expiry)
        )
        self.issuer = EmbeddedIssuer(self.profile, self.keys, self.register, clock=self.clock)
        self.outlet_journal = Journal(folder / "outlet", operator=9)
        self.journal = Journal(folder / "terminal", operator=1)
        self.stores = [self.register, self.outlet_journal, self.journal]
        self.outlet = Outlet(
            self.issuer, self.outlet_journal, self.profile, terminal=OUTLET, list_version=NOON.date()
        )
        self.terminal = self.boot()
        self.gate, self.far_gate = (self.gate_at(station) for station in (STATION, OTHER_STATION))
        self.others: list[Journal] = []
        self.purses = [purse for purse in Purse if self.profile.application.find(purse.fid) is not None]
        self.opening = sum(self.money())  # of a T-Union card, its overdraft limit
        for purse in self.purses:
            self.outlet.load(self.link, START, purse=purse, pin=PIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for store in self.stores:
            store.close()

    @property
    def sam_profile(self) -> Profile:
        return profile_of(self.profile.psam)

    def _restored(self, profile: Profile, snapshot: CardSnapshot, seed: int) -> Card:
        card = Card.blank(profile, random=counted(seed))
        card.restore(snapshot)
        return card

    def boot(self, journal: Journal | None = None, sam_link: Transport | None = None) -> Dispenser:
        """The terminal after power-up: its PSAM reset, its sessions gone, its journal as it is on the disk."""
        psam = PsamSession(sam_link or self.sam_link, self.sam_profile)
        return Dispenser(
            psam, journal or self.journal, self.profile, blacklist=Blacklist.of(NOON.date()), clock=self.clock
        )

    def other_terminal(self, operator: int = 2) -> Dispenser:
        """A terminal with another number, PSAM and journal."""
        data = replace(
            SAM_DATA, sam_serial=bytes.fromhex("00000000000000000043"), terminal=bytes.fromhex("001122334466")
        )
        link = SimulatedTransport(Card.blank(self.sam_profile, random=counted(77)))
        personalise(link, self.sam_profile, data, self.keys)
        return self.boot(self._other_journal(f"other-{operator}", operator), link)

    def other_outlet(self) -> Outlet:
        """An outlet with another number and journal, of the same issuer."""
        journal = self._other_journal("other-outlet", 8)
        number = bytes.fromhex("990000000002")
        return Outlet(self.issuer, journal, self.profile, terminal=number, list_version=NOON.date())

    def _other_journal(self, name: str, operator: int) -> Journal:
        journal = Journal(self.folder / name, operator=operator)
        self.stores.append(journal)
        self.others.append(journal)
        return journal

    def gate_at(self, station: bytes) -> Gate:
        return Gate(self.terminal, station, lambda *_: FARE, clock=self.clock)

    def balance(self, purse: Purse) -> int:
        """The card's balance, read without disturbing what it is in the middle of."""
        before = self.card.snapshot()
        self.card.power_off()
        session = PurseSession(SimulatedTransport(self.card), self.profile)
        session.verify(PIN)
        balance = session.get_balance(purse)
        self.card.restore(before)
        return balance

    def money(self) -> tuple[int, ...]:
        return tuple(self.balance(purse) for purse in self.purses)

    def states(self) -> list[EntryState]:
        return [entry.state for entry in (*self.journal.entries(), *self.outlet_journal.entries())]

    def settled(self) -> int:
        """What the journals say that terminal and outlet took or gave since the start, fen: + on the card."""
        return _sum_of(self.journal, self.outlet_journal) - START * len(self.purses)

    def check_conserved(self) -> None:
        """What is on the card is what the issuer's register has put there and the terminals have taken.

        Of what was given up as torn the log of the card has told that it moved.
        """
        online = sum(
            done.after - done.balance
            for done in self.register.history()
            if done.state is OnlineState.CONFIRMED
        )
        offline = _sum_of(self.journal, *self.others, types=OFFLINE_SIGNS, states=MOVED)
        assert self.opening + online + offline == sum(self.money())

    def reboot(self) -> None:
        """Kill -9 of the terminal: journal and PSAM are opened again."""
        self.sam_link.reset()
        self.later(seconds=1)
        self.terminal = self.boot()
        self.gate, self.far_gate = (self.gate_at(station) for station in (STATION, OTHER_STATION))

    def later(self, **delta: int) -> None:
        self.clock.now += timedelta(**delta)


def nothing(_: Bench) -> None:
    pass


@dataclass(frozen=True)
class Flow:
    """One flow.  ``commands`` is how many commands the card gets, ``moves`` what it adds to (ED, EP), ``journalled``
    what of this the books of complete records say (an overdraft limit is no money); ``online`` when it is an outlet's.
    """

    name: str
    run: Callable[[Bench, Transport], object]
    commands: int
    moves: tuple[int, int] = (0, 0)
    before: Callable[[Bench], object] = nothing
    journalled: int | None = None
    profile: str = "city-3des"
    online: bool = False

    @property
    def purse(self) -> Purse:
        """The one that it is about."""
        return Purse.ED if self.moves[0] else Purse.EP

    def is_done(self, index: int, *, before: bool) -> bool:
        """Whether the card has done it when it is pulled at command ``index``."""
        completing = self.commands - (2 if self.name == "debit" else 1)  # it clears the lock proof afterwards
        return index > completing or (index == completing and not before)

    @property
    def books(self) -> int:
        return sum(self.moves) if self.journalled is None else self.journalled


def _locked(bench: Bench) -> None:
    bench.sale = bench.terminal.lock(bench.link)


def _filled(bench: Bench) -> None:
    bench.sale = bench.terminal.fill(bench.terminal.lock(bench.link), 700)


def _in_a_ride(bench: Bench) -> None:
    bench.far_gate.enter(bench.link)


FLOWS = (
    Flow("load", lambda b, t: b.outlet.load(t, 100, pin=PIN), 4, (0, 100), online=True),
    Flow("load-ed", lambda b, t: b.outlet.load(t, 100, purse=Purse.ED, pin=PIN), 4, (100, 0), online=True),
    Flow("unload", lambda b, t: b.outlet.unload(t, 200, pin=PIN), 4, (-200, 0), online=True),
    Flow(
        "overdraft",
        lambda b, t: b.outlet.set_overdraft_limit(t, 400, pin=PIN),
        4,
        (400, 0),
        journalled=0,
        online=True,
    ),
    Flow("purchase", lambda b, t: b.terminal.purchase(t, 100), 3, (0, -100)),
    Flow("purchase-ed", lambda b, t: b.terminal.purchase(t, 100, purse=Purse.ED, pin=PIN), 4, (-100, 0)),
    Flow("prepared", lambda b, t: b.terminal.prepare(t, 100).commit(), 3, (0, -100)),
    Flow("cash", lambda b, t: b.terminal.withdraw(t, 100, pin=PIN), 4, (-100, 0)),
    Flow("entry", lambda b, t: b.gate.enter(t), 8, profile="tunion"),
    Flow("exit", lambda b, t: b.gate.leave(t), 8, (0, -FARE), before=_in_a_ride, profile="tunion"),
    Flow("lock", lambda b, t: b.terminal.lock(t), 4),
    Flow("debit", lambda b, t: b.terminal.debit(t, b.sale), 4, (0, -700), before=_filled),
    Flow("online-unlock", lambda b, t: b.outlet.unlock(t, 50), 3, (0, -50), before=_locked, online=True),
)
BY_NAME = {flow.name: flow for flow in FLOWS}


def expected(bench: Bench, flow: Flow, start: tuple[int, ...], *, done: bool = True) -> tuple[int, ...]:
    """Balances after the flow."""
    moves = dict(zip(Purse, flow.moves, strict=True))
    return tuple(before + moves[purse] * done for purse, before in zip(bench.purses, start, strict=True))
