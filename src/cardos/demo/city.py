"""A city small enough for one process: issuer, outlets, terminals with PSAMs, and the cards in people's
pockets.

Everything in it is the real thing: cards are personalised by commands, loads go through the issuer,
purchases through a PSAM and a durable journal.  Keys are test keys, the clock is simulated, and one seed
decides everything.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Self

from ..card import Card
from ..fields import bcd
from ..host import (
    Blacklist,
    CardData,
    CardRegister,
    EmbeddedIssuer,
    Journal,
    KeyRing,
    OnlineResult,
    Outlet,
    PsamSession,
    PurchaseResult,
    Purse,
    PurseSession,
    RegisteredCard,
    SamData,
    SimulatedTransport,
    Terminal,
    TerminalRecord,
    Transport,
    personalise,
)
from ..profile import KeyType, Profile, load_profile

__all__ = ["OPERATORS", "City", "CityCard", "CityOutlet", "CityTerminal", "Clock", "Desk"]

#: Card profiles of the city.
FAMILIES = ("city-3des", "city-sm4")

#: Operators with terminals, and those with outlets: number and name.
OPERATORS: Mapping[int, str] = MappingProxyType({1: "bus", 2: "metro", 3: "water"})
OUTLETS: Mapping[int, str] = MappingProxyType({91: "outlet A", 92: "outlet B"})
TERMINALS_OF_EACH = 4

_BATCHES_OF_A_TERMINAL = 1000
_START = date(2025, 1, 1)
_EXPIRY = date(2034, 12, 31)


@dataclass(slots=True)
class Clock:
    """Simulated local time; ``now`` is what a call gives."""

    now: datetime

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@dataclass(frozen=True, slots=True)
class Desk:
    """The issuer of one card family: its profiles, keys and number, and the issuer that answers loads."""

    profile: Profile
    sam_profile: Profile
    keys: KeyRing
    number: bytes
    issuer: EmbeddedIssuer

    @property
    def pin(self) -> bytes | None:
        """The PIN that a load needs, ``None`` where the profile asks for none."""
        if f"{Purse.EP.name.lower()}.load" not in self.profile.purse.pin_required:
            return None
        values = [key.value for key in self.profile.application.keys if key.type == KeyType.PIN]
        return bytes.fromhex(values[0] or "")


@dataclass(frozen=True, slots=True)
class CityCard:
    """A card in somebody's pocket: ``transport`` is the field it is held into."""

    desk: Desk
    data: CardData
    card: Card
    transport: SimulatedTransport

    @property
    def balance(self) -> int:
        """What the card says that its purse holds, fen."""
        return PurseSession(self.transport, self.desk.profile).get_balance(Purse.EP)

    @property
    def serial(self) -> bytes:
        """The 8 bytes that name the card in records."""
        return self.data.card_serial


@dataclass(frozen=True, slots=True)
class CityTerminal:
    """A terminal: one :class:`~cardos.host.Terminal` and PSAM for each card family, one journal."""

    operator: int
    number: bytes
    journal: Journal
    by_family: Mapping[str, Terminal]
    sams: tuple[bytes, ...]

    def purchase(self, card: CityCard, amount: int, *, through: Transport | None = None) -> PurchaseResult:
        """Take ``amount`` fen from the card; ``through`` is a transport round the card's own."""
        terminal = self.by_family[card.desk.profile.name]
        return terminal.purchase(through or card.transport, amount)

    def take_list(self, blacklist: Blacklist) -> None:
        """Load a new blacklist."""
        for terminal in self.by_family.values():
            terminal.blacklist = blacklist


@dataclass(frozen=True, slots=True)
class CityOutlet:
    """A place where cards are loaded."""

    operator: int
    number: bytes
    journal: Journal
    by_family: Mapping[str, Outlet]

    def load(self, card: CityCard, amount: int, *, through: Transport | None = None) -> OnlineResult:
        """Put ``amount`` fen on the card; ``through`` is a transport round the card's own."""
        outlet = self.by_family[card.desk.profile.name]
        return outlet.load(through or card.transport, amount, pin=card.desk.pin)

    def take_list(self, version: date) -> None:
        """Name the blacklist that the outlet has; the issuer itself refuses lost cards."""
        for outlet in self.by_family.values():
            outlet.list_version = version


