"""A load outlet: card, issuer and journal brought together (JR/T 0025.2 5.5.2, 5.6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..apdu.purse_commands import CREDIT_FOR_LOAD
from ..errors import StatusError
from ..profile import Profile
from .issuer import Issuer, LoadAuthorisation, LoadConfirmation, LoadRequest
from .journal import Journal, JournalEntry
from .purse import LoadInitialised, Purse, PurseSession, check_amount
from .record import RecordFlag, TerminalRecord
from .recovery import Outcome, find_out, is_certain
from .transport import Transport

__all__ = ["LoadResult", "Outlet"]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """A load that reached the card.  ``recovered`` when an earlier, torn one turned out to have reached it:
    nothing was credited now.
    """

    record: TerminalRecord
    recovered: bool = False

    @property
    def balance_after(self) -> int:
        """What the card holds after this load, fen."""
        return self.record.balance_after


class Outlet:
    """A place where cards of ``profile`` are loaded.

    ``terminal`` is its 6-byte number, ``list_version`` the date of the blacklist that it has (the issuer
    itself refuses lost cards).
    """

    def __init__(
        self, issuer: Issuer, journal: Journal, profile: Profile, *, terminal: bytes, list_version: date
    ) -> None:
        self.list_version = list_version
        self._issuer, self._journal, self._profile, self._terminal = issuer, journal, profile, terminal

    def load(
        self, transport: Transport, amount: int, *, purse: Purse = Purse.EP, pin: bytes | None = None
    ) -> LoadResult:
        """Put ``amount`` fen, 1..4294967295, on the card behind ``transport``; ``pin`` where the profile asks for it.

        A card that was torn from this outlet before is asked first what became of that load; when it was
        credited, and with the same amount, that is the result and nothing is credited now.  Issuer and
        journal have the load, durably, before CREDIT FOR LOAD leaves.

        Raises
        ------
        LoadRefused
            The issuer refuses: unknown, expired or lost card, unexpected serial or balance.
        CardRemoved, TransportError
            The card (or the issuer) went away.  Present the card again: the load is then found done, or is made.
        StatusError
            The card refused.
        MacMismatch
            MAC1 or the TAC is wrong: the card is not genuine.
        """
        check_amount(amount)
        session = PurseSession(transport, self._profile)
        if pin is not None:
            session.verify(pin)
        done = [
            record for record in self._settle(session) if (record.amount, record.type) == (amount, purse.load)
        ]
        if done:
            return LoadResult(done[0], recovered=True)
        initialised = session.initialize_for_load(purse, amount=amount, terminal=self._terminal)
        authorisation = self._issuer.authorise_load(self._request(session, purse, amount, initialised))
        return LoadResult(self._credit(session, purse, amount, initialised, authorisation))

    def recover(self, transport: Transport, *, pin: bytes | None = None) -> tuple[TerminalRecord, ...]:
        """Ask the card what became of loads that were torn here; gives those that it was credited with."""
        session = PurseSession(transport, self._profile)
        if pin is not None:
            session.verify(pin)
        return self._settle(session)

    def _request(
        self, session: PurseSession, purse: Purse, amount: int, initialised: LoadInitialised
    ) -> LoadRequest:
        return LoadRequest(
            issuer=session.public.issuer, card_serial=session.public.card_serial, type=purse.load,
            terminal=self._terminal, amount=amount, balance=initialised.balance,
            online_serial=initialised.online_serial, key_version=initialised.key_version,
            algorithm=initialised.algorithm, random=initialised.random, mac1=initialised.mac1,
        )  # fmt: skip

    def _credit(
        self, session: PurseSession, purse: Purse, amount: int, initialised: LoadInitialised,
        authorisation: LoadAuthorisation,
    ) -> TerminalRecord:  # fmt: skip
        record = TerminalRecord(
            type=purse.load, flag=RecordFlag.TORN, operator=self._journal.operator, terminal=self._terminal,
            when=authorisation.when, issuer=session.public.issuer, card_serial=session.public.card_serial,
            serial=initialised.online_serial + 1, balance=initialised.balance, amount=amount,
            key_version=initialised.key_version, list_version=self.list_version,
        )  # fmt: skip
        entry = self._journal.begin(record)
        try:
            tac = session.credit_for_load(when=authorisation.when, mac2=authorisation.mac2)
        except StatusError as error:
            if is_certain(CREDIT_FOR_LOAD, error):
                self._journal.void(entry)
            raise
        return self._confirm(entry, tac)

    def _confirm(self, entry: JournalEntry, tac: bytes) -> TerminalRecord:
        """Have the TAC checked by the issuer, then complete the record; a wrong TAC leaves it open."""
        record = entry.record
        self._issuer.confirm_load(
            LoadConfirmation(
                issuer=record.issuer, card_serial=record.card_serial, type=record.type, serial=record.serial,
                terminal=record.terminal, amount=record.amount, when=record.when, tac=tac,
            )
        )  # fmt: skip
        return self._journal.complete(entry, tac).record

    def _settle(self, session: PurseSession) -> tuple[TerminalRecord, ...]:
        """Settle what is open for this card; gives the records of loads that it was credited with, newest first."""
        entries = self._journal.open_entries(session.public.card_serial)
        return tuple(
            record for entry in entries if (record := self._settle_entry(session, entry)) is not None
        )

    def _settle_entry(self, session: PurseSession, entry: JournalEntry) -> TerminalRecord | None:
        record = entry.record
        purse = next((purse for purse in Purse if purse.load == record.type), None)
        if purse is None:
            return None  # a purchase: the terminal's business
        finding = find_out(session, record, lambda: self._next_serial(session, purse, record.amount))
        if finding.proof is not None:
            return self._confirm(entry, finding.proof.tac)
        if finding.outcome is Outcome.NOT_MOVED:
            self._journal.void(entry)
        elif finding.outcome is not Outcome.NOT_YET:
            torn = self._journal.give_up(entry).record
            if finding.outcome is Outcome.LOGGED:
                return torn
        return None

    def _next_serial(self, session: PurseSession, purse: Purse, amount: int) -> int:
        """The card's online serial; its MAC1 lets the issuer settle its side as well."""
        asked = session.initialize_for_load(purse, amount=amount, terminal=self._terminal)
        self._issuer.settle_load(self._request(session, purse, amount, asked))
        return asked.online_serial
