"""Profiles: the shipped ones load; a contradiction is refused with file, table and field."""

from __future__ import annotations

import tomllib

import pytest

from cardos.errors import ParameterError, ProfileError
from cardos.profile import FilePlace, layout_names, load_dialect, load_layout, load_profile, profile_names

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
[purse]
pin_required = ["ep.load"]
[[directory]]
fid = 0x3F00
name = "315041592E5359532E4444463031"
key = [{ type = 0x36, id = 0, value = "FFFFFFFFFFFFFFFF" }]
file = [
    { fid = 0x0000, type = "key", size = 16 },
    { fid = 0x0015, type = "transparent", size = 30, mac = true, content = ["issuer", "card_serial"] },
    { fid = 0x0018, type = "cyclic", records = 10, record_length = 23 },
    { fid = 0x0019, type = "variable", size = 40, initial = ["0102AAAA", "0203"] },
    { fid = 0x0002, type = "purse", log = 0x18, limit = 100, ceiling = 1000 },
]
[[directory]]
fid = 0x1001
name = "A1"
fci = ["50=41", "9F08"]
[[directory]]
fid = 0x1002
name = "A2"
parent = 0x1001
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
    assert profile.kind in ("card", "psam", "isam", "keycard")
    assert profile is load_profile(name)


def test_a_file_of_your_own(load):
    profile = load(MINIMAL)
    assert ("mine", 4096, "3des") == (profile.name, profile.cos.memory, profile.suite.name)
    assert 16 == profile.file(0x15).layout.width
    assert 0x15 == profile.file(0x15).sfi
    assert (b"\xa2", 0x1002) == (profile.application.aid, profile.home)
    assert [0x1001, 0x1002] == [each.fid for each in profile.path(profile.application)]
    assert (bytes.fromhex("0102AAAA"), bytes.fromhex("0203000000")) == profile.file(0x19).filled
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
        (
            'kind = "card"',
            'kind = "coin"',
            "[profile]",
            "kind must be one of card, psam, isam, keycard, got 'coin'",
        ),
        ('suite = "3des"', 'suite = "aes"', "pboc2", "suite must be one of 3des, sm4-a, sm4-b, got 'aes'"),
        (
            'dialect = "pboc2"',
            'dialect = "pboc9"',
            "pboc9",
            "no such profile; known are cjt166, fmcos2, jtt978, pboc2",
        ),
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
            "fid of a file must be unique, got 0015 twice",
        ),
        (
            "fid = 0x0018",
            "fid = 0xEF15",
            "[directory 3F00]",
            "SFI of a file must be unique, got SFI 15 twice",
        ),
        ("size = 30", "size = 0", "[file 0015]", "size must be 1..32767, got 0"),
        ("size = 30", "size = 15", "[file 0015]", "content must be at most 15 bytes, got 16"),
        ('"issuer", ', '"isuer", ', "[file 0015]", "content: layout element must be a field name"),
        ('"transparent"', '"binary"', "[file 0015]", "type must be one of transparent, linear"),
        ("records = 10", "records = 1", "[file 0018]", "records must be 2..255, got 1"),
        ("record_length = 23", "record_length = 249", "[file 0018]", "record_length must be 1..248, got 249"),
        (
            "record_length = 23",
            'record_length = 23, initial = "0"',
            "[file 0018]",
            "initial must be whole bytes in hex",
        ),
        (
            "record_length = 23",
            'record_length = 1, initial = "0000"',
            "[file 0018]",
            "initial must be at most 1 bytes",
        ),
        (
            'value = "FFFFFFFFFFFFFFFF"',
            'source = "x", value = ""',
            "[key 36/00]",
            "exactly one of source and value",
        ),
        ('value = "FFFFFFFFFFFFFFFF"', 'value = "FFF"', "[key 36/00]", "value must be whole bytes in hex"),
        ("type = 0x36, ", "", "[key ?/00]", "type must be given"),
        (
            'key = [{ type = 0x36, id = 0, value = "FFFFFFFFFFFFFFFF" }]',
            'key = [{ type = 0x36, id = 0, value = "FF" }, { type = 0xB6, id = 0, value = "FF" }]',
            "[directory 3F00]",
            "type and id of a key must be unique, got key 36/00 twice",
        ),
        (
            'factors = ["card_serial"]',
            'factors = ["amount"]',
            "[profile]",
            "factors must be fields of 8 bytes",
        ),
        ("fid = 0x0015", "fid = 0x10015", "[file 10015]", "fid must be 0000..FFFF, got 10015"),
        ("[profile]", "[profile", "mine.toml", "not valid TOML"),
        # ---------------------------------------------------------- the tree
        ("fid = 0x1001", "fid = 0x3F00", "[directory]", "fid must be 3F00 for one directory, got two MFs"),
        ("fid = 0x1002", "fid = 0x1001", "[directory]", "fid of a directory must be unique, got 1001 twice"),
        ('name = "A2"', 'name = "a1"', "[directory]", "name of a directory must be unique, got A1 twice"),
        (
            "parent = 0x1001",
            "parent = 0x1003",
            "[directory 1002]",
            "parent must be the fid of a directory, got 1003",
        ),
        ("parent = 0x1001", "parent = 0x1002", "[directory 1002]", "parent must leave at most 3 levels"),
        (
            'name = "A1"',
            'name = "A1"\nparent = 0x1002',
            "[directory 1001]",
            "parent must leave at most 3 levels",
        ),
        (
            "parent = 0x1001",
            'parent = 0x1001\n[[directory]]\nfid = 0x1003\nname = "A3"\nparent = 0x1002',
            "[directory 1003]",
            "parent must leave at most 3 levels",
        ),
        (
            'fci = ["50=41"',
            'fci = ["50=4"',
            "[directory 1001]",
            "fci must be of TAG=hex, 88, 9F08, 9F0C and BF0C",
        ),
        ('fci = ["50=41"', 'fci = ["84"', "[directory 1001]", "BF0C, got '84'"),
        ('fci = ["50=41", "9F08"]', "fci = [1]", "[directory 1001]", "fci must be tuple[str, ...], got (1,)"),
        ('name = "A1"', 'name = "A1"\ncreate = 0x1F0', "[directory 1001]", "create must be 00..FF, got 1F0"),
        # ---------------------------------------------------------- files
        ("mac = true,", "mac = true, read = 0x100,", "[file 0015]", "read must be 00..FF, got 100"),
        ("mac = true,", "mac = true, write = -1,", "[file 0015]", "write must be 00..FF, got -1"),
        (
            "mac = true,",
            "mac = true, limit = 1,",
            "[file 0015]",
            "limit must be left out, because only a purse has one",
        ),
        (
            "mac = true,",
            "mac = true, protection = 0xFE,",
            "[file 0015]",
            "a key of the directory, got key 36/01",
        ),
        ("mac = true,", "protection = 0x77,", "[file 0015]", "a key of the directory, got key 36/02"),
        ('"card_serial"] }', '"@nothing"] }', "[file 0015]", "content must name a layout of beijing_card"),
        (
            'initial = ["0102AAAA"',
            'initial = ["0101AAAA"',
            "[file 0019]",
            "initial must be a tag, a length and as many",
        ),
        ("size = 40, initial", "size = 8, initial", "[file 0019]", "initial must be at most 8 bytes, got 9"),
        (
            'mac = true, content = ["issuer", "card_serial"]',
            'initial = ["00", "01"]',
            "[file 0015]",
            "initial must be at most 1 of them, got 2",
        ),
        (
            "record_length = 23",
            "record_length = 22",
            "[file 0002]",
            "cyclic file of 23-byte records, got cyclic 22",
        ),
        ("log = 0x18", "log = 0x17", "[file 0002]", "log must be the SFI of a file in the directory, got 17"),
        (
            "log = 0x18",
            "log = 0x15",
            "[file 0002]",
            "log must be a cyclic file of 23-byte records, got transparent 0",
        ),
        ("limit = 100,", "limit = 16777216,", "[file 0002]", "limit must be 0..16777215 fen, got 16777216"),
        (
            "ceiling = 1000",
            "ceiling = 99",
            "[file 0002]",
            "ceiling must be 100 (the limit)..4294967295 fen, got 99",
        ),
        # ---------------------------------------------------------- keys
        (
            'type = "key", size = 16',
            'type = "key", size = 15',
            "[file 0000]",
            "size must be at least 16 bytes for the keys",
        ),
        (
            '    { fid = 0x0000, type = "key", size = 16 },\n',
            "",
            "[directory 3F00]",
            "a file of type key to lie in",
        ),
        (
            '    { fid = 0x0000, type = "key", size = 16 },\n',
            '    { fid = 0x0000, type = "key", size = 16 },\n    { fid = 0x0020, type = "key", size = 16 },\n',
            "[file 0020]",
            "type must be key for one file of a directory, got two",
        ),
        ("id = 0, value", "id = 0x100, value", "[key 36/100]", "id must be 00..FF, got 100"),
        ("id = 0, value", "id = 0, use = 0xF00, value", "[key 36/00]", "use must be 00..FF, got F00"),
        (
            "id = 0, value",
            "id = 0, levels = 4, value",
            "[key 36/00]",
            "levels must be 0..3, or -1 for one per factor",
        ),
        # ---------------------------------------------------------- head, options, shape
        (
            "records = 10",
            "records = 255",
            "[cos]",
            "memory must be at least 6318 bytes for the files of the profile",
        ),
        ('["ep.load"]', '["ep.lode"]', "[purse]", "pin_required must be of ed.balance"),
        ('["ep.load"]', "[6]", "[purse]", "pin_required must be tuple[str, ...]"),
        (
            'kind = "card"',
            'kind = "card"\napplication = 0x7777',
            "[profile]",
            "application must be the fid of a directory",
        ),
        (
            'kind = "card"',
            'kind = "card"\npublic = ["3F00/0018"]',
            "[profile]",
            "public must be files with a content",
        ),
        (
            'kind = "card"',
            'kind = "card"\npublic = ["here"]',
            "[profile]",
            "place of a file must be written DDDD/FFFF",
        ),
        ('kind = "card"', 'kind = "card"\nkinds = 3', "[profile]", "unknown field kinds"),
        ('title = "test"', "title = 3", "[profile]", "title must be str, got 3"),
        ('["card_serial"]\n', '[["card_serial"]]\n', "[profile]", "factors must be a list of str"),
        ("[cos]", "[cost]", "mine.toml", "unknown table cost; known are add"),
        (
            "[purse]",
            "[derived]\nissuer = ['amount']\n[purse]",
            "[derived]",
            "issuer must be a field with the width",
        ),
        ("[purse]", "[derived]\nissuer = ['amaunt']\n[purse]", "[derived]", "issuer: layout element must be"),
        (
            "[purse]\n",
            "[[change]]\nfid = 0x7777\n[purse]\n",
            "[change]",
            "that of a directory to change, got 7777",
        ),
        ("key = [{", "key = [3, {", "[directory]", "key must be an array of tables, got list"),
        ("[purse]\n", "change = 3\n[purse]\n", "[cos]", "unknown field change"),
    ],
)
def test_contradictions_are_named(load, old, new, where, problem):
    assert old in MINIMAL
    with pytest.raises(ProfileError) as caught:
        load(MINIMAL.replace(old, new, 1))
    assert where in caught.value.where
    assert problem in str(caught.value)


