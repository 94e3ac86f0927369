"""The card as a whole: power, protocols, images, snapshots, and any bytes as a command."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cardos.apdu import COMMANDS, SW, Response
from cardos.card import KINDS, Card
from cardos.errors import CardRemoved, ImageError, ParameterError, ProfileError
from cardos.files.image import CardImage, read_image, write_image
from cardos.files.memory import PowerCut
from cardos.files.volume import memory_size
from cardos.profile import load_profile
from tests.files.desk import (
    CREATE_MF,
    K16,
    MASTER,
    SELECT_ADF,
    SELECT_MF,
    Desk,
    application,
    changed,
    key_record,
)

PROTOCOLS = ("T=0", "T=1", "T=CL")


# -- making and power


@pytest.mark.parametrize("profile", ["city-3des", "city-sm4", "psam-3des", "psam-sm4"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_blank_card_is_made_and_takes_an_mf(profile, protocol):
    desk = Desk.blank(profile, protocol=protocol)
    assert "6A81" == desk.sw(SELECT_MF)
    desk.ok(CREATE_MF)
    assert f"{desk.sw(SELECT_MF)[:2]}" in ("90", "6C")


def with_memory(size: int):
    """A profile made by hand, which nothing has checked."""
    profile = load_profile("city-3des")
    return replace(profile, cos=replace(profile.cos, memory=size))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: Card.blank(load_profile("city-3des"), protocol="T=2"),
            "protocol must be one of T=0, T=1, T=CL, got 'T=2'", id="protocol",
        ),
        pytest.param(
            lambda: Card.blank(replace(load_profile("city-3des"), kind="toaster")),
            "kind of the profile must be one of card, psam, isam, keycard, got 'toaster'", id="kind",
        ),
        pytest.param(
            lambda: Card.blank(with_memory(511)),
            "memory of the profile must be 512..32768 bytes, got 511", id="too-small",
        ),
        pytest.param(
            lambda: Card.blank(with_memory(32769)),
            "memory of the profile must be 512..32768 bytes, got 32769", id="too-large",
        ),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be(make, message):
    with pytest.raises(ParameterError) as refused:
        make()
    assert message == str(refused.value)


@pytest.mark.parametrize("memory", [512, 32768])
def test_memory_sizes(memory):
    desk = Desk.blank(changed("city-3des", memory=memory))
    desk.ok(CREATE_MF)
    left = desk.fs.free
    assert memory - 11 == left
    size = left - 11
    desk.ok(f"80E000010728{size:04X}F0F0FFFF")
    assert 0 == desk.fs.free
    assert "6A84" == desk.sw("80E0000207280001F0F0FFFF")
    desk.reset()
    desk.ok("00D6810001AA", "00B0810001")


def test_a_smaller_mf_wastes_the_rest():
    desk = Desk.blank()
    desk.ok(CREATE_MF.replace("38FFFF", "380040"))
    assert 0x40 - 11 == desk.fs.free
    assert "6A84" == desk.sw("80E000010728002BF0F0FFFF")
    desk.ok("80E000010728002AF0F0FFFF")


def test_without_power():
    card = Card.blank(load_profile("city-3des"))
    for act in (lambda: card.transmit(b"\x00\xa4\x00\x00"), card.reset):
        with pytest.raises(CardRemoved, match=r"the card has no power; call power_on\(\)"):
            act()
    assert not card.powered
    card.power_on()
    assert card.powered
    card.power_off()
    with pytest.raises(CardRemoved):
        card.transmit(b"")


def test_power_on_and_reset_give_the_same_and_forget_the_session():
    desk = application()
    desk.challenge()
    assert desk.card.reset() == desk.card.power_on()
    assert (0x3F00, None, 0) == (desk.session.directory.fid, desk.session.challenge, desk.session.state)


def test_a_cut_takes_the_card_away():
    desk = application()
    desk.card.memory.cut_after(0)
    with pytest.raises(CardRemoved):
        desk.raw("00D6840001AA")
    assert not desk.card.powered
    with pytest.raises(PowerCut):
        desk.raw("00B0840001")
    desk.card.power_on()
    desk.ok(SELECT_ADF)


def test_the_random_source_is_used():
    card = Card.blank(load_profile("city-3des"), random=lambda size: b"\xa5" * size)
    desk = Desk(card, None)
    card.power_on()
    desk.ok(CREATE_MF)
    assert "A5A5A5A5" == desk.ok("0084000004")


def test_challenges_of_a_card_differ_by_default():
    card = Card.blank(load_profile("city-3des"))
    desk = Desk(card, None)
    card.power_on()
    desk.ok(CREATE_MF)
    assert len({desk.ok("0084000008") for _ in range(20)}) == 20


def test_a_card_is_small():
    card = application().card
    assert card.memory.size == memory_size(card.profile) < 28 * 1024
    kernel = card._kernel
    nodes = sum(sys.getsizeof(node) + sys.getsizeof(node.name) for node in kernel.fs.nodes)
    assert card.memory.size + nodes < 40 * 1024


# -- image files


def test_a_card_lives_on_in_its_image(tmp_path):
    desk = application()
    desk.ok("00D6840002CAFE")
    path = tmp_path / "card.img"
    desk.card.save(path)
    card = Card.load(path, random=desk.random)
    assert not card.powered
    card.power_on()
    again = Desk(card, desk.random)
    again.ok(SELECT_ADF)
    assert "CAFE" == again.ok("00B0840002")
    assert "9000" == again.authenticate()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_image_keeps_profile_and_protocol(tmp_path, protocol):
    desk = application("city-sm4", protocol=protocol)
    desk.card.save(tmp_path / "card.img")
    card = Card.load(str(tmp_path / "card.img"))
    assert ("city-sm4", protocol) == (card.profile.name, card.protocol)


def test_an_image_of_a_cut_card_recovers_when_it_gets_power(tmp_path):
    desk = application()
    desk.card.memory.cut_after(2)
    with pytest.raises(PowerCut):
        desk.raw("00D6840002CAFE")
    desk.card.save(tmp_path / "card.img")
    again = Desk(Card.load(tmp_path / "card.img"), None)
    again.card.power_on()
    again.ok(SELECT_ADF)
    assert "CAFE" == again.ok("00B0840002")


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        pytest.param(
            CardImage("city-3des", "T=1", bytes(5)), ImageError, "got city-3des, 5 bytes and T=1", id="size"
        ),
        pytest.param(
            CardImage("city-3des", "T=9", bytes(14336)), ImageError, "14336 bytes and T=9", id="protocol"
        ),
        pytest.param(CardImage("no-such", "T=1", bytes(14336)), ProfileError, "no-such", id="profile"),
    ],
)
def test_an_image_that_is_no_card(tmp_path, image, error, message):
    path = tmp_path / "card.img"
    write_image(path, image)
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        Card.load(path)
    assert before == path.read_bytes()


def test_an_image_of_another_profile(tmp_path):
    application().card.save(tmp_path / "card.img")
    with pytest.raises(ImageError, match="must be of profile city-sm4"):
        Card.load(tmp_path / "card.img", profile=load_profile("city-sm4"))
    own = replace(load_profile("city-3des"), title="of my own")
    assert own is Card.load(tmp_path / "card.img", profile=own).profile


def test_saving_changes_nothing(tmp_path):
    desk = application()
    desk.challenge()
    before = desk.card.snapshot()
    desk.card.save(tmp_path / "card.img")
    assert before == desk.card.snapshot()
    assert before.memory == read_image(tmp_path / "card.img").memory


# -- snapshots


def test_a_snapshot_brings_back_everything():
    desk = application()
    challenge = desk.challenge()
    snapshot = desk.card.snapshot()
    answer = desk.suite.cryptogram(desk.suite.key(MASTER), challenge)
    command = bytes.fromhex("0082000008") + answer
    desk.ok(command)
    assert "6984" == desk.sw(command)
    desk.card.restore(snapshot)
    desk.ok(command)
    assert 2 == desk.session.state


def test_a_snapshot_without_power_has_no_power():
    desk = application()
    desk.card.power_off()
    snapshot = desk.card.snapshot()
    desk.card.power_on()
    desk.card.restore(snapshot)
    assert not desk.card.powered


def test_a_snapshot_is_not_changed_by_what_follows():
    desk = application()
    desk.session.temporary["a"] = 1
    snapshot = desk.card.snapshot()
    desk.session.temporary["a"] = 2
    desk.ok("00D6840002CAFE")
    desk.card.restore(snapshot)
    assert {"a": 1} == desk.session.temporary
    desk.session.temporary["a"] = 3
    assert {"a": 1} == snapshot.session.temporary
    assert 0x6281 == desk.raw("00B0840002").sw


class SavedAndRestored(RuleBasedStateMachine):
    """Two cards get the same commands; one of them is put through a snapshot, an image or a new object between
    any two.  They must answer alike.
    """

    @initialize()
    def start(self):
        self.one, self.two = application(), application()
        self.answers = [("", "")]

    def both(self, command):
        self.answers.append((self.one.raw(command), self.two.raw(command)))

    @rule(
        command=st.sampled_from(
            [
                SELECT_MF, SELECT_ADF, "00A40000020004", "00B0000004", "00D6840002AABB", "0020000003123456",
                "0020000003000000", "00DC003A0101", "00E2003803110199", "00B2003C00", "0084000004", "805C000204",
                "805000020B01000003E8001122334455", "80E0001007280004F0F0FFFF", key_record(0x36, 7, K16),
            ]
        )
    )  # fmt: skip
    def command(self, command):
        self.both(command)

    @rule()
    def snapshot(self):
        snapshot = self.two.card.snapshot()
        other = Card.blank(self.two.card.profile, random=self.two.random)
        other.restore(snapshot)
        self.two.card = other

    @rule()
    def reset(self):
        self.one.reset()
        snapshot = self.two.card.snapshot()
        self.two.card.restore(replace(snapshot, session=None))
        self.two.card.power_on()

    @invariant()
    def alike(self):
        assert self.answers[-1][0] == self.answers[-1][1]


TestSavedAndRestored = SavedAndRestored.TestCase
TestSavedAndRestored.settings = settings(max_examples=20, stateful_step_count=20)


# -- any bytes

HEADERS = st.sampled_from([bytes((cla, spec.ins)) for spec in COMMANDS for cla in (spec.cla, spec.cla | 4)])
BODIES = st.binary(max_size=300)
#: Shaped like commands, so that most get past the first checks.
SHAPED = st.builds(
    lambda head, p1, p2, data, le: head + bytes((p1, p2)) + (bytes([len(data)]) + data if data else b"") + le,
    HEADERS,
    st.integers(0, 255) | st.sampled_from([0x00, 0x01, 0x04, 0x80 | 0x15, 0x84]),
    st.integers(0, 255) | st.sampled_from([0x00, 0x01, 0x02, 0x34, 0x3C, 0xC4]),
    st.binary(max_size=255),
    st.sampled_from([b"", b"\x00", b"\x04", b"\x08", b"\xff"]),
)
KNOWN = {int(sw) for sw in SW}


def is_known(sw: int) -> bool:
    return sw in KNOWN or sw >> 4 == 0x63C or sw >> 8 in (0x61, 0x6C)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("make", [application, Desk.blank], ids=["personalised", "blank"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=st.lists(st.one_of(st.binary(max_size=40), SHAPED, BODIES), min_size=1, max_size=12))
def test_any_bytes_get_a_status_word(make, protocol, commands):
    desk = make(protocol=protocol)
    for command in commands:
        response = Response.decode(desk.card.transmit(command))
        assert is_known(response.sw), (command.hex(), f"{response.sw:04X}")
        assert len(response.data) <= 256


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 6, 255, 256, 257, 260, 261, 262, 65535, 65536, 65544, 70000])
@pytest.mark.parametrize("fill", ["00", "FF", "80", "A4"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_long_bytes_get_a_status_word(protocol, fill, size):
    desk = application(protocol=protocol)
    for head in ("", "00A4040009", "00D68400FF", "80E0", "84D40100"):
        command = (bytes.fromhex(head) + bytes.fromhex(fill) * size)[:size]
        response = Response.decode(desk.card.transmit(command))
        assert is_known(response.sw)


@given(st.integers(0, 70000), st.binary(min_size=1, max_size=8))
@settings(max_examples=30)
def test_any_length_gets_a_status_word(size, pattern):
    desk = application()
    command = (pattern * (size // len(pattern) + 1))[:size]
    assert is_known(Response.decode(desk.card.transmit(command)).sw)


@pytest.mark.parametrize("kind", KINDS)
def test_every_header_gets_a_status_word(kind):
    """All classes and instructions, without and with data."""
    desk = Desk.blank({"card": "city-3des"}.get(kind, f"{kind}-3des"))
    desk.ok(CREATE_MF)
    snapshot = desk.card.snapshot()
    served = [spec for spec in COMMANDS if spec.name in KINDS[kind]]
    known = {(spec.cla, ins) for spec in served for ins in (spec.ins, *spec.aliases)}
    for cla in (0x00, 0x04, 0x80, 0x84, 0xE0, 0xE4, 0x01, 0x40, 0x90, 0xFF):
        for ins in range(256):
            words = {
                desk.raw(bytes((cla, ins, 0, 0, *tail))).sw for tail in ((), (0,), (1, 0), (4, 0, 0, 0, 0, 0))
            }
            assert all(is_known(word) for word in words)
            if (cla & 0xF0, ins) not in known:
                assert words <= {0x6D00, 0x6E00, 0x6900, 0x6A86}, f"{cla:02X}{ins:02X}"
            desk.card.restore(snapshot)
