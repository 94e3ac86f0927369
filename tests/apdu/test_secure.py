"""Secure messaging against published commands of real cards and manuals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import Command, SecureChannel, is_protected
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
