"""The terminal's journal: a record is in it before the command that moves money leaves, and never lost after.

States of an entry: ``open`` (the command was about to be sent; whether money moved is unknown until the card
answers or proves), ``complete`` (it moved; the record has its TAC), ``void`` (it did not), ``torn`` (the card can
prove neither any more; the centre decides) and ``suspect`` (the card's MAC2 was wrong; its TAC decides).  Upload takes
everything that is not void; what is open or torn has flag 01 and no TAC, what is suspect flag 02.  A suspect entry
becomes complete when the centre found its TAC right.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import ParameterError
from .record import RECORD, TerminalRecord
from .store import Store

__all__ = ["Batch", "EntryState", "Journal", "JournalEntry"]

_INSERT = (
    "INSERT INTO entries (state, identity, card_serial, record) VALUES ('open', ?, ?, ?) RETURNING number"
)
# What the centre has already seen as it is now stays where it went up.
_SETTLE = """
    UPDATE entries SET state = :state, batch = iif(record = :record, batch, NULL), record = :record
    WHERE number = :number AND state = 'open'
"""
_SELECT_ALL = "SELECT number, state, record FROM entries ORDER BY number"
_SELECT_CARD = "SELECT number, state, record FROM entries WHERE card_serial = ? ORDER BY number"
_SELECT_ONE = "SELECT number, state, record FROM entries WHERE number = ?"
_SELECT_OPEN = """
    SELECT number, state, record FROM entries WHERE card_serial = ? AND state = 'open' ORDER BY number DESC
"""
_SELECT_SUSPECT = """
    SELECT number, state, record FROM entries WHERE card_serial = ? AND state = 'suspect' ORDER BY number DESC
