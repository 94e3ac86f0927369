"""What people do with their cards on the day: they load, ride, and pull their cards too early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType

from ..apdu import Command, CommandSpec, find_spec
from ..apdu.purse_commands import CREDIT_FOR_LOAD, DEBIT_FOR_PURCHASE
from ..errors import CardRemoved
from ..host import Fault, OnlineResult, PurchaseRefused, PurchaseResult, Refusal, TerminalRecord, Tracer
from .city import OPERATORS, OUTLETS, City, CityCard, CityOutlet, CityTerminal
from .faults import TAMPERING, FaultKind, Planted
from .timetable import Trip

__all__ = ["Diary", "Traffic"]

_LOADS = (50_00, 100_00, 200_00)
_FROM_OUTLET_TO_TERMINAL = timedelta(minutes=2)
_NAMES = {**OPERATORS, **OUTLETS}


@dataclass(slots=True)
class Diary:
    """What happened, as the city itself knows it: the faults it planted, what its terminals noticed, what
    to forge on the way to the centre, and a ledger in fen.
    """

    planted: list[Planted] = field(default_factory=list)
    recovered: set[bytes] = field(default_factory=set)
    turned_away: set[bytes] = field(default_factory=set)
    tampering: dict[bytes, FaultKind] = field(default_factory=dict)
    loaded: int = 0
    spent: int = 0

    def plant(self, kind: FaultKind, place: CityTerminal | CityOutlet, record: TerminalRecord) -> None:
        """Note a fault that touches this record."""
        where = f"{_NAMES[place.operator]} {int(place.number.hex()[4:])}"
        self.planted.append(Planted(kind, where, record))

    def note(self, result: PurchaseResult | OnlineResult) -> TerminalRecord:
        """Note that a transaction ended well."""
        if result.recovered:
            self.recovered.add(result.record.identity)
        return result.record


@dataclass(frozen=True, slots=True)
class Traffic:
    """People with cards in ``city``; what they do stands in ``diary``.  ``traces`` is the folder for the
    trace of the torn load.
    """

    city: City
    diary: Diary
    random: Random
    traces: Path

    def pay(self, card: CityCard, terminal: CityTerminal, amount: int) -> TerminalRecord:
        """A purchase of ``amount`` fen."""
        record = self.diary.note(terminal.purchase(card, amount))
        self.diary.spent += record.amount
        return record

    def load(self, card: CityCard, outlet: CityOutlet, amount: int) -> TerminalRecord:
        """A load of ``amount`` fen."""
        record = self.diary.note(outlet.load(card, amount))
        self.diary.loaded += record.amount
        return record

    def try_lost(self, card: CityCard, terminal: CityTerminal, amount: int) -> None:
        """Somebody tries a card that he found at a terminal that knows of it."""
        try:
            self.pay(card, terminal, amount)
        except PurchaseRefused as refused:
            if refused.reason is Refusal.BLACKLISTED:
                self.diary.turned_away.add(card.serial)

    def ride(self, trip: Trip) -> None:
        """One trip with what it needs: a load when the card is too poor, and the fault that was planned for
        it.
        """
        self.city.clock.now = trip.when
        card, terminal = self.city.cards[trip.card], self.city.terminals[trip.terminal]
        if trip.fault is FaultKind.TORN_LOAD:
            self._torn_load(card, self.random.choice(self.city.outlets), _LOADS[0])
        while card.balance < trip.amount:
            self.load(card, self.random.choice(self.city.outlets), self.random.choice(_LOADS))
            self.city.clock.now += _FROM_OUTLET_TO_TERMINAL
        kind = trip.fault
        if kind is not None and kind in _TEARS:
            self._torn(_TEARS[kind], kind, card, terminal, trip.amount)
            return
        record = self.pay(card, terminal, trip.amount)
        if kind is not None and kind in TAMPERING:
            self.diary.tampering[record.identity] = kind
            self.diary.plant(kind, terminal, record)

    def _torn(
        self, tear: _Tear, kind: FaultKind, card: CityCard, terminal: CityTerminal, amount: int
    ) -> None:
        """The card leaves at the debit; when it comes back the same purchase is tried again."""
        _lose_contact(lambda: terminal.purchase(card, amount, through=tear.fault(card, self.random)))
        card.transport.reset()
        if tear.returns:
            record = self.pay(card, terminal, amount)
        else:
            record = terminal.journal.entries()[-1].record
            self.diary.spent += 0 if tear.before else record.amount
        self.diary.plant(kind, terminal, record)

    def _torn_load(self, card: CityCard, outlet: CityOutlet, amount: int) -> None:
        """The card leaves after the credit, with a trace of it, and comes back."""
        with (self.traces / "torn-load.jsonl").open("w", encoding="utf-8") as stream:
            fault = Fault(card.transport, at=partial(_is, CREDIT_FOR_LOAD), before=False)
            tracer = Tracer(fault, stream, card=card.desk.profile.name, atr=card.transport.atr)
            _lose_contact(lambda: outlet.load(card, amount, through=tracer))
        card.transport.reset()
        self.diary.plant(FaultKind.TORN_LOAD, outlet, self.load(card, outlet, amount))
        self.city.clock.now += _FROM_OUTLET_TO_TERMINAL


@dataclass(frozen=True, slots=True)
class _Tear:
    """How a card is torn at the debit: ``before`` the card gets it or after, and whether it ``returns``."""

    before: bool
    returns: bool

    def fault(self, card: CityCard, _: Random) -> Fault:
        """The transport that tears the card."""
        return Fault(card.transport, at=partial(_is, DEBIT_FOR_PURCHASE), before=self.before)


class _TearInWrite(_Tear):
    """The power fails inside a write of the card's memory, at a place that the seed chooses."""

    def fault(self, card: CityCard, random: Random) -> Fault:
        """The transport that arms the memory and lets the debit through."""

        def arm(command: bytes) -> bool:
            if _is(DEBIT_FOR_PURCHASE, command):
                card.card.memory.cut_after(random.randrange(3), torn=random.randrange(1, 8))
            return False

        return Fault(card.transport, at=arm, before=True)


_TEARS: Mapping[FaultKind, _Tear] = MappingProxyType(
    {
        FaultKind.TORN_BEFORE: _Tear(before=True, returns=True),
        FaultKind.TORN_AFTER: _Tear(before=False, returns=True),
        FaultKind.TORN_IN_WRITE: _TearInWrite(before=True, returns=True),
        FaultKind.AWAY_UNPAID: _Tear(before=True, returns=False),
        FaultKind.AWAY_PAID: _Tear(before=False, returns=False),
    }
)


def _lose_contact(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except CardRemoved:
        return
    raise AssertionError("the card was to be torn here, and was not")


def _is(spec: CommandSpec, command: bytes) -> bool:
    return find_spec(Command.decode(command, strict=False)) is spec
