"""ECB, CBC, padding and encipherment against the standards and against two independent libraries."""

from __future__ import annotations

import pytest
from Crypto.Cipher import DES, DES3
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher as Pyca
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from hypothesis import assume, given
from hypothesis import strategies as st

from cardos.crypto import (
    Cipher,
    Key,
    decipher,
    decrypt_cbc,
    decrypt_ecb,
    encipher,
    encrypt_cbc,
    encrypt_ecb,
    pad,
    unpad,
)
from cardos.errors import DecodeError

K8 = bytes.fromhex("0123456789ABCDEF")
K16 = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def keys(*ciphers):
    return st.sampled_from(ciphers or tuple(Cipher)).flatmap(
        lambda cipher: st.binary(min_size=cipher.key_size, max_size=cipher.key_size).map(
            lambda v: Key(v, cipher)
        )
    )


def blocks(key, most=5):
    size = key.block_size
    return st.integers(0, most).flatmap(lambda n: st.binary(min_size=n * size, max_size=n * size))


def openssl(key, mode):
    value = key.reveal()
    if key.cipher is Cipher.SM4:
        return Pyca(SM4(value), mode)
    return Pyca(TripleDES(value * 3 if len(value) == 8 else value + value[:8]), mode)


@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [
        pytest.param(
            Key(K8),
            b"Now is the time for all ".hex(),
            "3fa40e8a984d48156a271787ab8883f9893d51ec4b563b53",
            id="FIPS-81",
        ),
        pytest.param(
            Key(bytes.fromhex("10316E028C8F3B4A")), "0000000000000000", "82dcbafbdeab6602", id="SP-800-17"
        ),
        pytest.param(
            Key(K16, Cipher.SM4), K16.hex(), "681edf34d206965e86b3e94f536e4246", id="GB/T-32907-A.1"
        ),
        pytest.param(Key(K8 + K8), b"Now is t".hex(), "3fa40e8a984d4815", id="TDES-of-equal-halves-is-DES"),
    ],
)
def test_ecb_of_the_standards(key, plain, cipher):
    assert cipher == encrypt_ecb(key, bytes.fromhex(plain)).hex()
    assert plain == decrypt_ecb(key, bytes.fromhex(cipher)).hex()


def test_cbc_of_fips_81():
    key, iv, plain = Key(K8), bytes.fromhex("1234567890ABCDEF"), b"Now is the time for all "
    cipher = bytes.fromhex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6")
    assert cipher == encrypt_cbc(key, plain, iv=iv)
    assert plain == decrypt_cbc(key, cipher, iv=iv)


@pytest.mark.slow
@given(st.data())
def test_ecb_as_openssl(data):
    key = data.draw(keys())
    plain = data.draw(blocks(key))
    context = openssl(key, modes.ECB()).encryptor()
    cipher = context.update(plain) + context.finalize()
    assert cipher == encrypt_ecb(key, plain)
    assert plain == decrypt_ecb(key, cipher)


@given(st.data())
def test_cbc_as_openssl(data):
    key = data.draw(keys())
    plain, iv = data.draw(blocks(key)), data.draw(st.binary(min_size=key.block_size, max_size=key.block_size))
    context = openssl(key, modes.CBC(iv)).encryptor()
    cipher = context.update(plain) + context.finalize()
    assert cipher == encrypt_cbc(key, plain, iv=iv)
    assert plain == decrypt_cbc(key, cipher, iv=iv)


@given(st.data())
def test_des_as_pycryptodome(data):
    key = data.draw(keys(Cipher.DES, Cipher.TDES))
    plain, value = data.draw(blocks(key)), key.reveal()
    if key.cipher is Cipher.DES:
        oracle = DES.new(value, DES.MODE_ECB)
    else:
        parity_free = bytes(byte & 0xFE for byte in value)
        assume(parity_free[:8] != parity_free[8:])  # pycryptodome refuses equal halves
        oracle = DES3.new(value, DES3.MODE_ECB)
    assert oracle.encrypt(plain) == encrypt_ecb(key, plain)


