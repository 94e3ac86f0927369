"""The wire between a virtual reader and a card: both ends, over real sockets."""

from __future__ import annotations

import resource
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.card import Card
from cardos.errors import CardRemoved, NoCard, ParameterError, StatusError, TransportError, TransportTimeout
from cardos.host import Purse, PurseSession
from cardos.host.serving import SlotEvent, VpcdSlot, contactless_atr
from cardos.host.transports.vpcd import MOST_BYTES, Control, VpcdLink, VpcdTransport
from cardos.profile import load_profile, profile_names
from cardos.readers import open_transport
from cardos.simulation import make_test_card
from cardos.testing import KIT_ATR, KitCard, check_transport

LIMIT = 5.0  # seconds, for what must happen
COUNT = bytes.fromhex("80E3000001")  # of the kit's card: commands since the last reset
DIE = bytes.fromhex("80E40000")
OFF, ON, RESET, ATR = (bytes([control]) for control in Control)


# ------------------------------------------------------------------ the rig


@contextmanager
def served(card, **options):
    """A slot that is served by a thread; what it reports is in ``slot.seen``."""
    seen = Queue()
    slot = VpcdSlot(card, **{"events": seen.put, "listen": True, "port": 0, **options})
    slot.seen = seen
    thread = threading.Thread(target=slot.run)
    thread.start()
    slot.thread = thread
    try:
        yield slot
    finally:
        slot.stop()
        thread.join(LIMIT)
        assert not thread.is_alive()


def connect(slot) -> VpcdLink:
    return VpcdLink(socket.create_connection((slot.host, slot.port), LIMIT), timeout=LIMIT)


def ask(link: VpcdLink, *messages: bytes) -> bytes:
    link.send(*messages)
    return link.receive()


def expect(slot, *events):
    assert list(events) == [slot.seen.get(timeout=LIMIT) for _ in events]


class Driver:
    """The driver, listening as Debian's does."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(LIMIT)
        self.port = self.server.getsockname()[1]

    def accept(self) -> VpcdLink:
        return VpcdLink(self.server.accept()[0], timeout=LIMIT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()


@contextmanager
def hostile(*answers: bytes):
    """A peer that sends these bytes at once and closes when it is told to; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)
        done = threading.Event()

        def serve():
            for answer in answers:
                with server.accept()[0] as peer:
                    peer.sendall(answer)
                    if answer.endswith(b"..."):
                        done.wait(LIMIT)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        done.set()
        thread.join(LIMIT)
        assert not thread.is_alive()


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


# ------------------------------------------------------------------ messages


@given(
    st.lists(st.one_of(st.binary(max_size=300), st.just(bytes(MOST_BYTES))), min_size=1, max_size=4),
    st.data(),
)
def test_messages_arrive_however_they_are_cut(messages, data):
    stream = b"".join(map(framed, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    ours, theirs = socket.socketpair()
    with VpcdLink(ours, timeout=LIMIT) as link, theirs:

        def send():
            for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
                theirs.sendall(stream[start:end])

        thread = threading.Thread(target=send)
        thread.start()
        assert messages == [link.receive() for _ in messages]
        thread.join(LIMIT)


@given(st.lists(st.binary(max_size=64), max_size=3))
def test_messages_are_sent_in_one_piece(messages):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps the pieces apart
    with VpcdLink(ours, timeout=LIMIT) as link, theirs:
        link.send(*messages, b"\x90\x00")
        assert b"".join(map(framed, messages)) + framed(b"\x90\x00") == theirs.recv(1000)


def test_a_message_over_the_prefix_is_refused():
    ours, theirs = socket.socketpair()
    refused = pytest.raises(ParameterError, match="message must be 0..65535 bytes, got 65536 bytes")
    with VpcdLink(ours) as link, theirs, refused:
        link.send(bytes(MOST_BYTES + 1))


@pytest.mark.parametrize("sent", ["", "00", "0005", "000501020304"])
def test_half_a_message_times_out(sent):
    ours, theirs = socket.socketpair()
    with VpcdLink(ours, timeout=0.05) as link, theirs:
        theirs.sendall(bytes.fromhex(sent))
        with pytest.raises(TimeoutError):
            link.receive()


def test_a_message_that_drips_times_out():
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def drip():
        with theirs, suppress(OSError):
            for _ in range(100):
                if stop.wait(0.02):
                    break
                theirs.send(b"\x7f")

    thread = threading.Thread(target=drip)
    thread.start()
    with VpcdLink(ours, timeout=0.1) as link, pytest.raises(TimeoutError):
        link.receive()
    stop.set()
    thread.join(LIMIT)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux only: TCP_QUICKACK")
def test_a_driver_that_sends_prefix_and_body_apart_is_not_slow():
    # Debian's driver does; with acknowledgements put off each command takes 40 ms or more.
    with served(KitCard()) as slot, socket.create_connection((slot.host, slot.port), LIMIT) as raw:
        started = time.perf_counter()
        for _ in range(40):
            raw.send(b"\x00\x05")
            raw.send(COUNT)
            assert b"\x00\x03" == raw.recv(5)[:2]
        assert time.perf_counter() - started < 40 * 0.02


# ------------------------------------------------------------------ a card in a slot


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        pytest.param([ATR], 3, id="asked for the ATR"),
        pytest.param([OFF, ON], 1, id="power off and on"),
        pytest.param([ON], 1, id="power on again"),
        pytest.param([RESET], 1, id="reset"),
    ],
)
def test_what_a_card_forgets(messages, count):
    with served(KitCard()) as slot, connect(slot) as link:
        assert [b"\x01\x90\x00", b"\x02\x90\x00"] == [ask(link, COUNT) for _ in range(2)]
        assert KIT_ATR == ask(link, *[m for m in messages if m != ATR], ATR)
        assert bytes([count]) + b"\x90\x00" == ask(link, COUNT)


