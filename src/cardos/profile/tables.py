"""The TOML files of profiles, dialects and record layouts, with what they take over from others (``extends``)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import ProfileError

__all__ = ["OPTION_TABLES", "Table", "dialect_table", "layout_table", "names", "profile_table"]

# A TOML table: its values are whatever the file holds until they are checked.
Table = Mapping[str, Any]
Row = dict[str, Any]

#: Tables of options, which a dialect may have as well as a profile.
OPTION_TABLES = ("cos", "purse", "sam")
_DIALECTS, _LAYOUTS = "dialects", "layouts.toml"
_TEXTS = frozenset({"name", "extends"})
_ARRAYS, _INNER_ARRAYS = frozenset({"directory", "change", "add"}), frozenset({"file", "key"})
_DEEPEST = 8  # files that extend one another


def names(folder: str = "") -> list[str]:
    """Names of the shipped files in a folder of ``cardos/profiles``."""
    place = resources.files("cardos") / "profiles" / folder
    found = (entry.name for entry in place.iterdir() if entry.name.endswith(".toml"))
    return sorted(name.removesuffix(".toml") for name in found if name != _LAYOUTS)


def _read(name: str, folder: str, known: Iterable[str]) -> tuple[Table, str]:
    own = Path(name).suffix == ".toml"
    entry = Path(name) if own else resources.files("cardos") / "profiles" / folder / f"{name}.toml"
    where = name if own else f"{name}.toml"
    try:
        return tomllib.loads(entry.read_text(encoding="utf-8")), where
    except OSError:
        raise ProfileError(
            f"no such profile; known are {', '.join(known)}, or give a .toml file", where=name
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"not valid TOML: {error}", where=where) from None


def layout_table() -> Table:
    """The record layouts by name."""
    text = (resources.files("cardos") / "profiles" / _LAYOUTS).read_text(encoding="utf-8")
    return tomllib.loads(text)


# ------------------------------------------------------------------ dialects


def dialect_table(name: str) -> tuple[dict[str, Row], str]:
    """The tables of a dialect and of those that it extends, row by row; and the file that has them."""
    return _dialect(name, _DEEPEST)


def _dialect(name: str, depth: int) -> tuple[dict[str, Row], str]:
    table, where = _read(name, _DIALECTS, names(_DIALECTS))
    _need_known(table, {"name", "extends", "transaction", *OPTION_TABLES}, where)
    rows: dict[str, Row] = {key: {} for key in ("transaction", *OPTION_TABLES)}
    if "extends" in table:
        rows = _dialect(table["extends"], _one_less(depth, where))[0]
    for key in OPTION_TABLES:
        rows[key] |= table.get(key, {})
    for key, row in table.get("transaction", {}).items():
        rows["transaction"][key] = rows["transaction"].get(key, {}) | row
    return rows, where


def _need_known(table: Table, known: set[str], where: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise ProfileError(f"unknown table {unknown[0]}; known are {', '.join(sorted(known))}", where=where)
    for name, value in table.items():
        if name in _ARRAYS:
            _need_rows(value, name, where)
        elif name not in _TEXTS and not isinstance(value, Mapping):
            raise ProfileError(f"{name} must be a table, got {type(value).__name__}", where=where)


def _need_rows(value: object, name: str, where: str) -> None:
    """An array of tables, and so the arrays of files and keys in each of them."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise ProfileError(f"{name} must be an array of tables, got {type(value).__name__}", where=where)
    for row in value:
        for inner in _INNER_ARRAYS & row.keys():
            _need_rows(row[inner], inner, f"{where} [{name}]")


def _one_less(depth: int, where: str) -> int:
    if depth == 0:
        raise ProfileError("extends must end, got a circle or more than 8 files", where=where)
    return depth - 1


# ------------------------------------------------------------------ profiles

_PROFILE_TABLES = {"profile", "derived", "directory", "change", "add", *OPTION_TABLES}


def profile_table(name: str) -> tuple[Table, str]:
    """The tables of a profile file.

    ``extends`` brings those of another: a row of [profile], [derived] and of the options takes the place of the
    same row there; [[directory]] restates all directories; [[change]] changes the directory of its ``fid``, file by
    ``fid`` and key by ``type`` and ``id``, ``without`` files, ``becomes`` another identifier; [[add]] adds one.
    """
    return _profile(name, _DEEPEST)


def _profile(name: str, depth: int) -> tuple[Table, str]:
    table, where = _read(name, "", names())
    _need_known(table, _PROFILE_TABLES, where)
    head = table.get("profile", {})
    parent: Table = {}
    if "extends" in head:
        parent = _profile(head["extends"], _one_less(depth, where))[0]
    merged: dict[str, Any] = {
        key: {**parent.get(key, {}), **table.get(key, {})} for key in ("profile", "derived", *OPTION_TABLES)
    }
    directories = list(table.get("directory", parent.get("directory", ())))
    for change in table.get("change", ()):
        _change(directories, change, where)
    directories += table.get("add", ())
    return {**merged, "directory": directories}, where


def _change(directories: list[Table], change: Table, where: str) -> None:
    """Put the changed directory in the place of the old one."""
    fid = change.get("fid")
    place = next((at for at, row in enumerate(directories) if row.get("fid") == fid), None)
    if place is None:
        shown = f"{fid:04X}" if isinstance(fid, int) else repr(fid)
        raise ProfileError(
            f"fid must be that of a directory to change, got {shown}", where=f"{where} [change]"
        )
    old = directories[place]
    new = {key: value for key, value in change.items() if key not in ("becomes", "without")}
    without = change.get("without", ())
    files = [row for row in old.get("file", ()) if row.get("fid") not in without]
    new["file"] = _merged(files, change.get("file", ()), lambda row: row.get("fid"))
    new["key"] = _merged(
        old.get("key", ()), change.get("key", ()), lambda row: (row.get("type"), row.get("id"))
    )
    directories[place] = {**old, **new, "fid": change.get("becomes", fid)}


def _merged(old: Iterable[Table], new: Iterable[Table], name: Callable[[Table], object]) -> list[Table]:
    """The rows of ``new`` over those of ``old`` with the same name, and the others behind."""
    rows = {name(row): row for row in old}
    for row in new:
        rows[name(row)] = {**rows.get(name(row), {}), **row}
    return list(rows.values())
