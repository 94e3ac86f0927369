"""Profiles: the shipped ones load; a contradiction is refused with file, table and field."""

from __future__ import annotations

import tomllib

import pytest

from cardos.errors import ParameterError, ProfileError
from cardos.profile import load_dialect, load_profile, profile_names

MINIMAL = """
[profile]
name = "mine"
title = "test"
kind = "card"
dialect = "pboc2"
suite = "3des"
factors = ["card_serial"]
[cos]
memory = 4096
[[directory]]
fid = 0x3F00
name = "315041592E5359532E4444463031"
key = [{ type = 0x39, id = 0, value = "FFFFFFFFFFFFFFFF" }]
file = [
    { fid = 0x0015, type = "transparent", size = 30, content = ["issuer", "card_serial"] },
    { fid = 0x0018, type = "cyclic", records = 10, record_length = 23 },
]
"""


@pytest.fixture
def load(tmp_path):
    def from_text(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        load_profile.cache_clear()
        return load_profile(str(path))

    return from_text


@pytest.mark.parametrize("name", profile_names())
def test_shipped_profiles_load(name):
    profile = load_profile(name)
    assert name == profile.name
    assert profile.kind in ("card", "psam")
    assert profile is load_profile(name)


def test_a_file_of_your_own(load):
    profile = load(MINIMAL)
    assert ("mine", 4096, "3des") == (profile.name, profile.cos.memory, profile.suite.name)
    assert 16 == profile.file(0x15).layout.width
    assert 0x15 == profile.file(0x15).sfi
    assert b"1PAY.SYS.DDF01" == profile.application.aid
    with pytest.raises(ProfileError, match="file 0099 must exist"):
        profile.file(0x99)


def test_extends_inherits_files_and_changes_the_head():
    tdes, sm4 = load_profile("city-3des"), load_profile("city-sm4")
    assert tdes.directories == sm4.directories
    assert ("card_serial",) == tdes.factors
    assert ("issuer", "card_serial") == sm4.factors
    assert tdes.purse.ceiling == sm4.purse.ceiling
    assert "ep.load" in sm4.purse.pin_required
    assert "ep.load" not in tdes.purse.pin_required


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ('kind = "card"\n', "", "[profile]", "kind must be given"),
        ('kind = "card"', 'kind = "coin"', "[profile]", "kind must be card or psam, got 'coin'"),
        ('suite = "3des"', 'suite = "aes"', "pboc2", "suite must be one of 3des, sm4-a, sm4-b, got 'aes'"),
        ('dialect = "pboc2"', 'dialect = "pboc9"', "pboc9", "no such profile; known are cjt166, pboc2"),
        ("memory = 4096", 'memory = "much"', "[cos]", "memory must be int, got 'much'"),
        ("memory = 4096", "memroy = 4096", "[cos]", "unknown field memroy"),
        ("memory = 4096", "memory = 64", "[cos]", "memory must be 512..32768 bytes, got 64"),
        (
            "memory = 4096",
            "blocked_select = 0x6985",
            "[cos]",
            "blocked_select must be 6A81 or 6283, got 6985",
        ),
        ("memory = 4096", 'atr = "3B6"', "[cos]", "atr must be whole bytes in hex, got '3B6'"),
        ("fid = 0x3F00", "fid = 0x3F01", "[directory]", "first directory must be the MF"),
        ('name = "3150', 'name = "315', "[directory 3F00]", "name must be whole bytes in hex"),
        (
            'name = "315041592E5359532E4444463031"',
            'name = ""',
            "[directory 3F00]",
            "name must be 1..16 bytes, got 0",
        ),
        (
            "fid = 0x0018",
            "fid = 0x0015",
            "[directory 3F00]",
            "fid must be unique in its directory, got 0015 twice",
        ),
        (
            "fid = 0x0018",
            "fid = 0xEF15",
            "[directory 3F00]",
            "SFI must be unique in its directory, got SFI 21 twice",
        ),
        ("size = 30", "size = 0", "[file 1]", "size must be 1..32767, got 0"),
        ("size = 30", "size = 15", "[file 1]", "content must be at most 15 bytes, got 16"),
        ('"issuer", ', '"isuer", ', "[file 1]", "content: layout element must be a field name"),
        ('"transparent"', '"binary"', "[file 1]", "type must be one of transparent, linear"),
        ("records = 10", "records = 1", "[file 2]", "records must be 2..255, got 1"),
        ("record_length = 23", "record_length = 249", "[file 2]", "record_length must be 1..248, got 249"),
        (
            "record_length = 23",
            'record_length = 23, initial = "0"',
            "[file 2]",
            "initial must be whole bytes in hex",
        ),
        (
            "record_length = 23",
            'record_length = 1, initial = "0000"',
            "[file 2]",
            "initial must be at most 1 bytes",
        ),
        (
            'value = "FFFFFFFFFFFFFFFF"',
            'source = "x", value = ""',
            "[key 1]",
            "exactly one of source and value",
        ),
        ('value = "FFFFFFFFFFFFFFFF"', 'value = "FFF"', "[key 1]", "value must be whole bytes in hex"),
        ("type = 0x39, ", "", "[key 1]", "type must be given"),
        (
            'key = [{ type = 0x39, id = 0, value = "FFFFFFFFFFFFFFFF" }]',
            'key = [{ type = 0x39, id = 0, value = "FF" }, { type = 0x39, id = 0, value = "FF" }]',
            "[directory 3F00]",
            "type and id of a key must be unique in its directory, got key 39/00 twice",
        ),
        (
            'factors = ["card_serial"]',
            'factors = ["amount"]',
            "[profile]",
            "factors must be fields of 8 bytes",
        ),
        ("fid = 0x0015", "fid = 0x10015", "[file 1]", "fid must be 0000..FFFF, got 10015"),
        ("[profile]", "[profile", "mine.toml", "not valid TOML"),
    ],
)
def test_contradictions_are_named(load, old, new, where, problem):
    assert old in MINIMAL
    with pytest.raises(ProfileError) as caught:
        load(MINIMAL.replace(old, new, 1))
    assert where in caught.value.where
    assert problem in str(caught.value)


