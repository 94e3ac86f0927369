"""The choice of the backend, and the native core against the pure one."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import BackendInfo, Cipher, Key, backend
from cardos.crypto import _backend as chooser
from cardos.crypto._pure import PureBackend
from cardos.errors import ParameterError

core = pytest.importorskip(
    "cardos.crypto._core", reason="this installation was built without the native core"
)

NATIVE, PURE = core.NativeBackend(), PureBackend()
PROGRAM = "from cardos.crypto import backend, mac_alg3, Key; print(backend); print(mac_alg3(Key(bytes(16)), b'').hex())"

MAC_OF_NOTHING = "95f8a5e5"  # of the empty message under a zero key: MAC algorithm 3, padding 2


#: The native core's, also where the suite runs on the pure backend.
INFO = chooser._choose("native")[1]
BEST = next(level.name for level in reversed(INFO.levels) if level.runs)


def run(**environment):
    rest = {
        name: value for name, value in os.environ.items() if name not in {"CARDOS_BACKEND", "CARDOS_LEVEL"}
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=rest | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "reported"),
    [
        pytest.param({}, f"native (default), level {BEST} (the best of this processor)", id="unset"),
        pytest.param(
            {"CARDOS_BACKEND": "", "CARDOS_LEVEL": ""},
            f"native (default), level {BEST} (the best of this processor)",
            id="empty",
        ),
        pytest.param(
            {"CARDOS_BACKEND": "native", "CARDOS_LEVEL": "portable"},
            "native (CARDOS_BACKEND=native), level portable (CARDOS_LEVEL=portable)",
            id="native-portable",
        ),
        pytest.param({"CARDOS_BACKEND": "pure"}, "pure (CARDOS_BACKEND=pure)", id="pure"),
    ],
)
def test_backend_is_chosen_by_name(environment, reported):
    assert [reported, MAC_OF_NOTHING] == run(**environment).stdout.splitlines()


def test_the_backend_in_use_is_the_one_that_the_suite_runs_with():
    assert (os.environ.get("CARDOS_BACKEND") or "native") == backend.name


def test_a_level_that_does_not_run_here_is_refused_with_what_it_needs():
    running = [level.name for level in INFO.levels if level.runs]
    allowed = f"{', '.join(running[:-1])} or {running[-1]}" if len(running) > 1 else running[0]
    with pytest.raises(ParameterError) as refused:
        INFO.use_level("avx9")
    assert f"level must be {allowed}, got 'avx9'" == str(refused.value)
    for level in (level for level in INFO.levels if not level.runs):
        with pytest.raises(ParameterError, match=f"got '{level.name}', which needs an? .*(processor|build)"):
            INFO.use_level(level.name)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param({"CARDOS_LEVEL": "avx9"}, "CARDOS_LEVEL must be portable, ", id="unknown"),
        pytest.param(
            {"CARDOS_LEVEL": "portable", "CARDOS_BACKEND": "pure"},
            "CARDOS_LEVEL must be unset with the pure backend, got 'portable'",
            id="pure",
        ),
    ],
)
def test_the_environment_names_no_level_that_is_not_there(environment, message):
    result = run(**environment)
    assert result.returncode == 1
    assert message in result.stderr


def test_the_level_in_use_can_be_changed_and_is_told(restored_level):
    INFO.use_level("portable")
    assert ("portable", "use_level()") == (INFO.level, INFO.level_reason)
    assert str(INFO).endswith(", level portable (use_level())")
    INFO.use_level(BEST, reason="for a test")
    assert (BEST, "for a test") == (INFO.level, INFO.level_reason)


def test_levels_are_told_from_the_simplest_upwards():
    assert ["portable", "v128", "avx2", "avx512"] == [level.name for level in INFO.levels]
    assert INFO.levels[0].runs
    assert all(level.needs for level in INFO.levels)


def test_the_pure_backend_has_no_level():
    info = BackendInfo("pure", "CARDOS_BACKEND=pure")
    assert ("", "", ()) == (info.level, info.level_reason, info.levels)
    assert "pure (CARDOS_BACKEND=pure)" == str(info)
    with pytest.raises(ParameterError, match="level must be unset with the pure backend, got 'portable'"):
        info.use_level("portable")


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


@pytest.fixture
def restored_level():
    used = INFO.level
    yield
    INFO.use_level(used)


@st.composite
def operations(draw):
    cipher = draw(st.sampled_from(Cipher))
    size = cipher.block_size
    key = Key(draw(st.binary(min_size=cipher.key_size, max_size=cipher.key_size)), cipher)
    iv = draw(st.binary(min_size=size, max_size=size))
    count = draw(st.integers(1, 4))
    return key, iv, draw(st.binary(min_size=count * size, max_size=count * size))


@given(operations(), st.booleans())
def test_native_as_pure(operation, decrypt):
    key, iv, data = operation
    assert PURE.ecb(key, data, decrypt=decrypt) == NATIVE.ecb(key, data, decrypt=decrypt)
    assert PURE.cbc(key, iv, data, decrypt=decrypt) == NATIVE.cbc(key, iv, data, decrypt=decrypt)


@given(operations(), st.sampled_from([1, 2]), st.integers(1, 8), st.integers(0, 7))
def test_macs_of_native_as_pure(operation, padding, length, less):
    key, iv, data = operation
    data = data[less:]
    assert PURE.cbc_mac(key, iv, data, padding, length) == NATIVE.cbc_mac(key, iv, data, padding, length)
    assert PURE.cbc_mac(key, None, data, padding, length) == NATIVE.cbc_mac(key, None, data, padding, length)
    if key.cipher is Cipher.TDES:
        assert PURE.retail_mac(key, iv, data, padding, length) == NATIVE.retail_mac(
            key, iv, data, padding, length
        )


@pytest.mark.parametrize("bit", range(64))
def test_every_key_and_data_bit_of_des(bit):
    one = (1 << bit).to_bytes(8, "big")
    for value, data in ((one, bytes(8)), (bytes(8), one)):
        assert PURE.ecb(Key(value), data) == NATIVE.ecb(Key(value), data)


def test_no_data_gives_no_data():
    for engine in (NATIVE, PURE):
        assert engine.ecb(Key(bytes(16), Cipher.SM4), b"") == b""
        assert engine.cbc(Key(bytes(8)), bytes(8), b"") == b""


def test_threads_do_not_disturb_each_other():
    values = [(Key(bytes([i]) * 16), bytes([i ^ 0x5A]) * 4096) for i in range(32)]
    expected = [NATIVE.cbc(key, bytes(8), data) for key, data in values]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda v: NATIVE.cbc(v[0], bytes(8), v[1]), values))
    assert expected == found