def test_unknown_profile_lists_the_known_ones():
    with pytest.raises(
        ProfileError, match="nowhere: no such profile; known are beijing, chongqing, city-3des"
    ):
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
        if entry.name.endswith(".toml") and entry.name != "layouts.toml":
            assert set(tomllib.loads(entry.read_text(encoding="utf-8"))) <= {
                "profile",
                "cos",
                "purse",
                "sam",
                "directory",
                "change",
                "add",
                "derived",
            }


# ------------------------------------------------------------------ dialects, extends, suites, layouts


@pytest.mark.parametrize(
    ("name", "select", "command", "unblock", "reload", "pin"),
    [
        ("pboc2", 0x6283, 0x6985, "reset", 0x6988, 0x6985),
        ("fmcos2", 0x6A81, 0x6A81, "replace", 0x9302, 0x6982),
        ("cjt166", 0x6A81, 0x6A81, "replace", 0x9302, 0x6982),
        ("jtt978", 0x6A81, 0x6A81, "replace", 0x9302, 0x6982),
    ],
)
def test_options_of_a_dialect(load, name, select, command, unblock, reload, pin):
    """JR/T 0025.1 6.2.13 answers 6283 to SELECT of a blocked application, the FMCOS manual 6A81; and so on."""
    profile = load(MINIMAL.replace('"pboc2"', f'"{name}"'))
    cos = profile.cos
    assert (select, command, unblock) == (cos.blocked_select, cos.blocked_command, cos.pin_unblock)
    assert (reload, pin) == (cos.reload_mac_wrong, profile.purse.pin_missing)
    assert (unblock == "replace") is cos.pin_unblock_unlocked
    assert (4 if name == "jtt978" else 1) == profile.purse.balance_forms


