"""Cards to read: those of cities that were ridden in, and cards of paper with what was published of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from cardos.card import Card
from cardos.host import KeyRing, PsamSession, Purse, PurseSession, SimulatedTransport, Transport, personalise
from cardos.host.sessions import needs_safety_code
from cardos.profile import load_layout, load_profile
from tests.test_city_layouts import SAM, TERMINAL, made

RIDE_WHEN = datetime(2025, 3, 1, 18, 5, 9)


def ridden(city: str, *, protocol: str = "T=1") -> SimulatedTransport:
    """A card of a city with 10.00 loaded and 3.64 spent at 12:30:15 on 1 March 2025, under power."""
    card = Card.blank(load_profile(city), protocol=protocol)
    card.restore(made(city))
    return SimulatedTransport(card)


def ride(link: Transport, city: str, amount: int, *records: tuple[int, int, bytes]) -> None:
    """A composite purchase with ``records`` of file, record number and bytes."""
    profile = load_profile(city)
    sam_profile = load_profile(profile.psam)
    sam_link = SimulatedTransport(Card.blank(sam_profile))
    personalise(sam_link, sam_profile, SAM, KeyRing.for_tests("city", profile, sam_profile))
    psam, session = PsamSession(sam_link, sam_profile), PurseSession(link, profile)
    asked = session.initialize_for_capp_purchase(Purse.EP, amount=amount, terminal=TERMINAL)
    if needs_safety_code(profile, "purchase", "mac1"):
        psam.authentication_message(session.get_message())
    for sfi, number, data in records:
        session.update_capp_data_cache(sfi, number, data)
    sam = psam.init_sam_for_purchase(
        asked, card=session.public, amount=amount, transaction_type=9, when=RIDE_WHEN
    )
    session.debit_for_purchase(terminal_serial=sam.terminal_serial, when=RIDE_WHEN, mac1=sam.mac1)


def trip_record(**changes: object) -> bytes:
    """A trip record of a T-Union card: out of the metro in Beijing for 1.50."""
    values = {
        "trip_kind": 4, "device": bytes.fromhex("0030000800112233"), "industry": 1, "line": bytes.fromhex("0800"),
        "station": bytes.fromhex("1900"), "operator": 0, "reserved": bytes(64), "amount": 150, "balance": 486,
        "date": RIDE_WHEN.date(), "time": RIDE_WHEN.time(), "city": bytes.fromhex("1000"),
        "institution": bytes.fromhex("01011000FFFFFFFF"),
    }  # fmt: skip
    return load_layout("tunion_trip").assemble({**values, **changes})


# ------------------------------------------------------------------ cards of paper


@dataclass
class Application:
    """What a directory of a paper card holds, in hex: its FCI, transparent files and records by short identifier,
    balances by P1 and P2; and the status word of its selection.
    """

    fci: str = ""
    files: Mapping[int, str] = field(default_factory=dict)
    records: Mapping[int, list[str]] = field(default_factory=dict)
    balances: Mapping[tuple[int, int], str] = field(default_factory=dict)
    status: str = "9000"


@dataclass
class PaperCard:
    """A card that shows what was published of a real one, and refuses the rest; ``names`` maps names and identifiers
    (in hex) to directories, of which "3F00" is where it wakes up.
    """

    names: Mapping[str, Application]
    current: Application = field(default_factory=Application)

    def power_on(self) -> bytes:
        self.current = self.names.get("3F00", Application())
        return bytes.fromhex("3B00")

    def power_off(self) -> None:
        pass

    def transmit(self, command: bytes, /) -> bytes:
        return bytes.fromhex(self._INSTRUCTIONS.get(command[1], PaperCard._unknown)(self, command))

    def _select(self, command: bytes) -> str:
        name = command[5 : 5 + command[4]].hex().upper()
        if name not in self.names:
            return "6A82"
        self.current = self.names[name]
        return self.current.fci + self.current.status

    def _binary(self, command: bytes) -> str:
        sfi = command[2] & 0x1F
        if sfi in self.current.records:
            return "6981"
        return self.current.files[sfi] + "9000" if sfi in self.current.files else "6A82"

    def _record(self, command: bytes) -> str:
        records = self.current.records.get(command[3] >> 3)
        if records is None:
            return "6A82"
        number = command[2]
        return records[number - 1] + "9000" if 1 <= number <= len(records) else "6A83"

    def _balance(self, command: bytes) -> str:
        balance = self.current.balances.get((command[2], command[3]))
        return "6A86" if balance is None else balance + "9000"

    def _unknown(self, _: bytes) -> str:
        return "6D00"

    _INSTRUCTIONS: ClassVar = {0xA4: _select, 0xB0: _binary, 0xB2: _record, 0x5C: _balance}
