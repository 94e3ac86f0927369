"""The kit for transports: every good one passes it, and each way to be wrong is found by the check that is meant."""

from __future__ import annotations

import io
from contextlib import contextmanager

import pytest

from cardos.errors import CardRemoved, ReaderBusy, StatusError, TransportError
from cardos.host import (
    Delay,
    Fault,
    GetResponse,
    Interference,
    Retry,
    SimulatedTransport,
    Tracer,
    Wrapper,
)
from cardos.host.transports import lose_command
from cardos.testing import KIT_ATR, KitCard, check_transport

ALL = check_transport(SimulatedTransport)


WRAPPERS = {
    "Wrapper": Wrapper,
    "Retry": Retry,
    "Delay": lambda inner: Delay(inner, 0),
    "Fault": lambda inner: Fault(inner, at=lambda _: False, before=True),
    "Interference": lambda inner: Interference(inner, at=lambda _: False, effect=lose_command),
    "Tracer": lambda inner: Tracer(inner, io.StringIO(), card="kit"),
    "all": lambda inner: Retry(Delay(Wrapper(Tracer(inner, io.StringIO(), card="kit")), 0)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_pass(wrap):
    assert ALL == check_transport(lambda card: wrap(SimulatedTransport(card)))


def test_what_a_channel_cannot_do_is_left_out():
    less = check_transport(SimulatedTransport, extended=False, removable=False)
    assert {"extended length", "death of the card"} == set(ALL) - set(less)


# ------------------------------------------------------------------ each way to be wrong


class NoAtr(Wrapper):
    atr = b""


class Twice(Wrapper):
    def transmit(self, command, /):
        self.inner.transmit(command)
        return self.inner.transmit(command)


class Curious(Wrapper):
    """Sends a command of its own."""

    def __init__(self, inner):
        super().__init__(inner)
        inner.transmit(bytes.fromhex("00A40000023F00"))


class Padding(Wrapper):
    def transmit(self, command, /):
        return self.inner.transmit(command + b"\x00" if len(command) == 4 else command)


class WithoutLe(Wrapper):
    """As T=0, which has no room for Le behind data."""

    def transmit(self, command, /):
        whole = len(command) > 5 and len(command) == 6 + command[4]
        return self.inner.transmit(command[:-1] if whole else command)


class ShortAnswers(Wrapper):
    def transmit(self, command, /):
        answer = self.inner.transmit(command)
        return answer[:253] + answer[-2:] if len(answer) == 258 else answer


class Raising(Wrapper):
    def transmit(self, command, /):
        answer = self.inner.transmit(command)
        if answer[-2:-1] in {b"\x6a", b"\x63"}:
            raise StatusError("command", int.from_bytes(answer[-2:], "big"), text="refused")
        return answer


class Tidy(Wrapper):
    """Drops data beside an error."""

    def transmit(self, command, /):
        answer = self.inner.transmit(command)
        return answer[-2:] if answer[-2:-1] == b"\x6a" else answer


class Refusing(Wrapper):
    def transmit(self, command, /):
        if len(command) < 4:
            raise TransportError("too short")
        return self.inner.transmit(command)


class Judging(Wrapper):
    """Refuses what does not parse, in the card's name."""

    def transmit(self, command, /):
        return b"\x67\x00" if len(command) == 6 else self.inner.transmit(command)


class Swallowing(Wrapper):
    def transmit(self, command, /):
        return b"" if len(command) < 4 else self.inner.transmit(command)


class ShortOnly(Wrapper):
    def transmit(self, command, /):
        return self.inner.transmit(command[:261])


class ShortAnswersOnly(Wrapper):
    def transmit(self, command, /):
        answer = self.inner.transmit(command)
        return answer if len(command) > 7 else answer[:258]


class NoReset(Wrapper):
    def reset(self, *, cold=True):
        return self.inner.reset() if cold else KIT_ATR


class NoAnswerToReset(Wrapper):
    def reset(self, *, cold=True):
        self.inner.reset(cold=cold)
        return b""


class OldAtr(Wrapper):
    atr = KIT_ATR

    def reset(self, *, cold=True):
        self.atr = b""
        return self.inner.reset(cold=cold)


class Undead(Wrapper):
    def transmit(self, command, /):
        try:
            return self.inner.transmit(command)
        except TransportError:
            self.inner.reset()
            return self.inner.transmit(b"\x80\xe3\x00\x00\x01")


class Untyped(Wrapper):
    def transmit(self, command, /):
        try:
            return self.inner.transmit(command)
        except CardRemoved:
            raise OSError("lost") from None


class Vague(Wrapper):
    """Does not tell a removed card from a lost answer."""

    def transmit(self, command, /):
        try:
            return self.inner.transmit(command)
        except CardRemoved:
            raise TransportError("lost") from None


class DeadForEver(Wrapper):
    dead = False

    def transmit(self, command, /):
        try:
            return self.inner.transmit(command)
        except CardRemoved:
            self.dead = True
            raise

    def reset(self, *, cold=True):
        if self.dead:
            raise CardRemoved("it died")
        return self.inner.reset(cold=cold)


class Taken(Wrapper):
    def exclusive(self):
        raise ReaderBusy("taken already")


class Sticky(Wrapper):
    """Forgets to end its exclusive use when an error ends it."""

    held = False

    @contextmanager
    def exclusive(self):
        if self.held:
            raise ReaderBusy("taken already")
        self.held = True
        yield
        self.held = False


class Mute(Wrapper):
    """Lets nobody have the card it has."""

    held = False

    @contextmanager
    def exclusive(self):
        self.held = True
        try:
            yield
        finally:
            self.held = False

    def transmit(self, command, /):
        if self.held:
            raise ReaderBusy("taken already")
        return self.inner.transmit(command)


class Reopening(Wrapper):
    def transmit(self, command, /):
        try:
            return self.inner.transmit(command)
        except TransportError as problem:
            if "closed" in str(problem):
                return b"\x90\x00"
            raise


class ReopenedByReset(Wrapper):
    def reset(self, *, cold=True):
        try:
            return self.inner.reset(cold=cold)
        except TransportError:
            return KIT_ATR


class ClosedOnce(Wrapper):
    closed = False

    def close(self):
        if self.closed:
            raise TransportError("transport is closed")
        self.closed = True
        self.inner.close()


WRONG = {
    "connected": [NoAtr, Twice, Curious],
    "exact commands": [Padding, WithoutLe],
    "exact answers": [ShortAnswers],
    "status words": [GetResponse, Raising, Tidy],
    "malformed commands": [Refusing, Judging, Swallowing],
    "extended length": [ShortOnly, ShortAnswersOnly],
    "resets": [NoReset, NoAnswerToReset, OldAtr],
    "death of the card": [Undead, Untyped, Vague, DeadForEver],
    "exclusive use": [Taken, Sticky, Mute],
    "closing": [Reopening, ReopenedByReset, ClosedOnce],
}


def test_each_check_has_somebody_who_fails_it():
    assert set(ALL) == set(WRONG)


@pytest.mark.parametrize(
    ("check", "wrong"), [pytest.param(name, kind, id=kind.__name__) for name in WRONG for kind in WRONG[name]]
)
def test_each_way_to_be_wrong_is_found(check, wrong):
    with pytest.raises(AssertionError, match=f"^{check}: "):
        check_transport(lambda card: wrong(SimulatedTransport(card)))


def test_what_a_transport_raised_is_told():
    said = "^malformed commands: TransportError was raised: too short$"
    with pytest.raises(AssertionError, match=said) as caught:
        check_transport(lambda card: Refusing(SimulatedTransport(card)))
    assert isinstance(caught.value.__cause__, TransportError)


def test_what_was_wrong_is_told_in_a_line():
    with pytest.raises(AssertionError) as caught:
        check_transport(lambda card: ShortAnswersOnly(SimulatedTransport(card)))
    beginning = "000102030405060708090A0B0C0D0E0F"
    expected = f"{beginning}…F2F3F4F5F6F7F8F9FAFBFCFDFEFF9000 (64770 bytes)"
    got = f"{beginning}…F2F3F4F5F6F7F8F9FAFBFCFDFEFF0001 (258 bytes)"
    said = f"extended length: answer of 64,768 bytes must be {expected}, got {got}"
    assert said == str(caught.value)


def test_nothing_is_told_as_nothing():
    with pytest.raises(
        AssertionError, match="^connected: atr after connecting must be 3B83016B6974F4, got nothing$"
    ):
        check_transport(lambda card: NoAtr(SimulatedTransport(card)))


def test_kit_card_remembers_what_it_received():
    card = KitCard()
    card.power_on()
    assert b"\x6d\x00" == card.transmit(b"\x00\x01")
    assert b"\x6d\x00" == card.transmit(b"\x00\xe0\x00\x00")
    assert [b"\x00\x01", b"\x00\xe0\x00\x00"] == card.received
