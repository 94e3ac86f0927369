"""Upload files: written whole, refused when damaged, never sent twice."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import ParameterError, UploadError
from cardos.host import (
    EntryState,
    Journal,
    RecordFlag,
    TerminalRecord,
    UploadHeader,
    collect,
    parse_upload,
    read_upload,
    upload,
    write_upload,
)

from .test_record import PURCHASE

HEADER = UploadHeader(1, 7, datetime(2025, 3, 1, 23, 50, 1))
NIGHT = datetime(2025, 3, 1, 23, 59)


def torn(serial: int) -> TerminalRecord:
    return replace(PURCHASE, terminal_serial=serial, flag=RecordFlag.TORN, tac=bytes(4))


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal", operator=1) as journal:
        yield journal


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def good(folder):
    return write_upload(folder, HEADER, [PURCHASE, replace(PURCHASE, terminal_serial=1)]).read_bytes()


def test_file_is_as_declared(folder):
    path = write_upload(folder, HEADER, [PURCHASE])
    raw = path.read_bytes()
    head = b"CARDOSUP" + bytes.fromhex("01 0001 00000007 20250301 235001 00000001 0040")
    assert "0001-20250301-000007.cup" == path.name
    assert head + bytes(PURCHASE) == raw[:-4]
    assert zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "big")
    assert [path] == list(folder.iterdir())  # no part of a file is left over


@given(operator=st.integers(0, 0xFFFF), sequence=st.integers(0, 0xFFFFFFFF), count=st.integers(0, 4))
def test_upload_round_trip(operator, sequence, count):
    header = UploadHeader(operator, sequence, datetime(2025, 3, 1))
    records = [replace(PURCHASE, terminal_serial=number) for number in range(count)]
    written = upload.UploadFile(header, b"".join(map(bytes, records)), "a.cup")
    again = parse_upload(bytes(written), where="a.cup")
    assert written == again
    assert records == [TerminalRecord.decode(raw) for raw in again]
    assert count == again.count


def _with_crc(raw: bytes) -> bytes:
    return raw[:-4] + zlib.crc32(raw[:-4]).to_bytes(4, "big")


def _patched(offset: int, value: str, raw: bytes) -> bytes:
    part = bytes.fromhex(value)
    return _with_crc(raw[:offset] + part + raw[offset + len(part) :])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(lambda _: b"", "header at offset 0: must be 28 bytes, got 0", id="empty"),
        pytest.param(lambda raw: raw[:27], "header at offset 27: must be 28 bytes, got 27", id="header-cut"),
        pytest.param(
            lambda raw: raw[:28], "records at offset 28: .* must be 160 bytes, got 28", id="only-header"
        ),
        pytest.param(
            lambda raw: raw[:-1],
            "records at offset 159: .* must be 160 bytes, got 159",
            id="last-byte-missing",
        ),
        pytest.param(lambda raw: raw[:-64], "records at offset 96: file of 2 records", id="record-missing"),
        pytest.param(lambda raw: raw + b"\x00", "records at offset 160: .* got more", id="trailing-byte"),
        pytest.param(lambda raw: b"X" + raw[1:], "magic at offset 0: must be CARDOSUP", id="magic"),
        pytest.param(
            lambda raw: _patched(8, "02", raw), "version at offset 8: must be 1, got 2", id="version"
        ),
        pytest.param(
            lambda raw: _patched(15, "20250230", raw), "created at offset 15: .* 20250230", id="date"
        ),
        pytest.param(
            lambda raw: _patched(15, "2025FF01", raw), "created at offset 15: BCD", id="date-no-bcd"
        ),
        pytest.param(lambda raw: _patched(19, "250000", raw), "created at offset 15: .* 250000", id="time"),
        pytest.param(
            lambda raw: _patched(22, "00000003", raw), "records at offset 160: file of 3 records", id="count"
        ),
        pytest.param(
            lambda raw: _patched(22, "FFFFFFFF", raw),
            "count at offset 22: must be 0..1000000",
            id="count-huge",
        ),
        pytest.param(
            lambda raw: _patched(26, "0041", raw),
            "record length at offset 26: must be 64, got 65",
            id="length",
        ),
        pytest.param(lambda raw: raw[:40] + b"\xff" + raw[41:], "checksum at offset 156", id="checksum"),
    ],
)
def test_damaged_file_is_refused_with_file_place_and_expectation(good, damage, problem):
    with pytest.raises(UploadError, match=f"^a.cup: {problem}") as caught:
        parse_upload(damage(good), where="a.cup")
    assert "\n" not in str(caught.value)


@given(position=st.integers(0, 159), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(position, bit):
    body = bytes(PURCHASE) + bytes(replace(PURCHASE, terminal_serial=1))
    raw = bytearray(bytes(upload.UploadFile(HEADER, body, "a")))
    raw[position] ^= 1 << bit
    with pytest.raises(UploadError):
        parse_upload(bytes(raw), where="a")


def test_an_impossible_record_does_not_refuse_the_file(folder):
    bad = bytes(PURCHASE).replace(bytes.fromhex("20161216"), bytes.fromhex("20169999"))
    raw = bytes(upload.UploadFile(HEADER, bytes(PURCHASE) + bad, "a"))
    assert [bytes(PURCHASE), bad] == list(parse_upload(raw, where="a"))


def test_missing_file_is_an_upload_error(tmp_path):
    with pytest.raises(UploadError, match=r"none\.cup: file must be readable"):
        read_upload(tmp_path / "none.cup")


def test_same_name_with_other_content_is_refused_and_kept(folder):
    path = write_upload(folder, HEADER, [PURCHASE])
    before = path.read_bytes()
    assert path == write_upload(folder, HEADER, [PURCHASE])
    with pytest.raises(UploadError, match="take the next sequence"):
        write_upload(folder, HEADER, [])
    assert before == path.read_bytes()


def test_too_many_records_are_refused(folder, monkeypatch):
    monkeypatch.setattr(upload, "MOST_RECORDS", 1)
    with pytest.raises(ParameterError, match="records must be at most 1, got 2"):
        write_upload(folder, HEADER, [PURCHASE, PURCHASE])


@pytest.mark.parametrize(("operator", "sequence"), [(-1, 0), (65536, 0), (0, -1), (0, 1 << 32)])
def test_header_out_of_range_is_refused(operator, sequence):
    with pytest.raises(ParameterError):
        UploadHeader(operator, sequence, NIGHT)


def test_failed_write_leaves_nothing(folder, monkeypatch):
    def fail(self: object, target: object) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk is gone"):
        write_upload(folder, HEADER, [PURCHASE])
    assert [] == list(folder.iterdir())


# ---------------------------------------------------------------- collecting from a journal


def test_collect_takes_complete_torn_and_open_but_not_void(journal, folder):
    complete, void, given_up, still_open = (journal.begin(torn(number)) for number in range(4))
    journal.complete(complete, b"TAC1")
    journal.void(void)
    journal.give_up(given_up)
    found = read_upload(collect(journal, folder, created=NIGHT))
    expected = [complete.record.completed(b"TAC1"), given_up.record, still_open.record]
    assert expected == [TerminalRecord.decode(raw) for raw in found]
    assert [0, 1, 1] == [record.flag for record in expected]


def test_collect_again_sends_nothing_twice(journal, folder):
    journal.complete(journal.begin(torn(0)), b"TAC1")
    first, second = (read_upload(collect(journal, folder, created=NIGHT)) for _ in range(2))
    assert (1, 0) == (first.count, second.count)
    assert (1, 2) == (first.header.sequence, second.header.sequence)


def test_a_torn_record_that_is_proved_later_goes_up_whole(journal, folder):
    entry = journal.begin(torn(0))
    collect(journal, folder, created=NIGHT)
    journal.complete(entry, b"TAC1")
    found = read_upload(collect(journal, folder, created=NIGHT))
    assert [entry.record.completed(b"TAC1")] == [TerminalRecord.decode(raw) for raw in found]


def test_a_torn_record_that_went_up_as_open_does_not_go_up_again(journal, folder):
    entry = journal.begin(torn(0))
    collect(journal, folder, created=NIGHT)
    journal.give_up(entry)
    assert 0 == read_upload(collect(journal, folder, created=NIGHT)).count


@pytest.mark.parametrize("moment", ["before-write", "before-mark"])
def test_interrupted_collect_writes_the_same_file_again(tmp_path, folder, monkeypatch, moment):
    path = tmp_path / "interrupted"
    journal = Journal(path, operator=1)
    entry = journal.begin(torn(0))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        target = (upload, "write_upload") if moment == "before-write" else (journal, "mark_uploaded")
        patch.setattr(*target, crash)
        with pytest.raises(KeyboardInterrupt):
            collect(journal, folder, created=NIGHT)
    left = [file.read_bytes() for file in folder.iterdir()]
    abandoned = journal  # not closed, as after kill -9

    with Journal(path, operator=1) as again:
        again.complete(entry, b"TAC1")  # what happens now is for the next file
        again.complete(again.begin(torn(1)), b"TAC2")
        file = collect(again, folder, created=datetime(2025, 3, 2))
        assert [file] == list(folder.iterdir())
        assert left in ([], [file.read_bytes()])
        assert [bytes(entry.record)] == list(read_upload(file))
        rest = read_upload(collect(again, folder, created=datetime(2025, 3, 2)))
        assert [EntryState.COMPLETE] * 2 == [item.state for item in again.entries()]
        assert 2 == rest.count
    abandoned.close()


def test_terminals_of_one_operator_number_their_files_apart(tmp_path, folder):
    names = []
    for first in (1, 1001):
        with Journal(tmp_path / f"{first}", operator=3, first_sequence=first) as journal:
            names.append(collect(journal, folder, created=NIGHT).name)
    assert ["0003-20250301-000001.cup", "0003-20250301-001001.cup"] == names
