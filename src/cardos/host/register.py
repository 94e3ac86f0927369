"""The issuer's card register: which cards exist, in which state, and every load that was authorised."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from ..errors import ParameterError
from .store import Store

__all__ = ["CardRegister", "CardState", "LoadState", "RegisteredCard", "RegisteredLoad", "RegisteredPurse"]


class CardState(enum.Enum):
    """Whether a card may be loaded."""

    ACTIVE = "active"
    LOST = "lost"
    CLOSED = "closed"


class LoadState(enum.Enum):
    """What is known of an authorised load."""

    #: MAC2 has left; whether the card took it is unknown.
    PENDING = "pending"
    #: The card was credited: by its TAC, or by its online serial under MAC1.
    CONFIRMED = "confirmed"
    #: The card was not credited: it used the same online serial again.
    VOID = "void"


@dataclass(frozen=True, slots=True)
class RegisteredCard:
    """A card: ``issuer`` and ``card_serial`` 8 bytes each, name of its profile, last day of validity."""

    issuer: bytes
    card_serial: bytes
    profile: str
    expiry: date
    state: CardState = CardState.ACTIVE


@dataclass(frozen=True, slots=True)
class RegisteredPurse:
    """A purse after its last confirmed load: ``online_serial`` and the most that it can hold, in fen (purchases
    only lower it).
    """

    online_serial: int
    balance: int


@dataclass(frozen=True, slots=True)
class RegisteredLoad:
    """An authorised load.  ``type`` 01 or 02, ``serial`` after the step, ``balance`` before and ``amount`` in
    fen, ``request`` what was asked, byte for byte.  ``tac`` is empty until the card's TAC was seen.
    """

    card_serial: bytes
    type: int
    serial: int
    balance: int
    amount: int
    terminal: bytes
    when: datetime
    request: bytes
    state: LoadState = LoadState.PENDING
    tac: bytes = b""


_SELECT_CARD = "SELECT issuer, card_serial, profile, expiry, state FROM cards WHERE card_serial = ?"
_SELECT_CARDS = "SELECT issuer, card_serial, profile, expiry, state FROM cards ORDER BY card_serial"
_SELECT_PURSE = "SELECT online_serial, balance FROM purses WHERE card_serial = ? AND type = ?"
_UPSERT_PURSE = """
    INSERT INTO purses VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET online_serial = excluded.online_serial, balance = excluded.balance
"""
_LOAD = "SELECT card_serial, type, serial, balance, amount, terminal, moment, request, state, tac FROM loads"
_SELECT_LOADS = _LOAD + " ORDER BY number"
_SELECT_LOADS_OF = _LOAD + " WHERE card_serial = ? ORDER BY number"
_INSERT_LOAD = """
    INSERT INTO loads (card_serial, type, serial, balance, amount, terminal, moment, request, state, tac)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SETTLE_LOAD = "UPDATE loads SET state = ?, tac = ? WHERE card_serial = ? AND request = ?"


