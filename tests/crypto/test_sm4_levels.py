"""SM4 at every level of the core that runs here, against an independent library, on 100,000 random rows and blocks."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Pyca
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from cardos.crypto import Cipher, Key, backend, bulk

np = pytest.importorskip("numpy", reason="columns need NumPy")

from cardos.crypto.column import KeyColumn, derive_column, tac_column, verify_tac_column  # noqa: E402 (needs NumPy)
from cardos.profile import load_dialect  # noqa: E402 (after what may skip)

MANY = 100_000
WIDTHS = {"amount": 4, "type": 1, "terminal": 6, "terminal_serial": 4, "date": 4, "time": 3}
MASTER = bytes(range(16))
LEVELS = [level.name for level in backend.levels if level.runs]


@pytest.fixture(params=LEVELS)
def level(request):
    used = backend.level
    backend.use_level(request.param)
    yield request.param
    backend.use_level(used)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(32907)
    keys, serials = (random.integers(0, 256, (MANY, width), np.uint8) for width in (16, 8))
    return (
        keys,
        serials,
        {name: random.integers(0, 256, (MANY, width), np.uint8) for name, width in WIDTHS.items()},
    )


def last_block(key, data):
    return Pyca(SM4(key), modes.CBC(bytes(16))).encryptor().update(data)[-16:]


def by_cryptography(rows, rule, *, derived):
    keys, serials, fields = rows
    messages = np.concatenate(list(fields.values()), axis=1)
    encrypt = Pyca(SM4(MASTER), modes.ECB()).encryptor().update
    found = []
    for key, serial, message in zip(keys, serials, messages, strict=True):
        value = encrypt(serial.tobytes() + (~serial).tobytes()) if derived else key.tobytes()
        found.append(last_block(value, message.tobytes() + b"\x80" + bytes(9)))
    blocks = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 4, 4)
    return np.bitwise_xor.reduce(blocks, axis=1) if rule == "sm4-b" else blocks[:, 0]


@pytest.fixture(scope="module", params=["sm4-a", "sm4-b"])
def suite(request):
    return request.param


@pytest.fixture(scope="module", params=[False, True], ids=["stored", "derived"])
def expected(request, rows, suite):
    return request.param, by_cryptography(rows, suite, derived=request.param)


@pytest.mark.slow
def test_100_000_rows_as_cryptography(level, rows, suite, expected):
    derived, tacs = expected
    keys, serials, fields = rows
    dialect = load_dialect("pboc2", suite)
    column = derive_column(Key(MASTER, Cipher.SM4), serials) if derived else KeyColumn(keys, Cipher.SM4)
    assert (tacs == tac_column(dialect, "purchase", column, **fields)).all()
    received = tacs.copy()
    received[::3, 2] ^= 0x10
    verdicts = verify_tac_column(dialect, "purchase", column, received, **fields)
    assert (verdicts == (np.arange(MANY) % 3 != 0)).all()


@pytest.mark.slow
def test_100_000_blocks_as_cryptography(level):
    data = np.random.default_rng(4).bytes(16 * MANY)
    key, iv, out = Key(MASTER, Cipher.SM4), bytes(range(200, 216)), bytearray(16 * MANY)
    cases = [
        (lambda **way: bulk.ecb(key, data, out, **way), modes.ECB()),
        (lambda **way: bulk.cbc(key, data, out, iv=iv, **way), modes.CBC(iv)),
        (lambda decrypt=False: bulk.ctr(key, data, out, counter=iv), modes.CTR(iv)),  # noqa: ARG005 (both the same)
    ]
    for ours, mode in cases:
        cipher = Pyca(SM4(MASTER), mode)
        ours()
        assert cipher.encryptor().update(data) == out
        ours(decrypt=True)
        assert cipher.decryptor().update(data) == out


@pytest.mark.parametrize("count", [0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 255, 256, 257, 511, 512, 513])
def test_any_number_of_blocks(level, count):
    data = np.random.default_rng(count).bytes(16 * count)
    key, out = Key(MASTER, Cipher.SM4), bytearray(16 * count)
    bulk.ecb(key, data, out)
    assert Pyca(SM4(MASTER), modes.ECB()).encryptor().update(data) == out
    bulk.ctr(key, data, out, counter=MASTER)
    assert Pyca(SM4(MASTER), modes.CTR(MASTER)).encryptor().update(data) == out