"""
_ACQUIT = "UPDATE entries SET state = 'complete' WHERE number = ? AND state = 'suspect'"
_SELECT_WAITING = "SELECT record FROM entries WHERE batch IS NULL AND state <> 'void' ORDER BY number"
_ASSIGN_WAITING = "UPDATE entries SET batch = ? WHERE batch IS NULL AND state <> 'void'"
_SELECT_BATCH = "SELECT sequence, created, records FROM batches WHERE NOT uploaded"
_INSERT_BATCH = "INSERT INTO batches (sequence, created, records) VALUES (?, ?, ?)"


class EntryState(enum.Enum):
    """What is known of a journalled transaction."""

    OPEN = "open"
    COMPLETE = "complete"
    VOID = "void"
    TORN = "torn"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A record in the journal; ``number`` is its place."""

    number: int
    state: EntryState
    record: TerminalRecord


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one upload: fixed when the batch was opened, whatever happens to their entries later."""

    operator: int
    sequence: int
    created: datetime
    records: tuple[TerminalRecord, ...]


class Journal(Store):
    """The journal of one operator's terminal (or outlet) in a SQLite file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "bus.journal", operator=1) as journal:
    ...     journal.entries()
    ()
    """

    KIND, VERSION = 0x4344_4A4C, 1
    SCHEMA = """
        CREATE TABLE entries (
            number INTEGER PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('open', 'complete', 'void', 'torn', 'suspect')),
            identity BLOB NOT NULL,
            card_serial BLOB NOT NULL,
            record BLOB NOT NULL,
            batch INTEGER REFERENCES batches
        ) STRICT;
        CREATE UNIQUE INDEX identities ON entries (identity) WHERE state <> 'void';
        CREATE INDEX open_entries ON entries (card_serial) WHERE state = 'open';
        CREATE INDEX suspect_entries ON entries (card_serial) WHERE state = 'suspect';
        CREATE INDEX not_uploaded ON entries (number) WHERE batch IS NULL;
        CREATE TABLE batches (
            sequence INTEGER PRIMARY KEY,
            created TEXT NOT NULL,
            records BLOB NOT NULL,
            uploaded INTEGER NOT NULL DEFAULT 0
        ) STRICT;
    """

    def __init__(self, path: Path, *, operator: int, first_sequence: int = 1) -> None:
        """``first_sequence`` numbers the first upload file: terminals that share an operator need ranges of
        their own.
        """
        super().__init__(path)
        self.operator, self._first_sequence = operator, first_sequence

    def begin(self, record: TerminalRecord) -> JournalEntry:
        """Enter a record whose command is about to be sent, without TAC; on the disk when this returns.

        A transaction that is there already raises :class:`~cardos.errors.ParameterError`, unless it was void.
        """
        if not record.torn:
            raise ParameterError(
                "flag of a record to begin", "01 (torn, as long as nothing else is known)", record.flag
            )
        row = (record.identity, record.card_serial, bytes(record))
        try:
            with self.transaction() as db:
                number = db.execute(_INSERT, row).fetchone()[0]
        except sqlite3.IntegrityError:
            raise ParameterError(
                "record", "a new transaction", f"one that is journalled: {record.identity.hex()}"
            ) from None
        return JournalEntry(number, EntryState.OPEN, record)

    def complete(self, entry: JournalEntry, tac: bytes) -> JournalEntry:
        """The money moved: store the TAC.  An entry that went up as torn goes up again, now whole."""
        return self._settle(entry, EntryState.COMPLETE, entry.record.completed(tac))

    def void(self, entry: JournalEntry) -> JournalEntry:
        """The money did not move: the card said so, or proved it."""
        return self._settle(entry, EntryState.VOID, entry.record)

    def give_up(self, entry: JournalEntry) -> JournalEntry:
        """The card cannot prove any more what happened: stop asking, leave it to the centre."""
        return self._settle(entry, EntryState.TORN, entry.record)

    def suspect(self, entry: JournalEntry, tac: bytes) -> JournalEntry:
        """The card answered with a wrong MAC2: stop asking; the record goes up, flagged, with the TAC that came."""
        return self._settle(entry, EntryState.SUSPECT, entry.record.suspected(tac))

    def acquit(self, entry: JournalEntry) -> JournalEntry:
        """The centre found the TAC of a suspect entry right: the money moved, and the card is served again."""
        with self.transaction() as db:
            if db.execute(_ACQUIT, (entry.number,)).rowcount != 1:
                raise ParameterError("entry", "suspect", f"number {entry.number} that is not")
        return JournalEntry(entry.number, EntryState.COMPLETE, entry.record)

    def amend(self, entry: JournalEntry, record: TerminalRecord) -> JournalEntry:
        """More is known of an open entry, which stays open: the amount of a grey-locked sale."""
        if record.identity != entry.record.identity:
            raise ParameterError("identity of a record", entry.record.identity.hex(), record.identity.hex())
        return self._settle(entry, EntryState.OPEN, record)

    def entry(self, number: int) -> JournalEntry:
        """The entry at this place; :class:`~cardos.errors.ParameterError` when there is none."""
        found = _entries(self._connection.execute(_SELECT_ONE, (number,)))
        if not found:
            raise ParameterError("number of an entry", "that of one in the journal", number)
        return found[0]

    def _settle(self, entry: JournalEntry, state: EntryState, record: TerminalRecord) -> JournalEntry:
        with self.transaction() as db:
            values = {"state": state.value, "record": bytes(record), "number": entry.number}
            if db.execute(_SETTLE, values).rowcount != 1:
                raise ParameterError("entry", "open", f"number {entry.number} that is not")
        return JournalEntry(entry.number, state, record)

    def open_entries(self, card_serial: bytes) -> tuple[JournalEntry, ...]:
        """The unresolved entries of a card, newest first."""
        return _entries(self._connection.execute(_SELECT_OPEN, (card_serial,)))

    def suspect_entries(self, card_serial: bytes) -> tuple[JournalEntry, ...]:
        """The entries of a card whose MAC2 was wrong, newest first."""
        return _entries(self._connection.execute(_SELECT_SUSPECT, (card_serial,)))

    def entries(self, card_serial: bytes | None = None) -> tuple[JournalEntry, ...]:
        """The entries of a card, or all, in order."""
        if card_serial is None:
            return _entries(self._connection.execute(_SELECT_ALL))
        return _entries(self._connection.execute(_SELECT_CARD, (card_serial,)))

    def open_batch(self, created: datetime) -> Batch:
        """The batch that is to be uploaded: the one that was opened and not marked, or else a new one.

        A new one takes every entry that is not void and did not go up as it is now; it may be empty.
        """
        with self.transaction() as db:
            row = db.execute(_SELECT_BATCH).fetchone() or self._new_batch(created)
        sequence, moment, raw = row
        records = (raw[start : start + RECORD.width] for start in range(0, len(raw), RECORD.width))
        decoded = tuple(TerminalRecord.decode(record) for record in records)
        return Batch(self.operator, sequence, datetime.fromisoformat(moment), decoded)

    def _new_batch(self, created: datetime) -> tuple[int, str, bytes]:
        with self.transaction() as db:
            body = b"".join(record for (record,) in db.execute(_SELECT_WAITING))
            last = db.execute("SELECT max(sequence) FROM batches").fetchone()[0]
            sequence = self._first_sequence if last is None else last + 1
            moment = created.replace(microsecond=0).isoformat()
            db.execute(_INSERT_BATCH, (sequence, moment, body))
            db.execute(_ASSIGN_WAITING, (sequence,))
        return sequence, moment, body

    def mark_uploaded(self, batch: Batch) -> None:
        """The file of the batch is whole and durable; the next batch may be opened."""
        with self.transaction() as db:
            db.execute("UPDATE batches SET uploaded = 1 WHERE sequence = ?", (batch.sequence,))


def _entries(rows: Iterable[tuple[int, str, bytes]]) -> tuple[JournalEntry, ...]:
    return tuple(
        JournalEntry(number, EntryState(state), TerminalRecord.decode(raw)) for number, state, raw in rows
    )