@pytest.mark.parametrize(
    ("data", "block", "method", "padded"),
    [
        pytest.param("", 8, 1, "0000000000000000", id="1-empty"),
        pytest.param("01", 8, 1, "0100000000000000", id="1-one"),
        pytest.param("0102030405060708", 8, 1, "0102030405060708", id="1-whole"),
        pytest.param("", 8, 2, "8000000000000000", id="2-empty"),
        pytest.param("01020304050607", 8, 2, "0102030405060780", id="2-one-short"),
        pytest.param("0102030405060708", 8, 2, "01020304050607088000000000000000", id="2-whole"),
        pytest.param("01", 16, 2, "01800000000000000000000000000000", id="2-sixteen"),
    ],
)
def test_padding(data, block, method, padded):
    assert padded == pad(bytes.fromhex(data), block, method=method).hex()


@given(st.binary(max_size=40), st.sampled_from([8, 16]))
def test_unpad_undoes_padding_method_2(data, block):
    padded = pad(data, block)
    assert len(padded) % block == 0
    assert len(data) < len(padded) <= len(data) + block
    assert data == unpad(padded)


@pytest.mark.parametrize(("data", "offset"), [("", 0), ("00", 0), ("0102", 2), ("01810000", 2)])
def test_unpad_says_where_the_padding_is_missing(data, offset):
    with pytest.raises(DecodeError, match=r"must end in 80 00\.\.") as caught:
        unpad(bytes.fromhex(data))
    assert offset == caught.value.offset


@given(st.data())
def test_decipher_undoes_encipher(data):
    key, plain = data.draw(keys()), data.draw(st.binary(max_size=255))
    cipher = encipher(key, plain)
    assert len(cipher) - 1 - len(plain) < key.block_size
    assert plain == decipher(key, cipher)


def test_decipher_accepts_a_padding_block_after_a_full_block():
    key, plain = Key(K16), bytes(range(7))
    block = bytes([7]) + plain
    assert plain == decipher(key, encrypt_ecb(key, block + bytes.fromhex("8000000000000000")))


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        pytest.param("", "whole blocks", id="empty"),
        pytest.param("08" + "00" * 7, "length byte must be at most 7, got 8", id="length-too-large"),
        pytest.param("02AABB0000000000", r"padding must be 80 00", id="no-80"),
        pytest.param("02AABB8000000001", r"padding must be 80 00", id="not-zero"),
        pytest.param(
            "00" + "80" + "00" * 6 + "80" + "00" * 7, r"padding must be 80 00", id="two-padding-blocks"
        ),
    ],
)
def test_decipher_refuses(block, problem):
    key = Key(K16)
    with pytest.raises(DecodeError, match=problem):
        decipher(key, encrypt_ecb(key, bytes.fromhex(block)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: encrypt_ecb(Key(K8), bytes(7)),
            "data must be a multiple of 8 bytes, got 7 bytes",
            id="ecb",
        ),
        pytest.param(
            lambda: decrypt_ecb(Key(K8), bytes(9)),
            "data must be a multiple of 8 bytes, got 9 bytes",
            id="ecb-back",
        ),
        pytest.param(
            lambda: encrypt_cbc(Key(K16, Cipher.SM4), bytes(8)), "data must be a multiple of 16", id="cbc"
        ),
        pytest.param(
            lambda: decrypt_cbc(Key(K8), bytes(8), iv=bytes(7)), "iv must be 8 bytes, got 7 bytes", id="iv"
        ),
        pytest.param(lambda: pad(b"", 8, method=3), "method must be 1 or 2, got 3", id="method"),
        pytest.param(
            lambda: encipher(Key(K8), bytes(256)),
            r"data must be 0\.\.255 bytes, got 256 bytes",
            id="encipher",
        ),
        pytest.param(
            lambda: decipher(Key(K8), bytes(7)), "must be whole blocks of 8 bytes, got 7", id="decipher"
        ),
    ],
)
def test_wrong_length_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