def test_the_card_itself_loses_its_power():
    card = make_test_card("city-3des")
    with served(card) as slot, connect(slot) as link:
        for message, event in (
            (ON, SlotEvent.POWER_ON),
            (OFF, SlotEvent.POWER_OFF),
            (RESET, SlotEvent.RESET),
        ):
            link.send(message)
            while slot.seen.get(timeout=LIMIT) is not event:
                pass
            assert (message != OFF) is card.powered
        slot.remove()
        expect(slot, SlotEvent.REMOVED)
        assert not card.powered


def test_a_card_that_resets_itself():
    with served(KitCard()) as slot, connect(slot) as link:
        assert b"\x01\x90\x00" == ask(link, COUNT)
        slot.reset()
        assert b"\x01\x90\x00" == ask(link, COUNT)
        assert b"\x02\x90\x00" == ask(link, COUNT)


def test_the_pin_must_be_given_again_after_a_reset():
    card = make_test_card("city-3des")
    with served(card) as slot, VpcdTransport(slot.host, slot.port) as transport:
        for cold in (True, False):
            session = PurseSession(transport, card.profile)
            with pytest.raises(StatusError, match="6982"):
                session.get_balance(Purse.ED)
            session.verify(bytes.fromhex("123456"))
            assert 0 == session.get_balance(Purse.ED)
            transport.reset(cold=cold)


@pytest.mark.parametrize("message", ["", "03", "05", "FF", "0000", "00A4", "00A400"])
def test_what_is_too_short_for_a_command_is_answered(message):
    card = KitCard()
    with served(card) as slot, connect(slot) as link:
        assert b"\x67\x00" == ask(link, bytes.fromhex(message))
        assert [] == card.received
        assert b"\x01\x90\x00" == ask(link, COUNT)


@pytest.mark.parametrize("size", [4, 5, 260, 65_535])
def test_commands_arrive_whole(size):
    command = b"\x80\xe9" + bytes(size - 2)
    card = KitCard()
    with served(card) as slot, connect(slot) as link:
        assert b"\x6d\x00" == ask(link, command)
    assert [command] == card.received


def test_an_answer_that_no_message_holds():
    class Endless(KitCard):
        def transmit(self, _, /):
            return bytes(MOST_BYTES + 1)

    with served(Endless()) as slot, connect(slot) as link:
        assert b"\x6f\x00" == ask(link, COUNT)


def test_a_command_without_power_is_not_answered():
    with served(KitCard()) as slot:
        with connect(slot) as link:
            link.send(OFF, COUNT)
            with pytest.raises(ConnectionError):
                link.receive()
        with connect(slot) as link:
            assert b"\x01\x90\x00" == ask(link, COUNT)
        expect(slot, SlotEvent.INSERTED, SlotEvent.POWER_OFF, SlotEvent.DRIVER_GONE)


