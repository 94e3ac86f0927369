"""Suites: command MACs, cryptograms, PIN MACs and encipherment of cards in the field, and the rules of 128-bit ciphers.

Sources: cards and manuals as their authors published them (FM: FMCOS manual; HU, HF: Huada utility and financial card
manuals; FP, robur: logs of FM1208 cards; lab: an issuance exercise).  All keys are test keys.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import SUITES, Cipher, Key, decrypt_ecb, encipher, encrypt_ecb, mac_alg1
from cardos.errors import ParameterError

TDES = SUITES["3des"]
SM4_SUITES = [pytest.param(SUITES[name], id=name) for name in ("sm4-a", "sm4-b")]

ZERO8, ZERO16, ONES16 = bytes(8).hex(), bytes(16).hex(), b"\xff".hex() * 16
K8, K16 = "0123456789ABCDEF", "0123456789ABCDEFFEDCBA9876543210"
DTK = "00112233445566778899AABBCCDDEEFF"


def unhex(*texts):
    return tuple(bytes.fromhex(text) for text in texts)


@pytest.mark.parametrize(
    ("key", "challenge", "data", "mac"),
    [
        pytest.param(ZERO16, "B5B0C549", "841E000004", "34BE5E04", id="HU-HF-application-block"),
        pytest.param(ZERO16, "DFBD968E", "8418000004", "7C76AAA0", id="HF-application-unblock"),
        pytest.param(ZERO16, "9951EF63", "04B0000004", "B97F4D32", id="HF-read-binary"),
        pytest.param(ZERO16, "72174890", "842400000CC5D6090EFE1729BC", "9BCF688B", id="HF-pin-unblock"),
        pytest.param(
            ZERO16,
            "DA0CF4E19D8C8549",
            "84D40001246A0F5774A86E4E3E8CA64DE9C1B123A78CA64DE9C1B123A7D9031B0271BD5A0A",
            "198C5CD3",
            id="HF-write-key-8-byte-challenge",
        ),
        pytest.param(
            ONES16,
            "44A47DEB",
            "04D600001411223344556677889900AABBCCDDEEFF",
            "F2F62231",
            id="FP-update-binary",
        ),
        pytest.param(ONES16, "D0FE4FB9", "04B0000004", "F09C8A19", id="FP-read-command"),
        pytest.param(ONES16, "D0FE4FB9", "11223344556677889900AABBCCDDEEFF", "8D318577", id="FP-read-answer"),
        pytest.param(
            ONES16,
            "4C45BAB9",
            "84D40102147C87BC23140021B3AFEA67E6359DDCFE",
            "D7C943F6",
            id="lab-write-key",
        ),
        pytest.param(K8, "11223344", "04D6950007A1A2A3", "FDA60909", id="computed-single-des"),
        pytest.param(K16, "11223344", "04D6950007A1A2A3", "535B58FA", id="computed-tdes"),
        pytest.param(K16, "1122334455667788", "04D6950007A1A2A3", "1DC2C4CF", id="computed-8-byte-challenge"),
        pytest.param(
            K16, "11223344", "04D695000FA1A2A3A4A5A6A7A8A9AAAB", "2ADFC023", id="computed-whole-blocks"
        ),
        pytest.param(K16, "11223344", "8416000004", "82164137", id="computed-card-block"),
        pytest.param(K16, "11223344", "841E000004", "40D016F4", id="computed-application-block"),
        pytest.param(K16, "11223344", "841E000104", "CA74470A", id="computed-application-block-for-ever"),
        pytest.param(K16, "11223344", "8418000004", "9E13E3ED", id="computed-application-unblock"),
        pytest.param(K16, "11223344", "04B0850004", "64211EB5", id="computed-read-command"),
        pytest.param(K16, "11223344", "0102030405060708", "D0EA9C57", id="computed-read-answer"),
    ],
)
def test_command_mac(key, challenge, data, mac):
    key, challenge, data, mac = unhex(key, challenge, data, mac)
    assert mac == TDES.command_mac(TDES.key(key), challenge, data)


@pytest.mark.parametrize(
    ("key", "challenge", "cryptogram"),
    [
        pytest.param("0102030405060708", "BB83BFF3", "74B0047DD681D96C", id="FM-8-byte-key"),
        pytest.param(ZERO16, "8F8D5AEA85880901", "82FE8A38C35A59DF", id="HU-HF-16-byte-key"),
        pytest.param("FFFFFFFFFFFFFFFF", "53FD1F262EC4E6E2", "A0DBBFC1192FF24A", id="robur-8-byte-challenge"),
        pytest.param(K16, "11223344", "0B5A6FE8735D479E", id="computed-tdes"),
        pytest.param(K8, "11223344", "4B4A726529A8F834", id="computed-des"),
        pytest.param(K16, "1122334455667788", "3EB3B72576BBBE83", id="computed-8-byte-challenge"),
    ],
)
def test_external_authentication(key, challenge, cryptogram):
    key, challenge, cryptogram = unhex(key, challenge, cryptogram)
    assert cryptogram == TDES.cryptogram(TDES.key(key), challenge)


@pytest.mark.parametrize(
    ("key", "pin", "mac"),
    [
        pytest.param(ZERO16, "8888", "E88182F1", id="HU-HF-reload-pin"),
        pytest.param(DTK, "123456", "95DEBDDA", id="computed-reload-pin"),
        pytest.param("8888888888888888", "123456", "95DEBDDA", id="computed-folded-already"),
    ],
)
def test_reload_pin(key, pin, mac):
    key, pin, mac = unhex(key, pin, mac)
    assert mac == TDES.pin_mac(TDES.key(key), pin)


@pytest.mark.parametrize(
    ("key", "data", "cipher"),
    [
        pytest.param(ZERO16, "0000", "C5D6090EFE1729BC", id="HF-pin"),
        pytest.param(
            ZERO16,
            "010203000000030000000000000000000000000000000000",
            "6A0F5774A86E4E3E8CA64DE9C1B123A78CA64DE9C1B123A7D9031B0271BD5A0A",
            id="HF-24-bytes",
        ),
        pytest.param(
            ONES16, "F9F0F0AAFF1122334455667788", "7C87BC23140021B3AFEA67E6359DDCFE", id="lab-write-key"
        ),
        pytest.param(K16, "01020304050607", "C40DF3316C036B39", id="computed-exactly-one-block"),
        pytest.param(K16, "0102030405060708", "8AF304966791501044DC914FACF429B8", id="computed-8-bytes"),
        pytest.param(K16, "123456", "443FBFE8B3103299", id="computed-pin"),
        pytest.param(K8, "01020304050607", "ED30767B3DF69B85", id="computed-des-7"),
        pytest.param(K8, "0102030405060708", "44DECBF806A4B432F943CA6E0B4FB75B", id="computed-des-8"),
        pytest.param(
            K8, "0102030405060708090A0B0C0D0E0F", "9320D5A9FFA5165A8325790654A444D9", id="computed-des-15"
        ),
    ],
)
def test_encipherment(key, data, cipher):
    key, data, cipher = unhex(key, data, cipher)
    assert cipher == encipher(TDES.key(key), data)


def test_internal_authentication():
    key, data, cipher = (
        Key(bytes.fromhex("1122334455667788")),
        *unhex("0102030405060708", "178F59F8578E0D3F"),
    )
    assert cipher == encrypt_ecb(key, data)  # FM
    assert data == decrypt_ecb(key, cipher)
    assert bytes.fromhex("A82A8CEB") == mac_alg1(key, data)
    assert bytes.fromhex("0D5498D0") == mac_alg1(Key(bytes.fromhex(K8)), bytes.fromhex("010203"))  # computed


@pytest.mark.parametrize("suite", SM4_SUITES)
@given(
    key=st.binary(min_size=16, max_size=16),
    block=st.binary(min_size=8, max_size=8),
    data=st.binary(max_size=40),
)
def test_sm4_rules(suite, key, block, data):
    """The two readings, said once more: complement and left bytes, or zeros and the XOR of the words."""
    key = suite.key(key)
    rest = bytes(b ^ 0xFF for b in block) if suite.name == "sm4-a" else bytes(8)
    assert encrypt_ecb(key, block + rest) == suite.session_key(key, block).reveal()
    full = mac_alg1(key, data, length=16)
    words = [int.from_bytes(full[i : i + 4], "big") for i in (0, 4, 8, 12)]
    expected = (
        full[:4] if suite.name == "sm4-a" else (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4, "big")
    )
    assert expected == suite.mac(key, data) == suite.tac(key, data) == suite.pin_mac(key, data)
    assert suite.command_mac(key, block, data) == suite.command_mac(key, block + bytes(8), data)
    wide = encrypt_ecb(key, block + bytes(8))
    assert bytes(a ^ b for a, b in zip(wide[:8], wide[8:], strict=True)) == suite.cryptogram(key, block)


def test_a_16_byte_challenge_is_for_16_byte_blocks():
    key = SUITES["sm4-a"].key(bytes(16))
    assert len(SUITES["sm4-a"].cryptogram(key, bytes(16))) == 8
    with pytest.raises(ParameterError, match="challenge must be 4, 8 or 8 bytes, got 16 bytes"):
        TDES.cryptogram(Key(bytes(16)), bytes(16))


@pytest.mark.parametrize("size", [0, 3, 5, 7, 9])
def test_challenge_of_another_length_is_refused(size):
    with pytest.raises(ParameterError, match=rf"challenge must be .* got {size} bytes"):
        TDES.command_mac(Key(bytes(16)), bytes(size), b"")


def test_key_of_a_suite():
    assert TDES.key(bytes(8)).cipher is Cipher.DES
    assert TDES.key(bytes(16)).cipher is Cipher.TDES
    assert SUITES["sm4-b"].key(bytes(16)).cipher is Cipher.SM4
    with pytest.raises(ParameterError, match="SM4 key must be 16 bytes, got 8 bytes"):
        SUITES["sm4-a"].key(bytes(8))


def test_session_block_of_another_length_is_refused():
    with pytest.raises(ParameterError, match="session block must be 8 bytes, got 16 bytes"):
        TDES.session_key(Key(bytes(16)), bytes(16))
