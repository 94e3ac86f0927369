"""Files and records as a terminal reads and writes them, and what an issuer does besides: make and erase them, load
keys.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import Final, cast

from ...apdu import Tlv, parse_tlv
from ...apdu.os_commands import (
    ALL_THERE_IS,
    APPEND_RECORD,
    CREATE_FILE,
    ERASE_DF,
    GET_MESSAGE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    SET_MESSAGE,
    UPDATE_BINARY,
    UPDATE_RECORD,
    WRITE_KEY,
)
from ...apdu.sam_commands import WRITE_SAM_KEY
from ...crypto import Key
from ...errors import ParameterError
from ...profile import FileType
from .security import MessageKey, SecuritySession

__all__ = ["MF", "FileSession", "IssuerSession", "RecordMode", "binary_place", "record_place"]

#: File identifier of the master file.
MF = 0x3F00

_BY_FID, _BY_NAME = 0x00, 0x04
_FIRST, _NEXT = 0x00, 0x02
_SFI_MAX, _SFI_OFFSET_MAX = 0x1E, 0xFF
_ADD_KEY: Final = 0x01
_CHUNK: Final = 200  # bytes of one UPDATE BINARY: below 239, MAC and encipherment included


@enum.unique
class RecordMode(enum.IntEnum):
    """How P1 of a record command means a record: low 3 bits of P2 (JR/T 0025.1 6.2.12, ISO/IEC 7816-4 7.3.2)."""

    FIRST = 0  #: the first with this tag; in commands that need none P1 is 00
    LAST = 1  #: the last with this tag
    NEXT = 2  #: the next with this tag, or after the current one
    PREVIOUS = 3  #: the one before with this tag, or before the current one
    NUMBER = 4  #: P1 is its number


class FileSession(SecuritySession):
    """Directories, files and records (JR/T 0025.1 6.2).

    Files are named by ``sfi``, the low five bits of their identifier (00 is the current file), and ``offset`` counts
    bytes.  A file whose protection demands it is read and written under ``key``, its maintenance key.
    """

    def select(self, data: bytes = b"", *, by_name: bool = False, following: bool = False) -> tuple[Tlv, ...]:
        """SELECT (JR/T 0025.1 6.2.13): the FCI (of most cards empty for an EF) of what becomes the current file.

        ``data`` are a file identifier of 2 bytes, none for the MF, or a name or its first bytes; ``following`` asks
        for the next application with such a name.
        """
        p1, p2 = _BY_NAME if by_name else _BY_FID, _NEXT if following else _FIRST
        return parse_tlv(self.send(SELECT.command(p1, p2, data=data)).data)

    def select_file(self, fid: int) -> tuple[Tlv, ...]:
        """SELECT of the file ``fid``."""
        return self.select(fid.to_bytes(2, "big"))

    def select_name(self, name: bytes, *, following: bool = False) -> tuple[Tlv, ...]:
        """SELECT of the application ``name`` (1..16 bytes, or its first ones)."""
        return self.select(name, by_name=True, following=following)

    # -- transparent files

    def read_binary(
        self, sfi: int, *, offset: int = 0, length: int = ALL_THERE_IS, key: MessageKey | None = None,
        enciphered: bool = False,
    ) -> bytes:  # fmt: skip
        """READ BINARY (JR/T 0025.1 6.2.11): bytes of a transparent file; ``length`` 256 is all there is.

        Under ``key`` raises :class:`~cardos.errors.MacMismatch` when the MAC of the answer is wrong.
        """
        command = replace(READ_BINARY.command(*binary_place(sfi, offset)), le=length)
        return self._read_protected(command, key, enciphered=enciphered)

    def update_binary(
        self,
        sfi: int,
        data: bytes,
        *,
        offset: int = 0,
        key: MessageKey | None = None,
        enciphered: bool = False,
    ) -> None:
        """UPDATE BINARY (JR/T 0025.1 6.2.14): write ``data``, in pieces where one command cannot hold them."""
        for start in range(0, len(data), _CHUNK):
            place = binary_place(
                0 if start else sfi, offset + start
            )  # the first piece makes the file current
            command = UPDATE_BINARY.command(*place, data=data[start : start + _CHUNK])
            self._send_protected(command, key, enciphered=enciphered)

    # -- records

    def read_record(
        self, sfi: int, number: int, *, mode: RecordMode = RecordMode.NUMBER, length: int = ALL_THERE_IS,
        key: MessageKey | None = None, enciphered: bool = False,
    ) -> bytes:  # fmt: skip
        """READ RECORD (JR/T 0025.1 6.2.12): record ``number`` (1..255; of a cyclic file 1 is the newest), or the one
        with that tag; under ``key`` as :meth:`read_binary`.
        """
        command = replace(READ_RECORD.command(number, record_place(sfi, mode)), le=length)
        return self._read_protected(command, key, enciphered=enciphered)

    def update_record(
        self, sfi: int, number: int, data: bytes, *, mode: RecordMode = RecordMode.NUMBER,
        key: MessageKey | None = None, enciphered: bool = False,
    ) -> None:  # fmt: skip
        """UPDATE RECORD (JR/T 0025.1 6.2.15): replace record ``number``, or the one with that tag; to a cyclic file
        number 0 in mode NEXT or PREVIOUS adds one.
        """
        command = UPDATE_RECORD.command(number, record_place(sfi, mode), data=data)
        self._send_protected(command, key, enciphered=enciphered)

    def append_record(
        self, sfi: int, data: bytes, *, key: MessageKey | None = None, enciphered: bool = False
    ) -> None:
        """APPEND RECORD (JR/T 0025.1 6.2): add a record."""
        command = APPEND_RECORD.command(None, record_place(sfi, RecordMode.FIRST), data=data)
        self._send_protected(command, key, enciphered=enciphered)

    # -- message

    def get_message(self) -> bytes:
        """GET MESSAGE: the 9-byte safety authentication code (CJ/T 166); ``6A81`` from a card that has none."""
        return cast(bytes, GET_MESSAGE.parse_answer(self.send(GET_MESSAGE.command()).data).safety_code)


class IssuerSession(FileSession):
    """What an issuer does to a card besides: make and erase directories and files, load keys (CREATE FILE, ERASE DF and
    WRITE KEY FMCOS 7).
    """

    def create_file(
        self, fid: int, file_type: int, *, shape: int, read: int, write: int, protection: int
    ) -> None:
        """CREATE FILE of an EF.  ``shape`` is its size, or the record count times 256 plus the record length."""
        header = {
            "shape": shape, "read": read, "write": write, "reserved": 0xFF, "protection": protection, "tail": b"",
        }  # fmt: skip
        self.send(CREATE_FILE.command(*divmod(fid, 256), type=file_type, header=header))

    def create_directory(
        self, fid: int, *, size: int, create: int, erase: int, application: int, tail: bytes
    ) -> None:
        """CREATE FILE of the MF or a DF; rights are access bytes.

        ``tail`` is the transport code (MF), or two reserved bytes FFFF and the name (DF).
        """
        header = {"size": size, "create": create, "erase": erase, "application": application, "tail": tail}
        self.send(CREATE_FILE.command(*divmod(fid, 256), type=FileType.DIRECTORY, header=header))

    def erase_df(self) -> None:
        """ERASE DF: everything in the current directory is gone."""
        self.send(ERASE_DF.command())

    def write_key(
        self, key_type: int, key_id: int, value: bytes, *, use: int, change: int, first: int, second: int,
        control: MessageKey | None = None, replaces: int | None = None,
    ) -> None:  # fmt: skip
        """WRITE KEY: add a key to the current directory, or replace the one of type ``replaces``; under ``control`` it
        travels enciphered with a MAC, otherwise in clear.

        ``first`` and ``second`` are the attribute bytes: version and algorithm, or follow-up state and tries.
        """
        command = WRITE_KEY.command(
            _ADD_KEY if replaces is None else replaces, key_id, type=key_type, use=use, change=change, first=first,
            second=second, value=value,
        )  # fmt: skip
        self._send_protected(command, control, enciphered=True)

    def write_sam_key(
        self, usage: int, version: int, algorithm: int, value: Key, *, control: MessageKey
    ) -> None:
        """WRITE SAM KEY: load a key into the current directory of a SAM under its control key, enciphered with a MAC.

        ``usage`` is ``levels << 5 | kind``.
        """
        command = WRITE_SAM_KEY.command(
            usage=usage, version=version, algorithm=algorithm, value=value.reveal()
        )
        self._send_protected(command, control, enciphered=True)

    def set_message(self, safety_code: bytes) -> None:
        """SET MESSAGE: give a card its 9-byte safety authentication code, in the MF while that may be filled
        (CJ/T 166).
        """
        self.send(SET_MESSAGE.command(safety_code=safety_code))


def _check_sfi(sfi: int) -> None:
    if not 0 <= sfi <= _SFI_MAX:
        raise ParameterError("sfi", "00..1E", f"{sfi:02X}")


def binary_place(sfi: int, offset: int) -> tuple[int, int]:
    """P1 P2 of READ and UPDATE BINARY.

    >>> binary_place(0x15, 8)
    (149, 8)
    """
    _check_sfi(sfi)
    most = _SFI_OFFSET_MAX if sfi else 0x7FFF
    if not 0 <= offset <= most:
        raise ParameterError("offset", f"0..{most}", offset)
    return (0x80 | sfi, offset) if sfi else divmod(offset, 256)


def record_place(sfi: int, mode: RecordMode) -> int:
    """P2 of the record commands.

    >>> f"{record_place(0x18, RecordMode.NUMBER):02X}"
    'C4'
    """
    _check_sfi(sfi)
    return sfi << 3 | mode
