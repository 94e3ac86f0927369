"""A purchase terminal: card, PSAM and journal brought together (JR/T 0025.2 5.5.4, 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..apdu import SW
from ..apdu.purse_commands import DEBIT_FOR_PURCHASE
from ..errors import MacMismatch, StatusError, TransportError
from ..profile import Profile
from .blacklist import Blacklist
from .journal import Journal, JournalEntry
from .psam import PsamSession
from .purse import (
    PublicData,
    PurchaseDebited,
    PurchaseInitialised,
    Purse,
    PurseSession,
    check_amount,
    needs_safety_code,
)
from .record import RecordFlag, TerminalRecord
from .recovery import Outcome, find_out, is_certain
from .refusal import PurchaseRefused, Refusal
from .transport import Transport

__all__ = ["PurchaseResult", "Terminal"]

_LEAST = 1  # fen; an INITIALIZE that only asks for the counter


@dataclass(frozen=True, slots=True)
class PurchaseResult:
    """A purchase that is paid.

    ``recovered`` when an earlier, torn one turned out to have paid: nothing was debited now.  ``verified`` when
    the PSAM found MAC2 genuine.  It cannot when another card came in between: then only the centre, by the TAC,
    will know that the card was genuine, and the terminal decides whether to believe it.
    """

    record: TerminalRecord
    recovered: bool = False
    verified: bool = True

    @property
    def balance_after(self) -> int:
        """What the card holds after this purchase, fen."""
        return self.record.balance_after


class Terminal:
    """A terminal for cards of ``profile`` with one PSAM and a journal.

    ``clock`` gives the local time that goes under the MACs, ``blacklist`` may be replaced at any time.
    """

    def __init__(
        self, psam: PsamSession, journal: Journal, profile: Profile, *, blacklist: Blacklist,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.blacklist = blacklist
        self._psam, self._journal, self._profile, self._clock = psam, journal, profile, clock
        self._needs_code = needs_safety_code(profile, "purchase", "mac1")
        #: Identity of the purchase that the PSAM still holds a session key for.
        self._held: bytes | None = None

    def purchase(
        self, transport: Transport, amount: int, *, purse: Purse = Purse.EP, pin: bytes | None = None
    ) -> PurchaseResult:
        """Take ``amount`` fen, 1..4294967295, from the card behind ``transport``.

        A card that was torn from this terminal before is asked first what became of that purchase; when it
        paid, and for the same amount, that is the result and nothing is debited.  The record is in the
        journal, durably, before DEBIT FOR PURCHASE leaves; whatever happens after it, the card is never
        charged twice.

        Raises
        ------
        PurchaseRefused
            The card is expired, not yet valid, blacklisted or too poor, or the PSAM is out of date.
        CardRemoved, TransportError
            The card went away.  Present it again: the purchase is then found paid, or is made.
        StatusError
            The card or the PSAM refused.
        MacMismatch
            The card's MAC2 is wrong: do not hand out goods.
        """
        check_amount(amount)
        session = self._session(transport, pin)
        paid = [result for result in self._settle(session) if _pays(result.record, purse, amount)]
        if paid:
            return paid[0]
        now = self._clock().replace(microsecond=0)
        self._check(session.public, now)
        initialised = self._initialise(session, purse, amount)
        self._authenticate_message(session)
        return PurchaseResult(self._debit(session, purse, amount, now, initialised))

    def recover(self, transport: Transport, *, pin: bytes | None = None) -> tuple[PurchaseResult, ...]:
        """Ask the card what became of purchases that were torn here; gives those that it paid, newest first."""
        return self._settle(self._session(transport, pin))

    def _session(self, transport: Transport, pin: bytes | None) -> PurseSession:
        session = PurseSession(transport, self._profile)
        if pin is not None:
            session.verify(pin)
        return session

    def _check(self, card: PublicData, now: datetime) -> None:
        """Refuse before anything is spent."""
        info = self._psam.info
        if not info.start <= now.date() <= info.expiry:
            raise PurchaseRefused(Refusal.SAM_EXPIRED, f"valid {info.start} to {info.expiry}")
        if card.card_serial in self.blacklist:
            raise PurchaseRefused(Refusal.BLACKLISTED, f"list of {self.blacklist.version}")
        refusal = _validity(card, now)
        if refusal:
            raise PurchaseRefused(refusal, f"valid {card.start} to {card.expiry}")

    def _initialise(self, session: PurseSession, purse: Purse, amount: int) -> PurchaseInitialised:
        try:
            initialised = session.initialize_for_purchase(
                purse, amount=amount, terminal=self._psam.info.terminal
            )
        except StatusError as error:
            if error.sw == SW.BALANCE_INSUFFICIENT:
                raise PurchaseRefused(Refusal.INSUFFICIENT, f"{amount} fen asked for") from None
            raise
        if initialised.balance < amount:
            raise PurchaseRefused(
                Refusal.INSUFFICIENT, f"{amount} fen asked for, {initialised.balance} there"
            )
        return initialised

    def _authenticate_message(self, session: PurseSession) -> None:
        """Give the card's safety code to the PSAM where MAC1 of the dialect covers it."""
        if self._needs_code:
            self._psam.authentication_message(session.get_message())

    def _debit(
        self,
        session: PurseSession,
        purse: Purse,
        amount: int,
        now: datetime,
        initialised: PurchaseInitialised,
    ) -> TerminalRecord:
        self._held = None
        sam = self._psam.init_sam_for_purchase(
            initialised, card=session.public, amount=amount, transaction_type=purse.purchase, when=now
        )
        record = self._record(session.public, purse, amount, now, initialised, sam.terminal_serial)
        self._held = record.identity
        entry = self._journal.begin(record)
        try:
            debited = session.debit_for_purchase(terminal_serial=sam.terminal_serial, when=now, mac1=sam.mac1)
        except StatusError as error:
            if is_certain(DEBIT_FOR_PURCHASE, error):
                self._journal.void(entry)
            raise
        return self._accept(entry, debited)

    def _record(
        self,
        card: PublicData,
        purse: Purse,
        amount: int,
        now: datetime,
        initialised: PurchaseInitialised,
        serial: int,
    ) -> TerminalRecord:
        return TerminalRecord(
            type=purse.purchase, flag=RecordFlag.TORN, operator=self._journal.operator,
            terminal=self._psam.info.terminal, sam=self._psam.info.number, terminal_serial=serial, when=now,
            issuer=card.issuer, card_serial=card.card_serial, serial=initialised.offline_serial + 1,
            balance=initialised.balance, amount=amount, key_version=initialised.key_version,
            list_version=self.blacklist.version,
        )  # fmt: skip

    def _accept(self, entry: JournalEntry, answer: PurchaseDebited) -> TerminalRecord:
        """Complete the record when the PSAM finds MAC2 genuine.

        A wrong MAC2 is the end of it: the card is not asked again, the record goes up without TAC.  A PSAM that
        fails on its own account does not make the TAC worthless: the record is complete, the centre checks it.
        """
        self._held = None
        try:
            self._psam.credit_sam_for_purchase(answer.mac2)
        except (StatusError, TransportError) as error:
            if isinstance(error, StatusError) and error.sw == SW.MAC_INVALID:
                self._journal.give_up(entry)
                raise MacMismatch("MAC2 of purchase") from None
            self._journal.complete(entry, answer.tac)
            raise
        return self._journal.complete(entry, answer.tac).record

    def _settle(self, session: PurseSession) -> tuple[PurchaseResult, ...]:
        """Settle what is open for this card; gives what it paid, newest first."""
        entries = self._journal.open_entries(session.public.card_serial)
        results = (self._settle_entry(session, entry) for entry in entries)
        return tuple(result for result in results if result is not None)

    def _settle_entry(self, session: PurseSession, entry: JournalEntry) -> PurchaseResult | None:
        record = entry.record
        purse = next((purse for purse in Purse if purse.purchase == record.type), None)
        if purse is None:
            return None  # a load: the outlet's business
        finding = find_out(session, record, lambda: self._next_serial(session, purse))
        if finding.proof is not None:
            return self._proved(entry, PurchaseDebited(finding.proof.tac, finding.proof.mac))
        if finding.outcome is Outcome.NOT_MOVED:
            self._journal.void(entry)
        elif finding.outcome is not Outcome.NOT_YET:
            torn = self._journal.give_up(entry).record
            if finding.outcome is Outcome.LOGGED:
                return PurchaseResult(torn, recovered=True, verified=False)
        return None

    def _proved(self, entry: JournalEntry, answer: PurchaseDebited) -> PurchaseResult:
        """The card has the proof; MAC2 in it is checked as long as the PSAM has the key of that purchase."""
        if self._held == entry.record.identity:
            return PurchaseResult(self._accept(entry, answer), recovered=True)
        record = self._journal.complete(entry, answer.tac).record
        return PurchaseResult(record, recovered=True, verified=False)

    def _next_serial(self, session: PurseSession, purse: Purse) -> int:
        asked = session.initialize_for_purchase(purse, amount=_LEAST, terminal=self._psam.info.terminal)
        return asked.offline_serial


def _pays(record: TerminalRecord, purse: Purse, amount: int) -> bool:
    return (record.type, record.amount) == (purse.purchase, amount)


def _validity(card: PublicData, now: datetime) -> Refusal | None:
    """Why a card must be refused on this day, or ``None``; both days of file 0015 are valid days."""
    if now.date() < card.start:
        return Refusal.NOT_YET_VALID
    return Refusal.EXPIRED if now.date() > card.expiry else None
