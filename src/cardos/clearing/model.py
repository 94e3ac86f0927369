"""Who the centre knows, and the transaction types that it clears."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ParameterError
from ..host.record import DIRECTIONS
from ..profile import load_dialect

__all__ = ["KINDS", "CardAccount", "CardId", "TransactionKind"]


@dataclass(frozen=True, slots=True, order=True)
class CardId:
    """A card: ``issuer`` and ``serial`` as in its file 0015, 8 bytes each.

    >>> str(CardId(bytes.fromhex("1234567812345678"), bytes(8)))
    '1234567812345678-0000000000000000'
    """

    issuer: bytes
    serial: bytes

    def __post_init__(self) -> None:
        for name, value in (("issuer", self.issuer), ("serial", self.serial)):
            if len(value) != 8:
                raise ParameterError(name, "8 bytes", f"{len(value)} bytes")

    def __str__(self) -> str:
        return f"{self.issuer.hex().upper()}-{self.serial.hex().upper()}"


@dataclass(frozen=True, slots=True)
class CardAccount:
    """A card as it enters the centre's register: ``opening`` balance in fen and its two counters.

    A new card has three zeros.  ``test`` cards are cleared for show: their records are never settled.

    >>> CardAccount(CardId(bytes(8), bytes(8))).opening
    0
    """

    card: CardId
    opening: int = 0
    online_serial: int = 0
    offline_serial: int = 0
    test: bool = False

    def __post_init__(self) -> None:
        for name, most in (("opening", 0xFFFFFFFF), ("online_serial", 0xFFFF), ("offline_serial", 0xFFFF)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ParameterError(name, f"0..{most}", value)


@dataclass(frozen=True, slots=True)
class TransactionKind:
    """One transaction type identifier: the ``transaction`` of the dialects that it belongs to, the card
    ``counter`` that it steps, and the ``direction`` in which it moves the card's balance, +1 or -1.
    """

    type: int
    transaction: str
    counter: str
    direction: int


def _kinds() -> tuple[TransactionKind, ...]:
    """The types that move a balance and prove it by a TAC."""
    dialect = load_dialect("pboc2")
    rows = [(type_, dialect.of_type(type_), direction) for type_, direction in sorted(DIRECTIONS.items())]
    return tuple(
        TransactionKind(type_, transaction.name, transaction.serial, direction)
        for type_, transaction, direction in rows
        if "tac" in transaction.items
    )


#: Every type that the centre clears (JR/T 0025.2 annex A; the other dialects have the same identifiers).
KINDS = _kinds()
