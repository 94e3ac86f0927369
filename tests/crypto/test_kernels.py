"""The kernels of single calls, each one by itself, against the pure backend; and the tables that they are made of.

SM4 with GFNI runs here on every machine: its two instructions are replaced by plain C (native/gfni_model.h).
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cardos.crypto import Cipher, Key
from cardos.crypto._pure import PureBackend

cffi = pytest.importorskip("cffi")

ROOT = Path(__file__).parents[2]
CORE, NATIVE = ROOT / "src" / "cardos" / "crypto" / "core", Path(__file__).with_name("native")
SOURCES = ["des_portable.c", "des_avx2.c", "sm4_portable.c", "sm4_aesni.c", "sm4_gfni.c"]
PURE = PureBackend()

DECLARATIONS = """
typedef struct { uint64_t round[48]; } des_schedule;
typedef struct {
    void (*expand)(des_schedule *, const uint8_t *, int);
    void (*ecb)(const des_schedule *, int, int, const uint8_t *, size_t, uint8_t *);
    void (*cbc_encrypt)(const des_schedule *, int, const uint8_t *, const uint8_t *, size_t, uint8_t *);
    void (*cbc_decrypt)(const des_schedule *, int, const uint8_t *, const uint8_t *, size_t, uint8_t *);
    void (*mac)(const des_schedule *, int, int, const uint8_t *, const uint8_t *, size_t, uint8_t *);
} des_kernel;
typedef struct { uint32_t round[32]; } sm4_schedule;
typedef struct {
    void (*expand)(sm4_schedule *, const uint8_t *);
    void (*ecb)(const sm4_schedule *, int, const uint8_t *, size_t, uint8_t *);
    void (*cbc_encrypt)(const sm4_schedule *, const uint8_t *, const uint8_t *, size_t, uint8_t *);
    void (*cbc_decrypt)(const sm4_schedule *, const uint8_t *, const uint8_t *, size_t, uint8_t *);
    void (*mac)(const sm4_schedule *, const uint8_t *, const uint8_t *, size_t, uint8_t *);
    void (*mac_once)(const uint8_t *, const uint8_t *, const uint8_t *, size_t, uint8_t *);
} sm4_kernel;
extern des_kernel DES_PORTABLE, DES_AVX2;
extern sm4_kernel SM4_PORTABLE, SM4_AESNI, SM4_GFNI;
"""


def flags():
    try:
        return set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return set()


def needs(*names):
    return pytest.mark.skipif(not flags().issuperset(names), reason=f"no {' and '.join(names)} here")


@pytest.fixture(scope="module", params=["gcc", "clang"])
def kernels(request, tmp_path_factory):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    path = tmp_path_factory.mktemp("kernels") / "kernels.so"
    options = [
        "-std=c11",
        "-O2",
        "-shared",
        "-fPIC",
        f"-I{CORE}",
        f'-DGFNI_MODEL="{NATIVE / "gfni_model.h"}"',
    ]
    subprocess.run([request.param, *options, *(CORE / name for name in SOURCES), "-o", path], check=True)
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    return ffi, ffi.dlopen(str(path))


def cases(count, cipher):
    source = random.Random(cipher.name)
    for i in range(count):
        data = source.randbytes((1 + i % 9) * cipher.block_size)
        yield Key(source.randbytes(cipher.key_size), cipher), source.randbytes(cipher.block_size), data


def output(ffi, size, call):
    out = ffi.new("uint8_t[]", size + 1)
    out[size] = 0xA5
    call(out)
    assert out[size] == 0xA5
    return ffi.buffer(out)[:size]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DES_PORTABLE", pytest.param("DES_AVX2", marks=needs("avx2"))])
@pytest.mark.parametrize("cipher", [Cipher.DES, Cipher.TDES])
def test_des(kernels, name, cipher):
    ffi, lib = kernels
    kernel, passes, schedule = getattr(lib, name), 1 if cipher is Cipher.DES else 3, ffi.new("des_schedule *")
    for key, iv, data in cases(200, cipher):
        blocks, size = len(data) // 8, len(data)
        kernel.expand(schedule, key.reveal(), passes)
        for decrypt, cbc in enumerate((kernel.cbc_encrypt, kernel.cbc_decrypt)):
            found = output(ffi, size, lambda out: kernel.ecb(schedule, passes, decrypt, data, blocks, out))  # noqa: B023
            assert PURE.ecb(key, data, decrypt=bool(decrypt)) == found
            found = output(ffi, size, lambda out: cbc(schedule, passes, iv, data, blocks, out))  # noqa: B023
            assert PURE.cbc(key, iv, data, decrypt=bool(decrypt)) == found
        found = output(ffi, 8, lambda out: kernel.mac(schedule, passes, passes, iv, data, blocks, out))  # noqa: B023
        assert PURE.cbc(key, iv, data)[-8:] == found
        if cipher is Cipher.TDES:
            found = output(ffi, 8, lambda out: kernel.mac(schedule, 1, 3, iv, data, blocks, out))  # noqa: B023
            assert PURE.retail_mac(key, iv, data, 1, 8) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "SM4_PORTABLE",
        pytest.param("SM4_AESNI", marks=needs("avx2", "aes")),
        pytest.param("SM4_GFNI", marks=needs("avx2")),
    ],
)
def test_sm4(kernels, name):
    ffi, lib = kernels
    kernel, schedule = getattr(lib, name), ffi.new("sm4_schedule *")
    for key, iv, data in cases(60, Cipher.SM4):
        blocks, size = len(data) // 16, len(data)
        kernel.expand(schedule, key.reveal())
        for decrypt, cbc in enumerate((kernel.cbc_encrypt, kernel.cbc_decrypt)):
            found = output(ffi, size, lambda out: kernel.ecb(schedule, decrypt, data, blocks, out))  # noqa: B023
            assert PURE.ecb(key, data, decrypt=bool(decrypt)) == found
            found = output(ffi, size, lambda out: cbc(schedule, iv, data, blocks, out))  # noqa: B023
            assert PURE.cbc(key, iv, data, decrypt=bool(decrypt)) == found
        expected = PURE.cbc(key, iv, data)[-16:]
        assert expected == output(ffi, 16, lambda out: kernel.mac(schedule, iv, data, blocks, out))  # noqa: B023
        assert expected == output(ffi, 16, lambda out: kernel.mac_once(key.reveal(), iv, data, blocks, out))  # noqa: B023


@pytest.mark.slow
def test_sm4_makes_one_s_box_of_three(kernels):
    """All 256 values of a byte, in each place of a block, through each kernel."""
    ffi, lib = kernels
    data = b"".join(bytes([value]) * 16 for value in range(256))
    results = set()
    for kernel in (lib.SM4_PORTABLE, lib.SM4_AESNI, lib.SM4_GFNI)[
        : 3 if flags().issuperset({"avx2", "aes"}) else 1
    ]:
        schedule = ffi.new("sm4_schedule *")
        kernel.expand(schedule, bytes(range(16)))
        results.add(output(ffi, len(data), lambda out: kernel.ecb(schedule, 0, data, 256, out)))  # noqa: B023
    assert len(results) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "which", "header"),
    [
        ("des_tables.py", "portable", "des_portable_tables.h"),
        ("des_tables.py", "avx2", "des_avx2_tables.h"),
        ("sm4_tables.py", "aesni", "sm4_aesni_tables.h"),
        ("sm4_tables.py", "gfni", "sm4_gfni_tables.h"),
    ],
)
def test_tables_are_what_their_tool_makes(tool, which, header, tmp_path):
    subprocess.run([sys.executable, ROOT / "tools" / tool, which, tmp_path / header], check=True)
    assert (tmp_path / header).read_text() == (CORE / header).read_text()
