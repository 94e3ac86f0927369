"""SELECT: what is found from where, and what it answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.card import Card
from cardos.files.filesystem import BlockState
from cardos.profile import load_profile
from tests.files.desk import AID, CREATE_MF, SELECT_ADF, SELECT_MF, Desk, application, changed

FIRST, SECOND, INNER, EMPTY = b"FIRST", b"SECOND", b"INNER", b"EMPTY"


def df(fid: str, name: bytes, application_file: str = "95") -> str:
    return f"80E0{fid}{8 + len(name):02X}380100F0F0{application_file}FFFF{name.hex()}"


def by_name(name: bytes) -> str:
    return f"00A40400{len(name):02X}{name.hex()}"


def by_fid(fid: str) -> str:
    return f"00A4000002{fid}"


@pytest.fixture
def tree() -> Desk:
    """MF with 3F01 (holding DF 3F03, EF 0004 and an EF with its own FID), 3F02 (empty) and EF 0005."""
    desk = Desk.blank()
    binary = "28 0004 F0F0FFFF"
    desk.ok(CREATE_MF, df("3F01", FIRST), df("3F02", SECOND), f"80E0000507{binary}")
    desk.ok(by_fid("3F01"), df("3F03", INNER), f"80E0000407{binary}", f"80E03F0107{binary}")
    desk.ok(SELECT_MF)
    return desk


@pytest.mark.parametrize(
    ("start", "command", "found"),
    [
        pytest.param("3F00", by_fid("3F01"), "3F01", id="child"),
        pytest.param("3F00", by_fid("0005"), "3F00/0005", id="file"),
        pytest.param("3F00", by_fid("3F03"), None, id="grandchild"),
        pytest.param("3F01", by_fid("3F00"), "3F00", id="mf-from-anywhere"),
        pytest.param("3F01", SELECT_MF, "3F00", id="empty-data"),
        pytest.param("3F01", by_fid("3F01"), "3F01", id="itself-before-a-child-with-its-fid"),
        pytest.param("3F01", by_fid("3F02"), None, id="sibling-from-a-filled-directory"),
        pytest.param("3F02", by_fid("3F01"), "3F01", id="sibling-from-an-empty-directory"),
        pytest.param("3F02", by_fid("0005"), None, id="sibling-file"),
        pytest.param("3F01", by_fid("0005"), None, id="sibling-file-from-filled"),
        pytest.param("3F00", by_name(FIRST), "3F01", id="name-child"),
        pytest.param("3F01", by_name(b"1PAY.SYS.DDF01"), "3F00", id="name-mf"),
        pytest.param("3F01", by_name(FIRST), "3F01", id="name-itself"),
        pytest.param("3F01", by_name(SECOND), "3F02", id="name-sibling"),
        pytest.param("3F01", by_name(INNER), "3F03", id="name-child-of-df"),
        pytest.param("3F00", by_name(INNER), None, id="name-grandchild"),
        pytest.param("3F00", by_name(FIRST[:4]), "3F01", id="part-of-a-name"),
        pytest.param("3F01", by_name(b"S"), "3F02", id="part-of-the-name-of-a-sibling"),
        pytest.param("3F00", by_name(FIRST + b"X"), None, id="more-than-a-name"),
        pytest.param("3F01", "00A4040000", "3F00", id="no-name"),
    ],
)
def test_what_is_found(tree, start, command, found):
    tree.ok(*{"3F00": [], "3F01": [by_fid("3F01")], "3F02": [by_fid("3F02")]}[start])
    response = tree.raw(command)
    assert (0x9000 if found else 0x6A82) == response.sw
    session = tree.session
    place = f"{session.directory.fid:04X}" + (f"/{session.file.fid:04X}" if session.file else "")
    assert (found or start) == place


def test_a_directory_leaves_no_current_file(tree):
    tree.ok(by_fid("0005"), "00D600000101", "00B0000001", by_fid("3F02"))
    assert "6A82" == tree.sw("00B0000001")


def test_a_failed_selection_changes_nothing(tree):
    tree.ok(by_fid("0005"))
    assert "6A82" == tree.sw(by_fid("7777"))
    assert 0x0005 == tree.session.file.fid


def test_reset_selects_the_mf(tree):
    tree.ok(by_fid("3F01"))
    assert 0x3F00 == tree.reset().session.directory.fid


# -- FCI


def test_fci_of_a_directory_with_a_directory_file(tree):
    assert "6F15840E315041592E5359532E4444463031A503880101" == tree.ok(SELECT_MF)


def test_fci_of_an_application_without_its_file(tree):
    assert "6F078405" + FIRST.hex().upper() == tree.ok(by_name(FIRST))


def test_fci_of_an_application():
    desk = application()
    content = "00" * 30
    assert f"6F328409{AID.hex().upper()}A5259F0801029F0C1E{content}" == desk.ok(SELECT_ADF)


def test_fci_without_a_version():
    desk = application(fci_version=-1)
    assert f"6F2E8409{AID.hex().upper()}A5219F0C1E" == desk.ok(SELECT_ADF)[: -2 * 30]


@pytest.mark.parametrize(
    ("application_file", "size", "fci"),
    [
        pytest.param("95", "80", f"6F81928405{FIRST.hex()}A58188", id="long-form-lengths"),
        pytest.param("95", "F0", f"6F078405{FIRST.hex()}", id="too-long-for-one-response"),
        pytest.param("D5", "08", f"6F078405{FIRST.hex()}", id="unknown-kind"),
        pytest.param("1E", "08", f"6F0C8405{FIRST.hex()}A50388011E", id="directory-file"),
    ],
)
def test_fci_kinds(application_file, size, fci):
    desk = Desk.blank()
    desk.ok(CREATE_MF, df("3F01", FIRST, application_file), by_fid("3F01"), f"80E000150728 00{size} F0F0FFFF")
    assert desk.ok(by_fid("3F01")).startswith(fci.upper())


def test_fci_does_not_ask_for_the_read_right_of_the_file(tree):
    tree.ok(by_fid("3F02"), "80E0001507280002EFEFFFFF", "00D6950002ABCD", SELECT_MF)
    assert tree.ok(by_fid("3F02")).endswith("9F0C02ABCD")


@pytest.mark.parametrize(
    ("state", "sw", "with_fci"),
    [
        (BlockState.ACTIVE, 0x9000, True),
        (BlockState.TEMPORARY, 0x6A81, True),
        (BlockState.PERMANENT, 0x9303, False),
    ],
)
def test_a_blocked_application_is_entered(state, sw, with_fci):
    desk = application()
    fci = desk.raw(SELECT_ADF).data
    desk.fs.set_block_state(desk.session.directory, state)
    desk.fs.commit()
    desk.reset()
    response = desk.raw(SELECT_ADF)
    assert (sw, fci if with_fci else b"") == (response.sw, response.data)
    assert 0x3F01 == desk.session.directory.fid
    assert ("9303" if state is BlockState.PERMANENT else "9000") == desk.sw("0084000004")
    desk.ok(SELECT_MF)


def test_a_blocked_application_may_answer_without_its_fci():
    desk = application(blocked_select_fci=False, blocked_select=0x6283)
    desk.fs.set_block_state(desk.session.directory, BlockState.TEMPORARY)
    desk.fs.commit()
    answer = desk.raw(SELECT_ADF)
    assert (b"", 0x6283) == (answer.data, answer.sw)


# -- names in part, and the next one


def three() -> Desk:
    """Applications A1, A2 (which holds A21) and B, and one named A."""
    desk = Desk.blank()
    desk.ok(CREATE_MF, df("3F01", b"A1"), df("3F02", b"A2"), df("3F03", b"B"), df("3F04", b"A"))
    desk.ok(by_fid("3F02"), df("3F05", b"A21"), SELECT_MF)
    return desk


def next_(name: bytes) -> str:
    return by_name(name).replace("00A40400", "00A40402")


def test_the_whole_name_goes_before_a_part():
    desk = three()
    desk.ok(by_name(b"A"))
    assert b"A" == desk.session.directory.name


def test_next_goes_through_all_that_begin_so():
    desk, seen = three(), []
    desk.ok(by_name(b"A1"))
    while desk.raw(next_(b"A")).sw == 0x9000:
        seen.append(desk.session.directory.name)
    assert [b"A2", b"A"] == seen
    assert "6A82" == desk.sw(next_(b"A"))
    assert seen[-1] == desk.session.directory.name


def test_next_from_elsewhere_is_the_first():
    desk = three()
    desk.ok(by_name(b"B"), next_(b"A"))
    assert b"A1" == desk.session.directory.name


def test_next_is_for_names():
    assert "6A86" == three().sw("00A40002023F01")


def test_whole_names_only_where_the_profile_says_so():
    desk = application(partial_names=False)
    assert "6A82" == desk.sw(by_name(AID[:5]))
    assert "6A82" == desk.sw("00A4040000")
    desk.ok(by_name(AID))


def test_siblings_from_an_empty_directory_where_the_profile_says_so():
    desk = Desk.blank(changed("city-3des", empty_df_siblings=False))
    desk.ok(CREATE_MF, df("3F01", FIRST), df("3F02", SECOND), by_fid("3F02"))
    assert "6A82" == desk.sw(by_fid("3F01"))


# -- FCI as the profile has it


def test_the_tag_of_the_public_data_is_an_option():
    assert "A525" + "9F080102" + "BF0C1E" in application(fci_tag=0xBF0C).ok(SELECT_ADF)


def test_fci_template_of_a_directory():
    profile = load_profile("city-3des")
    root, adf = profile.directories
    template = ("50=4D4F545F545F4550", "87=01", "9F08", "9F12=43415244", "9F0C")
    desk = application()
    mine = replace(profile, directories=(root, replace(adf, fci=template)))
    card = Card(mine, desk.card.memory, random=desk.random)
    card.power_on()
    inside = "50084D4F545F545F4550" + "870101" + "9F080102" + "9F120443415244" + "9F0C1E" + "00" * 30
    whole = f"8409{AID.hex().upper()}A5{len(inside) // 2:02X}{inside}"
    assert f"6F{len(whole) // 2:02X}{whole}" == Desk(card, desk.random).ok(SELECT_ADF)


def test_fci_of_a_file_where_the_profile_says_so():
    assert "" == application().ok("00A40000020004")
    assert "6F0B80020010820128" + "83020004" == application(ef_fci=True).ok("00A40000020004")


# -- short file identifiers


@pytest.mark.parametrize(
    ("files", "sfi", "found"),
    [
        pytest.param(["EF15", "0015"], 0x15, 0x0015, id="exact-first"),
        pytest.param(["EF15", "DF15"], 0x15, 0xEF15, id="then-the-first-with-these-bits"),
        pytest.param(["EF16"], 0x15, None, id="none"),
    ],
)
def test_sfi(files, sfi, found):
    desk = Desk.blank()
    desk.ok(CREATE_MF, *[f"80E0{fid}07280004F0F0FFFF" for fid in files])
    node = desk.fs.by_sfi(desk.fs.root, sfi)
    assert found == (node.fid if node else None)


def test_a_directory_has_no_sfi(tree):
    tree.ok(df("0006", EMPTY))
    assert tree.fs.by_sfi(tree.fs.root, 6) is None


def test_a_successful_reference_makes_the_file_current():
    desk = application()
    desk.ok("00D6840002AABB")
    assert 0x0004 == desk.session.file.fid
    assert "6982" == desk.sw("00B0830001")
    assert "AABB" == desk.ok("00B0000002")
    assert 0x0004 == desk.session.file.fid
