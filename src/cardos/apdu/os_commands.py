"""The commands of the card operating system: files, keys, authentication (JR/T 0025.1 6.2; CREATE FILE and
WRITE KEY FMCOS).
"""

from __future__ import annotations

from construct import GreedyBytes, Int8ub, Int16ub, Struct, Switch, this

from ..profile import FileType
from .spec import ANY, CommandSpec, Protection, one_of
from .status import SW

__all__ = [
    "ALL_THERE_IS",
    "APPEND_RECORD",
    "CREATE_FILE",
    "EXTERNAL_AUTHENTICATE",
    "GET_CHALLENGE",
    "GET_RESPONSE",
    "MOST_BYTES",
    "OS_COMMANDS",
    "READ_BINARY",
    "READ_RECORD",
    "SELECT",
    "TRIES_LEFT",
    "UPDATE_BINARY",
    "UPDATE_RECORD",
    "VERIFY",
    "WRITE_KEY",
]

#: ``63Cx``: x tries left.
TRIES_LEFT = 0x63C0
#: Le of "all there is".
ALL_THERE_IS = 256
#: Most bytes of Lc and Le on a card of this family (FMCOS 6.1).
MOST_BYTES = 239
_READ = (
    SW.DATA_DOUBTFUL, SW.CANNOT_PROCESS, SW.FILE_TYPE, SW.SECURITY_STATUS, SW.METHOD_BLOCKED, SW.NO_CHALLENGE,
    SW.MAC_WRONG, SW.NOT_SUPPORTED, SW.FILE_NOT_FOUND, SW.WRONG_P1P2, SW.KEY_NOT_FOUND, SW.MEMORY_FAILURE,
)  # fmt: skip
_WRITE = (
    SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.FILE_TYPE, SW.SECURITY_STATUS, SW.NO_CHALLENGE, SW.MAC_MISSING,
    SW.MAC_WRONG, SW.NOT_SUPPORTED, SW.FILE_NOT_FOUND, SW.WRONG_P1P2, SW.KEY_NOT_FOUND, SW.APPLICATION_LOCKED,
)  # fmt: skip
_SECRET = (
    TRIES_LEFT, SW.MEMORY_FAILURE, SW.METHOD_BLOCKED, SW.SECURITY_STATUS, SW.NOT_SUPPORTED, SW.FILE_NOT_FOUND,
    SW.WRONG_P1P2,
)  # fmt: skip
_DATA = Struct("data" / GreedyBytes)

SELECT = CommandSpec(
    "SELECT", 0x00, 0xA4, one_of(0x00, 0x04), one_of(0x00), "JR/T 0025.1 6.2.13",
    (SW.FILE_INVALIDATED, SW.NOT_SUPPORTED, SW.FILE_NOT_FOUND, SW.WRONG_P1P2, SW.APPLICATION_LOCKED),
    body=_DATA, answer=_DATA, lc=(0, 16), le=ALL_THERE_IS,
)  # fmt: skip

READ_BINARY = CommandSpec(
    "READ BINARY", 0x00, 0xB0, ANY, ANY, "JR/T 0025.1 6.2.11", (*_READ, SW.OFFSET),
    answer=_DATA, le=ALL_THERE_IS, protection=Protection.OPTIONAL,
)  # fmt: skip

UPDATE_BINARY = CommandSpec(
    "UPDATE BINARY", 0x00, 0xD6, ANY, ANY, "JR/T 0025.1 6.2.14", (*_WRITE, SW.OFFSET),
    body=_DATA, lc=(1, MOST_BYTES), protection=Protection.OPTIONAL,
)  # fmt: skip

READ_RECORD = CommandSpec(
    "READ RECORD", 0x00, 0xB2, ANY, ANY, "JR/T 0025.1 6.2.12", (*_READ, SW.RECORD_NOT_FOUND),
    answer=_DATA, le=ALL_THERE_IS, protection=Protection.OPTIONAL,
)  # fmt: skip

UPDATE_RECORD = CommandSpec(
    "UPDATE RECORD", 0x00, 0xDC, ANY, ANY, "JR/T 0025.1 6.2.15",
    (*_WRITE, SW.RECORD_NOT_FOUND, SW.NO_SPACE, SW.WRONG_DATA),
    body=_DATA, lc=(1, MOST_BYTES), protection=Protection.OPTIONAL,
)  # fmt: skip

