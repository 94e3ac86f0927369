"""Keys and secure messaging where products differ: each option of theirs, on and off."""

from __future__ import annotations

import pytest

from cardos.apdu import Command, MessageRules, SecureChannel
from cardos.crypto import encrypt_ecb
from tests.files.desk import (
    CREATE_MF,
    K8,
    K16,
    MASTER,
    OTHER,
    SELECT_MF,
    SUITES,
    Desk,
    application,
    changed,
    key_record,
    wrong,
)  # fmt: skip

UPDATE = "00D6950003AABBCC"
UPDATE_ENCIPHERED = "00D6850007 01020304050607"
READ_MAC = "00B0880008"
AUTHENTICATE = "0082000008" + "00" * 8
CHANGE_MASTER = "80D4390015" + key_record(0x39, 0, OTHER, second=0x55)[10:]


def card(*commands: str, **options: object) -> Desk:
    """A card of these options with an MF and a key file, still in free mode."""
    desk = Desk.blank(changed("city-3des", **options))
    desk.ok(CREATE_MF, "80E00000073F018F01F0FFFF", *commands)
    return desk


def as_terminal(
    desk: Desk, rules: MessageRules, key: bytes = K16, challenge: str = "11223344"
) -> SecureChannel:
    """The side of a terminal that reads the rules so."""
    return SecureChannel(desk.suite, desk.suite.key(key), desk.challenge(challenge), rules)


def sent(channel: SecureChannel, command: str, *, enciphered: bool = False) -> bytes:
    return bytes(channel.protect(Command.decode(bytes.fromhex(command)), enciphered=enciphered))


# ------------------------------------------------------------------ MAC and encipherment


@pytest.mark.parametrize(("option", "single"), [("alg3", False), ("des", True)])
def test_the_mac_under_a_16_byte_key(option, single):
    """Algorithm 3 (JR/T 0025.2 5.5.9.1), or single DES under the left half (FMCOS 5.4)."""
    desk = application(command_mac=option)
    desk.ok(sent(as_terminal(desk, MessageRules(single_des=single)), UPDATE))
    assert "6988" == desk.sw(sent(as_terminal(desk, MessageRules(single_des=not single)), UPDATE))


def test_a_single_des_mac_is_that_of_the_left_half_alone():
    desk = application(command_mac="des")
    desk.ok(sent(as_terminal(desk, MessageRules(), K8), UPDATE))


@pytest.mark.parametrize("option", ["alg3", "des"])
def test_the_mac_under_an_8_byte_or_sm4_key_has_no_such_choice(option):
    desk = card(key_record(0x36, 0, K8), "80E0001507A80010F0F0FFFF", command_mac=option)
    desk.ok(sent(as_terminal(desk, MessageRules(), K8), UPDATE))
    desk = application("city-sm4", command_mac=option)
    desk.ok(sent(as_terminal(desk, MessageRules()), UPDATE))


@pytest.mark.parametrize(("option", "single"), [("alg3", False), ("des", True)])
def test_the_mac_of_an_answer_follows(option, single):
    desk = application(command_mac=option)
    channel = as_terminal(desk, MessageRules(single_des=single))
    answer = desk.raw(sent(channel, READ_MAC))
    assert bytes(8) == channel.unprotect_answer(answer.data)


@pytest.mark.parametrize(("option", "always", "blocks"), [("as_needed", False, 1), ("always", True, 2)])
@pytest.mark.parametrize("profile", SUITES)
def test_the_encipherment_of_an_answer_whose_last_block_is_full(profile, option, always, blocks):
    desk = application(profile, encipher_padding=option)
    size = desk.suite.cipher.block_size - 1
    desk.ok(f"80E0001007E8 {size:04X} F0F0FF7F")
    desk.ok(desk.protected(f"00D69000{size:02X}" + "A5" * size, enciphered=True))
    channel = as_terminal(desk, MessageRules(always_pad=always))
    answer = desk.raw(sent(channel, "00B0900000"))
    assert blocks * (size + 1) + 4 == len(answer.data)
    assert b"\xa5" * size == channel.unprotect_answer(answer.data, enciphered=True)


@pytest.mark.parametrize("option", ["as_needed", "always"])
@pytest.mark.parametrize("always", [False, True])
def test_a_card_takes_both_paddings(option, always):
    desk = application(encipher_padding=option)
    desk.ok(sent(as_terminal(desk, MessageRules(always_pad=always)), UPDATE_ENCIPHERED, enciphered=True))
    assert "01020304050607" == desk.ok("00B0850007")


