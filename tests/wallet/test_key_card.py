"""The key cards, as profiles personalise them: mutual recognition, tries, exports and their count, every status word.

Mother and authentication card talk through the test as they would through an issuing machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import pytest

from cardos.apdu import SW, Command, Response
from cardos.apdu.os_commands import EXTERNAL_AUTHENTICATE, GET_CHALLENGE, SELECT, VERIFY
from cardos.apdu.sam_commands import EXPORT_KEY, SamKeyKind
from cardos.card import KINDS, Card
from cardos.crypto import decrypt_ecb, diversify
from cardos.files.filesystem import BlockState
from cardos.host import KeyRing, SamData, SimulatedTransport, personalise
from cardos.profile import load_profile
from cardos.wallet.key_card import HANDLERS
from tests.powercut import sweep

NAMES = (
    "keycard-3des", "keycard-authentication-3des", "keycard-transport-3des", "keycard-control-3des",
    "psam-3des",
)  # fmt: skip
MOTHER, AUTHENTICATION, TRANSPORT, CONTROL, PSAM = NAMES
KEYS = KeyRing.for_tests("key cards", *(load_profile(name) for name in NAMES))
DATA = SamData(sam_serial=bytes(10), terminal=bytes(6), start=date(2025, 1, 1), expiry=date(2034, 12, 31))
ISSUER = bytes.fromhex("1000000000000001")
USAGE = 0x20 | SamKeyKind.EXPORT
#: Versions of the mother card's keys for export.
EXPORTS = {0: "purchase", 1: "load", 2: "tac", 3: "maintenance"}


@dataclass
class Desk:
    """A key card under power, its application selected."""

    card: Card

    @classmethod
    def of(cls, name: str) -> Desk:
        card = Card.blank(load_profile(name))
        card.memory.restore(_personalised(name))
        desk = cls(card)
        desk.power_up()
        return desk

    def raw(self, command: Command | bytes) -> Response:
        return Response.decode(self.card.transmit(bytes(command)))

    def ok(self, command: Command | bytes) -> bytes:
        answer = self.raw(command)
        assert f"{SW.SUCCESS:04X}" == f"{answer.sw:04X}"
        return answer.data

    def power_up(self) -> None:
        self.card.power_on()
        self.ok(SELECT.command(0x04, 0x00, data=self.card.profile.application.aid))

    def challenge(self) -> bytes:
        return self.ok(replace(GET_CHALLENGE.command(), le=8))

    def prove(self, challenge: bytes) -> Response:
        """INTERNAL AUTHENTICATE with key 01."""
        return self.raw(Command(0x00, 0x88, 0x00, 0x01, challenge, le=8))

    def judge(self, cryptogram: bytes) -> Response:
        return self.raw(EXTERNAL_AUTHENTICATE.command(0x00, 0x01, cryptogram=cryptogram))

    def export(self, version: int = 0, factors: bytes = ISSUER, *, usage: int = USAGE) -> Response:
        return self.raw(EXPORT_KEY.command(usage, version, factors=factors))

    @property
    def fs(self):
        return self.card._kernel.fs

    @property
    def application(self):
        return self.fs.by_name(self.card.profile.application.aid)

    @property
    def exports(self) -> int:
        return int.from_bytes(self.fs.read(self.fs.find(self.application, 0x0019), 0, 4), "big")


@cache
def _personalised(name: str) -> bytes:
    profile = load_profile(name)
    card = Card.blank(profile)
    card.power_on()
    personalise(SimulatedTransport(card), profile, DATA, KEYS)
    return card.memory.snapshot()


def recognise(mother: Desk, authentication: Desk) -> None:
    """Each card answers the other's challenge; the authentication card judges first."""
    shown = mother.prove(authentication.challenge())
    assert SW.SUCCESS == shown.sw
    assert SW.SUCCESS == authentication.judge(shown.data).sw
    answer = authentication.prove(mother.challenge())
    assert SW.SUCCESS == answer.sw
    assert SW.SUCCESS == mother.judge(answer.data).sw


