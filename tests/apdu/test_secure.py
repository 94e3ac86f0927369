"""Secure messaging against published commands of real cards and manuals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import Command, MessageRules, SecureChannel, is_protected
from cardos.crypto import SUITES, Key
from cardos.errors import DecodeError, MacMismatch

TDES = SUITES["3des"]
ZERO = "00" * 16
FF = "FF" * 16


# HU, HF: utility and financial card manuals (Huada); FP: asserted against real FM1208 cards; S7, robur: published
# issuance logs.
@pytest.mark.parametrize(
    ("key", "challenge", "plain", "enciphered", "sent"),
    [
        pytest.param(ZERO, "B5B0C549", "841E0000", False, "841E00000434BE5E04", id="HU-application-block"),
        pytest.param(ZERO, "DFBD968E", "84180000", False, "84180000047C76AAA0", id="HF-application-unblock"),
        pytest.param(ZERO, "9951EF63", "04B00000", False, "04B0000004B97F4D32", id="HF-read-binary"),
        pytest.param(
            ZERO,
            "72174890",
            "84240000020000",
            True,
            "842400000CC5D6090EFE1729BC9BCF688B",
            id="HF-pin-unblock",
        ),
        pytest.param(
            ZERO,
            "DA0CF4E19D8C8549",
            "84D4000118010203000000030000000000000000000000000000000000",
            True,
            "84D40001246A0F5774A86E4E3E8CA64DE9C1B123A78CA64DE9C1B123A7D9031B0271BD5A0A198C5CD3",
            id="HF-write-key-enciphered",
        ),
        pytest.param(
            FF,
            "44A47DEB",
            "04D6000010" + "11223344556677889900AABBCCDDEEFF",
            False,
            "04D6000014" + "11223344556677889900AABBCCDDEEFF" + "F2F62231",
            id="FP-update-binary",
        ),
        pytest.param(
            "FF" * 8,
            "88BBE4E3",
            "04D6850030"
            "000122000001FFFF22000000000000060001201610280000000000010001000000000000000000000000000020501231",
            False,
            "04D6850034"
            "000122000001FFFF22000000000000060001201610280000000000010001000000000000000000000000000020501231"
            "AE8D8774",
            id="S7-update-0005-single-DES",
        ),
        pytest.param(
            FF,
            "4C45BAB9",
            "84D401020DF9F0F0AAFF1122334455667788",
            True,
            "84D40102147C87BC23140021B3AFEA67E6359DDCFED7C943F6",
            id="robur-write-key",
        ),
    ],
)
def test_published_protected_commands(key, challenge, plain, enciphered, sent):
    channel = SecureChannel(TDES, TDES.key(bytes.fromhex(key)), bytes.fromhex(challenge))
    command = Command.decode(bytes.fromhex(plain))
    protected = channel.protect(command, enciphered=enciphered)
    assert bytes.fromhex(sent) == bytes(protected)
    assert command.data == channel.unprotect(protected, enciphered=enciphered).data


def test_protected_answer_of_a_real_card():
    # FP: key FF x 16, challenge D0FE4FB9, READ BINARY with MAC on an FM1208.
    channel = SecureChannel(TDES, Key(b"\xff" * 16), bytes.fromhex("D0FE4FB9"))
    assert bytes.fromhex("04B0000004F09C8A19") == bytes(channel.protect(Command(0x00, 0xB0, 0, 0)))
    data = bytes.fromhex("11223344556677889900AABBCCDDEEFF")
    assert data + bytes.fromhex("8D318577") == channel.protect_answer(data)
    assert data == channel.unprotect_answer(channel.protect_answer(data))


@given(
    st.sampled_from(sorted(SUITES)),
    st.binary(min_size=16, max_size=16),
    st.sampled_from([4, 8]),
    st.binary(max_size=200),
    st.booleans(),
    st.data(),
)
def test_round_trip_and_every_flipped_bit_is_refused(suite, key, size, data, enciphered, draw):
    chosen = SUITES[suite]
    channel = SecureChannel(chosen, chosen.key(key), bytes(range(size)))
    sent = channel.protect(Command(0x00, 0xD6, 0x95, 0x00, data), enciphered=enciphered)
    assert data == channel.unprotect(sent, enciphered=enciphered).data
    bit = draw.draw(st.integers(0, 8 * len(sent.data) - 1))
    flipped = bytearray(sent.data)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(MacMismatch):
        channel.unprotect(
            Command(sent.cla, sent.ins, sent.p1, sent.p2, bytes(flipped)), enciphered=enciphered
        )


def both_rules(suite: str, key: bytes, **rules: bool) -> tuple[SecureChannel, SecureChannel]:
    """The channel of a key as it is by default, and with these rules."""
    chosen = SUITES[suite]
    plain = SecureChannel(chosen, chosen.key(key), bytes.fromhex("11223344"))
    return plain, SecureChannel(chosen, plain.key, plain.challenge, MessageRules(**rules))


UPDATE = Command(0x00, 0xD6, 0x95, 0x00, bytes.fromhex("A1A2A3"))
K8 = bytes.fromhex("0123456789ABCDEF")
K16 = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def test_a_single_des_mac_is_that_of_the_left_half():
    whole, halved = both_rules("3des", K16, single_des=True)
    left, _ = both_rules("3des", K8)
    assert left.protect(UPDATE) == halved.protect(UPDATE) != whole.protect(UPDATE)
    assert left.protect_answer(b"\x01") == halved.protect_answer(b"\x01")
    with pytest.raises(MacMismatch):
        whole.unprotect(halved.protect(UPDATE))


@pytest.mark.parametrize(("suite", "key"), [("3des", K8), ("sm4-a", K16), ("sm4-b", K16)])
def test_only_a_key_of_two_des_halves_has_a_single_des_mac(suite, key):
    whole, halved = both_rules(suite, key, single_des=True)
    assert whole.protect(UPDATE) == halved.protect(UPDATE)


@pytest.mark.parametrize(("suite", "full"), [("3des", 7), ("sm4-a", 15)])
def test_a_full_last_block_gets_one_more_where_it_is_always_padded(suite, full):
    """Below that both ways are one, and either side takes both."""
    needed, always = both_rules(suite, K16, always_pad=True)
    for size in range(full):
        data = bytes(size)
        assert needed.protect_answer(data, enciphered=True) == always.protect_answer(data, enciphered=True)
    shorter, longer = (each.protect_answer(bytes(full), enciphered=True) for each in (needed, always))
    assert (full + 1 + 4, 2 * (full + 1) + 4) == (len(shorter), len(longer))
    for each in (needed, always):
        assert bytes(full) == each.unprotect_answer(shorter, enciphered=True)
        assert bytes(full) == each.unprotect_answer(longer, enciphered=True)


def test_too_short_for_a_mac():
    channel = SecureChannel(TDES, Key(bytes(16)), bytes(4))
    with pytest.raises(DecodeError, match="MAC of 4 bytes"):
        channel.unprotect(Command(0x04, 0xD6, 0, 0, b"\x01\x02\x03"))
    with pytest.raises(DecodeError, match="MAC of 4 bytes"):
        channel.unprotect_answer(b"\x01")


def test_is_protected():
    assert [0x04, 0x84] == [
        cla for cla in range(256) if is_protected(cla) and cla in (0x00, 0x04, 0x80, 0x84)
    ]


# ------------------------------------------------------------------ where readings differ


def test_a_mac_of_single_des_under_a_long_key():
    """The left half of the key alone, which MAC algorithm 3 begins with."""
    key = Key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
    command = Command(0x00, 0xD6, 0x95, 0x00, bytes.fromhex("A1A2A3"))
    halved = SecureChannel(SUITES["3des"], key, bytes.fromhex("11223344"), MessageRules(single_des=True))
    assert "04d6950007a1a2a3fda60909" == bytes(halved.protect(command)).hex()
    whole = SecureChannel(SUITES["3des"], key, bytes.fromhex("11223344"))
    assert "04d6950007a1a2a3535b58fa" == bytes(whole.protect(command)).hex()


def test_a_padding_block_behind_a_full_last_block():
    channel = SecureChannel(SUITES["3des"], Key(bytes(16)), bytes(4), MessageRules(always_pad=True))
    usual = SecureChannel(SUITES["3des"], Key(bytes(16)), bytes(4))
    sent = channel.protect_answer(bytes(7), enciphered=True)
    assert (20, 12) == (len(sent), len(usual.protect_answer(bytes(7), enciphered=True)))
    assert bytes(7) == channel.unprotect_answer(sent, enciphered=True)
    assert bytes(7) == usual.unprotect_answer(sent, enciphered=True)
