"""The commands of the card operating system: files, keys, authentication (JR/T 0025.1 6.2; CREATE FILE and
WRITE KEY FMCOS).
"""

from __future__ import annotations

from construct import GreedyBytes, Int8ub, Int16ub, Struct, Switch, this

from ..profile import FileType
from .spec import ANY, CommandSpec, Protection, layout, one_of
from .status import SW

__all__ = [
    "ALL_THERE_IS",
    "APPEND_RECORD",
    "APPLICATION_BLOCK",
    "APPLICATION_UNBLOCK",
    "CARD_BLOCK",
    "CHANGE_PIN",
    "CREATE_FILE",
    "ERASE_DF",
    "EXTERNAL_AUTHENTICATE",
    "GET_CHALLENGE",
    "GET_MESSAGE",
    "GET_RESPONSE",
    "INTERNAL_AUTHENTICATE",
    "MOST_BYTES",
    "OS_COMMANDS",
    "PIN_UNBLOCK",
    "READ_BINARY",
    "READ_RECORD",
    "RELOAD_PIN",
    "SELECT",
    "SET_MESSAGE",
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
#: What every command may answer on a card without an MF, or in a blocked application.
_ANYWHERE = (SW.NOT_SUPPORTED, SW.CONDITIONS, SW.APPLICATION_LOCKED, SW.WRONG_P1P2)
#: Which of them, ``cos.mac_wrong`` decides.
_WRONG_MAC = (SW.MAC_WRONG, SW.MAC_INVALID)
_READ = (
    *_ANYWHERE, SW.DATA_DOUBTFUL, SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.FILE_TYPE, SW.SECURITY_STATUS,
    SW.NO_CHALLENGE, *_WRONG_MAC, SW.FILE_NOT_FOUND, SW.KEY_NOT_FOUND,
)  # fmt: skip
_WRITE = (
    *_ANYWHERE, SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.FILE_TYPE, SW.SECURITY_STATUS, SW.NO_CHALLENGE,
    SW.MAC_MISSING, *_WRONG_MAC, SW.FILE_NOT_FOUND, SW.KEY_NOT_FOUND,
)  # fmt: skip
_SECRET = (
    *_ANYWHERE, TRIES_LEFT, SW.MEMORY_FAILURE, SW.METHOD_BLOCKED, SW.SECURITY_STATUS, SW.FILE_NOT_FOUND,
)  # fmt: skip
_LINE = (SW.NO_CHALLENGE, SW.KEY_NOT_FOUND, SW.CANNOT_PROCESS)
_DATA = Struct("data" / GreedyBytes * "what the file holds, or the FCI")
_NONE = one_of(0x00)

SELECT = CommandSpec(
    "SELECT", 0x00, 0xA4, one_of(0x00, 0x04), one_of(0x00, 0x02), "JR/T 0025.1 6.2.13",
    (SW.FILE_INVALIDATED, SW.NOT_SUPPORTED, SW.FILE_NOT_FOUND, SW.WRONG_P1P2, SW.APPLICATION_LOCKED),
    body=Struct("data" / GreedyBytes * "file identifier, 2 bytes or none (the MF); with P1 = 04 a name or its start"),
    answer=Struct("data" / GreedyBytes * "FCI of a directory"), lc=(0, 16), le=ALL_THERE_IS,
    effect="The directory is the current one, its register 0, its PIN unverified; or the file is the current one.",
)  # fmt: skip

READ_BINARY = CommandSpec(
    "READ BINARY", 0x00, 0xB0, ANY, ANY, "JR/T 0025.1 6.2.11", (*_READ, SW.OFFSET),
    answer=_DATA, le=ALL_THERE_IS, protection=Protection.OPTIONAL,
    effect="The file is the current one.",
)  # fmt: skip

UPDATE_BINARY = CommandSpec(
    "UPDATE BINARY", 0x00, 0xD6, ANY, ANY, "JR/T 0025.1 6.2.14", (*_WRITE, SW.OFFSET),
    body=_DATA, lc=(1, MOST_BYTES), protection=Protection.OPTIONAL, aliases=one_of(0xD0),
    effect="The bytes are in the file, which is the current one.",
)  # fmt: skip

READ_RECORD = CommandSpec(
    "READ RECORD", 0x00, 0xB2, ANY, ANY, "JR/T 0025.1 6.2.12",
    (*(sw for sw in _READ if sw != SW.DATA_DOUBTFUL), SW.RECORD_NOT_FOUND),
    answer=_DATA, le=ALL_THERE_IS, protection=Protection.OPTIONAL,
    effect="The file is the current one, and the record its current one.",
)  # fmt: skip

UPDATE_RECORD = CommandSpec(
    "UPDATE RECORD", 0x00, 0xDC, ANY, ANY, "JR/T 0025.1 6.2.15",
    (*_WRITE, SW.RECORD_NOT_FOUND, SW.NO_SPACE, SW.WRONG_DATA),
    body=_DATA, lc=(1, MOST_BYTES), protection=Protection.OPTIONAL, aliases=one_of(0xD2),
    effect="The record is written, and the current one.",
)  # fmt: skip

APPEND_RECORD = CommandSpec(
    "APPEND RECORD", 0x00, 0xE2, _NONE, ANY, "JR/T 0025.1 6.2",
    (*_WRITE, SW.NO_SPACE, SW.WRONG_DATA),
    body=_DATA, lc=(1, MOST_BYTES), protection=Protection.OPTIONAL,
    effect="The record is added, in a full cyclic file over the oldest, and the current one.",
)  # fmt: skip

VERIFY = CommandSpec(
    "VERIFY", 0x00, 0x20, _NONE, ANY, "JR/T 0025.1 6.2.16",
    (*_SECRET, *_LINE, *_WRONG_MAC, SW.KEY_INDEX),
    body=Struct("pin" / GreedyBytes * "the PIN, BCD; FF at its end may be left out"), lc=(2, 8),
    protection=Protection.OPTIONAL,
    effect="The register of the directory has the follow-up state of the PIN, whose tries are all back.",
)  # fmt: skip

#: A manual prints an example with the class byte of a protected form, and no MAC; both are taken.
CHANGE_PIN = CommandSpec(
    "CHANGE PIN", 0x80, 0x5E, one_of(0x01), ANY, "JR/T 0025.2 5.2.1",
    (*_SECRET, SW.KEY_INDEX, SW.WRONG_DATA, SW.NO_SPACE),
    body=Struct("pins" / GreedyBytes * "old PIN, FF, new PIN, each 2..6 bytes"), lc=(5, 13),
    protection=Protection.IGNORED,
    effect="The new PIN is in the place of the old one, with all its tries.",
)  # fmt: skip

RELOAD_PIN = CommandSpec(
    "RELOAD PIN", 0x80, 0x5E, _NONE, ANY, "JR/T 0025.2 5.2.12",
    (
        *(sw for sw in _SECRET if sw != TRIES_LEFT), SW.KEY_INDEX, SW.KEY_NOT_FOUND, *_WRONG_MAC,
        SW.NO_SPACE,
    ),
    body=Struct("pin" / GreedyBytes * "new PIN of 2..6 bytes, MAC of 4"), lc=(6, 10),
    effect="The new PIN is in the place of the old one, with all its tries.",
)  # fmt: skip

PIN_UNBLOCK = CommandSpec(
    "PIN UNBLOCK", 0x80, 0x24, ANY, ANY, "JR/T 0025.1 6.2.10",
    (
        *(sw for sw in _SECRET if sw != TRIES_LEFT), SW.CANNOT_PROCESS, SW.NO_CHALLENGE, SW.KEY_NOT_FOUND,
        SW.KEY_INDEX, SW.MAC_MISSING, *_WRONG_MAC, SW.WRONG_DATA, SW.NO_SPACE,
    ),
    body=Struct("pin" / GreedyBytes * "the PIN, 2..8 bytes"), lc=(2, 8), protection=Protection.ALWAYS,
    effect="All tries of the PIN are back; whether the PIN changes too is an option.",
)  # fmt: skip

GET_CHALLENGE = CommandSpec(
    "GET CHALLENGE", 0x00, 0x84, _NONE, _NONE, "JR/T 0025.1 6.2.7",
    (SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.APPLICATION_LOCKED),
    answer=Struct("data" / GreedyBytes * "random bytes"), le=8,
    effect="The challenge is there for the next command.",
)  # fmt: skip

EXTERNAL_AUTHENTICATE = CommandSpec(
    "EXTERNAL AUTHENTICATE", 0x00, 0x82, _NONE, ANY, "JR/T 0025.1 6.2.6",
    (*_SECRET, *_LINE, *_WRONG_MAC, SW.AUTHENTICATION_FAILED),
    body=Struct("cryptogram" / GreedyBytes * "the enciphered challenge, 8 bytes"), lc=(8, 8),
    protection=Protection.OPTIONAL,
    effect="The register of the directory has the follow-up state of the key, whose tries are all back.",
)  # fmt: skip

#: P1 is the method: 00 encipher, 01 decipher, 02 MAC.
INTERNAL_AUTHENTICATE = CommandSpec(
    "INTERNAL AUTHENTICATE", 0x00, 0x88, one_of(0x00, 0x01, 0x02), ANY, "JR/T 0025.1 6.2.9",
    (*_ANYWHERE, SW.SECURITY_STATUS, SW.FILE_NOT_FOUND, SW.KEY_NOT_FOUND),
    body=Struct("data" / GreedyBytes * "what the key works on"),
    answer=Struct("data" / GreedyBytes * "the result: whole blocks, or a MAC of 4 bytes"),
    lc=(1, MOST_BYTES), le=ALL_THERE_IS,
    effect="Nothing.",
)  # fmt: skip

_BLOCK = (
    SW.NOT_SUPPORTED, SW.APPLICATION_LOCKED, SW.WRONG_P1P2, SW.CANNOT_PROCESS, SW.MEMORY_FAILURE, SW.SECURITY_STATUS,
    SW.NO_CHALLENGE, SW.FILE_NOT_FOUND, SW.KEY_NOT_FOUND, SW.MAC_MISSING, *_WRONG_MAC,
)  # fmt: skip

#: P2 is 00 for a time, 01 for ever.
APPLICATION_BLOCK = CommandSpec(
    "APPLICATION BLOCK", 0x80, 0x1E, _NONE, one_of(0x00, 0x01), "JR/T 0025.1 6.2.3", _BLOCK,
    protection=Protection.ALWAYS,
    effect="The application takes nothing but SELECT, GET CHALLENGE and the commands of its blocking.",
)  # fmt: skip

APPLICATION_UNBLOCK = CommandSpec(
    "APPLICATION UNBLOCK", 0x80, 0x18, _NONE, _NONE, "JR/T 0025.1 6.2.4", (*_BLOCK, SW.CONDITIONS),
    protection=Protection.ALWAYS,
    effect="The application works again.",
)  # fmt: skip

CARD_BLOCK = CommandSpec(
    "CARD BLOCK", 0x80, 0x16, _NONE, _NONE, "JR/T 0025.1 6.2.5", _BLOCK, protection=Protection.ALWAYS,
    effect="The card answers 6A81 to everything, for ever.",
)  # fmt: skip

GET_RESPONSE = CommandSpec(
    "GET RESPONSE", 0x00, 0xC0, _NONE, _NONE, "JR/T 0025.1 6.2.8",
    (SW.CONDITIONS, SW.WRONG_P1P2),
    answer=Struct("data" / GreedyBytes * "what waits"), le=ALL_THERE_IS,
    effect="What was given waits no more.",
)  # fmt: skip

GET_MESSAGE = CommandSpec.fixed(
    "GET MESSAGE", (0x80, 0xCA, _NONE, _NONE), "CJ/T 166",
    statuses=_ANYWHERE, answer=layout("safety_code"), effect="Nothing.",
)  # fmt: skip

#: As cards of the Changsha metro are personalised; no standard prints it.
SET_MESSAGE = CommandSpec.fixed(
    "SET MESSAGE", (0x00, 0x22, _NONE, _NONE), "CJ/T 166",
    statuses=(*_ANYWHERE, SW.MEMORY_FAILURE, SW.SECURITY_STATUS), body=layout("safety_code"),
    effect="The card has its safety authentication code.",
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
    (*_ANYWHERE, SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.SECURITY_STATUS, SW.WRONG_DATA, SW.NO_SPACE),
    body=Struct(
        "type" / Int8ub,
        "header" / Switch(this.type & 0x3F, {FileType.DIRECTORY: _DIRECTORY}, default=_ELEMENTARY),
    ),
    lc=(7, 24),
    effect="The file or directory is there; the MF is entered at once.",
)  # fmt: skip

ERASE_DF = CommandSpec(
    "ERASE DF", 0x80, 0x0E, _NONE, _NONE, "FMCOS 7",
    (*_ANYWHERE, SW.MEMORY_FAILURE, SW.CANNOT_PROCESS, SW.SECURITY_STATUS),
    effect="Everything in the current directory is gone, which may be filled freely.",
)  # fmt: skip

_KEY_STATUSES = (
    *_ANYWHERE, SW.MEMORY_FAILURE, SW.SECURITY_STATUS, SW.METHOD_BLOCKED, SW.NO_CHALLENGE, SW.MAC_MISSING,
    *_WRONG_MAC, SW.FILE_NOT_FOUND, SW.NO_SPACE, SW.KEY_NOT_FOUND, SW.WRONG_DATA,
)  # fmt: skip

#: P1 is 01 to add a key or the type of the key to change, P2 the key identifier.
WRITE_KEY = CommandSpec(
    "WRITE KEY", 0x80, 0xD4, ANY - {0x00}, ANY, "FMCOS 7.12", _KEY_STATUSES,
    body=Struct(
        "type" / Int8ub, "use" / Int8ub, "change" / Int8ub, "first" / Int8ub, "second" / Int8ub, "value" / GreedyBytes
    ),
    lc=(7, 21), protection=Protection.OPTIONAL,
    effect="The key is there, or has its new value and rights.",
)  # fmt: skip

OS_COMMANDS = (
    SELECT, READ_BINARY, UPDATE_BINARY, READ_RECORD, UPDATE_RECORD, APPEND_RECORD, VERIFY, CHANGE_PIN, RELOAD_PIN,
    PIN_UNBLOCK, GET_CHALLENGE, EXTERNAL_AUTHENTICATE, INTERNAL_AUTHENTICATE, APPLICATION_BLOCK, APPLICATION_UNBLOCK,
    CARD_BLOCK, GET_RESPONSE, GET_MESSAGE, SET_MESSAGE, CREATE_FILE, ERASE_DF, WRITE_KEY,
)  # fmt: skip
