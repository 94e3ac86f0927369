"""Sessions with a card: :class:`CardSession` sends declared commands, :class:`FileSession` knows those of the
card operating system.

A session adds no order of its own: a command sent at the wrong moment goes out, and the card says what it thinks.
"""

from __future__ import annotations

from dataclasses import replace

from ..apdu import SW, Command, Response, SecureChannel, Tlv, describe_sw, find_spec, parse_tlv
from ..apdu.os_commands import (
    APPEND_RECORD,
    CREATE_FILE,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    SET_MESSAGE,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
    WRITE_KEY,
)
from ..apdu.sam_commands import WRITE_SAM_KEY
from ..crypto import Key, Suite
from ..errors import ParameterError, StatusError, TransportError
from ..profile import FileType
from .transport import GetResponse, Transport

__all__ = ["MF", "CardSession", "FileSession"]

#: File identifier of the master file.
MF = 0x3F00

_BY_FID, _BY_NAME = 0x00, 0x04
_SFI_MAX, _SFI_OFFSET_MAX = 0x1E, 0xFF
_NUMBERED, _UNNUMBERED = 0x04, 0x00  # low bits of P2 in record commands: P1 is a record number, or it is not
_ADD_KEY = 0x01
_CHUNK = 200  # bytes of one UPDATE BINARY: below 239, MAC and encipherment included


