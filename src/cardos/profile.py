"""Profiles: card kinds, SAM kinds and dialects as TOML data, loaded and checked once.

The shipped ones lie in ``cardos/profiles``; a path to a file of your own works everywhere a name does.  A
profile says what a card contains (directories, files, keys), how its operating system behaves where
products differ, and which dialect and cipher suite its transactions use.  A contradiction is refused here,
when the profile is loaded, with file, table and field.
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from .crypto import SUITES, Dialect, Layout, Suite, Transaction
from .errors import CardosError, ProfileError
from .fields import FIELDS
from .options import CosOptions, PurseOptions, SamOptions, check_options

__all__ = [
    "DirectorySpec",
    "FileSpec",
    "FileType",
    "KeySpec",
    "KeyType",
    "Profile",
    "load_dialect",
    "load_profile",
    "profile_names",
]

# A TOML table: its values are whatever the file holds until they are checked below.
Table = Mapping[str, Any]
_T = TypeVar("_T")
_Options = TypeVar("_Options", CosOptions, PurseOptions, SamOptions)


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
_RECORD_LIMIT = 248
_KINDS = ("card", "psam")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key of a directory.

    ``type`` and ``id`` name it on the card (a PSAM key has a type below 20, the kind in its usage byte
    ``levels << 5 | kind`` with one level per factor of the profile, and its version as id); ``use`` and
    ``change`` are access rights; ``first`` and ``second`` are the two attribute bytes (key version and
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


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One elementary file.  ``type`` is a name of :data:`FILE_TYPES`.

    ``size`` is in bytes (transparent, variable, key), ``records`` and ``record_length`` describe linear and
    cyclic files, ``log`` is the SFI of a purse's log, ``ceiling`` its largest balance (-1: as the purse
    options say) and ``limit`` its overdraft limit at the start, in fen.  ``mac`` demands a MAC
    for writing.  ``content`` lists layout elements that personalisation writes, ``initial`` is hex that it
    writes.
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
    initial: str | None = None

    @property
    def layout(self) -> Layout | None:
        """The content as a layout, or ``None``."""
        return Layout.parse(f"file {self.fid:04X}", self.content) if self.content else None

    @property
    def sfi(self) -> int:
        """Short file identifier: the low five bits of the file identifier."""
        return self.fid & 0x1F


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
    parent: int = 0x3F00
    fci: tuple[str, ...] = ()
    files: tuple[FileSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()

    @property
    def aid(self) -> bytes:
        """The DF name as bytes."""
        return bytes.fromhex(self.name)


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of card or SAM.  ``kind`` is ``card`` or ``psam``; ``factors`` are the fields that diversify
    its keys, top first.
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

    @property
    def suite(self) -> Suite:
        """The cipher suite of the dialect."""
        return self.dialect.suite

    @property
    def application(self) -> DirectorySpec:
        """The directory that holds the purse (or the PSAM's keys): the last one declared."""
        return self.directories[-1]

    def with_options(self, **changes: object) -> Profile:
        """The profile with some options changed, each found in its table by its name.

        Raises :class:`~cardos.errors.ProfileError` for a name or a value that no table has.

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

    def file(self, fid: int) -> FileSpec:
        """The file with this identifier; :class:`~cardos.errors.ProfileError` when the profile has none."""
        for directory in reversed(self.directories):
            for spec in directory.files:
                if spec.fid == fid:
                    return spec
        raise ProfileError(f"file {fid:04X} must exist", where=self.where)


def profile_names() -> list[str]:
    """Names of the shipped card and SAM profiles.

    >>> "city-3des" in profile_names()
    True
    """
    folder = resources.files("cardos") / "profiles"
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def _read(name: str, folder: str, known: Iterable[str]) -> tuple[Table, str]:
    path = Path(name)
    entry = (
        path if path.suffix == ".toml" else resources.files("cardos") / "profiles" / folder / f"{name}.toml"
    )
    where = str(path) if path.suffix == ".toml" else f"{name}.toml"
    try:
        return tomllib.loads(entry.read_text(encoding="utf-8")), where
    except OSError:
        raise ProfileError(
            f"no such profile; known are {', '.join(known)}, or give a .toml file", where=name
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"not valid TOML: {error}", where=where) from None


def _dialect_tables(name: str) -> tuple[dict[str, dict[str, Any]], str]:
    folder = resources.files("cardos") / "profiles" / "dialects"
    known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())
    table, where = _read(name, "dialects", known)
    parent = table.get("extends")
    rows: dict[str, dict[str, Any]] = _dialect_tables(parent)[0] if parent else {}
    for key, row in table.get("transaction", {}).items():
        rows[key] = rows.get(key, {}) | row
    return rows, where


_TRANSACTION_KEYS = ("clause", "types", "key", "serial", "session")


def _transaction(name: str, row: Table, where: str) -> Transaction:
    missing = [key for key in _TRANSACTION_KEYS if key not in row]
    if missing:
        raise ProfileError(f"{missing[0]} must be given", where=where)
    try:
        session = tuple(Layout.parse(f"{name}.session", block) for block in row["session"])
        items = {key: Layout.parse(f"{name}.{key}", row[key]) for key in row if key not in _TRANSACTION_KEYS}
    except CardosError as error:
        raise ProfileError(str(error), where=where) from None
    return Transaction(
        name, tuple(row["types"]), row["key"], row["serial"], session, MappingProxyType(items), row["clause"]
    )


@lru_cache(maxsize=64)
def load_dialect(name: str, suite: str = "3des") -> Dialect:
    """A dialect by name (or path of a TOML file) in a cipher suite of :data:`cardos.crypto.SUITES`.

    >>> load_dialect("cjt166").transaction("purchase").item("mac1").width
    27

    Raises :class:`~cardos.errors.ProfileError` when it does not exist or is malformed.
    """
    if suite not in SUITES:
        raise ProfileError(f"suite must be one of {', '.join(SUITES)}, got {suite!r}", where=name)
    rows, where = _dialect_tables(name)
    transactions = {key: _transaction(key, row, f"{where} [transaction.{key}]") for key, row in rows.items()}
    return Dialect(name, SUITES[suite], MappingProxyType(transactions))


def _record(kind: type[_T], row: Table, where: str) -> _T:
    """A dataclass from a TOML table, with unknown, missing and mistyped fields refused by name."""
    known = {f.name: f for f in fields(cast(Any, kind))}  # a dataclass type; typing has no name for it
    for key in row:
        if key not in known:
            raise ProfileError(f"unknown field {key}; known are {', '.join(known)}", where=where)
    for name, f in known.items():
        if name not in row and f.default is MISSING and f.default_factory is MISSING:
            raise ProfileError(f"{name} must be given", where=where)
    values = {}
    for key, given in row.items():
        wanted = str(known[key].type).split(" |")[0].split("[")[0]
        value = tuple(given) if isinstance(given, list) else given
        if type(value).__name__ != wanted:
            raise ProfileError(f"{key} must be {wanted}, got {value!r}", where=where)
        values[key] = value
    return kind(**values)


def _options(kind: type[_Options], table: Table, name: str, where: str) -> _Options:
    options = _record(kind, table.get(name, {}), f"{where} [{name}]")
    check_options(options, f"{where} [{name}]")
    return options


def _file(row: Table, where: str) -> FileSpec:
    spec = _record(FileSpec, row, where)
    problem = None
    if spec.type not in FILE_TYPES:
        problem = f"type must be one of {', '.join(FILE_TYPES)}, got {spec.type!r}"
    elif not 0 <= spec.fid <= 0xFFFF:
        problem = f"fid must be 0000..FFFF, got {spec.fid:X}"
    elif spec.type in ("linear", "cyclic"):
        if not 2 <= spec.records <= 255:
            problem = f"records must be 2..255, got {spec.records}"
        elif not 1 <= spec.record_length <= _RECORD_LIMIT:
            problem = f"record_length must be 1..{_RECORD_LIMIT}, got {spec.record_length}"
    elif spec.type != "purse" and not 1 <= spec.size <= 0x7FFF:
        problem = f"size must be 1..32767, got {spec.size}"
    if problem is None:
        problem = _content_problem(spec)
    if problem:
        raise ProfileError(problem, where=where)
    return spec


def _content_problem(spec: FileSpec) -> str | None:
    try:
        layout = spec.layout
    except CardosError as error:
        return f"content: {error}"
    limit = spec.record_length or spec.size
    if layout is not None and layout.width > limit:
        return f"content must be at most {limit} bytes, got {layout.width}"
    try:
        initial = bytes.fromhex(spec.initial or "")
    except ValueError:
        return f"initial must be whole bytes in hex, got {spec.initial!r}"
    return f"initial must be at most {limit} bytes, got {len(initial)}" if len(initial) > limit else None


def _key(row: Table, where: str) -> KeySpec:
    spec = _record(KeySpec, row, where)
    if (spec.source is None) == (spec.value is None):
        raise ProfileError("exactly one of source and value must be given", where=where)
    try:
        bytes.fromhex(spec.value or "")
    except ValueError:
        raise ProfileError("value must be whole bytes in hex", where=where) from None
    return spec


def _unique(items: Sequence[object], what: str, where: str) -> None:
    for position, item in enumerate(items):
        if item in items[:position]:
            raise ProfileError(f"{what} must be unique in its directory, got {item} twice", where=where)


def _directory(row: Table, where: str) -> DirectorySpec:
    files = tuple(_file(r, f"{where} [file {i}]") for i, r in enumerate(row.get("file", ()), 1))
    keys = tuple(_key(r, f"{where} [key {i}]") for i, r in enumerate(row.get("key", ()), 1))
    plain = {key: value for key, value in row.items() if key not in ("file", "key")}
    spec = _record(DirectorySpec, {**plain, "files": files, "keys": keys}, where)
    _unique([f"{f.fid:04X}" for f in files], "fid", where)
    _unique([f"SFI {f.sfi}" for f in files if 1 <= f.fid <= 0x1F or f.fid > 0xFF], "SFI", where)
    _unique([f"key {k.type:02X}/{k.id:02X}" for k in keys], "type and id of a key", where)
    try:
        size = len(spec.aid)
    except ValueError:
        raise ProfileError(f"name must be whole bytes in hex, got {spec.name!r}", where=where) from None
    if not 1 <= size <= 16:
        raise ProfileError(f"name must be 1..16 bytes, got {size}", where=where)
    return spec


def _profile_table(name: str) -> tuple[Table, str]:
    """The tables of a profile file; ``extends`` brings those of another, which it then changes ([profile],
    [cos], [purse], [sam]) or replaces.
    """
    table, where = _read(name, "", profile_names())
    head = table.get("profile", {})
    if "extends" not in head:
        return table, where
    parent, _ = _profile_table(head["extends"])
    merged = {
        key: {**parent.get(key, {}), **table.get(key, {})} for key in ("profile", "cos", "purse", "sam")
    }
    return {**parent, **table, **merged}, where


@lru_cache(maxsize=64)
def load_profile(name: str) -> Profile:
    """A card or SAM profile by name, or by the path of a ``.toml`` file.

    >>> load_profile("city-3des").suite.name
    '3des'

    Raises :class:`~cardos.errors.ProfileError` naming file, table and field.
    """
    table, where = _profile_table(name)
    head = table.get("profile", {})
    for key in ("name", "title", "kind", "dialect", "suite", "factors"):
        if key not in head:
            raise ProfileError(f"{key} must be given", where=f"{where} [profile]")
    if head["kind"] not in _KINDS:
        raise ProfileError(
            f"kind must be {' or '.join(_KINDS)}, got {head['kind']!r}", where=f"{where} [profile]"
        )
    for factor in head["factors"]:
        if factor not in FIELDS or FIELDS[factor].width != 8:
            raise ProfileError(
                f"factors must be fields of 8 bytes, got {factor!r}", where=f"{where} [profile]"
            )
    rows = table.get("directory", [])
    if not rows or rows[0].get("fid") != 0x3F00:
        raise ProfileError("the first directory must be the MF (fid 0x3F00)", where=f"{where} [directory]")
    directories = tuple(_directory(row, f"{where} [directory {row.get('fid', 0):04X}]") for row in rows)
    _unique([f"{d.fid:04X}" for d in directories], "fid", f"{where} [directory]")
    return Profile(
        head["name"],
        head["title"],
        head["kind"],
        load_dialect(head["dialect"], head["suite"]),
        tuple(head["factors"]),
        _options(CosOptions, table, "cos", where),
        _options(PurseOptions, table, "purse", where),
        _options(SamOptions, table, "sam", where),
        directories,
        where,
    )
