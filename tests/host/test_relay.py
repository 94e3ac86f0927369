"""The relay: a card over a socket is the card, with its errors, one client at a time, and nothing left behind."""

from __future__ import annotations

import socket
import stat
import threading
from contextlib import ExitStack, contextmanager

import pytest

from cardos.errors import (
    CardRemoved,
    ImageError,
    NoCard,
    NoReader,
    ParameterError,
    ReaderBusy,
    ServiceDown,
    SharingViolation,
    TransportError,
    TransportTimeout,
)
from cardos.host import Purse, PurseSession, SimulatedTransport, Wrapper
from cardos.host.transports import relay_address
from cardos.host.transports.relay import RelayTransport
from cardos.host.transports.relay_address import parse_address
from cardos.host.transports.relay_frames import MOST_BYTES, Kind, encode_frame
from cardos.host.transports.relay_server import RelayServer
from cardos.host.transports.relay_visit import RelayLimits
from cardos.readers import open_transport
from cardos.testing import KIT_ATR, KitCard, check_transport

from .conftest import PIN, fresh, profiles
from .relays import (
    COUNT,
    DIE,
    ECHO,
    HELLO,
    LOOPBACK,
    QUICK,
    QUICK_TO_REFUSE,
    answering,
    descriptors,
    ended,
    far,
    served,
    spoken,
)


class OwnRelay(RelayTransport):
    """A client that brings its relay."""

    def __init__(self, card, address):
        self.relay = RelayServer(SimulatedTransport(card), address)
        self.relay.start()
        super().__init__(self.relay.address, timeout=5)

    def close(self):
        super().close()
        self.relay.close()


@pytest.fixture(params=["tcp:127.0.0.1:0", "unix"])
def address(request, tmp_path):
    return request.param if request.param != "unix" else f"unix:{tmp_path}/card"


def test_the_relay_is_a_transport(address):
    assert check_transport(SimulatedTransport) == check_transport(lambda card: OwnRelay(card, address))


def test_a_relay_of_a_relay_is_one_too():
    with served() as near, served(far(near)) as next_one, far(next_one) as card:
        assert KIT_ATR == card.atr
        assert ECHO + b"\x90\x00" == card.transmit(ECHO)


def test_a_purchase_session_runs_over_it(address):
    card, profile = fresh("3des", 1), profiles("3des")[0]
    with served(SimulatedTransport(card), address) as relay, far(relay) as link:
        session = PurseSession(link, profile)
        session.verify(PIN)
        assert 0 == session.get_balance(Purse.EP)


def test_readers_by_name_reach_it(address):
    with served(address=address) as relay, open_transport(relay.address) as card:
        assert KIT_ATR == card.atr


def test_ipv6_is_written_in_brackets():
    try:
        relay = RelayServer(SimulatedTransport(KitCard()), "tcp:[::1]:0")
    except TransportError:
        assert not socket.has_dualstack_ipv6()
        return
    with relay, far(relay) as card:
        assert relay.address.startswith("tcp:[::1]:")
        assert KIT_ATR == card.atr


# ------------------------------------------------------------------ one client at a time


def test_the_second_client_is_refused(address):
    with served(address=address, limits=QUICK_TO_REFUSE) as relay, far(relay) as first:
        with pytest.raises(ReaderBusy, match="serves somebody else"):
            far(relay)
        assert b"\x01\x90\x00" == first.transmit(COUNT)


def test_also_while_a_command_runs():
    begun, go = threading.Event(), threading.Event()

    class Slow(Wrapper):
        def transmit(self, command, /):
            begun.set()
            assert go.wait(5)
            return self.inner.transmit(command)

    with served(Slow(SimulatedTransport(KitCard())), limits=QUICK_TO_REFUSE) as relay, far(relay) as first:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(first.transmit(COUNT)))
        thread.start()
        assert begun.wait(5)
        with pytest.raises(ReaderBusy):
            far(relay)
        go.set()
        thread.join()
        assert [b"\x01\x90\x00"] == answers


def test_who_has_the_card_is_not_driven_out_by_those_who_wait(address):
    limits = RelayLimits(handover=0.05, waiting=4)
    with served(address=address, limits=limits) as relay, far(relay) as first, ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(spoken(relay))
        assert b"\x01\x90\x00" == first.transmit(COUNT)
        with pytest.raises(ReaderBusy):
            far(relay)
        assert b"\x02\x90\x00" == first.transmit(COUNT)


def test_the_next_client_finds_the_card_free_and_reset(address):
    with served(address=address) as relay:
        for _ in range(20):
            with far(relay) as card:
                assert b"\x01\x90\x00" == card.transmit(COUNT)


