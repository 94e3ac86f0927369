"""What was read from a card: frozen dataclasses.  Amounts are fen, numbers of files short identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from ...apdu import SW, describe_sw
from ...fields import FieldValue

__all__ = [
    "ApplicationReading",
    "CardReading",
    "FileReading",
    "NumberForm",
    "PurseReading",
    "RecordReading",
    "RefusedCommand",
    "Transaction",
    "Trip",
]


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that the card refused, or took with a warning: the application it went to (empty for the MF), what it
    was, and the status word; 0 when the answer was none.
    """

    application: bytes
    command: str
    sw: int

    @property
    def needs_secret(self) -> bool:
        """Whether a PIN or a key would have helped.

        >>> RefusedCommand(b"", "GET BALANCE ED", 0x6982).needs_secret
        True
        """
        return self.sw == SW.SECURITY_STATUS

    @property
    def meaning(self) -> str:
        """The status word in words.

        >>> RefusedCommand(b"", "READ BINARY 15", 0x6A82).meaning
        'file not found'
        """
        return describe_sw(self.sw) if self.sw else "no valid answer"


@dataclass(frozen=True, slots=True)
class RecordReading:
    """A record: its number, its bytes, and the elements in them where the layout is known."""

    number: int
    data: bytes
    fields: tuple[FieldValue, ...] = ()


@dataclass(frozen=True, slots=True)
class FileReading:
    """A file that was read: the application it lies in (empty for the MF), its short identifier, and its bytes with the
    elements in them, or its records.
    """

    application: bytes
    sfi: int
    data: bytes = b""
    fields: tuple[FieldValue, ...] = ()
    records: tuple[RecordReading, ...] = ()


@dataclass(frozen=True, slots=True)
class NumberForm:
    """The number of the card as some reader shows it: the name of the form and the text."""

    form: str
    text: str


@dataclass(frozen=True, slots=True)
class PurseReading:
    """A purse, ``ed`` or ``ep``.

    ``balance`` is what its holder is shown: below 0 when an overdraft is in use.  ``spendable`` includes the overdraft;
    ``limit``, ``used`` (of the limit) and ``own`` are ``None`` where the card does not tell them (JT/T 978).
    """

    name: str
    balance: int
    spendable: int
    limit: int | None = None
    used: int | None = None
    own: int | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A record of a transaction log.

    ``amount`` is below 0 when it left the card.  ``type`` is the transaction type (JR/T 0025.2 annex A) and ``kind``
    its name; ``serial`` is the online serial of loads and the offline serial of purchases, ``limit`` the
    overdraft limit afterwards; ``place`` says what the terminal number tells in this city; ``when`` is ``None`` where
    the card has no valid moment.
    """

    sfi: int
    serial: int
    when: datetime | None
    type: int
    kind: str
    amount: int
    limit: int
    terminal: bytes
    place: str = ""


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip record of a T-Union card (JT/T 978): what happened where, for how much.

    ``code`` and ``industry_code`` are what the card says, ``kind`` and ``industry`` their names; ``city`` is the name
    of the region ``city_code`` where it is known.
    """

    when: datetime | None
    code: int
    kind: str
    industry_code: int
    industry: str
    line: bytes
    station: bytes
    amount: int
    balance: int
    device: bytes
    city_code: bytes
    city: str
    institution: bytes


@dataclass(frozen=True, slots=True)
class ApplicationReading:
    """One application that was recognised.

    ``kind`` is the card profile with the same files.
    ``serial`` are the bytes that name the card (8 of a purse card), ``number`` is what is printed on it, as far
    as that is known; ``other_numbers`` is the same number in the forms of other readers.  Members that the card
    does not tell are empty or ``None``.
    """

    kind: str
    title: str
    aid: bytes
    fci: bytes
    serial: bytes = b""
    number: str = ""
    other_numbers: tuple[NumberForm, ...] = ()
    issuer: bytes = b""
    city_code: bytes = b""
    city: str = ""
    start: date | None = None
    expiry: date | None = None
    purses: tuple[PurseReading, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    trips: tuple[Trip, ...] = ()
    files: tuple[FileReading, ...] = ()

    @property
    def balance(self) -> int | None:
        """The balance to show, fen: of the purse, otherwise of the deposit."""
        return self.purses[0].balance if self.purses else None


@dataclass(frozen=True, slots=True)
class CardReading:
    """A card as a reader finds it.

    ``applications`` are those that were recognised, the one that a reader shows first.  ``names`` are all names of
    applications that the card's directories tell.  Of a card without a known application ``files`` is what
    could be read anyway, and ``fcis`` what SELECT answered.  ``commands`` counts what was sent; ``stopped`` says why
    reading ended before its end, if it did.
    """

    atr: bytes
    applications: tuple[ApplicationReading, ...]
    names: tuple[bytes, ...]
    fcis: tuple[bytes, ...]
    files: tuple[FileReading, ...]
    refusals: tuple[RefusedCommand, ...]
    commands: int
    stopped: str = ""

    @property
    def main(self) -> ApplicationReading | None:
        """The application that a reader shows, ``None`` for an unknown card."""
        return self.applications[0] if self.applications else None
