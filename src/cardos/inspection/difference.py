"""How two cards differ, in the terms in which they are described."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..fields import FIELDS
from ..files.header import FileType
from .views import (
    CardView,
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

__all__ = ["Difference", "compare"]

#: Runs of changed bytes with fewer equal ones between them are one difference.
_GAP = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the ``path`` of directory, file or key (empty for the card), ``what`` differs there, and
    both values in words; ``None`` where there was nothing, twice where they are not shown (a key).

    >>> str(Difference("3F00/3F01/0002", "balance", "5000", "4850"))
    '3F00/3F01/0002: balance 5000 -> 4850'
    """

    path: str
    what: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.path or 'card'}: {self.what} {self._change()}"

    def _change(self) -> str:
        if self.before is None:
            return "differs" if self.after is None else f"added: {self.after}"
        return f"gone: {self.before}" if self.after is None else f"{self.before} -> {self.after}"


def compare(before: CardView, after: CardView) -> tuple[Difference, ...]:
    """Every difference between two descriptions, in the order of the first card's tree.

    Key values are compared without being shown: both descriptions must be made in one process.

    >>> from cardos.card import Card
    >>> from cardos.inspection import inspect_card
    >>> from cardos.profile import load_profile
    >>> city, sam = (inspect_card(Card.blank(load_profile(name))) for name in ("city-3des", "psam-3des"))
    >>> [str(difference) for difference in compare(city, sam)][:2]
    ['card: profile city-3des -> psam-3des', 'card: kind card -> psam']
    """
    found = list(_facts("", _CARD, before, after))
    old, new = dict(before.walk()), dict(after.walk())
    for path in [*old, *(path for path in new if path not in old)]:
        found += _node(path, old.get(path), new.get(path))
    return tuple(found)


# ------------------------------------------------------------------ directories and files

# A fact is a named property in words; what it is a property of is one of the descriptions.
_Facts = Mapping[str, Callable[[Any], object]]


def _named(*names: str) -> _Facts:
    """Facts that are attributes; ``_`` in a name is a blank in words."""
    return MappingProxyType(
        {name.replace("_", " "): lambda thing, name=name: getattr(thing, name) for name in names}
    )


_CARD = _named("profile", "kind", "protocol", "capacity", "blocked", "free")
_DIRECTORY: _Facts = MappingProxyType(
    {
        "name": lambda d: d.name.hex().upper(),
        "application": lambda d: f"{d.application:02X}",
        **_named("size"),
        "create right": lambda d: d.create,
        "erase right": lambda d: d.erase,
        "block state": lambda d: d.block.name.lower(),
    }
)
_FILE: _Facts = MappingProxyType(
    {
        "type": lambda f: f.type.name.lower(),
        **_named("size"),
        "read right": lambda f: f.read,
        "write right": lambda f: f.write,
        "protection": lambda f: f.protection or "none",
    }
)
_KEY: _Facts = MappingProxyType(
    {
        "type byte": lambda k: f"{k.type_byte:02X}",
        "use right": lambda k: k.use,
        "change right": lambda k: k.change,
        **_named("follow_up", "tries", "version", "algorithm", "length"),
    }
)


def _facts(path: str, facts: _Facts, before: object, after: object) -> Iterator[Difference]:
    for what, of in facts.items():
        old, new = of(before), of(after)
        if old != new:
            yield Difference(path, what, str(old), str(new))


def _node(
    path: str, old: DirectoryView | FileView | None, new: DirectoryView | FileView | None
) -> Iterator[Difference]:
    if isinstance(old, DirectoryView) and isinstance(new, DirectoryView):
        yield from _facts(path, _DIRECTORY, old, new)
        yield from _elements(path, old.proof, new.proof, prefix="proof ")
    elif isinstance(old, FileView) and isinstance(new, FileView) and old.type is new.type:
        yield from _facts(path, _FILE, old, new)
        yield from _CONTENTS[old.type](path, old.content, new.content)
    else:
        if old is not None:
            yield Difference(path, _kind(old), _outline(old), None)
        if new is not None:
            yield Difference(path, _kind(new), None, _outline(new))


def _kind(node: DirectoryView | FileView) -> str:
    return "directory" if isinstance(node, DirectoryView) else f"{node.type.name.lower()} file"


def _outline(node: DirectoryView | FileView) -> str:
    return f"name {node.name.hex().upper()}" if isinstance(node, DirectoryView) else f"{node.size} bytes"


def _elements(
    path: str, old: Sequence[FieldValue], new: Sequence[FieldValue], *, prefix: str = ""
) -> Iterator[Difference]:
    """Elements by name: changed, gone, added."""
    before, after = ({each.name: each.text for each in side} for side in (old, new))
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            yield Difference(path, f"{prefix}{name}", before.get(name), after.get(name))


