"""A small city on simulated cards: an issuer, an outlet, a terminal, and cards in two dialects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Self

import pytest

from cardos.card import Card, CardSnapshot
from cardos.host import (
    Blacklist,
    CardData,
    CardRegister,
    EmbeddedIssuer,
    Fault,
    Journal,
    KeyRing,
    Outlet,
    PsamSession,
    Purse,
    PurseSession,
    RegisteredCard,
    SamData,
    SimulatedTransport,
    Terminal,
    Transport,
    personalise,
)
from cardos.profile import Profile, load_profile

ISSUER = bytes.fromhex("1000000000000001")
TERMINAL = bytes.fromhex("001122334455")
OUTLET = bytes.fromhex("990000000001")
PIN = bytes.fromhex("123456")
START, EXPIRY = date(2025, 1, 1), date(2034, 12, 31)
NOON = datetime(2025, 3, 1, 12)
SUITES = ("3des", "sm4")


def card_data(number: int = 1) -> CardData:
    serial = bytes(2) + (0x0102030405060700 + number).to_bytes(8, "big")
    return CardData(issuer=ISSUER, application_serial=serial, start=START, expiry=EXPIRY)


SAM_DATA = SamData(
    sam_serial=bytes.fromhex("00000000000000000042"),
    terminal=TERMINAL,
    start=START,
    expiry=EXPIRY,
    issuer=ISSUER,
)


def profiles(suite: str) -> tuple[Profile, Profile]:
    return load_profile(f"city-{suite}"), load_profile(f"psam-{suite}")


def ring(suite: str) -> KeyRing:
    return KeyRing.for_tests("tests", *profiles(suite))


def counted(seed: int) -> Callable[[int], bytes]:
    """Random numbers that are the same in each run."""
    state = [seed]

    def random(size: int) -> bytes:
        state[0] = (state[0] * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return state[0].to_bytes(8, "big").ljust(size, b"\x5a")[:size]

    return random


@cache
def made(suite: str, number: int) -> CardSnapshot:
    """A personalised card, or with number 0 the PSAM; personalising takes a while, so once is enough."""
    card_profile, sam_profile = profiles(suite)
    profile, data = (card_profile, card_data(number)) if number else (sam_profile, SAM_DATA)
    card = Card.blank(profile, random=counted(number))
    with SimulatedTransport(card) as transport:
        personalise(transport, profile, data, ring(suite))
    return card.snapshot()


def fresh(suite: str, number: int) -> Card:
    card = Card.blank(profiles(suite)[number == 0], random=counted(number + 1000))
    card.restore(made(suite, number))
    return card


class Clock:
    """A clock that goes a second at each look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class City:
    """Everything that a card meets in a day."""

    suite: str
    folder: Path
    number: int = 1
    operator: int = 1

    def __post_init__(self) -> None:
        self.profile, self.sam_profile = profiles(self.suite)
        self.keys = ring(self.suite)
        self.clock = Clock()
        self.data = card_data(self.number)
        self.card = fresh(self.suite, self.number)
        self.link = SimulatedTransport(self.card)
        self.sam_link = SimulatedTransport(fresh(self.suite, 0))
        self.register = CardRegister(self.folder / "register")
        self.register.register(
            RegisteredCard(self.data.issuer, self.data.card_serial, self.profile.name, self.data.expiry)
        )
        self.issuer = EmbeddedIssuer(self.profile, self.keys, self.register, clock=self.clock)
        self.outlet_journal = Journal(self.folder / "outlet", operator=9)
        self.outlet = Outlet(
            self.issuer, self.outlet_journal, self.profile, terminal=OUTLET, list_version=NOON.date()
        )
        self.journal = Journal(self.folder / "terminal", operator=self.operator)
        self.stores = [self.register, self.outlet_journal, self.journal]
        self.terminal = self.boot()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for store in self.stores:
            store.close()

    def boot(self, journal: Journal | None = None, sam_link: Transport | None = None) -> Terminal:
        """The terminal after power-up: PSAM reset, sessions gone, journal as it is on the disk."""
        psam = PsamSession(sam_link or self.sam_link, self.sam_profile)
        return Terminal(
            psam, journal or self.journal, self.profile, blacklist=Blacklist.of(NOON.date()), clock=self.clock
        )

    def load(self, amount: int, link: Transport | None = None, purse: Purse = Purse.EP):
        return self.outlet.load(link or self.link, amount, purse=purse, pin=PIN)

    def balance(self, purse: Purse = Purse.EP) -> int:
        """The card's balance, read without disturbing what it is in the middle of."""
        before = self.card.snapshot()
        self.card.power_off()
        session = PurseSession(SimulatedTransport(self.card), self.profile)
        session.verify(PIN)
        balance = session.get_balance(purse)
        self.card.restore(before)
        return balance

    def other_card(self, number: int = 2) -> SimulatedTransport:
        """A second card with 100 fen on it."""
        data = card_data(number)
        self.register.register(RegisteredCard(data.issuer, data.card_serial, self.profile.name, data.expiry))
        link = SimulatedTransport(fresh(self.suite, number))
        self.load(100, link)
        return link

    def other_terminal(self, journal: Journal | None = None) -> Terminal:
        """A terminal with a PSAM and a number of its own; without ``journal`` it is another operator's."""
        data = replace(
            SAM_DATA, sam_serial=bytes.fromhex("00000000000000000043"), terminal=bytes.fromhex("001122334466")
        )
        card = Card.blank(self.sam_profile)
        link = SimulatedTransport(card)
        personalise(link, self.sam_profile, data, self.keys)
        if journal is None:
            journal = Journal(self.folder / "other", operator=2)
            self.stores.append(journal)
        return self.boot(journal, link)


def nth(index: int) -> Callable[[bytes], bool]:
    """Chooses command ``index`` of all that pass, counted from 0."""
    left = [index]

    def at(_: bytes) -> bool:
        left[0] -= 1
        return left[0] < 0

    return at


def torn(link: Transport, index: int, *, before: bool) -> Fault:
    return Fault(link, at=nth(index), before=before)


@pytest.fixture(params=SUITES)
def city(request, tmp_path):
    with City(request.param, tmp_path) as city:
        yield city


@pytest.fixture
def city_3des(tmp_path):
    with City("3des", tmp_path) as city:
        yield city