class CardRegister(Store):
    """The register in a SQLite file; every change is on the disk when the method returns."""

    KIND, VERSION = 0x4344_5247, 1
    SCHEMA = """
        CREATE TABLE cards (
            card_serial BLOB PRIMARY KEY,
            issuer BLOB NOT NULL,
            profile TEXT NOT NULL,
            expiry TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('active', 'lost', 'closed'))
        ) STRICT;
        CREATE TABLE purses (
            card_serial BLOB NOT NULL REFERENCES cards,
            type INTEGER NOT NULL,
            online_serial INTEGER NOT NULL,
            balance INTEGER NOT NULL,
            PRIMARY KEY (card_serial, type)
        ) STRICT;
        CREATE TABLE loads (
            number INTEGER PRIMARY KEY,
            card_serial BLOB NOT NULL REFERENCES cards,
            type INTEGER NOT NULL,
            serial INTEGER NOT NULL,
            balance INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            terminal BLOB NOT NULL,
            moment TEXT NOT NULL,
            request BLOB NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed', 'void')),
            tac BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX requests ON loads (card_serial, request);
        CREATE UNIQUE INDEX one_load_per_serial ON loads (card_serial, type, serial) WHERE state <> 'void';
    """

    def register(self, *cards: RegisteredCard) -> None:
        """Add new cards, all or none; a known one raises :class:`~cardos.errors.ParameterError`."""
        with self.transaction() as db:
            for card in cards:
                if self.card(card.card_serial):
                    raise ParameterError("card_serial", "new to the register", card.card_serial.hex())
                row = (card.card_serial, card.issuer, card.profile, card.expiry.isoformat(), card.state.value)
                db.execute("INSERT INTO cards VALUES (?, ?, ?, ?, ?)", row)

    def card(self, card_serial: bytes) -> RegisteredCard | None:
        """The card with this serial, or ``None``."""
        return next(iter(_cards(self._connection.execute(_SELECT_CARD, (card_serial,)))), None)

    def cards(self) -> tuple[RegisteredCard, ...]:
        """All cards, by serial."""
        return _cards(self._connection.execute(_SELECT_CARDS))

    def set_state(self, card_serial: bytes, state: CardState) -> None:
        """Report a card lost, close it, or make it active again."""
        with self.transaction() as db:
            sql = "UPDATE cards SET state = ? WHERE card_serial = ?"
            if db.execute(sql, (state.value, card_serial)).rowcount != 1:
                raise ParameterError("card_serial", "known to the register", card_serial.hex())

    def purse(self, card_serial: bytes, load_type: int) -> RegisteredPurse:
        """The purse that is loaded with ``load_type`` (01 ED, 02 EP); a new card's is empty at serial 0."""
        row = self._connection.execute(_SELECT_PURSE, (card_serial, load_type)).fetchone()
        return RegisteredPurse(*row) if row else RegisteredPurse(0, 0)

    def loads(self, card_serial: bytes | None = None) -> tuple[RegisteredLoad, ...]:
        """The loads of a card, or of all cards, oldest first."""
        if card_serial is None:
            return _loads(self._connection.execute(_SELECT_LOADS))
        return _loads(self._connection.execute(_SELECT_LOADS_OF, (card_serial,)))

    def open_load(self, load: RegisteredLoad) -> None:
        """Enter a load that is about to be authorised.  At most one load per serial is not void."""
        row = (
            load.card_serial, load.type, load.serial, load.balance, load.amount, load.terminal,
            load.when.isoformat(), load.request, load.state.value, load.tac,
        )  # fmt: skip
        with self.transaction() as db:
            db.execute(_INSERT_LOAD, row)

    def settle_load(self, load: RegisteredLoad, state: LoadState, tac: bytes = b"") -> None:
        """Say what a load came to.  A confirmed one makes every other load of its serial void and moves the purse
        on.
        """
        with self.transaction() as db:
            if state is LoadState.CONFIRMED:
                rivals = [other for other in self.loads(load.card_serial) if _is_rival(other, load)]
                for other in rivals:
                    db.execute(_SETTLE_LOAD, (LoadState.VOID.value, b"", other.card_serial, other.request))
                self._move_purse(load)
            db.execute(_SETTLE_LOAD, (state.value, tac, load.card_serial, load.request))

    def _move_purse(self, load: RegisteredLoad) -> None:
        if load.serial < self.purse(load.card_serial, load.type).online_serial:
            return  # an old load whose TAC came late
        row = (load.card_serial, load.type, load.serial, load.balance + load.amount)
        self._connection.execute(_UPSERT_PURSE, row)


def _is_rival(other: RegisteredLoad, load: RegisteredLoad) -> bool:
    return (other.type, other.serial) == (load.type, load.serial) and other.request != load.request


def _cards(rows: Iterable[tuple[bytes, bytes, str, str, str]]) -> tuple[RegisteredCard, ...]:
    return tuple(
        RegisteredCard(issuer, serial, profile, date.fromisoformat(expiry), CardState(state))
        for issuer, serial, profile, expiry, state in rows
    )


def _loads(
    rows: Iterable[tuple[bytes, int, int, int, int, bytes, str, bytes, str, bytes]],
) -> tuple[RegisteredLoad, ...]:
    return tuple(
        RegisteredLoad(*row[:6], datetime.fromisoformat(row[6]), row[7], LoadState(row[8]), row[9])
        for row in rows
    )