@pytest.fixture
def mother():
    return Desk.of(MOTHER)


@pytest.fixture
def authentication():
    return Desk.of(AUTHENTICATION)


@pytest.fixture
def open_mother(mother, authentication):
    recognise(mother, authentication)
    return mother


# ------------------------------------------------------------------ who may export


def test_no_export_before_the_authentication(mother):
    assert SW.SECURITY_STATUS == mother.export().sw
    assert 0 == mother.exports


@pytest.mark.parametrize(("version", "source"), EXPORTS.items())
def test_an_export_is_the_diversified_key_under_the_transport_key(open_mother, version, source):
    answer = open_mother.export(version)
    assert SW.SUCCESS == answer.sw
    exported = KEYS["transport"].__class__(decrypt_ecb(KEYS["transport"], answer.data))
    assert diversify(KEYS[source], ISSUER) == exported
    assert 1 == open_mother.exports


def test_the_authentication_card_answers_only_its_mother_card(authentication):
    """Its key is used in state 1, which only the mother card's cryptogram gives."""
    assert SW.SECURITY_STATUS == authentication.prove(bytes(8)).sw
    authentication.challenge()
    assert 0x63C2 == authentication.judge(bytes(8)).sw
    assert SW.SECURITY_STATUS == authentication.prove(bytes(8)).sw


def test_an_old_answer_opens_nothing(mother, authentication):
    authentication.judge(mother.prove(authentication.challenge()).data)
    answer = authentication.prove(mother.challenge()).data
    mother.challenge()
    assert 0x63C2 == mother.judge(answer).sw
    assert SW.SECURITY_STATUS == mother.export().sw


@pytest.mark.parametrize("way", ["reset", "select"])
def test_the_recognition_is_volatile(open_mother, way):
    if way == "reset":
        open_mother.power_up()
    else:
        open_mother.ok(SELECT.command(0x04, 0x00, data=open_mother.card.profile.application.aid))
    assert SW.SECURITY_STATUS == open_mother.export().sw


def test_tries_are_counted_and_a_locked_mother_card_stays_locked(mother, authentication):
    for left in (2, 1, 0):
        mother.challenge()
        assert 0x63C0 | left == mother.judge(bytes(8)).sw
        mother.power_up()
    authentication.judge(mother.prove(authentication.challenge()).data)
    right = authentication.prove(mother.challenge()).data
    assert SW.METHOD_BLOCKED == mother.judge(right).sw
    mother.power_up()
    assert SW.SECURITY_STATUS == mother.export().sw
    assert 0 == mother.exports


def test_a_right_answer_gives_the_tries_back(mother, authentication):
    for _ in range(2):
        mother.challenge()
        mother.judge(bytes(8))
    recognise(mother, authentication)
    mother.power_up()
    mother.challenge()
    assert 0x63C2 == mother.judge(bytes(8)).sw


# ------------------------------------------------------------------ status words


def worn(desk):
    desk.card.memory.worn = True
    return desk.export()


def without_transport_key(_desk):
    """The keys for export beside a directory without the transport key: a mother card in the making."""
    desk = Desk.of(MOTHER)
    recognise(desk, Desk.of(AUTHENTICATION))
    record = desk.fs.key(desk.application, SamKeyKind.ENCRYPTION, 0, mask=0xFF)
    desk.fs.replace_key(desk.application, record, replace(record, id=9))
    desk.fs.commit()
    return desk.export()


def at_the_end(desk):
    desk.fs.write(desk.fs.find(desk.application, 0x0019), 0, b"\xff" * 4)
    desk.fs.commit()
    return desk.export()


def blocked(state):
    def provoke(desk):
        desk.fs.set_block_state(desk.application, state)
        desk.fs.commit()
        return desk.export()

    return provoke