def test_a_client_that_vanished_is_followed_by_the_next():
    with served() as relay:
        for _ in range(20):
            with spoken(relay, HELLO, encode_frame(Kind.TRANSMIT, COUNT)):
                pass  # closed without a word, its command perhaps not even read
            with far(relay) as card:
                assert b"\x01\x90\x00" == card.transmit(COUNT)


def test_rights_do_not_outlive_the_client():
    kit = KitCard()
    near = SimulatedTransport(kit)
    with served(near) as relay:
        with far(relay) as card:
            card.transmit(COUNT)
        assert b"\x01\x90\x00" == near.transmit(COUNT)


def test_a_connection_that_says_nothing_does_not_have_the_card():
    with served() as relay, spoken(relay), spoken(relay), far(relay) as card:
        assert KIT_ATR == card.atr


# ------------------------------------------------------------------ errors of the far side


class Failing(Wrapper):
    """Fails as it is told, at a command or at every reset but the first."""

    def __init__(self, error, *, at="transmit"):
        super().__init__(SimulatedTransport(KitCard()))
        self.error, self.at = error, at

    def transmit(self, command, /):
        if self.at == "transmit":
            raise self.error
        return self.inner.transmit(command)

    def reset(self, *, cold=True):
        if self.at == "reset":
            raise self.error
        return self.inner.reset(cold=cold)

    @contextmanager
    def exclusive(self):
        if self.at == "exclusive":
            raise self.error
        yield


class PowerCut(CardRemoved):
    """As a simulated memory raises it."""


ERRORS = [
    TransportError("no answer"),
    CardRemoved("card was removed; reset it"),
    NoCard("no card lies in 'Acme 00 00'"),
    NoReader("Acme", ["Virtual PCD 00 00", "Virtual PCD 00 01"]),
    NoReader("Acme", []),
    ReaderBusy("somebody has it"),
    SharingViolation("somebody has it for himself"),
    ServiceDown("pcscd does not run"),
    TransportTimeout("no answer within 3 s"),
]


@pytest.mark.parametrize(
    "error", ERRORS, ids=lambda error: type(error).__name__ + "-none" * (getattr(error, "readers", 0) == ())
)
@pytest.mark.parametrize("at", ["transmit", "exclusive", "reset"])
def test_errors_are_those_of_the_far_side(error, at):
    failing = Failing(error, at="" if at == "reset" else at)
    with served(failing) as relay, far(relay) as card:
        failing.at = at
        act = {
            "transmit": lambda: card.transmit(COUNT),
            "reset": card.reset,
            "exclusive": lambda: hold(card),
        }[at]
        for _ in range(2):  # the connection stays
            with pytest.raises(TransportError) as caught:
                act()
            assert (type(error), str(error)) == (type(caught.value), str(caught.value))
        if isinstance(error, NoReader):
            assert (error.wanted, error.readers) == (caught.value.wanted, caught.value.readers)
        failing.at = ""
        assert KIT_ATR == card.reset()


def hold(card):
    with card.exclusive():
        raise AssertionError("somebody else has it")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (PowerCut("cut at write 3"), CardRemoved, "cut at write 3"),
        (
            ParameterError("command", "2..65535 bytes", "1 bytes"),
            TransportError,
            "command must be 2..65535 bytes",
        ),
        (ImageError("cannot be written", where="card.img"), TransportError, "card.img: cannot be written"),
    ],
)
def test_other_errors_of_ours_are_the_nearest(error, kind, said):
    with (
        served(Failing(error)) as relay,
        far(relay) as card,
        pytest.raises(TransportError, match=said) as caught,
    ):
        card.transmit(COUNT)
    assert kind is type(caught.value)


def test_a_fault_of_the_relay_does_not_tell_what_it_was_about(caplog):
    failing = Failing(ValueError("PIN 123456"))
    with served(failing) as relay, far(relay) as card:
        with pytest.raises(TransportError, match=r"^the relay failed: ValueError$"):
            card.transmit(COUNT)
        failing.at = ""
        assert b"\x01\x90\x00" == card.transmit(COUNT)
    assert "a request of kind 02 failed" in caplog.text


@pytest.mark.parametrize("error", [NoCard("none lies in it"), ValueError("a fault")], ids=["typed", "fault"])
def test_a_card_that_cannot_be_reset_is_not_given(error, caplog):
    failing = Failing(error, at="")
    with served(failing) as relay:
        failing.at = "reset"
        with pytest.raises(TransportError):
            far(relay)
        failing.at = ""
        with far(relay) as card:
            assert KIT_ATR == card.atr


