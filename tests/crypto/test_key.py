"""Keys keep their value to themselves."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import (
    Cipher,
    Key,
    backend,
    decrypt_cbc,
    decrypt_ecb,
    encrypt_cbc,
    encrypt_ecb,
    mac_alg1,
    mac_alg3,
)
from cardos.errors import ParameterError

K16 = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@given(st.sampled_from(Cipher), st.data())
def test_text_forms_show_only_the_cipher(cipher, data):
    value = data.draw(st.binary(min_size=cipher.key_size, max_size=cipher.key_size))
    key = Key(value, cipher)
    assert f"<Key {cipher.name}>" == repr(key) == str(key) == f"{key}"
    assert value == key.reveal()


@pytest.mark.parametrize("size", [8, 16])
def test_cipher_follows_from_the_length(size):
    assert Key(bytes(size)).cipher is (Cipher.DES if size == 8 else Cipher.TDES)


@pytest.mark.parametrize(
    ("cipher", "size", "message"),
    [
        pytest.param(None, 0, "TDES key must be 16 bytes, got 0 bytes", id="empty"),
        pytest.param(None, 24, "TDES key must be 16 bytes, got 24 bytes", id="three-keys"),
        pytest.param(Cipher.DES, 16, "DES key must be 8 bytes, got 16 bytes", id="des"),
        pytest.param(Cipher.SM4, 8, "SM4 key must be 16 bytes, got 8 bytes", id="sm4"),
    ],
)
def test_wrong_length_is_named_without_the_value(cipher, size, message):
    with pytest.raises(ParameterError, match=f"^{message}$"):
        Key(bytes(size), cipher)


def test_equality_needs_value_and_cipher():
    assert Key(K16) == Key(bytearray(K16))
    assert Key(K16) != Key(K16, Cipher.SM4)
    assert Key(K16) != Key(K16[:15] + b"\x00")
    assert Key(K16) != K16
    assert len({Key(K16), Key(K16), Key(K16, Cipher.SM4)}) == 2


def test_hash_differs_from_process_to_process():
    program = "from cardos.crypto import Key; print(hash(Key(bytes(16))))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert hash(Key(bytes(16))) != int(run.stdout)


def test_halves_and_fold():
    key = Key(K16)
    assert (K16[:8], K16[8:]) == (key.left.reveal(), key.right.reveal())
    assert key.folded() == Key(bytes.fromhex("8888888888888888"), Cipher.DES)


@pytest.mark.parametrize("key", [Key(bytes(8)), Key(bytes(16), Cipher.SM4)], ids=["DES", "SM4"])
@pytest.mark.parametrize("half", ["left", "right", "folded"])
def test_only_tdes_keys_have_halves(key, half):
    with pytest.raises(ParameterError, match="key must be a TDES key"):
        getattr(key, half)()


def test_a_key_cannot_be_changed_or_pickled():
    key = Key(K16)
    with pytest.raises(AttributeError, match="has no setter"):
        key.cipher = Cipher.SM4
    for store in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            store(key)


@pytest.mark.parametrize("cipher", Cipher)
def test_an_expanded_key_is_the_same_key_and_as_silent(cipher):
    key = Key(bytes(range(cipher.key_size)), cipher)
    expanded = key.expanded()
    assert (key, hash(key), repr(key)) == (expanded, hash(expanded), repr(expanded))
    assert expanded.expanded() is expanded
    data = bytes(6 * cipher.block_size)
    for function in (encrypt_ecb, decrypt_ecb, encrypt_cbc, decrypt_cbc, mac_alg1):
        assert function(key, data) == function(expanded, data)
    if cipher is Cipher.TDES:
        assert mac_alg3(key, data) == mac_alg3(expanded, data)
        assert key.left == expanded.left
    with pytest.raises(AttributeError, match="has no setter"):
        expanded.cipher = cipher
    for store in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            store(expanded)


def test_an_expanded_key_keeps_its_kernel_when_the_level_changes():
    levels = [level.name for level in backend.levels if level.runs]
    used, data = backend.level, bytes(48)
    for cipher in Cipher:
        key = Key(bytes(range(cipher.key_size)), cipher)
        for first in levels:
            backend.use_level(first)
            expanded = key.expanded()
            for second in levels:
                backend.use_level(second)
                assert encrypt_cbc(key, data) == encrypt_cbc(expanded, data)
    if levels:
        backend.use_level(used)