# ------------------------------------------------------------------ contents


def _transparent(path: str, old: Transparent, new: Transparent) -> Iterator[Difference]:
    if old.written != new.written:
        yield Difference(path, "ever written", str(old.written), str(new.written))
    if old.mark != new.mark:
        yield Difference(path, "content", None, None)
    yield from _elements(path, old.fields, new.fields)
    covered = bool(old.fields and new.fields and old.fields != new.fields)
    if not covered or _rest_differs(old, new):
        yield from _ranges(path, old.data, new.data)


def _rest_differs(old: Transparent, new: Transparent) -> bool:
    """Whether bytes differ that no named element shows."""
    named = sum(FIELDS[each.name].width for each in old.fields)
    return old.data[named:] != new.data[named:]


def _ranges(path: str, old: bytes, new: bytes) -> Iterator[Difference]:
    for start, end in _changed(old, new):
        yield Difference(
            path,
            f"bytes {start:04X}..{end - 1:04X}",
            old[start:end].hex().upper(),
            new[start:end].hex().upper(),
        )


def _changed(old: bytes, new: bytes) -> list[tuple[int, int]]:
    """Start and end of each run of bytes that differ."""
    runs: list[tuple[int, int]] = []
    for place in range(max(len(old), len(new))):
        if old[place : place + 1] != new[place : place + 1]:
            if runs and place - runs[-1][1] < _GAP:
                runs[-1] = runs[-1][0], place + 1
            else:
                runs.append((place, place + 1))
    return runs


def _records(path: str, old: Records, new: Records) -> Iterator[Difference]:
    yield from _facts(path, _named("limit", "record_length"), old, new)
    before, after = ({each.number: each for each in side.records} for side in (old, new))
    for number in sorted({*before, *after}):
        was, now = before.get(number), after.get(number)
        if was != now:
            yield Difference(path, f"record {number}", _shown(was), _shown(now))


def _shown(record: RecordView | None) -> str | None:
    """A record in words; nothing for one that nobody may read, of which only a change is told."""
    return None if record is None or record.mark else _record(record)


def _cyclic(path: str, old: Records, new: Records) -> Iterator[Difference]:
    """Records are added in front, and the oldest may fall out at the end."""
    added = _added_in_front(old, new)
    if not added:
        yield from _records(path, old, new)
    for record in reversed(new.records[:added]):
        yield Difference(path, "record", None, _record(record))


def _added_in_front(old: Records, new: Records) -> int:
    """How many new records explain the difference, 0 when that is not what happened."""
    if (old.limit, old.record_length) != (new.limit, new.record_length):
        return 0
    was, now = ([(each.data, each.mark) for each in side.records] for side in (old, new))
    for count in range(max(1, len(now) - len(was)), len(now) + 1):
        kept = len(now) - count
        if was != now and now[count:] == was[:kept] and (kept == len(was) or len(now) == new.limit):
            return count
    return 0


def _record(record: RecordView) -> str:
    if not record.fields:
        return record.data.hex().upper()
    return ", ".join(f"{each.name} {each.text}" for each in record.fields)


def _purse(path: str, old: PurseVariables, new: PurseVariables) -> Iterator[Difference]:
    yield from _facts(path, _named("name", "log"), old, new)
    yield from _elements(path, old.fields, new.fields)
    yield from _elements(path, old.lock_proof, new.lock_proof, prefix="lock proof ")
    yield from _facts(path, _named("wrong_gmacs"), old, new)


def _keys(path: str, old: KeyList, new: KeyList) -> Iterator[Difference]:
    before, after = ({each.name: each for each in side.keys} for side in (old, new))
    for name in [*before, *(name for name in after if name not in before)]:
        yield from _key(f"{path}/{name}", before.get(name), after.get(name))


def _key(path: str, old: KeyView | None, new: KeyView | None) -> Iterator[Difference]:
    if old is None or new is None:
        yield Difference(
            path, "key", None if old is None else old.purpose, None if new is None else new.purpose
        )
        return
    yield from _facts(path, _KEY, old, new)
    if old.mark != new.mark:
        yield Difference(path, "value", None, None)


#: What compares the contents of two files of a type.
_CONTENTS: Mapping[FileType, Callable[[str, Any, Any], Iterator[Difference]]] = MappingProxyType(
    {
        FileType.TRANSPARENT: _transparent,
        FileType.LINEAR: _records,
        FileType.VARIABLE: _records,
        FileType.CYCLIC: _cyclic,
        FileType.PURSE: _purse,
        FileType.KEY: _keys,
    }
)