def test_fmcos2_is_what_the_options_are_by_themselves():
    from cardos.options import CosOptions, PurseOptions, SamOptions

    profile = load_profile("keycard-3des")
    assert (CosOptions(memory=2048), PurseOptions(), SamOptions()) == (
        profile.cos,
        profile.purse,
        profile.sam,
    )


def test_a_profile_overrules_its_dialect(load):
    text = MINIMAL.replace("memory = 4096", "memory = 4096\nblocked_select = 0x6A81")
    assert (0x6A81, 0x6985) == (load(text).cos.blocked_select, load(text).cos.blocked_command)


def test_an_option_of_a_dialect_is_checked(tmp_path, load):
    dialect = tmp_path / "own.toml"
    dialect.write_text('name = "own"\nextends = "pboc2"\n[cos]\nblocked_select = 0x6985\n')
    with pytest.raises(ProfileError, match="blocked_select must be 6A81 or 6283, got 6985"):
        load(MINIMAL.replace('"pboc2"', f'"{dialect}"'))
    dialect.write_text('name = "own"\nextends = "pboc2"\n[coz]\nx = 1\n')
    with pytest.raises(ProfileError, match="unknown table coz"):
        load(MINIMAL.replace('"pboc2"', f'"{dialect}"'))


def test_extends_in_a_circle_is_refused(tmp_path):
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(f'[profile]\nextends = "{two}"\n')
    two.write_text(f'[profile]\nextends = "{one}"\n')
    with pytest.raises(ProfileError, match="extends must end"):
        load_profile(str(one))
    one.write_text(f'name = "one"\nextends = "{one}"\n')
    with pytest.raises(ProfileError, match="extends must end"):
        load_dialect(str(one))


