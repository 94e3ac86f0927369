"""Sales whose amount is not known when they begin (JR/T 0025.9 7.7): the purse is grey-locked, the goods are taken, the
amount is debited.  The holder may leave in between: whoever was told debits, or the issuer unlocks.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Self

from ..apdu import SW
from ..apdu.grey_commands import GREY_LOCK
from ..errors import DecodeError, MacMismatch, ParameterError, StatusError, TransportError
from .journal import EntryState, JournalEntry
from .offline import PurchaseResult
from .record import NO_TAC, RECORD, TerminalRecord
from .recovery import Evidence, Finding, Outcome, find_out, is_certain, is_proof_of, read_lock_proof
from .refusal import PurchaseRefused, Refusal, refused_by_card
from .sessions import (
    GreyCode,
    GreyLocked,
    LockProof,
    LockState,
    Proof,
    Purse,
    PurseSession,
    SamGreyInitialised,
    needs_safety_code,
)
from .terminal import Terminal, check_card_of
from .transports import Transport

__all__ = ["Dispenser", "GreyClaim", "GreySale"]

_LOCKS = {code.lock: code for code in GreyCode}
_DEBITS = {code.debit: code for code in GreyCode}
_GMAC_WIDTH = 4


@dataclass(frozen=True, slots=True)
class GreySale:
    """A purse that is locked for a sale: entry ``number`` of the journal.  ``record`` is that of the lock, with amount
    0 and the GTAC, until the amount is known, then that of the debit.
    """

    number: int
    record: TerminalRecord

    @classmethod
    def of(cls, entry: JournalEntry) -> Self:
        """The sale in a journal entry."""
        return cls(entry.number, entry.record)

    @property
    def is_filled(self) -> bool:
        """Whether the amount is known."""
        return self.record.type in _DEBITS


@dataclass(frozen=True, slots=True)
class GreyClaim:
    """What another terminal must be told to debit a locked card for the seller: the torn ``record`` of the debit and
    the ``gmac`` of the seller's PSAM.  It is 68 bytes on the way.
    """

    record: TerminalRecord
    gmac: bytes

    def __bytes__(self) -> bytes:
        return bytes(self.record) + self.gmac

    @classmethod
    def decode(cls, raw: bytes) -> GreyClaim:
        """The claim in these bytes; :class:`~cardos.errors.DecodeError` when it is none."""
        width = RECORD.width + _GMAC_WIDTH
        if len(raw) != width:
            raise DecodeError(f"must be {width} bytes, got {len(raw)}", path="grey claim")
        record = TerminalRecord.decode(raw[: RECORD.width])
        if record.type not in _DEBITS:
            raise DecodeError(
                f"type must be that of a debit for unlock, got {record.type:02X}", path="grey claim"
            )
        return cls(record, raw[RECORD.width :])


class Dispenser(Terminal):
    """A terminal that also sells what is measured while it is taken, fuel for example.

    One sale is one record: begun as that of the lock, it becomes that of the debit when the amount is known.  It is
    the seller's wherever the card is debited: terminal, serial and moment of the lock are under its TAC, so it has one
    identity and is settled once.
    """

    # -- lock, fill, debit

    def lock(self, transport: Transport, *, purse: Purse = Purse.EP, pin: bytes | None = None) -> GreySale:
        """Lock the purse behind ``transport``; the goods may then be given out, up to ``sale.record.balance``.  A
        deposit wants its ``pin``.

        A card that this terminal locked before and that is not filled is that sale again; a sale that is filled is
        debited first.  Raises as :meth:`Terminal.purchase` does.
        """
        session = self._session(transport, pin)
        self._settle(session)
        shown = read_lock_proof(session)
        if shown and shown.lock_state == LockState.LOCKED:
            return self._locked_before(session, shown)
        now = self._now()
        self._check(session.public, now)
        with refused_by_card(PurchaseRefused, "by another sale"):
            initialised = session.initialize_for_grey_lock(purse, terminal=self._psam.info.terminal)
        type_ = session.grey_code(purse).lock
        self._held = None
        sam = self._psam.init_sam_for_grey_lock(
            initialised, card=session.public, transaction_type=type_, when=now
        )
        record = self._record(session.public, type_, 0, now, initialised, serial=sam.terminal_serial)
        self._held = record.identity
        return self._lock(session, record, sam)

    def fill(self, sale: GreySale, amount: int) -> GreySale:
        """Say what was taken, 0 fen up to the balance under the lock; durably, and once.

        The card need not be there.  From now on every tap of it at this terminal debits the sale.
        """
        entry = self._open(sale)
        record = entry.record
        if record.type in _DEBITS:
            if record.amount == amount:
                return GreySale.of(entry)
            raise ParameterError("amount", f"{record.amount} fen, as it was said before", amount)
        if not 0 <= amount <= record.balance:
            raise ParameterError("amount", f"0..{record.balance} fen, what the card holds", amount)
        if record.tac == NO_TAC:
            raise ParameterError("sale", "one that the PSAM certified", "a lock whose answer was lost")
        filled = replace(record, type=_LOCKS[record.type].debit, amount=amount, tac=NO_TAC)
        return GreySale.of(self._journal.amend(entry, filled))

    def debit(self, transport: Transport, sale: GreySale) -> PurchaseResult:
        """Debit a sale that is filled, and unlock the card.

        Raises :class:`~cardos.host.refusal.PurchaseRefused` when it is another card, or one that is not locked for
        this sale any more: then the issuer has unlocked it, and the record goes up as torn.
        """
        entry = self._journal.entry(sale.number)
        if entry.state is EntryState.COMPLETE:
            return PurchaseResult(entry.record, recovered=True)
        entry = self._open(sale)
        if entry.record.type not in _DEBITS:
            raise ParameterError("sale", "filled", "one whose amount is not known")
        session = self._session(transport, None)
        check_card_of(session.public, entry.record)
        result = self._collect(session, entry)
        if result is None:
            raise PurchaseRefused(Refusal.NOT_LOCKED)
        return result

    def open_sales(self) -> tuple[GreySale, ...]:
        """The sales of this journal that are not debited, oldest first."""
        return tuple(
            GreySale.of(entry)
            for entry in self._journal.entries()
            if entry.state is EntryState.OPEN and entry.record.type in (_LOCKS | _DEBITS)
        )

    # -- another terminal

    def claim(self, sale: GreySale, *, transport: Transport | None = None) -> GreyClaim:
        """What another terminal must be told to debit this sale, which is filled.

        Where the dialect puts the card's safety code under the GMAC (CJ/T 166), the card must have been here since:
        the PSAM signs once it has seen it, and then again at any time.
        """
        entry = self._open(sale)
        if entry.record.type not in _DEBITS:
            raise ParameterError("sale", "filled", "one whose amount is not known")
        session = None if transport is None else self._session(transport, None)
        return GreyClaim(entry.record, self._gmac(entry.record, session))

    def collect(self, transport: Transport, claim: GreyClaim) -> Evidence:
        """Debit a card for another terminal; give the evidence to that one's :meth:`accept`.

        Nothing is journalled here: the card keeps the proof, and may be presented again.
        """
        session = self._session(transport, None)
        check_card_of(session.public, claim.record)
        found = self._look(session, claim.record)
        if found is None:
            tac = _debit_for_unlock(session, claim.record, claim.gmac)
            _tell_tac_was_read(session)
            found = Finding(Outcome.PROVED, Proof(tac, tac))
        return Evidence(claim.record, found.outcome, found.proof)

    # -- how it is done

    def _open(self, sale: GreySale) -> JournalEntry:
        entry = self._journal.entry(sale.number)
        if entry.state is not EntryState.OPEN or entry.record.identity != sale.record.identity:
            raise ParameterError("sale", "open in this journal", f"entry {sale.number}, {entry.state.value}")
        return entry

    def _lock(self, session: PurseSession, record: TerminalRecord, sam: SamGreyInitialised) -> GreySale:
        entry = self._journal.begin(record)
        try:
            locked = session.grey_lock(
                terminal_serial=sam.terminal_serial,
                terminal_random=sam.terminal_random,
                when=record.when,
                mac1=sam.mac1,
            )
        except StatusError as error:
            if is_certain(GREY_LOCK, error):
                self._journal.void(entry)
            raise
        return self._certify(entry, locked)

    def _certify(self, entry: JournalEntry, locked: GreyLocked) -> GreySale:
        """Have the PSAM check MAC2 and keep the lock; a wrong one is the end of the sale.  That the PSAM can sign from
        now on is seen by the GTAC in the record.
        """
        self._held = None
        try:
            self._psam.certify_grey_lock(locked.mac2)
        except StatusError as error:
            if error.sw == SW.MAC_INVALID:
                self._journal.suspect(entry, locked.gtac)
                raise MacMismatch("MAC2 of grey lock") from None
            raise
        return GreySale.of(self._journal.amend(entry, replace(entry.record, tac=locked.gtac)))

    def _locked_before(self, session: PurseSession, shown: LockProof) -> GreySale:
        """The sale for which the card is locked already, when it is one of this terminal whose PSAM can sign it."""
        for entry in self._journal.open_entries(session.public.card_serial):
            if entry.record.type in _LOCKS and is_proof_of(shown, entry.record):
                if entry.record.tac != NO_TAC:
                    return GreySale.of(entry)
                if (
                    self._held == entry.record.identity
                ):  # the answer to GREY LOCK was lost, the PSAM waits for it
                    return self._certify(entry, GreyLocked(shown.lock_tac, shown.lock_value))
        raise PurchaseRefused(Refusal.GREY_LOCKED, f"at terminal {shown.terminal.hex()} on {shown.when}")

    def _settle_entry(self, session: PurseSession, entry: JournalEntry) -> PurchaseResult | None:
        if entry.record.type in _DEBITS:
            return self._collect(session, entry)
        if entry.record.type not in _LOCKS:
            return super()._settle_entry(session, entry)
        shown = read_lock_proof(session)
        if not (shown and is_proof_of(shown, entry.record)):
            self._journal.void(entry)  # never locked, or unlocked by the issuer before anything was filled
        return None

    def _find_out(self, session: PurseSession, record: TerminalRecord) -> Finding:
        if record.type not in _DEBITS:
            return super()._find_out(session, record)
        return self._look(session, record) or Finding(Outcome.NOT_YET)

    def _look(self, session: PurseSession, record: TerminalRecord) -> Finding | None:
        """What became of a debit; ``None`` while the card is locked for it."""
        shown = read_lock_proof(session)
        lock = replace(record, type=_DEBITS[record.type].lock)
        if shown and shown.lock_state == LockState.LOCKED and is_proof_of(shown, lock):
            return None
        found = find_out(
            session, record, lambda: record.serial
        )  # the lock stepped the counter, not the debit
        if found.outcome is Outcome.NOT_MOVED:  # what is under that serial in the log is not ours: an unlock
            return Finding(Outcome.UNKNOWN)
        return found

    def _collect(self, session: PurseSession, entry: JournalEntry) -> PurchaseResult | None:
        """The debit of a filled sale, made now or before; ``None`` when the card is locked no more and tells of none,
        or another terminal with this journal has to do it.
        """
        record = entry.record
        found = self._look(session, record)
        if found is not None:
            return self._conclude(entry, found)
        if record.sam != self._psam.info.number:
            return None  # terminals that share a journal: the one that locked has the key
        tac = _debit_for_unlock(session, record, self._gmac(record, session))
        result = PurchaseResult(self._journal.complete(entry, tac).record)
        _tell_tac_was_read(session)
        return result

    def _gmac(self, record: TerminalRecord, session: PurseSession | None) -> bytes:
        """The PSAM's word for the amount; once given it is given again, also when the card is away."""
        if record.sam != self._psam.info.number:
            raise ParameterError("sale", f"one of PSAM {self._psam.info.number.hex()}", record.sam.hex())
        with contextlib.suppress(StatusError):
            return self._psam.get_gmac(record.terminal_serial).gmac
        if needs_safety_code(self._profile, "grey_debit", "gmac") and session is not None:
            self._psam.authentication_message(session.get_message())
        return self._psam.credit_sam_for_grey_debit(
            transaction_type=record.type, card_serial=record.card_serial, offline_serial=record.serial,
            amount=record.amount,
        ).gmac  # fmt: skip


def _debit_for_unlock(session: PurseSession, record: TerminalRecord, gmac: bytes) -> bytes:
    purse = next(purse for purse in Purse if session.grey_code(purse).debit == record.type)
    return session.debit_for_unlock(
        purse, amount=record.amount, offline_serial=record.serial, terminal=record.terminal,
        terminal_serial=record.terminal_serial, when=record.when, gmac=gmac,
    )  # fmt: skip


def _tell_tac_was_read(session: PurseSession) -> None:
    """A courtesy: where it fails, the next terminal finds the TAC once more."""
    with contextlib.suppress(StatusError, TransportError):
        session.clear_lock_proof()
