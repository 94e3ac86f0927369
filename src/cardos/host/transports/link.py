"""A connected socket that whole messages go over: what the wires of the relay and of vsmartcard have in common."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Self

__all__ = ["Link"]

_CHUNK = 16_384


class Link:
    """A connected socket, which it owns, and a context manager that closes it.

    All errors are :class:`OSError`: :class:`TimeoutError`, and :class:`ConnectionError` when the other side is gone.

    >>> ours, theirs = map(Link, socket.socketpair())
    >>> with ours, theirs:
    ...     ours.connection.sendall(b"here")
    ...     theirs.piece()
    b'here'
    """

    def __init__(self, connection: socket.socket) -> None:
        #: The socket; its timeout is that of the next call.
        self.connection = connection
        #: Whether it is a TCP connection.
        self.network = connection.family in {socket.AF_INET, socket.AF_INET6}
        if self.network:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def piece(self) -> bytes:
        """Some of what came, at least 1 byte and at most 16 KiB."""
        piece = self.connection.recv(_CHUNK)
        if not piece:
            raise ConnectionResetError("the other side closed the connection")
        return piece

    def shut(self) -> None:
        """Make whoever waits for something to come, in another thread, see the end."""
        with suppress(OSError):  # the other side may have been faster
            self.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket; closing twice is allowed."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
