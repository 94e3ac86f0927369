"""Peers of a relay that are broken or mean it badly, on both sides: no crash, no leak, bounded memory, typed errors."""

from __future__ import annotations

import os
import socket
import threading
import tracemalloc
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.errors import (
    CardosError,
    CardRemoved,
    DecodeError,
    NoCard,
    NoReader,
    ParameterError,
    ReaderBusy,
    ServiceDown,
    TransportError,
    TransportTimeout,
)
from cardos.host import SimulatedTransport, Wrapper
from cardos.host.transports.relay import RelayTransport
from cardos.host.transports.relay_frames import (
    ANSWER,
    GREETING,
    HEADER,
    MOST_BYTES,
    FaultCode,
    Frame,
    FrameLink,
    FrameReader,
    Kind,
    decode_error,
    encode_error,
    encode_frame,
)
from cardos.host.transports.relay_visit import RelayLimits
from cardos.testing import KIT_ATR, KitCard

from .relays import COUNT, HELLO, LOOPBACK, QUICK, answering, connect, descriptors, ended, far, served, spoken

ERROR = Kind.ERROR | ANSWER
WELCOME = encode_frame(Kind.HELLO | ANSWER, GREETING + KIT_ATR)
LARGE = bytes.fromhex("80E1FD0000")  # the kit's card answers 64768 bytes
PAST_ANY = b"\x02\xff\xff\xff"


# ------------------------------------------------------------------ frames


@given(st.lists(st.builds(Frame, st.integers(0, 255), st.binary(max_size=70))), st.lists(st.integers(1, 50)))
def test_frames_survive_any_way_of_cutting(frames, cuts):
    raw = b"".join(encode_frame(*frame) for frame in frames)
    reader, found = FrameReader(), []
    for cut in (*cuts, len(raw)):
        reader.feed(raw[:cut])
        raw = raw[cut:]
        found += iter(reader.take, None)
    assert frames == found
    assert 0 == reader.pending


@given(st.binary(max_size=400))
def test_any_bytes_are_frames_or_refused(raw):
    reader = FrameReader(most=16)
    reader.feed(raw)
    try:
        frames = list(iter(reader.take, None))
    except DecodeError as error:
        assert "frame" == error.path
        assert int.from_bytes(raw[error.offset : error.offset + 3], "big") > 16
    else:
        assert raw == b"".join(encode_frame(*frame) for frame in frames) + raw[len(raw) - reader.pending :]
        assert reader.pending < HEADER + 16


@pytest.mark.parametrize("size", [0, 1, 255, 256, MOST_BYTES])
def test_bodies_up_to_the_longest_command(size):
    reader = FrameReader()
    reader.feed(encode_frame(Kind.TRANSMIT, bytes(size)))
    assert Frame(Kind.TRANSMIT, bytes(size)) == reader.take()


def test_and_no_longer():
    reader = FrameReader()
    with pytest.raises(ParameterError, match="body must be 0..65544 bytes, got 65545 bytes"):
        encode_frame(Kind.TRANSMIT, bytes(MOST_BYTES + 1))
    reader.feed(b"\x02" + (MOST_BYTES + 1).to_bytes(3, "big"))
    with pytest.raises(DecodeError, match="length must be 0..65544, got 65545"):
        reader.take()


@given(st.binary(max_size=600))
def test_any_error_from_outside_is_typed_and_printable(body):
    error = decode_error(body)
    assert isinstance(error, TransportError)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"", TransportError, "the relay reported an error without a kind"),
        (b"\x02", CardRemoved, ""),
        (b"\x63what", TransportError, "what"),
        (b"\x02\x1b[2Jgone\n\xff", CardRemoved, "?[2Jgone �"),
        (b"\x04Acme\nA\n\nB", NoReader, "reader must be one of 'A', 'B', got 'Acme'"),
        (b"\x01" + b"x" * 9999, TransportError, "x" * 512),
    ],
    ids=["empty", "no-text", "unknown-kind", "control-characters", "readers", "long"],
)
def test_errors_as_they_come(body, kind, text):
    error = decode_error(body)
    assert (kind, text) == (type(error), str(error))


