"""Diversification: published values, levels, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import Cipher, Key, diversify, encrypt_ecb
from cardos.errors import ParameterError

MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
SERIAL = bytes.fromhex("1122334455667788")
CARD_KEY = bytes.fromhex("496BD7A3513644533100B54E71196528")


def test_published_card_key():
    assert CARD_KEY == diversify(Key(MASTER), SERIAL).reveal()


@given(
    st.sampled_from([Cipher.TDES, Cipher.SM4]),
    st.binary(min_size=16, max_size=16),
    st.lists(st.binary(min_size=8, max_size=8), max_size=3),
)
def test_levels_chain_from_the_top(cipher, master, factors):
    key = Key(master, cipher)
    for factor in factors:
        inverted = bytes(b ^ 0xFF for b in factor)
        key = Key(encrypt_ecb(key, factor + inverted), cipher)
    assert key == diversify(Key(master, cipher), *factors)


@pytest.mark.parametrize(
    ("master", "factor", "message"),
    [
        pytest.param(Key(bytes(8)), SERIAL, "master must be a TDES or SM4 key, got DES", id="des"),
        pytest.param(Key(MASTER), SERIAL[1:], "factor must be 8 bytes, got 7 bytes", id="short"),
        pytest.param(Key(MASTER), SERIAL + b"\x00", "factor must be 8 bytes, got 9 bytes", id="long"),
    ],
)
def test_misuse_is_named(master, factor, message):
    with pytest.raises(ParameterError, match=message):
        diversify(master, factor)
