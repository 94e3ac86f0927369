"""The issuer's side of a load: authorise, confirm, and settle what was torn (JR/T 0025.2 5.5.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..crypto import Dialect, Key
from ..errors import MacMismatch
from ..fields import with_moment
from ..layout import Layout
from ..profile import Profile
from .keyring import KeyRing
from .purse import Purse
from .refusal import LoadRefused, Refusal
from .register import CardRegister, CardState, LoadState, RegisteredCard, RegisteredLoad

__all__ = ["EmbeddedIssuer", "Issuer", "LoadAuthorisation", "LoadConfirmation", "LoadRequest"]

_REQUEST = Layout.parse(
    "load request",
    [
        "issuer", "card_serial", "type", "terminal", "amount", "balance", "online_serial", "key_version",
        "algorithm", "random", "mac1",
    ],
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What an outlet sends: the card, the amount in fen, and the answer to INITIALIZE FOR LOAD.

    ``type`` is 01 (ED) or 02 (EP), ``balance`` before the load, ``online_serial`` before the step.
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

    def __bytes__(self) -> bytes:
        return _REQUEST.assemble({field.name: getattr(self, field.name) for field in _REQUEST.fields})


@dataclass(frozen=True, slots=True)
class LoadAuthorisation:
    """The issuer's yes: its own date and time, and MAC2 over them."""

    when: datetime
    mac2: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadConfirmation:
    """The card's word that it was credited: ``serial`` after the step and the TAC, of the load of ``amount`` fen
    that was authorised for ``terminal`` at ``when``.
    """

    issuer: bytes
    card_serial: bytes
    type: int
    serial: int
    terminal: bytes
    amount: int
    when: datetime
    tac: bytes


class Issuer(Protocol):
    """Who holds the load keys: a program in the same process, or a service far away."""

    def authorise_load(self, request: LoadRequest, /) -> LoadAuthorisation:
        """MAC2 for a genuine request; asking the same again gives the same answer.

        Raises :class:`~cardos.errors.MacMismatch` when MAC1 is wrong and
        :class:`~cardos.host.refusal.LoadRefused` when the card must not be loaded.
        """
        ...

    def confirm_load(self, confirmation: LoadConfirmation, /) -> None:
        """Take the TAC of a completed load; a wrong one raises :class:`~cardos.errors.MacMismatch`."""
        ...

    def settle_load(self, request: LoadRequest, /) -> LoadState | None:
        """What an earlier torn load of this purse came to, told by the online serial under MAC1; ``None`` when
        none was open.  Nothing is authorised.
        """
        ...