APPEND_RECORD = CommandSpec(
    "APPEND RECORD", 0x00, 0xE2, one_of(0x00), ANY, "JR/T 0025.1 6.2",
    (*_WRITE, SW.NO_SPACE, SW.WRONG_DATA),
    body=_DATA, lc=(1, MOST_BYTES), protection=Protection.OPTIONAL,
)  # fmt: skip

VERIFY = CommandSpec(
    "VERIFY", 0x00, 0x20, one_of(0x00), ANY, "JR/T 0025.1 6.2.16",
    (*_SECRET, SW.KEY_INDEX),
    body=Struct("pin" / GreedyBytes), lc=(2, 8),
)  # fmt: skip

GET_CHALLENGE = CommandSpec(
    "GET CHALLENGE", 0x00, 0x84, one_of(0x00), one_of(0x00), "JR/T 0025.1 6.2.7",
    (SW.NOT_SUPPORTED, SW.WRONG_P1P2),
    answer=_DATA, le=8,
)  # fmt: skip

EXTERNAL_AUTHENTICATE = CommandSpec(
    "EXTERNAL AUTHENTICATE", 0x00, 0x82, one_of(0x00), ANY, "JR/T 0025.1 6.2.6",
    (*_SECRET, SW.NO_CHALLENGE, SW.KEY_NOT_FOUND),
    body=Struct("cryptogram" / GreedyBytes), lc=(8, 8),
)  # fmt: skip

GET_RESPONSE = CommandSpec(
    "GET RESPONSE", 0x00, 0xC0, one_of(0x00), one_of(0x00), "JR/T 0025.1 6.2.8",
    (SW.CONDITIONS, SW.WRONG_P1P2),
    answer=_DATA, le=ALL_THERE_IS,
)  # fmt: skip

_DIRECTORY = Struct(
    "size" / Int16ub, "create" / Int8ub, "erase" / Int8ub, "application" / Int8ub, "tail" / GreedyBytes
)
_ELEMENTARY = Struct(
    "shape" / Int16ub,
    "read" / Int8ub,
    "write" / Int8ub,
    "reserved" / Int8ub,
    "protection" / Int8ub,
    "tail" / GreedyBytes,
)

#: P1 P2 are the file identifier.  ``header.tail`` of a directory is ``FFFF`` and its name, of the MF the
#: transport code; ``header.shape`` of an EF is its size, or record count and record length.
CREATE_FILE = CommandSpec(
    "CREATE FILE", 0x80, 0xE0, ANY, ANY, "FMCOS 7.13",
    (
        SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.SECURITY_STATUS, SW.WRONG_DATA, SW.NOT_SUPPORTED, SW.NO_SPACE,
        SW.WRONG_P1P2,
    ),
    body=Struct(
        "type" / Int8ub,
        "header" / Switch(this.type & 0x3F, {FileType.DIRECTORY: _DIRECTORY}, default=_ELEMENTARY),
    ),
    lc=(7, 24),
)  # fmt: skip

_KEY_STATUSES = (
    SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.SECURITY_STATUS, SW.METHOD_BLOCKED, SW.NO_CHALLENGE, SW.MAC_MISSING,
    SW.MAC_INVALID, SW.NOT_SUPPORTED, SW.FILE_NOT_FOUND, SW.NO_SPACE, SW.KEY_NOT_FOUND, SW.WRONG_DATA,
    SW.WRONG_P1P2,
)  # fmt: skip

#: P1 is 01 to add a key or the type of the key to change, P2 the key identifier.
WRITE_KEY = CommandSpec(
    "WRITE KEY", 0x80, 0xD4, ANY - {0x00}, ANY - {0xFF}, "FMCOS 7.12", _KEY_STATUSES,
    body=Struct(
        "type" / Int8ub, "use" / Int8ub, "change" / Int8ub, "first" / Int8ub, "second" / Int8ub, "value" / GreedyBytes
    ),
    lc=(7, 21), protection=Protection.OPTIONAL,
)  # fmt: skip

OS_COMMANDS = (
    SELECT, READ_BINARY, UPDATE_BINARY, READ_RECORD, UPDATE_RECORD, APPEND_RECORD, VERIFY, GET_CHALLENGE,
    EXTERNAL_AUTHENTICATE, GET_RESPONSE, CREATE_FILE, WRITE_KEY,
)  # fmt: skip
