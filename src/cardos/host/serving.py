"""A simulated card in a reader: served to the driver of vsmartcard, which stands behind the real PC/SC service.

A driver connected is a card inserted; the connection closed is a card removed.  The card loses its power, and with it
all that is volatile, whenever the reader takes it away or resets the card.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, unique

from ..errors import CardRemoved, TransportError
from .transports.base import CardLike
from .transports.vpcd import DEFAULT_PORT, MOST_BYTES, Control, VpcdLink

__all__ = ["SlotEvent", "VpcdSlot", "contactless_atr"]

_SHORTEST_COMMAND = 4
_WRONG_LENGTH, _NO_DIAGNOSIS = b"\x67\x00", b"\x6f\x00"
_CONVENTIONS = (b"\x3b", b"\x3f")  # TS of an ATR, ISO/IEC 7816-3 8.1
_RETRY = 0.1  # seconds between two attempts to find the driver
_BACKLOG = 128


@unique
class SlotEvent(Enum):
    """What happens to a card in a slot."""

    WAITING = "waiting for the driver"
    INSERTED = "inserted"
    POWER_ON = "power on"
    POWER_OFF = "power off"
    RESET = "reset"
    CUT = "power cut"
    REMOVED = "removed"
    DRIVER_GONE = "driver gone"


def contactless_atr(ats: bytes) -> bytes:
    """The ATR that a reader makes up for a contactless card, from its ATS (ISO/IEC 14443-4 5.2): T=0 and T=1 offered,
    and the historical bytes (PC/SC part 3, 3.1.3.2.3.1).

    >>> contactless_atr(bytes.fromhex("067880900241")).hex()
    '3b8180014141'
    """
    interface = (ats[1] >> 4 & 0x07).bit_count() if len(ats) > 1 else 0
    historical = ats[2 + interface : ats[0]][:15] if ats else b""
    body = bytes([0x80 | len(historical), 0x80, 0x01]) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])


class VpcdSlot:
    """One slot of the virtual reader, with ``card`` in it.

    :meth:`run` serves it; every other method may be called from another thread meanwhile.  The driver listens at
    ``host`` and ``port``, or with ``listen`` we do and the driver connects (port 0: a free one, see ``port``).

    The driver of Debian 12, told to connect, takes pcscd down when it finds nobody there or its card leaves: listen
    before pcscd starts, and keep the card in.

    ``events`` is told what happens, in the thread of :meth:`run`.  A driver that says nothing for ``patience`` seconds
    is taken for dead (it looks at its card every 0.4 s).  Without ``reconnect`` :meth:`run` ends with the first driver.

    Raises :class:`~cardos.errors.TransportError` when it cannot listen there.
    """

    def __init__(
        self, card: CardLike, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, listen: bool = False,
        reconnect: bool = True, patience: float = 10.0, events: Callable[[SlotEvent], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.host, self.port = host, port
        self._card, self._reconnect, self._patience, self._tell = card, reconnect, patience, events
        self._changed = threading.Condition()
        self._present, self._stopped = True, False
        self._link: VpcdLink | None = None
        self._why: SlotEvent | None = None  # what ends the connection, when it is our doing
        self._atr, self._powered, self._glitch = b"", False, False
        self._waits = False
        #: Whether a driver has the card.
        self.connected = False
        self._door = self._listen() if listen else None
        self._actions: Mapping[bytes, Callable[[VpcdLink], None]] = {
            bytes([Control.POWER_OFF]): self._on_power_off,
            bytes([Control.POWER_ON]): self._on_power_on,
            bytes([Control.RESET]): self._on_reset,
            bytes([Control.ATR]): self._on_atr,
        }

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            door = socket.create_server((self.host, self.port), family=family, backlog=_BACKLOG)
        except OSError as error:
            where = f"{self.host}:{self.port}"
            raise TransportError(f"{where} cannot be listened on: {error.strerror or error}") from None
        door.settimeout(_RETRY)
        self.port = door.getsockname()[1]
        return door

    # -- from other threads

    @property
    def inserted(self) -> bool:
        """Whether the card is in the slot."""
        return self._present

    @property
    def powered(self) -> bool:
        """Whether the reader gives the card power."""
        return self._powered

    def insert(self) -> None:
        """Put the card into the slot."""
        with self._changed:
            self._present = True
            self._changed.notify_all()

    def remove(self) -> None:
        """Take the card out; a command that runs is not answered."""
        self._end(SlotEvent.REMOVED, present=False)

    def cut(self) -> None:
        """Cut the power for a moment; a command that runs is not answered.  The reader sees the card go and come."""
        self._end(SlotEvent.CUT, present=self._present)

    def reset(self) -> None:
        """Let the card reset itself before the next command: it forgets, and the reader notices nothing."""
        self._glitch = True

    def stop(self) -> None:
        """Take the card out and make :meth:`run` return."""
        with self._changed:
            self._stopped = True
        if self._door is not None:
            with suppress(OSError):  # where it does not wake who accepts, that one looks again by itself
                self._door.shutdown(socket.SHUT_RDWR)
        self.remove()

    def _end(self, why: SlotEvent, *, present: bool) -> None:
        with self._changed:
            self._present = present
            if self._link is not None:
                self._why = why
                self._link.shut()
            self._changed.notify_all()

    # -- the thread that serves

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        try:
            while not self._stopped:
                link = self._meet()
                if link is not None and self._serve(link) is SlotEvent.DRIVER_GONE and not self._reconnect:
                    return
        finally:
            if self._door is not None:
                self._door.close()

    def _meet(self) -> VpcdLink | None:
        """The connection to a driver, ``None`` when there is none at the moment."""
        connection = self._accept(self._door) if self._door is not None else self._call()
        if connection is None:
            return None
        link = VpcdLink(connection, timeout=self._patience)
        with self._changed:
            if self._present:
                self._link, self._why = link, None
                return link
        link.close()  # a driver that waits must learn that there is no card
        return None

    @staticmethod
    def _accept(door: socket.socket) -> socket.socket | None:
        try:
            return door.accept()[0]
        except OSError:  # nobody came, or nobody is there any more
            return None

    def _call(self) -> socket.socket | None:
        with self._changed:
            self._changed.wait_for(lambda: self._present or self._stopped)
        try:
            return socket.create_connection((self.host, self.port), self._patience)
        except OSError:
            if not self._waits and self._present:
                self._tell(SlotEvent.WAITING)
            self._waits = True
            self._pause()
            return None

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait(_RETRY)

    def _serve(self, link: VpcdLink) -> SlotEvent:
        """Serve one driver; gives what ended it."""
        why = SlotEvent.DRIVER_GONE
        try:
            self._power_up()
            while True:
                self._answer(link, link.receive())
        except CardRemoved:
            why = SlotEvent.CUT
        except OSError:
            pass  # the driver is gone, or the link was shut
        finally:
            with self._changed:
                self._link, known = None, self.connected
                self.connected = False
            link.close()
            self._power_down()
        why = self._why or why
        if known:
            self._tell(why)
        elif self._door is None:
            self._pause()
        return why

    def _answer(self, link: VpcdLink, message: bytes) -> None:
        if self._why is not None:
            raise ConnectionAbortedError("the card left before the message was read")
        if not self.connected:
            self.connected, self._waits = True, False
            self._tell(SlotEvent.INSERTED)
        if self._glitch and self._powered:
            self._power_up()
        if len(message) == 1 and message in self._actions:
            self._actions[message](link)
        elif len(message) < _SHORTEST_COMMAND:
            link.send(_WRONG_LENGTH)
        else:
            self._execute(link, message)

    def _execute(self, link: VpcdLink, command: bytes) -> None:
        if not self._powered:
            raise ConnectionAbortedError("a command came to a card without power")
        answer = self._card.transmit(command)
        link.send(answer if len(answer) <= MOST_BYTES else _NO_DIAGNOSIS)

    def _power_up(self) -> None:
        self._glitch = False
        atr = self._card.power_on()
        self._atr = atr if atr[:1] in _CONVENTIONS else contactless_atr(atr)
        self._powered = True

    def _power_down(self) -> None:
        self._powered = False
        self._card.power_off()

    def _on_power_on(self, _: VpcdLink) -> None:
        self._power_up()
        self._tell(SlotEvent.POWER_ON)

    def _on_power_off(self, _: VpcdLink) -> None:
        self._power_down()
        self._tell(SlotEvent.POWER_OFF)

    def _on_reset(self, _: VpcdLink) -> None:
        self._power_up()
        self._tell(SlotEvent.RESET)

    def _on_atr(self, link: VpcdLink) -> None:
        link.send(self._atr)
