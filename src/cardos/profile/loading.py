"""Loading: a profile, dialect or record layout out of its TOML tables, every field checked by name and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from ..crypto import SUITES, Dialect, Transaction
from ..errors import CardosError, ProfileError
from ..fields import FIELDS
from ..layout import Layout
from ..options import CosOptions, PurseOptions, SamOptions, check_options
from .checks import check_profile, label
from .model import DirectorySpec, FilePlace, FileSpec, KeySpec, Profile
from .tables import Table, dialect_table, layout_table, names, profile_table

__all__ = ["layout_names", "load_dialect", "load_layout", "load_profile", "profile_names"]

_T = TypeVar("_T")
_Options = TypeVar("_Options", CosOptions, PurseOptions, SamOptions)

_SUITE_MARK = "@"
_LAYOUT_MARK = "@"
_PUBLIC_FILE = 0x0015


def profile_names() -> list[str]:
    """Names of the shipped card and SAM profiles.

    >>> "city-3des" in profile_names()
    True
    """
    return names()


# ------------------------------------------------------------------ record layouts


def layout_names() -> list[str]:
    """Names of the declared layouts of files and records.

    >>> "tunion_trip" in layout_names()
    True
    """
    return sorted(layout_table())


@lru_cache(maxsize=64)
def _elements(name: str) -> tuple[str, ...] | None:
    row = layout_table().get(name)
    return None if row is None else tuple(row["elements"])


@lru_cache(maxsize=64)
def load_layout(name: str) -> Layout:
    """A declared layout of a file or record by name, as ``@name`` in the ``content`` of a file means it.

    >>> load_layout("tunion_trip").width
    48

    Raises :class:`~cardos.errors.ProfileError` when there is none.
    """
    elements = _elements(name)
    if elements is None:
        raise ProfileError(f"no such layout; known are {', '.join(layout_names())}", where=name)
    return Layout.parse(name, elements)


def _expanded(content: object, where: str) -> object:
    """``content`` with the elements of a layout in the place of its ``@name``."""
    if not isinstance(content, list):
        return content
    found: list[object] = []
    for element in content:
        if isinstance(element, str) and element.startswith(_LAYOUT_MARK):
            inner = _elements(element[1:])
            if inner is None:
                raise ProfileError(
                    f"content must name a layout of {', '.join(layout_names())}, got {element!r}", where=where
                )
            found += inner
        else:
            found.append(element)
    return found


# ------------------------------------------------------------------ dialects

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
    tables, where = dialect_table(name)
    transactions = {
        key: _transaction(key, row, f"{where} [transaction.{key}]")
        for key, row in tables["transaction"].items()
    }
    return Dialect(name, SUITES[suite], MappingProxyType(transactions))


# ------------------------------------------------------------------ tables


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
        wanted = str(known[key].type).split(" |")[0]
        value = _listed(given, wanted)
        if type(value).__name__ != wanted.split("[")[0] or not _is_of(value, wanted):
            raise ProfileError(f"{key} must be {wanted}, got {value!r}", where=where)
        values[key] = value
    return kind(**values)


def _listed(given: object, wanted: str) -> object:
    """A TOML array as a tuple; a single text where texts are wanted is an array of one."""
    if isinstance(given, list):
        return tuple(given)
    return (given,) if wanted == "tuple[str, ...]" and isinstance(given, str) else given


def _is_of(value: object, wanted: str) -> bool:
    """Whether an array has elements of the wanted type."""
    kinds = {"tuple[str, ...]": str, "tuple[int, ...]": int}
    return not isinstance(value, tuple) or all(isinstance(each, kinds.get(wanted, object)) for each in value)


def _options(kind: type[_Options], table: Table, dialect: Table, name: str, where: str) -> _Options:
    options = _record(kind, {**dialect.get(name, {}), **table.get(name, {})}, f"{where} [{name}]")
    check_options(options, f"{where} [{name}]")
    return options


def _file(row: Table, where: str) -> FileSpec:
    shown = {**row, "content": _expanded(row["content"], where)} if "content" in row else row
    return _record(FileSpec, shown, where)


def _directory(row: Table, where: str) -> DirectorySpec:
    files = tuple(_file(r, f"{where} {label('file', r.get('fid'))}") for r in row.get("file", ()))
    keys = tuple(
        _record(KeySpec, r, f"{where} {label('key', r.get('type'), r.get('id'))}") for r in row.get("key", ())
    )
    plain = {key: value for key, value in row.items() if key not in ("file", "key")}
    return _record(DirectorySpec, {**plain, "files": list(files), "keys": list(keys)}, where)


def _derived(table: Mapping[str, Sequence[str]], where: str) -> Mapping[str, Layout]:
    """The derived fields: what follows from nothing else is that a card's serial are the last 8 of 10 bytes."""
    found = {}
    for name, elements in {"card_serial": ["application_serial[2:10]"], **table}.items():
        try:
            layout = Layout.parse(name, elements)
        except CardosError as error:
            raise ProfileError(f"{name}: {error}", where=where) from None
        if name not in FIELDS or FIELDS[name].width != layout.width:
            raise ProfileError(
                f"{name} must be a field with the width of its layout, got {layout.width} bytes", where=where
            )
        found[name] = layout
    return MappingProxyType(found)


