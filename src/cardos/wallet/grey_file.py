"""What a purse file holds of a grey lock behind its variables, and how a session key lies in a memory.

The flag of the lock is a variable of the purse (``lock_state``); here is the rest: what GET LOCK PROOF answers, the
count of wrong GMACs, and the session key, which outlives the power and is as secret as a key.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from ..apdu.grey_commands import LOCK_PROOF
from ..crypto import Cipher, Key, Suite
from ..fields import FIELDS, Value
from ..files.call import Call
from ..files.filesystem import Node
from ..files.header import LOCK_SIZE, PURSE_FILE
from ..layout import Layout

__all__ = [
    "LOCK_STATE_AT",
    "GreyRecord",
    "LockState",
    "from_stored",
    "lock_proof",
    "read_record",
    "to_stored",
    "write_record",
]

#: Bytes that a session key takes, whatever its cipher.
_KEY_SIZE: Final = 16
_PROOF = Layout.parse("lock proof", LOCK_PROOF)
_SERIAL_AT = sum(FIELDS[name].width for name in LOCK_PROOF[: LOCK_PROOF.index("serial")])

#: Where the flag of the lock stands in a purse file.
LOCK_STATE_AT: Final = sum(
    field.width
    for field in PURSE_FILE.fields[: [field.name for field in PURSE_FILE.fields].index("lock_state")]
)


@enum.unique
class LockState(enum.IntEnum):
    """First byte of a lock proof (JR/T 0025.9 7.10)."""

    FREE = 0x00
    LOCKED = 0x01
    TAC_UNREAD = 0x10


def to_stored(key: Key) -> bytes:
    """A session key as it lies in a memory, 16 bytes.

    >>> len(to_stored(Key(bytes(8))))
    16
    """
    return key.reveal().ljust(_KEY_SIZE, b"\x00")


def from_stored(stored: bytes, suite: Suite) -> Key:
    """The session key of :func:`to_stored`: a DES key in a 3DES suite, else one of the suite's cipher."""
    cipher = Cipher.DES if suite.cipher is Cipher.TDES else suite.cipher
    return Key(stored[: cipher.key_size], cipher)


def lock_proof(**values: Value) -> bytes:
    """What GET LOCK PROOF answers behind the state, 29 bytes, from the fields of the layout."""
    return _PROOF.assemble(values)


@dataclass(frozen=True, slots=True)
class GreyRecord:
    """The grey record of a purse: the 29 bytes of its lock ``proof`` behind the state, the wrong GMACs in a row,
    and the session key of the lock.

    >>> GreyRecord.from_bytes(bytes(LOCK_SIZE)).exists
    False
    """

    proof: bytes
    failures: int
    session_key: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, raw: bytes) -> GreyRecord:
        """The record in the body of a purse file."""
        width = _PROOF.width
        return cls(raw[:width], raw[width], raw[width + 1 : LOCK_SIZE])

    def to_bytes(self) -> bytes:
        """The bytes of the record."""
        return self.proof + bytes([self.failures]) + self.session_key

    @property
    def exists(self) -> bool:
        """Whether the purse was ever locked."""
        return any(self.proof)

    @property
    def serial(self) -> int:
        """The card's serial in the proof, after the step."""
        return int.from_bytes(self.proof[_SERIAL_AT : _SERIAL_AT + 2], "big")


def read_record(call: Call, node: Node) -> GreyRecord:
    """The grey record of the purse file ``node``."""
    return GreyRecord.from_bytes(call.fs.read(node, PURSE_FILE.width, LOCK_SIZE))


def write_record(call: Call, node: Node, record: GreyRecord) -> None:
    """Write the grey record of the purse file ``node``."""
    call.fs.put(node, PURSE_FILE.width, record.to_bytes())