#: The command of the rows, for the test that looks at the tables of all commands.
COMMAND = EXPORT_KEY
COMMAND = EXPORT_KEY
ROWS = [
    (SW.MEMORY_FAILURE, "worn", worn),
    (SW.SECURITY_STATUS, "no-authentication", lambda _desk: Desk.of(MOTHER).export()),
    (SW.CONDITIONS, "no-transport-key", without_transport_key),
    (SW.NOT_SUPPORTED, "blocked", blocked(BlockState.TEMPORARY)),
    (SW.APPLICATION_LOCKED, "blocked-for-ever", blocked(BlockState.PERMANENT)),
    (SW.WRONG_P1P2, "eight-levels", lambda desk: desk.raw(Command(0x80, 0x1A, 0x9E, 0x00, bytes(8), le=16))),
    (SW.COUNTER_MAXIMUM, "counter", at_the_end),
    (SW.KEY_INDEX, "version", lambda desk: desk.export(9)),
]


@pytest.mark.parametrize(("sw", "provoke"), [pytest.param(row[0], row[2], id=row[1]) for row in ROWS])
def test_status(open_mother, sw, provoke):
    answer = provoke(open_mother)
    assert (f"{sw:04X}", b"") == (f"{answer.sw:04X}", answer.data)


def test_every_declared_status_has_a_row():
    assert set(EXPORT_KEY.statuses) == {sw for sw, _, _ in ROWS}
    assert {EXPORT_KEY.name} == set(HANDLERS)
    assert set(HANDLERS) <= set(KINDS["keycard"])


@pytest.mark.parametrize("size", [0, 7, 9, 16, 24])
def test_one_factor_per_level(open_mother, size):
    assert SW.WRONG_LENGTH == open_mother.export(0, bytes(size)).sw


@pytest.mark.parametrize("usage", [0x22, 0x07, 0x29])
def test_other_kinds_are_not_exported(open_mother, usage):
    assert SW.SUCCESS != open_mother.raw(Command(0x80, 0x1A, usage, 0x00, bytes(8 * (usage >> 5)))).sw
    assert 0 == open_mother.exports


# ------------------------------------------------------------------ the other cards


def test_transport_card(open_mother):
    """It deciphers what the mother card exported, once its holder's PIN was verified."""
    transport = Desk.of(TRANSPORT)
    exported = open_mother.export().data

    def decipher(data: bytes) -> Response:
        return transport.raw(Command(0x00, 0x88, 0x01, 0x01, data, le=0x100))

    assert SW.SECURITY_STATUS == decipher(exported).sw
    transport.ok(VERIFY.command(0x00, 0x00, pin=bytes.fromhex("123456")))
    assert diversify(KEYS["purchase"], ISSUER).reveal() == decipher(exported).data


def test_master_control_card():
    """It gives the control key that replaces the producer's, under the producer's."""
    control = Desk.of(CONTROL)
    assert SW.SECURITY_STATUS == control.export(usage=0x1E, factors=b"").sw
    recognise(control, Desk.of(AUTHENTICATION))
    answer = control.export(usage=0x1E, factors=b"")
    assert KEYS["sam-control"].reveal() == decrypt_ecb(KEYS["producer"], answer.data)
    assert 1 == control.exports


def test_a_psam_exports_nothing():
    psam = Desk.of(PSAM)
    assert SW.SUCCESS != psam.export().sw


# ------------------------------------------------------------------ power


def test_power_cut(open_mother, record_property):
    """Every export is counted before it leaves, whatever write the power is cut at."""
    ready, seen = open_mother.card.snapshot(), []

    def restored():
        open_mother.card.restore(ready)
        return open_mother.card

    def run(_card):
        open_mother.export()
        seen.append(open_mother.exports)

    points = sweep(restored, run, lambda _card: open_mother.exports)
    record_property("cut points", points)
    assert {1} == set(seen)
    assert points > 15
