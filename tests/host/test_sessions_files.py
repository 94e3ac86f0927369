"""File and issuer sessions with simulated cards over T=0 and T=1: a card made by hand, files under secure messaging for
writing and for reading, PIN services, blocking, the keys of key cards, and keys that lie in a SAM.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW, Command, MessageChannel, MessageRules, SecureChannel
from cardos.apdu.sam_commands import CryptMode, SamKeyKind
from cardos.card import Card
from cardos.crypto import decrypt_ecb, diversify
from cardos.errors import DecodeError, MacMismatch, ParameterError, StatusError
from cardos.host import (
    FileSession,
    InternalMethod,
    IssuerSession,
    KeyCardSession,
    KeyRing,
    Purse,
    RecordMode,
    SamData,
    SimulatedTransport,
    personalise,
)
from cardos.profile import FILE_TYPES, load_profile

from .session_calls import CODE, KEY, MASTER
from .session_desk import CARD, EXPIRY, PIN, START, Desk

AID = bytes.fromhex("D15600000101")
PLAIN, UNDER_MAC, ENCIPHERED, LINEAR, CYCLIC, VARIABLE = 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A
CONTENT = bytes(range(1, 25))
_MAC, _SECRET = 0x80, 0xC0  # bits of a file type: MAC, MAC and encipherment
_READ_TOO = 0x7F  # protection: reading is protected as well, both with key 00

KINDS = [("3des", "T=1"), ("3des", "T=0"), ("sm4-a", "T=1")]
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids="-".join)


def refused(sw: int):
    return pytest.raises(StatusError, match=f"answered {sw:04X}")


def blank(suite: str = "3des", protocol: str = "T=1", **options: object) -> IssuerSession:
    """A session with a card that has an MF, which may still be filled, and its keys."""
    profile = load_profile(f"city-3des@{suite}").with_options(**options)
    session = IssuerSession(
        SimulatedTransport(Card.blank(profile, protocol=protocol)), profile.suite, profile.cos
    )
    code = bytes.fromhex(profile.cos.transport_code)
    session.create_directory(0x3F00, size=0xFFFF, create=0xF0, erase=0xF0, application=0x01, tail=code)
    session.create_file(0x0000, FILE_TYPES["key"], shape=0x0180, read=0x01, write=0xF0, protection=0xFF)
    return session


def make_file(
    session: IssuerSession, sfi: int, kind: str, shape: int, *, bits: int = 0, protection: int = 0xFF
):
    session.create_file(
        sfi, FILE_TYPES[kind] | bits, shape=shape, read=0xF0, write=0xF0, protection=protection
    )


def make_key(session: IssuerSession, type_: int, value: bytes, id_: int = 0, *, use: int = 0xF0) -> None:
    session.write_key(type_, id_, value, use=use, change=0xF0, first=0x01, second=0x33)


@pytest.fixture(params=KINDS, ids="-".join)
def issuer(request):
    """A card with every kind of file and key in its MF."""
    session = blank(*request.param)
    for type_, value in (
        (0x36, KEY),
        (0x37, KEY),
        (0x38, MASTER),
        (0x39, KEY),
        (0x30, KEY),
        (0x31, KEY),
        (0x32, KEY),
    ):
        make_key(session, type_, value.reveal())
    make_key(session, 0x3A, PIN)
    make_file(session, PLAIN, "transparent", 0x0018)
    make_file(session, UNDER_MAC, "transparent", 0x0018, bits=_MAC, protection=_READ_TOO)
    make_file(session, ENCIPHERED, "transparent", 0x0018, bits=_SECRET, protection=_READ_TOO)
    make_file(session, LINEAR, "linear", 0x0308, bits=_SECRET, protection=_READ_TOO)
    make_file(session, CYCLIC, "cyclic", 0x0308)
    make_file(session, VARIABLE, "variable", 0x0040)
    return session


@pytest.fixture
def key(issuer):
    return issuer.suite.key(KEY.reveal())


# ------------------------------------------------------------------ files


def test_plain_files(issuer):
    issuer.update_binary(PLAIN, CONTENT)
    assert CONTENT == issuer.read_binary(PLAIN)
    assert CONTENT[3:5] == issuer.read_binary(PLAIN, offset=3, length=2)
    issuer.select_file(PLAIN)
    assert CONTENT[3:] == issuer.read_binary(0, offset=3)


@pytest.mark.parametrize("sfi", [UNDER_MAC, ENCIPHERED])
def test_files_under_secure_messaging_for_reading_too(issuer, key, sfi):
    enciphered = sfi == ENCIPHERED
    issuer.update_binary(sfi, CONTENT, key=key, enciphered=enciphered)
    assert CONTENT == issuer.read_binary(sfi, key=key, enciphered=enciphered)
    assert CONTENT[8:13] == issuer.read_binary(sfi, offset=8, length=5, key=key, enciphered=enciphered)
    with refused(SW.CANNOT_PROCESS):
        issuer.read_binary(sfi)
    with refused(SW.MAC_MISSING):
        issuer.update_binary(sfi, CONTENT)


def test_a_wrong_key_is_the_card_s_to_refuse(issuer):
    wrong = issuer.suite.key(MASTER.reveal())
    with refused(SW.MAC_WRONG):
        issuer.update_binary(UNDER_MAC, CONTENT, key=wrong)
    with refused(SW.MAC_WRONG):
        issuer.read_binary(UNDER_MAC, key=wrong)


def test_records_under_secure_messaging(issuer, key):
    for number in (1, 3):
        issuer.update_record(LINEAR, number, CONTENT[:8], key=key, enciphered=True)
        assert CONTENT[:8] == issuer.read_record(LINEAR, number, key=key, enciphered=True)


def test_records_by_mode(issuer):
    for first in (1, 2, 3):
        issuer.append_record(CYCLIC, bytes([first]) * 8)
    issuer.update_record(CYCLIC, 0, bytes([9]) * 8, mode=RecordMode.PREVIOUS)
    assert [9, 3, 2] == [issuer.read_record(CYCLIC, number)[0] for number in (1, 2, 3)]
    for tag, value in ((0x61, 1), (0x62, 2), (0x61, 3)):
        issuer.append_record(VARIABLE, bytes((tag, 1, value)))
    issuer.update_record(VARIABLE, 0x61, bytes((0x61, 1, 7)), mode=RecordMode.LAST)
    assert [1, 2, 7] == [issuer.read_record(VARIABLE, number)[2] for number in (1, 2, 3)]
    assert bytes((0x62, 1, 2)) == issuer.read_record(VARIABLE, 0x62, mode=RecordMode.FIRST)


def test_options_of_the_card_reach_its_secure_messaging():
    """Single DES MACs, padding always, an enciphered Le, challenges of 8 bytes only: told by the options, not tried."""
    options = {
        "command_mac": "des", "encipher_padding": "always", "enciphered_le": "enciphered", "challenge_sizes": (8,),
    }  # fmt: skip
    session = blank(**options)
    make_key(session, 0x36, KEY.reveal())
    make_file(session, ENCIPHERED, "transparent", 0x0018, bits=_SECRET, protection=_READ_TOO)
    session.update_binary(ENCIPHERED, CONTENT, key=KEY, enciphered=True)
    assert CONTENT == session.read_binary(ENCIPHERED, key=KEY, enciphered=True)
    assert CONTENT[:5] == session.read_binary(ENCIPHERED, length=5, key=KEY, enciphered=True)
    session.cos = replace(session.cos, command_mac="alg3")
    with refused(SW.MAC_WRONG):
        session.update_binary(ENCIPHERED, CONTENT, key=KEY, enciphered=True)


class Meddler(SimulatedTransport):
    """Flips a bit of every answer with data, but not of the challenge."""

    def transmit(self, command: bytes, /) -> bytes:
        answer = super().transmit(command)
        changed = len(answer) > 2 and command[1] != 0x84
        return bytes([answer[0] ^ 1]) + answer[1:] if changed else answer


@pytest.mark.parametrize("enciphered", [False, True])
def test_an_answer_that_was_changed_on_its_way_is_not_taken(enciphered):
    session = blank()
    make_key(session, 0x36, KEY.reveal())
    sfi, bits = (ENCIPHERED, _SECRET) if enciphered else (UNDER_MAC, _MAC)
    make_file(session, sfi, "transparent", 0x0018, bits=bits, protection=_READ_TOO)
    session.update_binary(sfi, CONTENT, key=KEY, enciphered=enciphered)
    session.transport.__class__ = Meddler
    with pytest.raises(MacMismatch, match="MAC of the protected answer"):
        session.read_binary(sfi, key=KEY, enciphered=enciphered)


def test_data_too_long_to_be_protected(issuer, key):
    with pytest.raises(ParameterError, match="data must be 0..251 bytes before their MAC, got 252 bytes"):
        issuer.update_record(LINEAR, 1, bytes(252), key=key)


def test_a_file_session_needs_no_profile():
    """What a reader of unknown cards has: a suite, and only that for keys."""
    desk = Desk()
    session = FileSession(desk.link, desk.profile.suite)
    session.select_name(desk.profile.application.aid)
    assert CARD.issuer == session.read_binary(0x15, length=8)
    assert not hasattr(session, "create_file")


# ------------------------------------------------------------------ directories


@EACH_KIND
def test_applications_by_the_start_of_their_names(kind):
    session = blank(*kind)
    names = [AID + bytes([last]) for last in (1, 2)]
    for number, name in enumerate(names, start=1):
        session.create_directory(
            0x3F00 + number, size=0x0100, create=0xF0, erase=0xF0, application=0x95, tail=b"\xff\xff" + name
        )
    found = [session.select_name(AID), session.select_name(AID, following=True)]
    assert names == [next(tlv for tlv in fci[0].children if tlv.tag == 0x84).value for fci in found]
    with refused(SW.FILE_NOT_FOUND):
        session.select_name(AID, following=True)
    assert session.select(AID + b"\x01", by_name=True) == session.select_file(0x3F01)
    assert session.select() == session.select_file(0x3F00)


@EACH_KIND
def test_erase_df(kind):
    session = blank(*kind)
    tail = b"\xff\xff" + AID
    session.create_directory(0x3F01, size=0x0100, create=0xF0, erase=0xF0, application=0x95, tail=tail)
    session.select_file(0x3F01)
    make_file(session, PLAIN, "transparent", 0x0018)
    session.update_binary(PLAIN, CONTENT)
    session.erase_df()
    with refused(SW.FILE_NOT_FOUND):
        session.read_binary(PLAIN)
    make_file(session, PLAIN, "transparent", 0x0018)


@EACH_KIND
def test_safety_code(kind):
    session = blank(*kind)
    with refused(SW.NOT_SUPPORTED):
        session.get_message()
    session.set_message(CODE)
    assert CODE == session.get_message()


# ------------------------------------------------------------------ keys and PINs


def test_keys_that_the_card_has(issuer, key):
    block = bytes(range(key.block_size))
    secret = issuer.internal_authenticate(block)
    assert (
        block
        == decrypt_ecb(key, secret)
        == issuer.internal_authenticate(secret, method=InternalMethod.DECIPHER)
    )
    mac = issuer.suite.command_mac(key, bytes(key.block_size), block)
    assert mac == issuer.internal_authenticate(block, method=InternalMethod.MAC)
    with refused(SW.KEY_NOT_FOUND):
        issuer.internal_authenticate(block, key_id=5)


def test_external_authenticate(issuer, key):
    issuer.external_authenticate(key)
    with refused(0x63C2):
        issuer.external_authenticate(issuer.suite.key(MASTER.reveal()))
    issuer.present_cryptogram(issuer.suite.cryptogram(key, issuer.get_challenge(key.block_size)))
    with refused(SW.NO_CHALLENGE):
        issuer.present_cryptogram(bytes(8))


@pytest.mark.parametrize(("bits", "enciphered"), [(0x80, False), (0xC0, True)], ids=["mac", "enciphered"])
def test_pin_and_cryptogram_in_protected_commands(bits, enciphered):
    session = blank()
    for type_ in (0x36, 0x39 | bits):
        make_key(session, type_, KEY.reveal())
    make_key(session, 0x3A | bits, PIN)
    session.verify(PIN, key=KEY, enciphered=enciphered)
    session.external_authenticate(KEY, line_key=KEY, enciphered=enciphered)
    with refused(0x63C2):
        session.verify(b"\x12\x34\x57", key=KEY, enciphered=enciphered)
    with refused(SW.MAC_INVALID):
        session.verify(PIN, key=MASTER, enciphered=enciphered)


def test_pin_services(issuer, key):
    issuer.verify(PIN)
    issuer.change_pin(PIN, b"\x43\x21")
    issuer.verify(b"\x43\x21")
    for left in (2, 1, 0):
        with refused(0x63C0 | left):
            issuer.verify(PIN)
    with refused(SW.METHOD_BLOCKED):
        issuer.verify(b"\x43\x21")
    issuer.pin_unblock(b"\x43\x21", key=key)
    issuer.verify(b"\x43\x21")
    issuer.reload_pin(b"\x88\x88", key=issuer.suite.key(MASTER.reveal()))
    issuer.verify(b"\x88\x88")
    with refused(SW.MAC_INVALID):
        issuer.reload_pin(b"\x88\x88", key=key)


def test_pin_unblock_names_the_pin_as_the_card_has_it():
    for place in ("p1", "p2"):
        session = blank(pin_unblock_id=place)
        make_key(session, 0x37, KEY.reveal())
        make_key(session, 0x3A, PIN, 3)
        session.pin_unblock(b"\x43\x21", key=KEY, key_id=3)
        session.verify(b"\x43\x21", key_id=3)


# ------------------------------------------------------------------ blocking


@EACH_KIND
def test_block_and_unblock(kind):
    desk = Desk(*kind)
    session, key = desk.card(), desk.keys["maintenance"]
    session.application_block(key=key)
    with refused(SW.NOT_SUPPORTED):
        session.get_balance(Purse.EP)
    session.application_unblock(key=key)
    assert 0 == desk.card().get_balance(Purse.EP)
    session.application_block(key=key, for_ever=True)
    with refused(SW.APPLICATION_LOCKED):
        session.application_unblock(key=key)


@EACH_KIND
def test_card_block(kind):
    desk = Desk(*kind)
    desk.card().card_block(key=desk.keys["maintenance"])
    desk.link.reset()
    with refused(SW.NOT_SUPPORTED):
        desk.card()


# ------------------------------------------------------------------ a key in a SAM


@EACH_KIND
def test_commands_protected_by_a_sam(kind):
    """The PSAM delivers the card's maintenance key and makes each MAC, in as many parts as the data need."""
    desk = Desk(*kind)
    session, psam = desk.card(), desk.psam()
    key = psam.message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=session.public)
    session.select()
    session.external_authenticate(desk.keys["control"])
    session.enter(desk.profile.application)
    for size in (1, 30, 55):
        session.update_binary(0x16, b"\x20" * size, key=key)
        assert b"\x20" * size == session.read_binary(0x16, length=size)
    session.application_block(key=key)
    session.application_unblock(key=key)
    assert 0 == desk.card().get_balance(Purse.EP)


