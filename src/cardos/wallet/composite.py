"""Records of a composite purchase (CAPP): remembered by UPDATE CAPP DATA CACHE, written with the debit or not at all
(JR/T 0025.9 7.4, annex C).

The files are ordinary record files.  In one of variable records P1 is the tag (type identifier) of the first record
that has it; a record holds tag, length, lock flag and data (JR/T 0025.9 table C.2).  In one of linear records, and in
any with mode 4, P1 is the number; to a cyclic file a record is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..apdu.status import SW
from ..files.call import Call, Refusal
from ..files.filesystem import FileType, Node
from ..files.protection import current_directory
from ..files.selection import target
from .purse_file import PURSES
from .transaction import purse_node

__all__ = ["CachedRecord", "with_record", "write_records"]

_MODE_BITS: Final = 0x07
_BY_TAG, _BY_NUMBER = 0, 4
_TLV_HEAD: Final = 2
_LOCK_FLAG, _LOCKED = 2, 0x01
#: What may wait at once, bytes, and what a record takes beside its own: with purse, log and proof all must fit the
#: journal of the card.
_MOST_CACHED: Final = 1536
_PER_RECORD: Final = 16


@dataclass(frozen=True, slots=True)
class CachedRecord:
    """A record that waits for the debit: ``number`` in the file ``node``, 0 for one to be added, and its bytes."""

    node: Node
    number: int
    data: bytes

    @property
    def size(self) -> int:
        """What it takes of the room for waiting records."""
        return _PER_RECORD + len(self.data)

    @property
    def place(self) -> tuple[int, int]:
        """What tells records apart; those to be added are all different."""
        return self.node.address, self.number


def _by_tag(call: Call, node: Node) -> int:
    tag = call.command.p1
    for number in range(1, call.fs.record_count(node) + 1):
        if call.fs.read_record(node, number)[0] == tag:
            return number
    raise Refusal(SW.RECORD_NOT_FOUND)


def _by_number(call: Call, node: Node) -> int:
    if not 1 <= call.command.p1 <= call.fs.record_count(node):
        raise Refusal(SW.RECORD_NOT_FOUND)
    return call.command.p1


def _any_of_file(call: Call, node: Node) -> int:
    if not 1 <= call.command.p1 <= node.record_limit:
        raise Refusal(SW.RECORD_NOT_FOUND)
    return call.command.p1


def _added(call: Call, node: Node) -> int:
    del node
    if call.command.p1:
        raise Refusal(SW.RECORD_NOT_FOUND)
    return 0


#: How P1 means a record, by the type of the file and the mode in P2.
_FINDERS: Mapping[tuple[FileType, int], Callable[[Call, Node], int]] = MappingProxyType(
    {
        (FileType.VARIABLE, _BY_TAG): _by_tag,
        (FileType.VARIABLE, _BY_NUMBER): _by_number,
        (FileType.LINEAR, _BY_TAG): _any_of_file,
        (FileType.LINEAR, _BY_NUMBER): _any_of_file,
        (FileType.CYCLIC, _BY_TAG): _added,
    }
)


def _whole(call: Call, node: Node, number: int) -> bytes:
    """The record as it will be written: the data, filled with zeros to its length.

    ``9407`` when the stored record is locked, ``6A84`` when the data are longer, ``6A80`` when they do not begin
    with the tag and length of the record.
    """
    data = call.command.data
    if node.type is not FileType.VARIABLE:
        if len(data) > node.record_length:
            raise Refusal(SW.NO_SPACE)
        return data.ljust(node.record_length, b"\x00")
    stored = call.fs.read_record(node, number)
    if stored[_LOCK_FLAG : _LOCK_FLAG + 1] == bytes([_LOCKED]):
        raise Refusal(SW.CAPP_LOCKED)
    if len(data) > len(stored):
        raise Refusal(SW.NO_SPACE)
    if data[:_TLV_HEAD] != stored[:_TLV_HEAD]:
        raise Refusal(SW.WRONG_DATA)
    return data.ljust(len(stored), b"\x00")


def _is_log(call: Call, node: Node) -> bool:
    """Whether the card itself writes the file: no terminal may add a record to a log (JR/T 0025.2 table C.4)."""
    nodes = (purse_node(call, purse) for purse in PURSES.values())
    logs = {purse.log_sfi for purse in nodes if purse is not None} | {call.profile.purse.load_log}
    return any(call.fs.by_sfi(current_directory(call), sfi) == node for sfi in logs if sfi)


def with_record(call: Call, waiting: tuple[CachedRecord, ...]) -> tuple[CachedRecord, ...]:
    """``waiting`` with the record of this command.

    Checked in this order: mode (6A86), file there (6A82), of records (6981) and none of the card's own logs (6982),
    record there (6A83), then as :func:`_whole`; ``6A84`` when too many bytes would wait.
    """
    mode = call.command.p2 & _MODE_BITS
    if mode not in (_BY_TAG, _BY_NUMBER):
        raise Refusal(SW.WRONG_P1P2)
    node = target(call, call.command.p2 >> 3)
    finder = _FINDERS.get((node.type, mode))
    if finder is None:
        raise Refusal(SW.FILE_TYPE)
    if _is_log(call, node):
        raise Refusal(SW.SECURITY_STATUS)
    number = finder(call, node)
    new = CachedRecord(node, number, _whole(call, node, number))
    kept = tuple(old for old in waiting if old.number == 0 or old.place != new.place)
    if sum(record.size for record in (*kept, new)) > _MOST_CACHED:
        raise Refusal(SW.NO_SPACE)
    return (*kept, new)


def write_records(call: Call, records: tuple[CachedRecord, ...]) -> None:
    """Write what waited, in the transaction of the command."""
    for record in records:
        if record.number:
            call.fs.update_record(record.node, record.number, record.data)
        else:
            call.fs.append_record(record.node, record.data)
