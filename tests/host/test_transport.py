"""Transports: bytes as they are, removal, and the wrappers one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import CardRemoved, ParameterError, TransportError, TransportTimeout
from cardos.host import (
    Delay,
    Fault,
    GetResponse,
    Interference,
    Retry,
    SimulatedTransport,
    Transport,
    Wrapper,
)
from cardos.host.transports import changes_nothing, corrupt_answer, lose_answer, lose_command, tear_answer
from cardos.testing import KitCard

from .scripted import Scripted

BALANCE = bytes.fromhex("805C000204")


class PowerCut(CardRemoved):
    """What a simulated memory raises."""


class EchoCard:
    """Answers each command with itself and 9000; loses power at a command of ``deadly`` bytes."""

    def __init__(self, deadly: bytes | None = None) -> None:
        self.deadly = deadly
        self.powered = False
        self.seen: list[bytes] = []

    def power_on(self) -> bytes:
        self.powered = True
        return b"\x3b\x00"

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, command: bytes, /) -> bytes:
        assert self.powered
        self.seen.append(command)
        if command == self.deadly:
            raise PowerCut("cut")
        return command + b"\x90\x00"


@given(st.binary(max_size=300))
def test_simulated_transport_changes_no_byte(raw):
    card = EchoCard()
    with SimulatedTransport(card) as transport:
        assert raw + b"\x90\x00" == transport.transmit(raw)
        assert [raw] == card.seen


def test_simulated_transport_keeps_the_atr():
    assert bytes.fromhex("3B00") == SimulatedTransport(EchoCard()).atr


def test_power_cut_is_a_removed_card_until_reset():
    transport = SimulatedTransport(EchoCard(deadly=BALANCE))
    for _ in range(2):
        with pytest.raises(CardRemoved):
            transport.transmit(BALANCE)
    assert bytes.fromhex("3B00") == transport.reset()
    assert b"\x00\x90\x00" == transport.transmit(b"\x00")


def test_removed_card_answers_after_reset_only():
    card = EchoCard()
    transport = SimulatedTransport(card)
    transport.remove()
    with pytest.raises(CardRemoved, match="not powered; reset it"):
        transport.transmit(BALANCE)
    transport.reset()
    assert BALANCE + b"\x90\x00" == transport.transmit(BALANCE)


def test_closed_transport_refuses_and_powers_off():
    card = EchoCard()
    transport = SimulatedTransport(card)
    transport.close()
    transport.close()
    assert not card.powered
    for action in (lambda: transport.transmit(BALANCE), transport.reset):
        with pytest.raises(TransportError, match="closed"):
            action()


def test_wrapper_changes_nothing_and_closes_what_it_wraps():
    card = EchoCard()
    with Wrapper(SimulatedTransport(card)) as transport:
        assert BALANCE + b"\x90\x00" == transport.transmit(BALANCE)
        assert b"\x3b\x00" == transport.reset()
    assert not card.powered


@pytest.mark.parametrize(
    ("command", "exchanges", "answer"),
    [
        pytest.param("805C000204", [("805C000204", "000020009000")], "000020009000", id="nothing-to-do"),
        pytest.param("805C000204", [("805C000204", "9401")], "9401", id="error-as-it-is"),
        pytest.param(
            "00A4000002", [("00A4000002", "6F006A81")], "6F006A81", id="data-with-an-error-stay"
        ),
        pytest.param(
            "805C0002", [("805C0002", "6104"), ("00C0000004", "000020009000")], "000020009000", id="61xx"
        ),
        pytest.param(
            "00B0850000",
            [("00B0850000", "6100"), ("00C0000000", "AABB6101"), ("00C0000001", "CC9000")],
            "AABBCC9000",
            id="61xx-in-pieces",
        ),
        pytest.param(
            "00B085001E", [("00B085001E", "6C02"), ("00B0850002", "AABB9000")], "AABB9000", id="6Cxx"
        ),
        pytest.param(
            "805A0006020001",
            [("805A0006020001", "6C08"), ("805A000602000108", "00112233445566779000")],
            "00112233445566779000",
            id="6Cxx-with-data",
        ),
        pytest.param("00B0850000", [("00B0850000", "6C00"), ("00B0850000", "6C00")], "6C00", id="6Cxx-once-only"),
        pytest.param("00", [("00", "6C04"), ("00", "6700")], "6700", id="no-command-at-all"),
        pytest.param("805C0002", [("805C0002", "6104"), ("00C0000004", "6F00")], "6F00", id="get-response-fails"),
    ],
)  # fmt: skip
def test_get_response(command, exchanges, answer):
    with GetResponse(Scripted(*exchanges)) as transport:
        assert bytes.fromhex(answer) == transport.transmit(bytes.fromhex(command))


class Endless(EchoCard):
    """A hostile card that always has more."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data

    def transmit(self, _command: bytes, /) -> bytes:
        return self.data + b"\x61\x10"


