"""The transactions that the issuer authorises, declared: how a card begins and completes each, what it does to the
purse, and what is said between outlet and issuer (JR/T 0025.2 5.5, JR/T 0025.9 7.7.9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from ..apdu import CommandSpec
from ..apdu.grey_commands import GREY_UNLOCK
from ..apdu.purse_commands import CREDIT_FOR_LOAD, DEBIT_FOR_UNLOAD, UPDATE_OVERDRAW_LIMIT
from ..layout import Layout
from ..profile import Profile
from .record import OVERDRAFT
from .sessions import (
    GreyCode,
    GreyUnlockInitialised,
    LoadInitialised,
    PublicData,
    Purse,
    PurseSession,
    UnloadInitialised,
    UpdateInitialised,
)

__all__ = [
    "UNLOAD",
    "OnlineAuthorisation",
    "OnlineConfirmation",
    "OnlineInitialised",
    "OnlineKind",
    "OnlineRequest",
    "online_kind",
    "unlock_type",
]

UNLOAD = 0x03

#: What a card answers to the INITIALIZE of an online transaction.
OnlineInitialised = LoadInitialised | UnloadInitialised | UpdateInitialised | GreyUnlockInitialised

_REQUEST = Layout.parse(
    "online request",
    [
        "issuer", "card_serial", "type", "terminal", "amount", "balance", "online_serial", "offline_serial", "limit",
        "key_version", "algorithm", "random", "mac1",
    ],
)  # fmt: skip


# ------------------------------------------------------------------ what outlet and issuer say


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRequest:
    """What an outlet sends: the card, the amount in fen (of an overdraft update the new limit), and the card's answer
    to INITIALIZE.

    ``type`` is a transaction type identifier, ``balance`` that of before, ``online_serial`` the value before the step.
    ``offline_serial`` is that of a card to unlock, ``limit`` the old one of an overdraft update.
    """

    issuer: bytes
    card_serial: bytes
    type: int
    terminal: bytes
    amount: int
    balance: int
    online_serial: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes
    offline_serial: int = 0
    limit: int = 0

    def __bytes__(self) -> bytes:
        return _REQUEST.assemble({field.name: getattr(self, field.name) for field in _REQUEST.fields})

    @classmethod
    def decode(cls, raw: bytes) -> OnlineRequest:
        """The request in these bytes; :class:`~cardos.errors.DecodeError` when it is none."""
        return cls(**cast(dict[str, Any], _REQUEST.split(raw)))  # typed by the layout

    @classmethod
    def of(
        cls, card: PublicData, initialised: OnlineInitialised, *, type_: int, terminal: bytes, amount: int
    ) -> OnlineRequest:
        """The request for what ``card`` initialised."""
        said = {each.name: getattr(initialised, each.name) for each in fields(initialised)}
        return cls(
            issuer=card.issuer, card_serial=card.card_serial, type=type_, terminal=terminal, amount=amount, **said
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OnlineAuthorisation:
    """The issuer's yes: its own date and time, and MAC2 over them."""

    when: datetime
    mac2: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineConfirmation:
    """The card's word that it did it: ``serial`` after the step and the TAC (or MAC3 where there is none), of the
    transaction of ``amount`` fen that was authorised for ``terminal`` at ``when``.
    """

    issuer: bytes
    card_serial: bytes
    type: int
    serial: int
    terminal: bytes
    amount: int
    when: datetime
    tac: bytes


# ------------------------------------------------------------------ how each is done


@dataclass(frozen=True, slots=True)
class OnlineKind:
    """An online transaction: its ``purse``, how a card begins it (for an amount at a terminal), the command that
    completes it, how that is sent, and what it adds to a balance (given amount and old limit).
    """

    type: int
    purse: Purse
    begin: Callable[[PurseSession, Purse, int, bytes], OnlineInitialised]
    completing: CommandSpec
    complete: Callable[[PurseSession, int, OnlineAuthorisation], bytes]
    change: Callable[[int, int], int]
    #: Whether its amount leaves the card: nobody may take out the credit that an overdraft limit is.
    pays_out: bool = False
    #: Whether its amount is the new overdraft limit.
    sets_limit: bool = False


def _initialize_for_load(
    session: PurseSession, purse: Purse, amount: int, terminal: bytes
) -> OnlineInitialised:
    return session.initialize_for_load(purse, amount=amount, terminal=terminal)


def _load(type_: int, purse: Purse) -> OnlineKind:
    return OnlineKind(
        type_, purse, _initialize_for_load, CREDIT_FOR_LOAD,
        lambda session, _, yes: session.credit_for_load(when=yes.when, mac2=yes.mac2),
        lambda amount, _: amount,
    )  # fmt: skip


def _unlock(type_: int, purse: Purse) -> OnlineKind:
    return OnlineKind(
        type_, purse,
        lambda session, purse, _, terminal: session.initialize_for_grey_unlock(purse, terminal=terminal),
        GREY_UNLOCK,
        lambda session, amount, yes: session.grey_unlock(amount=amount, when=yes.when, mac2=yes.mac2),
        lambda amount, _: -amount,
    )  # fmt: skip


_UNLOAD = OnlineKind(
    UNLOAD, Purse.ED,
    lambda session, purse, amount, terminal: session.initialize_for_unload(purse, amount=amount, terminal=terminal),
    DEBIT_FOR_UNLOAD,
    lambda session, _, yes: session.debit_for_unload(when=yes.when, mac2=yes.mac2),
    lambda amount, _: -amount,
    pays_out=True,
)  # fmt: skip

_OVERDRAFT = OnlineKind(
    OVERDRAFT, Purse.ED,
    lambda session, purse, _, terminal: session.initialize_for_update(purse, terminal=terminal),
    UPDATE_OVERDRAW_LIMIT,
    lambda session, amount, yes: session.update_overdraw_limit(new_limit=amount, when=yes.when, mac2=yes.mac2),
    lambda amount, limit: amount - limit,
    sets_limit=True,
)  # fmt: skip

_KINDS: Mapping[int, OnlineKind] = MappingProxyType(
    {kind.type: kind for kind in (*(_load(purse.load, purse) for purse in Purse), _UNLOAD, _OVERDRAFT)}
)


def online_kind(profile: Profile, type_: int) -> OnlineKind | None:
    """The online transaction with this type on cards of ``profile``; ``None`` for the type of any other.

    Which purse a grey unlock is of depends on the card.

    >>> from cardos.profile import load_profile
    >>> [online_kind(load_profile("city-3des"), type_).purse.name for type_ in (0x01, 0x03, 0x95)]
    ['ED', 'ED', 'EP']
    """
    purse = next((purse for purse in _lockable(profile) if unlock_type(profile, purse) == type_), None)
    return _KINDS.get(type_) if purse is None else _unlock(type_, purse)


def unlock_type(profile: Profile, purse: Purse) -> int:
    """The transaction type of an online unlock of this purse."""
    both = profile.purse.grey_both_purses
    return (GreyCode.SECOND if both and purse is Purse.EP else GreyCode.FIRST).unlock


def _lockable(profile: Profile) -> tuple[Purse, ...]:
    """The purses that can be locked, first the one that is meant where one code stands for either."""
    there = [purse for purse in (Purse.EP, Purse.ED) if profile.application.find(purse.fid) is not None]
    return tuple(there) if profile.purse.grey_both_purses else tuple(there[:1])
