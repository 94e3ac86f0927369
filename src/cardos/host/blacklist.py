"""The blacklist of a terminal: card serials and the date that names the version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

__all__ = ["Blacklist"]


@dataclass(frozen=True, slots=True)
class Blacklist:
    """Cards that must not pay: ``version`` is the date of issue, ``cards`` are 8-byte card serials.

    >>> bytes.fromhex("0102030405060708") in Blacklist.of(date(2025, 3, 1), [bytes.fromhex("0102030405060708")])
    True
    """

    version: date
    cards: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, version: date, cards: Iterable[bytes] = ()) -> Blacklist:
        """A list from any iterable of card serials."""
        return cls(version, frozenset(cards))

    def __contains__(self, card_serial: bytes) -> bool:
        return card_serial in self.cards
