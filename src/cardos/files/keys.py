"""Key files: the records of keys and PINs, and their try counters (FMCOS 7.12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..crypto import Key, Suite
from ..options import CosOptions
from ..profile import KeyType
from .header import Node

__all__ = ["COUNTED", "KEY_HEAD", "KEY_TYPE_BITS", "KeyRecord", "parse_keys"]

#: Bytes of a key record before its value: type, identifier, use and change right, first and second
#: attribute, length of the value, and one that is not used.
KEY_HEAD = 8
SECOND_OFFSET = 5
_LENGTH_OFFSET = 6

#: The part of a key's type byte that says what the key is for; the rest is how it must be changed.
KEY_TYPE_BITS = 0x3F
#: The types whose second attribute is a try counter.
COUNTED = frozenset(
    {KeyType.MAINTENANCE, KeyType.PIN_UNBLOCK, KeyType.PIN_RELOAD, KeyType.AUTHENTICATION, KeyType.PIN}
)
_BOTH = 0xC0
#: Bits of a key's type byte that demand protection, by the option ``key_protection``.
_LINE_BITS = {"any": _BOTH, "bit8": 0x80, "bit7": 0x40}


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
    _made: list[Key] = field(init=False, repr=False, compare=False, default_factory=list)

    @property
    def key(self) -> Key:
        """The value as a key of the card's suite; :class:`~cardos.errors.ParameterError` when it has no such
        length (a PIN).
        """
        if not self._made:
            self._made.append(self.suite.key(self.value))
        return self._made[0]

    @property
    def size(self) -> int:
        """Bytes that the record takes of its key file."""
        return KEY_HEAD + len(self.value)

    def line_protected(self, cos: CosOptions) -> bool:
        """Whether only a protected command can change the key, and a protected one may serve it."""
        return bool(self.type & _LINE_BITS[cos.key_protection])

    @property
    def enciphered(self) -> bool:
        """Whether such a command is enciphered as well: both high bits of the type."""
        return self.type & _BOTH == _BOTH

    @property
    def refilled(self) -> int:
        """The second attribute with all tries back."""
        return self.second >> 4 | self.second & 0xF0 if self.counted else self.second

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
