"""Write-ahead redo journal: the changes of one command happen all or not at all, whenever the power goes.

The journal lies at the start of the memory.  A commit writes one record there (check sum, length, and every
changed stretch of bytes), then the changes themselves, then clears the record.  A record that is whole is
carried out again at the next power-up, as often as it takes; one that is not is forgotten.  So the check sum
of the record is the moment of decision, and nothing else can be torn in a way that matters.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from .memory import Memory, WriteFailure

__all__ = ["JOURNAL_SIZE", "Journal"]

#: Bytes at the start of the memory that belong to the journal.
JOURNAL_SIZE = 2048

_HEAD = struct.Struct(">IH")  # CRC-32 of what follows, length of the entries
_ENTRY = struct.Struct(">IH")  # address, length
_FILL = 0x8000  # in the length of an entry: one byte follows, which fills the stretch
_WORTH_FILLING = 16
_CLEAR = bytes(_HEAD.size)


def _encode(address: int, data: bytes) -> bytes:
    if len(data) >= _WORTH_FILLING and data.count(data[0]) == len(data):
        return _ENTRY.pack(address, len(data) | _FILL) + data[:1]
    return _ENTRY.pack(address, len(data)) + data


def _decode(entries: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(entries):
        address, length = _ENTRY.unpack_from(entries, position)
        position += _ENTRY.size
        if length & _FILL:
            yield address, entries[position : position + 1] * (length ^ _FILL)
            position += 1
        else:
            yield address, entries[position : position + length]
            position += length


class Journal:
    r"""One transaction after the other on ``memory``; making the object is the recovery after power-up.

    >>> memory = Memory(JOURNAL_SIZE + 8)
    >>> memory.power_up()
    >>> journal = Journal(memory)
    >>> journal.write(JOURNAL_SIZE, b"\x01\x02")
    >>> journal.read(JOURNAL_SIZE, 3).hex(), memory.read(JOURNAL_SIZE, 3).hex()
    ('010200', '000000')
    >>> journal.commit()
    >>> memory.read(JOURNAL_SIZE, 3).hex()
    '010200'
    """

    __slots__ = ("_memory", "_pending", "version")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pending: list[tuple[int, bytes]] = []
        #: Another number after every change that a reader could see.
        self.version = 0
        self._recover()

    def _recover(self) -> None:
        """Carry out a whole record that was left behind; clear whatever is left."""
        head = self._memory.read(0, _HEAD.size)
        if head == _CLEAR:
            return
        check, length = _HEAD.unpack(head)
        entries = self._memory.read(_HEAD.size, length)
        if length <= JOURNAL_SIZE - _HEAD.size and zlib.crc32(head[4:] + entries) == check:
            self._carry_out(_decode(entries))
        self._memory.write(0, _CLEAR)

    @property
    def pending(self) -> bool:
        """Whether the transaction has changed anything."""
        return bool(self._pending)

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes from ``address``, as the open transaction sees them."""
        data = self._memory.read(address, length)
        if not self._pending:
            return data
        end, seen = address + length, bytearray(data)
        for start, chunk in self._pending:
            low, high = max(start, address), min(start + len(chunk), end)
            if low < high:
                seen[low - address : high - address] = chunk[low - start : high - start]
        return bytes(seen)

    def write(self, address: int, data: bytes) -> None:
        """Change bytes in the open transaction; at most 32767 at once."""
        if data:
            self.version += 1
            self._pending.append((address, bytes(data)))

    def rollback(self) -> None:
        """Forget what the open transaction changed."""
        self.version += 1
        self._pending.clear()

    def commit(self) -> None:
        """Make the changes of the open transaction durable, all or none, and begin the next one.

        Raises :class:`~cardos.files.memory.WriteFailure` when the memory is worn or the changes exceed the
        journal: none of them happened.
        """
        if not self._pending:
            return
        entries = b"".join(_encode(address, data) for address, data in self._pending)
        if len(entries) > JOURNAL_SIZE - _HEAD.size:
            raise WriteFailure(f"the change takes {len(entries)} bytes of a journal of {JOURNAL_SIZE}")
        length = len(entries).to_bytes(2, "big")
        self._memory.write(0, _HEAD.pack(zlib.crc32(length + entries), len(entries)) + entries)
        self._carry_out(self._pending)
        self._memory.write(0, _CLEAR)
        self._pending.clear()

    def _carry_out(self, changes: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]]) -> None:
        for address, data in changes:
            self._memory.write(address, data)
