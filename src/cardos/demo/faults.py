"""The faults that a day has on purpose, and the evidence by which each one is found."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..clearing import CardId, DayResult, IngestResult, IngestState, Reason, RecordNote
from ..host import TerminalRecord

__all__ = ["TAMPERING", "Evidence", "FaultKind", "Planted", "find"]


class FaultKind(enum.Enum):
    """A kind of fault; the value is its story in one line."""

    TORN_BEFORE = "card torn before the debit, presented again"
    TORN_IN_WRITE = "power cut inside the card's memory write, presented again"
    TORN_AFTER = "card torn after the debit, presented again"
    TORN_LOAD = "card torn after the load, presented again"
    AWAY_UNPAID = "card torn before the debit, walked away"
    AWAY_PAID = "card torn after the debit, walked away"
    FILE_TWICE = "the same file uploaded twice"
    FORGED_TAC = "TAC forged in the upload"
    FORGED_AMOUNT = "amount forged in the upload"
    FORGED_COPY = "record copied with another amount"
    LOST_RECORD = "record lost before the upload"
    LOST_CARD_GATE = "lost card at a terminal with the new blacklist"
    LOST_CARD_NEW = "lost card, blacklist too new for the terminal"
    LOST_CARD_OLD = "lost card at a terminal that never took its list"


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted fault: its kind, the place for people, and the true record or the file that it touches."""

    kind: FaultKind
    where: str
    record: TerminalRecord | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What terminals, outlets and the centre noticed by themselves."""

    day: DayResult
    uploads: tuple[IngestResult, ...]
    #: Terminal and card of each purchase that a journal holds as void.
    voided: frozenset[tuple[bytes, bytes]]
    #: Identities of records that a card proved later.
    recovered: frozenset[bytes]
    #: Cards that a terminal refused for its blacklist.
    turned_away: frozenset[bytes]


def _forge_tac(record: TerminalRecord) -> list[TerminalRecord]:
    return [replace(record, tac=bytes(byte ^ 0xFF for byte in record.tac))]


def _forge_amount(record: TerminalRecord) -> list[TerminalRecord]:
    return [replace(record, amount=record.amount // 2)]


def _forge_copy(record: TerminalRecord) -> list[TerminalRecord]:
    return [record, replace(record, amount=record.amount // 2)]


def _lose(_: TerminalRecord) -> list[TerminalRecord]:
    return []


#: What becomes of a record between terminal and centre.
TAMPERING: Mapping[FaultKind, Callable[[TerminalRecord], list[TerminalRecord]]] = MappingProxyType(
    {
        FaultKind.FORGED_TAC: _forge_tac,
        FaultKind.FORGED_AMOUNT: _forge_amount,
        FaultKind.FORGED_COPY: _forge_copy,
        FaultKind.LOST_RECORD: _lose,
    }
)


def _true(planted: Planted) -> TerminalRecord:
    if planted.record is None:
        raise ValueError(f"{planted.kind.name} must have a record")
    return planted.record


def _voided(planted: Planted, evidence: Evidence) -> str | None:
    """The first try is void in the journal: the card itself showed that it had not paid."""
    record = _true(planted)
    found = (record.terminal, record.card_serial) in evidence.voided
    return "terminal: the card's counter had not stepped" if found else None


def _recovered(planted: Planted, evidence: Evidence) -> str | None:
    found = _true(planted).identity in evidence.recovered
    return "terminal: GET TRANSACTION PROVE gave the TAC" if found else None


def _either(planted: Planted, evidence: Evidence) -> str | None:
    """A cut inside a write leaves the old state or the new one; the terminal must tell which."""
    return _recovered(planted, evidence) or _voided(planted, evidence)


def _note_of(record: TerminalRecord, notes: Iterable[RecordNote]) -> RecordNote | None:
    """The note about this purchase: SAM and terminal serial name it."""
    for note in notes:
        if (note.sam, note.terminal_serial) == (record.sam, record.terminal_serial):
            return note
    return None


def _refused(reason: Reason) -> Callable[[Planted, Evidence], str | None]:
    def finder(planted: Planted, evidence: Evidence) -> str | None:
        note = _note_of(_true(planted), evidence.day.refused_for(reason))
        return None if note is None else f"centre: {note.text}" + _bearer(note)

    return finder


def _marked(reason: Reason) -> Callable[[Planted, Evidence], str | None]:
    def finder(planted: Planted, evidence: Evidence) -> str | None:
        note = _note_of(_true(planted), [n for n in evidence.day.marked if n.reason is reason])
        return None if note is None else f"centre: {note.text}" + _bearer(note)

    return finder


def _bearer(note: RecordNote) -> str:
    return f" ({note.bearer} bears it)" if note.bearer else ""


def _adjusted(planted: Planted, evidence: Evidence) -> str | None:
    record = _true(planted)
    note = _note_of(record, evidence.day.adjusted)
    return None if note is None else "centre: the card's next record proves the debit"


def _repeated(planted: Planted, evidence: Evidence) -> str | None:
    repeats = [u for u in evidence.uploads if u.name == planted.file and u.state is IngestState.REPEAT]
    return "centre: content seen before, nothing changed" if repeats else None


def _gap(planted: Planted, evidence: Evidence) -> str | None:
    """Both sides miss it: the numbers of the SAM and the counter of the card."""
    record = _true(planted)
    card = CardId(record.issuer, record.card_serial)
    missing = {(gap.holder, n) for gap in evidence.day.gaps for n in range(gap.first, gap.last + 1)}
    both = {(record.sam, record.terminal_serial), (card, record.serial)} <= missing
    return (
        f"centre: gap of the SAM at {record.terminal_serial}, of the card at {record.serial}"
        if both
        else None
    )


def _turned_away(planted: Planted, evidence: Evidence) -> str | None:
    found = _true(planted).card_serial in evidence.turned_away
    return "terminal: refused at the gate" if found else None


_FINDERS: Mapping[FaultKind, Callable[[Planted, Evidence], str | None]] = MappingProxyType(
    {
        FaultKind.TORN_BEFORE: _voided,
        FaultKind.TORN_IN_WRITE: _either,
        FaultKind.TORN_AFTER: _recovered,
        FaultKind.TORN_LOAD: _recovered,
        FaultKind.AWAY_UNPAID: _refused(Reason.NOT_DEBITED),
        FaultKind.AWAY_PAID: _adjusted,
        FaultKind.FILE_TWICE: _repeated,
        FaultKind.FORGED_TAC: _refused(Reason.TAC),
        FaultKind.FORGED_AMOUNT: _refused(Reason.TAC),
        FaultKind.FORGED_COPY: _refused(Reason.CONFLICT),
        FaultKind.LOST_RECORD: _gap,
        FaultKind.LOST_CARD_GATE: _turned_away,
        FaultKind.LOST_CARD_NEW: _marked(Reason.MISSED_LIST),
        FaultKind.LOST_CARD_OLD: _refused(Reason.LATE_LIST),
    }
)


def find(planted: Planted, evidence: Evidence) -> str | None:
    """How the fault was found, in one line; ``None`` when nobody noticed it."""
    return _FINDERS[planted.kind](planted, evidence)
