"""Record files: how records lie in the body of a linear, cyclic or variable file, and how they change.

Records have numbers from 1.  Of a linear and a variable file number 1 is the first that was written, of a
cyclic file the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from ..apdu import SW
from .call import Refusal
from .header import FileType, Node
from .volume import Volume

__all__ = ["RECORD_FORMATS", "RecordFormat"]

_TLV_HEAD = 2


class RecordFormat(Protocol):
    """What each kind of record file can do.  ``number`` of a record to read is 1..count, checked by the caller.

    ``grows`` says whether number count+1 adds a record.
    """

    @property
    def grows(self) -> bool:
        """Whether writing the number behind the last adds a record."""
        ...

    def count(self, volume: Volume, node: Node) -> int:
        """Number of records written so far."""
        ...

    def read(self, volume: Volume, node: Node, number: int) -> bytes:
        """The whole record."""
        ...

    def update(self, volume: Volume, node: Node, number: int, data: bytes) -> None:
        """Replace a record by one of the same length; ``6A83`` when there is none, ``6700`` for another
        length.
        """
        ...

    def append(self, volume: Volume, node: Node, data: bytes) -> None:
        """Add a record; ``6A84`` when there is no room for it, ``6700`` when its length is wrong."""
        ...


def _need_length(node: Node, data: bytes) -> None:
    if len(data) != node.record_length:
        raise Refusal(SW.WRONG_LENGTH)


class Linear:
    """Fixed length, one after the other; state: number of records in use."""

    grows = False

    def count(self, volume: Volume, node: Node) -> int:
        """Number of records in use."""
        return volume.state(node)

    def read(self, volume: Volume, node: Node, number: int) -> bytes:
        """The whole record."""
        return volume.read(node, (number - 1) * node.record_length, node.record_length)

    def update(self, volume: Volume, node: Node, number: int, data: bytes) -> None:
        """Replace a record; those of a new file are there to be written, up to the last."""
        if not 1 <= number <= node.record_limit:
            raise Refusal(SW.RECORD_NOT_FOUND)
        _need_length(node, data)
        volume.put(node, (number - 1) * node.record_length, data)
        if number > volume.state(node):
            volume.set_state(node, number)

    def append(self, volume: Volume, node: Node, data: bytes) -> None:
        """Write the record behind the last in use."""
        number = volume.state(node) + 1
        if number > node.record_limit:
            raise Refusal(SW.NO_SPACE)
        self.update(volume, node, number, data)


class Cyclic:
    """Fixed length, the newest over the oldest; state: slot of the newest, number of records."""

    grows = True

    def count(self, volume: Volume, node: Node) -> int:
        """Number of records written so far, at most all."""
        return volume.state(node) & 0xFF

    def _offset(self, volume: Volume, node: Node, number: int) -> int:
        slot = ((volume.state(node) >> 8) - number + 1) % node.record_limit
        return slot * node.record_length

    def read(self, volume: Volume, node: Node, number: int) -> bytes:
        """The whole record; number 1 is the newest."""
        return volume.read(node, self._offset(volume, node, number), node.record_length)

    def update(self, volume: Volume, node: Node, number: int, data: bytes) -> None:
        """Never: a cyclic file only grows (FMCOS 7.8)."""
        del volume, node, number, data
        raise Refusal(SW.RECORD_NOT_FOUND)

    def append(self, volume: Volume, node: Node, data: bytes) -> None:
        """Write over the oldest record."""
        _need_length(node, data)
        newest, count = divmod(volume.state(node), 0x100)
        slot = (newest + 1) % node.record_limit
        volume.put(node, slot * node.record_length, data)
        volume.set_state(node, slot << 8 | min(count + 1, node.record_limit))


class Variable:
    """TLV records of one tag and one length byte (FMCOS 4.1.3); state: bytes in use."""

    grows = True

    def _records(self, volume: Volume, node: Node) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of each record."""
        body = volume.read(node, 0, volume.state(node))
        offset = 0
        while offset < len(body):
            end = offset + _TLV_HEAD + body[offset + 1]
            yield offset, body[offset:end]
            offset = end

    def count(self, volume: Volume, node: Node) -> int:
        """Number of records."""
        return sum(1 for _ in self._records(volume, node))

    def read(self, volume: Volume, node: Node, number: int) -> bytes:
        """The whole record with tag and length."""
        return list(self._records(volume, node))[number - 1][1]

    def update(self, volume: Volume, node: Node, number: int, data: bytes) -> None:
        """Replace a record by one of the same length; its tag may change."""
        records = list(self._records(volume, node))
        if not 1 <= number <= len(records):
            raise Refusal(SW.RECORD_NOT_FOUND)
        _need_tlv(data)
        offset, old = records[number - 1]
        if len(old) != len(data):
            raise Refusal(SW.WRONG_LENGTH)
        volume.put(node, offset, data)

    def append(self, volume: Volume, node: Node, data: bytes) -> None:
        """Add a record behind the last."""
        _need_tlv(data)
        used = volume.state(node)
        if used + len(data) > node.size:
            raise Refusal(SW.NO_SPACE)
        volume.put(node, used, data)
        volume.set_state(node, used + len(data))


class PurseRecords:
    """The variables of a purse, read only: two records of 8 bytes, as its header says (FMCOS 7.6)."""

    grows = False

    def count(self, volume: Volume, node: Node) -> int:
        """Always two."""
        del volume
        return node.record_limit

    def read(self, volume: Volume, node: Node, number: int) -> bytes:
        """The first or the second 8 bytes of the variables."""
        return volume.read(node, (number - 1) * node.record_length, node.record_length)

    def update(self, volume: Volume, node: Node, number: int, data: bytes) -> None:
        """Never: only purse commands write."""
        del volume, node, number, data
        raise Refusal(SW.FILE_TYPE)

    def append(self, volume: Volume, node: Node, data: bytes) -> None:
        """Never: only purse commands write."""
        self.update(volume, node, 0, data)


def _need_tlv(data: bytes) -> None:
    if len(data) < _TLV_HEAD or len(data) != _TLV_HEAD + data[1]:
        raise Refusal(SW.WRONG_DATA)


#: The format of each type of record file.
RECORD_FORMATS: Mapping[FileType, RecordFormat] = MappingProxyType(
    {
        FileType.LINEAR: Linear(),
        FileType.VARIABLE: Variable(),
        FileType.CYCLIC: Cyclic(),
        FileType.PURSE: PurseRecords(),
    }
)
