from __future__ import annotations

import pytest

from cardos.errors import CardRemoved, ParameterError
from cardos.files.memory import Memory, PowerCut, WriteFailure


@pytest.fixture
def memory():
    made = Memory(8)
    made.power_up()
    made.write(0, b"\x11" * 8)
    return made


def test_new_memory_is_zero_and_without_power():
    memory = Memory(3)
    assert (3, False, 0, bytes(3)) == (memory.size, memory.powered, memory.writes, memory.snapshot())
    with pytest.raises(PowerCut, match="no power"):
        memory.read(0, 1)
    with pytest.raises(PowerCut, match="no power"):
        memory.write(0, b"\x01")


@pytest.mark.parametrize(
    ("writes", "torn", "garbage", "content"),
    [
        pytest.param(0, 0, False, "1111111111111111", id="before"),
        pytest.param(0, 1, False, "2211111111111111", id="first-byte"),
        pytest.param(0, 3, False, "2222221111111111", id="but-one"),
        pytest.param(0, 4, False, "2222222211111111", id="all"),
        pytest.param(0, 9, False, "2222222211111111", id="more-than-all"),
        pytest.param(0, 0, True, "DD11111111111111", id="garbage-first"),
        pytest.param(0, 2, True, "2222DD1111111111", id="garbage-third"),
        pytest.param(0, 4, True, "2222222211111111", id="garbage-behind"),
        pytest.param(1, 2, False, "2222222233331111", id="second-write"),
    ],
)
def test_cut(memory, writes, torn, garbage, content):
    memory.cut_after(writes, torn=torn, garbage=garbage)
    first, second = (lambda: memory.write(0, b"\x22" * 4)), (lambda: memory.write(4, b"\x33" * 4))
    if writes:
        first()
    with pytest.raises(PowerCut, match="in a write of 4 bytes") as cut:
        (second if writes else first)()
    assert (4, False) == (cut.value.length, memory.powered)
    assert content == memory.snapshot().hex().upper()


@pytest.mark.parametrize("old", range(256))
def test_garbage_is_neither_old_nor_new(old):
    for new in (old, old ^ 0xFF, 0x00, 0xFF):
        memory = Memory(1)
        memory.power_up()
        memory.write(0, bytes([old]))
        memory.cut_after(0, garbage=True)
        with pytest.raises(PowerCut):
            memory.write(0, bytes([new]))
        assert memory.snapshot()[0] not in (old, new)


def test_nothing_works_after_a_cut_until_power_up(memory):
    memory.cut_after(0)
    with pytest.raises(CardRemoved):
        memory.write(0, b"\x22")
    for act in (lambda: memory.read(0, 1), lambda: memory.write(0, b"\x22")):
        with pytest.raises(PowerCut):
            act()
    memory.power_up()
    assert b"\x11" == memory.read(0, 1)
    memory.write(0, b"\x22")
    assert b"\x22" == memory.read(0, 1)


def test_a_cut_waits_over_power_up_but_not_over_power_off(memory):
    memory.cut_after(0)
    memory.power_up()
    with pytest.raises(PowerCut):
        memory.write(0, b"\x22")
    memory.cut_after(0)
    memory.power_off()
    memory.power_up()
    memory.write(0, b"\x33")


def test_whole_writes_are_counted(memory):
    before = memory.writes
    memory.write(0, b"\x01\x02")
    memory.cut_after(1)
    memory.write(0, b"")
    with pytest.raises(PowerCut):
        memory.write(0, b"\x01")
    assert before + 2 == memory.writes


def test_a_worn_memory_refuses_to_write(memory):
    memory.worn = True
    with pytest.raises(WriteFailure, match="worn out"):
        memory.write(0, b"\x22")
    assert b"\x11" * 8 == memory.read(0, 8)


@pytest.mark.parametrize(("address", "length"), [(-1, 1), (8, 1), (7, 2)])
def test_a_write_outside_is_an_error_of_the_program(memory, address, length):
    with pytest.raises(ParameterError, match="write must be within 0..8"):
        memory.write(address, bytes(length))


def test_negative_cut_is_refused(memory):
    with pytest.raises(ParameterError, match="writes and torn must be 0 or more, got -1 and 0"):
        memory.cut_after(-1)


def test_restore_wants_the_whole_content(memory):
    content = memory.snapshot()
    memory.write(0, b"\x99")
    memory.restore(content)
    assert content == memory.snapshot()
    with pytest.raises(ParameterError, match="content must be 8 bytes, got 7 bytes"):
        memory.restore(content[1:])
