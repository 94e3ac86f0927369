"""The issuer's card register: which cards exist, in which state, and every online transaction that was authorised."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from ..errors import ParameterError
from .store import Store

__all__ = [
    "CardRegister",
    "CardState",
    "OnlineState",
    "RegisteredCard",
    "RegisteredPurse",
    "RegisteredTransaction",
]


class CardState(enum.Enum):
    """Whether the issuer serves a card."""

    ACTIVE = "active"
    LOST = "lost"
    CLOSED = "closed"


class OnlineState(enum.Enum):
    """What is known of an authorised transaction."""

    #: MAC2 has left; whether the card took it is unknown.
    PENDING = "pending"
    #: The card did it: by its TAC or MAC3, or by its online serial under MAC1.
    CONFIRMED = "confirmed"
    #: The card did not do it: it used the same online serial again.
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
    """A purse after its last confirmed online transaction: ``online_serial``, the most that it can hold (purchases only
    lower it) and its overdraft ``limit``, both in fen.
    """

    online_serial: int
    balance: int
    limit: int = 0


@dataclass(frozen=True, slots=True)
class RegisteredTransaction:
    """An authorised online transaction of type ``type`` on the purse that is loaded with type ``purse`` (01, 02).

    ``serial`` is the value after the step, ``balance`` before and ``after`` the transaction and ``amount`` in fen,
    ``limit`` the overdraft limit afterwards, ``request`` what was asked, byte for byte.  ``tac`` is empty until the
    card's TAC, or the MAC3 that stands in its place, was seen.
    """

    card_serial: bytes
    type: int
    purse: int
    serial: int
    balance: int
    after: int
    amount: int
    limit: int
    terminal: bytes
    when: datetime
    request: bytes
    state: OnlineState = OnlineState.PENDING
    tac: bytes = b""


_SELECT_CARD = "SELECT issuer, card_serial, profile, expiry, state FROM cards WHERE card_serial = ?"
_SELECT_CARDS = "SELECT issuer, card_serial, profile, expiry, state FROM cards ORDER BY card_serial"
_SELECT_PURSE = "SELECT online_serial, balance, overdraft FROM purses WHERE card_serial = ? AND type = ?"
_UPSERT_PURSE = """
    INSERT INTO purses VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET online_serial = excluded.online_serial, balance = excluded.balance, overdraft = excluded.overdraft
"""
_HISTORY = """
    SELECT card_serial, type, purse, serial, balance, balance_after, amount, overdraft, terminal, moment, request,
        state, tac
    FROM online
