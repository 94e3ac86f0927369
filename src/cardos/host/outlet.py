"""A load outlet: card, issuer and journal brought together.  It puts money on cards and takes it off, sets overdraft
limits, and unlocks purses that a sale left locked (JR/T 0025.2 5.5, 5.6, JR/T 0025.9 7.7.9).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..apdu import SW
from ..errors import ParameterError, StatusError
from ..fields import FIELDS
from ..profile import Profile
from .issuer import Issuer
from .journal import Journal, JournalEntry
from .online import (
    UNLOAD,
    OnlineConfirmation,
    OnlineInitialised,
    OnlineKind,
    OnlineRequest,
    online_kind,
    unlock_type,
)
from .record import OVERDRAFT, RecordFlag, TerminalRecord
from .recovery import Outcome, find_out, is_certain
from .refusal import IssuerRefused, refused_by_card
from .sessions import Proof, Purse, PurseSession, UpdateInitialised, check_amount
from .transports import Transport

__all__ = ["OnlineResult", "Outlet"]

_LEAST = 1  # fen; an INITIALIZE that only asks for the counter
_MOST_LIMIT = FIELDS["new_limit"].maximum
_BALANCES = 1 << 32


@dataclass(frozen=True, slots=True)
class OnlineResult:
    """An online transaction that the card did.  ``recovered`` when an earlier, torn one turned out to be done: nothing
    was done now.
    """

    record: TerminalRecord
    recovered: bool = False

    @property
    def balance_after(self) -> int:
        """What the card holds after it, fen."""
        return self.record.balance_after


class Outlet:
    """A place where cards of ``profile`` meet their issuer.

    ``terminal`` is its 6-byte number, ``list_version`` the date of the blacklist that it has (the issuer
    itself refuses lost cards).

    A card that was torn from this outlet before is first asked what became of that; when it was done, and was what is
    asked for now, that is the result and nothing is done now.  Issuer and journal have the transaction, durably,
    before the completing command leaves.  All methods raise:

    :class:`~cardos.host.refusal.IssuerRefused`
        The issuer refuses (unknown, expired or lost card, unexpected serial, balance or limit), or the card has too
        little or is grey-locked.
    :class:`~cardos.errors.CardRemoved`, :class:`~cardos.errors.TransportError`
        The card (or the issuer) went away.  Present the card again: it is then found done, or is done.
    :class:`~cardos.errors.StatusError`
        The card refused.
    :class:`~cardos.errors.MacMismatch`
        MAC1, or the TAC or MAC3, is wrong: the card is not genuine.
    """

    def __init__(
        self, issuer: Issuer, journal: Journal, profile: Profile, *, terminal: bytes, list_version: date
    ) -> None:
        self.list_version = list_version
        self._issuer, self._journal, self._profile, self._terminal = issuer, journal, profile, terminal

    def load(
        self, transport: Transport, amount: int, *, purse: Purse = Purse.EP, pin: bytes | None = None
    ) -> OnlineResult:
        """Put ``amount`` fen, 1..4294967295, on a card; ``pin`` where the profile asks for it."""
        check_amount(amount)
        return self._do(transport, purse.load, amount, pin)

    def unload(self, transport: Transport, amount: int, *, pin: bytes | None = None) -> OnlineResult:
        """Take ``amount`` fen, 1..4294967295, off the deposit, to be paid out in cash (JR/T 0025.2 5.5.3)."""
        check_amount(amount)
        return self._do(transport, UNLOAD, amount, pin)

    def set_overdraft_limit(
        self, transport: Transport, limit: int, *, pin: bytes | None = None
    ) -> OnlineResult:
        """Let the holder of a deposit spend ``limit`` fen, 0..16777215, more than there is (JR/T 0025.2 5.5.6)."""
        if not 0 <= limit <= _MOST_LIMIT:
            raise ParameterError("limit", f"0..{_MOST_LIMIT} fen", limit)
        return self._do(transport, OVERDRAFT, limit, pin)

    def unlock(
        self, transport: Transport, amount: int = 0, *, purse: Purse = Purse.EP, pin: bytes | None = None
    ) -> OnlineResult:
        """End the grey lock of a card whose seller cannot: debit ``amount`` fen, what the seller claims, 0 to let the
        holder off (JR/T 0025.9 7.7.9).
        """
        if amount:
            check_amount(amount)
        return self._do(transport, unlock_type(self._profile, purse), amount, pin)

    def recover(self, transport: Transport, *, pin: bytes | None = None) -> tuple[TerminalRecord, ...]:
        """Ask the card what became of transactions that were torn here; gives those that it did."""
        return self._settle(self._session(transport, pin))

    # -- one transaction

    def _session(self, transport: Transport, pin: bytes | None) -> PurseSession:
        session = PurseSession(transport, self._profile)
        if pin is not None:
            session.verify(pin)
        return session

    def _do(self, transport: Transport, type_: int, amount: int, pin: bytes | None) -> OnlineResult:
        kind = self._kind(type_)
        session = self._session(transport, pin)
        done = [each for each in self._settle(session) if (each.amount, each.type) == (amount, type_)]
        if done:
            return OnlineResult(done[0], recovered=True)
        with refused_by_card(IssuerRefused, f"{amount} fen asked for"):
            initialised = kind.begin(session, kind.purse, amount, self._terminal)
        return OnlineResult(self._complete(session, kind, amount, initialised))

    def _kind(self, type_: int) -> OnlineKind:
        kind = online_kind(self._profile, type_)
        if kind is None:
            raise ParameterError("purse", f"one that {self._profile.name} has", f"none for type {type_:02X}")
        return kind

    def _request(
        self, session: PurseSession, kind: OnlineKind, amount: int, initialised: OnlineInitialised
    ) -> OnlineRequest:
        return OnlineRequest.of(
            session.public, initialised, type_=kind.type, terminal=self._terminal, amount=amount
        )

    def _complete(
        self, session: PurseSession, kind: OnlineKind, amount: int, initialised: OnlineInitialised
    ) -> TerminalRecord:
        yes = self._issuer.authorise(self._request(session, kind, amount, initialised))
        record = TerminalRecord(
            type=kind.type, flag=RecordFlag.TORN, operator=self._journal.operator, terminal=self._terminal,
            when=yes.when, issuer=session.public.issuer, card_serial=session.public.card_serial,
            serial=initialised.online_serial + 1, balance=_money(initialised), amount=amount,
            key_version=initialised.key_version, list_version=self.list_version,
        )  # fmt: skip
        entry = self._journal.begin(record)
        try:
            tac = kind.complete(session, amount, yes)
        except StatusError as error:
            if is_certain(kind.completing, error):
                self._journal.void(entry)
            raise
        return self._confirm(entry, tac)

    def _confirm(self, entry: JournalEntry, tac: bytes) -> TerminalRecord:
        """Have the TAC or MAC3 checked by the issuer, then complete the record; a wrong one leaves it open."""
        record = entry.record
        self._issuer.confirm(
            OnlineConfirmation(
                issuer=record.issuer, card_serial=record.card_serial, type=record.type, serial=record.serial,
                terminal=record.terminal, amount=record.amount, when=record.when, tac=tac,
            )
        )  # fmt: skip
        return self._journal.complete(entry, tac).record

    # -- what was torn

    def _settle(self, session: PurseSession) -> tuple[TerminalRecord, ...]:
        """Settle what is open for this card; gives the records of what it did, newest first."""
        entries = self._journal.open_entries(session.public.card_serial)
        return tuple(
            record for entry in entries if (record := self._settle_entry(session, entry)) is not None
        )

    def _settle_entry(self, session: PurseSession, entry: JournalEntry) -> TerminalRecord | None:
        kind = online_kind(self._profile, entry.record.type)
        if kind is None:
            return None  # a purchase: the terminal's business
        finding = find_out(session, entry.record, lambda: self._next_serial(session, kind))
        if finding.proof is not None:
            return self._confirm(entry, self._word(kind, finding.proof))
        if finding.outcome is Outcome.NOT_MOVED:
            self._journal.void(entry)
        elif finding.outcome is not Outcome.NOT_YET:
            torn = self._journal.give_up(entry).record
            if finding.outcome is Outcome.LOGGED:
                return torn
        return None

    def _word(self, kind: OnlineKind, proof: Proof) -> bytes:
        """The TAC in a proof, or MAC3 of a transaction that has no TAC."""
        return proof.tac if "tac" in self._profile.dialect.of_type(kind.type).items else proof.mac

    def _next_serial(self, session: PurseSession, kind: OnlineKind) -> int:
        """The card's online serial; MAC1 with it lets the issuer settle its side as well.

        Whether a locked purse is still locked is not known: then the INITIALIZE of a load is refused, otherwise that
        of an unlock.
        """
        load = self._kind(kind.purse.load)
        try:
            return self._ask_serial(session, load)
        except StatusError as error:
            if error.sw != SW.GREY_LOCKED:
                raise
        return self._ask_serial(session, self._kind(unlock_type(self._profile, kind.purse)))

    def _ask_serial(self, session: PurseSession, kind: OnlineKind) -> int:
        asked = kind.begin(session, kind.purse, _LEAST, self._terminal)
        self._issuer.settle(self._request(session, kind, _LEAST, asked))
        return asked.online_serial


def _money(initialised: OnlineInitialised) -> int:
    """The balance as the record has it: of an overdraft update that without the old limit."""
    limit = initialised.limit if isinstance(initialised, UpdateInitialised) else 0
    return (initialised.balance - limit) % _BALANCES
