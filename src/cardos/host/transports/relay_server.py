"""A relay: one card, served over a socket to one client at a time.

An event loop watches the door: who connects has to say hello soon, and then waits a moment for the card.  The client
that has the card is served in a thread, so that a slow command keeps nobody from being refused.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from ...errors import CardosError, DecodeError, ReaderBusy
from .base import Transport
from .relay_address import parse_address
from .relay_frames import (
    ANSWER,
    GREETING,
    MOST_BYTES,
    Frame,
    FrameLink,
    FrameReader,
    Kind,
    encode_error,
    encode_frame,
)
from .relay_visit import RelayLimits, Visit

__all__ = ["RelayServer"]

_PAUSE = 0.1  # seconds until we look again for a connection that could not be taken
_FIRST_BYTES = 64
#: How soon a host that vanished is noticed: seconds to the first question, between two, and how many.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class RelayServer:
    """Serves the card of ``transport``, which stays the caller's, at ``address``: ``tcp:HOST:PORT`` (port 0: a free
    one) or ``unix:PATH`` (a file of its owner alone, gone afterwards).

    It listens from the start; :meth:`serve_forever` serves, and so does a thread of ours after :meth:`start`, or
    inside ``with``.  Addresses that other machines reach are refused unless ``any_address``, since nothing is
    encrypted and nobody is asked for a password.

    Raises :class:`~cardos.errors.ParameterError` for an address that is none or is refused,
    :class:`~cardos.errors.ReaderBusy` when somebody listens there, :class:`~cardos.errors.TransportError` when it
    cannot be listened at.

    >>> from cardos.host.transports.relay import RelayTransport
    >>> from cardos.readers import open_transport
    >>> with open_transport("sim:city-3des") as card, RelayServer(card, "tcp:127.0.0.1:0") as relay:
    ...     with RelayTransport(relay.address) as far:
    ...         far.transmit(bytes.fromhex("00A40000023F00"))[-2:].hex()
    '9000'
    """

    def __init__(
        self,
        transport: Transport,
        address: str,
        *,
        any_address: bool = False,
        limits: RelayLimits | None = None,
    ) -> None:
        self._transport, self._limits = transport, limits or RelayLimits()
        self._door = parse_address(address).listen(any_address=any_address)
        self._door.socket.setblocking(False)
        #: Where it listens, as a client writes it.
        self.address = str(self._door.address)
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping, self._card = asyncio.Event(), asyncio.Lock()
        #: The connections without the card, in the order in which they came.
        self._guests: dict[socket.socket, asyncio.Task[None]] = {}
        self._visitor: FrameLink | None = None  # who has it

    # -- from any thread

    def start(self) -> None:
        """Serve in a thread of ours until :meth:`close`."""
        self._thread = threading.Thread(target=self.serve_forever, name=f"relay {self.address}")
        self._thread.start()

    def stop(self) -> None:
        """Make :meth:`serve_forever` return once the command in flight is answered; signal handlers may call it."""
        self._stopped = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._stopping.set)

    def close(self) -> None:
        """Stop, and leave no thread, no socket and no file behind; closing twice is allowed."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
        if self._loop is None:  # it never served
            self._door.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Serve until :meth:`stop`, or an exception such as :class:`KeyboardInterrupt`; then close."""
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve())
        finally:
            self._door.close()

    # -- the event loop

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._stopped:  # before there was a loop to tell
            return
        self._loop.set_default_executor(ThreadPoolExecutor(1, thread_name_prefix=f"client of {self.address}"))
        self._open(self._loop)
        try:
            await self._stopping.wait()
        finally:
            self._loop.remove_reader(self._door.socket)
            for guest in self._guests.values():
                guest.cancel()
            if self._visitor is not None:
                self._visitor.stop_receiving()
            await self._card.acquire()  # free when the command in flight is answered

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._stopped:
            loop.add_reader(self._door.socket, self._accept, loop)

    def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            connection, _ = self._door.socket.accept()
        except BlockingIOError:
            return  # it went away again
        except OSError:  # no descriptors left: until there are, whoever waits longest makes room
            self._drop_oldest()
            loop.remove_reader(self._door.socket)
            loop.call_later(_PAUSE, self._open, loop)
            return
        if len(self._guests) >= self._limits.waiting:
            self._drop_oldest()
        connection.setblocking(False)
        self._guests[connection] = loop.create_task(self._receive(connection))
        self._guests[connection].add_done_callback(lambda _: self._forget(connection))

    def _drop_oldest(self) -> None:
        for connection, guest in self._guests.items():
            del self._guests[connection]
            guest.cancel()
            return

    def _forget(self, connection: socket.socket) -> None:
        self._guests.pop(connection, None)
        connection.close()

    async def _receive(self, connection: socket.socket) -> None:
        """All the time of one connection."""
        reader = FrameReader(len(GREETING))  # a stranger takes no room
        try:
            async with asyncio.timeout(self._limits.hello):
                await _hear(connection, reader)
        except DecodeError as error:
            _refuse(connection, error)
            return
        except OSError:
            return  # gone, or too slow
        try:
            async with asyncio.timeout(self._limits.handover):
                await self._card.acquire()
        except TimeoutError:
            _refuse(connection, ReaderBusy(f"{self.address} serves somebody else"))
            return
        self._guests.pop(connection, None)
        try:
            await self._admit(connection, reader)
        finally:
            self._card.release()

    async def _admit(self, connection: socket.socket, reader: FrameReader) -> None:
        reader.most = MOST_BYTES
        try:
            _keep_alive(connection)
            self._visitor = FrameLink(connection, reader)
        except OSError:  # it is gone, and takes no settings
            return
        try:
            await asyncio.to_thread(Visit(self._transport, self._visitor, self._limits).run)
        finally:
            self._visitor = None


async def _hear(connection: socket.socket, reader: FrameReader) -> None:
    """Wait for hello."""
    while (frame := reader.take()) is None:
        piece = await asyncio.get_running_loop().sock_recv(connection, _FIRST_BYTES)
        if not piece:
            raise ConnectionResetError("it went away again")
        reader.feed(piece)
    if frame != Frame(Kind.HELLO, GREETING):
        raise DecodeError(f"first frame must be hello of version {GREETING[-1]}", path="frame")


def _refuse(connection: socket.socket, error: CardosError) -> None:
    with suppress(OSError):  # so few bytes fit, or it is gone
        connection.send(encode_frame(Kind.ERROR | ANSWER, encode_error(error)))


def _keep_alive(connection: socket.socket) -> None:
    """Notice when the other machine vanishes without a word."""
    if connection.family == getattr(socket, "AF_UNIX", None):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
