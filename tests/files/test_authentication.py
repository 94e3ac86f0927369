"""PIN and key tries, challenges, and what they open."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.crypto import encrypt_ecb, pad
from cardos.files.memory import PowerCut
from tests.files.desk import (
    CREATE_MF,
    K16,
    MASTER,
    OTHER,
    SELECT_ADF,
    SELECT_MF,
    SUITES,
    Desk,
    application,
    key_record,
    wrong,
)  # fmt: skip

PIN, WRONG_PIN = "0020000003123456", "0020000003123450"


def tries(desk: Desk, type_: int, id_: int = 0) -> int:
    directory = desk.fs.by_name(bytes.fromhex("A00000000386980701"))
    return desk.fs.key(directory, type_, id_).second


def test_a_right_pin_refills_the_counter():
    desk = application()
    assert ["63C2", "63C1"] == [desk.sw(WRONG_PIN), desk.sw(WRONG_PIN)]
    assert 0x31 == tries(desk, 0x3A)
    desk.ok(PIN)
    assert 0x33 == tries(desk, 0x3A)


def test_a_locked_pin_stays_locked():
    desk = application()
    assert ["63C2", "63C1", "63C0", "6983", "6983"] == [desk.sw(WRONG_PIN) for _ in range(5)]
    desk.reset().ok(SELECT_ADF)
    assert "6983" == desk.sw(PIN)
    assert not desk.session.pin_verified


@pytest.mark.parametrize(
    ("stored", "given", "right"),
    [
        pytest.param("123456FFFFFFFFFF", "123456", True, id="filled"),
        pytest.param("12345FFFFFFFFFFF", "12345F", True, id="odd-number-of-digits"),
        pytest.param("123456FFFFFFFFFF", "123456FFFF", True, id="some-of-the-filling"),
        pytest.param("123456FFFFFFFFFF", "123456FFFFFFFFFF", True, id="all-of-it"),
        pytest.param("1234", "1234", True, id="exact"),
        pytest.param("1234", "1234FF", False, id="more-than-stored"),
        pytest.param("123456FFFFFFFFFF", "1234", False, id="less"),
        pytest.param("123456FFFFFFFFFF", "12345678", False, id="other"),
        pytest.param("FFFFFFFF", "FFFF", True, id="only-filling"),
        pytest.param("12345678", "1234567F", False, id="nibble"),
    ],
)
def test_pin_comparison(stored, given, right):
    desk = Desk.blank()
    desk.ok(CREATE_MF, "80E00000073F008001F0FFFF", key_record(0x3A, 5, bytes.fromhex(stored), first=0x03))
    assert ("9000" if right else "63C2") == desk.sw(f"00200005{len(given) // 2:02X}{given}")


def test_uncounted_tries():
    """Most tries 0: every wrong try leaves 15."""
    desk = application()
    desk.ok(PIN)
    assert ["63CF"] * 20 == [desk.sw("00200001021111") for _ in range(20)]
    desk.ok("00200001021234")
    assert 4 == desk.session.state


@pytest.mark.parametrize("profile", SUITES)
def test_tries_of_an_authentication_key(profile):
    desk = application(profile)
    for left in (2, 1):
        cryptogram = desk.suite.cryptogram(desk.suite.key(MASTER), desk.challenge())
        assert f"63C{left}" == desk.sw(wrong(bytes.fromhex("0082000008") + cryptogram))
    assert "9000" == desk.authenticate()
    assert 0x33 == tries(desk, 0x39)
    assert 2 == desk.session.state


@pytest.mark.parametrize("profile", SUITES)
@pytest.mark.parametrize("size", [4, 8, 16])
def test_challenge_lengths(profile, size):
    desk = application(profile)
    fits = size <= desk.suite.cipher.block_size
    assert ("9000" if fits else "6700") == desk.sw(f"00840000{size:02X}")
    if fits:
        challenge = "0F" * size
        cryptogram = desk.suite.cryptogram(desk.suite.key(MASTER), desk.challenge(challenge))
        desk.ok(bytes.fromhex("0082000008") + cryptogram)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param("00B0840001", id="another-command"),
        pytest.param("00B08400", id="a-malformed-one"),
        pytest.param("00FF000000", id="an-unknown-one"),
        pytest.param("0084000005", id="a-failed-get-challenge"),
        pytest.param(SELECT_ADF, id="selection"),
        pytest.param("0084000004", id="a-new-challenge"),
        pytest.param("00", id="a-fragment"),
    ],
)
def test_a_challenge_holds_for_the_next_command_only(between):
    desk = application()
    cryptogram = desk.suite.cryptogram(desk.suite.key(MASTER), desk.challenge("99887766"))
    desk.raw(between)
    word = desk.sw(bytes.fromhex("0082000008") + cryptogram)
    assert ("63C2" if between == "0084000004" else "6984") == word


def test_a_challenge_is_lost_by_reset():
    desk = application()
    desk.challenge()
    desk.reset().ok(SELECT_ADF)
    assert "6984" == desk.sw("0082000008" + "00" * 8)


def test_a_challenge_is_used_up():
    desk = application()
    cryptogram = desk.suite.cryptogram(desk.suite.key(MASTER), desk.challenge())
    command = bytes.fromhex("0082000008") + cryptogram
    desk.ok(command)
    assert "6984" == desk.sw(command)


def reload(desk: Desk, *, with_key: int) -> bytes:
    """A RELOAD PIN with a wrong MAC; its key is loaded for it."""
    desk.ok(key_record(with_key, 0, K16))
    return bytes.fromhex("805E000006888800000000")


def unblock(desk: Desk, *, with_key: int) -> bytes:
    """A right PIN UNBLOCK; its key is loaded for it."""
    desk.ok(key_record(with_key, 0, K16))
    return desk.protected("8024000003123456", enciphered=True)


@pytest.mark.parametrize(
    ("command", "type_"),
    [
        pytest.param(lambda _: bytes.fromhex(WRONG_PIN), 0x3A, id="verify"),
        pytest.param(
            lambda desk: wrong(bytes.fromhex("0082000008") + desk.challenge() * 2), 0x39, id="authenticate"
        ),
        pytest.param(lambda desk: wrong(desk.protected("04D6950003AABBCC")), 0x36, id="update"),
        pytest.param(lambda desk: wrong(desk.protected("04B0880000")), 0x36, id="read"),
        pytest.param(
            lambda desk: wrong(desk.protected(key_record(0x36, 3, K16), MASTER, enciphered=True)),
            0x39,
            id="write-key",
        ),
        pytest.param(lambda _: bytes.fromhex("805E010007123450FF654321"), 0x3A, id="change-pin"),
        pytest.param(lambda desk: reload(desk, with_key=0x38), 0x38, id="reload-pin"),
        pytest.param(lambda desk: wrong(unblock(desk, with_key=0x37)), 0x37, id="pin-unblock"),
        pytest.param(lambda desk: wrong(desk.protected("801E0000")), 0x36, id="application-block"),
        pytest.param(lambda desk: wrong(desk.protected("80160000")), 0x36, id="card-block"),
    ],
)
def test_cutting_the_power_wins_no_tries(command, type_):
    """Whenever the power goes during a wrong try, the try is spent once the card can know that it was wrong:
    after the fourth raw write the counter has fallen durably, and the comparison comes only then.
    """
    counters = []
    for writes in range(10):
        desk = application()
        message = command(desk)
        start = desk.card.memory.writes
        desk.card.memory.cut_after(writes)
        try:
            desk.card.transmit(message)
        except PowerCut:
            done = False
        else:
            done = True
        assert done or desk.card.memory.writes - start == writes
        desk.card.power_off()
        desk.card.power_on()
        counters.append((done, tries(desk, type_)))
        if done:
            break
    assert (True, 0x32) == counters[-1]
    assert [0x33] == [count for _, count in counters[:1]]
    assert all(count == 0x32 for _, count in counters[1:])


def test_a_right_mac_gives_the_try_back_even_if_the_command_fails():
    desk = application()
    assert "6988" == desk.sw(wrong(desk.protected("04D6950003AABBCC")))
    assert 0x32 == tries(desk, 0x36)
    assert "6B00" == desk.sw(desk.protected("04D6951C03AABBCC"))
    assert 0x33 == tries(desk, 0x36)


def test_malformed_data_under_a_right_mac_cost_no_try():
    desk = application()
    assert "6988" == desk.sw(desk.protected("04D6850003AABBCC"))
    assert 0x33 == tries(desk, 0x36)


def test_three_wrong_macs_on_a_write_block_the_application_for_ever():
    desk = application()
    words = [desk.sw(wrong(desk.protected("04D6950003AABBCC"))) for _ in range(3)]
    assert ["6988", "6988", "9303"] == words
    assert ["9303", "9303"] == [desk.sw("00B0840001"), desk.sw(PIN)]
    desk.reset()
    assert ["9303", "9303"] == [desk.sw(SELECT_ADF), desk.sw("0084000004")]
    desk.ok(SELECT_MF, "0084000004")


def test_the_use_right_of_the_maintenance_key():
    """File 0010 is written under key 36/02, whose use right is F5."""
    desk = application()
    desk.ok("80E0001007A80008F0F0FFFD")
    assert "6982" == desk.sw(desk.protected("04D6900002AABB", OTHER))
    desk.session.state = 5
    desk.ok(desk.protected("04D6900002AABB", OTHER))


@pytest.mark.parametrize(
    ("protection", "key"),
    [("FF", K16), ("FE", OTHER), ("FD", OTHER), ("FC", None)],
)
def test_the_protection_byte_names_the_key_of_writing(protection, key):
    desk = application()
    desk.ok(f"80E0001007A80008F0F0FF{protection}")
    desk.session.state = 5
    if key is None:
        assert "6A88" == desk.sw(desk.protected("04D6900002AABB"))
    else:
        desk.ok(desk.protected("04D6900002AABB", key))


@pytest.mark.parametrize(("protection", "key"), [("7F", K16), ("7B", OTHER), ("77", OTHER), ("73", None)])
def test_the_protection_byte_names_the_key_of_reading(protection, key):
    desk = application()
    desk.ok(f"80E000100728 0008 F0F0FF{protection}".replace(" ", ""), "00D6900008" + "AB" * 8)
    desk.session.state = 5
    channel = desk.channel(key or K16)
    header = bytes.fromhex("04B0900004")
    response = desk.raw(header + channel._mac(header) + b"\x00")
    if key is None:
        assert 0x6A88 == response.sw
    else:
        assert b"\xab" * 8 == channel.unprotect_answer(response.data)


@pytest.mark.parametrize("profile", SUITES)
def test_protected_files_in_every_suite(profile):
    desk = application(profile)
    desk.ok(desk.protected("04D69500050102030405"))
    desk.ok(desk.protected("04D685000501020304FF", enciphered=True))
    assert ["0102030405", "01020304FF"] == [desk.ok("00B0950005"), desk.ok("00B0850005")]
    desk.ok(desk.protected("04D689000501020304EE", enciphered=True))
    channel = desk.channel(K16)
    header = bytes.fromhex("04B0890004")
    sealed = desk.raw(header + channel._mac(header) + b"\x05")
    assert "01020304EE" == channel.unprotect_answer(sealed.data, enciphered=True).hex().upper()


def test_the_encipherment_bit_alone_means_both():
    desk = application()
    desk.ok(desk.protected("04D68C000101", enciphered=True))
    assert "6988" == desk.sw(desk.protected("04D68C000101"))


# ------------------------------------------------------------------ INTERNAL AUTHENTICATE


def internal(desk: Desk, p1: int, data: bytes, id_: int = 0) -> bytes:
    response = desk.raw(bytes((0x00, 0x88, p1, id_, len(data))) + data)
    assert 0x9000 == response.sw
    return response.data


def with_internal_keys(profile: str) -> Desk:
    desk = application(profile)
    desk.ok(*[key_record(type_, 0, K16) for type_ in (0x30, 0x31, 0x32)])
    return desk


@pytest.mark.parametrize("profile", SUITES)
@given(data=st.binary(min_size=1, max_size=80))
@settings(max_examples=30)
def test_data_are_padded_where_needed_and_come_back(profile, data):
    desk = with_internal_keys(profile)
    block = desk.suite.cipher.block_size
    enciphered = internal(desk, 0, data)
    padded = data if len(data) % block == 0 else pad(data, block)
    assert encrypt_ecb(desk.suite.key(K16), padded) == enciphered
    assert padded == internal(desk, 1, enciphered)


@pytest.mark.parametrize("profile", SUITES)
@given(data=st.binary(min_size=1, max_size=239))
@settings(max_examples=30)
def test_the_mac_is_that_of_a_challenge_of_zeros(profile, data):
    """Padded always; the algorithm is that of protected commands."""
    desk = with_internal_keys(profile)
    expected = desk.suite.command_mac(desk.suite.key(K16), bytes(4), data)
    assert expected == internal(desk, 2, data)


@pytest.mark.parametrize(
    ("profile", "size", "sw"),
    [
        ("city-3des", 232, "9000"),
        ("city-3des", 233, "6700"),
        ("city-3des", 239, "6700"),
        ("city-sm4", 224, "9000"),
        ("city-sm4", 225, "6700"),
    ],
)
def test_an_answer_is_no_longer_than_the_card_sends(profile, size, sw):
    desk = with_internal_keys(profile)
    assert sw == desk.sw(f"00880000{size:02X}" + "A5" * size)
    desk.ok(f"00880200{size:02X}" + "A5" * size)


@pytest.mark.parametrize("type_", [0x30, 0x31, 0x32])
def test_a_key_serves_its_own_method_only(type_):
    desk = application()
    desk.ok(key_record(type_, 7, K16))
    words = [desk.sw(f"0088{p1:02X}0708" + "00" * 8) for p1 in (0, 1, 2)]
    assert ["9000" if type_ == 0x30 + p1 else "6A88" for p1 in (0, 1, 2)] == words


def test_internal_authentication_changes_no_state_and_uses_up_the_challenge():
    desk = with_internal_keys("city-3des")
    desk.ok(PIN)
    desk.challenge()
    internal(desk, 0, b"\x01")
    assert (1, True, None) == (desk.session.state, desk.session.pin_verified, desk.session.challenge)
