"""The choice of the backend, and the native core against the pure one."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import Cipher, backend
from cardos.crypto import _backend as chooser
from cardos.crypto._pure import PureBackend
from cardos.errors import ParameterError

core = pytest.importorskip(
    "cardos.crypto._core", reason="this installation was built without the native core"
)

NATIVE, PURE = core.NativeBackend(), PureBackend()
PROGRAM = "from cardos.crypto import backend, mac_alg3, Key; print(backend); print(mac_alg3(Key(bytes(16)), b'').hex())"

MAC_OF_NOTHING = "95f8a5e5"  # of the empty message under a zero key: MAC algorithm 3, padding 2


def run(**environment):
    rest = {name: value for name, value in os.environ.items() if name != "CARDOS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=rest | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "reported"),
    [
        pytest.param({}, "native (default)", id="unset"),
        pytest.param({"CARDOS_BACKEND": ""}, "native (default)", id="empty"),
        pytest.param({"CARDOS_BACKEND": "native"}, "native (CARDOS_BACKEND=native)", id="native"),
        pytest.param({"CARDOS_BACKEND": "pure"}, "pure (CARDOS_BACKEND=pure)", id="pure"),
    ],
)
def test_backend_is_chosen_by_name(environment, reported):
    assert [reported, MAC_OF_NOTHING] == run(**environment).stdout.splitlines()


def test_the_backend_in_use_is_the_one_that_the_suite_runs_with():
    assert (os.environ.get("CARDOS_BACKEND") or "native") == backend.name


def test_an_unknown_name_is_refused():
    result = run(CARDOS_BACKEND="fast")
    assert result.returncode == 1
    assert "CARDOS_BACKEND must be native or pure, got 'fast'" in result.stderr


def test_without_the_core_pure_is_used_and_native_is_refused(monkeypatch):
    monkeypatch.setattr(chooser.importlib.util, "find_spec", lambda _: None)
    engine, info = chooser._choose(None)
    assert engine.name == info.name == "pure"
    assert info.reason == "this installation was built without the native core"
    with pytest.raises(
        ParameterError, match="CARDOS_BACKEND must be pure in an installation that was built without"
    ):
        chooser._choose("native")


@st.composite
def operations(draw):
    cipher = draw(st.sampled_from(Cipher))
    size = cipher.block_size
    key = draw(st.binary(min_size=cipher.key_size, max_size=cipher.key_size))
    iv = draw(st.binary(min_size=size, max_size=size))
    count = draw(st.integers(1, 4))
    return cipher, key, iv, draw(st.binary(min_size=count * size, max_size=count * size))


@given(operations(), st.booleans())
def test_native_as_pure(operation, decrypt):
    cipher, key, iv, data = operation
    assert PURE.ecb(cipher, key, data, decrypt=decrypt) == NATIVE.ecb(cipher, key, data, decrypt=decrypt)
    assert PURE.cbc(cipher, key, iv, data, decrypt=decrypt) == NATIVE.cbc(
        cipher, key, iv, data, decrypt=decrypt
    )
    assert PURE.cbc_mac(cipher, key, iv, data) == NATIVE.cbc_mac(cipher, key, iv, data)
    if cipher is Cipher.TDES:
        assert PURE.retail_mac(key, iv, data) == NATIVE.retail_mac(key, iv, data)


@pytest.mark.parametrize("bit", range(64))
def test_every_key_and_data_bit_of_des(bit):
    one = (1 << bit).to_bytes(8, "big")
    for key, data in ((one, bytes(8)), (bytes(8), one)):
        assert PURE.ecb(Cipher.DES, key, data) == NATIVE.ecb(Cipher.DES, key, data)


def test_no_data_gives_no_data():
    for engine in (NATIVE, PURE):
        assert engine.ecb(Cipher.SM4, bytes(16), b"") == b""
        assert engine.cbc(Cipher.DES, bytes(8), bytes(8), b"") == b""


def test_threads_do_not_disturb_each_other():
    values = [(bytes([i]) * 16, bytes([i ^ 0x5A]) * 4096) for i in range(32)]
    expected = [NATIVE.cbc(Cipher.TDES, key, bytes(8), data) for key, data in values]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda v: NATIVE.cbc(Cipher.TDES, v[0], bytes(8), v[1]), values))
    assert expected == found
