"""The issuer's side of online transactions: authorise, confirm, and settle what was torn (JR/T 0025.2 5.5, JR/T 0025.9
7.7.9).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ..crypto import Dialect, Key, Transaction
from ..errors import MacMismatch
from ..fields import Value, with_moment
from ..profile import Profile
from .keyring import KeyRing
from .online import OnlineAuthorisation, OnlineConfirmation, OnlineKind, OnlineRequest, online_kind
from .refusal import IssuerRefused, Refusal
from .register import (
    CardRegister,
    CardState,
    OnlineState,
    RegisteredCard,
    RegisteredPurse,
    RegisteredTransaction,
)
from .sessions import Purse

__all__ = ["EmbeddedIssuer", "Issuer"]


class Issuer(Protocol):
    """Who holds the keys of online transactions: a program in the same process, or a service far away."""

    def authorise(self, request: OnlineRequest, /) -> OnlineAuthorisation:
        """MAC2 for a genuine request; asking the same again gives the same answer.

        Raises :class:`~cardos.errors.MacMismatch` when MAC1 is wrong and
        :class:`~cardos.host.refusal.IssuerRefused` when the card must not have it.
        """
        ...

    def confirm(self, confirmation: OnlineConfirmation, /) -> None:
        """Take the TAC (or MAC3) of a completed transaction; a wrong one raises :class:`~cardos.errors.MacMismatch`."""
        ...

    def settle(self, request: OnlineRequest, /) -> OnlineState | None:
        """What an earlier torn transaction of this purse came to, told by the online serial under MAC1; ``None`` when
        none was open.  Nothing is authorised.
        """
        ...


class EmbeddedIssuer(Issuer):
    """An issuer in this process: master keys, a register, a clock, for the cards of one profile.

    It pays out no credit: what an overdraft limit allows to be spent cannot be unloaded.
    """

    def __init__(
        self, profile: Profile, keys: KeyRing, register: CardRegister, *, clock: Callable[[], datetime]
    ) -> None:
        self._profile, self._keys, self._register, self._clock = profile, keys, register, clock

    def authorise(self, request: OnlineRequest, /) -> OnlineAuthorisation:
        """MAC2; the transaction is in the register, durably, before MAC2 exists."""
        session_key = self._session_key(request)
        with self._register.transaction():
            granted = self._granted(request) or self._grant(request)
        mac2 = self._dialect.mac(
            self._name(request.type), "mac2", session_key, amount=request.amount, new_limit=request.amount,
            type=request.type, terminal=request.terminal, **with_moment(granted.when),
        )  # fmt: skip
        return OnlineAuthorisation(granted.when, mac2)

    def confirm(self, confirmation: OnlineConfirmation, /) -> None:
        """Take the TAC or MAC3; it has the last word, also on a transaction that was taken for void."""
        for each in self._register.history(confirmation.card_serial):
            if _is_confirmed_by(each, confirmation) and self._is_word_of(each, confirmation):
                self._register.settle(each, OnlineState.CONFIRMED, confirmation.tac)
                return
        transaction = self._dialect.of_type(confirmation.type)
        raise MacMismatch(f"{_word(transaction).upper()} of {transaction.name}")

    def settle(self, request: OnlineRequest, /) -> OnlineState | None:
        """Confirm or void the open transaction of this purse."""
        self._session_key(request)
        with self._register.transaction():
            self._granted(request)
            return self._settle(request)

    @property
    def _dialect(self) -> Dialect:
        return self._profile.dialect

    def _name(self, type_: int) -> str:
        return self._dialect.of_type(type_).name

    def _kind(self, type_: int) -> OnlineKind:
        kind = online_kind(self._profile, type_)
        if kind is None:
            raise IssuerRefused(Refusal.NOT_ONLINE, f"type {type_:02X}")
        return kind

    def _card_keys(self, issuer: bytes, card_serial: bytes) -> KeyRing:
        return self._keys.for_card(self._profile, issuer=issuer, card_serial=card_serial)

    def _unchecked_session_key(self, request: OnlineRequest) -> Key:
        transaction = self._dialect.of_type(request.type)
        master = self._card_keys(request.issuer, request.card_serial)[transaction.key]
        return self._dialect.session_key(
            transaction.name, master, random=request.random, online_serial=request.online_serial
        )

    def _session_key(self, request: OnlineRequest) -> Key:
        """The session key of a request whose MAC1 is right."""
        self._kind(request.type)
        session_key = self._unchecked_session_key(request)
        self._dialect.verify_mac(
            self._name(request.type), "mac1", session_key, request.mac1, balance=request.balance,
            amount=request.amount, type=request.type, terminal=request.terminal, limit=request.limit,
            offline_serial=request.offline_serial,
        )  # fmt: skip
        return session_key

    def _granted(self, request: OnlineRequest) -> RegisteredTransaction | None:
        """The transaction that this very request opened before, when its answer was lost on the way.

        A request whose transaction is settled is a replay: a card never makes the same random and MAC1 twice.
        """
        raw = bytes(request)
        for each in self._register.history(request.card_serial):
            if each.request == raw:
                if each.state is OnlineState.PENDING:
                    return each
                raise IssuerRefused(Refusal.REQUEST_REPEATED, f"it is {each.state.value}")
        return None

    def _grant(self, request: OnlineRequest) -> RegisteredTransaction:
        self._check_card(self._register.card(request.card_serial))
        self._settle(request)
        kind = self._kind(request.type)
        limit = self._check_purse(request, kind)
        granted = RegisteredTransaction(
            request.card_serial, kind.type, kind.purse.load, request.online_serial + 1, request.balance,
            request.balance + kind.change(request.amount, limit), request.amount,
            request.amount if kind.sets_limit else limit, request.terminal,
            self._clock().replace(microsecond=0), bytes(request),
        )  # fmt: skip
        self._register.open(granted)
        return granted

    def _purse(self, card_serial: bytes, purse: Purse) -> RegisteredPurse:
        """What is known of a purse; the overdraft limit of a new card is its first balance."""
        known = self._register.purse(card_serial, purse.load)
        if known.online_serial:
            return known
        spec = self._profile.application.find(purse.fid)
        limit = 0 if spec is None else spec.limit
        return RegisteredPurse(0, limit, limit)

    def _check_purse(self, request: OnlineRequest, kind: OnlineKind) -> int:
        """Refuse what the purse, as the register knows it, cannot be or give; its overdraft limit."""
        purse = self._purse(request.card_serial, kind.purse)
        if request.online_serial != purse.online_serial:
            detail = f"expected {purse.online_serial}, got {request.online_serial}"
            raise IssuerRefused(Refusal.SERIAL_UNEXPECTED, detail)
        if request.balance > purse.balance:
            detail = f"at most {purse.balance} fen, got {request.balance}"
            raise IssuerRefused(Refusal.BALANCE_IMPOSSIBLE, detail)
        if kind.sets_limit and request.limit != purse.limit:
            detail = f"expected {purse.limit} fen, got {request.limit}"
            raise IssuerRefused(Refusal.LIMIT_UNEXPECTED, detail)
        there = request.balance - purse.limit * kind.pays_out
        if there + kind.change(request.amount, purse.limit) < 0:
            raise IssuerRefused(Refusal.INSUFFICIENT, f"{request.amount} fen asked for, {there} there")
        return purse.limit

    def _check_card(self, card: RegisteredCard | None) -> None:
        if card is None:
            raise IssuerRefused(Refusal.UNKNOWN_CARD)
        if card.state is not CardState.ACTIVE:
            raise IssuerRefused(Refusal.CARD_STATE, card.state.value)
        if self._clock().date() > card.expiry:
            raise IssuerRefused(Refusal.EXPIRED, f"expiry {card.expiry}")

    def _settle(self, request: OnlineRequest) -> OnlineState | None:
        """The card's online serial says whether it did what is open: it steps with it, not otherwise.

        A transaction that was void by mistake (an old request, kept back) comes to life when the serial stepped and no
        other can be meant; with several only a TAC decides.
        """
        load_type = self._kind(request.type).purse.load
        known = self._register.purse(request.card_serial, load_type)
        stepped = request.online_serial > known.online_serial
        after = [
            each
            for each in self._register.history(request.card_serial)
            if (each.purse, each.serial) == (load_type, known.online_serial + 1)
        ]
        pending = [each for each in after if each.state is OnlineState.PENDING]
        meant = pending if pending or not stepped else after
        if len(meant) != 1:
            return None
        state = OnlineState.CONFIRMED if stepped else OnlineState.VOID
        self._register.settle(meant[0], state)
        return state

    def _is_word_of(self, done: RegisteredTransaction, word: OnlineConfirmation) -> bool:
        """Whether the TAC is right under the card's TAC key, or MAC3 under the session key."""
        transaction = self._dialect.of_type(done.type)
        fields: dict[str, Value] = {
            "balance": done.after, "online_serial": done.serial - 1, "amount": done.amount,
            "new_limit": done.amount, "type": done.type, "terminal": done.terminal, **with_moment(done.when),
        }  # fmt: skip
        try:
            if _word(transaction) == "tac":
                key = self._card_keys(word.issuer, word.card_serial)["tac"]
                self._dialect.verify_tac(transaction.name, key, word.tac, item="tac", **fields)
            else:
                key = self._unchecked_session_key(OnlineRequest.decode(done.request))
                self._dialect.verify_mac(transaction.name, "mac3", key, word.tac, **fields)
        except MacMismatch:
            return False
        return True


def _word(transaction: Transaction) -> str:
    """The item by which a card says that it did it."""
    return "tac" if "tac" in transaction.items else "mac3"


def _is_confirmed_by(each: RegisteredTransaction, word: OnlineConfirmation) -> bool:
    named = (word.type, word.serial, word.terminal, word.amount, word.when)
    return named == (each.type, each.serial, each.terminal, each.amount, each.when)