def test_long_error_texts_are_cut():
    assert 513 == len(encode_error(TransportError("x" * 9999)))
    assert TransportError is type(decode_error(encode_error(TransportError("é" * 9999))))


# ------------------------------------------------------------------ bad clients


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a-web-page"),
        pytest.param(b"\x00" * 14, id="zeros"),
        pytest.param(b"\xff" * 14, id="ones"),
        pytest.param(b"\x01\x00\x00\x0b" + GREETING + b"\x00", id="long-hello"),
        pytest.param(encode_frame(Kind.HELLO, b"cardrelay\x02"), id="other-version"),
        pytest.param(encode_frame(Kind.HELLO), id="empty-hello"),
        pytest.param(encode_frame(Kind.RESET, b"\x01"), id="no-hello"),
        pytest.param(HELLO + HELLO, id="two-hellos"),
        pytest.param(HELLO + PAST_ANY, id="oversize"),
        pytest.param(HELLO + b"\x02" + (MOST_BYTES + 1).to_bytes(3, "big"), id="a-byte-too-much"),
        pytest.param(HELLO + encode_frame(0x00), id="kind-00"),
        pytest.param(HELLO + encode_frame(0x7F), id="error-as-request"),
        pytest.param(HELLO + encode_frame(Kind.TRANSMIT | ANSWER), id="answer-as-request"),
        pytest.param(HELLO + encode_frame(Kind.RESET), id="reset-of-no-kind"),
        pytest.param(HELLO + encode_frame(Kind.RESET, b"\x02"), id="reset-of-another-kind"),
        pytest.param(HELLO + encode_frame(Kind.ATR, b"\x00"), id="atr-of-something"),
        pytest.param(HELLO + encode_frame(Kind.CLOSE, b"\x00"), id="close-of-something"),
    ],
)
def test_what_is_no_request_ends_the_connection(said):
    with served() as relay:
        with spoken(relay, said) as link:
            with suppress(OSError):  # what we sent and nobody read may cost us the answer
                frame = link.receive(5)
                if said.startswith(HELLO):
                    assert WELCOME == encode_frame(*frame)
                    frame = link.receive(5)
                assert (ERROR, FaultCode.MALFORMED) == (frame.kind, frame.body[0])
            assert ended(link)
        with far(relay) as card:
            assert b"\x01\x90\x00" == card.transmit(COUNT)


@pytest.mark.parametrize("said", [b"\x01\x00\x00\x0b", HELLO + PAST_ANY], ids=["hello", "request"])
def test_too_long_a_frame_is_refused_before_it_has_come(said):
    with served() as relay, spoken(relay, said) as link:
        if said.startswith(HELLO):
            link.receive(5)
        frame = link.receive(2)
        assert (ERROR, FaultCode.MALFORMED) == (frame.kind, frame.body[0])


@settings(max_examples=60)
@given(st.booleans(), st.binary(min_size=1, max_size=80))
def test_any_bytes_leave_the_relay_serving(hello, said):
    with served(limits=QUICK) as relay:
        with spoken(relay, HELLO * hello + said):
            pass
        with far(relay) as card:
            assert b"\x01\x90\x00" == card.transmit(COUNT)


@pytest.mark.parametrize("first", [b"", HELLO], ids=["hello", "request"])
def test_a_peer_that_sends_byte_for_byte_is_dropped(first):
    """Each byte comes well within every limit, and the frame never ends."""
    with served(limits=replace(QUICK, idle=60)) as relay, spoken(relay, first) as link:
        if first:
            link.receive(5)
        sent = 0
        link.connection.settimeout(0.03)
        with suppress(ConnectionError):
            while sent < 100:
                link.connection.sendall(
                    (HELLO if not first else b"\x02\x00\xff\x00" + bytes(200))[sent : sent + 1]
                )
                sent += 1
                with suppress(TimeoutError):
                    assert b"" == link.connection.recv(1)
                    break
        assert 0 < sent < 14
        with far(relay) as card:
            assert KIT_ATR == card.atr


def test_a_peer_that_takes_no_answers_is_dropped():
    with served(limits=replace(QUICK, handover=5)) as relay, spoken(relay, HELLO) as link:
        assert WELCOME == encode_frame(*link.receive(5))
        link.connection.sendall(encode_frame(Kind.TRANSMIT, LARGE) * 400)  # 26 MB of answers
        with far(relay) as card:
            assert b"\x01\x90\x00" == card.transmit(COUNT)