_HEAD: Mapping[str, type] = MappingProxyType(
    {
        "name": str, "title": str, "kind": str, "dialect": str, "suite": str, "factors": list, "extends": str,
        "application": int, "public": list, "psam": str,
    }
)  # fmt: skip
_REQUIRED = ("name", "title", "kind", "dialect", "suite", "factors")


def _need_head(head: Table, where: str) -> None:
    for key in _REQUIRED:
        if key not in head:
            raise ProfileError(f"{key} must be given", where=where)
    for key, value in head.items():
        if key not in _HEAD:
            raise ProfileError(f"unknown field {key}; known are {', '.join(_HEAD)}", where=where)
        if type(value) is not _HEAD[key]:
            raise ProfileError(f"{key} must be {_HEAD[key].__name__}, got {value!r}", where=where)
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise ProfileError(f"{key} must be a list of str, got {value!r}", where=where)


def _public(head: Table, home: int, where: str) -> tuple[FilePlace, ...]:
    try:
        places = tuple(FilePlace.parse(text) for text in head.get("public", ()))
    except CardosError as error:
        raise ProfileError(f"public: {error}", where=where) from None
    return places or (FilePlace(home, _PUBLIC_FILE),)


def _split_name(name: str) -> tuple[str, str | None]:
    """File and suite of ``file@suite``."""
    if _SUITE_MARK not in name or Path(name).suffix == ".toml":
        return name, None
    file, _, suite = name.rpartition(_SUITE_MARK)
    return file, suite


@lru_cache(maxsize=128)
def load_profile(name: str) -> Profile:
    """A card or SAM profile by name, or by the path of a ``.toml`` file; with ``@`` and the name of a cipher suite
    behind it, in that suite.

    >>> load_profile("city-3des").suite.name
    '3des'
    >>> load_profile("city-3des@sm4-b").suite.name
    'sm4-b'

    Raises :class:`~cardos.errors.ProfileError` naming file, table and field.
    """
    file, suite = _split_name(name)
    table, where = profile_table(file)
    head, place = table["profile"], f"{where} [profile]"
    _need_head(head, place)
    rows = table["directory"]
    directories = tuple(_directory(row, f"{where} {label('directory', row.get('fid'))}") for row in rows)
    home = head.get("application", directories[-1].fid if directories else -1)
    dialect = dialect_table(head["dialect"])[0]
    profile = Profile(
        head["name"] if suite is None else f"{head['name']}{_SUITE_MARK}{suite}",
        head["title"],
        head["kind"],
        load_dialect(head["dialect"], suite or head["suite"]),
        tuple(head["factors"]),
        _options(CosOptions, table, dialect, "cos", where),
        _options(PurseOptions, table, dialect, "purse", where),
        _options(SamOptions, table, dialect, "sam", where),
        directories,
        where,
        home,
        _public(head, home, place),
        _derived(table["derived"], f"{where} [derived]"),
        head.get("psam", ""),
    )
    check_profile(profile)
    return profile