def test_what_was_sent_before_the_removal_does_not_reach_the_card_after_it():
    card = KitCard()

    def pull(event):
        if event is SlotEvent.POWER_ON:
            slot.remove()

    with served(card, events=pull) as slot, connect(slot) as link:
        link.send(ON, COUNT)
        with pytest.raises(ConnectionError):
            link.receive()
    assert [] == card.received


def test_a_card_that_loses_power_leaves_without_an_answer():
    with served(KitCard()) as slot:
        with connect(slot) as link:
            link.send(DIE)
            with pytest.raises(ConnectionError):
                link.receive()
        with connect(slot) as link:
            assert KIT_ATR == ask(link, ATR)
        expect(slot, SlotEvent.INSERTED, SlotEvent.CUT, SlotEvent.INSERTED, SlotEvent.DRIVER_GONE)


def test_power_cut_at_a_write_of_a_real_card():
    card = make_test_card("city-3des")
    with served(card) as slot, VpcdTransport(slot.host, slot.port) as transport:
        session = PurseSession(transport, card.profile)
        card.memory.cut_after(0)
        with pytest.raises(CardRemoved):
            session.verify(bytes.fromhex("999999"))  # what it writes is the counter of tries
        transport.reset()
        session = PurseSession(transport, card.profile)
        with pytest.raises(StatusError, match="63C2"):
            session.verify(bytes.fromhex("999999"))


def test_the_life_of_a_card_in_a_slot():
    with Driver() as driver, served(KitCard(), listen=False, port=driver.port) as slot:
        with driver.accept() as link:
            assert (True, False) == (slot.inserted, slot.connected)  # connected is not yet inserted
            assert KIT_ATR == ask(link, ATR)
            assert slot.connected
            link.send(ON)
            link.send(OFF)
            link.send(ON)
            link.send(RESET)
            assert KIT_ATR == ask(link, ATR)
            assert slot.powered
            expect(
                slot,
                SlotEvent.INSERTED,
                SlotEvent.POWER_ON,
                SlotEvent.POWER_OFF,
                SlotEvent.POWER_ON,
                SlotEvent.RESET,
            )
            slot.remove()
            expect(slot, SlotEvent.REMOVED)
            assert (False, False, False) == (slot.inserted, slot.connected, slot.powered)
            with pytest.raises(ConnectionError):
                link.receive()
        slot.insert()
        with driver.accept() as link:
            assert KIT_ATR == ask(link, ATR)
            slot.cut()
            with pytest.raises(ConnectionError):
                link.receive()
        expect(slot, SlotEvent.INSERTED, SlotEvent.CUT)
        with driver.accept() as link:  # a power cut is no removal
            assert KIT_ATR == ask(link, ATR)
        expect(slot, SlotEvent.INSERTED, SlotEvent.DRIVER_GONE)
        with driver.accept() as link:
            assert KIT_ATR == ask(link, ATR)


def test_a_driver_that_starts_later_finds_the_card():
    with Driver() as driver:
        port = driver.port
    with served(KitCard(), listen=False, port=port) as slot:
        expect(slot, SlotEvent.WAITING)
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(LIMIT)
            with VpcdLink(server.accept()[0], timeout=LIMIT) as link:
                assert KIT_ATR == ask(link, ATR)
        expect(slot, SlotEvent.INSERTED, SlotEvent.DRIVER_GONE, SlotEvent.WAITING)


@pytest.mark.parametrize("listen", [True, False])
def test_without_reconnecting_it_ends_with_the_driver(listen):
    with Driver() as driver:
        port = 0 if listen else driver.port
        with served(KitCard(), listen=listen, port=port, reconnect=False) as slot:
            with connect(slot) if listen else driver.accept() as link:
                assert KIT_ATR == ask(link, ATR)
            slot.thread.join(LIMIT)
            assert not slot.thread.is_alive()