def test_a_peer_that_went_silent_is_dropped():
    with served(limits=QUICK) as relay, spoken(relay, HELLO) as holder, spoken(relay) as silent:
        assert WELCOME == encode_frame(*holder.receive(5))
        assert ended(silent)
        assert ended(holder)
        with far(relay) as card:
            assert KIT_ATR == card.atr


def test_a_client_that_vanishes_in_the_middle_of_a_command_has_it_executed_once():
    kit, begun, go = KitCard(), threading.Event(), threading.Event()

    class Slow(Wrapper):
        def transmit(self, command, /):
            begun.set()
            assert go.wait(5)
            return self.inner.transmit(command)

    with served(Slow(SimulatedTransport(kit))) as relay:
        with spoken(relay, HELLO, encode_frame(Kind.TRANSMIT, COUNT)):
            assert begun.wait(5)
        go.set()
        with far(relay) as card:
            assert [COUNT] == kit.received
            assert b"\x01\x90\x00" == card.transmit(COUNT)  # reset between the two


MUCH = 1 << 20
FLOODS = {
    "oversize-hello": b"\x01\x20\x00\x00" + bytes(MUCH),
    "many-hellos": HELLO * (MUCH // len(HELLO)),
    "oversize": HELLO + b"\x02\x20\x00\x00" + bytes(MUCH),
    "unfinished": HELLO + encode_frame(Kind.TRANSMIT, bytes(MOST_BYTES))[:-1],
    "answers-not-taken": HELLO + encode_frame(Kind.TRANSMIT, LARGE) * 400,
}


@pytest.mark.parametrize("said", FLOODS.values(), ids=FLOODS)
def test_no_peer_takes_much_memory(said):
    limits = RelayLimits(hello=0.1, frame=0.05, idle=0.05, handover=5, waiting=8)
    with served(limits=limits) as relay, ExitStack() as stack:
        far(relay).close()
        tracemalloc.start()
        try:
            for _ in range(4):
                link = stack.enter_context(spoken(relay))
                with suppress(OSError):  # it may be sent away already
                    link.connection.sendall(said)
            with far(relay) as card:
                assert KIT_ATR == card.atr
            assert tracemalloc.get_traced_memory()[1] < MUCH // 2
        finally:
            tracemalloc.stop()


@pytest.mark.slow
def test_a_thousand_connections_at_once_keep_nobody_away(tmp_path):
    resource = pytest.importorskip("resource")
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    if usual[1] != resource.RLIM_INFINITY and usual[1] < 2000:
        pytest.skip("needs 2000 file descriptors: ulimit -Hn 4096")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, usual[1]))
    try:
        for address in (LOOPBACK, f"unix:{tmp_path}/card"):
            with served(address=address) as relay, ExitStack() as stack:
                far(relay).close()
                before = descriptors(), threading.active_count()
                for _ in range(1000):
                    stack.enter_context(connect(relay))
                with far(relay) as card:
                    assert b"\x01\x90\x00" == card.transmit(COUNT)
                    # ours, those that wait, and the two ends of this one
                    assert descriptors() - before[0] <= 1000 + RelayLimits().waiting + 2
                    assert before[1] == threading.active_count()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def test_silent_connections_take_bounded_room():
    with served(limits=QUICK) as relay, ExitStack() as stack:
        far(relay).close()  # it has all that it needs for itself
        before = descriptors()
        for _ in range(40):
            stack.enter_context(connect(relay))
        with far(relay) as card:
            assert KIT_ATR == card.atr
            assert descriptors() - before <= 40 + QUICK.waiting + 2


def test_who_waits_for_a_client_that_left_but_does_not_end_is_refused():
    begun, go = threading.Event(), threading.Event()

    class Stuck(KitCard):
        def transmit(self, command, /):
            begun.set()
            assert go.wait(5)
            return super().transmit(command)

    with served(SimulatedTransport(Stuck()), limits=QUICK) as relay:
        with spoken(relay, HELLO, encode_frame(Kind.TRANSMIT, COUNT)):
            assert begun.wait(5)
        with pytest.raises(ReaderBusy, match="serves somebody else"):
            far(relay)
        go.set()
        with far(relay) as card:
            assert KIT_ATR == card.atr


