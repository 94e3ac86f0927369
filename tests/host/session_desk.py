"""A card, its PSAM and its load SAM, made by real commands; the test is the issuer, who has every key.

The sessions check no MAC, so the issuer does: with its keys and the dialect of the card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache

from cardos.card import Card, CardSnapshot
from cardos.crypto import Key
from cardos.host import (
    CardData,
    IsamSession,
    KeyRing,
    PsamSession,
    PurseSession,
    SamData,
    SimulatedTransport,
    Transport,
    personalise,
)
from cardos.profile import FileSpec, Profile, load_dialect, load_profile

from .session_calls import TERMINAL

WHEN = datetime(2025, 3, 1, 12, 30, 15)
START, EXPIRY = date(2025, 1, 1), date(2034, 12, 31)
PIN = bytes.fromhex("123456")
#: Files of a composite purchase: variable records, linear ones, cyclic ones.
CAPP, LINEAR, CYCLIC = 0x19, 0x1A, 0x1E
#: A record of the first: tag, length, lock flag, data.
RIDE = bytes.fromhex("020A00") + bytes(9)

CARD = CardData(
    issuer=bytes.fromhex("1000000000000001"), application_serial=bytes.fromhex("00000102030405060708"), start=START,
    expiry=EXPIRY,
)  # fmt: skip
SAM = SamData(sam_serial=bytes.fromhex("00000000000000000042"), terminal=TERMINAL, start=START, expiry=EXPIRY)


def profiles(suite: str) -> dict[str, Profile]:
    """Card, PSAM and load SAM of one suite; the card has files for composite purchases and asks for no PIN."""
    dialect = load_dialect("fmcos2", suite)
    card = load_profile("city-3des").with_options(pin_required=())
    mf, application = card.directories
    more = (
        FileSpec(CAPP, "variable", size=0x80, initial=(RIDE.hex(),)),
        FileSpec(LINEAR, "linear", records=4, record_length=16),
        FileSpec(CYCLIC, "cyclic", records=3, record_length=48),
    )
    own = tuple(replace(f, read=0xF0) if f.type == "purse" else f for f in application.files)
    card = replace(card, directories=(mf, replace(application, files=own + more)))
    made = {"card": card, "psam": load_profile("psam-3des"), "isam": load_profile("isam-3des")}
    return {name: replace(profile, dialect=dialect) for name, profile in made.items()}


@cache
def _made(suite: str, name: str) -> CardSnapshot:
    known = profiles(suite)
    card = Card.blank(known[name])
    keys = KeyRing.for_tests("sessions", *known.values())
    personalise(SimulatedTransport(card), known[name], CARD if name == "card" else SAM, keys)
    return card.snapshot()


@dataclass
class Desk:
    """New cards of ``suite`` that speak ``protocol``."""

    suite: str = "3des"
    protocol: str = "T=1"

    def __post_init__(self) -> None:
        self.profiles = profiles(self.suite)
        self.profile = self.profiles["card"]
        self.dialect = self.profile.dialect
        self.masters = KeyRing.for_tests("sessions", *self.profiles.values())
        self.keys = self.masters.for_card(self.profile, card_serial=CARD.card_serial)
        self.link = self.new("card")

    def new(self, name: str) -> SimulatedTransport:
        card = Card.blank(self.profiles[name], protocol=self.protocol)
        card.restore(_made(self.suite, name))
        return SimulatedTransport(card)

    # -- sessions

    def card(self, link: Transport | None = None) -> PurseSession:
        return PurseSession(link or self.link, self.profile)

    def psam(self) -> PsamSession:
        return PsamSession(self.new("psam"), self.profiles["psam"])

    def isam(self) -> IsamSession:
        return IsamSession(self.new("isam"), self.profiles["isam"])

    # -- the issuer

    def session_key(self, transaction: str, begun: object) -> Key:
        purpose = self.dialect.transaction(transaction).key
        return self.dialect.session_key(
            transaction, self.keys[purpose], random=begun.random, online_serial=begun.online_serial
        )

    def mac(self, transaction: str, begun: object, item: str = "mac2", **fields: object) -> bytes:
        return self.dialect.mac(
            transaction, item, self.session_key(transaction, begun), **self._fields(fields)
        )

    def check_mac(self, transaction: str, begun: object, item: str, mac: bytes, **fields: object) -> None:
        key = self.session_key(transaction, begun)
        self.dialect.verify_mac(transaction, item, key, mac, **self._fields(fields))

    def check_tac(self, transaction: str, tac: bytes, item: str = "tac", **fields: object) -> None:
        self.dialect.verify_tac(transaction, self.keys["tac"], tac, item=item, **self._fields(fields))

    @staticmethod
    def _fields(more: dict[str, object]) -> dict[str, object]:
        return {"terminal": TERMINAL, "date": WHEN.date(), "time": WHEN.time(), **more}

    def load(self, session: PurseSession, purse, amount: int) -> bytes:
        """A whole load; gives the TAC."""
        begun = session.initialize_for_load(purse, amount=amount, terminal=TERMINAL)
        moved = {"amount": amount, "type": purse.load}
        self.check_mac("load", begun, "mac1", begun.mac1, balance=begun.balance, **moved)
        tac = session.credit_for_load(when=WHEN, mac2=self.mac("load", begun, **moved))
        self.check_tac(
            "load", tac, balance=begun.balance + amount, online_serial=begun.online_serial, **moved
        )
        return tac
