"""The wire between a relay and its client, ``cardrelay/1``: small frames, bounded, and what they say.

A frame is its kind in 1 byte, the length of its body in 3 bytes, big endian, and the body.  ``docs/relay.md`` is the
whole description, for those who write another client.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum, unique
from types import MappingProxyType
from typing import NamedTuple

from ...errors import (
    CardosError,
    CardRemoved,
    DecodeError,
    NoCard,
    NoReader,
    ParameterError,
    ReaderBusy,
    ServiceDown,
    SharingViolation,
    TransportError,
    TransportTimeout,
)
from .link import Link

__all__ = [
    "ANSWER",
    "GREETING",
    "HEADER",
    "MOST_BYTES",
    "FaultCode",
    "Frame",
    "FrameLink",
    "FrameReader",
    "Kind",
    "decode_error",
    "encode_error",
    "encode_frame",
]

#: Bytes of kind and length.
HEADER = 4
#: The longest body: the longest command there is, header, Lc, 65535 bytes and Le (ISO/IEC 7816-3 12.1.3).
MOST_BYTES = 65_544
#: What each side says first: the name of the protocol and its version, 01.
GREETING = b"cardrelay\x01"
#: The kind of an answer is that of its request and this bit.
ANSWER = 0x80

_MOST_TEXT = 512


@unique
class Kind(IntEnum):
    """What a client asks for; ``ERROR`` is only answered."""

    HELLO = 0x01
    TRANSMIT = 0x02
    RESET = 0x03
    ATR = 0x04
    CLOSE = 0x05
    BEGIN = 0x06
    END = 0x07
    REMOVE = 0x08
    ERROR = 0x7F


@unique
class FaultCode(IntEnum):
    """What went wrong, the first byte of an error; from 40 on it is the relay that complains, not the reader."""

    NO_ANSWER = 0x01
    CARD_REMOVED = 0x02
    NO_CARD = 0x03
    NO_READER = 0x04
    READER_BUSY = 0x05
    SHARING_VIOLATION = 0x06
    SERVICE_DOWN = 0x07
    TIMEOUT = 0x08
    MALFORMED = 0x40
    INTERNAL = 0x41


_CLASSES: Mapping[int, type[TransportError]] = MappingProxyType(
    {
        FaultCode.NO_ANSWER: TransportError,
        FaultCode.CARD_REMOVED: CardRemoved,
        FaultCode.NO_CARD: NoCard,
        FaultCode.NO_READER: NoReader,
        FaultCode.READER_BUSY: ReaderBusy,
        FaultCode.SHARING_VIOLATION: SharingViolation,
        FaultCode.SERVICE_DOWN: ServiceDown,
        FaultCode.TIMEOUT: TransportTimeout,
    }
)
_CODES: Mapping[type[BaseException], int] = MappingProxyType({kind: code for code, kind in _CLASSES.items()})


class Frame(NamedTuple):
    """One frame; ``kind`` may be one that nobody knows."""

    kind: int
    body: bytes = b""


def encode_frame(kind: int, body: bytes = b"") -> bytes:
    """A frame as it is sent; its body has 0..65544 bytes.

    >>> encode_frame(Kind.TRANSMIT, bytes.fromhex("00A40000023F00")).hex()
    '0200000700a40000023f00'
    """
    if len(body) > MOST_BYTES:
        raise ParameterError("body", f"0..{MOST_BYTES} bytes", f"{len(body)} bytes")
    return bytes([kind]) + len(body).to_bytes(HEADER - 1, "big") + body


class FrameReader:
    r"""Frames out of a stream that comes in pieces; bodies of more than ``most`` bytes are refused at their header.

    >>> reader = FrameReader()
    >>> reader.feed(b"\x04\x00\x00\x00\x03\x00")
    >>> reader.take(), reader.take()
    (Frame(kind=4, body=b''), None)
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, piece: bytes) -> None:
        """Add what came."""
        self._buffer += piece

    def take(self) -> Frame | None:
        """The next frame, ``None`` while it is not complete.

        Raises :class:`~cardos.errors.DecodeError` when it is too long; what follows makes no sense then.
        """
        buffer = self._buffer
        if len(buffer) < HEADER:
            return None
        length = int.from_bytes(buffer[1:HEADER], "big")
        if length > self.most:
            problem = f"length must be 0..{self.most}, got {length}"
            raise DecodeError(problem, offset=self._offset + 1, path="frame")
        if len(buffer) < HEADER + length:
            return None
        frame = Frame(buffer[0], bytes(buffer[HEADER : HEADER + length]))
        del buffer[: HEADER + length]
        self._offset += HEADER + length
        return frame

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)