@EACH_KIND
def test_a_sam_enciphers_and_checks_what_it_can(kind):
    desk, session = Desk(*kind), blank(*kind)
    psam = desk.psam()
    card = desk.card().public
    own = desk.keys["maintenance"].reveal()
    make_key(session, 0x36, own)
    make_file(session, UNDER_MAC, "transparent", 0x0080, bits=_MAC, protection=_READ_TOO)
    make_file(session, ENCIPHERED, "transparent", 0x0080, bits=_SECRET, protection=_READ_TOO)
    key, at_hand = psam.message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=card), desk.keys["maintenance"]
    data = bytes(range(100))
    session.update_binary(ENCIPHERED, data, key=key, enciphered=True)
    assert data == session.read_binary(ENCIPHERED, length=100, key=at_hand, enciphered=True)
    session.update_binary(UNDER_MAC, data, key=key)
    assert data == session.read_binary(UNDER_MAC, length=100, key=key)
    with pytest.raises(ParameterError, match="deciphers nothing"):
        session.read_binary(ENCIPHERED, length=100, key=key, enciphered=True)


@pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
@given(data=st.binary(max_size=200), challenge=st.binary(min_size=8, max_size=8), enciphered=st.booleans())
@settings(max_examples=40)
def test_a_sam_makes_what_the_key_at_hand_makes(suite, data, challenge, enciphered):
    psam, card = _at_the_desk(suite)
    rules = MessageRules()
    channel = psam.message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=card)(challenge, rules)
    own = _masters(suite).for_card(psam.profile, card_serial=card.card_serial)["maintenance"]
    at_hand = SecureChannel(psam.suite, own, challenge, rules)
    assert isinstance(channel, MessageChannel)
    command = Command(0x00, 0xD6, 0x85, 0x00, data)
    assert at_hand.protect(command, enciphered=enciphered) == channel.protect(command, enciphered=enciphered)
    assert data == channel.unprotect_answer(at_hand.protect_answer(data))


