"""What a command costs on its way to a card: in process, over the relay, through the real PC/SC service; each channel
also with a stub in place of the card, in turns.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from apdu import READ, SELECT, seconds
from cardos.crypto import backend
from cardos.host import PcscTransport, SimulatedTransport
from cardos.host.serving import VpcdSlot
from cardos.host.transports.relay import RelayTransport
from cardos.host.transports.relay_server import RelayServer
from cardos.simulation import make_test_card

ROUNDS, COMMANDS, AIM = 120, 50, 0.15
STUB, CARD, STUB_IN_OURS = "stub", "our card", "stub, both ends ours"
#: A command as long as READ, and its answer from the stub.
CONSTANT, ANSWER = bytes.fromhex("00B096001E"), bytes(30) + b"\x90\x00"
ATR = bytes.fromhex("3B800181")
OURS = "127.0.0.1"


class StubAndCard:
    """A card of ours whose file 0015 can be read, and a stub: it knows one command, and answers it without thought."""

    def __init__(self):
        self.card = make_test_card("city-3des")

    def power_on(self):
        return self.card.power_on()

    def power_off(self):
        self.card.power_off()

    def transmit(self, command, /):
        return ANSWER if command == CONSTANT else self.card.transmit(command)


# ------------------------------------------------------------------ servers, each a process of its own


def receive(connection, size):
    data = b""
    while len(data) < size:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def plain_card(port):
    """A stub behind the driver of the virtual reader, with nothing of ours: the least that a card can take."""
    connection = socket.create_connection((OURS, port))
    answers = {b"\x04": len(ATR).to_bytes(2, "big") + ATR, **dict.fromkeys((b"\x00", b"\x01", b"\x02"))}
    answer = len(ANSWER).to_bytes(2, "big") + ANSWER
    while True:
        message = receive(connection, int.from_bytes(receive(connection, 2), "big"))
        if reply := answers.get(message, answer):
            connection.sendall(reply)


def our_slot(port):
    VpcdSlot(StubAndCard(), OURS, port).run()


def plain_socket(tell):
    """A bare exchange of as many bytes as the relay has to carry."""
    with socket.create_server((OURS, 0)) as door:
        tell(door.getsockname())
        connection, _ = door.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = bytes(4) + ANSWER
        while connection.recv(4 + len(READ)):
            connection.sendall(answer)


def our_relay(tell):
    with RelayServer(SimulatedTransport(StubAndCard()), f"tcp:{OURS}:0") as server:
        tell(server.address)
        threading.Event().wait()


@contextmanager
def process(work, *arguments):
    child = multiprocessing.Process(target=work, args=arguments, daemon=True)
    child.start()
    try:
        yield
    finally:
        child.terminate()
        child.join()


def listening(contexts, work):
    """Where a server process listens."""
    here, there = multiprocessing.Pipe()
    contexts.enter_context(process(work, there.send))
    assert here.poll(10)
    return here.recv()


# ------------------------------------------------------------------ channels: what goes over them, by name


def in_process(_contexts):
    card = SimulatedTransport(StubAndCard())
    card.transmit(SELECT)
    return {STUB: lambda: card.transmit(CONSTANT), CARD: lambda: card.transmit(READ)}


def over_relay(contexts):
    bare = contexts.enter_context(socket.create_connection(listening(contexts, plain_socket)))
    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    message = bytes(4) + READ
    link = contexts.enter_context(RelayTransport(listening(contexts, our_relay)))
    link.transmit(SELECT)
    return {
        STUB: lambda: link.transmit(CONSTANT),
        CARD: lambda: link.transmit(READ),
        "bare socket": lambda: (bare.sendall(message), bare.recv(64)),
    }


def stack_of_tests():
    """The PC/SC service of the tests, as a module."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.e2e import stack

    return stack


def through_pcscd(contexts):
    from smartcard import scard
    from smartcard.CardConnection import CardConnection
    from smartcard.System import readers

    stack = stack_of_tests().Stack(Path(contexts.enter_context(tempfile.TemporaryDirectory())))
    os.environ["PCSCLITE_CSOCK_NAME"] = str(stack.socket)
    stack.start()
    contexts.callback(stack.stop)
    contexts.enter_context(process(our_slot, stack.port))
    contexts.enter_context(process(plain_card, stack.port + 1))
    ours, stub = (contexts.enter_context(PcscTransport(name, wait=10)) for name in stack.readers)
    ours.transmit(SELECT)
    theirs = next(reader for reader in readers() if str(reader) == stub.reader).createConnection()
    theirs.connect(CardConnection.T1_protocol)
    contexts.callback(theirs.release)
    raw, handle, header, command = scard.SCardTransmit, theirs.component.hcard, scard.SCARD_PCI_T1, list(READ)
    return {
        STUB: lambda: raw(handle, header, command),
        CARD: lambda: ours.transmit(READ),
        STUB_IN_OURS: lambda: ours.transmit(CONSTANT),
        "stub, our client end": lambda: stub.transmit(READ),
        "stub, pyscard's end": lambda: theirs.transmit(command),
    }


#: Channels, with what opens them.
CHANNELS = {"in process": in_process, "relay": over_relay, "pcscd": through_pcscd}
#: The rows that the aim is for.
AIMED = {(channel, name) for channel in ("relay", "pcscd") for name in (CARD, STUB_IN_OURS)}


def costs(actions):
    """Microseconds of each action in each round.  Rounds are short, so that noise meets all who have a turn in one."""
    found = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            found[name].append(seconds(action, COMMANDS) / COMMANDS * 1e6)
    return found


def measured(opened):
    """What is behind a channel, its microseconds, those over the stub's of the same round, and that as a share."""
    with ExitStack() as contexts:
        actions = opened(contexts)
        assert len(actions[CARD]()) == len(ANSWER)
        found = costs(actions)
    least = statistics.median(found[STUB])
    for name, rounds in found.items():
        more = statistics.median(ours - stub for ours, stub in zip(rounds, found[STUB], strict=True))
        yield name, statistics.median(rounds), more, more / least


def rows():
    """Channel, what is behind it, its rate, microseconds, how much more than the stub, whether the aim is met."""
    for channel, opened in CHANNELS.items():
        if opened is through_pcscd and (lack := stack_of_tests().missing()):
            print(lack)
            continue
        for name, cost, more, share in measured(opened):
            met = ("no", "yes")[share <= AIM] if (channel, name) in AIMED else ""
            over = (
                (f"{more:+.1f}", f"{share:+.0%}" * (opened is not in_process)) if name != STUB else ("", "")
            )
            yield channel, name, f"{1e6 / cost:,.0f}", f"{cost:.1f}", *over, met


def main():
    table = Table(
        "channel", "behind it", "APDU/s", "µs", "over stub", "share", f"<= {AIM:.0%}",
        title=f"READ BINARY of 30 bytes, medians of {ROUNDS} rounds in turns, backend {backend.name}",
    )  # fmt: skip
    for row in rows():
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