def test_a_variant_changes_one_file_of_one_directory(tmp_path):
    path = tmp_path / "variant.toml"
    path.write_text(
        """
        [profile]
        extends = "city-3des"
        name = "variant"
        [[change]]
        fid = 0x3F01
        without = [0x0016]
        file = [{ fid = 0x0018, records = 20 }, { fid = 0x0019, type = "transparent", size = 3 }]
        key = [{ type = 0x3E, id = 1, first = 9 }]
        """
    )
    old, new = load_profile("city-3des"), load_profile(str(path))
    assert old.directories[0] == new.directories[0]
    assert (20, 23) == (new.file(0x18).records, new.file(0x18).record_length)
    assert (3, None) == (new.file(0x19).size, new.application.find(0x16))
    before, after = ({(k.type, k.id): k for k in p.application.keys} for p in (old, new))
    assert [(0x3E, 1)] == [name for name in before if before[name] != after[name]]
    assert 9 == after[0x3E, 1].first


@pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
@pytest.mark.parametrize("name", ["city-3des", "tunion", "psam-mohurd"])
def test_suite_at_load(name, suite):
    profile = load_profile(f"{name}@{suite}")
    assert (f"{name}@{suite}", suite) == (profile.name, profile.suite.name)
    assert load_profile(name).directories == profile.directories


def test_suite_at_load_of_a_file_of_your_own(load, tmp_path):
    load(MINIMAL)
    assert "mine@sm4-a" == load_profile(f"{tmp_path / 'mine.toml'}@sm4-a").name
    with pytest.raises(ProfileError, match="suite must be one of 3des, sm4-a, sm4-b, got 'aes'"):
        load_profile("city-3des@aes")


def test_an_image_finds_its_profile_and_suite_again(tmp_path):
    from cardos.card import Card

    Card.blank(load_profile("tunion@sm4-b")).save(tmp_path / "card.img")
    assert "sm4-b" == Card.load(tmp_path / "card.img").profile.suite.name


def test_files_are_found_in_the_application_first():
    profile = load_profile("lingnan")
    assert ("lingnan", 0xADF3) == (profile.name, profile.application.fid)
    assert (21, 46) == (profile.file(0x15).size, profile.file(0x15, 0xDDF1).size)
    assert [FilePlace(0xDDF1, 0x15)] == list(profile.public)
    with pytest.raises(ProfileError, match="directory 7777 must exist"):
        profile.file(0x15, 0x7777)


@pytest.mark.parametrize("name", layout_names())
def test_declared_layouts_load(name):
    layout = load_layout(name)
    assert (name, True) == (layout.name, 0 < layout.width <= 248)
    assert layout is load_layout(name)


def test_unknown_layout():
    with pytest.raises(ProfileError, match="no such layout; known are beijing_card"):
        load_layout("nothing")


@pytest.mark.parametrize("name", [name for name in profile_names() if load_profile(name).kind == "card"])
def test_every_card_profile_names_its_psam(name):
    """A PSAM that diversifies as the card does, and makes the same MACs in the same suite."""
    card = load_profile(name)
    sam = load_profile(card.psam)
    assert ("psam", card.factors, card.suite) == (sam.kind, sam.factors, sam.suite)
    assert card.dialect.transaction("purchase") == sam.dialect.transaction("purchase")
    fields = {"issuer": bytes(range(8)), "application_serial": bytes(range(10))}
    assert card.factor_values({**card.complete(fields)}) == sam.factor_values({**card.complete(fields)})


def test_derived_fields_go_both_ways():
    """A Wuhan card holds the last five bytes of the serial number: writing cuts them off, reading fills them up."""
    profile = load_profile("wuhan")
    serial = bytes(5) + bytes.fromhex("0123456789")
    written = profile.complete({"application_serial": serial})
    assert bytes.fromhex("0123456789") == written["card_number"]
    read = profile.complete({"card_number": written["card_number"]})
    assert (serial, serial[2:]) == (read["application_serial"], read["card_serial"])
    with pytest.raises(ParameterError, match="factors must be given: card_serial, got no card_serial"):
        profile.factor_values({"issuer": bytes(8)})