class CardSession:
    """A conversation over ``transport``, which stays the caller's: 61xx and 6Cxx are resolved, refusals raised."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._resolved = GetResponse(transport)

    def exchange(self, command: Command) -> Response:
        """The answer to ``command``, whatever its status word.

        Raises :class:`~cardos.errors.TransportError` when no answer, or not even a status word, came.
        """
        raw = self._resolved.transmit(bytes(command))
        if len(raw) < 2:
            raise TransportError(f"answer must be at least 2 bytes, got {len(raw)}")
        return Response.decode(raw)

    def send(self, command: Command) -> Response:
        """The answer to ``command`` when its status is 9000, otherwise :class:`~cardos.errors.StatusError`."""
        response = self.exchange(command)
        if response.sw != SW.SUCCESS:
            spec = find_spec(command)
            name = spec.name if spec else command.header.hex().upper()
            raise StatusError(name, response.sw, response.data, text=describe_sw(response.sw))
        return response


class FileSession(CardSession):
    """Files, keys and authentication (JR/T 0025.1 6.2; CREATE FILE and WRITE KEY FMCOS), for a card of ``suite``.

    Where a method takes ``key``, the command is protected with it: a challenge is fetched, the MAC is made
    with it, and ``enciphered`` data are enciphered (JR/T 0025.2 5.5.9.1).  Files are named by ``sfi``, the
    low five bits of their identifier (00 is the current file), and ``offset`` counts bytes.
    """

    def __init__(self, transport: Transport, suite: Suite) -> None:
        super().__init__(transport)
        self.suite = suite

    def select_file(self, fid: int) -> tuple[Tlv, ...]:
        """The FCI (empty for an EF) of the file ``fid``, which becomes the current one."""
        data = self.send(SELECT.command(_BY_FID, 0x00, data=fid.to_bytes(2, "big"))).data
        return parse_tlv(data)

    def select_name(self, name: bytes) -> tuple[Tlv, ...]:
        """The FCI of the application ``name`` (1..16 bytes), which becomes the current one."""
        return parse_tlv(self.send(SELECT.command(_BY_NAME, 0x00, data=name)).data)

    def read_binary(self, sfi: int, *, offset: int = 0, length: int = 256) -> bytes:
        """Bytes of a transparent file; ``length`` 256 is all there is."""
        command = replace(READ_BINARY.command(*_binary_place(sfi, offset)), le=length)
        return self.send(command).data

    def update_binary(
        self, sfi: int, data: bytes, *, offset: int = 0, key: Key | None = None, enciphered: bool = False
    ) -> None:
        """Write ``data`` into a transparent file, in pieces where one command cannot hold them."""
        for start in range(0, len(data), _CHUNK):
            place = _binary_place(
                0 if start else sfi, offset + start
            )  # the first piece makes the file current
            command = UPDATE_BINARY.command(*place, data=data[start : start + _CHUNK])
            self._send_protected(command, key, enciphered=enciphered)

    def read_record(self, sfi: int, number: int, *, length: int = 256) -> bytes:
        """Record ``number`` (1..255; of a cyclic file 1 is the newest)."""
        return self.send(replace(READ_RECORD.command(number, _record_place(sfi)), le=length)).data

    def update_record(
        self, sfi: int, number: int, data: bytes, *, key: Key | None = None, enciphered: bool = False
    ) -> None:
        """Replace record ``number``."""
        command = UPDATE_RECORD.command(number, _record_place(sfi), data=data)
        self._send_protected(command, key, enciphered=enciphered)

    def append_record(
        self, sfi: int, data: bytes, *, key: Key | None = None, enciphered: bool = False
    ) -> None:
        """Add a record."""
        command = APPEND_RECORD.command(None, _record_place(sfi, _UNNUMBERED), data=data)
        self._send_protected(command, key, enciphered=enciphered)

    def verify(self, pin: bytes, *, key_id: int = 0) -> None:
        """Present the PIN ``key_id``; a wrong one raises ``63Cx``, x tries left."""
        self.send(VERIFY.command(None, key_id, pin=pin))

    def get_challenge(self, size: int = 8) -> bytes:
        """A random number of ``size`` bytes (4, 8 or, on cards with a 128-bit cipher, 16), good for the next
        command.
        """
        return self.send(replace(GET_CHALLENGE.command(), le=size)).data

    def external_authenticate(self, key: Key, *, key_id: int = 0) -> None:
        """Prove to the card that we have its authentication key ``key_id``."""
        cryptogram = self.suite.cryptogram(key, self.get_challenge(key.block_size))
        self.send(EXTERNAL_AUTHENTICATE.command(None, key_id, cryptogram=cryptogram))

    def create_directory(
        self, fid: int, *, size: int, create: int, erase: int, application: int, tail: bytes
    ) -> None:
        """CREATE FILE of the MF or a DF; rights are access bytes.

        ``tail`` is the transport code (MF), or two reserved bytes FFFF and the name (DF).
        """
        header = {"size": size, "create": create, "erase": erase, "application": application, "tail": tail}
        self.send(CREATE_FILE.command(*divmod(fid, 256), type=FileType.DIRECTORY, header=header))

    def create_file(
        self, fid: int, file_type: int, *, shape: int, read: int, write: int, protection: int
    ) -> None:
        """CREATE FILE of an EF.  ``shape`` is its size, or the record count times 256 plus the record length."""
        header = {
            "shape": shape, "read": read, "write": write, "reserved": 0xFF, "protection": protection, "tail": b"",
        }  # fmt: skip
        self.send(CREATE_FILE.command(*divmod(fid, 256), type=file_type, header=header))

    def write_key(
        self, key_type: int, key_id: int, value: bytes, *, use: int, change: int, first: int, second: int,
        control: Key | None = None, replaces: int | None = None,
    ) -> None:  # fmt: skip
        """Add a key to the current directory, or replace the one of type ``replaces``; under ``control`` it
        travels enciphered with a MAC, otherwise in clear.

        ``first`` and ``second`` are the attribute bytes: version and algorithm, or follow-up state and tries.
        """
        command = WRITE_KEY.command(
            _ADD_KEY if replaces is None else replaces, key_id, type=key_type, use=use, change=change, first=first,
            second=second, value=value,
        )  # fmt: skip
        self._send_protected(command, control, enciphered=True)

    def write_sam_key(self, usage: int, version: int, algorithm: int, value: Key, *, control: Key) -> None:
        """Load a key into the current directory of a SAM under its control key, enciphered with a MAC.

        ``usage`` is ``levels << 5 | kind``.
        """
        command = WRITE_SAM_KEY.command(
            usage=usage, version=version, algorithm=algorithm, value=value.reveal()
        )
        self._send_protected(command, control, enciphered=True)

    def set_message(self, safety_code: bytes) -> None:
        """Give a card its 9-byte safety authentication code, in the MF while that may be filled (CJ/T 166)."""
        self.send(SET_MESSAGE.command(safety_code=safety_code))

    def _send_protected(self, command: Command, key: Key | None, *, enciphered: bool) -> None:
        if key is not None:
            channel = SecureChannel(self.suite, key, self.get_challenge(4))
            command = channel.protect(command, enciphered=enciphered)
        self.send(command)


def _binary_place(sfi: int, offset: int) -> tuple[int, int]:
    """P1 P2 of READ and UPDATE BINARY."""
    if not 0 <= sfi <= _SFI_MAX:
        raise ParameterError("sfi", "00..1E", f"{sfi:02X}")
    most = _SFI_OFFSET_MAX if sfi else 0x7FFF
    if not 0 <= offset <= most:
        raise ParameterError("offset", f"0..{most}", offset)
    return (0x80 | sfi, offset) if sfi else divmod(offset, 256)


def _record_place(sfi: int, mode: int = _NUMBERED) -> int:
    """P2 of the record commands."""
    if not 0 <= sfi <= _SFI_MAX:
        raise ParameterError("sfi", "00..1E", f"{sfi:02X}")
    return sfi << 3 | mode