# ------------------------------------------------------------------ Le of an enciphered read


def read_enciphered(desk: Desk, form: str, le: int = 5) -> bytes:
    """A protected read of file 0009: Le in clear, or in the data, alone (padded) or behind a length byte."""
    block = desk.suite.cipher.block_size
    channel = desk.channel(K16)
    data = {
        "plain": b"",
        "alone": bytes([le, 0x80]).ljust(block, b"\x00"),
        "counted": bytes([1, le, 0x80]).ljust(block, b"\x00"),
        "malformed": b"\xff" * block,
        "too-much": bytes([2, le, le, 0x80]).ljust(block, b"\x00"),
        "half-a-block": b"\x05",
    }[form]
    if form not in ("plain", "half-a-block"):
        data = encrypt_ecb(desk.suite.key(K16), data)
    command = Command(0x04, 0xB0, 0x89, 0x00, data, le=le if form == "plain" else 0)
    return bytes(channel.protect(command))


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize(
    ("option", "form", "sw"),
    [
        ("both", "plain", "9000"),
        ("both", "alone", "9000"),
        ("both", "counted", "9000"),
        ("both", "malformed", "6988"),
        ("both", "too-much", "6988"),
        ("both", "half-a-block", "6700"),
        ("plain", "plain", "9000"),
        ("plain", "alone", "6700"),
        ("enciphered", "plain", "6700"),
        ("enciphered", "alone", "9000"),
        ("enciphered", "counted", "9000"),
    ],
)
def test_where_the_le_of_an_enciphered_read_is(profile, option, form, sw):
    desk = application(profile, enciphered_le=option)
    desk.ok(desk.protected("00D6890008 0102030405060708", enciphered=True))
    assert sw == desk.sw(read_enciphered(desk, form))


@pytest.mark.parametrize("option", ["both", "plain", "enciphered"])
def test_a_read_under_a_mac_alone_has_no_data(option):
    desk = application(enciphered_le=option)
    channel = desk.channel(K16)
    assert "6700" == desk.sw(channel.protect(Command(0x00, 0xB0, 0x88, 0x00, bytes(8))))
    desk.ok("00D6840001AA")
    assert "6281" == desk.sw(desk.protected(READ_MAC))


@pytest.mark.parametrize("form", ["plain", "alone", "counted"])
def test_the_enciphered_le_is_heeded(form):
    desk = application()
    desk.ok(desk.protected("00D6890008 0102030405060708", enciphered=True))
    answer = desk.raw(read_enciphered(desk, form, 3))
    channel = SecureChannel(desk.suite, desk.suite.key(K16), bytes.fromhex("11223344"))
    assert "010203" == channel.unprotect_answer(answer.data, enciphered=True).hex()


@pytest.mark.parametrize("form", ["alone", "counted"])
def test_an_enciphered_le_of_0_is_all_there_is(form):
    desk = application()
    desk.ok(desk.protected("00D6890008 0102030405060708", enciphered=True))
    answer = desk.raw(read_enciphered(desk, form, 0))
    channel = SecureChannel(desk.suite, desk.suite.key(K16), bytes.fromhex("11223344"))
    assert "0102030405060708" == channel.unprotect_answer(answer.data, enciphered=True).hex()


# ------------------------------------------------------------------ challenges


def test_an_enciphered_block_that_holds_nothing_is_nothing_to_write():
    desk = application()
    command = desk.channel(K16).protect(Command.decode(bytes.fromhex("00D68500")), enciphered=True)
    assert "6700" == desk.sw(command)
    assert not desk.fs.is_written(desk.fs.by_sfi(desk.session.directory, 0x05))


@pytest.mark.parametrize(
    ("profile", "sizes", "given"),
    [
        ("city-3des", (4, 8), {4, 8}),
        ("city-3des", (4,), {4, 8}),
        ("city-3des", (8,), {8}),
        ("city-sm4", (4, 8), {4, 8, 16}),
        ("city-sm4", (4,), {4, 16}),
        ("city-sm4", (16,), {16}),
    ],
)
def test_lengths_of_challenges(profile, sizes, given):
    """A block of the cipher is always given."""
    desk = application(profile, challenge_sizes=sizes)
    assert given == {size for size in range(1, 33) if desk.sw(f"00840000{size:02X}") == "9000"}


