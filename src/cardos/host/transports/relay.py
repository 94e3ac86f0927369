"""A card at the other end of a socket: we as the client of a relay."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from ...errors import DecodeError, ParameterError, ServiceDown, TransportError, TransportTimeout
from .base import Transport
from .relay_address import parse_address
from .relay_frames import ANSWER, GREETING, MOST_BYTES, Frame, FrameLink, Kind, decode_error

__all__ = ["RelayTransport"]

_ERROR = Kind.ERROR | ANSWER


class RelayTransport(Transport):
    """The card that a relay serves at ``address``, for as long as we are connected ours alone.

    Errors are those of the transport at the far side, class and text.  Further,
    :class:`~cardos.errors.ServiceDown` when nobody listens or the connection ends,
    :class:`~cardos.errors.TransportTimeout` when no answer came within ``timeout`` seconds, both for the connection
    and for each command, and :class:`~cardos.errors.ReaderBusy` when the relay serves somebody else.  After the first
    two, and after anything that is no answer, the connection is given up, since a late answer would be taken for that
    to the next command; :meth:`reset` makes a new one.
    """

    def __init__(self, address: str, *, timeout: float = 10.0) -> None:
        if timeout <= 0:
            raise ParameterError("timeout", "more than 0 seconds", timeout)
        self.address = parse_address(address)
        self._timeout = timeout
        self._link: FrameLink | None = None
        self._closed = False
        self.atr = self._connect()

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer to a command of at most 65544 bytes."""
        if len(command) > MOST_BYTES:
            raise ParameterError("command", f"0..{MOST_BYTES} bytes", f"{len(command)} bytes")
        return self._ask(Kind.TRANSMIT, bytes(command))

    def reset(self, *, cold: bool = True) -> bytes:
        """Power the card off and on, or reset it; connects again when the connection was lost."""
        self._check_open()
        if self._link is not None:
            try:
                self.atr = self._ask(Kind.RESET, bytes([cold]))
            except ServiceDown:
                if self._link is not None:  # the service at the far side is down, not the relay
                    raise
            else:
                return self.atr
        self.atr = self._connect()
        return self.atr

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        self._ask(Kind.BEGIN)
        try:
            yield
        finally:
            with suppress(TransportError):  # it ended with the connection
                self._ask(Kind.END)

    def exclusive(self) -> AbstractContextManager[None]:
        """While it is open no other program at the far side reaches the card."""
        return self._exclusively()

    def remove(self) -> None:
        """Take a simulated card away: commands raise :class:`~cardos.errors.CardRemoved` until :meth:`reset`.

        The relay refuses for any other card, :class:`~cardos.errors.TransportError`.
        """
        self._ask(Kind.REMOVE)

    def close(self) -> None:
        """Give the card up, which the relay resets, and wait until it is free for the next."""
        link, self._link, self._closed = self._link, None, True
        if link is None:
            return
        try:
            link.send(Kind.CLOSE, limit=self._timeout)
            link.receive(self._timeout)
        except (OSError, DecodeError):
            pass  # it is gone already, or too busy to say so
        finally:
            link.close()

    def _connect(self) -> bytes:
        self._link = FrameLink(self._open())
        try:
            return self._greeted(self._ask(Kind.HELLO, GREETING))
        except BaseException:
            self._drop()
            raise

    def _greeted(self, answer: bytes) -> bytes:
        if answer[: len(GREETING)] != GREETING:
            raise TransportError(f"{self.address} speaks another protocol or version")
        return answer[len(GREETING) :]

    def _open(self) -> socket.socket:
        try:
            return self.address.connect(self._timeout)
        except TimeoutError:
            raise TransportTimeout(f"{self.address} did not answer within {self._timeout:g} s") from None
        except (OSError, ValueError) as error:  # the second of a name that cannot be one
            reason = getattr(error, "strerror", None) or error
            raise ServiceDown(f"{self.address} cannot be reached: {reason}; try: cardos relay") from None

    def _ask(self, kind: Kind, body: bytes = b"") -> bytes:
        """The body of the answer, or the error that was answered."""
        self._check_open()
        if self._link is None:
            raise ServiceDown(f"connection to {self.address} was lost; reset it")
        answer = self._exchange(self._link, kind, body)
        if answer.kind == kind | ANSWER:
            return answer.body
        if answer.kind != _ERROR:
            self._drop()
            raise TransportError(f"answer must be of kind {kind | ANSWER:02X}, got {answer.kind:02X}")
        raise decode_error(answer.body)

    def _exchange(self, link: FrameLink, kind: Kind, body: bytes) -> Frame:
        end = time.monotonic() + self._timeout
        try:
            link.send(kind, body, limit=self._timeout)
            return link.receive(end - time.monotonic())
        except TimeoutError:
            self._drop()
            raise TransportTimeout(f"no answer within {self._timeout:g} s") from None
        except DecodeError as error:
            self._drop()
            raise TransportError(f"{self.address} does not speak our protocol: {error}") from None
        except OSError:
            self._drop()
            raise ServiceDown(f"connection to {self.address} was lost; reset it") from None

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("transport is closed; open a new one")
