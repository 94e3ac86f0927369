"""MACs against the standards and an independent library."""

from __future__ import annotations

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher as Pyca
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import Cipher, Key, key_check_value, mac_alg1, mac_alg3, pad, verify_mac
from cardos.crypto.mac import same
from cardos.errors import MacMismatch, ParameterError

K8 = bytes.fromhex("0123456789ABCDEF")
K16 = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NOW = b"Now is the time for all "
NOW_IT = b"Now is the time for it"


def last_block(algorithm, size, iv, data, padding):
    context = Pyca(algorithm, modes.CBC(iv)).encryptor()
    return context.update(pad(data, size, method=padding))[-size:]


def ede(left, right=None):
    return TripleDES(left * 3 if right is None else left + right + left)


@pytest.mark.parametrize(
    ("compute", "key", "data", "padding", "mac"),
    [
        pytest.param(mac_alg1, K8, NOW, 1, "70a30640", id="9797-1-B.2-alg1-pad1"),
        pytest.param(mac_alg1, K8, NOW, 2, "10e1f0f1", id="9797-1-B.2-alg1-pad2"),
        pytest.param(mac_alg1, K8, NOW_IT, 1, "e45b3ad2", id="9797-1-B.2-alg1-pad1-short"),
        pytest.param(mac_alg1, K8, NOW_IT, 2, "a924c721", id="9797-1-B.2-alg1-pad2-short"),
        pytest.param(mac_alg3, K16, NOW, 1, "a1c72e74", id="9797-1-B.4-alg3-pad1"),
        pytest.param(mac_alg3, K16, NOW, 2, "e9086230", id="9797-1-B.4-alg3-pad2"),
        pytest.param(mac_alg3, K16, NOW_IT, 1, "2e2b1428", id="9797-1-B.4-alg3-pad1-short"),
        pytest.param(mac_alg3, K16, NOW_IT, 2, "5a692ce6", id="9797-1-B.4-alg3-pad2-short"),
    ],
)
def test_mac_of_the_standard(compute, key, data, padding, mac):
    assert mac == compute(Key(key), data, padding=padding).hex()


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.binary(max_size=70),
    st.sampled_from([1, 2]),
)
def test_macs_as_openssl(value, iv, data, padding):
    left, right, iv8 = value[:8], value[8:], iv[:8]
    single = last_block(ede(left), 8, iv8, data, padding)
    assert single == mac_alg1(Key(left), data, iv=iv8, padding=padding, length=8)
    triple = last_block(ede(left, right), 8, iv8, data, padding)
    assert triple == mac_alg1(Key(value), data, iv=iv8, padding=padding, length=8)
    wide = last_block(SM4(value), 16, iv, data, padding)
    assert wide == mac_alg1(Key(value, Cipher.SM4), data, iv=iv, padding=padding, length=16)
    inner = Pyca(ede(right), modes.ECB()).decryptor().update(single)
    retail = Pyca(ede(left), modes.ECB()).encryptor().update(inner)
    assert retail == mac_alg3(Key(value), data, iv=iv8, padding=padding, length=8)


@pytest.mark.parametrize("length", range(1, 9))
def test_length_takes_leading_bytes(length):
    assert mac_alg1(Key(K8), NOW, length=8)[:length] == mac_alg1(Key(K8), NOW, length=length)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: mac_alg1(Key(K8), NOW, length=0), r"length must be 1\.\.8 bytes, got 0", id="zero"
        ),
        pytest.param(
            lambda: mac_alg3(Key(K16), NOW, length=9), r"length must be 1\.\.8 bytes, got 9", id="nine"
        ),
        pytest.param(
            lambda: mac_alg1(Key(K16, Cipher.SM4), NOW, length=17), r"length must be 1\.\.16 bytes", id="sm4"
        ),
        pytest.param(lambda: mac_alg3(Key(K8), NOW), "key must be a TDES key, got DES", id="alg3-des"),
        pytest.param(
            lambda: mac_alg3(Key(K16, Cipher.SM4), NOW), "key must be a TDES key, got SM4", id="alg3-sm4"
        ),
        pytest.param(
            lambda: mac_alg1(Key(K8), NOW, iv=bytes(16)), "iv must be 8 bytes, got 16 bytes", id="iv"
        ),
    ],
)
def test_misuse_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_key_check_value_is_of_the_zero_block():
    assert key_check_value(Key(K16)).hex() == "08d7b4"
    assert key_check_value(Key(bytes(8)), length=8).hex() == "8ca64de9c1b123a7"


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_same_is_equality(a, b):
    assert same(a, b) == (a == b)


def test_verify_mac_names_what_failed_and_shows_no_value():
    verify_mac(b"\x01\x02\x03\x04", b"\x01\x02\x03\x04", "MAC2")
    with pytest.raises(MacMismatch) as caught:
        verify_mac(b"\x01\x02\x03\x04", b"\x01\x02\x03\x05", "MAC2")
    assert str(caught.value) == "MAC2 does not verify"