@cache
def _at_the_desk(suite: str):
    """A PSAM, and what a card says of itself; their state does not matter."""
    desk = Desk(suite)
    return desk.psam(), desk.card().public


def _masters(suite: str) -> KeyRing:
    return Desk(suite).masters


def test_a_sam_makes_no_single_des_mac():
    desk, session = Desk(), blank(command_mac="des")
    key = desk.psam().message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=desk.card().public)
    with pytest.raises(ParameterError, match="key must be at hand for a card whose MAC is single DES"):
        session.card_block(key=key)


def test_a_sam_that_gives_no_mac_is_not_believed():
    desk = Desk()
    session, psam = desk.card(), desk.psam()
    psam.des_crypt = lambda *_: b""
    with pytest.raises(DecodeError, match="DES CRYPT answer at offset 0: must be 4 bytes, got 0"):
        session.application_block(
            key=psam.message_key(SamKeyKind.APPLICATION_MAINTENANCE, card=session.public)
        )


def test_a_cryptogram_of_a_sam():
    """DES CRYPT under the temporary key is what a card's EXTERNAL AUTHENTICATE asks for."""
    desk, session = Desk(), blank()
    psam = desk.psam()
    make_key(session, 0x39, desk.keys["maintenance"].reveal())
    psam.delivery_key(0x25, factors=psam.factors(desk.card().public))
    challenge = session.get_challenge(8)
    session.present_cryptogram(psam.des_crypt(CryptMode.ENCRYPT_LAST, challenge))


