"""The wire of vsmartcard between a virtual reader and a card, and we as the reader.

A message is its length in 2 bytes, big endian, and that many bytes.  From the reader one byte is a
:class:`Control`; anything else is a command.  The card answers commands, and ``ATR`` with its ATR.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from enum import IntEnum, unique

from ...errors import CardRemoved, NoCard, ParameterError, TransportError, TransportTimeout
from .base import Transport
from .link import Link

__all__ = ["DEFAULT_PORT", "MOST_BYTES", "Control", "VpcdLink", "VpcdTransport"]

#: The TCP port of the first slot of the driver; the second has the next one.
DEFAULT_PORT = 0x8C7B
#: The longest message, bytes.
MOST_BYTES = 0xFFFF

_LENGTH = 2
_ATR_LENGTHS = range(2, 34)  # ISO/IEC 7816-3 8.2: TS, T0 and at most 31 bytes more
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


@unique
class Control(IntEnum):
    """What a reader asks for with a message of one byte; only ``ATR`` is answered."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    ATR = 4


class VpcdLink(Link):
    r"""Whole messages over a connected socket, which it owns.

    No peer takes more memory than one message, and none more than twice ``timeout`` seconds for one (``None``: any
    time).

    >>> ours, theirs = map(VpcdLink, socket.socketpair())
    >>> with ours, theirs:
    ...     ours.send(b"\x04")
    ...     theirs.receive()
    b'\x04'
    """

    def __init__(self, connection: socket.socket, *, timeout: float | None = None) -> None:
        super().__init__(connection)
        connection.settimeout(timeout)
        self._timeout, self._buffer = timeout, bytearray()
        self._quick = _QUICKACK if self.network else None

    def send(self, *messages: bytes) -> None:
        """Send messages in one piece: a prefix on its own would wait for the other side's acknowledgement (Nagle)."""
        pieces = []
        for message in messages:
            if len(message) > MOST_BYTES:
                raise ParameterError("message", f"0..{MOST_BYTES} bytes", f"{len(message)} bytes")
            pieces += [len(message).to_bytes(_LENGTH, "big"), message]
        self.connection.sendall(b"".join(pieces))

    def receive(self) -> bytes:
        """The next message."""
        limit = None if self._timeout is None else time.monotonic() + self._timeout
        buffer = self._buffer
        while len(buffer) < _LENGTH or len(buffer) < _LENGTH + (buffer[0] << 8 | buffer[1]):
            self._more(limit)
        end = _LENGTH + (buffer[0] << 8 | buffer[1])
        message = bytes(buffer[_LENGTH:end])
        del buffer[:end]
        return message

    def _more(self, limit: float | None) -> None:
        if limit is not None and time.monotonic() > limit:
            raise TimeoutError("timed out in the middle of a message")
        if self._quick is not None:
            # The driver sends prefix and body apart, and its kernel holds the body until the prefix is acknowledged,
            # which ours would put off for 40 ms.  The option clears itself.
            self.connection.setsockopt(socket.IPPROTO_TCP, self._quick, 1)
        self._buffer += self.piece()


class VpcdTransport(Transport):
    """A card that waits at ``host`` and ``port`` for the driver of vsmartcard, such as
    ``cardos card serve IMAGE --listen``; we play the driver.

    ``timeout`` is the longest wait for an answer, in seconds.  Raises :class:`~cardos.errors.NoCard` when nobody
    listens, or the card process has no card in its slot.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 10.0) -> None:
        self._address, self._timeout = (host, port), timeout
        self._link: VpcdLink | None = None
        self._closed = False
        self.atr = self.reset()

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer to a command of 2..65535 bytes; one byte alone would be a :class:`Control`.

        Raises :class:`~cardos.errors.TransportTimeout`, and :class:`~cardos.errors.CardRemoved` when the connection
        ends; :meth:`reset` makes a new one.
        """
        self._check_open()
        if not 2 <= len(command) <= MOST_BYTES:
            raise ParameterError("command", f"2..{MOST_BYTES} bytes", f"{len(command)} bytes")
        if self._link is None:
            raise CardRemoved("card was removed; reset it")
        return self._exchange(self._link, bytes(command))

    def reset(self, *, cold: bool = True) -> bytes:
        """Power the card off and on, or reset it; connects again when the connection ended."""
        self._check_open()
        steps = (Control.POWER_OFF, Control.POWER_ON) if cold else (Control.RESET,)
        if self._link is not None:
            try:
                return self._start(self._link, *steps)
            except CardRemoved:
                pass  # it may be there again
        self._link = self._connect()
        try:
            return self._start(self._link, Control.POWER_ON)
        except CardRemoved:
            raise NoCard(f"no card lies in {self._place}") from None

    def close(self) -> None:
        """Power the card off and give it up."""
        if self._link is not None:
            with suppress(OSError):  # it may have gone
                self._link.send(bytes([Control.POWER_OFF]))
        self._drop()
        self._closed = True

    def _start(self, link: VpcdLink, *steps: Control) -> bytes:
        atr = self._exchange(link, *(bytes([step]) for step in (*steps, Control.ATR)))
        if len(atr) not in _ATR_LENGTHS:
            self._drop()
            raise TransportError(f"ATR must be 2..33 bytes, got {len(atr)}")
        self.atr = atr
        return atr

    def _connect(self) -> VpcdLink:
        try:
            connection = socket.create_connection(self._address, self._timeout)
        except TimeoutError:
            raise TransportTimeout(f"{self._place} did not answer within {self._timeout:g} s") from None
        except ConnectionRefusedError:
            raise NoCard(f"nobody listens at {self._place}; try: cardos card serve IMAGE --listen") from None
        except OSError as error:
            raise TransportError(f"{self._place} cannot be reached: {error.strerror or error}") from None
        return VpcdLink(connection, timeout=self._timeout)

    def _exchange(self, link: VpcdLink, *messages: bytes) -> bytes:
        """The answer to the last of ``messages``; without one the connection is given up, since a late answer would be
        taken for that to the next command.
        """
        try:
            link.send(*messages)
            return link.receive()
        except TimeoutError:
            self._drop()
            raise TransportTimeout(f"no answer within {self._timeout:g} s") from None
        except OSError:
            self._drop()
            raise CardRemoved("card was removed; reset it") from None

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("transport is closed; open a new one")

    @property
    def _place(self) -> str:
        return "{}:{}".format(*self._address)