def test_a_slot_without_its_card_turns_drivers_away():
    with served(KitCard()) as slot:
        slot.remove()
        with connect(slot) as link, pytest.raises(OSError, match="closed|reset"):
            ask(link, ATR)
        slot.insert()
        with connect(slot) as link:
            assert KIT_ATR == ask(link, ATR)


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(TransportError, match=f"127.0.0.1:{port} cannot be listened on: "):
            VpcdSlot(KitCard(), port=port, listen=True)


# ------------------------------------------------------------------ bad peers


def test_garbage_harms_nobody():
    with served(KitCard(), events=lambda _: None) as slot:

        @given(st.binary(max_size=60))
        def check(garbage):
            with socket.create_connection((slot.host, slot.port), LIMIT) as raw, suppress(ConnectionError):
                raw.sendall(garbage)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(1000):
                    pass
            with connect(slot) as link:
                assert KIT_ATR == ask(link, ON, ATR)

        check()


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"\xff", id="half a length"),
        pytest.param(b"\xff\xff", id="the longest length"),
        pytest.param(b"\xff\xff" + bytes(60_000), id="much of the longest"),
    ],
)
def test_a_peer_that_stops_is_given_up(start):
    with served(KitCard(), patience=0.1) as slot:
        with socket.create_connection((slot.host, slot.port), LIMIT) as raw:
            raw.sendall(start)
            assert b"" == raw.recv(10)
        with connect(slot) as link:
            assert KIT_ATR == ask(link, ATR)


def test_a_peer_that_does_not_read_is_given_up():
    with served(KitCard(), patience=0.1) as slot:
        refused = pytest.raises(OSError, match="reset|pipe")
        with socket.create_connection((slot.host, slot.port), LIMIT) as raw, refused:
            raw.sendall(framed(bytes.fromhex("80E1FD0000000000")) * 1_000_000)
        with connect(slot) as link:
            assert KIT_ATR == ask(link, ATR)