def test_too_long_an_answer_is_an_error():
    class Chatty(Wrapper):
        def transmit(self, command, /):
            return command + bytes(MOST_BYTES)

    with served(Chatty(SimulatedTransport(KitCard()))) as relay, far(relay) as card:
        with pytest.raises(TransportError, match="answer must be 0..65544 bytes, got 65549"):
            card.transmit(COUNT)
        with pytest.raises(ParameterError, match="command must be 0..65544 bytes, got 65545"):
            card.transmit(bytes(MOST_BYTES + 1))


def test_a_simulated_card_can_be_taken_away():
    with served() as relay, far(relay) as card:
        card.remove()
        with pytest.raises(CardRemoved):
            card.transmit(COUNT)
        assert KIT_ATR == card.reset(cold=False)
        with pytest.raises(CardRemoved):
            card.transmit(DIE)
        assert KIT_ATR == card.reset()


def test_no_other_card_can():
    with served(Wrapper(SimulatedTransport(KitCard()))) as relay, far(relay) as card:
        with pytest.raises(TransportError, match="must be a simulated one"):
            card.remove()
        assert b"\x01\x90\x00" == card.transmit(COUNT)


def test_exclusive_use_reaches_the_reader_and_ends_with_the_client():
    seen = []

    class Held(Wrapper):
        @contextmanager
        def exclusive(self):
            seen.append("begin")
            yield
            seen.append("end")

    with served(Held(SimulatedTransport(KitCard()))) as relay:
        with far(relay) as card:
            with card.exclusive():
                assert ["begin"] == seen
                with pytest.raises(TransportError, match="must end before it begins anew"):
                    hold(card)
            assert ["begin", "end"] == seen
        with far(relay) as card, card.exclusive():
            card.close()
            assert ["begin", "end"] * 2 == seen


# ------------------------------------------------------------------ a service that is not there


def test_nobody_listens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    for address in (
        f"tcp:127.0.0.1:{port}",
        f"unix:{tmp_path}/nobody",
        f"unix:{tmp_path}/{'x' * 200}",
        "tcp:a..b:1",
    ):
        with pytest.raises(ServiceDown, match="cannot be reached"):
            RelayTransport(address)


def test_a_lost_connection_is_made_anew_by_reset():
    near = SimulatedTransport(KitCard())
    relay = RelayServer(near, LOOPBACK)
    relay.start()
    card = far(relay)
    relay.close()
    for _ in range(2):
        with pytest.raises(ServiceDown, match="was lost"):
            card.transmit(COUNT)
    with pytest.raises(ServiceDown, match="cannot be reached"):
        card.reset()
    with RelayServer(near, relay.address), card:
        assert KIT_ATR == card.reset()
        assert b"\x01\x90\x00" == card.transmit(COUNT)


def test_a_connection_lost_unnoticed_is_made_anew_too():
    with served(limits=QUICK) as relay, far(relay) as card:
        card.transmit(COUNT)
        assert ended(card._link)
        assert KIT_ATR == card.reset()
        assert b"\x01\x90\x00" == card.transmit(COUNT)


def test_no_answer_in_time():
    go = threading.Event()

    class Slow(Wrapper):
        def transmit(self, command, /):
            assert go.wait(5)
            return self.inner.transmit(command)

    with served(Slow(SimulatedTransport(KitCard()))) as relay, far(relay, timeout=0.05) as card:
        with pytest.raises(TransportTimeout, match=r"no answer within 0\.05 s"):
            card.transmit(ECHO)
        with pytest.raises(ServiceDown, match="was lost; reset it"):
            card.transmit(COUNT)
        go.set()
        card._timeout = 5
        assert KIT_ATR == card.reset()
        assert b"\x01\x90\x00" == card.transmit(COUNT)  # not the late answer


def test_no_connection_in_time():
    with answering(b"") as address, pytest.raises(ServiceDown, match="was lost"):
        RelayTransport(address)
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(TransportTimeout):
        RelayTransport(f"tcp:127.0.0.1:{door.getsockname()[1]}", timeout=0.05)  # nobody accepts it


def test_a_closed_one_stays_closed():
    with served() as relay:
        card = far(relay)
        card.close()
        card.close()
        for act in (card.reset, lambda: card.transmit(COUNT), card.remove):
            with pytest.raises(TransportError, match="transport is closed"):
                act()


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tcp",
        "tcp:",
        "tcp:1",
        "tcp::1",
        "tcp:host:",
        "tcp:host:65536",
        "tcp:host:-1",
        "udp:a:1",
        "unix:",
        "unix:\0",
    ],
)
def test_an_address_that_is_none(text):
    with pytest.raises(ParameterError, match="^address must be "):
        parse_address(text)
    with pytest.raises(ParameterError):
        RelayTransport(text)
    with pytest.raises(ParameterError):
        RelayServer(SimulatedTransport(KitCard()), text)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_what_other_machines_reach_is_refused(host):
    with pytest.raises(ParameterError, match="address must be loopback"):
        RelayServer(SimulatedTransport(KitCard()), f"tcp:{host}:0")


