"""What a profile is: the directories, files and keys of a card, its options, its dialect."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, cast

from ..crypto import Dialect, Suite
from ..errors import ParameterError, ProfileError
from ..fields import Value
from ..layout import Layout
from ..options import CosOptions, PurseOptions, SamOptions, check_options

__all__ = [
    "FILE_TYPES",
    "DirectorySpec",
    "FilePlace",
    "FileSpec",
    "FileType",
    "KeySpec",
    "KeyType",
    "Profile",
]


@enum.unique
class FileType(enum.IntEnum):
    """File types by the low 6 bits of their type byte in CREATE FILE (FMCOS 7.13)."""

    DIRECTORY = 0x38
    TRANSPARENT = 0x28
    LINEAR = 0x2A
    VARIABLE = 0x2C
    CYCLIC = 0x2E
    PURSE = 0x2F
    KEY = 0x3F


@enum.unique
class KeyType(enum.IntEnum):
    """Key types by the low 6 bits of their type byte in WRITE KEY (FMCOS 7.12; JR/T 0025.2 5.3)."""

    ENCRYPTION = 0x30
    DECRYPTION = 0x31
    MAC = 0x32
    TAC = 0x34
    MAINTENANCE = 0x36
    PIN_UNBLOCK = 0x37
    PIN_RELOAD = 0x38
    AUTHENTICATION = 0x39
    PIN = 0x3A
    OVERDRAFT = 0x3C
    UNLOAD = 0x3D
    PURCHASE = 0x3E
    LOAD = 0x3F


#: Elementary file types by the name that a profile gives them.
FILE_TYPES: Mapping[str, FileType] = MappingProxyType(
    {type_.name.lower(): type_ for type_ in FileType if type_ is not FileType.DIRECTORY}
)
_MF = 0x3F00


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key of a directory.

    ``type`` and ``id`` name it on the card (a PSAM key has a type below 20, the kind in its usage byte
    ``levels << 5 | kind``, and its version as id; ``levels`` -1 is one per factor of the profile); ``use``
    and ``change`` are access rights; ``first`` and ``second`` are the two attribute bytes (key version and
    algorithm identifier, or follow-up state and tries).  The value is ``source``, the purpose of a master
    key to diversify (or, for a PSAM, to store as it is), or the literal ``value`` in hex (PIN, factory
    keys).
    """

    type: int
    id: int
    use: int = 0xF0
    change: int = 0xEF
    first: int = 0
    second: int = 0
    source: str | None = None
    value: str | None = None
    levels: int = -1


