"""Refusals: a terminal, an outlet or an issuer says no, for a reason that a program can act on."""

from __future__ import annotations

import enum

from ..errors import CardosError

__all__ = ["LoadRefused", "PurchaseRefused", "Refusal", "TransactionRefused"]


class Refusal(enum.Enum):
    """Why; the value is the sentence for people."""

    NOT_YET_VALID = "card is not valid yet"
    EXPIRED = "card has expired"
    BLACKLISTED = "card is on the blacklist"
    INSUFFICIENT = "balance is not sufficient"
    SAM_EXPIRED = "PSAM is outside its period of validity"
    UNKNOWN_CARD = "card is not in the register"
    CARD_STATE = "card was reported lost, or is closed"
    SERIAL_UNEXPECTED = "online serial is not the one that follows the last load"
    REQUEST_REPEATED = "request was answered before"
    BALANCE_IMPOSSIBLE = "balance is higher than all loads allow"


class TransactionRefused(CardosError):
    """The host side refused; no money moved.  ``reason`` is a :class:`Refusal`.

    You do not get it when the card itself refuses: that is :class:`~cardos.errors.StatusError`, except for a
    balance that is too small.

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


class LoadRefused(TransactionRefused):
    """The issuer, or the outlet, refused a load."""
