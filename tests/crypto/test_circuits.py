"""The generated S-box circuits: each on all inputs against the tables of the standards, from the headers themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cardos.crypto import _sm4

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "cardos" / "crypto" / "core"
TOOLS = ROOT / "tools" / "circuits"

FAMILIES = ["lut3", "flipped", "two"]  # the order of the sections of a header
DES = [f"des_s{box}" for box in range(1, 9)]

#: FIPS 46-3, Appendix 1: rows of sixteen values, one after the other.
TABLES = [
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
]

#: Upper bounds, so that a change of the search that loses gates is seen: gates of all circuits of a header.
MOST = {("des", "two"): 349, ("des", "lut3"): 187, ("sm4", "two"): 107, ("sm4", "lut3"): 70}


def sections(header):
    """The text of each family."""
    text = (CORE / f"circuits_{header}.h").read_text("ascii")
    return dict(
        zip(FAMILIES, re.split(r"^#(?:if defined|elif|else)\b.*$", text, flags=re.MULTILINE)[1:], strict=True)
    )


def flip(header, family):
    return int(re.search(r"#define \w+_FLIP (0x\w+|0)u", sections(header)[family])[1], 0)


def functions(header, family):
    """Remark and statements of each circuit."""
    pattern = r"/\* ([^*]*) \*/\nstatic inline void (\w+)\([^)]*\) \{\n(.*?)\n\}"
    return {
        name: (remark, body)
        for remark, name, body in re.findall(pattern, sections(header)[family], re.DOTALL)
    }


def lut3(a, b, c, table):
    result = 0
    for index in range(8):
        if table >> index & 1:
            result |= (a if index & 4 else ~a) & (b if index & 2 else ~b) & (c if index & 1 else ~c)
    return result


def run(body, names):
    """What the statements store, and how many gates they are; a plane has a lane per input."""
    macros = {"ANDNOT": lambda a, b: a & ~b, "LUT3": lut3}
    stored, gates = {}, 0
    for line in body.splitlines():
        if match := re.fullmatch(r" +plane (\w+) = (a)\[(\d)\];", line):
            assert match[1] == match[2] + match[3]
        elif match := re.fullmatch(r" +plane (t\d+) = (\w+ [&|^] \w+|(?:ANDNOT|LUT3)\([^()]+\));", line):
            names[match[1]] = eval(match[2], macros, names)
            gates += 1
        else:
            match = re.fullmatch(r" +CIRCUITS_STORE\((o\d|o \+ \d), (~?)(\w+)\);", line)
            assert match, line
            stored[match[1]] = ~names[match[3]] if match[2] else names[match[3]]
    return stored, gates


def des_value(box, x):
    """The standard's: the outer two bits are the row, the inner four the column."""
    return int(TABLES[box - 1][(x >> 4 & 2 | x & 1) * 16 + (x >> 1 & 15)], 16)


def des_flip_of_box(box, half):
    """E of the standard for one box: bits 4 box - 4 .. 4 box + 1 of the half, counted from 1, round the ends."""
    bits = f"{half:032b}"
    return int("".join(bits[(4 * box - 5 + i) % 32] for i in range(6)), 2)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("box", range(1, 9))
def test_des_box(box, family):
    _, body = functions("des", family)[f"des_s{box}"]
    planes = {f"a{i + 1}": sum((x >> 5 - i & 1) << x for x in range(64)) for i in range(6)}
    stored, _ = run(body, planes)
    shift = des_flip_of_box(box, flip("des", family))
    for x in range(64):
        assert des_value(box, x ^ shift) == sum((stored[f"o{i + 1}"] >> x & 1) << 3 - i for i in range(4))


@pytest.mark.parametrize("family", FAMILIES)
def test_sm4_box(family):
    ((_, body),) = functions("sm4", family).values()
    stored, _ = run(body, {f"a{i}": sum((x >> i & 1) << x for x in range(256)) for i in range(8)})
    shift = flip("sm4", family)
    for x in range(256):
        assert _sm4._SBOX[x ^ shift] == sum((stored[f"o + {i}"] >> x & 1) << i for i in range(8))


