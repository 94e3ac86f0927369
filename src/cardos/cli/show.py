"""Cards and their differences on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ..files.header import BlockState, FileType
from ..inspection import (
    CardView,
    Difference,
    DirectoryView,
    FieldValue,
    FileView,
    KeyList,
    KeyView,
    PurseVariables,
    Records,
    RecordView,
    Transparent,
)

__all__ = ["print_card", "print_differences"]

_BYTES_OF_A_LINE = 32


def print_card(console: Console, title: str, view: CardView) -> None:
    """The tree of a card."""
    blocked = "  [red]card blocked for ever[/]" if view.blocked else ""
    tree = Tree(
        f"[bold]{escape(title)}[/]  {view.profile} ({view.kind}, {view.protocol})  "
        f"{view.free} of {view.capacity} bytes free{blocked}"
    )
    if view.root is None:
        tree.add("blank: no MF yet")
    else:
        _directory(tree, view.root, "MF")
    console.print(tree)


def print_differences(console: Console, differences: Sequence[Difference]) -> None:
    """One line for each difference, nothing when there is none."""
    for each in differences:
        where, _, what = str(each).partition(": ")
        console.print(Text.assemble((where, "bold"), ": ", what), soft_wrap=True)


# ------------------------------------------------------------------ the tree


def _directory(tree: Tree, view: DirectoryView, word: str) -> None:
    block = "" if view.block is BlockState.ACTIVE else f"  [red]{_BLOCKS[view.block]}[/]"
    branch = tree.add(
        f"[bold]{word} {view.fid:04X}[/] {_name(view.name)}  create {view.create}, erase {view.erase}{block}"
    )
    for file in view.files:
        _CONTENTS[file.type](branch.add(_headline(file)), file.content)
    if view.proof:
        branch.add("proof of the last transaction: " + _elements(view.proof))
    for directory in view.directories:
        _directory(branch, directory, "DF")


_BLOCKS = {BlockState.TEMPORARY: "blocked for a time", BlockState.PERMANENT: "blocked for ever"}


def _name(name: bytes) -> str:
    text = name.decode("ascii", errors="replace")
    return f"[green]{escape(repr(text))}[/]" if text.isascii() and text.isprintable() else name.hex().upper()


def _headline(file: FileView) -> str:
    words = _RIGHT_WORDS.get(file.type, ("read", "write"))
    rights = ", ".join(
        f"{word} {right}" for word, right in zip(words, (file.read, file.write), strict=True) if right
    )
    protection = f"; {file.protection}" if file.protection else ""
    return f"[bold]{file.fid:04X}[/] {_size(file)}  {rights}{protection}"


#: What the rights of a file are for, where it is not reading and writing.
_RIGHT_WORDS = {FileType.KEY: ("", "add"), FileType.PURSE: ("use", "")}


def _size(file: FileView) -> str:
    content, name = file.content, file.type.name.lower()
    if isinstance(content, Records) and content.limit:
        unit = " (amounts in fen)" if any(e.is_amount for r in content.records for e in r.fields) else ""
        return f"{name}, {len(content.records)} of {content.limit} x {content.record_length} bytes{unit}"
    if isinstance(content, KeyList):
        return f"keys, {content.used} of {file.size} bytes"
    if isinstance(content, PurseVariables):
        return f"{name} [bold]{content.name.upper()}[/]" + (f", log {content.log:02X}" if content.log else "")
    unwritten = isinstance(content, Transparent) and not content.written
    return f"{name}, {file.size} bytes" + (", never written" if unwritten else "")


def _elements(elements: Iterable[FieldValue]) -> str:
    return ", ".join(f"{each.name} {each.text}" for each in elements)


# ------------------------------------------------------------------ contents


def _table(*columns: str) -> Table:
    table = Table(
        box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", show_header=any(columns)
    )
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _hex_lines(data: bytes) -> str:
    lines = [data[at : at + _BYTES_OF_A_LINE] for at in range(0, len(data), _BYTES_OF_A_LINE)]
    return "\n".join(line.hex().upper() for line in lines)


_HIDDEN = "[dim]not shown: nobody may read it[/]"
#: More columns than this do not fit a screen: such a record is shown element by element.
_MOST_COLUMNS = 10


def _transparent(branch: Tree, content: Transparent) -> None:
    if not content.written:
        return
    if content.mark:
        branch.add(_HIDDEN)
        return
    if not content.fields:
        branch.add(_hex_lines(content.data))
        return
    table = _table("", "")
    for each in content.fields:
        table.add_row(each.name, each.text)
    branch.add(table)


def _records(branch: Tree, content: Records) -> None:
    if not content.records:
        return
    if any(record.mark for record in content.records):
        branch.add(_HIDDEN)
        return
    known = [record for record in content.records if record.fields]
    if len(known) == len(content.records):
        for shown in _decoded(known):
            branch.add(shown)
        return
    for record in content.records:
        branch.add(f"{record.number}  {record.data.hex().upper()}")


def _decoded(records: Sequence[RecordView]) -> Iterator[RenderableType]:
    """Records with the same elements, as a table, or each in some lines when the table would be too wide."""
    names = [each.name for each in records[0].fields]
    if len(names) > _MOST_COLUMNS:
        for record in records:
            yield f"{record.number}  {_elements(record.fields)}"
        return
    table = _table("", *names)
    for record in records:
        table.add_row(str(record.number), *(each.plain for each in record.fields))
    yield table


def _purse(branch: Tree, content: PurseVariables) -> None:
    branch.add(_elements(content.fields))
    if content.lock_proof:
        branch.add("proof of the last lock: " + _elements(content.lock_proof))
    if content.wrong_gmacs:
        branch.add(f"[red]wrong GMACs in a row: {content.wrong_gmacs}[/]")


def _keys(branch: Tree, content: KeyList) -> None:
    if not content.keys:
        return
    table = _table("key", "purpose", "len", "use", "change", "")
    for key in content.keys:
        change = f"{key.change} by MAC" if key.protected else str(key.change)
        table.add_row(key.name, key.purpose, str(key.length), str(key.use), change, _attributes(key))
    branch.add(table)


def _attributes(key: KeyView) -> str:
    parts = (
        ("state {:X}", key.follow_up),
        ("tries {}", key.tries),
        ("ver {:02X}", key.version),
        ("alg {:02X}", key.algorithm),
    )
    return ", ".join(form.format(value) for form, value in parts if value is not None)


#: What shows the content of each file type.
_CONTENTS: Mapping[FileType, Callable[[Tree, Any], None]] = MappingProxyType(
    {
        FileType.TRANSPARENT: _transparent,
        FileType.LINEAR: _records,
        FileType.VARIABLE: _records,
        FileType.CYCLIC: _records,
        FileType.PURSE: _purse,
        FileType.KEY: _keys,
    }
)