"""
_SELECT_HISTORY = _HISTORY + " ORDER BY number"
_SELECT_HISTORY_OF = _HISTORY + " WHERE card_serial = ? ORDER BY number"
_INSERT = """
    INSERT INTO online (
        card_serial, type, purse, serial, balance, balance_after, amount, overdraft, terminal, moment, request, state,
        tac
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SETTLE = "UPDATE online SET state = ?, tac = ? WHERE card_serial = ? AND request = ?"


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
            overdraft INTEGER NOT NULL,
            PRIMARY KEY (card_serial, type)
        ) STRICT;
        CREATE TABLE online (
            number INTEGER PRIMARY KEY,
            card_serial BLOB NOT NULL REFERENCES cards,
            type INTEGER NOT NULL,
            purse INTEGER NOT NULL,
            serial INTEGER NOT NULL,
            balance INTEGER NOT NULL,
            balance_after INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            overdraft INTEGER NOT NULL,
            terminal BLOB NOT NULL,
            moment TEXT NOT NULL,
            request BLOB NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed', 'void')),
            tac BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX requests ON online (card_serial, request);
        CREATE UNIQUE INDEX one_per_serial ON online (card_serial, purse, serial) WHERE state <> 'void';
    """

    def register(self, *cards: RegisteredCard) -> None:
        """Add new cards, all or none; a known one raises :class:`~cardos.errors.ParameterError`."""
        with self.transaction() as db:
            for card in cards:
                if self.card(card.card_serial):
                    raise ParameterError("card_serial", "new to the register", card.card_serial.hex())
                row = (card.card_serial, card.issuer, card.profile, card.expiry.isoformat(), card.state.value)
                db.execute("INSERT INTO cards VALUES (?, ?, ?, ?, ?)", row)

    def adopt(self, card: RegisteredCard, purses: Mapping[int, RegisteredPurse]) -> None:
        """Add a card that was in use before this register knew it, with what its ``purses`` are, by load type (01 ED,
        02 EP).  What they say must be genuine: under MAC1.
        """
        with self.transaction() as db:
            self.register(card)
            for load_type, purse in purses.items():
                row = (card.card_serial, load_type, purse.online_serial, purse.balance, purse.limit)
                db.execute(_UPSERT_PURSE, row)

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
        """The purse that is loaded with ``load_type`` (01 ED, 02 EP); of a card that had no online transaction the
        register knows serial 0 and nothing else.
        """
        row = self._connection.execute(_SELECT_PURSE, (card_serial, load_type)).fetchone()
        return RegisteredPurse(*row) if row else RegisteredPurse(0, 0)

    def history(self, card_serial: bytes | None = None) -> tuple[RegisteredTransaction, ...]:
        """The online transactions of a card, or of all cards, oldest first."""
        if card_serial is None:
            return _transactions(self._connection.execute(_SELECT_HISTORY))
        return _transactions(self._connection.execute(_SELECT_HISTORY_OF, (card_serial,)))

    def open(self, new: RegisteredTransaction) -> None:
        """Enter a transaction that is about to be authorised.  At most one per purse and serial is not void."""
        row = (
            new.card_serial, new.type, new.purse, new.serial, new.balance, new.after, new.amount, new.limit,
            new.terminal, new.when.isoformat(), new.request, new.state.value, new.tac,
        )  # fmt: skip
        with self.transaction() as db:
            db.execute(_INSERT, row)

    def settle(self, settled: RegisteredTransaction, state: OnlineState, tac: bytes = b"") -> None:
        """Say what a transaction came to.  A confirmed one makes every other of its serial void and moves the purse
        on.
        """
        with self.transaction() as db:
            if state is OnlineState.CONFIRMED:
                rivals = [other for other in self.history(settled.card_serial) if _is_rival(other, settled)]
                for other in rivals:
                    db.execute(_SETTLE, (OnlineState.VOID.value, b"", other.card_serial, other.request))
                self._move_purse(settled)
            db.execute(_SETTLE, (state.value, tac, settled.card_serial, settled.request))

    def _move_purse(self, done: RegisteredTransaction) -> None:
        if done.serial < self.purse(done.card_serial, done.purse).online_serial:
            return  # an old one whose TAC came late
        self._connection.execute(
            _UPSERT_PURSE, (done.card_serial, done.purse, done.serial, done.after, done.limit)
        )


def _is_rival(other: RegisteredTransaction, settled: RegisteredTransaction) -> bool:
    same_step = (other.purse, other.serial) == (settled.purse, settled.serial)
    return same_step and other.request != settled.request


def _cards(rows: Iterable[tuple[bytes, bytes, str, str, str]]) -> tuple[RegisteredCard, ...]:
    return tuple(
        RegisteredCard(issuer, serial, profile, date.fromisoformat(expiry), CardState(state))
        for issuer, serial, profile, expiry, state in rows
    )


def _transactions(
    rows: Iterable[tuple[bytes, int, int, int, int, int, int, int, bytes, str, bytes, str, bytes]],
) -> tuple[RegisteredTransaction, ...]:
    return tuple(
        RegisteredTransaction(
            *row[:9], datetime.fromisoformat(row[9]), row[10], OnlineState(row[11]), row[12]
        )
        for row in rows
    )