def test_unless_asked_for():
    with served(address="tcp:0.0.0.0:0", any_address=True) as relay:
        port = relay.address.rpartition(":")[2]
        with RelayTransport(f"tcp:127.0.0.1:{port}") as card:
            assert KIT_ATR == card.atr


def test_an_address_in_use_or_not_ours():
    with served() as relay, pytest.raises(ReaderBusy, match="is served by somebody else"):
        RelayServer(SimulatedTransport(KitCard()), relay.address)
    with pytest.raises(TransportError, match="cannot be listened at"):
        RelayServer(SimulatedTransport(KitCard()), "tcp:192.0.2.1:0", any_address=True)


def test_a_timeout_is_positive():
    with pytest.raises(ParameterError, match="timeout must be more than 0 seconds"):
        RelayTransport("tcp:127.0.0.1:1", timeout=0)


def test_the_socket_file_is_its_owners_and_goes(tmp_path):
    path = tmp_path / "card"
    with served(address=f"unix:{path}"):
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [] == list(tmp_path.iterdir())


def test_the_socket_file_of_a_dead_relay_is_replaced(tmp_path):
    path = tmp_path / "card"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with served(address=f"unix:{path}") as relay, far(relay) as card:
        assert KIT_ATR == card.atr


def test_that_of_a_living_one_is_not(tmp_path):
    with served(address=f"unix:{tmp_path}/card") as relay:
        with pytest.raises(ReaderBusy, match="is served by somebody else"):
            RelayServer(SimulatedTransport(KitCard()), relay.address)
        with far(relay) as card:
            assert KIT_ATR == card.atr


def test_nor_is_another_file(tmp_path):
    path = tmp_path / "card"
    path.write_text("precious")
    with pytest.raises(ParameterError, match="got another file"):
        RelayServer(SimulatedTransport(KitCard()), f"unix:{path}")
    assert "precious" == path.read_text()
    for wrong in (f"{tmp_path}/none/card", f"{tmp_path}/{'x' * 200}"):
        with pytest.raises(TransportError, match="cannot be listened at"):
            RelayServer(SimulatedTransport(KitCard()), f"unix:{wrong}")


def test_nor_is_one_whose_queue_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(relay_address, "_PROBE", 0.05)
    path = tmp_path / "card"
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket(socket.AF_UNIX))
        door.bind(str(path))
        door.listen(0)
        waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
        waiting.connect(str(path))
        with pytest.raises(ReaderBusy, match="is served by somebody else"):
            RelayServer(SimulatedTransport(KitCard()), f"unix:{path}")
        with pytest.raises(TransportTimeout, match="did not answer within 0.05 s"):
            RelayTransport(f"unix:{path}", timeout=0.05)


def test_a_file_that_took_the_place_of_ours_stays(tmp_path):
    path = tmp_path / "card"
    with served(address=f"unix:{path}"):
        path.unlink()
        path.write_text("precious")
    assert "precious" == path.read_text()


# ------------------------------------------------------------------ the whole of it


def test_one_that_never_served_leaves_nothing(tmp_path):
    before = descriptors()
    relay = RelayServer(SimulatedTransport(KitCard()), f"unix:{tmp_path}/card")
    relay.close()
    relay.close()
    assert (before, []) == (descriptors(), list(tmp_path.iterdir()))


def test_stopping_lets_the_command_in_flight_be_answered():
    kit, begun, go = KitCard(), threading.Event(), threading.Event()

    class Slow(Wrapper):
        def transmit(self, command, /):
            begun.set()
            assert go.wait(5)
            return self.inner.transmit(command)

    with served(Slow(SimulatedTransport(kit))) as relay:
        ahead = encode_frame(Kind.TRANSMIT, COUNT)
        with spoken(relay, HELLO, ahead, ahead) as link:
            link.receive(5)
            assert begun.wait(5)
            relay.stop()
            relay._thread.join(0.05)
            assert relay._thread.is_alive()
            go.set()
            assert b"\x01\x90\x00" == link.receive(5).body
            assert ended(link)
    assert [COUNT] == kit.received


def test_stopping_ends_serve_forever_and_the_client():
    relay = RelayServer(SimulatedTransport(KitCard()), LOOPBACK)
    thread = threading.Thread(target=relay.serve_forever)
    thread.start()
    card = far(relay)
    relay.stop()
    thread.join(5)
    assert not thread.is_alive()
    with pytest.raises(ServiceDown):
        card.transmit(COUNT)
