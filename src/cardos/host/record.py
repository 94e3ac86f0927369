"""The terminal record: one finished (or torn) transaction, as journals, upload files and clearing know it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any, cast

from ..crypto import Dialect, Key
from ..fields import Value, with_moment
from ..layout import Layout

__all__ = [
    "CARD_IDENTITY",
    "DIRECTIONS",
    "LOAD_IDENTITY",
    "NO_SAM",
    "NO_TAC",
    "OVERDRAFT",
    "PURCHASE_IDENTITY",
    "RECORD",
    "RecordFlag",
    "TerminalRecord",
]

#: The 64 bytes of a record, version 1.  ``serial`` is the card's online serial (loads) or offline serial
#: (purchases) after the step, as in log 0018; ``balance`` is the card's balance before the transaction.
RECORD = Layout.parse(
    "terminal record",
    [
        "type", "flag", "operator", "terminal", "sam", "terminal_serial", "date", "time", "issuer", "card_serial",
        "serial", "balance", "amount", "key_version", "list_version", "tac",
    ],
)  # fmt: skip

#: What makes a purchase the same purchase: the PSAM never gives a terminal serial twice.
PURCHASE_IDENTITY = Layout.parse("identity of a purchase", ["sam", "terminal_serial"])

#: What makes a load the same load; an outlet has no PSAM, and each purse of a card counts for itself.
LOAD_IDENTITY = Layout.parse(
    "identity of a load", ["type", "terminal", "date", "time", "card_serial", "serial"]
)

#: The card's side of the identity, together with the counter that the transaction type steps.
CARD_IDENTITY = Layout.parse("identity on the card", ["card_serial", "serial"])

#: SAM number and terminal serial of a record made without a PSAM; the TAC of a torn one.
NO_SAM, NO_TAC = bytes(8), bytes(4)

#: What a transaction type does to the card's balance: +1 adds the amount, -1 takes it (JR/T 0025.2 annex A,
#: JR/T 0025.9).
DIRECTIONS: Mapping[int, int] = MappingProxyType(
    {
        0x01: +1,
        0x02: +1,
        0x03: -1,
        0x04: -1,
        0x05: -1,
        0x06: -1,
        0x09: -1,
        0x93: -1,
        0x94: -1,
        0x95: -1,
        0x96: -1,
    }
)

#: An overdraft update moves no money.  Its amount is the new limit, its balance the holder's own money: the balance of
#: a deposit is their sum (JR/T 0025.2 5.5.6).
OVERDRAFT = 0x07
_ADDED_AFTER: Mapping[int, int] = MappingProxyType({**DIRECTIONS, OVERDRAFT: +1})

_SERIALS, _BALANCES = 1 << 16, 1 << 32


class RecordFlag(enum.IntEnum):
    """State of a record when it left the terminal."""

    COMPLETE = 0x00
    #: The card left after the debit was sent and was not seen again: no TAC, and nobody knows if it paid.
    TORN = 0x01
    #: The card answered with a TAC and a MAC2 that the PSAM refused.  The TAC decides.
    SUSPECT = 0x02


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalRecord:
    """A transaction as the terminal saw it.

    ``type`` is the transaction type identifier, ``operator`` 0..65535, ``terminal`` the 6-byte terminal
    number, ``when`` the moment under the MACs (whole seconds), ``issuer`` and ``card_serial`` 8 bytes each,
    ``serial`` the card's counter after the step, ``balance`` before the transaction and ``amount`` in fen,
    ``list_version`` the date of the blacklist that the terminal had, ``tac`` 4 bytes.  Transactions with the issuer
    have no ``sam`` and no ``terminal_serial``; MAC3 stands in the place of a TAC where there is none (unload, online
    grey unlock).  An overdraft update has the new limit as its amount, and as its balance that of before without the
    old limit, modulo 2**32.  ``flag`` is a :class:`RecordFlag`; other values are kept as read.

    >>> record = TerminalRecord(
    ...     type=6, operator=1, terminal=bytes.fromhex("001122334455"), when=datetime(2016, 12, 16, 13, 46),
    ...     issuer=bytes(8), card_serial=bytes.fromhex("0102030405060708"), serial=1, balance=0x2000, amount=1,
    ...     key_version=0, list_version=date(2016, 12, 1), tac=bytes.fromhex("8AF270DC"), sam=bytes(7) + b"1",
    ... )
    >>> len(bytes(record)), TerminalRecord.decode(bytes(record)) == record, record.balance_after
    (64, True, 8191)
    """

    type: int
    operator: int
    terminal: bytes
    when: datetime
    issuer: bytes
    card_serial: bytes
    serial: int
    balance: int
    amount: int
    key_version: int
    list_version: date
    tac: bytes = NO_TAC
    sam: bytes = NO_SAM
    terminal_serial: int = 0
    flag: int = RecordFlag.COMPLETE

    def __bytes__(self) -> bytes:
        return RECORD.assemble(self._values())

    @classmethod
    def decode(cls, raw: bytes, *, offset: int = 0) -> TerminalRecord:
        """The record in 64 bytes; :class:`~cardos.errors.DecodeError` (offsets count from ``offset``) when
        it is none.
        """
        # The layout's values have the types that the fields of this class declare; typing cannot follow that.
        values = cast(dict[str, Any], RECORD.split(raw, offset=offset))
        day, moment = cast(date, values.pop("date")), cast(time, values.pop("time"))
        return cls(when=datetime.combine(day, moment), **values)

    @property
    def torn(self) -> bool:
        """Whether it is unknown if the card paid."""
        return self.flag == RecordFlag.TORN

    @property
    def balance_after(self) -> int:
        """Balance of the card after the transaction, fen (modulo 2**32, so that a nonsensical record has
        one too).
        """
        return (self.balance + _ADDED_AFTER.get(self.type, 0) * self.amount) % _BALANCES

    @property
    def identity(self) -> bytes:
        """Equal for two records of the same transaction: SAM and terminal serial, or for a load its place,
        moment, card and serial.
        """
        layout = LOAD_IDENTITY if self.sam == NO_SAM else PURCHASE_IDENTITY
        return layout.assemble(self._values())

    def completed(self, tac: bytes) -> TerminalRecord:
        """The same record with its TAC: what a torn one becomes when the card proves that it paid."""
        return replace(self, flag=RecordFlag.COMPLETE, tac=tac)

    def suspected(self, tac: bytes) -> TerminalRecord:
        """The same record with the TAC of a card whose MAC2 was wrong: it goes up, and the TAC decides."""
        return replace(self, flag=RecordFlag.SUSPECT, tac=tac)

    def verify_tac(self, dialect: Dialect, tac_key: Key) -> None:
        """Raise :class:`~cardos.errors.MacMismatch` unless the TAC is that of this record.

        ``tac_key`` is the card's DTK as stored.  The inputs are the balance after and the serial before the
        step (JR/T 0025.2 5.5).
        """
        transaction = dialect.of_type(self.type)
        values = self._values() | {
            "balance": self.balance_after,
            "new_limit": self.amount,
            transaction.serial: (self.serial - 1) % _SERIALS,
        }
        dialect.verify_tac(transaction.name, tac_key, self.tac, item="tac", **values)

    def _values(self) -> dict[str, Value]:
        values: dict[str, Value] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "when"}
        return values | with_moment(self.when)