@pytest.mark.slow
def test_a_thousand_connections_leave_nothing(tmp_path):
    before = descriptors(), threading.active_count()
    openings = (
        b"",
        HELLO,
        b"\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        HELLO + encode_frame(Kind.TRANSMIT, COUNT),
        HELLO + PAST_ANY,
    )
    for address in (LOOPBACK, f"unix:{tmp_path}/card"):
        with served(address=address) as relay:
            for index in range(1000):
                with spoken(relay, openings[index % len(openings)]):
                    pass
            with far(relay) as card:
                assert b"\x01\x90\x00" == card.transmit(COUNT)
                assert threading.active_count() <= before[1] + 2
                assert descriptors() <= before[0] + 50
    assert before == (descriptors(), threading.active_count())


def test_without_descriptors_it_waits_until_there_are_some():
    resource = pytest.importorskip("resource")
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    with served() as relay, socket.socket() as late:
        far(relay).close()  # it has all that it needs for itself
        free = os.dup(late.fileno())
        os.close(free)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, usual[1]))
            late.connect(("127.0.0.1", int(relay.address.rpartition(":")[2])))
            late.sendall(HELLO)
            late.settimeout(0.05)
            with pytest.raises(TimeoutError):
                late.recv(1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)
        assert WELCOME == encode_frame(*FrameLink(late).receive(5))


# ------------------------------------------------------------------ bad servers


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(b"", ServiceDown, "was lost", id="nothing"),
        pytest.param(WELCOME[:-1], ServiceDown, "was lost", id="cut-short"),
        pytest.param(b"SSH-2.0-x\r\n", TransportError, "does not speak our protocol", id="another-service"),
        pytest.param(
            b"\x81\xff\xff\xff", TransportError, "length must be 0..65544, got 16777215", id="oversize"
        ),
        pytest.param(
            encode_frame(0x81, b"cardrelay\x02"), TransportError, "protocol or version", id="version"
        ),
        pytest.param(encode_frame(0x81, b""), TransportError, "protocol or version", id="empty"),
        pytest.param(encode_frame(0x82, GREETING), TransportError, "kind 81, got 82", id="another-kind"),
        pytest.param(encode_frame(ERROR, b"\x03none"), NoCard, "none", id="error"),
        pytest.param(encode_frame(ERROR), TransportError, "without a kind", id="error-of-no-kind"),
    ],
)
def test_answers_to_hello(answer, kind, said):
    before = descriptors()
    with answering(answer) as address, pytest.raises(kind, match=said):
        RelayTransport(address, timeout=5)
    assert before == descriptors()


@settings(max_examples=60)
@given(st.booleans(), st.binary(max_size=80))
def test_any_answer_gives_a_typed_error_or_an_answer(hello, junk):
    with (
        answering(WELCOME * hello + junk) as address,
        suppress(CardosError),
        RelayTransport(address, timeout=5) as card,
    ):
        for act in (lambda: card.transmit(COUNT), card.exclusive().__enter__, card.reset):
            with suppress(CardosError):
                act()


@given(st.sampled_from([0x82, 0x83, ERROR]), st.binary(max_size=40))
@settings(max_examples=60)
def test_any_framed_answer_too(kind, body):
    with answering(WELCOME + encode_frame(kind, body)) as address, RelayTransport(address, timeout=5) as card:
        try:
            assert (0x82, body) == (kind, card.transmit(COUNT))
        except TransportError:
            assert kind != 0x82


def test_a_server_that_answers_byte_for_byte_is_too_slow():
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip():
            with door.accept()[0] as peer:
                peer.recv(100)
                peer.settimeout(0.02)
                for byte in WELCOME[:4] + bytes(100):
                    with suppress(TimeoutError):
                        if not peer.recv(1):
                            return
                    with suppress(OSError):
                        peer.sendall(bytes([byte]))

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(TransportTimeout):
            RelayTransport(f"tcp:127.0.0.1:{door.getsockname()[1]}", timeout=0.15)
        thread.join(5)
        assert not thread.is_alive()
