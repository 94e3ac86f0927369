"""Relays of the kit's card, and raw peers that speak whatever a test wants."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

from cardos.host import SimulatedTransport
from cardos.host.transports.relay import RelayTransport
from cardos.host.transports.relay_address import parse_address
from cardos.host.transports.relay_frames import GREETING, FrameLink, Kind, encode_frame
from cardos.host.transports.relay_server import RelayServer
from cardos.host.transports.relay_visit import RelayLimits
from cardos.testing import KitCard

LOOPBACK = "tcp:127.0.0.1:0"
HELLO = encode_frame(Kind.HELLO, GREETING)
COUNT, ECHO, DIE = (bytes.fromhex(text) for text in ("80E3000001", "80E00000", "80E40000"))
#: Impatient, so that tests need not wait.
QUICK = RelayLimits(hello=0.1, frame=0.1, idle=0.2, handover=0.2, waiting=4)
QUICK_TO_REFUSE = RelayLimits(handover=0.05)


@contextmanager
def served(transport=None, address=LOOPBACK, **options):
    """A relay that runs, of the kit's card by default."""
    with transport or SimulatedTransport(KitCard()) as card, RelayServer(card, address, **options) as relay:
        yield relay


def connect(relay):
    """A bare connection."""
    connection = parse_address(relay.address).connect(5)
    connection.settimeout(5)
    return connection


@contextmanager
def spoken(relay, *pieces):
    """A link whose first bytes are ours to choose."""
    link = FrameLink(connect(relay))
    try:
        for piece in pieces:
            link.connection.sendall(piece)
        yield link
    finally:
        link.close()


def ended(link):
    """Whether the relay closes the connection."""
    link.connection.settimeout(5)
    try:
        while link.connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def answering(raw):
    """A server that is ours: it sends ``raw`` to whoever comes first, and is there for nobody else."""
    door = socket.create_server(("127.0.0.1", 0))
    address = f"tcp:127.0.0.1:{door.getsockname()[1]}"

    def serve():
        with suppress(OSError), door.accept()[0] as peer:
            door.close()
            peer.settimeout(5)
            peer.recv(4096)
            peer.sendall(raw)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(4096):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield address
    finally:
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        thread.join()
        door.close()


def far(relay, timeout=5.0):
    return RelayTransport(getattr(relay, "address", relay), timeout=timeout)


def descriptors():
    """How many this process has, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