def held() -> tuple[int, int]:
    """File descriptors and threads of this process."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux only: /proc/self/fd")
def test_a_thousand_connections_leave_nothing_behind():
    starts = [b"", b"\x00", b"\xff\xff\x00", framed(ATR), framed(COUNT), bytes(10)]
    before, sizes = held(), []
    with served(KitCard(), events=lambda _: None) as slot:
        for number in range(1000):
            with socket.create_connection((slot.host, slot.port), LIMIT) as raw:
                raw.sendall(starts[number % len(starts)])
            if number % 100 == 99:
                with connect(slot) as link:
                    assert KIT_ATR == ask(link, ATR)
                sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert before == held()
    assert sizes[-1] - sizes[0] < 8192  # KiB


# ------------------------------------------------------------------ we as the reader


def test_our_reader_is_a_transport():
    def link_to(card):
        slot = VpcdSlot(card, port=0, listen=True)
        thread = threading.Thread(target=slot.run)
        thread.start()
        slots.append((slot, thread))
        return VpcdTransport(slot.host, slot.port, timeout=LIMIT)

    slots = []
    try:
        assert "death of the card" in check_transport(link_to)
    finally:
        for slot, thread in slots:
            slot.stop()
            thread.join(LIMIT)


def test_by_its_path():
    with served(KitCard()) as slot, open_transport(f"vpcd:{slot.host}:{slot.port}") as transport:
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


def test_nobody_listens():
    with Driver() as driver:
        port = driver.port
    with pytest.raises(
        NoCard, match=f"nobody listens at 127.0.0.1:{port}; try: cardos card serve IMAGE --listen"
    ):
        VpcdTransport("127.0.0.1", port)


def test_an_address_that_is_none():
    with pytest.raises(TransportError, match=r"no.such.host.invalid:1 cannot be reached: "):
        VpcdTransport("no.such.host.invalid", 1)


def test_removed_and_there_again():
    with served(KitCard()) as slot, VpcdTransport(slot.host, slot.port, timeout=LIMIT) as transport:
        slot.remove()
        for _ in range(2):
            with pytest.raises(CardRemoved, match="card was removed; reset it"):
                transport.transmit(COUNT)
        with pytest.raises(NoCard, match=f"no card lies in 127.0.0.1:{slot.port}"):
            transport.reset()
        slot.insert()
        assert KIT_ATR == transport.reset()
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


def test_removed_and_there_again_before_anybody_noticed():
    with served(KitCard()) as slot, VpcdTransport(slot.host, slot.port, timeout=LIMIT) as transport:
        slot.cut()
        assert KIT_ATR == transport.reset()
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


@pytest.mark.parametrize("command", [b"", b"\x04", bytes(65_536)])
def test_what_the_wire_cannot_carry(command):
    with served(KitCard()) as slot, VpcdTransport(slot.host, slot.port, timeout=LIMIT) as transport:
        with pytest.raises(ParameterError, match=f"command must be 2..65535 bytes, got {len(command)} bytes"):
            transport.transmit(command)
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


def test_a_late_answer_is_never_taken_for_the_next():
    awake = threading.Event()

    class Slow(KitCard):
        def transmit(self, command, /):
            if command == b"\x80\xe2\x11\x11\x00":
                awake.wait(LIMIT)
            return super().transmit(command)

    with served(Slow()) as slot, VpcdTransport(slot.host, slot.port, timeout=0.2) as transport:
        with pytest.raises(TransportTimeout, match="no answer within 0.2 s"):
            transport.transmit(b"\x80\xe2\x11\x11\x00")
        awake.set()
        with pytest.raises(CardRemoved):
            transport.transmit(COUNT)
        transport.reset()
        assert b"\xaa\xbb\x22\x22" == transport.transmit(b"\x80\xe2\x22\x22\x00")


@pytest.mark.parametrize(
    ("sent", "error", "message"),
    [
        pytest.param(b"", NoCard, "no card lies in", id="closes"),
        pytest.param(b"\x00", NoCard, "no card lies in", id="half-a-length"),
        pytest.param(b"\x00\x04\x3b", NoCard, "no card lies in", id="cut-short"),
        pytest.param(b"\x00\x00", TransportError, "ATR must be 2..33 bytes, got 0", id="no-atr"),
        pytest.param(
            b"\x00\x22" + bytes(34), TransportError, "ATR must be 2..33 bytes, got 34", id="long-atr"
        ),
        pytest.param(b"\xff\xff...", TransportTimeout, "no answer within 0.2 s", id="promises-much"),
        pytest.param(framed(KIT_ATR), CardRemoved, "card was removed", id="leaves-after-the-atr"),
    ],
)
def test_bad_cards(sent, error, message):
    with hostile(sent) as port, pytest.raises(error, match=message):
        VpcdTransport("127.0.0.1", port, timeout=0.2).transmit(COUNT)


# ------------------------------------------------------------------ answers to reset


@pytest.mark.parametrize(
    ("ats", "atr"),
    [
        pytest.param("", "3b80800101", id="nothing"),
        pytest.param("01", "3b80800101", id="only-a-length"),
        pytest.param("0270", "3b80800101", id="interface-bytes-missing"),
        pytest.param("0578809002FF", "3b80800101", id="no-historical-bytes"),
        pytest.param("067880900241", "3b8180014141", id="one"),
        pytest.param("10788090022090000000000000000000", None, id="of-a-profile"),
        pytest.param("14" + "00" + "11" * 18, None, id="more-than-an-atr-holds"),
    ],
)
def test_contactless_atr(ats, atr):
    made = contactless_atr(bytes.fromhex(ats))
    check_atr(made)
    assert bytes.fromhex("8001") == made[2:4]
    if atr is not None:
        assert atr == made.hex()


def check_atr(atr: bytes) -> None:
    """As a strict reader does: historical bytes as counted, and the check byte where there is one."""
    assert atr[0] in {0x3B, 0x3F}
    assert len(atr) <= 33
    position, indicator, protocols = 1, atr[1], []
    while True:
        present = indicator >> 4
        position += (present & 0x07).bit_count()
        if not present & 0x08:
            break
        position += 1
        indicator = atr[position]
        protocols.append(indicator & 0x0F)
    check = any(protocols)
    assert position + 1 + (atr[1] & 0x0F) + check == len(atr)
    if check:
        total = 0
        for byte in atr[1:]:
            total ^= byte
        assert 0 == total


@pytest.mark.parametrize("protocol", ["T=0", "T=1", "T=CL"])
@pytest.mark.parametrize("name", profile_names())
def test_every_card_tells_a_right_atr(name, protocol):
    with served(Card.blank(load_profile(name), protocol=protocol)) as slot, connect(slot) as link:
        check_atr(ask(link, ATR))
