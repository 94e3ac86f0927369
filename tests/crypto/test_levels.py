"""Every level of the native core that runs here: columns and bulk against the pure backend, against other packages over
100,000 rows of each workload, and in a sweep under the sanitizers.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from Crypto.Cipher import DES, DES3
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import ciphers
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.crypto import SUITES, Cipher, Key, Truncation, bulk, encrypt_ecb, mac_alg3
from cardos.crypto import _backend as chooser
from cardos.crypto._pure import PureBackend
from cardos.crypto._rows import KeyRows, Level, MacRows, PureRows
from cardos.crypto._source import Source, constant

core = pytest.importorskip(
    "cardos.crypto._core", reason="this installation was built without the native core"
)

from cardos.crypto._rows_native import NativeRows  # noqa: E402 (there only with the native core)

INFO = chooser._choose("native")[1]
RUNNING = [level.name for level in INFO.levels if level.runs]
NATIVE, PURE = core.NativeBackend(), PureBackend()
ROWS, SIMPLE = NativeRows(), PureRows()
DES_SUITE = SUITES["3des"]

NATIVE_TESTS = Path(__file__).parent / "native"
CORE = Path(__file__).parents[2] / "src" / "cardos" / "crypto" / "core"

#: Around 8, from which planes are used, and around the lanes of each level.
COUNTS = [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513]


@pytest.fixture(params=RUNNING)
def level(request):
    used = INFO.level
    INFO.use_level(request.param)
    yield request.param
    INFO.use_level(used)


def block(rows, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (rows, width), np.uint8)


def fields(rows, *widths):
    """Columns of random bytes; those of 4 are little-endian numbers."""
    matrices = [block(rows, width, seed) for seed, width in enumerate(widths, 100)]
    return tuple(Source("field", m[:, ::-1] if m.shape[1] == 4 else m) for m in matrices)


def w1(rows):
    keys = KeyRows(Source("keys", block(rows, 16, 1)), Cipher.TDES)
    return keys, MacRows(DES_SUITE, fields(rows, 4, 1, 6, 4, 4, 3), tac=True)


def w2(rows):
    serial = Source("serial", block(rows, 8, 2))
    level = Level((serial, serial.complement()), Cipher.TDES)
    keys = KeyRows(constant("master", bytes(range(16))), Cipher.TDES, (level,))
    return keys, MacRows(DES_SUITE, fields(rows, 4, 1, 6, 4, 4, 3), tac=True)


def w3(rows):
    terminal_serial = fields(rows, 4)[0]
    session = (
        Source("random", block(rows, 4, 3)),
        Source("serial", block(rows, 2, 4)),
        terminal_serial.part(2, 4),
    )
    keys = KeyRows(Source("keys", block(rows, 16, 5)), Cipher.TDES, (Level(session, Cipher.DES),))
    return keys, MacRows(DES_SUITE, fields(rows, 4, 1, 6, 4, 3), tac=False)


WORKLOADS = {"w1": w1, "w2": w2, "w3": w3}


def macs(engine, keys, mac, rows):
    out = np.zeros((rows, 4), np.uint8)
    engine.macs(keys, mac, rows, out)
    return out


@pytest.mark.parametrize("workload", WORKLOADS)
def test_any_number_of_rows(level, workload):
    keys, mac = WORKLOADS[workload](max(COUNTS))
    expected = macs(SIMPLE, keys, mac, max(COUNTS))
    for rows in COUNTS:
        assert (expected[:rows] == macs(ROWS, *WORKLOADS[workload](max(COUNTS)), rows)).all()


SOURCE = st.tuples(
    st.sampled_from(["packed", "record", "column", "reversed", "backwards", "both", "every-other", "one"]),
    st.sampled_from([0, 0xFF, 0x5A]),
    st.integers(0, 2**32),
)


def source(spec, rows, width):
    form, mask, seed = spec
    data = block(rows, 3 * width + 8, seed)
    if form == "one":
        return (
            Source("one", data[:1, :width], every_row=True, mask=mask)
            if rows
            else constant("one", bytes(width))
        )
    views = {
        "packed": data[:, :width].copy(),
        "record": data[:, 3 : 3 + width],
        "column": np.asfortranarray(data[:, :width]),
        "reversed": data[:, :width].copy()[:, ::-1],
        "backwards": data[:, :width].copy()[::-1],
        "both": data[::-1, width - 1 :: -1] if width else data[:, :0],
        "every-other": data[:, : 2 * width : 2],
    }
    return Source("source", views[form], mask=mask)


@st.composite
def messages(draw, rows, width):
    parts = []
    while width:
        part = draw(st.integers(1, min(width, 11)))
        parts.append(source(draw(SOURCE), rows, part))
        width -= part
    return tuple(parts)


@st.composite
def recipes(draw):
    """Rows, keys and MAC of any shape that DES and TDES have."""
    rows = draw(st.sampled_from([8, 9, 64, 65, 70]))
    cipher = first = draw(st.sampled_from([Cipher.DES, Cipher.TDES]))
    stored = source(draw(SOURCE), rows, cipher.key_size)
    levels = []
    for _ in range(draw(st.integers(0, 3))):
        cipher = draw(st.sampled_from([Cipher.DES, Cipher.TDES]))
        if cipher is Cipher.TDES and draw(st.booleans()):
            serial = source(draw(SOURCE), rows, 8)
            levels.append(Level((serial, serial.complement()), cipher))
        else:
            levels.append(Level(draw(messages(rows, cipher.key_size)), cipher))
    suite = replace(DES_SUITE, truncation=draw(st.sampled_from(Truncation)))
    tac = cipher is Cipher.TDES and draw(st.booleans())
    mac = MacRows(suite, draw(messages(rows, draw(st.integers(1, 33)))), tac)
    return rows, KeyRows(stored, first, tuple(levels)), mac


@settings(max_examples=25)
@given(recipe=recipes())
def test_any_recipe(recipe):
    rows, keys, mac = recipe
    size = keys.ciphers[-1].key_size
    expected_macs, expected_keys = macs(SIMPLE, keys, mac, rows), np.zeros((rows, size), np.uint8)
    SIMPLE.keys(keys, rows, expected_keys)
    received = expected_macs.copy()
    received[::3, 1] ^= 0x10
    used = INFO.level
    for name in RUNNING:
        INFO.use_level(name)
        room, found_keys = np.zeros((rows, 6), np.uint8), np.zeros((size, rows), np.uint8).T
        ROWS.macs(keys, mac, rows, room[:, 1:5])
        ROWS.keys(keys, rows, found_keys)
        verdicts = np.empty(rows, np.bool_)
        ROWS.verify(keys, mac, Source("received", received), verdicts)
        assert (expected_macs == room[:, 1:5]).all(), name
        assert not room[:, ::5].any(), name
        assert (expected_keys == found_keys).all(), name
        assert ([row % 3 != 0 for row in range(rows)] == verdicts).all(), name
    INFO.use_level(used)


@pytest.mark.parametrize("cipher", [Cipher.DES, Cipher.TDES])
@pytest.mark.parametrize("blocks", COUNTS)
def test_bulk(level, cipher, blocks):
    data, iv = block(blocks, 8, 1).tobytes(), bytes(range(8))
    key = Key(bytes(range(50, 50 + cipher.key_size)), cipher)
    encrypted = PURE.ecb(key, data)
    assert encrypted == NATIVE.ecb(key, data)
    assert data == NATIVE.ecb(key, encrypted, decrypt=True)
    assert PURE.cbc(key, iv, data, decrypt=True) == NATIVE.cbc(key, iv, data, decrypt=True)


def test_bulk_in_place(level):
    data, key = block(1000, 8, 2).reshape(-1), Key(bytes(range(16)))
    expected = PURE.cbc(key, bytes(8), data.tobytes(), decrypt=True)
    place = core.ffi.cast("uint8_t *", data.ctypes.data)
    core.lib.cardos_cbc(key.cipher.code, 1, key.reveal(), bytes(8), place, len(data), place)
    assert expected == data.tobytes()


# ---------------------------------------------------------------- other packages

MANY = 100_003


def message_of(mac):
    parts = [source.data ^ source.mask for source in mac.message]
    length = sum(part.shape[1] for part in parts)
    padding = np.zeros((MANY, 8 - length % 8), np.uint8)
    padding[:, 0] = 0x80
    return np.concatenate([*parts, padding], axis=1)


def blocks_of(level):
    return np.concatenate([source.data ^ source.mask for source in level.message], axis=1)


def des_encrypt(key, data):
    return DES.new(key, DES.MODE_ECB).encrypt(data)


def tdes_by_pycryptodome(key, data):
    left, right = key[:8], key[8:]
    return des_encrypt(left, DES.new(right, DES.MODE_ECB).decrypt(des_encrypt(left, data)))


def tdes_by_cryptography(key, data):
    mode = ciphers.modes.ECB()
    return ciphers.Cipher(TripleDES(key + key[:8]), mode).encryptor().update(data)


def mac_by_pycryptodome(key, data):
    return DES.new(key, DES.MODE_CBC, iv=bytes(8)).encrypt(data)[-8:-4]


def mac_by_cryptography(key, data):
    mode = ciphers.modes.CBC(bytes(8))
    return ciphers.Cipher(TripleDES(key * 3), mode).encryptor().update(data)[-8:-4]


PACKAGES = {
    "pycryptodome": (tdes_by_pycryptodome, mac_by_pycryptodome),
    "cryptography": (tdes_by_cryptography, mac_by_cryptography),
}


def by_package(package, keys, mac):
    """The MACs of all rows, one after the other."""
    tdes, compute = PACKAGES[package]
    stored = np.broadcast_to(keys.stored.data, (MANY, keys.stored.width))
    values = [row.tobytes() for row in stored]
    for level in keys.levels:
        values = [tdes(key, row.tobytes()) for key, row in zip(values, blocks_of(level), strict=True)]
    if mac.fold:
        halves = np.frombuffer(b"".join(values), np.uint8).reshape(-1, 2, 8)
        values = [row.tobytes() for row in halves[:, 0] ^ halves[:, 1]]
    return [compute(key, row.tobytes()) for key, row in zip(values, message_of(mac), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("package", PACKAGES)
def test_100_000_rows_as_other_packages(package, workload):
    keys, mac = WORKLOADS[workload](MANY)
    expected = b"".join(by_package(package, keys, mac))
    used = INFO.level
    for name in RUNNING:
        INFO.use_level(name)
        assert expected == macs(ROWS, keys, mac, MANY).tobytes(), name
    INFO.use_level(used)


@pytest.mark.slow
def test_100_000_blocks_of_3des_as_other_packages(level):
    data, out = block(MANY, 8, 5).tobytes(), bytearray(8 * MANY)
    key, iv = Key(bytes(range(16))), bytes(range(8))
    bulk.ecb(key, data, out)
    assert tdes_by_pycryptodome(key.reveal(), data) == tdes_by_cryptography(key.reveal(), data) == out
    bulk.ecb(key, out, out, decrypt=True)
    assert data == out
    mode = ciphers.modes.CBC(iv)
    encrypted = ciphers.Cipher(TripleDES(key.reveal() + key.reveal()[:8]), mode).encryptor().update(data)
    assert encrypted == DES3.new(key.reveal(), DES3.MODE_CBC, iv=iv).encrypt(data)
    bulk.cbc(key, data, out, iv=iv)
    assert encrypted == out
    bulk.cbc(key, out, out, iv=iv, decrypt=True)
    assert data == out


@pytest.fixture(scope="module")
def single_calls():
    """100,003 keys and messages, with retail MACs and TDES of two blocks by pycryptodome."""
    keys, messages = (
        [row.tobytes() for row in block(MANY, width, seed)] for width, seed in ((16, 6), (32, 7))
    )
    macs = []
    for key, message in zip(keys, messages, strict=True):
        chain = DES.new(key[:8], DES.MODE_CBC, iv=bytes(8)).encrypt(message + b"\x80" + bytes(7))
        macs.append(des_encrypt(key[:8], DES.new(key[8:], DES.MODE_ECB).decrypt(chain[-8:])))
    blocks = [tdes_by_pycryptodome(key, message[:16]) for key, message in zip(keys, messages, strict=True)]
    return keys, messages, macs, blocks


@pytest.mark.slow
def test_100_000_single_calls_as_pycryptodome(level, single_calls):
    keys, messages, macs, blocks = single_calls
    ours = [Key(key, Cipher.TDES) for key in keys]
    assert macs == [mac_alg3(key, message, length=8) for key, message in zip(ours, messages, strict=True)]
    assert blocks == [encrypt_ecb(key, message[:16]) for key, message in zip(ours, messages, strict=True)]


# ---------------------------------------------------------------- sanitizers

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
MODELS = [f'-D{name.upper()}="{NATIVE_TESTS / name}.h"' for name in ("avx512_model", "gfni_model")]


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_sweep_of_all_levels_stays_inside_the_arrays(compiler, tmp_path):
    """Also the AVX-512 level, with its instructions in plain C where the machine has none of it."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    program = tmp_path / "sweep"
    sources = [*map(str, sorted(CORE.glob("*.c"))), str(NATIVE_TESTS / "sweep.c")]
    options = ["-std=c11", "-O1", "-g", "-Wno-psabi", f"-I{CORE}", *SANITIZERS, *MODELS]
    subprocess.run([compiler, *options, *sources, "-o", str(program)], check=True)
    for seed in "123":
        run = subprocess.run([program, seed, "150"], capture_output=True, text=True, check=False)
        assert (0, "") == (run.returncode, run.stderr), run.stdout
        counts = dict(line.split() for line in run.stdout.splitlines())
        assert list(counts) == [level.name for level in INFO.levels]
        assert all(counts[name] == "150" for name in [*RUNNING, *(["avx512"] if "avx2" in RUNNING else [])])
