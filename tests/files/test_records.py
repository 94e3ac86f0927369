"""Record files: numbers, tags and modes; and each format against a list as its model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.files.call import Refusal
from tests.files.desk import K16, Desk, application

LINEAR, VARIABLE, CYCLIC = 0x06, 0x07, 0x18


def linear(n: int) -> str:
    return f"{n:02X}" * 8


def cyclic(n: int) -> str:
    return f"{n:02X}" * 23


def tlv(tag: int, value: str) -> str:
    return f"{tag:02X}{len(value) // 2:02X}{value}"


def write(sfi: int, number: int, data: str, mode: int = 4, ins: int = 0xDC) -> str:
    return f"00{ins:02X}{number:02X}{sfi << 3 | mode:02X}{len(data) // 2:02X}{data}"


def append(sfi: int, data: str, mode: int = 0) -> str:
    return write(sfi, 0, data, mode, 0xE2)


def read(sfi: int, number: int, mode: int = 4) -> str:
    return f"00B2{number:02X}{sfi << 3 | mode:02X}00"


def content(desk: Desk, sfi: int) -> list[str]:
    """All records, in the order of their numbers."""
    records = []
    for number in range(1, 250):
        response = desk.raw(read(sfi, number))
        if response.sw != 0x9000:
            assert 0x6A83 == response.sw
            break
        records.append(response.data.hex().upper())
    return records


def refused(desk: Desk, sfi: int, *commands: str) -> list[str]:
    """Status words of commands that change nothing."""
    before = content(desk, sfi)
    words = [desk.sw(command) for command in commands]
    assert before == content(desk, sfi)
    return words


# -- linear


def test_linear_append_fills_the_file_once():
    desk = application()
    assert [] == content(desk, LINEAR)
    desk.ok(*(append(LINEAR, linear(n)) for n in (1, 2, 3)))
    assert [linear(1), linear(2), linear(3)] == content(desk, LINEAR)
    assert ["6A84"] == refused(desk, LINEAR, append(LINEAR, linear(4)))


def test_linear_records_of_a_new_file_can_be_written_by_number():
    desk = application()
    desk.ok(write(LINEAR, 2, linear(2)))
    assert ["00" * 8, linear(2)] == content(desk, LINEAR)
    desk.ok(append(LINEAR, linear(3)), write(LINEAR, 1, linear(1)))
    assert [linear(1), linear(2), linear(3)] == content(desk, LINEAR)
    assert ["6A83", "6700", "6981"] == refused(
        desk,
        LINEAR,
        write(LINEAR, 4, linear(4)),
        write(LINEAR, 1, linear(1)[2:]),
        write(LINEAR, 1, linear(1), 0),
    )


def test_linear_next_and_previous_follow_the_current_record():
    desk = application()
    desk.ok(write(LINEAR, 0, linear(1), 2), write(LINEAR, 0, linear(2), 2), write(LINEAR, 0, linear(9), 3))
    assert [linear(9), linear(2)] == content(desk, LINEAR)
    desk.ok(read(LINEAR, 2), write(LINEAR, 0, linear(7)))
    assert [linear(9), linear(7)] == content(desk, LINEAR)
    assert linear(7) == desk.ok(read(LINEAR, 0))
    desk.ok("00A40000020004", write(LINEAR, 0, linear(8), 3))
    assert [linear(9), linear(8)] == content(desk, LINEAR)


def test_another_file_has_no_current_record():
    desk = application()
    desk.ok(append(LINEAR, linear(1)), append(CYCLIC, cyclic(1)), "00A40000020004", "00A40000020018")
    assert "6A83" == desk.sw(read(CYCLIC, 0))
    assert "6A83" == desk.sw(read(LINEAR, 0))


@pytest.mark.parametrize(
    ("sfi", "record"), [(LINEAR, linear(2)), (CYCLIC, cyclic(2)), (VARIABLE, tlv(0x22, "AA"))]
)
def test_an_appended_record_is_the_current_one(sfi, record):
    desk = application()
    desk.ok(append(sfi, record.replace("2", "3")), append(sfi, record))
    assert record == desk.ok(read(sfi, 0))


def test_the_current_file_is_addressed_by_sfi_0():
    desk = application()
    desk.ok("00A40000020006", append(0, linear(1)), append(0, linear(2), 4))
    assert linear(2) == desk.ok(read(0, 2))


# -- cyclic


def test_the_newest_cyclic_record_is_number_1():
    desk = application()
    for n in range(1, 8):
        desk.ok(append(CYCLIC, cyclic(n)))
        assert [cyclic(k) for k in range(n, max(n - 3, 0), -1)] == content(desk, CYCLIC)


@pytest.mark.parametrize(("number", "mode"), [(0, 3), (0, 2), (1, 2)])
def test_update_adds_a_cyclic_record(number, mode):
    desk = application()
    for n in range(1, 6):
        desk.ok(write(CYCLIC, number, cyclic(n), mode))
    assert cyclic(5) == desk.ok(read(CYCLIC, 0))
    assert [cyclic(5), cyclic(4), cyclic(3)] == content(desk, CYCLIC)


def test_a_cyclic_record_cannot_be_changed():
    desk = application()
    desk.ok(append(CYCLIC, cyclic(1)))
    words = refused(
        desk, CYCLIC, write(CYCLIC, 1, cyclic(2)), write(CYCLIC, 2, cyclic(2)), write(CYCLIC, 2, cyclic(2), 2),
        append(CYCLIC, cyclic(2)[2:]),
    )  # fmt: skip
    assert ["6A83", "6A83", "6A83", "6700"] == words


# -- variable


@pytest.fixture
def tagged() -> Desk:
    desk = application()
    desk.ok(
        append(VARIABLE, tlv(0x11, "A1")),
        append(VARIABLE, tlv(0x22, "B1B2")),
        append(VARIABLE, tlv(0x11, "A2")),
    )
    return desk


def test_variable_records_by_tag(tagged):
    assert tlv(0x11, "A1") == tagged.ok(read(VARIABLE, 0x11, 0))
    assert tlv(0x22, "B1B2") == tagged.ok(read(VARIABLE, 0x22, 0))
    assert tlv(0x22, "B1B2") == tagged.ok(read(VARIABLE, 0x00, 0))  # the current one
    assert "6A83" == tagged.sw(read(VARIABLE, 0x33, 0))


@pytest.mark.parametrize(
    ("before", "number", "mode", "changed"),
    [
        pytest.param([], 0x11, 0, 1, id="first"),
        pytest.param([], 0x11, 1, 3, id="last"),
        pytest.param([], 0x11, 2, 1, id="next-of-a-new-selection"),
        pytest.param([read(VARIABLE, 1)], 0x11, 2, 3, id="next"),
        pytest.param([], 0x11, 3, 3, id="previous-of-a-new-selection"),
        pytest.param([read(VARIABLE, 3)], 0x11, 3, 1, id="previous"),
        pytest.param([read(VARIABLE, 3)], 0x00, 0, 3, id="current-by-tag"),
        pytest.param([read(VARIABLE, 3)], 0x00, 1, 3, id="current-by-last-tag"),
        pytest.param([], 1, 4, 1, id="number"),
    ],
)
def test_variable_update(tagged, before, number, mode, changed):
    tagged.ok("00A40000020004", *before)
    tagged.ok(write(VARIABLE, number, tlv(0x44, "C1"), mode))
    expected = [tlv(0x11, "A1"), tlv(0x22, "B1B2"), tlv(0x11, "A2")]
    expected[changed - 1] = tlv(0x44, "C1")
    assert expected == content(tagged, VARIABLE)


def test_the_tag_of_a_record_may_change_its_length_may_not(tagged):
    assert ["6700"] == refused(tagged, VARIABLE, write(VARIABLE, 1, tlv(0x11, "A1A1")))


@pytest.mark.parametrize(("number", "mode"), [(4, 4), (0, 2)])
def test_variable_update_adds_behind_the_last(tagged, number, mode):
    tagged.ok(write(VARIABLE, number, tlv(0x33, "D1"), mode))
    assert tlv(0x33, "D1") == tagged.ok(read(VARIABLE, 0))
    assert tlv(0x33, "D1") == content(tagged, VARIABLE)[3]


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        pytest.param(write(VARIABLE, 5, tlv(1, "00")), "6A83", id="beyond-the-next-number"),
        pytest.param(append(VARIABLE, "1103AABB"), "6A80", id="length-byte-too-large"),
        pytest.param(append(VARIABLE, "1101AABB"), "6A80", id="length-byte-too-small"),
        pytest.param(append(VARIABLE, "11"), "6A80", id="no-length-byte"),
        pytest.param(write(VARIABLE, 1, "1102AA"), "6A80", id="update-malformed"),
        pytest.param(append(VARIABLE, tlv(1, "00" * 21)), "6A84", id="full"),
        pytest.param(write(VARIABLE, 0x77, tlv(1, "00"), 2), "6A83", id="no-next-tag"),
        pytest.param(write(VARIABLE, 0x77, tlv(1, "00"), 3), "6A83", id="no-previous-tag"),
    ],
)
def test_variable_refusals(tagged, command, sw):
    assert [sw] == refused(tagged, VARIABLE, command)


def test_variable_file_can_be_filled_to_its_last_byte(tagged):
    tagged.ok(append(VARIABLE, tlv(0x55, "00" * 20)))
    assert 32 == sum(len(record) // 2 for record in content(tagged, VARIABLE))
    assert ["6A84"] == refused(tagged, VARIABLE, append(VARIABLE, tlv(0x66, "")))


def test_previous_of_a_variable_file_without_tag_goes_back():
    desk = application()
    desk.ok(append(VARIABLE, tlv(1, "AA")), append(VARIABLE, tlv(2, "BB")), read(VARIABLE, 2))
    desk.ok(write(VARIABLE, 0, tlv(1, "CC"), 3))
    assert [tlv(1, "CC"), tlv(2, "BB")] == content(desk, VARIABLE)


# -- protected


def test_protected_records():
    desk = application()
    record = tlv(0x11, "A1A2A3")
    desk.ok(append(0x0F, record))
    channel = desk.channel(K16)
    answer = desk.raw(bytes.fromhex("04B2017C04") + channel._mac(bytes.fromhex("04B2017C04")) + b"\x00")
    assert record == channel.unprotect_answer(answer.data).hex().upper()


# -- models

RECORDS = st.lists(st.binary(min_size=8, max_size=8), max_size=9)


@given(RECORDS)
def test_cyclic_model(records):
    desk = application()
    node = desk.fs.find(desk.session.directory, CYCLIC)
    for record in records:
        desk.fs.append_record(node, record.ljust(23, b"\x00"))
    kept = [record.ljust(23, b"\x00") for record in reversed(records)][:3]
    assert len(kept) == desk.fs.record_count(node)
    assert kept == [desk.fs.read_record(node, n + 1) for n in range(len(kept))]
    with pytest.raises(Refusal):
        desk.fs.read_record(node, len(kept) + 1)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=10)), max_size=8))
def test_variable_model(records):
    desk = application()
    node = desk.fs.find(desk.session.directory, VARIABLE)
    kept: list[bytes] = []
    for tag, value in records:
        record = bytes((tag, len(value))) + value
        try:
            desk.fs.append_record(node, record)
        except Refusal as refusal:
            assert refusal.sw == 0x6A84
            assert sum(map(len, kept)) + len(record) > node.size
        else:
            kept.append(record)
    assert kept == [desk.fs.read_record(node, n + 1) for n in range(desk.fs.record_count(node))]
