"""Where a relay is: ``tcp:HOST:PORT`` or ``unix:PATH``, to connect to and to listen at."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...errors import ParameterError, ReaderBusy, TransportError

__all__ = ["Door", "TcpAddress", "UnixAddress", "parse_address"]

_BACKLOG = 128
_OWNER_ONLY = 0o600
_PROBE = 1.0  # seconds that somebody who listens on a socket file may take to show it


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that listens at ``address``, its port known."""

    socket: socket.socket
    address: TcpAddress | UnixAddress
    _tidy: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Stop listening and leave nothing behind; closing twice is allowed."""
        if self.socket.fileno() >= 0:
            self._tidy()
            self.socket.close()


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port of TCP.

    >>> str(parse_address("tcp:[::1]:4000"))
    'tcp:[::1]:4000'
    """

    host: str
    port: int
    scheme: ClassVar[str] = "tcp"

    @classmethod
    def parse(cls, place: str) -> TcpAddress:
        """From ``HOST:PORT``; an IPv6 address stands in brackets."""
        host, _, port = place.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 0xFFFF:
            raise ParameterError("address", "tcp:HOST:PORT with a port of 0..65535", repr(f"tcp:{place}"))
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def connect(self, timeout: float) -> socket.socket:
        """A connection to it; :class:`OSError` when there is none within ``timeout`` seconds."""
        return socket.create_connection((self.host, self.port), timeout)

    def listen(self, *, any_address: bool) -> Door:
        """Listen there, with port 0 at a free one.

        Raises :class:`~cardos.errors.ParameterError` unless every address that the host's name means is loopback or
        ``any_address`` allows others, :class:`~cardos.errors.TransportError` when it cannot be listened at.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            if not any_address and not all(_is_loopback(str(place[0])) for *_, place in found):
                allowed = "loopback, such as tcp:127.0.0.1:PORT, unless any address is allowed"
                raise ParameterError("address", allowed, self)
            family, _, _, _, place = found[0]
            door = socket.create_server(place[:2], family=family, backlog=_BACKLOG)
        except (OSError, UnicodeError) as error:  # the second of a name that can be none
            raise _unusable(self, error) from None
        return Door(door, TcpAddress(self.host, int(door.getsockname()[1])))

    def __str__(self) -> str:
        return f"{self.scheme}:{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system of this machine.

    >>> str(parse_address("unix:/run/card"))
    'unix:/run/card'
    """

    path: Path
    scheme: ClassVar[str] = "unix"

    @classmethod
    def parse(cls, place: str) -> UnixAddress:
        """From the path of the file."""
        if not place or "\0" in place:
            raise ParameterError("address", "unix:PATH", repr(f"unix:{place}"))
        if not hasattr(socket, "AF_UNIX"):
            raise ParameterError("address", "tcp:HOST:PORT on this system", repr(f"unix:{place}"))
        return cls(Path(place))

    def connect(self, timeout: float) -> socket.socket:
        """A connection to it; :class:`OSError` when there is none within ``timeout`` seconds."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            # While the queue is full the kernel lets a blocking call wait, and refuses any other at once.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout))
            connection.connect(str(self.path))
            connection.settimeout(timeout)
        except BlockingIOError:
            connection.close()
            raise TimeoutError("no room in the queue") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def listen(self, *, any_address: bool) -> Door:
        """Listen there; the file is its owner's alone, and goes when the door is closed.

        A socket file that nobody listens on any more is replaced.  Raises :class:`~cardos.errors.ReaderBusy` when
        somebody does, :class:`~cardos.errors.ParameterError` for a file of another kind, which is left alone, and
        :class:`~cardos.errors.TransportError` when it cannot be listened at.
        """
        del any_address
        door = socket.socket(socket.AF_UNIX)
        try:
            with _alone_in(self.path.parent):
                self._clear()
                door.bind(str(self.path))
                self.path.chmod(_OWNER_ONLY)  # before anybody can connect
                door.listen(_BACKLOG)
                mine = self.path.stat()
        except BaseException as error:
            door.close()
            if isinstance(error, OSError):
                raise _unusable(self, error) from None
            raise
        return Door(door, self, lambda: self._remove(mine))

    def _clear(self) -> None:
        """Remove the socket file of a process that died."""
        try:
            kind = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(kind):
            raise ParameterError("address", "a new file or an old socket", f"another file at {self.path}")
        try:
            self.connect(_PROBE).close()
        except ConnectionRefusedError:
            self.path.unlink()
            return
        except TimeoutError:
            pass  # so many wait there that there is no room for one more
        raise ReaderBusy(f"{self} is served by somebody else")

    def _remove(self, mine: os.stat_result) -> None:
        with suppress(OSError):  # somebody may have removed it
            if os.path.samestat(mine, self.path.lstat()):
                self.path.unlink()

    def __str__(self) -> str:
        return f"{self.scheme}:{self.path}"


def parse_address(text: str) -> TcpAddress | UnixAddress:
    """The address in a text; :class:`~cardos.errors.ParameterError` for one of another form."""
    scheme, _, place = text.partition(":")
    for kind in (TcpAddress, UnixAddress):
        if scheme == kind.scheme:
            return kind.parse(place)
    raise ParameterError("address", "tcp:HOST:PORT or unix:PATH", repr(text))


def _timeval(seconds: float) -> bytes:
    """``struct timeval``, of at least a microsecond: nothing would be for ever."""
    return struct.pack("@ll", int(seconds), max(1, int(seconds % 1 * 1e6)))


def _is_loopback(place: str) -> bool:
    return ipaddress.ip_address(place.partition("%")[0]).is_loopback


def _unusable(address: TcpAddress | UnixAddress, error: Exception) -> TransportError:
    reason = getattr(error, "strerror", None) or error
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return ReaderBusy(f"{address} is served by somebody else")
    return TransportError(f"{address} cannot be listened at: {reason}")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Only one process at a time looks for old sockets there: a new one does not listen for a moment, and must not be
    taken for an old one.
    """
    import fcntl  # only where there are sockets in the file system

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
