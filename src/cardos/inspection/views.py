"""The description of a card: frozen dataclasses, one for each thing that lies on it.

Identifiers and type bytes are integers, contents are bytes, amounts fen.  No description holds a key or a PIN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..fields import FieldValue
from ..files.header import BlockState, FileType

__all__ = [
    "CardView",
    "Content",
    "DirectoryView",
    "FieldValue",
    "FileView",
    "KeyList",
    "KeyView",
    "PurseVariables",
    "RecordView",
    "Records",
    "Right",
    "Transparent",
    "Tries",
]


@dataclass(frozen=True, slots=True)
class Right:
    """An access right: the byte, and what it means on this card.

    >>> str(Right(0xFA, "state A..F"))
    'FA state A..F'
    """

    byte: int
    meaning: str

    def __str__(self) -> str:
        return f"{self.byte:02X} {self.meaning}"


@dataclass(frozen=True, slots=True)
class Tries:
    """A try counter: tries ``left`` of ``most``."""

    left: int
    most: int

    def __str__(self) -> str:
        return f"{self.left}/{self.most}" + ("" if self.left else ", locked")


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key or PIN without its value.

    ``type`` and ``id`` are what commands call it by, ``type_byte`` is as stored (its high bits protect the key),
    ``purpose`` what it is for, ``length`` the bytes of the value, ``protected`` whether a change needs a
    protected command.  ``follow_up`` (the state after success) and
    ``tries`` are those of keys that authenticate and of PINs (``tries`` is ``None`` when they are not counted),
    ``version`` and ``algorithm`` those of all others.  ``mark`` is equal for equal values within this process
    and says nothing else.
    """

    type: int
    id: int
    type_byte: int
    purpose: str
    use: Right
    change: Right
    length: int
    protected: bool
    follow_up: int | None = None
    tries: Tries | None = None
    version: int | None = None
    algorithm: int | None = None
    mark: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """Type and identifier: ``39/00``."""
        return f"{self.type:02X}/{self.id:02X}"


# ------------------------------------------------------------------ contents of files


@dataclass(frozen=True, slots=True)
class Transparent:
    """A transparent file: whether it was ever written, its bytes, and the elements in them that the profile names.

    Of a file that nobody may read (a SAM keeps session keys in one) the bytes are empty and ``mark`` tells whether two
    are equal.
    """

    written: bool
    data: bytes
    fields: tuple[FieldValue, ...] = ()
    mark: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record: its number (of a cyclic file 1 is the newest), its bytes, and its elements where they are known;
    bytes and ``mark`` of one that nobody may read are as in :class:`Transparent`.
    """

    number: int
    data: bytes
    fields: tuple[FieldValue, ...] = ()
    mark: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Records:
    """A record file: most records and the length of each (0: they vary), and those written so far."""

    limit: int
    record_length: int
    records: tuple[RecordView, ...]


@dataclass(frozen=True, slots=True)
class PurseVariables:
    """A purse: ``name`` (``ed``, ``ep``), its variables (the state of the grey lock among them), the short identifier
    of its log (0: none), the elements of the proof of its last grey lock (empty when it was never locked), and the
    wrong GMACs in a row.  The session key of a lock is not shown.
    """

    name: str
    fields: tuple[FieldValue, ...]
    log: int
    lock_proof: tuple[FieldValue, ...] = ()
    wrong_gmacs: int = 0


@dataclass(frozen=True, slots=True)
class KeyList:
    """A key file: the bytes in use, and the keys in the order of their writing."""

    used: int
    keys: tuple[KeyView, ...]


Content = Transparent | Records | PurseVariables | KeyList


# ------------------------------------------------------------------ the tree


@dataclass(frozen=True, slots=True)
class FileView:
    """An elementary file.  ``type`` is its file type, ``size`` the bytes of its body.

    ``read`` of a purse is the right to use it, ``write`` of a key file that to add a key; ``None`` where the type
    has no such right.  ``protection`` says in words whether writing and reading need a MAC or encipherment, and
    under which key.
    """

    fid: int
    type: FileType
    size: int
    read: Right | None
    write: Right | None
    protection: str
    content: Content


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """The MF or an application.  ``application`` is the application file identifier, ``size`` as it was declared.

    ``proof`` are the elements of the last transaction's proof, empty when there is none.
    """

    fid: int
    name: bytes
    application: int
    size: int
    create: Right
    erase: Right
    block: BlockState
    proof: tuple[FieldValue, ...]
    files: tuple[FileView, ...]
    directories: tuple[DirectoryView, ...]


@dataclass(frozen=True, slots=True)
class CardView:
    """A card: ``kind``, ``protocol`` and ``profile``, the bytes it offers to files and those left, whether it is
    blocked for ever, and its MF (``None`` on a blank card).
    """

    profile: str
    kind: str
    protocol: str
    capacity: int
    free: int
    blocked: bool
    root: DirectoryView | None

    def walk(self) -> Iterator[tuple[str, DirectoryView | FileView]]:
        """Every directory and file with its path (``3F00/3F01/0018``), a directory before what is in it."""
        if self.root is not None:
            yield from _walk("", self.root)


def _walk(above: str, directory: DirectoryView) -> Iterator[tuple[str, DirectoryView | FileView]]:
    path = f"{above}{directory.fid:04X}"
    yield path, directory
    for file in directory.files:
        yield f"{path}/{file.fid:04X}", file
    for inner in directory.directories:
        yield from _walk(f"{path}/", inner)
