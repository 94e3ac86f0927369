"""Key files: the records of keys and PINs, and their try counters (FMCOS 7.12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..crypto import Key, Suite
from .header import Node

__all__ = ["KEY_HEAD", "KEY_TYPE_BITS", "KeyRecord", "parse_keys"]

#: Bytes of a key record before its value: type, identifier, use and change right, first and second
#: attribute, length of the value, and one that is not used.
KEY_HEAD = 8
SECOND_OFFSET = 5
_LENGTH_OFFSET = 6

#: The part of a key's type byte that says what the key is for; the rest is how it must be changed.
KEY_TYPE_BITS = 0x3F


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key or PIN.  ``use`` and ``change`` are access rights; ``first`` and ``second`` are follow-up state
    and try counter (types 36..3A) or key version and algorithm identifier.

    The value is in no ``repr``.  A try counter holds the most tries in its high and those left in its low
    nibble; most tries 0 means that they are not counted.
    """

    address: int
    type: int
    id: int
    use: int
    change: int
    first: int
    second: int
    value: bytes = field(repr=False, compare=False)
    suite: Suite = field(repr=False, compare=False)

    @property
    def key(self) -> Key:
        """The value as a key of the card's suite; :class:`~cardos.errors.ParameterError` when it has no such
        length (a PIN).
        """
        return self.suite.key(self.value)

    @property
    def size(self) -> int:
        """Bytes that the record takes of its key file."""
        return KEY_HEAD + len(self.value)

    @property
    def line_protected(self) -> bool:
        """Whether the key can be changed by a protected command only."""
        return self.type > KEY_TYPE_BITS

    @property
    def counted(self) -> bool:
        """Whether wrong tries are counted."""
        return bool(self.second >> 4)

    @property
    def tries(self) -> int:
        """Tries left, 0..15."""
        return self.second & 0x0F if self.counted else 0x0F

    @property
    def locked(self) -> bool:
        """Whether no try is left."""
        return self.tries == 0

    def encode(self) -> bytes:
        """The record as it lies in the key file."""
        head = (self.type, self.id, self.use, self.change, self.first, self.second, len(self.value), 0)
        return bytes(head) + self.value


def parse_keys(node: Node, body: bytes, suite: Suite) -> tuple[KeyRecord, ...]:
    """The records in the used part of the body of a key file, in the order of their writing."""
    records = []
    offset = 0
    while offset < len(body):
        head = body[offset : offset + KEY_HEAD]
        value = body[offset + KEY_HEAD : offset + KEY_HEAD + head[_LENGTH_OFFSET]]
        type_, id_, use, change, first, second = head[:_LENGTH_OFFSET]
        records.append(KeyRecord(node.body + offset, type_, id_, use, change, first, second, value, suite))
        offset += KEY_HEAD + len(value)
    return tuple(records)
