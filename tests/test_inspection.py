"""What is on a card, in words: everything is there, no key value is, and looking changes nothing."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cardos.card import Card
from cardos.demo import City
from cardos.errors import ImageError, ProfileError
from cardos.fields import FIELDS
from cardos.files.filesystem import BlockState, FileSystem, FileType
from cardos.files.header import PURSE_FILE
from cardos.files.image import CardImage, write_image
from cardos.files.journal import JOURNAL_SIZE
from cardos.files.memory import PowerCut
from cardos.host import KeyRing, SamData, SimulatedTransport, personalise
from cardos.inspection import (
    CardView,
    Difference,
    DirectoryView,
    FieldValue,
    FileView,
    KeyList,
    KeyView,
    PurseVariables,
    Records,
    RecordView,
    Right,
    Transparent,
    Tries,
    compare,
    difference_document,
    inspect_card,
    inspect_image,
    inspection_document,
)
from cardos.inspection.words import describe_right, key_purpose
from cardos.options import CosOptions
from cardos.profile import load_profile
from tests.files.desk import CREATE_MF, K16, OTHER, SELECT_ADF, Desk, application, key_record

SCHEMAS = Path(__file__).parent.parent / "vectors" / "schema"
LOG = "3F00/3F01/0018"
EP = "3F00/3F01/0002"


def schema(name):
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def used():
    """A card of a city: loaded once, spent from twice."""
    with City(seed=1) as city:
        card = city.issue()
        city.load(card, 50_00)
        for amount in (1_50, 2_00):
            city.spend(card, amount)
        return card.card


@pytest.fixture
def desk():
    """A card with a file of every kind, under power."""
    return application("city-3des")


def at(view: CardView, path: str) -> DirectoryView | FileView:
    return dict(view.walk())[path]


def key(view: CardView, path: str, name: str) -> KeyView:
    content = at(view, path).content
    assert isinstance(content, KeyList)
    return next(each for each in content.keys if each.name == name)


def values(elements):
    return {each.name: each.value for each in elements}


# ------------------------------------------------------------------ what is shown


def test_the_tree(used):
    view = inspect_card(used)
    assert ("city-3des", "card", "T=1", 8192, False) == (
        view.profile,
        view.kind,
        view.protocol,
        view.capacity,
        view.blocked,
    )
    assert 0 < view.free < view.capacity
    expected = [
        *("3F00", "3F00/0000", "3F00/0001", "3F00/0005", "3F00/3F01"),
        *(f"3F00/3F01/{fid}" for fid in ("0000", "0015", "0016", "0018", "0001", "0002")),
    ]
    assert expected == [path for path, _ in view.walk()]


def test_a_purse(used):
    file = at(inspect_card(used), EP)
    assert FileType.PURSE is file.type
    assert (Right(0xF0, "always"), None) == (file.read, file.write)
    assert isinstance(file.content, PurseVariables)
    assert ("ep", 0x18) == (file.content.name, file.content.log)
    expected = {"balance": 46_50, "online_serial": 1, "offline_serial": 2, "limit": 0, "ceiling": 100000}
    found = values(file.content.fields)
    assert expected == {name: found[name] for name in expected}


LOCK = "91 01 00000384 0005 112233445566 20260302 063000 A1A2A3A4 B1B2B3B4"


def locked(*, failures: int = 0) -> bytes:
    """What lies behind the variables of a purse that is grey-locked."""
    return bytes.fromhex(LOCK) + bytes([failures]) + b"session key 1234"


def test_a_grey_lock(desk):
    node = desk.fs.find(desk.session.directory, 0x0002)
    desk.fs.put(node, PURSE_FILE.width, locked(failures=2))
    desk.fs.commit()
    content = at(inspect_card(desk.card), EP).content
    found = values(content.lock_proof)
    assert (2, 0x91, 900, bytes.fromhex("B1B2B3B4")) == (
        content.wrong_gmacs,
        found["type"],
        found["balance"],
        found["lock_tac"],
    )
    assert "session key" not in repr(content)
    assert b"session key".hex() not in json.dumps(inspection_document(inspect_card(desk.card))).lower()


def test_a_log(used):
    content = at(inspect_card(used), LOG).content
    assert isinstance(content, Records)
    assert (10, 23) == (content.limit, content.record_length)
    newest = content.records[0]
    assert isinstance(newest, RecordView)
    expected = {"serial": 2, "new_limit": 0, "amount": 200, "type": 6}
    found = values(newest.fields)
    assert expected == {name: found[name] for name in expected}
    assert {"date", "time", "terminal"} <= set(found)


def test_a_proof(used):
    found = values(at(inspect_card(used), "3F00/3F01").proof)
    assert (6, 2) == (found["type"], found["serial"])
    assert () == at(inspect_card(used), "3F00").proof


def test_elements_of_a_file_that_the_profile_declares(used):
    content = at(inspect_card(used), "3F00/3F01/0015").content
    assert isinstance(content, Transparent)
    assert content.written
    assert date(2025, 1, 1) == values(content.fields)["start"]


def test_a_file_with_other_content_shows_its_bytes_only(desk):
    desk.ok("00D6840002 AABB")
    content = at(inspect_card(desk.card), "3F00/3F01/0004").content
    assert (True, b"\xaa\xbb", ()) == (content.written, content.data[:2], content.fields)


def test_keys(used):
    view = inspect_card(used)
    control = key(view, "3F00/3F01/0000", "39/00")
    assert ("authentication", 16, 4, Tries(3, 3)) == (
        control.purpose,
        control.length,
        control.follow_up,
        control.tries,
    )
    assert (None, None) == (control.version, control.algorithm)
    purchase = key(view, "3F00/3F01/0000", "3E/01")
    assert ("purchase", 0, 1, None) == (
        purchase.purpose,
        purchase.version,
        purchase.algorithm,
        purchase.tries,
    )
    pin = key(view, "3F00/3F01/0000", "3A/00")
    assert (3, Right(0xEF, "never")) == (pin.length, pin.change)


@pytest.mark.parametrize(
    ("type_byte", "purpose"),
    [
        pytest.param(0x42, "purchase, levels 2", id="own"),
        pytest.param(0x39, "authentication", id="of-every-card"),
        pytest.param(0x3E, "export, levels 1", id="own-before-a-purchase-key"),
        pytest.param(0x30, "encryption", id="no-kind-of-its-own"),
        pytest.param(0x1F, "kind 1F, levels 0", id="unknown-kind"),
    ],
)
def test_key_types_of_a_secure_module(type_byte, purpose):
    assert purpose == key_purpose(type_byte, load_profile("psam-3des"))


def test_a_secure_module():
    profile = load_profile("psam-sm4")
    card = Card.blank(profile)
    card.power_on()
    data = SamData(
        sam_serial=bytes(10),
        terminal=bytes.fromhex("000000123456"),
        start=date(2025, 1, 1),
        expiry=date(2030, 1, 1),
    )
    personalise(SimulatedTransport(card), profile, data, KeyRing.for_tests("x", profile))
    view = inspect_card(card)
    assert [FieldValue("terminal", data.terminal)] == list(at(view, "3F00/0016").content.fields)
    purchase = key(view, "3F00/1001/0000", "42/00")
    assert ("purchase, levels 2", 1, None) == (purchase.purpose, purchase.algorithm, purchase.tries)
    assert () == at(view, "3F00/1001").proof


def test_a_counter_that_fell_and_one_that_locked(desk):
    desk.raw("0020000003 999999")
    assert Tries(2, 3) == key(inspect_card(desk.card), "3F00/3F01/0000", "3A/00").tries
    desk.raw("0020000003 999999")
    desk.raw("0020000003 999999")
    assert "0/3, locked" == str(key(inspect_card(desk.card), "3F00/3F01/0000", "3A/00").tries)


def test_a_protected_file(desk):
    view = inspect_card(desk.card)
    protections = {path: node.protection for path, node in view.walk() if isinstance(node, FileView)}
    assert "write MAC under key 36/00" == protections["3F00/3F01/0015"]
    assert "write enciphered, MAC under key 36/00" == protections["3F00/3F01/0005"]
    assert "read MAC under key 36/00" == protections["3F00/3F01/0008"]


def test_a_key_that_only_a_protected_command_changes(desk):
    desk.ok(key_record(0xF9, 7, K16))
    found = key(inspect_card(desk.card), "3F00/3F01/0000", "39/07")
    assert (True, 0xF9) == (found.protected, found.type_byte)


def test_block_states(desk):
    desk.fs.set_block_state(desk.session.directory, BlockState.TEMPORARY)
    desk.fs.block_card()
    desk.fs.commit()
    view = inspect_card(desk.card)
    assert view.blocked
    assert BlockState.TEMPORARY is at(view, "3F00/3F01").block


def test_a_blank_card():
    view = inspect_card(Card.blank(load_profile("city-sm4")))
    assert (None, 8192, []) == (view.root, view.free, list(view.walk()))


def test_bytes_that_are_no_date(desk):
    desk.ok("00E200C017" + "FF" * 23)
    [record] = at(inspect_card(desk.card), LOG).content.records
    assert (b"\xff" * 23, ()) == (record.data, record.fields)


@pytest.mark.parametrize(
    ("byte", "meaning"),
    [
        pytest.param(0xF0, "always", id="any-state"),
        pytest.param(0x00, "always", id="any-mf-state"),
        pytest.param(0xEF, "never", id="empty-range"),
        pytest.param(0x10, "state 0..1", id="up-to"),
        pytest.param(0x11, "state 1", id="exactly"),
        pytest.param(0xFA, "state A..F", id="from"),
        pytest.param(0x0F, "MF F", id="mf-exactly"),
        pytest.param(0x02, "MF 2..F", id="mf-from"),
    ],
)
def test_rights_in_words(byte, meaning):
    assert Right(byte, meaning) == describe_right(byte, CosOptions())


@pytest.mark.parametrize(
    ("element", "text"),
    [
        pytest.param(FieldValue("balance", 4850), "4850 fen", id="amount"),
        pytest.param(FieldValue("type", 6), "06", id="type"),
        pytest.param(FieldValue("terminal", bytes(6)), "000000000000", id="bytes"),
        pytest.param(FieldValue("date", date(2026, 3, 2)), "2026-03-02", id="date"),
        pytest.param(FieldValue("time", time(6, 30)), "06:30:00", id="time"),
        pytest.param(FieldValue("serial", 9), "9", id="number"),
    ],
)
def test_elements_in_words(element, text):
    assert text == element.text
    assert FIELDS[element.name].note == element.note


# ------------------------------------------------------------------ what is never shown


def test_no_key_value_is_in_any_form_of_it(used):
    view = inspect_card(used)
    fs = FileSystem(used.memory, used.profile)
    secrets = {record.value for node in fs.nodes if node.is_directory for record in fs.keys(node)}
    used.power_off()
    assert 10 == len(secrets)
    shown = repr(view) + json.dumps(inspection_document(view))
    blank = inspect_card(Card.blank(used.profile))
    shown += "".join(map(str, compare(view, blank))) + "".join(map(str, compare(blank, view)))
    for secret in secrets:
        assert secret.hex() not in shown.lower()
        assert repr(secret) not in shown
    for content in (node.content for _, node in view.walk() if isinstance(node, FileView)):
        for each in content.keys if isinstance(content, KeyList) else ():
            assert "mark" not in repr(each)
            assert each.mark.hex() not in shown.lower()


# ------------------------------------------------------------------ looking changes nothing


def test_a_card_in_the_middle_of_a_transaction(desk):
    desk.ok("0020000003 123456")
    desk.raw("0084000008")
    session, before = repr(desk.session), desk.card.snapshot()
    inspect_card(desk.card)
    assert desk.card.powered
    assert before == desk.card.snapshot()
    assert session == repr(desk.session)
    assert desk.session.challenge is not None


def test_a_card_without_power_stays_without(used):
    used.power_off()
    inspect_card(used)
    assert not used.powered
    assert not used.memory.powered


def test_a_change_that_the_journal_holds_is_seen_and_left_there(desk):
    """The power goes after the journal record of an update: the card will carry it out, the view has done so."""
    desk.ok("00D6840002 1111")
    desk.card.memory.cut_after(1)
    with pytest.raises(PowerCut):
        desk.raw("00D6840002 2222")
    before = desk.card.memory.snapshot()
    assert any(before[:JOURNAL_SIZE])
    assert b"\x22\x22" == at(inspect_card(desk.card), "3F00/3F01/0004").content.data[:2]
    assert before == desk.card.memory.snapshot()


def test_an_image_is_only_read(used, tmp_path):
    path = tmp_path / "card.img"
    used.save(path)
    raw, stat = path.read_bytes(), path.stat()
    assert inspect_card(used) == inspect_image(path)
    assert (raw, stat.st_mtime_ns) == (path.read_bytes(), path.stat().st_mtime_ns)
    assert [path] == list(tmp_path.iterdir())


def test_an_image_of_another_profile(used, tmp_path):
    used.save(tmp_path / "card.img")
    with pytest.raises(ImageError, match="must be of profile city-sm4"):
        inspect_image(tmp_path / "card.img", profile=load_profile("city-sm4"))


def test_an_image_of_an_unknown_profile(used, tmp_path):
    write_image(tmp_path / "card.img", CardImage("moon", "T=1", used.memory.snapshot()))
    with pytest.raises(ProfileError, match="moon"):
        inspect_image(tmp_path / "card.img")


@given(st.integers(0, 1000), st.binary(min_size=1, max_size=200))
def test_any_memory_is_shown_or_refused(tmp_path_factory, used, offset, noise):
    """An image with a right check sum whose memory no card wrote."""
    memory = bytearray(used.memory.snapshot())
    memory[JOURNAL_SIZE + offset : JOURNAL_SIZE + offset + len(noise)] = noise
    path = tmp_path_factory.getbasetemp() / "noise.img"
    path.write_bytes(CardImage("city-3des", "T=1", bytes(memory)).to_bytes())
    try:
        inspection_document(inspect_image(path))
    except ImageError as refused:
        assert str(path) in str(refused)


# ------------------------------------------------------------------ differences


def differences(desk: Desk, *steps) -> list[str]:
    """How the card of a desk differs after ``steps``: commands that must succeed, or functions of the desk."""
    before = inspect_card(desk.card)
    for step in steps:
        desk.ok(step) if isinstance(step, str) else step(desk)
    return [str(each) for each in compare(before, inspect_card(desk.card))]


def failed(command):
    return lambda desk: desk.raw(command)


def poke(change):
    def step(desk):
        change(desk.fs, desk.session.directory)
        desk.fs.commit()

    return step


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([SELECT_ADF], [], id="nothing"),
        pytest.param(
            ["00D6840002 AABB"],
            ["3F00/3F01/0004: ever written False -> True", "3F00/3F01/0004: bytes 0000..0001 0000 -> AABB"],
            id="bytes",
        ),
        pytest.param(
            ["00D6840006 010000000002"],
            [
                "3F00/3F01/0004: ever written False -> True",
                "3F00/3F01/0004: bytes 0000..0000 00 -> 01",
                "3F00/3F01/0004: bytes 0005..0005 00 -> 02",
            ],
            id="two-ranges",
        ),
        pytest.param(
            ["00E2003008 0011223344556677"],
            ["3F00/3F01/0006: record 1 added: 0011223344556677"],
            id="linear-record",
        ),
        pytest.param(
            ["00E2003804 01029988", "00E2003804 02027766"],
            ["3F00/3F01/0007: record 1 added: 01029988", "3F00/3F01/0007: record 2 added: 02027766"],
            id="variable-records",
        ),
        pytest.param(
            ["00E200C017" + "00" * 22 + "01", "00E200C017" + "00" * 22 + "02"],
            [f"{LOG}: record added: {'00' * 22}01", f"{LOG}: record added: {'00' * 22}02"],
            id="cyclic-records",
        ),
        pytest.param(
            [failed("0020000003 999999")], ["3F00/3F01/0000/3A/00: tries 3/3 -> 2/3"], id="try-counter"
        ),
        pytest.param(
            ["80D4360015" + key_record(0x36, 0, OTHER)[10:]],
            ["3F00/3F01/0000/36/00: value differs"],
            id="key-value",
        ),
        pytest.param(
            [key_record(0x36, 3, K16)], ["3F00/3F01/0000/36/03: key added: maintenance"], id="new-key"
        ),
        pytest.param(
            ["80E0001007 28 0010 F0F0FFFF"],
            ["3F00/3F01/0010: transparent file added: 16 bytes"],
            id="new-file",
        ),
        pytest.param(
            ["80E03F050C 38 0100 F0F0 95 FFFF D1560001"],
            ["3F00/3F01/3F05: directory added: name D1560001"],
            id="new-directory",
        ),
        pytest.param(
            [poke(lambda fs, node: fs.set_block_state(node, BlockState.PERMANENT))],
            ["3F00/3F01: block state active -> permanent"],
            id="block-state",
        ),
        pytest.param(
            [poke(lambda fs, node: fs.put(fs.find(node, 2), PURSE_FILE.width, locked(failures=1)))],
            [
                f"{EP}: lock proof type added: 91",
                f"{EP}: lock proof purse_code added: 01",
                f"{EP}: lock proof balance added: 900 fen",
                f"{EP}: lock proof serial added: 5",
                f"{EP}: lock proof terminal added: 112233445566",
                f"{EP}: lock proof date added: 2026-03-02",
                f"{EP}: lock proof time added: 06:30:00",
                f"{EP}: lock proof lock_value added: A1A2A3A4",
                f"{EP}: lock proof lock_tac added: B1B2B3B4",
                f"{EP}: wrong gmacs 0 -> 1",
            ],
            id="grey-lock",
        ),
        pytest.param([poke(lambda fs, _: fs.block_card())], ["card: blocked False -> True"], id="card-block"),
        pytest.param(
            [poke(lambda fs, node: fs.set_proof(node, bytes.fromhex("060001AAAAAAAABBBBBBBB")))],
            [
                "3F00/3F01: proof type added: 06",
                "3F00/3F01: proof serial added: 1",
                "3F00/3F01: proof mac added: AAAAAAAA",
                "3F00/3F01: proof tac added: BBBBBBBB",
            ],
            id="proof",
        ),
    ],
)
def test_a_difference(desk, steps, expected):
    found = differences(desk, *steps)
    assert expected == [each for each in found if not each.startswith("card: free")]


def test_a_new_file_takes_memory(desk):
    assert differences(desk, "80E0001007 28 0010 F0F0FFFF")[0].startswith("card: free ")


def test_a_full_log_loses_its_oldest(desk):
    record = ("00E200C017" + "00" * 22 + "{:02X}").format
    limit = at(inspect_card(desk.card), LOG).content.limit
    desk.ok(*[record(n) for n in range(limit)])
    assert [f"{LOG}: record added: {'00' * 22}7F"] == differences(desk, record(0x7F))


def test_a_purchase_in_its_four_witnesses():
    with City(seed=2) as city:
        card = city.issue()
        city.load(card, 10_00)
        before = inspect_card(card.card)
        city.spend(card, 1_50)
        found = compare(before, inspect_card(card.card))
    by_path = {}
    for each in found:
        by_path.setdefault(each.path, {})[each.what] = (each.before, each.after)
    assert ("1000 fen", "850 fen") == by_path[EP]["balance"]
    assert ("0", "1") == by_path[EP]["offline_serial"]
    assert ("02", "06") == by_path["3F00/3F01"]["proof type"]
    assert by_path[LOG]["record"][1].startswith("serial 1, new_limit 0 fen, amount 150 fen, type 06, ")


def test_a_changed_element_is_not_repeated_as_bytes(used):
    """Two cards of one profile: their serial numbers by name only."""
    with City(seed=1) as city:
        first, second = inspect_card(city.issue().card), inspect_card(city.issue().card)
    found = [each.what for each in compare(first, second) if each.path == "3F00/0005"]
    assert ["application_serial"] == found


def test_both_ways_tell_the_same(used):
    blank = inspect_card(Card.blank(used.profile))
    there, back = compare(inspect_card(used), blank), compare(blank, inspect_card(used))
    assert {(d.path, d.what, d.before, d.after) for d in there} == {
        (d.path, d.what, d.after, d.before) for d in back
    }


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["append", "update", "verify", "auth", "binary", "create"]), max_size=5))
def test_equal_views_have_no_difference_and_others_do(steps):
    commands = {
        "append": "00E200C017" + "01" * 23,
        "update": "00DC013408 0011223344556677",
        "verify": "0020000003 999999",
        "auth": "0082000008 0000000000000000",
        "binary": "00D6840002 AABB",
        "create": "80E0001007 28 0010 F0F0FFFF",
    }
    desk = application("city-3des")
    before = inspect_card(desk.card)
    for step in steps:
        desk.raw(commands[step])
    after = inspect_card(desk.card)
    assert (before == after) == (compare(before, after) == ())


# ------------------------------------------------------------------ documents


@pytest.mark.parametrize("name", ["cardview-1", "carddiff-1"])
def test_a_schema_is_a_schema(name):
    validator = schema(name)
    validator.check_schema(validator.schema)


def test_documents_follow_their_schemas(used, desk):
    blank = inspect_card(Card.blank(used.profile))
    desk.ok(key_record(0xF9, 7, K16))
    views = [blank, inspect_card(used), inspect_card(desk.card)]
    for view in views:
        document = json.loads(json.dumps(inspection_document(view)))
        assert [] == [error.message for error in schema("cardview-1").iter_errors(document)]
    found = difference_document("a", "b", compare(views[1], views[2]))
    assert [] == [error.message for error in schema("carddiff-1").iter_errors(json.loads(json.dumps(found)))]


def test_a_document_in_full():
    """A small one, so that the format cannot change by accident."""
    right = Right(0xF0, "always")
    control = KeyView(
        type=0x3A, id=0, type_byte=0x3A, purpose="pin", use=right, change=right, length=2,
        protected=False, follow_up=1, tries=Tries(2, 3), mark=b"secret",
    )  # fmt: skip
    keys = FileView(0x0000, FileType.KEY, 64, None, right, "", KeyList(10, (control,)))
    log = RecordView(1, b"\x06", (FieldValue("type", 6), FieldValue("date", date(2026, 3, 2))))
    records = FileView(0x0018, FileType.CYCLIC, 2, right, right, "", Records(2, 1, (log,)))
    root = DirectoryView(
        0x3F00,
        b"MF",
        0x01,
        8192,
        right,
        right,
        BlockState.ACTIVE,
        (FieldValue("mac", b"\xab" * 4),),
        (keys, records),
        (),
    )
    view = CardView("city-3des", "card", "T=0", 8192, 100, blocked=False, root=root)
    word = {"byte": "F0", "meaning": "always"}
    expected = {
        "format": "cardview/1", "profile": "city-3des", "kind": "card", "protocol": "T=0", "capacity": 8192,
        "free": 100, "blocked": False,
        "root": {
            "fid": "3F00", "name": "4D46", "application": "01", "size": 8192, "create": word, "erase": word,
            "block": "active", "proof": {"mac": "ABABABAB"},
            "files": [
                {
                    "fid": "0000", "type": "key", "size": 64, "read": None, "write": word, "protection": "",
                    "content": {
                        "used": 10,
                        "keys": [
                            {
                                "type": "3A", "id": "00", "type_byte": "3A", "purpose": "pin", "use": word,
                                "change": word, "length": 2, "protected": False, "follow_up": 1,
                                "tries": {"left": 2, "most": 3}, "version": None, "algorithm": None,
                            }
                        ],
                    },
                },
                {
                    "fid": "0018", "type": "cyclic", "size": 2, "read": word, "write": word, "protection": "",
                    "content": {
                        "limit": 2, "record_length": 1,
                        "records": [{"number": 1, "data": "06", "fields": {"type": 6, "date": "2026-03-02"}}],
                    },
                },
            ],
            "directories": [],
        },
    }  # fmt: skip
    assert expected == inspection_document(view)


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        pytest.param(Difference("", "free", "2", "1"), "card: free 2 -> 1", id="changed"),
        pytest.param(Difference("3F00", "x", None, "1"), "3F00: x added: 1", id="added"),
        pytest.param(Difference("3F00", "x", "1", None), "3F00: x gone: 1", id="gone"),
        pytest.param(Difference("3F00", "value", None, None), "3F00: value differs", id="hidden"),
    ],
)
def test_a_difference_in_words(difference, text):
    assert text == str(difference)


# ------------------------------------------------------------------ what nobody may read


def hidden_files() -> Desk:
    """A card with a transparent and a linear file whose read right is never met."""
    desk = Desk.blank()
    desk.ok(CREATE_MF, "80E0000507280004EFF0FFFF", "80E00006072A0204EFF0FFFF")
    desk.ok("00D6850004CAFED00D", "00DC013404CAFED00D")
    return desk


def test_content_that_nobody_may_read_is_not_shown():
    view = inspect_card(hidden_files().card)
    shown = repr(view) + json.dumps(inspection_document(view))
    assert "cafed00d" not in shown.lower()
    assert b"" == at(view, "3F00/0005").content.data == at(view, "3F00/0006").content.records[0].data


def test_a_change_of_what_nobody_may_read_is_told():
    desk = hidden_files()
    before = inspect_card(desk.card)
    assert () == compare(before, inspect_card(desk.card))
    desk.ok("00D6850004CAFED00E", "00DC013404CAFED00E")
    found = [str(each) for each in compare(before, inspect_card(desk.card))]
    assert ["3F00/0005: content differs", "3F00/0006: record 1 differs"] == found
