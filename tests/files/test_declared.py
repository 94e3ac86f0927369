"""Whatever is sent, also under a right MAC: the answer is one that the command declares."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import COMMANDS, SW, Catalogue, Command, CommandSpec, Protection, SecureChannel
from cardos.card import KINDS, CardSnapshot
from tests.files.desk import K16, SUITES, Desk, application, key_record

CARD = Catalogue(spec for spec in COMMANDS if spec.name in KINDS["card"])
SPECS = [spec for spec in COMMANDS if spec.name in KINDS["card"]]
PROTECTED = [spec for spec in SPECS if spec.protection is not Protection.NEVER]
ALWAYS = {int(SW.SUCCESS), int(SW.WRONG_LENGTH)}


@lru_cache
def _open(profile: str) -> CardSnapshot:
    """The desk's card with keys for everything, of one value, and wrong tries that are not counted."""
    desk = application(profile)
    for type_ in (0x30, 0x31, 0x32, 0x37, 0x38):
        desk.ok(key_record(type_, 0, K16, second=0))
    for id_ in (0, 1, 2):
        desk.ok(f"80D436{id_:02X}15" + key_record(0x36, id_, K16, second=0)[10:])
    desk.ok("80D4390015" + key_record(0x39, 0, K16, second=0)[10:])
    desk.ok(key_record(0xFA, 3, b"\x12\x34", change=0xEF, second=0))
    return desk.card.snapshot()


def opened(profile: str) -> Desk:
    desk = application(profile)
    desk.card.restore(_open(profile))
    return desk


def send(desk: Desk, command: Command) -> int:
    """The status word of a command, which must be declared, and data only with those that carry some."""
    raw, was_blocked = bytes(command), desk.fs.card_blocked
    found, response = CARD.match(*raw[:4]), desk.raw(raw)
    if was_blocked:
        allowed = {int(SW.NOT_SUPPORTED)}
    elif isinstance(found, CommandSpec):
        allowed = {int(each) for each in found.statuses} | ALWAYS
    else:
        allowed = {int(found), int(SW.WRONG_LENGTH)}
    numbered = response.sw & 0xFFF0 == 0x63C0 and any(each & 0xFFF0 == 0x63C0 for each in allowed)
    assert response.sw in allowed or numbered or response.sw >> 8 == 0x6C, (raw.hex(), f"{response.sw:04X}")
    assert not response.data or response.sw in (SW.SUCCESS, SW.DATA_DOUBTFUL, SW.NOT_SUPPORTED)
    return response.sw


def secured(desk: Desk, command: Command, *, enciphered: bool) -> Command:
    """The command under a right MAC, when the card gives a challenge for it."""
    given_ = desk.raw("0084000004")
    if given_.sw != SW.SUCCESS:
        return command
    channel = SecureChannel(desk.suite, desk.suite.key(K16), given_.data)
    return channel.protect(command, enciphered=enciphered)


LIKELY = st.sampled_from(
    [0x00, 0x01, 0x02, 0x03, 0x34, 0x36, 0x39, 0x3A, 0x3C, 0x54, 0x84, 0x85, 0x88, 0x89, 0xC4]
)
LES = st.sampled_from([0, 0, 1, 4, 8, 16, 256])


@st.composite
def commands(draw: st.DrawFn, specs: list[CommandSpec] = SPECS) -> Command:
    """A command with parameters that it knows, or not, and data of about its length."""
    spec = draw(st.sampled_from(specs))
    p1 = draw(st.sampled_from(sorted(spec.p1)) | LIKELY)
    p2 = draw(st.sampled_from(sorted(spec.p2)) | LIKELY)
    fitting = st.binary(min_size=spec.lc[0], max_size=min(spec.lc[1], 30))
    return Command(spec.cla, spec.ins, p1, p2, draw(fitting | st.binary(max_size=40)), le=draw(LES))


@pytest.mark.parametrize("profile", SUITES)
@settings(max_examples=200)
@given(command=commands())
def test_plain_commands(profile, command):
    send(opened(profile), command)


@pytest.mark.parametrize("profile", SUITES)
@settings(max_examples=200)
@given(command=commands(PROTECTED), enciphered=st.booleans())
def test_protected_commands_with_a_right_mac(profile, command, enciphered):
    desk = opened(profile)
    assert SW.NO_CHALLENGE != send(desk, secured(desk, command, enciphered=enciphered))


@pytest.mark.parametrize("profile", SUITES)
@settings(max_examples=50)
@given(steps=st.lists(st.tuples(commands(), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_sequences_of_commands(profile, steps):
    """One after the other on one card, whatever becomes of it."""
    desk = opened(profile)
    for command, protect, enciphered in steps:
        send(desk, secured(desk, command, enciphered=enciphered) if protect else command)
