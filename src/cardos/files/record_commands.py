"""READ RECORD, UPDATE RECORD and APPEND RECORD: linear, variable and cyclic files (JR/T 0025.1 6.2.12, 6.2.15).

P2 is ``sssssmmm``: a short file identifier (0: the current file) and a mode, which says how P1 means a
record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import ALL_THERE_IS, APPEND_RECORD, READ_RECORD, UPDATE_RECORD
from .call import Call, Handler, Refusal
from .filesystem import FileType, Node
from .protection import for_reading, for_writing
from .records import RECORD_FORMATS
from .selection import target

__all__ = ["HANDLERS"]

_FIRST, _LAST, _NEXT, _PREVIOUS, _NUMBER = range(5)
_MODE_BITS = 0x07
_ALL_THERE_IS = (0, ALL_THERE_IS)

#: Gives the number of the record that P1 means in ``node``; ``count + 1`` is one to be added.
_Finder = Callable[[Call, Node], int]


def _current(call: Call, node: Node) -> int:
    """Number of the current record, 0 when the file has none."""
    file = call.session.file
    return call.session.record if file is not None and file.address == node.address else 0


def _by_number(call: Call, node: Node) -> int:
    number = call.command.p1 or _current(call, node)
    if number == 0:
        raise Refusal(SW.RECORD_NOT_FOUND)
    return number


def _tagged(call: Call, node: Node) -> list[int]:
    """Numbers of the records whose tag is P1."""
    numbers = range(1, call.fs.record_count(node) + 1)
    return [n for n in numbers if call.fs.read_record(node, n)[0] == call.command.p1]


def _pick(numbers: list[int], position: int) -> int:
    if not numbers:
        raise Refusal(SW.RECORD_NOT_FOUND)
    return numbers[position]


def _first_tag(call: Call, node: Node) -> int:
    return _pick(_tagged(call, node), 0) if call.command.p1 else _by_number(call, node)


def _last_tag(call: Call, node: Node) -> int:
    return _pick(_tagged(call, node), -1) if call.command.p1 else _by_number(call, node)


def _next(call: Call, node: Node) -> int:
    """The record after the current one: of a new selection the first."""
    return _current(call, node) + 1


def _previous(call: Call, node: Node) -> int:
    """The record before the current one: of a new selection the last."""
    current = _current(call, node)
    return current - 1 if current else call.fs.record_count(node)


def _next_tag(call: Call, node: Node) -> int:
    """With P1 = 00 a new record; otherwise the next with this tag."""
    if call.command.p1 == 0:
        return call.fs.record_count(node) + 1
    return _pick([n for n in _tagged(call, node) if n > _current(call, node)], 0)


def _previous_tag(call: Call, node: Node) -> int:
    if call.command.p1 == 0:
        return _previous(call, node)
    current = _current(call, node) or call.fs.record_count(node) + 1
    return _pick([n for n in _tagged(call, node) if n < current], -1)


#: Most that P1 may be when a record is added to a cyclic file, by mode: 01 comes in an example of FMCOS 7.8.
_MOST_P1: Mapping[int, int] = MappingProxyType({_NEXT: 1, _PREVIOUS: 0})
_MODE_NAMES: Mapping[int, str] = MappingProxyType({_NEXT: "next", _PREVIOUS: "previous"})


def _newest(call: Call, node: Node) -> int:
    """A new record, which becomes number 1, by a mode that the profile takes."""
    mode = call.command.p2 & _MODE_BITS
    if call.command.p1 > _MOST_P1[mode] or call.profile.cos.cyclic_update not in ("both", _MODE_NAMES[mode]):
        raise Refusal(SW.RECORD_NOT_FOUND)
    return call.fs.record_count(node) + 1


def _never(call: Call, node: Node) -> int:
    del call, node
    raise Refusal(SW.RECORD_NOT_FOUND)


_READ_MODES: Mapping[FileType, Mapping[int, _Finder]] = MappingProxyType(
    {
        FileType.LINEAR: {_NUMBER: _by_number},
        FileType.CYCLIC: {_NUMBER: _by_number},
        FileType.VARIABLE: {_NUMBER: _by_number, _FIRST: _first_tag},
        FileType.PURSE: {_NUMBER: _by_number},
    }
)
_UPDATE_MODES: Mapping[FileType, Mapping[int, _Finder]] = MappingProxyType(
    {
        FileType.LINEAR: {_NUMBER: _by_number, _NEXT: _next, _PREVIOUS: _previous},
        FileType.CYCLIC: {_NUMBER: _never, _NEXT: _newest, _PREVIOUS: _newest},
        FileType.VARIABLE: {
            _NUMBER: _by_number, _FIRST: _first_tag, _LAST: _last_tag, _NEXT: _next_tag, _PREVIOUS: _previous_tag,
        },
    }
)  # fmt: skip
_APPEND_MODES = (_FIRST, _NUMBER)


def _known_modes(table: Mapping[FileType, Mapping[int, _Finder]]) -> frozenset[int]:
    return frozenset(mode for modes in table.values() for mode in modes)


def _place(call: Call, table: Mapping[FileType, Mapping[int, _Finder]]) -> tuple[Node, _Finder]:
    """The file that P2 means, and how it finds a record: ``6A86`` for an unknown mode, ``6981`` for one that
    the file does not know, and for a purse unless ``cos.purse_readable``.
    """
    mode = call.command.p2 & _MODE_BITS
    if mode not in _known_modes(table):
        raise Refusal(SW.WRONG_P1P2)
    node = target(call, call.command.p2 >> 3)
    finder = table.get(node.type, {}).get(mode)
    if finder is None or (node.type is FileType.PURSE and not call.profile.cos.purse_readable):
        raise Refusal(SW.FILE_TYPE)
    return node, finder


def _make_current(call: Call, node: Node, number: int) -> None:
    """The record that was written is the current one; of a cyclic file it is the newest, number 1."""
    call.session.select_file(node)
    call.session.record = 1 if node.type is FileType.CYCLIC else number


def read_record(call: Call) -> bytes:
    """READ RECORD: ``6A83`` no such record, ``6Cxx`` when Le is neither 00 nor the record's length."""
    node, finder = _place(call, _READ_MODES)
    reading = for_reading(call, node)
    number = finder(call, node)
    data = call.fs.read_record(node, number)
    if reading.le not in (*_ALL_THERE_IS, len(data)):
        raise Refusal(0x6C00 | len(data))
    call.session.select_file(node)
    call.session.record = number
    return reading.seal(data)


def update_record(call: Call) -> bytes:
    """UPDATE RECORD: ``6A83`` no such record, ``6700`` not the record's length, ``6A80`` no TLV, ``6A84`` no
    room for a new one.
    """
    node, finder = _place(call, _UPDATE_MODES)
    data = for_writing(call, node)
    number = finder(call, node)
    call.fs.update_record(node, number, data)
    _make_current(call, node, number)
    return b""


def append_record(call: Call) -> bytes:
    """APPEND RECORD, under the write right: ``6A84`` when the file is full (a cyclic one never is)."""
    if call.command.p2 & _MODE_BITS not in _APPEND_MODES:
        raise Refusal(SW.WRONG_P1P2)
    node = target(call, call.command.p2 >> 3)
    if node.type not in RECORD_FORMATS or node.type is FileType.PURSE:
        raise Refusal(SW.FILE_TYPE)
    call.fs.append_record(node, for_writing(call, node))
    _make_current(call, node, call.fs.record_count(node))
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        READ_RECORD.name: read_record,
        UPDATE_RECORD.name: update_record,
        APPEND_RECORD.name: append_record,
    }
)
