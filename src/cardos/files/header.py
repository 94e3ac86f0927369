"""How a file lies in the memory: the 15-byte header of every directory and elementary file, and its view.

Files follow one another from the start of the file area; a header says how long its file is, so a walk
finds them all.  Byte numbers of a header::

    0     type byte as created: file type (low 6 bits), write protection (high 2 bits); 00 ends the area
    1     flags: block state of a directory (low 2 bits), card blocked (bit 8 of the MF's)
    2-3   file identifier
    4-5   place of the parent's header, counted from that of the MF; 0 for a child of the MF and the MF itself
    6-7   length of the body
    8-9   shape: size of a directory, bytes or records and record length of an EF, as created
    10-12 read, write and protection byte of an EF; create right, erase right and application file
          identifier of a directory
    13-14 state: record count, or newest slot and count, or bytes in use, or whether ever written;
          of a directory the length of its name

The body of a directory is its proof area (11 bytes) and its name.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from ..layout import Layout
from ..profile import FileType

__all__ = ["HEADER_SIZE", "PROOF_SIZE", "STATE_OFFSET", "BlockState", "FileType", "Node", "charge"]

_HEADER = struct.Struct(">BBHHHHBBBH")
HEADER_SIZE = _HEADER.size
FLAGS_OFFSET = 1
PARENT = slice(4, 6)
STATE_OFFSET = 13

#: Length of the proof area of a directory.
PROOF_SIZE = 11
#: What FMCOS counts for the header of a file (FMCOS 4.2); the DF name comes on top.
_COUNTED_HEADER = 11
_COUNTED_PURSE = 22
#: Variables of a purse, at the start of its file: what follows the flag of the grey lock is reserved, zero.
PURSE_FILE = Layout.parse(
    "purse file",
    ["balance", "online_serial", "offline_serial", "limit", "ceiling", "lock_state", f"={'00' * 8}"],
)
#: Bytes behind them for a grey lock: lock proof, wrong GMACs in a row, session key.
LOCK_SIZE = 46
#: The MF's name is not counted when it is this one.
MF_NAME = b"1PAY.SYS.DDF01"
MF_FID = 0x3F00

_TYPE_BITS = 0x3F
_TYPES = {int(type_): type_ for type_ in FileType}
_ENCIPHERED_BIT = 0x40


@enum.unique
class BlockState(enum.IntEnum):
    """Whether an application works (JR/T 0025.1 6.2.3)."""

    ACTIVE = 0
    TEMPORARY = 1
    PERMANENT = 2


@dataclass(frozen=True, slots=True)
class Node:
    """A directory or elementary file: what was fixed when it was created.

    ``address`` is that of its header, ``size`` the length of its body in bytes, ``shape`` the two bytes of
    the CREATE FILE header, ``name`` that of a directory.  For a directory ``read``, ``write`` and
    ``protection`` are create right, erase right and application file identifier (see the properties).
    """

    address: int
    type_byte: int
    fid: int
    parent: Node | None
    size: int
    shape: int
    read: int
    write: int
    protection: int
    name: bytes = b""

    @property
    def type(self) -> FileType:
        """The file type."""
        return _TYPES[self.type_byte & _TYPE_BITS]

    @property
    def body(self) -> int:
        """Address of the first byte of the body."""
        return self.address + HEADER_SIZE

    @property
    def is_directory(self) -> bool:
        """Whether it is the MF or a DF."""
        return self.type_byte & _TYPE_BITS == FileType.DIRECTORY

    @property
    def level(self) -> int:
        """1 for the MF, one more for each directory further down."""
        return 1 if self.parent is None else self.parent.level + 1

    # -- elementary files

    @property
    def record_length(self) -> int:
        """Length of the records of a linear or cyclic file."""
        return self.shape & 0xFF

    @property
    def record_limit(self) -> int:
        """Most records of a linear or cyclic file."""
        return self.shape >> 8

    @property
    def write_protected(self) -> bool:
        """Whether writing needs a MAC (FMCOS 11.2)."""
        return self.type_byte > _TYPE_BITS

    @property
    def enciphered(self) -> bool:
        """Whether protected data are enciphered as well."""
        return bool(self.type_byte & _ENCIPHERED_BIT)

    @property
    def read_protected(self) -> bool:
        """Whether reading needs a MAC: bit 8 of the protection byte, which a purse does not have, is 0."""
        return self.protection < 0x80 and self.type_byte != FileType.PURSE

    @property
    def read_key(self) -> int:
        """Identifier of the key (type 36) for protected reading."""
        return 3 - (self.protection >> 2 & 3)

    @property
    def write_key(self) -> int:
        """Identifier of the key (type 36) for protected writing."""
        return 3 - (self.protection & 3)

    @property
    def log_sfi(self) -> int:
        """Short file identifier of the log that a purse writes, 0 for none."""
        return self.protection & 0x1F

    # -- directories

    @property
    def create(self) -> int:
        """Right to create files in the directory."""
        return self.read

    @property
    def erase(self) -> int:
        """Right to erase the directory."""
        return self.write

    @property
    def application(self) -> int:
        """Application file identifier: what SELECT answers."""
        return self.protection

    @property
    def end(self) -> int:
        """Address behind the body, where the next file begins."""
        return self.body + self.size

    def encode(self, parent: int) -> bytes:
        """The header as it is written when the file is created; ``parent`` is the place of the parent's header."""
        return _HEADER.pack(
            self.type_byte, 0, self.fid, parent, self.size, self.shape,
            self.read, self.write, self.protection, len(self.name),
        )  # fmt: skip


def parent_place(header: bytes) -> int:
    """Place of the parent's header in a stored header."""
    return int.from_bytes(header[PARENT], "big")


def decode(address: int, header: bytes, parent: Node | None, name: bytes) -> Node:
    """The view of a stored header."""
    type_byte, _, fid, _, size, shape, read, write, protection, _ = _HEADER.unpack(header)
    return Node(address, type_byte, fid, parent, size, shape, read, write, protection, name)


def charge(node: Node, overhead: int = 0) -> int:
    """Bytes that a file takes of the card's memory as FMCOS counts them (FMCOS 4.2), ``overhead`` more for one of
    linear or cyclic records.

    >>> charge(Node(0, 0x2E, 0x0018, None, 230, 0x0A17, 0xF0, 0xEF, 0xFF))
    251
    """
    records = node.record_limit * (node.record_length + 1) + overhead
    counted = {
        FileType.DIRECTORY: 0 if node.name == MF_NAME and node.parent is None else len(node.name),
        FileType.LINEAR: records,
        FileType.CYCLIC: records,
        FileType.PURSE: _COUNTED_PURSE,
    }
    return _COUNTED_HEADER + counted.get(node.type, node.size)