class City:
    """Issuers, outlets, terminals and cards.

    ``folder`` keeps register and journals (default: a temporary one, gone when the city is closed),
    ``clock`` is the simulated time.

    >>> with City(seed=1) as city:
    ...     card = city.issue("city-3des")
    ...     loaded = city.load(card, 50_00)
    ...     record = city.spend(card, 1_50)
    ...     card.balance
    4850
    """

    def __init__(self, seed: int = 2026, folder: Path | None = None, clock: Clock | None = None) -> None:
        self._stack = contextlib.ExitStack()
        if folder is None:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cardos-city-")))
        self._folder = folder
        self._seed = seed
        self._random = Random(seed)  # noqa: S311 (a simulation that must repeat)
        self.clock = clock or Clock(datetime(2026, 3, 2, 6, 0))
        self.cards: list[CityCard] = []
        self.register = self._stack.enter_context(CardRegister(self._folder / "register.sqlite"))
        self.desks = {name: self._desk(index, name) for index, name in enumerate(FAMILIES, 1)}
        empty = Blacklist.of(self.clock.now.date() - timedelta(days=1))
        pairs = [(operator, n) for operator in OPERATORS for n in range(1, TERMINALS_OF_EACH + 1)]
        self.terminals = [self._terminal(operator, n, empty) for operator, n in pairs]
        self.outlets = [self._outlet(operator, empty.version) for operator in OUTLETS]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close register and journals."""
        self._stack.close()

    def issue(self, family: str = "city-3des") -> CityCard:
        """A new card of a profile, personalised and registered, with nothing on it."""
        desk = self.desks[family]
        number = 1_000_000 + len(self.cards) + 1
        data = CardData(
            issuer=desk.number,
            application_serial=bcd(f"{number:020d}"),
            start=_START,
            expiry=_EXPIRY,
            holder_name=f"HOLDER {number}".encode().ljust(20, b"\x00"),
        )
        card = Card.blank(desk.profile, random=self._random.randbytes)
        transport = SimulatedTransport(card)
        personalise(transport, desk.profile, data, desk.keys)
        self.register.register(RegisteredCard(data.issuer, data.card_serial, family, _EXPIRY))
        self.cards.append(CityCard(desk, data, card, transport))
        return self.cards[-1]

    def load(self, card: CityCard, amount: int, *, outlet: int = 0) -> TerminalRecord:
        """Load ``amount`` fen at an outlet (by its place in ``outlets``)."""
        return self.outlets[outlet].load(card, amount).record

    def spend(self, card: CityCard, amount: int, *, terminal: int = 0) -> TerminalRecord:
        """Pay ``amount`` fen at a terminal (by its place in ``terminals``)."""
        return self.terminals[terminal].purchase(card, amount).record

    def _desk(self, index: int, family: str) -> Desk:
        profile = load_profile(family)
        sam_profile = load_profile(profile.psam)
        keys = KeyRing.for_tests(str(self._seed), profile, sam_profile)
        issuer = EmbeddedIssuer(profile, keys, self.register, clock=self.clock)
        return Desk(profile, sam_profile, keys, bcd(f"{index:04d}2900FFFFFFFF".replace("F", "9")), issuer)

    def _journal(self, kind: str, operator: int, number: int) -> Journal:
        path = self._folder / f"{kind}-{operator:02d}-{number}.journal"
        first = number * _BATCHES_OF_A_TERMINAL + 1
        return self._stack.enter_context(Journal(path, operator=operator, first_sequence=first))

    def _terminal(self, operator: int, number: int, blacklist: Blacklist) -> CityTerminal:
        own = bcd(f"{operator:04d}{number:08d}")
        journal = self._journal("terminal", operator, number)
        psams = {name: self._psam(desk, operator, number, own) for name, desk in self.desks.items()}
        by_family = {
            name: Terminal(psam, journal, self.desks[name].profile, blacklist=blacklist, clock=self.clock)
            for name, psam in psams.items()
        }
        return CityTerminal(operator, own, journal, by_family, tuple(p.info.number for p in psams.values()))

    def _psam(self, desk: Desk, operator: int, number: int, terminal: bytes) -> PsamSession:
        serial = bcd(f"{desk.number.hex()[:4]:0>8}{operator:04d}{number:08d}")
        data = SamData(sam_serial=serial, terminal=terminal, start=_START, expiry=_EXPIRY, issuer=desk.number)
        transport = SimulatedTransport(Card.blank(desk.sam_profile, random=self._random.randbytes))
        personalise(transport, desk.sam_profile, data, desk.keys)
        return PsamSession(transport, desk.sam_profile)

    def _outlet(self, operator: int, list_version: date) -> CityOutlet:
        number = bcd(f"{operator:04d}{1:08d}")
        journal = self._journal("outlet", operator, 1)
        by_family = {
            name: Outlet(desk.issuer, journal, desk.profile, terminal=number, list_version=list_version)
            for name, desk in self.desks.items()
        }
        return CityOutlet(operator, number, journal, by_family)