# ------------------------------------------------------------------ key cards


@pytest.mark.parametrize("protocol", ["T=1", "T=0"])
def test_a_mother_card_exports_a_key_to_whom_it_recognised(protocol):
    names = ("keycard-3des", "keycard-authentication-3des")
    known = [load_profile(name) for name in names]
    keys = KeyRing.for_tests("key cards", *known)
    data = SamData(sam_serial=bytes(10), terminal=bytes(6), start=START, expiry=EXPIRY)
    sessions = []
    for profile in known:
        link = SimulatedTransport(Card.blank(profile, protocol=protocol))
        personalise(link, profile, data, keys)
        sessions.append(KeyCardSession(link, profile))
    mother, guard = sessions
    usage = 0x20 | SamKeyKind.EXPORT
    with refused(SW.SECURITY_STATUS):
        mother.export_key(usage, factors=CARD.issuer)
    guard.present_cryptogram(mother.internal_authenticate(guard.get_challenge(), key_id=1), key_id=1)
    mother.present_cryptogram(guard.internal_authenticate(mother.get_challenge(), key_id=1), key_id=1)
    exported = mother.export_key(usage, 1, factors=CARD.issuer)
    assert diversify(keys["load"], CARD.issuer).reveal() == decrypt_ecb(keys["transport"], exported)
