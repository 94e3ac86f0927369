"""Saving and restoring a card at any point changes nothing that follows.

Two cards take the same random commands.  One of them is put away somewhere and taken up again, as an image file (what
is volatile is lost, as at a reset, which the other card gets) or as a snapshot (everything is kept, whatever happened
in between); from there on both must answer alike, byte for byte, and end with the same memory.
"""

from __future__ import annotations

import copy
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu.purse_commands import INITIALIZE_FOR_LOAD, INITIALIZE_FOR_PURCHASE
from cardos.card import Card
from cardos.errors import DecodeError
from cardos.profile import load_profile
from tests.wallet.rig import KEY, PurseRig, fresh

PROFILES = ("city-3des", "city-sm4")
AMOUNT = 1_00


class Twin:
    """A personalised card, and a terminal that remembers the last data it got."""

    def __init__(self, profile: str, protocol: str) -> None:
        made = fresh(profile)
        card = Card(made.profile, made.card.memory, random=made.random, protocol=protocol)
        card.power_on()
        self.rig = PurseRig(card, made.profile, made.random)
        self.last = b""

    def step(self, name: str) -> bytes:
        command = STEPS[name](self) if name in STEPS else bytes.fromhex(name)
        answer = self.rig.card.transmit(command)
        self.last = answer[:-2] or self.last
        if answer[-2] == 0x61:
            self.last = bytes([answer[-1]])
        return answer

    def through_a_file(self, path) -> None:
        """Save, forget the card, load it again."""
        self.rig.card.power_off()
        self.rig.card.save(path)
        self.rig.card = Card.load(path, random=self.rig.random)
        self.rig.card.power_on()

    def through_a_snapshot(self, detour: list[str]) -> None:
        """Remember everything, let other things happen, and go back."""
        card, random, last = self.rig.card, copy.deepcopy(self.rig.random.__dict__), self.last
        snapshot = card.snapshot()
        for name in detour:
            self.step(name)
        card.power_off()
        card.restore(snapshot)
        self.rig.random.__dict__.update(random)
        self.last = last


def credit(twin: Twin) -> bytes:
    try:
        begun = INITIALIZE_FOR_LOAD.parse_answer(twin.last)
    except DecodeError:
        return bytes.fromhex("805200000B2016121610580000000000")
    return bytes(twin.rig.credit_command(begun, AMOUNT))


def debit(twin: Twin) -> bytes:
    try:
        begun = INITIALIZE_FOR_PURCHASE.parse_answer(twin.last)
    except DecodeError:
        return bytes.fromhex("805401000F000000002016121610580000000000")
    return bytes(twin.rig.debit_command(begun, AMOUNT, serial=7))


def authenticate(twin: Twin) -> bytes:
    """With the challenge that came last, if one did."""
    challenge = twin.last[-8:].ljust(8, b"\x00")
    suite = twin.rig.suite
    return bytes.fromhex("0082000008") + suite.cryptogram(suite.key(KEY), challenge)


def get_response(twin: Twin) -> bytes:
    return bytes.fromhex("00C00000") + twin.last[-1:].rjust(1, b"\x00")


#: Commands that depend on what came before; every other step is a command in hex.
STEPS = {"credit": credit, "debit": debit, "authenticate": authenticate, "get response": get_response}
LOAD, PURCHASE = "805000020B0100000064001122334455", "805001020B0100000064001122334455"
COMMANDS = (
    "00A4040009A00000000386980701",
    "00A4000000",
    "00A40000020018",
    "0020000003123456",
    "0020000003123457",
    "0084000008",
    LOAD,
    PURCHASE,
    "805C000204",
    "805A0006020001",
    "00B095001E",
    "00B201C417",
    "00B201C400",
    "00D6950004AABBCCDD",
    "80E0001F07280010F0F0FFFF",
)
WHOLE = (
    ["00A4040009A00000000386980701", LOAD, "credit"],
    ["00A4040009A00000000386980701", LOAD, "get response", "credit", "get response"],
    [PURCHASE, "debit"],
    ["0084000008", "authenticate"],
)
steps = st.lists(
    st.one_of(st.sampled_from([*COMMANDS, *STEPS]).map(lambda name: [name]), st.sampled_from(WHOLE)),
    max_size=8,
).map(lambda groups: [name for group in groups for name in group])


def same(left: Twin, right: Twin, rest: list[str]) -> None:
    for name in rest:
        assert left.step(name) == right.step(name), name
    assert left.rig.card.memory.snapshot() == right.rig.card.memory.snapshot()


@settings(max_examples=40)
@given(st.sampled_from(PROFILES), st.sampled_from(["T=0", "T=1", "T=CL"]), steps, steps)
def test_an_image_file(tmp_path_factory, profile, protocol, before, after):
    left, right = Twin(profile, protocol), Twin(profile, protocol)
    same(left, right, before)
    left.rig.card.reset()
    right.through_a_file(tmp_path_factory.getbasetemp() / "saved.img")
    assert right.rig.card.protocol == protocol
    same(left, right, after)


@settings(max_examples=40)
@given(st.sampled_from(PROFILES), st.sampled_from(["T=0", "T=1", "T=CL"]), steps, steps, steps)
def test_a_snapshot(profile, protocol, before, detour, after):
    left, right = Twin(profile, protocol), Twin(profile, protocol)
    same(left, right, before)
    right.through_a_snapshot(detour)
    same(left, right, after)


def test_the_steps_reach_what_a_session_keeps():
    """The commands above are no dead ones: a load and a purchase succeed, a PIN is verified, a key authenticates."""
    twin = Twin("city-3des", "T=1")
    answers = [twin.step(name)[-2:].hex() for name in ["0020000003123456", *WHOLE[0], *WHOLE[2], *WHOLE[3]]]
    assert ["9000"] * 7 == answers[1:8]
    assert "9000" == twin.step("805C000204")[-2:].hex()


@pytest.mark.parametrize(
    "detour", [[], ["credit"], ["00A4000000"]], ids=["nothing", "the-partner", "another-file"]
)
def test_a_snapshot_between_initialize_and_its_partner(detour):
    twin = Twin("city-3des", "T=1")
    for name in ["00A4040009A00000000386980701", LOAD]:
        twin.step(name)
    twin.through_a_snapshot(detour)
    assert "9000" == twin.step("credit")[-2:].hex()
    assert AMOUNT == twin.rig.balance()


def test_opening_an_image_is_quick(tmp_path):
    """Well under 5 ms, once its profile is loaded; the best of some runs, because the machine may be busy."""
    twin, path = Twin("city-3des", "T=1"), tmp_path / "card.img"
    twin.rig.card.save(path)
    load_profile("city-3des")
    runs = []
    for _ in range(10):
        begin = time.perf_counter()
        Card.load(path).power_on()
        runs.append(time.perf_counter() - begin)
    assert min(runs) < 0.005
