"""The transactions that a terminal makes with its PSAM, declared, and what they come to (JR/T 0025.2 5.5.4, 5.5.5,
JR/T 0025.9 7.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .record import TerminalRecord
from .sessions import PurchaseInitialised, Purse, PurseSession, RecordMode

__all__ = ["CASH", "COMPOSITE", "OFFLINE", "CappRecord", "Fare", "OfflineKind", "PurchaseResult"]

#: Transaction types (JR/T 0025.2 annex A, JR/T 0025.9).
CASH, COMPOSITE = 0x04, 0x09


@dataclass(frozen=True, slots=True)
class PurchaseResult:
    """A purchase (or withdrawal, or ride) that is paid.

    ``recovered`` when an earlier, torn one turned out to have paid: nothing was debited now.  ``verified`` when
    the PSAM found MAC2 genuine.  It cannot when another card came in between, or when it went away: then only the
    centre, by the TAC, will know that the card was genuine, and the terminal decides whether to believe it.
    """

    record: TerminalRecord
    recovered: bool = False
    verified: bool = True

    @property
    def balance_after(self) -> int:
        """What the card holds after this purchase, fen."""
        return self.record.balance_after


@dataclass(frozen=True, slots=True)
class CappRecord:
    """A record that a composite purchase writes with the debit (JR/T 0025.9 7.4): ``number`` is its tag in a file of
    variable records, 00 to add one to a cyclic file, otherwise and in mode NUMBER the number of the record.
    """

    sfi: int
    number: int
    data: bytes
    mode: RecordMode = RecordMode.FIRST


@dataclass(frozen=True, slots=True)
class Fare:
    """What a composite purchase takes, 0..4294967295 fen, and what it writes, one record at least."""

    amount: int
    records: tuple[CappRecord, ...]


@dataclass(frozen=True, slots=True)
class OfflineKind:
    """An offline transaction: its ``purse`` and how a card begins it, for an amount at a terminal."""

    type: int
    purse: Purse
    begin: Callable[[PurseSession, Purse, int, bytes], PurchaseInitialised]


def _purchase(session: PurseSession, purse: Purse, amount: int, terminal: bytes) -> PurchaseInitialised:
    return session.initialize_for_purchase(purse, amount=amount, terminal=terminal)


def _cash(session: PurseSession, purse: Purse, amount: int, terminal: bytes) -> PurchaseInitialised:
    return session.initialize_for_cash_withdraw(purse, amount=amount, terminal=terminal)


def _composite(session: PurseSession, purse: Purse, amount: int, terminal: bytes) -> PurchaseInitialised:
    return session.initialize_for_capp_purchase(purse, amount=amount, terminal=terminal)


#: By transaction type.
OFFLINE: Mapping[int, OfflineKind] = MappingProxyType(
    {
        kind.type: kind
        for kind in (
            *(OfflineKind(purse.purchase, purse, _purchase) for purse in Purse),
            OfflineKind(CASH, Purse.ED, _cash),
            OfflineKind(COMPOSITE, Purse.EP, _composite),
        )
    }
)
