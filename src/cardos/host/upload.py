"""Upload files, ``cardos upload/1``: the records that an operator hands to the clearing centre.

========  =====  ==============================================================
offset    bytes  content (numbers big endian)
========  =====  ==============================================================
0         8      magic ``CARDOSUP``
8         1      version, 1
9         2      operator
11        4      sequence of the operator's files
15        7      moment of creation, BCD ``YYYYMMDDHHMMSS``
22        4      count of records
26        2      record length, 64
28        64 n   records (:data:`cardos.host.record.RECORD`)
28+64 n   4      CRC-32 of everything before
========  =====  ==============================================================
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import cast

from ..durable import write_new
from ..errors import DecodeError, ParameterError, UploadError
from ..fields import FIELDS, with_moment
from .journal import Journal
from .record import RECORD, TerminalRecord

__all__ = [
    "HEADER_SIZE",
    "MOST_RECORDS",
    "UploadFile",
    "UploadHeader",
    "collect",
    "parse_upload",
    "read_upload",
    "write_upload",
]

_MAGIC, _VERSION = b"CARDOSUP", 1
_HEADER = struct.Struct(">8sBHI4s3sIH")
_TRAILER = struct.Struct(">I")
_AT_VERSION, _AT_CREATED, _AT_COUNT, _AT_LENGTH = 8, 15, 22, 26

#: Length of the header, bytes: the offset of the first record.
HEADER_SIZE = _HEADER.size

#: Most records of one file; an operator with more writes more files.
MOST_RECORDS = 1_000_000


@dataclass(frozen=True, slots=True)
class UploadHeader:
    """Who made the file and when: ``operator`` 0..65535, ``sequence`` 0..4294967295, ``created`` in whole
    seconds.

    >>> UploadHeader(2, 17, datetime(2025, 3, 1, 23, 50)).file_name
    '0002-20250301-000017.cup'
    """

    operator: int
    sequence: int
    created: datetime

    def __post_init__(self) -> None:
        for name, most in (("operator", 0xFFFF), ("sequence", 0xFFFFFFFF)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ParameterError(name, f"0..{most}", value)

    @property
    def file_name(self) -> str:
        """The name that the file must have: operator, day, sequence."""
        return f"{self.operator:04d}-{self.created:%Y%m%d}-{self.sequence:06d}.cup"


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file whose frame is sound.  ``body`` is its records one after the other, not yet decoded; ``where``
    its name.
    """

    header: UploadHeader
    body: bytes
    where: str

    @property
    def count(self) -> int:
        """Number of records."""
        return len(self.body) // RECORD.width

    def __iter__(self) -> Iterator[bytes]:
        """The raw records in order."""
        width = RECORD.width
        return (self.body[start : start + width] for start in range(0, len(self.body), width))

    def __bytes__(self) -> bytes:
        moment = with_moment(self.header.created)
        head = _HEADER.pack(
            _MAGIC, _VERSION, self.header.operator, self.header.sequence, FIELDS["date"].encode(moment["date"]),
            FIELDS["time"].encode(moment["time"]), self.count, RECORD.width,
        )  # fmt: skip
        return head + self.body + _TRAILER.pack(zlib.crc32(head + self.body))


def write_upload(folder: Path, header: UploadHeader, records: Sequence[TerminalRecord]) -> Path:
    """The path of a new upload file in ``folder``: durable and whole when this returns.

    Writing the same file again changes nothing.  A file of that name with other content raises
    :class:`~cardos.errors.UploadError` and stays as it is; more than :data:`MOST_RECORDS` records raise
    :class:`~cardos.errors.ParameterError`.
    """
    if len(records) > MOST_RECORDS:
        raise ParameterError("records", f"at most {MOST_RECORDS}", len(records))
    path = folder / header.file_name
    content = bytes(UploadFile(header, b"".join(bytes(record) for record in records), str(path)))
    if not path.exists():
        return write_new(path, content)
    if path.read_bytes() != content:
        raise UploadError(
            "file must be new, or equal to the one that exists; take the next sequence", where=str(path)
        )
    return path


def collect(journal: Journal, folder: Path, *, created: datetime) -> Path:
    """The path of an upload file with everything that ``journal`` has not uploaded; torn records have flag 01.

    The records are marked as uploaded after the file is durable.  Interrupted anywhere, the next call
    writes the same file with the same content, so no record is lost or sent in two files.
    """
    batch = journal.open_batch(created)
    path = write_upload(folder, UploadHeader(batch.operator, batch.sequence, batch.created), batch.records)
    journal.mark_uploaded(batch)
    return path


def read_upload(path: Path) -> UploadFile:
    """The upload file at ``path``; :class:`~cardos.errors.UploadError` says what is wrong with its frame.

    The records themselves are not judged: one impossible record is no reason to refuse the others.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(HEADER_SIZE + MOST_RECORDS * RECORD.width + _TRAILER.size + 1)
    except OSError as error:
        raise UploadError(f"file must be readable, got {error.strerror}", where=str(path)) from None
    return parse_upload(raw, where=str(path))


def parse_upload(raw: bytes, *, where: str) -> UploadFile:
    """The upload file in ``raw``; ``where`` names it in errors.

    >>> parse_upload(b"CARDOS", where="a.cup")
    Traceback (most recent call last):
    ...
    cardos.errors.UploadError: a.cup: header at offset 6: must be 28 bytes, got 6
    """
    if len(raw) < HEADER_SIZE:
        raise _wrong("header", len(raw), f"must be {HEADER_SIZE} bytes, got {len(raw)}", where)
    magic, version, operator, sequence, day, moment, count, length = _HEADER.unpack_from(raw)
    if magic != _MAGIC:
        raise _wrong("magic", 0, f"must be {_MAGIC.decode()}, got {magic!r}; not an upload file", where)
    if version != _VERSION:
        raise _wrong(
            "version", _AT_VERSION, f"must be {_VERSION}, got {version}; made by a newer release?", where
        )
    if length != RECORD.width:
        raise _wrong("record length", _AT_LENGTH, f"must be {RECORD.width}, got {length}", where)
    _check_frame(raw, count, where)
    header = UploadHeader(operator, sequence, _created(day, moment, where))
    return UploadFile(header, raw[HEADER_SIZE : -_TRAILER.size], where)


def _check_frame(raw: bytes, count: int, where: str) -> None:
    if count > MOST_RECORDS:
        raise _wrong("count", _AT_COUNT, f"must be 0..{MOST_RECORDS}, got {count}", where)
    end = HEADER_SIZE + count * RECORD.width + _TRAILER.size
    if len(raw) != end:
        problem = f"file of {count} records must be {end} bytes, got {len(raw) if len(raw) < end else 'more'}"
        raise _wrong("records", min(len(raw), end), problem, where)
    computed, stored = zlib.crc32(raw[: -_TRAILER.size]), _TRAILER.unpack_from(raw, end - _TRAILER.size)[0]
    if computed != stored:
        problem = f"must be {computed:08X}, got {stored:08X}; the file was damaged"
        raise _wrong("checksum", end - _TRAILER.size, problem, where)


def _created(day: bytes, moment: bytes, where: str) -> datetime:
    try:
        return datetime.combine(
            cast(date, FIELDS["date"].decode(day)),  # a DATE field decodes to a date, a TIME field to a time
            cast(time, FIELDS["time"].decode(moment)),
        )
    except DecodeError as error:
        raise _wrong("created", _AT_CREATED, error.problem, where) from None


def _wrong(place: str, offset: int, problem: str, where: str) -> UploadError:
    return UploadError(f"{place} at offset {offset}: {problem}", where=where)
