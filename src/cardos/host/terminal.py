"""A terminal: card, PSAM and journal brought together (JR/T 0025.2 5.5.4, 5.5.5, 5.6, JR/T 0025.9 7.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from ..apdu import SW
from ..apdu.purse_commands import DEBIT_FOR_PURCHASE
from ..errors import MacMismatch, ParameterError, StatusError, TransportError
from ..fields import FIELDS
from ..profile import Profile
from .blacklist import Blacklist
from .journal import Journal, JournalEntry
from .offline import CASH, COMPOSITE, OFFLINE, CappRecord, Fare, OfflineKind, PurchaseResult
from .record import RecordFlag, TerminalRecord
from .recovery import Evidence, Finding, Outcome, find_out, is_certain
from .refusal import PurchaseRefused, Refusal, refused_by_card
from .sessions import (
    PsamSession,
    PublicData,
    PurchaseDebited,
    PurchaseInitialised,
    Purse,
    PurseSession,
    SamInitialised,
    check_amount,
    needs_safety_code,
)
from .transports import Transport

__all__ = ["Prepared", "Terminal"]

_LEAST = 1  # fen; an INITIALIZE that only asks for the counter
_MOST = FIELDS["amount"].maximum


class Terminal:
    """A terminal for cards of ``profile`` with one PSAM and a journal.

    ``clock`` gives the local time that goes under the MACs, ``blacklist`` may be replaced at any time.

    A card that was torn from this terminal before is asked first what became of that transaction; when it paid, and
    what is asked for now, that is the result and nothing is debited.  The record is in the journal, durably, before
    the debit leaves; whatever happens after it, the card is never charged twice.  All methods that take money raise:

    :class:`~cardos.host.refusal.PurchaseRefused`
        The card is expired, not yet valid, blacklisted, suspect, too poor or grey-locked, or the PSAM is out of date.
    :class:`~cardos.errors.CardRemoved`, :class:`~cardos.errors.TransportError`
        The card went away, or the PSAM before the debit.  Present the card again: the purchase is then found paid, or
        is made.
    :class:`~cardos.errors.StatusError`
        The card or the PSAM refused.  When it was the PSAM that refused MAC2, as after a wrong one.
    :class:`~cardos.errors.DecodeError`
        The card's answer makes no sense.  When it was the answer to the debit, the next tap asks what became of it.
    :class:`~cardos.errors.MacMismatch`
        The card's MAC2 is wrong: do not hand out goods.  The record goes up, flagged as suspect, and the card is
        refused here until :meth:`Journal.acquit`: a genuine one that was garbled shall not pay for nothing twice.

    A PSAM that goes away once the card has paid raises nothing: the result says that it is not ``verified``.
    """

    def __init__(
        self, psam: PsamSession, journal: Journal, profile: Profile, *, blacklist: Blacklist,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.blacklist = blacklist
        self._psam, self._journal, self._profile, self._clock = psam, journal, profile, clock
        self._needs_code = needs_safety_code(profile, "purchase", "mac1")
        #: Identity of the transaction that the PSAM still holds a session key for.
        self._held: bytes | None = None

    # -- what it sells

    def purchase(
        self, transport: Transport, amount: int, *, purse: Purse = Purse.EP, pin: bytes | None = None
    ) -> PurchaseResult:
        """Take ``amount`` fen, 1..4294967295, from the card behind ``transport`` (JR/T 0025.2 5.5.4).

        The deposit wants its ``pin``.
        """
        return self.prepare(transport, amount, purse=purse, pin=pin).commit()

    def prepare(
        self, transport: Transport, amount: int, *, purse: Purse = Purse.EP, pin: bytes | None = None
    ) -> Prepared:
        """Everything of a purchase up to the debit, while the holder still thinks about it: no money has moved, and
        the journal knows nothing of it.  A terminal serial of the PSAM is spent.
        """
        check_amount(amount)
        return self._prepare(transport, OFFLINE[purse.purchase], amount, pin)

    def withdraw(self, transport: Transport, amount: int, *, pin: bytes | None = None) -> PurchaseResult:
        """Pay out ``amount`` fen, 1..4294967295, in cash from the deposit (JR/T 0025.2 5.5.5)."""
        check_amount(amount)
        return self._prepare(transport, OFFLINE[CASH], amount, pin).commit()

    def composite(
        self, transport: Transport, decide: Callable[[PurseSession], Fare | None], *, pin: bytes | None = None
    ) -> PurchaseResult:
        """A composite purchase: the money and some records of the card change together or not at all (JR/T 0025.9
        7.4).

        ``decide`` reads what it needs from the card and says what to take and write; ``None`` when the card is
        already as it would be.  That is so after a torn composite purchase that paid, which is then the result;
        otherwise the terminal refuses with :attr:`~cardos.host.Refusal.NOTHING_DUE`.
        """
        session = self._session(transport, pin)
        paid = self._settle(session, OFFLINE[COMPOSITE].type)
        fare = decide(session)
        if fare is None:
            if paid:
                return paid[0]
            raise PurchaseRefused(Refusal.NOTHING_DUE)
        if not 0 <= fare.amount <= _MOST:
            raise ParameterError("amount", f"0..{_MOST} fen", fare.amount)
        if not fare.records:
            raise ParameterError("records", "one at least", "none")
        return self._begin(session, OFFLINE[COMPOSITE], fare.amount, fare.records).commit()

    # -- what was torn

    def recover(self, transport: Transport, *, pin: bytes | None = None) -> tuple[PurchaseResult, ...]:
        """Ask the card what became of transactions that were torn here; gives those that it paid, newest first."""
        return self._settle(self._session(transport, pin))

    def read_evidence(
        self, transport: Transport, record: TerminalRecord, *, pin: bytes | None = None
    ) -> Evidence:
        """Ask the card what became of the torn ``record`` of another terminal, for its :meth:`accept`.

        Raises :class:`~cardos.host.refusal.PurchaseRefused` when it is another card.
        """
        session = self._session(transport, pin)
        check_card_of(session.public, record)
        finding = self._find_out(session, record)
        return Evidence(record, finding.outcome, finding.proof)

    def accept(self, evidence: Evidence) -> PurchaseResult | None:
        """Settle a transaction that was torn here by what the card told another terminal; the result when it paid.

        Raises :class:`~cardos.errors.ParameterError` when no such transaction is open here.
        """
        record = evidence.record
        for entry in self._journal.open_entries(record.card_serial):
            if entry.record.identity == record.identity:
                return self._conclude(entry, Finding(evidence.outcome, evidence.proof))
        raise ParameterError(
            "record", "open in the journal of this terminal", f"one that is not: {record.identity.hex()}"
        )

    # -- from the card to MAC1

    def _session(self, transport: Transport, pin: bytes | None) -> PurseSession:
        session = PurseSession(transport, self._profile)
        if pin is not None:
            session.verify(pin)
        return session

    def _prepare(self, transport: Transport, kind: OfflineKind, amount: int, pin: bytes | None) -> Prepared:
        session = self._session(transport, pin)
        paid = [each for each in self._settle(session) if _pays(each.record, kind, amount)]
        return Prepared.of_paid(paid[0]) if paid else self._begin(session, kind, amount)

    def _begin(
        self, session: PurseSession, kind: OfflineKind, amount: int, records: tuple[CappRecord, ...] = ()
    ) -> Prepared:
        now = self._now()
        self._check(session.public, now)
        initialised = self._initialise(session, kind, amount)
        for each in records:
            session.update_capp_data_cache(each.sfi, each.number, each.data, mode=each.mode)
        if self._needs_code:  # MAC1 of the dialect covers the card's safety code
            self._psam.authentication_message(session.get_message())
        self._held = None
        sam = self._psam.init_sam_for_purchase(
            initialised, card=session.public, amount=amount, transaction_type=kind.type, when=now
        )
        record = self._record(session.public, kind.type, amount, now, initialised, serial=sam.terminal_serial)
        self._held = record.identity
        return Prepared(record, partial(self._debit, record, session, sam))

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)

    def _check(self, card: PublicData, now: datetime) -> None:
        """Refuse before anything is spent."""
        info = self._psam.info
        if not info.start <= now.date() <= info.expiry:
            raise PurchaseRefused(Refusal.SAM_EXPIRED, f"valid {info.start} to {info.expiry}")
        if card.card_serial in self.blacklist:
            raise PurchaseRefused(Refusal.BLACKLISTED, f"list of {self.blacklist.version}")
        for entry in self._journal.suspect_entries(card.card_serial):
            raise PurchaseRefused(Refusal.SUSPECT, f"on {entry.record.when}")
        refusal = _validity(card, now)
        if refusal:
            raise PurchaseRefused(refusal, f"valid {card.start} to {card.expiry}")

    def _initialise(self, session: PurseSession, kind: OfflineKind, amount: int) -> PurchaseInitialised:
        with refused_by_card(PurchaseRefused, f"{amount} fen asked for"):
            initialised = kind.begin(session, kind.purse, amount, self._psam.info.terminal)
        if initialised.balance < amount:
            raise PurchaseRefused(
                Refusal.INSUFFICIENT, f"{amount} fen asked for, {initialised.balance} there"
            )
        return initialised

    def _record(
        self, card: PublicData, type_: int, amount: int, now: datetime, initialised: PurchaseInitialised, *,
        serial: int,
    ) -> TerminalRecord:  # fmt: skip
        return TerminalRecord(
            type=type_, flag=RecordFlag.TORN, operator=self._journal.operator,
            terminal=self._psam.info.terminal, sam=self._psam.info.number, terminal_serial=serial, when=now,
            issuer=card.issuer, card_serial=card.card_serial, serial=initialised.offline_serial + 1,
            balance=initialised.balance, amount=amount, key_version=initialised.key_version,
            list_version=self.blacklist.version,
        )  # fmt: skip

    # -- the debit

    def _debit(self, record: TerminalRecord, session: PurseSession, sam: SamInitialised) -> PurchaseResult:
        if self._held != record.identity:
            raise ParameterError(
                "prepared purchase", "the last that its terminal began", "an older one; prepare it anew"
            )
        entry = self._journal.begin(record)
        try:
            debited = session.debit_for_purchase(
                terminal_serial=sam.terminal_serial, when=record.when, mac1=sam.mac1
            )
        except StatusError as error:
            if is_certain(DEBIT_FOR_PURCHASE, error):
                self._journal.void(entry)
            raise
        return self._accept_debit(entry, debited)

    def _accept_debit(
        self, entry: JournalEntry, answer: PurchaseDebited, *, recovered: bool = False
    ) -> PurchaseResult:
        """Complete the record, ``verified`` when the PSAM finds MAC2 genuine.

        A refusal of MAC2 is the end of it: the card is not asked again, the record goes up as suspect, and its TAC
        decides.  A PSAM that does not answer changes nothing for the holder, who has paid: after an error the card
        would be presented, and charged, again.
        """
        self._held = None
        verified = True
        try:
            self._psam.credit_sam_for_purchase(answer.mac2)
        except TransportError:
            verified = False
        except StatusError as error:
            self._journal.suspect(entry, answer.tac)
            if error.sw == SW.MAC_INVALID:
                raise MacMismatch("MAC2 of purchase") from None
            raise
        record = self._journal.complete(entry, answer.tac).record
        return PurchaseResult(record, recovered=recovered, verified=verified)

    # -- settling

    def _settle(self, session: PurseSession, type_: int | None = None) -> tuple[PurchaseResult, ...]:
        """Settle what is open for this card; gives what it paid, of ``type_`` if there is one, newest first.

        Asking leaves the card in the middle of a transaction, out of which not every INITIALIZE leads.
        """
        entries = self._journal.open_entries(session.public.card_serial)
        results = [self._settle_entry(session, entry) for entry in entries]
        if entries and type_ == COMPOSITE:
            session.enter(self._profile.application)
        return tuple(each for each in results if each is not None and type_ in (None, each.record.type))

    def _settle_entry(self, session: PurseSession, entry: JournalEntry) -> PurchaseResult | None:
        """What the card paid of an entry; ``None`` also when it is no business of a terminal."""
        if entry.record.type not in OFFLINE:
            return None
        return self._conclude(entry, self._find_out(session, entry.record))

    def _find_out(self, session: PurseSession, record: TerminalRecord) -> Finding:
        kind = OFFLINE.get(record.type)
        if kind is None:
            raise ParameterError("type of a record", "that of a purchase", f"{record.type:02X}")
        return find_out(session, record, lambda: self._next_serial(session, kind.purse))

    def _conclude(self, entry: JournalEntry, finding: Finding) -> PurchaseResult | None:
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
            return self._accept_debit(entry, answer, recovered=True)
        record = self._journal.complete(entry, answer.tac).record
        return PurchaseResult(record, recovered=True, verified=False)

    def _next_serial(self, session: PurseSession, purse: Purse) -> int:
        asked = session.initialize_for_purchase(purse, amount=_LEAST, terminal=self._psam.info.terminal)
        return asked.offline_serial


@dataclass(slots=True)
class Prepared:
    """A purchase that waits for a yes: :meth:`commit` it or :meth:`abandon` it, once.

    ``record`` is what will be journalled.  Meanwhile the card must stay where it is, and the terminal must begin
    nothing else: its PSAM has room for one purchase.  As a context manager it abandons what was not committed.
    """

    record: TerminalRecord
    _debit: Callable[[], PurchaseResult] | None
    _paid: PurchaseResult | None = None

    @classmethod
    def of_paid(cls, paid: PurchaseResult) -> Self:
        """Nothing to be done: an earlier, torn purchase turned out to have paid."""
        return cls(paid.record, None, paid)

    @property
    def is_paid(self) -> bool:
        """Whether it is paid: by an earlier, torn purchase, or because it was committed."""
        return self._paid is not None

    def commit(self) -> PurchaseResult:
        """Take the money; errors as of :meth:`Terminal.purchase`.  After one, present the card to the terminal again.

        Of a purchase that was abandoned, tried before, or overtaken by another one of the terminal raises
        :class:`~cardos.errors.ParameterError`.
        """
        if self._paid is None:
            debit, self._debit = self._debit, None
            if debit is None:
                raise ParameterError("prepared purchase", "new", "one that was committed or abandoned before")
            self._paid = debit()
        return self._paid

    def abandon(self) -> None:
        """Let the card go: nothing is debited, no record is made.  What is paid stays so."""
        self._debit = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()


def _pays(record: TerminalRecord, kind: OfflineKind, amount: int) -> bool:
    return (record.type, record.amount) == (kind.type, amount)


def check_card_of(card: PublicData, record: TerminalRecord) -> None:
    """Refuse a card that is not the one of a record."""
    if (card.issuer, card.card_serial) != (record.issuer, record.card_serial):
        raise PurchaseRefused(
            Refusal.ANOTHER_CARD, f"expected {record.card_serial.hex()}, got {card.card_serial.hex()}"
        )


def _validity(card: PublicData, now: datetime) -> Refusal | None:
    """Why a card must be refused on this day, or ``None``; both days of file 0015 are valid days."""
    if now.date() < card.start:
        return Refusal.NOT_YET_VALID
    return Refusal.EXPIRED if now.date() > card.expiry else None
