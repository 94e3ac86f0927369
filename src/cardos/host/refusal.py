"""Refusals: a terminal, an outlet or an issuer says no, for a reason that a program can act on."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from ..apdu import SW
from ..errors import CardosError, StatusError

__all__ = ["IssuerRefused", "PurchaseRefused", "Refusal", "TransactionRefused", "refused_by_card"]


class Refusal(enum.Enum):
    """Why; the value is the sentence for people."""

    NOT_YET_VALID = "card is not valid yet"
    EXPIRED = "card has expired"
    BLACKLISTED = "card is on the blacklist"
    SUSPECT = "card answered with a wrong MAC2 here before"
    INSUFFICIENT = "balance is not sufficient"
    GREY_LOCKED = "card is locked for a sale that is not paid"
    NOT_LOCKED = "card is not locked for this sale"
    ANOTHER_CARD = "card is not the one that is meant"
    NOTHING_DUE = "card is already as this passage would leave it"
    SAM_EXPIRED = "PSAM is outside its period of validity"
    NOT_ONLINE = "transaction is not one that an issuer authorises"
    UNKNOWN_CARD = "card is not in the register"
    CARD_STATE = "card was reported lost, or is closed"
    SERIAL_UNEXPECTED = "online serial is not the one that follows the last transaction"
    REQUEST_REPEATED = "request was answered before"
    BALANCE_IMPOSSIBLE = "balance is higher than all loads allow"
    LIMIT_UNEXPECTED = "overdraft limit is not the one that was set"


class TransactionRefused(CardosError):
    """The host side refused; no money moved.  ``reason`` is a :class:`Refusal`.

    You do not get it when the card itself refuses: that is :class:`~cardos.errors.StatusError`, except for a
    balance that is too small and a card that is grey-locked.

    >>> raise PurchaseRefused(Refusal.EXPIRED, "expiry 2024-12-31")
    Traceback (most recent call last):
    ...
    cardos.host.refusal.PurchaseRefused: card has expired (expiry 2024-12-31)
    """

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason.value} ({detail})" if detail else reason.value)
        self.reason = reason


class PurchaseRefused(TransactionRefused):
    """A terminal refused a purchase."""


class IssuerRefused(TransactionRefused):
    """The issuer, or the outlet, refused a load, an unload, an overdraft limit or an unlock."""


_SAID_BY_CARD: Mapping[int, Refusal] = MappingProxyType(
    {SW.BALANCE_INSUFFICIENT: Refusal.INSUFFICIENT, SW.GREY_LOCKED: Refusal.GREY_LOCKED}
)


@contextmanager
def refused_by_card(kind: type[TransactionRefused], detail: str) -> Iterator[None]:
    """An INITIALIZE that the card refuses for a reason of the holder's raises ``kind``, other refusals pass."""
    try:
        yield
    except StatusError as error:
        if error.sw in _SAID_BY_CARD:
            raise kind(_SAID_BY_CARD[error.sw], detail) from None
        raise