class EmbeddedIssuer(Issuer):
    """An issuer in this process: master keys, a register, a clock, for the cards of one profile."""

    def __init__(
        self, profile: Profile, keys: KeyRing, register: CardRegister, *, clock: Callable[[], datetime]
    ) -> None:
        self._profile, self._keys, self._register, self._clock = profile, keys, register, clock

    def authorise_load(self, request: LoadRequest, /) -> LoadAuthorisation:
        """MAC2; the load is in the register, durably, before MAC2 exists."""
        session_key = self._session_key(request)
        with self._register.transaction():
            load = self._granted(request) or self._grant(request)
        mac2 = self._dialect.mac(
            self._name(request.type), "mac2", session_key, amount=request.amount, type=request.type,
            terminal=request.terminal, **with_moment(load.when),
        )  # fmt: skip
        return LoadAuthorisation(load.when, mac2)

    def confirm_load(self, confirmation: LoadConfirmation, /) -> None:
        """Take the TAC; it has the last word, also on a load that was taken for void."""
        tac_key = self._card_keys(confirmation.issuer, confirmation.card_serial)["tac"]
        for load in self._register.loads(confirmation.card_serial):
            if _is_confirmed_by(load, confirmation) and self._is_tac_of(load, tac_key, confirmation.tac):
                self._register.settle_load(load, LoadState.CONFIRMED, confirmation.tac)
                return
        raise MacMismatch(f"TAC of {self._name(confirmation.type)}")

    def settle_load(self, request: LoadRequest, /) -> LoadState | None:
        """Confirm or void the open load of this purse."""
        self._session_key(request)
        with self._register.transaction():
            self._granted(request)
            return self._settle(request)

    @property
    def _dialect(self) -> Dialect:
        return self._profile.dialect

    def _name(self, load_type: int) -> str:
        return self._dialect.of_type(load_type).name

    def _card_keys(self, issuer: bytes, card_serial: bytes) -> KeyRing:
        return self._keys.for_card(self._profile, issuer=issuer, card_serial=card_serial)

    def _session_key(self, request: LoadRequest) -> Key:
        """The session key of a request whose MAC1 is right."""
        name = self._name(request.type)
        master = self._card_keys(request.issuer, request.card_serial)["load"]
        session_key = self._dialect.session_key(
            name, master, random=request.random, online_serial=request.online_serial
        )
        self._dialect.verify_mac(
            name, "mac1", session_key, request.mac1, balance=request.balance, amount=request.amount,
            type=request.type, terminal=request.terminal,
        )  # fmt: skip
        return session_key

    def _granted(self, request: LoadRequest) -> RegisteredLoad | None:
        """The load that this very request opened before, when its answer was lost on the way.

        A request whose load is settled is a replay: a card never makes the same random and MAC1 twice.
        """
        raw = bytes(request)
        for load in self._register.loads(request.card_serial):
            if load.request == raw:
                if load.state is LoadState.PENDING:
                    return load
                raise LoadRefused(Refusal.REQUEST_REPEATED, f"its load is {load.state.value}")
        return None

    def _grant(self, request: LoadRequest) -> RegisteredLoad:
        self._check_card(self._register.card(request.card_serial))
        self._settle(request)
        purse = self._register.purse(request.card_serial, request.type)
        if request.online_serial != purse.online_serial:
            detail = f"expected {purse.online_serial}, got {request.online_serial}"
            raise LoadRefused(Refusal.SERIAL_UNEXPECTED, detail)
        most = purse.balance if purse.online_serial else self._limit(request.type)
        if request.balance > most:
            detail = f"at most {most} fen, got {request.balance}"
            raise LoadRefused(Refusal.BALANCE_IMPOSSIBLE, detail)
        load = RegisteredLoad(
            request.card_serial, request.type, request.online_serial + 1, request.balance, request.amount,
            request.terminal, self._clock().replace(microsecond=0), bytes(request),
        )  # fmt: skip
        self._register.open_load(load)
        return load

    def _limit(self, load_type: int) -> int:
        """The overdraft limit of a new card, fen: its first balance."""
        fid = next(purse.fid for purse in Purse if purse.load == load_type)
        found = self._profile.application.find(fid)
        return 0 if found is None else found.limit

    def _check_card(self, card: RegisteredCard | None) -> None:
        if card is None:
            raise LoadRefused(Refusal.UNKNOWN_CARD)
        if card.state is not CardState.ACTIVE:
            raise LoadRefused(Refusal.CARD_STATE, card.state.value)
        if self._clock().date() > card.expiry:
            raise LoadRefused(Refusal.EXPIRED, f"expiry {card.expiry}")

    def _settle(self, request: LoadRequest) -> LoadState | None:
        """The card's online serial says whether it took the open load: it steps with the credit, not otherwise.

        A load that was void by mistake (an old request, kept back) comes to life when the serial stepped and no
        other load can be meant; with several only a TAC decides.
        """
        purse = self._register.purse(request.card_serial, request.type)
        stepped = request.online_serial > purse.online_serial
        after = [
            load
            for load in self._register.loads(request.card_serial)
            if (load.type, load.serial) == (request.type, purse.online_serial + 1)
        ]
        pending = [load for load in after if load.state is LoadState.PENDING]
        meant = pending if pending or not stepped else after
        if len(meant) != 1:
            return None
        state = LoadState.CONFIRMED if stepped else LoadState.VOID
        self._register.settle_load(meant[0], state)
        return state

    def _is_tac_of(self, load: RegisteredLoad, tac_key: Key, tac: bytes) -> bool:
        try:
            self._dialect.verify_tac(
                self._name(load.type), tac_key, tac, item="tac", balance=load.balance + load.amount,
                online_serial=load.serial - 1, amount=load.amount, type=load.type, terminal=load.terminal,
                **with_moment(load.when),
            )  # fmt: skip
        except MacMismatch:
            return False
        return True


def _is_confirmed_by(load: RegisteredLoad, word: LoadConfirmation) -> bool:
    named = (word.type, word.serial, word.terminal, word.amount, word.when)
    return named == (load.type, load.serial, load.terminal, load.amount, load.when)