def test_unknown_profile_lists_the_known_ones():
    with pytest.raises(ProfileError, match="nowhere: no such profile; known are city-3des, city-sm4"):
        load_profile("nowhere")


def test_key_values_do_not_appear_in_messages(load):
    with pytest.raises(ProfileError) as caught:
        load(MINIMAL.replace('value = "FFFFFFFFFFFFFFFF"', 'value = "123456789ABCDEFX"'))
    assert "123456789" not in str(caught.value)


def test_dialects():
    pboc, cjt = load_dialect("pboc2"), load_dialect("cjt166")
    assert 18 == pboc.transaction("purchase").item("mac1").width
    assert 27 == cjt.transaction("purchase").item("mac1").width
    assert pboc.transaction("purchase").item("tac") == cjt.transaction("purchase").item("tac")
    assert "load" == pboc.of_type(0x02).name
    assert "purchase" == pboc.of_type(0x09).name
    with pytest.raises(ParameterError, match="type must be a transaction type of pboc2, got 77"):
        pboc.of_type(0x77)
    with pytest.raises(ParameterError, match="transaction must be one of load, unload"):
        pboc.transaction("gift")
    with pytest.raises(ParameterError, match="item of purchase must be one of mac1, mac2, tac"):
        pboc.transaction("purchase").item("mac9")


def test_dialect_without_a_mandatory_row(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text('[transaction.load]\nclause = "x"\ntypes = [1]\nkey = "load"\nserial = "online_serial"\n')
    with pytest.raises(ProfileError, match=r"transaction.load.*session must be given"):
        load_dialect(str(path))
    path.write_text(path.read_text() + 'session = [["nothing"]]\n')
    with pytest.raises(ProfileError, match="layout element"):
        load_dialect(str(path), "sm4-a")


def test_shipped_files_are_toml_with_only_known_tables():
    from importlib import resources

    folder = resources.files("cardos") / "profiles"
    for entry in folder.iterdir():
        if entry.name.endswith(".toml"):
            assert set(tomllib.loads(entry.read_text(encoding="utf-8"))) <= {
                "profile",
                "cos",
                "purse",
                "sam",
                "directory",
            }