@pytest.mark.parametrize(("header", "family"), [(h, f) for h in ("des", "sm4") for f in FAMILIES])
def test_size(header, family, record_property):
    total = complements = 0
    for name, (remark, body) in functions(header, family).items():
        _, gates = run(body, {f"a{i}": 0 for i in range(9)})
        odd = body.count("~")
        said = re.fullmatch(r"(\d+) gates(?: and (\d+) complements?)?; at most (\d+) alive\.", remark)
        assert (gates, odd) == (int(said[1]), int(said[2] or 0))
        record_property(name, remark)
        total += gates
        complements += odd
    record_property(f"{header} {family}", f"{total} gates, {complements} complements")
    assert total <= MOST[header, "lut3" if family == "lut3" else "two"]
    assert complements <= {"lut3": 0, "flipped": 1 if header == "des" else 0, "two": 19}[family]


@pytest.mark.parametrize("name", ["des", "sm4"])
def test_all_circuits_are_there(name):
    for family in FAMILIES:
        assert (DES if name == "des" else ["sm4_sbox"]) == list(functions(name, family))


def test_headers_are_what_the_emitter_makes():
    program = [sys.executable, str(TOOLS / "emit.py"), "--check"]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)


@pytest.mark.slow
def test_search_repeats_itself():
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    program = [sys.executable, str(TOOLS / "search.py"), "--repeat", "sample.txt"]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)


MAIN = """\
#include <stdint.h>
#include <stdio.h>
typedef uint64_t plane;
#define ANDNOT(a, b) ((a) & ~(b))
#define CIRCUITS_STORE(o, v) (*(o) ^= (v))
#ifdef CIRCUITS_LUT3
static inline plane lut3(plane a, plane b, plane c, int table) {
    plane result = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return result;
}
#define LUT3(a, b, c, table) lut3(a, b, c, table)
#endif
#include "circuits_des.h"
#include "circuits_sm4.h"
#define BOX(n) { \\
    plane o[4] = {0}; \\
    des_s##n(a[0], a[1], a[2], a[3], a[4], a[5], o, o + 1, o + 2, o + 3); \\
    for (int x = 0; x < 64; x++) \\
        printf("%d ", (int)((o[0] >> x & 1) << 3 | (o[1] >> x & 1) << 2 | (o[2] >> x & 1) << 1 | (o[3] >> x & 1))); }
int main(void) {
    plane a[8] = {0};
    for (int x = 0; x < 64; x++)
        for (int i = 0; i < 6; i++) a[i] |= (plane)(x >> (5 - i) & 1) << x;
    BOX(1) BOX(2) BOX(3) BOX(4) BOX(5) BOX(6) BOX(7) BOX(8)
    for (int high = 0; high < 256; high += 64) {
        plane in[8] = {0}, o[8] = {0};
        for (int x = 0; x < 64; x++)
            for (int i = 0; i < 8; i++) in[i] |= (plane)((high + x) >> i & 1) << x;
        sm4_sbox(in, o);
        for (int x = 0; x < 64; x++) {
            int v = 0;
            for (int i = 0; i < 8; i++) v |= (int)(o[i] >> x & 1) << i;
            printf("%d ", v);
        }
    }
    return 0;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("family", FAMILIES)
def test_as_compiled(family, compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "main.c").write_text(MAIN, "ascii")
    define = {"lut3": ["-DCIRCUITS_LUT3"], "flipped": ["-DCIRCUITS_FLIPPED"], "two": []}[family]
    options = [
        "-std=c11",
        "-pedantic",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Wshadow",
        "-Wconversion",
        "-Werror",
        f"-I{CORE}",
    ]
    subprocess.run([compiler, *options, *define, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    values = list(
        map(int, subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.split())
    )
    for box in range(1, 9):
        shift = des_flip_of_box(box, flip("des", family))
        assert [des_value(box, x ^ shift) for x in range(64)] == values[64 * (box - 1) : 64 * box]
    assert [_sm4._SBOX[x ^ flip("sm4", family)] for x in range(256)] == values[512:]