@pytest.mark.parametrize("size", [4, 8, 16])
def test_every_length_serves_mac_and_cryptogram(size):
    desk = application("city-sm4")
    desk.ok(sent(as_terminal(desk, MessageRules(), challenge="C3" * size), UPDATE))
    cryptogram = desk.suite.cryptogram(desk.suite.key(MASTER), desk.challenge("C3" * size))
    desk.ok(bytes.fromhex("0082000008") + cryptogram)


@pytest.mark.parametrize("sw", ["6984", "6985"])
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(AUTHENTICATE, id="authenticate"),
        pytest.param("04D6950007AABBCC00000000", id="update"),
        pytest.param("04B088000400000000", id="read"),
        pytest.param("84D401031C" + "00" * 28, id="write-key"),
        pytest.param("841E00000400000000", id="block"),
    ],
)
def test_no_challenge(command, sw):
    assert sw == application(no_challenge=int(sw, 16)).sw(command)


# ------------------------------------------------------------------ a wrong MAC


@pytest.mark.parametrize(
    ("option", "update", "read", "write_key", "block"),
    [
        (0, "6988", "6988", "9302", "6988"),
        (0x6988, "6988", "6988", "6988", "6988"),
        (0x9302, "9302", "9302", "9302", "9302"),
    ],
)
def test_the_status_of_a_wrong_mac(option, update, read, write_key, block):
    def answers(command: str, key: bytes = K16, **more: bool) -> str:
        desk = application(mac_wrong=option)
        return desk.sw(wrong(desk.protected(command, key, **more)))

    added = key_record(0x36, 9, K16)
    assert [update, read, write_key, block] == [
        answers(UPDATE), answers(READ_MAC), answers(added, MASTER, enciphered=True), answers("801E0000"),
    ]  # fmt: skip


@pytest.mark.parametrize("option", [0, 0x6988, 0x9302])
def test_the_last_wrong_mac_is_9303_all_the_same(option):
    desk = application(mac_wrong=option)
    words = [desk.sw(wrong(desk.protected(UPDATE))) for _ in range(3)]
    assert "9303" == words[-1]


@pytest.mark.parametrize(("option", "sw"), [(0, "6988"), (0x9302, "9302")])
def test_what_does_not_decipher_answers_like_a_wrong_mac(option, sw):
    desk = application(mac_wrong=option)
    assert sw == desk.sw(desk.protected("00D6850003AABBCC"))  # not enciphered
    assert sw == desk.sw(read_enciphered(desk, "malformed"))


# ------------------------------------------------------------------ which key


def test_keys_are_told_apart_by_their_identifier():
    desk = card(key_record(0x34, 7, K16), key_record(0x34, 3, OTHER))
    keys = [desk.fs.key(desk.fs.root, 0x34, id_) for id_ in (0, 1, 3, 7)]
    assert [None, None, OTHER, K16] == [key and key.value for key in keys]
    assert "6A80" == desk.sw(key_record(0x34, 7, MASTER))


def test_keys_are_told_apart_by_their_place():
    """The first key of a type has number 0 whatever P2 was, and so on; the same P2 twice is no doubled key."""
    desk = card(
        key_record(0x34, 7, K16),
        key_record(0x36, 7, MASTER),
        key_record(0x34, 7, OTHER),
        key_identity="order",
    )
    keys = [
        desk.fs.key(desk.fs.root, type_, id_) for type_, id_ in ((0x34, 0), (0x34, 1), (0x36, 0), (0x34, 7))
    ]
    assert [K16, OTHER, MASTER, None] == [key and key.value for key in keys]


def test_a_key_is_changed_by_its_place_and_stays_there():
    desk = card(key_record(0x39, 1, K16), key_record(0x39, 1, OTHER), key_identity="order")
    desk.ok("80D4390115" + key_record(0x39, 1, MASTER)[10:])
    assert ["9000", "9000"] == [desk.authenticate(K16, id_=0), desk.authenticate(MASTER, id_=1)]
    assert "6A88" == desk.authenticate(MASTER, id_=2)


@pytest.mark.parametrize(("option", "sw"), [("several", "9000"), ("one", "6A80")])
@pytest.mark.parametrize("identity", ["p2", "order"])
def test_more_than_one_maintenance_key(option, sw, identity):
    desk = card(key_record(0x36, 0, K16), maintenance_keys=option, key_identity=identity)
    assert sw == desk.sw(key_record(0x36, 1, OTHER))
    desk.ok(key_record(0x34, 1, OTHER), key_record(0x34, 2, OTHER))


