"""From the body of an upload file to columns: every record at once, an impossible one kept apart.

Columns hold signed 64-bit numbers, dates, moments and text only, which every engine understands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import DecodeError
from ..fields import FIELDS, Kind
from ..host.record import RECORD, RecordFlag, TerminalRecord

__all__ = ["RAW", "Parsed", "Unparsable", "parse"]

Bytes2D = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

#: A record as NumPy sees it: each field of the layout is a column of bytes.
RAW = np.dtype([(field.name, np.uint8, (field.width,)) for field in RECORD.fields])

_HEX = np.frombuffer(b"".join(b"%02X" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_TEXT_FIELDS = [f.name for f in RECORD.fields if f.kind is Kind.BYTES]
_NUMBER_FIELDS = [f.name for f in RECORD.fields if f.kind is Kind.UINT]


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A record that says nothing certain: its ``number`` in the file (from 1), what is wrong, and its bytes."""

    number: int
    problem: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """The records of a body: ``raw`` (:data:`RAW`) and ``table`` have the same rows; the others are in
    ``unparsable``.
    """

    raw: npt.NDArray[np.void]
    table: pa.Table
    unparsable: tuple[Unparsable, ...]


def parse(body: bytes) -> Parsed:
    """The columns of ``body``, records of :data:`cardos.host.record.RECORD` one after the other.

    ``number`` counts records from 1, ``moment`` joins date and time, bytes are upper-case hex.  A length that
    is no multiple of the record raises ``ValueError``; the upload file's frame was checked before.

    >>> parse(bytes(64)).unparsable[0].problem
    'terminal record/date at offset 22: must be a calendar date YYYYMMDD, got 00000000'
    """
    raw = np.frombuffer(body, RAW)
    days, day_good = dates(raw["date"])
    seconds, second_good = seconds_of_day(raw["time"])
    lists, list_good = dates(raw["list_version"])
    flag_good = np.isin(raw["flag"][:, 0], [flag.value for flag in RecordFlag])
    good = day_good & second_good & list_good & flag_good
    rows = np.flatnonzero(good)
    kept = raw[rows]
    columns = {name: numbers(kept[name]) for name in _NUMBER_FIELDS} | {
        "number": rows + 1,
        "moment": days[rows].astype("datetime64[s]") + seconds[rows],
        "list_version": lists[rows],
    }
    texts = {name: hex_text(kept[name]) for name in _TEXT_FIELDS}
    table = pa.table({name: pa.array(column) for name, column in columns.items()} | texts)
    return Parsed(kept, table, tuple(_unparsable(raw, int(row)) for row in np.flatnonzero(~good)))


def numbers(column: Bytes2D) -> npt.NDArray[np.int64]:
    """Big-endian numbers of up to 7 bytes.

    >>> numbers(np.array([[0x01, 0x00]], np.uint8)).tolist()
    [256]
    """
    value = np.zeros(len(column), np.int64)
    for position in range(column.shape[1]):
        value = value << 8 | column[:, position]
    return value


def hex_text(column: Bytes2D) -> pa.Array:
    """Upper-case hex of every row, as Arrow strings.

    >>> hex_text(np.array([[0xAB, 0x01]], np.uint8)).to_pylist()
    ['AB01']
    """
    count, width = column.shape
    text = np.ascontiguousarray(_HEX[column])
    offsets = np.arange(count + 1, dtype=np.int32) * (2 * width)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def dates(column: Bytes2D) -> tuple[npt.NDArray[np.datetime64], Flags]:
    """Calendar dates of BCD ``YYYYMMDD``, and which rows are one; the others hold some date.

    >>> days, good = dates(np.array([[0x20, 0x26, 0x02, 0x29], [0x20, 0x24, 0x02, 0x29]], np.uint8))
    >>> good.tolist(), str(days[1])
    ([False, True], '2024-02-29')
    """
    pairs, good = _pairs(column)
    year, month, day = pairs[:, 0] * 100 + pairs[:, 1], pairs[:, 2], pairs[:, 3]
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    return days, good & (days.astype("datetime64[M]") == first)


def seconds_of_day(column: Bytes2D) -> tuple[npt.NDArray[np.timedelta64], Flags]:
    """Time of day of BCD ``HHMMSS`` as a duration, and which rows are one.

    >>> seconds_of_day(np.array([[0x23, 0x59, 0x59], [0x24, 0, 0]], np.uint8))[1].tolist()
    [True, False]
    """
    pairs, good = _pairs(column)
    hour, minute, second = pairs[:, 0], pairs[:, 1], pairs[:, 2]
    good &= (hour < 24) & (minute < 60) & (second < 60)
    return ((hour * 60 + minute) * 60 + second).astype("timedelta64[s]"), good


def _pairs(column: Bytes2D) -> tuple[npt.NDArray[np.int64], Flags]:
    high, low = column >> 4, column & 0x0F
    good: Flags = np.logical_and.reduce((high < 10) & (low < 10), axis=1)
    return (high * 10 + low).astype(np.int64), good


def _unparsable(raw: npt.NDArray[np.void], row: int) -> Unparsable:
    record = raw[row].tobytes()
    try:
        flag = TerminalRecord.decode(record).flag
    except DecodeError as error:
        return Unparsable(row + 1, str(error), record)
    allowed = " or ".join(f"{known:02X}" for known in RecordFlag)
    place = sum(field.width for field in RECORD.fields[: RECORD.fields.index(FIELDS["flag"])])
    problem = f"{RECORD.name}/flag at offset {place}: must be {allowed}, got {flag:02X}"
    return Unparsable(row + 1, problem, record)
