"""What a day of clearing says, as frozen values: amounts in fen, dates and moments without a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from .model import CardId
from .reasons import Bearer, Reason, State

__all__ = [
    "Book",
    "DayResult",
    "FileNote",
    "Fork",
    "Gap",
    "HourCount",
    "JumpOfBalance",
    "OperatorSettlement",
    "Posting",
    "RecordNote",
    "Total",
]


@dataclass(frozen=True, slots=True)
class Total:
    """A number of records and their money.

    >>> Total(2, 300) + Total(1, 50)
    Total(count=3, amount=350)
    """

    count: int = 0
    amount: int = 0

    def __add__(self, other: Total) -> Total:
        return Total(self.count + other.count, self.amount + other.amount)


@dataclass(frozen=True, slots=True)
class OperatorSettlement:
    """One operator's day.

    ``accepted`` and ``adjusted`` purchases are paid, less ``fee``; ``loads`` are cash that the operator took for the
    issuer; ``refused`` and ``waiting`` are claims that are not paid (or not yet).
    """

    operator: int
    name: str
    accepted: Total
    adjusted: Total
    loads: Total
    refused: Total
    waiting: Total
    fee: int

    @property
    def due(self) -> int:
        """What the centre owes the operator for the day's purchases, fen."""
        return self.accepted.amount + self.adjusted.amount - self.fee


@dataclass(frozen=True, slots=True)
class RecordNote:
    """A record that was refused, waits, or was marked, and why.

    ``bearer`` is who bears a loss, where the check says so.  ``authentic`` means that the card's money moved although
    the record was refused: the amount is in suspense.  What could not be read is ``None``; then ``raw`` has the bytes.
    """

    file: str
    number: int
    state: State
    reason: Reason
    code: str
    text: str
    bearer: Bearer | None
    authentic: bool
    since: date
    operator: int | None
    terminal: bytes | None
    sam: bytes | None
    terminal_serial: int | None
    when: datetime | None
    card: CardId | None
    serial: int | None
    balance: int | None
    amount: int | None
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Counter values ``first`` to ``last`` that no record told of.

    ``holder`` is a SAM number or a :class:`CardId`; ``counter`` one of ``terminal_serial``, ``online_serial`` (a load
    is missing) and ``offline_serial`` (a purchase is missing).
    """

    holder: bytes | CardId
    counter: str
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many are missing."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Fork:
    """A card that made several genuine transactions with one counter value: it was copied, or reset."""

    card: CardId
    counter: str
    serial: int
    count: int


@dataclass(frozen=True, slots=True)
class JumpOfBalance:
    """A record whose balance before is not the balance after the card's record before it."""

    card: CardId
    file: str
    number: int
    when: datetime
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One double entry: ``amount`` fen, at least 1, from account ``credit`` to account ``debit``."""

    day: date
    number: int
    debit: str
    credit: str
    amount: int
    reference: str


@dataclass(frozen=True, slots=True)
class Book:
    """An account at the end of a day: all that was ever posted to it; ``balance`` is debits less credits."""

    account: str
    debit: int
    credit: int
    balance: int


@dataclass(frozen=True, slots=True)
class FileNote:
    """A file that was handed in; ``state`` is a value of :class:`~cardos.clearing.IngestState`."""

    name: str
    sha256: str
    state: str
    problem: str | None
    operator: int | None
    records: int
    unparsable: int


@dataclass(frozen=True, slots=True)
class HourCount:
    """Accepted records of an operator with a moment in ``hour`` (0..23)."""

    operator: int
    hour: int
    count: int


@dataclass(frozen=True, slots=True)
class DayResult:
    """Everything about one day of clearing.

    ``waiting`` are the records still open at its end, ``adjusted`` the torn ones that a later record proves, which are
    paid.  ``gaps``, ``forks`` and ``jumps`` are those of all records up to it (late records close gaps); ``books`` are
    the accounts at its end.
    """

    day: date
    settlements: tuple[OperatorSettlement, ...]
    refused: tuple[RecordNote, ...]
    waiting: tuple[RecordNote, ...]
    marked: tuple[RecordNote, ...]
    adjusted: tuple[RecordNote, ...]
    gaps: tuple[Gap, ...]
    forks: tuple[Fork, ...]
    jumps: tuple[JumpOfBalance, ...]
    postings: tuple[Posting, ...]
    books: tuple[Book, ...]

    def refused_for(self, reason: Reason) -> tuple[RecordNote, ...]:
        """The refused records with one reason."""
        return tuple(note for note in self.refused if note.reason is reason)