@lru_cache(maxsize=256)
def _layout(fid: int, content: tuple[str, ...]) -> Layout:
    """Made once: a terminal asks for it with every card."""
    return Layout.parse(f"file {fid:04X}", content)


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One elementary file.  ``type`` is a name of :data:`FILE_TYPES`.

    ``size`` is in bytes (transparent, variable, key), ``records`` and ``record_length`` describe linear and
    cyclic files, ``log`` is the SFI of a purse's log, ``ceiling`` its largest balance (-1: as the purse
    options say) and ``limit`` its overdraft limit at the start, in fen.  ``mac`` demands a MAC
    for writing.

    ``content`` lists layout elements: of a transparent file what personalisation writes, of a file of records
    what one record holds.  ``initial`` is hex that personalisation writes: a file, or its records in order,
    each filled with 00 (a variable one to the length that it names).
    """

    fid: int
    type: str
    size: int = 0
    records: int = 0
    record_length: int = 0
    read: int = 0xF0
    write: int = 0xF0
    protection: int = 0xFF
    mac: bool = False
    log: int = 0
    ceiling: int = -1
    limit: int = 0
    content: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout | None:
        """The content, of the file or of a record, as a layout; or ``None``."""
        return _layout(self.fid, self.content) if self.content else None

    @property
    def sfi(self) -> int:
        """Short file identifier: the low five bits of the file identifier."""
        return self.fid & 0x1F

    @property
    def has_records(self) -> bool:
        """Whether it is a file of records that are written from outside."""
        return self.type in ("linear", "variable", "cyclic")

    @property
    def filled(self) -> tuple[bytes, ...]:
        """The parts of ``initial`` in their full length."""
        return tuple(self._fill(bytes.fromhex(part)) for part in self.initial)

    def _fill(self, part: bytes) -> bytes:
        length = 2 + part[1] if self.type == "variable" and len(part) > 1 else self.record_length
        return part.ljust(length, b"\x00")


@dataclass(frozen=True, slots=True)
class DirectorySpec:
    """The MF (``fid`` 3F00) or an application: rights, name (hex) and application file identifier, files
    and keys.

    ``parent`` is the identifier of the directory it lies in.  ``fci`` are the data objects of SELECT inside
    tag A5, ``TAG=hex`` or a ``TAG`` that the card fills (88, 9F08, 9F0C, BF0C); empty, the application file
    identifier decides (FMCOS 7.4).
    """

    fid: int
    name: str
    create: int = 0xF0
    erase: int = 0xF0
    application: int = 0x95
    parent: int = _MF
    fci: tuple[str, ...] = ()
    files: tuple[FileSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()

    @property
    def aid(self) -> bytes:
        """The DF name as bytes."""
        return bytes.fromhex(self.name)

    @property
    def is_mf(self) -> bool:
        """Whether it is the master file."""
        return self.fid == _MF

    def find(self, fid: int) -> FileSpec | None:
        """The file with this identifier."""
        return next((spec for spec in self.files if spec.fid == fid), None)


class FilePlace(NamedTuple):
    """An elementary file by the identifiers of its directory and its own.

    >>> FilePlace.parse("3F00/0004").file
    4
    """

    directory: int
    file: int

    @classmethod
    def parse(cls, text: str) -> FilePlace:
        """A place written ``DDDD/FFFF``; :class:`~cardos.errors.ParameterError` for anything else."""
        try:
            directory, file = (int.from_bytes(bytes.fromhex(part)) for part in text.split("/"))
        except ValueError:
            raise ParameterError("place of a file", "written DDDD/FFFF in hex", repr(text)) from None
        return cls(directory, file)


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of card or SAM.  ``kind`` is ``card``, ``psam``, ``isam`` or ``keycard``; ``factors`` are the
    fields that diversify its keys, top first.

    ``home`` is the identifier of the application that holds the purse (or the PSAM's keys), ``public`` are the
    files that say which card it is, ``derived`` the fields that follow from others, each a layout; ``psam`` is the
    profile of the PSAMs that serve the card.
    """

    name: str
    title: str
    kind: str
    dialect: Dialect
    factors: tuple[str, ...]
    cos: CosOptions
    purse: PurseOptions
    sam: SamOptions
    directories: tuple[DirectorySpec, ...]
    where: str = field(compare=False, default="")
    home: int = -1
    public: tuple[FilePlace, ...] = ()
    derived: Mapping[str, Layout] = field(default_factory=dict)
    psam: str = ""

    @property
    def suite(self) -> Suite:
        """The cipher suite of the dialect."""
        return self.dialect.suite

    @property
    def application(self) -> DirectorySpec:
        """The directory that holds the purse (or the PSAM's keys): the one that the profile names, or the last."""
        return next((spec for spec in self.directories if spec.fid == self.home), self.directories[-1])

    def with_options(self, **changes: object) -> Profile:
        """The profile with some options changed, each found in its table by its name.

        Raises :class:`~cardos.errors.ProfileError` for a name or a value that no table has.

        >>> from cardos.profile import load_profile
        >>> load_profile("city-3des").with_options(pin_missing=0x6985).purse.pin_missing == 0x6985
        True
        """
        tables = {}
        for name in ("cos", "purse", "sam"):
            old = getattr(self, name)
            mine = {key: changes.pop(key) for key in list(changes) if hasattr(old, key)}
            tables[name] = replace(old, **mine)
            check_options(tables[name], f"{self.where} [{name}]")
        if changes:
            raise ProfileError(f"unknown option {next(iter(changes))}", where=self.where)
        return replace(self, **tables)

    # -- directories and files

    def directory(self, fid: int, name: bytes) -> DirectorySpec | None:
        """The directory with this identifier and name."""
        return next((spec for spec in self.directories if (spec.fid, spec.aid) == (fid, name)), None)

    def directory_of(self, fid: int) -> DirectorySpec:
        """The directory with this identifier, which is unique; :class:`~cardos.errors.ProfileError` when there is
        none.
        """
        for spec in self.directories:
            if spec.fid == fid:
                return spec
        raise ProfileError(f"directory {fid:04X} must exist", where=self.where)

    def path(self, directory: DirectorySpec) -> tuple[DirectorySpec, ...]:
        """The directories below the MF that lead to ``directory``, itself the last; none for the MF."""
        if directory.is_mf:
            return ()
        return (*self.path(self.directory_of(directory.parent)), directory)

    def file(self, fid: int, directory: int | None = None) -> FileSpec:
        """The file with this identifier in a directory, by default in the application or else in the MF;
        :class:`~cardos.errors.ProfileError` when there is none.
        """
        places = self._usual_places() if directory is None else iter((self.directory_of(directory),))
        for place in places:
            spec = place.find(fid)
            if spec is not None:
                return spec
        raise ProfileError(f"file {fid:04X} must exist", where=self.where)

    def _usual_places(self) -> Iterator[DirectorySpec]:
        yield self.application
        yield self.directories[0]

    # -- fields

    def complete(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """``values`` and every field that is derived from them.

        >>> from cardos.profile import load_profile
        >>> card = load_profile("city-3des").complete({"application_serial": bytes(2) + bytes(range(8))})
        >>> card["card_serial"].hex()
        '0001020304050607'
        """
        known = dict(values)
        open_ = {name: layout for name, layout in self.derived.items() if name not in known}
        while ready := [name for name, layout in open_.items() if layout.names <= known.keys()]:
            for name in ready:
                known[name] = open_.pop(name).assemble(known)
        return known

    def factor_values(self, values: Mapping[str, Value]) -> tuple[bytes, ...]:
        """The diversification factors of a card with these fields, top first.

        Raises :class:`~cardos.errors.ParameterError` when one can be neither found nor derived.
        """
        known = values if values.keys() >= set(self.factors) else self.complete(values)
        missing = [name for name in self.factors if name not in known]
        if missing:
            raise ParameterError("factors", f"given: {', '.join(self.factors)}", f"no {missing[0]}")
        return tuple(cast(bytes, known[name]) for name in self.factors)
