"""Where files lie, what they take, and what the file system says of them."""

from __future__ import annotations

import pytest

from cardos.apdu import SW, Catalogue, CommandSpec
from cardos.apdu.spec import ANY, layout
from cardos.files.call import Refusal
from cardos.files.filesystem import FileType
from cardos.files.header import MF_NAME, Node, charge
from cardos.files.reception import Receiver
from tests.files.desk import AID, CREATE_MF, Desk, application, changed


@pytest.mark.parametrize(
    ("node", "size"),
    [
        pytest.param(Node(0, 0x28, 5, None, 30, 30, 0, 0, 0), 41, id="binary"),
        pytest.param(Node(0, 0xA8, 5, None, 30, 30, 0, 0, 0), 41, id="binary-with-mac"),
        pytest.param(Node(0, 0x2A, 1, None, 38, 0x0213, 0, 0, 0), 11 + 2 * 20, id="linear"),
        pytest.param(Node(0, 0x2E, 24, None, 230, 0x0A17, 0, 0, 0), 11 + 10 * 24, id="cyclic"),
        pytest.param(Node(0, 0x2C, 23, None, 64, 64, 0, 0, 0), 75, id="variable"),
        pytest.param(Node(0, 0x2F, 2, None, 24, 0x0208, 0, 0, 0), 33, id="purse"),
        pytest.param(Node(0, 0x3F, 0, None, 80, 80, 0, 0, 0), 91, id="key"),
        pytest.param(Node(0, 0x38, 0x3F00, None, 25, 8192, 0, 0, 0, MF_NAME), 11, id="mf"),
        pytest.param(Node(0, 0x38, 0x3F00, None, 15, 8192, 0, 0, 0, b"MINE"), 15, id="mf-with-a-name"),
    ],
)
def test_space_that_a_file_takes(node, size):
    assert size == charge(node)


def test_space_that_a_directory_takes():
    desk = Desk.blank()
    desk.ok(CREATE_MF)
    before = desk.fs.free
    desk.ok("80E03F010C 38 0100 F0F0 95 FFFF D1560001")
    assert before - (11 + 4) == desk.fs.free


def test_what_a_node_says():
    desk = application()
    root, directory = desk.fs.root, desk.fs.by_name(AID)
    assert (1, 2) == (root.level, directory.level)
    assert (0xF0, 0xF0, 0x95) == (directory.create, directory.erase, directory.application)
    log, purse = desk.fs.find(directory, 0x18), desk.fs.find(directory, 0x02)
    assert (FileType.CYCLIC, 3, 23, 69) == (log.type, log.record_limit, log.record_length, log.size)
    assert (FileType.PURSE, 0x18, 70) == (purse.type, purse.log_sfi, purse.size)
    assert [directory] == [node for node in desk.fs.children(root) if node.is_directory]
    assert desk.fs.nodes == sorted(desk.fs.nodes, key=lambda node: node.address)


def test_the_index_is_the_same_after_power_up():
    desk = application()
    before = desk.fs.nodes
    desk.reset()
    assert before == desk.fs.nodes


def test_names_are_unique_on_the_card_and_fids_in_a_directory():
    desk = application()
    assert "6A86" == desk.sw("80E03F0516 38 0100 F0F0 95 FFFF 315041592E5359532E4444463031")
    desk.ok("80E0000107280004F0F0FFFF")  # 0001 is in the MF, too


def test_the_largest_card_is_written_as_far_as_its_end_after_an_erasure():
    desk = Desk.blank(changed("city-3des", memory=32768))
    files = [f"80E0000{number}0728 1F00F0F0FFFF" for number in (1, 2, 3, 4)]
    desk.ok(CREATE_MF, *files, "800E000000", *files, "00A40000020004", "00D61EFE02AABB")
    assert "AABB" == desk.reset().ok("00A40000020004", "00B01EFE02")


def test_small_directories_fill_the_memory_before_the_count_is_full():
    """A directory takes more than the card counts; the memory behind the count is not endless."""
    desk = Desk.blank(changed("city-3des", memory=512))
    desk.ok(CREATE_MF)
    made = 0
    while desk.raw(f"80E040{made:02X}09380010F0F095FFFF{made:02X}").sw == SW.SUCCESS:
        made += 1
    assert "6A84" == desk.sw(f"80E040{made:02X}09380010F0F095FFFF{made:02X}")
    assert desk.fs.free >= 12
    before = desk.fs.nodes
    assert 1 + made == len(before)
    desk.reset()
    assert before == desk.fs.nodes
    desk.ok("00A4000002" + f"40{made - 1:02X}")


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (0, 17), (16, 1), (17, 0)])
def test_nothing_is_read_or_written_outside_a_file(offset, size):
    desk = application()
    node = desk.fs.find(desk.session.directory, 4)
    for act in (lambda: desk.fs.read(node, offset, size), lambda: desk.fs.write(node, offset, bytes(size))):
        with pytest.raises(Refusal) as refused:
            act()
        assert SW.OFFSET == refused.value.sw


@pytest.mark.parametrize("fid", [0x04, 0x02, 0x00])
def test_files_without_records(fid):
    desk = application()
    node = desk.fs.find(desk.session.directory, fid)
    with pytest.raises(Refusal) as refused:
        desk.fs.append_record(node, b"\x01\x00")
    assert SW.FILE_TYPE == refused.value.sw


def test_a_cyclic_record_is_never_updated():
    desk = application()
    node = desk.fs.find(desk.session.directory, 0x18)
    desk.fs.append_record(node, bytes(23))
    with pytest.raises(Refusal) as refused:
        desk.fs.update_record(node, 1, bytes(23))
    assert SW.RECORD_NOT_FOUND == refused.value.sw
    desk.fs.update_record(node, 2, bytes(22) + b"\x01")
    assert bytes(22) + b"\x01" == desk.fs.read_record(node, 1)


def test_a_refusal_says_what_it_means():
    refusal = Refusal(SW.FILE_NOT_FOUND, b"\x01")
    assert ("6A82 file not found", b"\x01") == (str(refusal), refusal.data)


def test_data_that_do_not_fit_the_layout_are_refused():
    """No declared command can get there: their layouts fill their lengths."""
    spec = CommandSpec("T", 0x80, 0x01, ANY, ANY, "", (), body=layout("amount"), lc=(1, 4))
    receiver = Receiver({"T": lambda _: b""})
    receiver._commands = Catalogue([spec])
    assert SW.WRONG_DATA == receiver.receive(bytes.fromhex("800100000101")).accepted.at_last


def test_without_a_current_directory_commands_are_not_supported():
    desk = application()
    desk.session.directory = None
    assert ["6A81", "6A81", "9000"] == [
        desk.sw(command) for command in ("00A4000000", "00B0840001", "0084000004")
    ]