@pytest.mark.parametrize("data", [b"", bytes(1), bytes(255)])
def test_a_card_that_never_ends_is_stopped(data):
    transport = GetResponse(SimulatedTransport(Endless(data)))
    with pytest.raises(TransportError, match="must"):
        transport.transmit(BALANCE)


@pytest.mark.parametrize(("before", "reached"), [(True, []), (False, [BALANCE])])
def test_fault_pulls_the_card_once(before, reached):
    card = EchoCard()
    transport = Fault(SimulatedTransport(card), at=lambda command: command[1] == 0x5C, before=before)
    assert b"\x00\x84\x90\x00" == transport.transmit(b"\x00\x84")
    for _ in range(2):
        with pytest.raises(CardRemoved):
            transport.transmit(BALANCE)
    assert [b"\x00\x84", *reached] == card.seen
    transport.reset()
    assert transport.spent
    assert BALANCE + b"\x90\x00" == transport.transmit(BALANCE)


def test_a_class_with_the_three_methods_is_a_transport():
    def use(transport: Transport) -> bytes:
        return transport.transmit(b"\x00")

    class Own:
        def transmit(self, _command: bytes, /) -> bytes:
            return b"\x90\x00"

        def reset(self) -> bytes:
            return b""

        def close(self) -> None:
            pass

    assert b"\x90\x00" == use(Own())


# ------------------------------------------------------------------ a bad line

READ, WRITE = bytes.fromhex("00B095001E"), bytes.fromhex("00D6950001AA")


class Lossy(Wrapper):
    """Loses the first ``losses`` answers."""

    def __init__(self, losses):
        super().__init__(Scripted())
        self.losses, self.sent = losses, []

    def transmit(self, command, /):
        self.sent.append(command)
        if len(self.sent) <= self.losses:
            raise TransportTimeout("no answer came")
        return b"\x90\x00"


def test_retry_sends_again_what_changes_nothing():
    line = Lossy(2)
    assert b"\x90\x00" == Retry(line, 2).transmit(READ)
    assert [READ] * 3 == line.sent


@pytest.mark.parametrize(
    ("command", "times", "sent"), [(READ, 2, 3), (READ, 0, 1), (WRITE, 2, 1), (b"\x00", 2, 1)]
)
def test_retry_gives_up(command, times, sent):
    line = Lossy(9)
    with pytest.raises(TransportTimeout):
        Retry(line, times).transmit(command)
    assert sent == len(line.sent)


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("805C000204", True),
        ("805A000602 0001 08", True),
        ("00B2010417", True),
        ("00A4000002 3F00", True),
        ("00A4040009 A00000000386980701", True),
        ("00A4040209 A00000000386980701", False),  # the next application
        ("00B2000217", False),  # the next record
        ("0084000008", False),
        ("0020000003 123456", False),
        ("805401000F" + "00" * 15 + "08", False),
        ("00FF0000", False),
        ("00", False),
    ],
)
def test_changes_nothing(command, again):
    assert again == changes_nothing(bytes.fromhex(command))


def test_lose_command_and_lose_answer_differ_in_what_the_card_did():
    for effect, reached in ((lose_command, 0), (lose_answer, 1)):
        card = KitCard()
        line = Interference(SimulatedTransport(card), at=lambda _: True, effect=effect)
        with pytest.raises(TransportTimeout):
            line.transmit(READ)
        assert reached == len(card.received)


@pytest.mark.parametrize(
    ("effect", "answer"),
    [
        (corrupt_answer(0), "abbb9000"),
        (corrupt_answer(-1, flip=0x80), "aabb9080"),
        (corrupt_answer(9), "aabb9000"),
        (tear_answer(3), "aabb90"),
        (tear_answer(0), ""),
    ],
)
def test_corrupt_answer_and_tear_answer(effect, answer):
    chosen = bytes.fromhex("80E2900000")
    line = Interference(SimulatedTransport(KitCard()), at=lambda command: command == chosen, effect=effect)
    assert answer == line.transmit(chosen).hex()
    assert "6d00" == line.transmit(READ).hex()


def test_delay_waits_before_each_command():
    waited = []
    line = Delay(SimulatedTransport(KitCard()), 0.25, sleep=waited.append)
    assert ["6d00", "6d00"] == [line.transmit(READ).hex() for _ in range(2)]
    assert [0.25, 0.25] == waited


@pytest.mark.parametrize("wrapper", [Delay, Retry])
def test_wrappers_refuse_negative_numbers(wrapper):
    with pytest.raises(ParameterError, match="must be 0 or more, got -1"):
        wrapper(SimulatedTransport(KitCard()), -1)