class FrameLink(Link):
    """Whole frames over a connected socket, which it owns; ``reader`` may hold bytes that came before.

    Raises :class:`~cardos.errors.DecodeError` of what is no frame.
    """

    def __init__(self, connection: socket.socket, reader: FrameReader | None = None) -> None:
        super().__init__(connection)
        self._reader = reader or FrameReader()
        self._deaf = False

    def send(self, kind: int, body: bytes = b"", *, limit: float) -> None:
        """Send a frame in one piece, within ``limit`` seconds."""
        self.connection.settimeout(limit)
        self.connection.sendall(encode_frame(kind, body))

    def receive(self, limit: float, *, rest: float | None = None) -> Frame:
        """The next frame within ``limit`` seconds; with ``rest`` it may begin so late, and has ``rest`` more."""
        if self._deaf:
            raise ConnectionAbortedError("nothing more is received")
        frame = self._reader.take()
        end = time.monotonic() + limit
        begun = rest is None
        while frame is None:
            if rest is not None and not begun and self._reader.pending:
                begun, end = True, time.monotonic() + rest
            self._read(end - time.monotonic())
            frame = self._reader.take()
        return frame

    def stop_receiving(self) -> None:
        """Make whoever waits in :meth:`receive`, in another thread, see the end; what it sends is still sent."""
        self._deaf = True
        with suppress(OSError):  # the other side may have been faster
            self.connection.shutdown(socket.SHUT_RD)

    def _read(self, seconds: float) -> None:
        if seconds <= 0:
            raise TimeoutError("the frame did not end in time")
        self.connection.settimeout(seconds)
        self._reader.feed(self.piece())


# ------------------------------------------------------------------ errors on the wire


def encode_error(error: BaseException) -> bytes:
    """The body of an error frame: a :class:`FaultCode` and a text.

    The text is that of an error of ours, which holds no secret; of any other error it is the name alone.

    >>> encode_error(CardRemoved("card was removed; reset it"))[1:].decode()
    'card was removed; reset it'
    """
    if isinstance(error, NoReader):
        return _error(FaultCode.NO_READER, "\n".join((error.wanted, *error.readers)))
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _error(_CODES[kind], str(error))
    if isinstance(error, DecodeError):
        return _error(FaultCode.MALFORMED, str(error))
    if isinstance(error, CardosError):
        return _error(FaultCode.NO_ANSWER, str(error))
    return _error(FaultCode.INTERNAL, f"the relay failed: {type(error).__name__}")


def _error(code: int, text: str) -> bytes:
    return bytes([code]) + text.encode("utf-8", "replace")[:_MOST_TEXT]


def decode_error(body: bytes) -> TransportError:
    r"""What the body of an error frame says, as the error that it was at the far side.

    >>> decode_error(b"\x03no card lies in it")
    NoCard('no card lies in it')
    """
    if not body:
        return TransportError("the relay reported an error without a kind")
    lines = [_printable(line) for line in body[1 : 1 + _MOST_TEXT].decode("utf-8", "replace").split("\n")]
    if body[0] == FaultCode.NO_READER:
        return NoReader(lines[0], [name for name in lines[1:] if name])
    return _CLASSES.get(body[0], TransportError)(" ".join(lines))


def _printable(text: str) -> str:
    """Text from outside, without what would move a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)