# ------------------------------------------------------------------ protection of keys


@pytest.mark.parametrize(
    ("option", "demanding"), [("any", {0x79, 0xB9, 0xF9}), ("bit8", {0xB9, 0xF9}), ("bit7", {0x79, 0xF9})]
)
def test_the_bits_that_demand_a_protected_change(option, demanding):
    for type_ in (0x39, 0x79, 0xB9, 0xF9):
        desk = card(key_record(type_, 5, K16), key_record(0x39, 0, MASTER), key_protection=option)
        command = "80D4390515" + key_record(type_, 5, OTHER)[10:]
        assert ("6987" if type_ in demanding else "9000") == desk.sw(command)
        desk.ok(desk.protected(command, MASTER, enciphered=True))


@pytest.mark.parametrize(("option", "sw"), [("any", "9000"), ("bit8", "6900"), ("bit7", "9000")])
def test_the_bits_that_let_a_pin_come_protected(option, sw):
    desk = application(key_protection=option)
    desk.ok(key_record(0x7A, 5, b"\x12\x34", change=0xEF))
    assert sw == desk.sw(desk.protected("00200005021234"))


@pytest.mark.parametrize(
    ("option", "enciphered", "other"), [("enciphered", True, "9302"), ("mac", False, "6700")]
)
@pytest.mark.parametrize("command", [key_record(0x36, 9, K16), CHANGE_MASTER], ids=["add", "change"])
def test_the_protected_form_of_write_key(option, enciphered, other, command):
    """The other form has a right MAC, but its data are no key: not enciphered, or too long."""
    desk = application(protected_add=option)
    assert other == desk.sw(desk.protected(command, MASTER, enciphered=not enciphered))
    desk.ok(desk.protected(command, MASTER, enciphered=enciphered))


@pytest.mark.parametrize(("strict", "sw"), [(False, "9000"), (True, "6987")])
def test_a_key_of_protected_type_that_is_added_in_clear(strict, sw):
    desk = card(key_record(0x39, 0, MASTER), strict_protected_add=strict)
    command = key_record(0xF9, 5, K16)
    assert sw == desk.sw(command)
    desk.ok(key_record(0x39, 6, K16))
    desk.ok(desk.protected(key_record(0xF9, 7, K16), MASTER, enciphered=True))


# ------------------------------------------------------------------ counters


@pytest.mark.parametrize(("option", "second"), [("from_data", 0x55), ("keep", 0x33)])
def test_the_counter_of_a_changed_key(option, second):
    desk = application(counter_on_change=option)
    desk.ok(CHANGE_MASTER)
    assert second == desk.fs.key(desk.session.directory, 0x39, 0).second


@pytest.mark.parametrize("option", ["from_data", "keep"])
def test_what_is_no_counter_is_always_taken_from_the_data(option):
    desk = application(counter_on_change=option)
    desk.ok("80D4340015" + key_record(0x34, 0, OTHER, first=0x07, second=0x04)[10:])
    record = desk.fs.key(desk.session.directory, 0x34, 0)
    assert (7, 4) == (record.first, record.second)


@pytest.mark.parametrize(("option", "second"), [("from_data", 0x55), ("keep", 0x33)])
def test_the_counter_of_a_control_key_that_changes_itself(option, second):
    """Its right MAC has given the lost try back before it is kept."""
    desk = application(counter_on_change=option)
    assert "9302" == desk.sw(wrong(desk.protected(CHANGE_MASTER, MASTER, enciphered=True)))
    desk.ok(desk.protected(CHANGE_MASTER, MASTER, enciphered=True))
    assert second == desk.fs.key(desk.session.directory, 0x39, 0).second


@pytest.mark.parametrize(("option", "words"), [(0x63C0, ["63C2", "63C1", "63C0"]), (0x6300, ["6300"] * 3)])
def test_the_status_of_a_wrong_authentication(option, words):
    desk = application(authentication_wrong=option)
    assert words == [
        desk.sw(wrong(bytes.fromhex(AUTHENTICATE[:10]) + desk.challenge() * 2)) for _ in range(3)
    ]
    assert "6983" == desk.authenticate()
    desk.ok(SELECT_MF)
