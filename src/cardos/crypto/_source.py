"""Sources: where the bytes of a message lie in the caller's columns, row by row, without copying them.

A source is a two-dimensional view of bytes, ``(N, width)``, or one row that stands for every row.  Native
integers become big-endian fields by a negative byte stride; only narrow integers and moments
(``datetime64``) are converted into new memory.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import date, time
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ParameterError
from ..fields import Field, Kind, Value
from ..layout import Layout

__all__ = ["Bytes2D", "Column", "Source", "byte_source", "common_rows", "constant", "field_source", "message"]

Bytes2D = npt.NDArray[np.uint8]

#: What a column may be: one value for all rows, or an array with a row each.
Column = Value | npt.ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Bytes ``data[row] ^ mask``; ``every_row`` when ``data`` has one row that serves all.

    ``name`` is for messages.  The bytes may be keys, so ``repr`` does not show them.
    """

    name: str
    data: Bytes2D = dataclass_field(repr=False)
    every_row: bool = False
    mask: int = 0

    @property
    def width(self) -> int:
        """Bytes in a row."""
        return int(self.data.shape[1])

    def row(self, index: int) -> bytes:
        """The bytes of one row."""
        row = self.data[0 if self.every_row else index]
        return bytes(byte ^ self.mask for byte in row.tolist())

    def complement(self) -> Source:
        """The same bytes inverted."""
        return replace(self, mask=self.mask ^ 0xFF)

    def part(self, start: int, stop: int) -> Source:
        """Bytes ``start:stop`` of every row."""
        return replace(self, data=self.data[:, start:stop])

    def of_rows(self, rows: slice) -> Source:
        """These rows alone."""
        return self if self.every_row else replace(self, data=self.data[rows])


def constant(name: str, value: bytes) -> Source:
    """The same bytes in every row."""
    return Source(name, np.frombuffer(value, np.uint8).reshape(1, -1), every_row=True)


def common_rows(sources: Iterable[Source]) -> int | None:
    """The number of rows that all sources share, ``None`` when each has one row for all.

    Raises :class:`~cardos.errors.ParameterError` naming the source that differs.
    """
    first: Source | None = None
    for source in sources:
        if source.every_row:
            continue
        if first is None:
            first = source
        elif len(source.data) != len(first.data):
            wanted = f"{len(first.data)} rows long, as {first.name} is"
            raise ParameterError(source.name, wanted, f"{len(source.data)} rows")
    return None if first is None else len(first.data)


def byte_source(name: str, value: Column, width: int) -> Source:
    """A source of ``width`` bytes: ``bytes`` for every row, an ``(N, width)`` uint8 array, or N items of
    that many bytes.
    """
    if isinstance(value, bytes):
        if len(value) != width:
            raise ParameterError(name, f"{width} bytes", f"{len(value)} bytes")
        return constant(name, value)
    array = _as_array(name, value)
    if array.dtype.kind in "SV" and array.dtype.itemsize == width and array.ndim == 1:
        return Source(name, _bytes_of(array))
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != width:
        raise ParameterError(name, f"an array (N, {width}) of uint8", _describe(array))
    return Source(name, array)


def field_source(field: Field, value: Column) -> Source:
    """A source of a field's encoding; the values are checked as :meth:`cardos.fields.Field.encode` checks
    one.

    A field takes one value, or an ``(N, width)`` uint8 array; a UINT field also integers ``(N,)``, a DATE
    or TIME field also ``datetime64``, of which it uses the date or the time of day.
    """
    if isinstance(value, np.integer):
        value = int(value)
    if isinstance(value, int | bytes | date | time):
        return constant(field.name, field.encode(value))
    array = _as_array(field.name, value)
    if array.ndim == 0 and array.dtype.kind in "iuM":
        return replace(field_source(field, array.reshape(1)), every_row=True)
    if field.kind is Kind.UINT and array.ndim == 1 and array.dtype.kind in "iu":
        return Source(field.name, _big_endian(field, array))
    if field.kind in _MOMENTS and array.ndim == 1 and array.dtype.kind == "M":
        return Source(field.name, _MOMENTS[field.kind](field, array))
    return byte_source(field.name, array, field.width)


def message(layout: Layout, columns: Mapping[str, Column]) -> tuple[Source, ...]:
    """The sources of a layout's elements, in order; columns that the layout does not name are ignored."""
    fields: dict[str, Source] = {}
    for field in layout.fields:
        if field.name not in columns:
            raise ParameterError(field.name, f"given for {layout.name}", "nothing")
        fields[field.name] = field_source(field, columns[field.name])
    return tuple(
        constant("constant", element.constant)
        if element.field is None
        else fields[element.field.name].part(element.start, element.stop)
        for element in layout.elements
    )


def _as_array(name: str, value: Column) -> npt.NDArray[Any]:  # Any: what the column has
    """NumPy's view of a column, and that of an Arrow array without nulls."""
    if type(value).__module__.partition(".")[0] != "pyarrow":
        return np.asarray(value)
    from ._arrow import as_numpy

    return as_numpy(name, value)


def _describe(array: npt.NDArray[np.generic]) -> str:
    return f"shape {array.shape} of {array.dtype}"


def _bytes_of(array: npt.NDArray[np.generic]) -> Bytes2D:
    """The bytes of a one-dimensional array, one row for each item, in memory order and without a copy."""
    rows = np.lib.stride_tricks.as_strided(array, (len(array), 1), (*array.strides, array.itemsize))
    return rows.view(np.uint8)


def _big_endian(field: Field, array: npt.NDArray[np.integer]) -> Bytes2D:
    _check_range(field, array)
    if array.itemsize < field.width:
        array = array.astype(np.uint64)
    raw = _bytes_of(array)
    big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big")
    return (raw if big else raw[:, ::-1])[:, array.itemsize - field.width :]


def _check_range(field: Field, array: npt.NDArray[np.integer]) -> None:
    if array.dtype.kind == "u" and array.itemsize <= field.width:
        return
    wrong = (array < 0) | (array > field.maximum)
    if wrong.any():
        row = int(wrong.argmax())
        raise ParameterError(field.name, f"0..{field.maximum}", f"{array[row]} in row {row}")


def _bcd(*pairs: npt.NDArray[np.int64]) -> Bytes2D:
    """One BCD byte for each array of numbers 0..99."""
    numbers = np.stack(pairs, axis=1)
    return (numbers // 10 * 16 + numbers % 10).astype(np.uint8)


def _refuse_nat(field: Field, array: npt.NDArray[np.datetime64]) -> None:
    missing = np.isnat(array)
    if missing.any():
        raise ParameterError(
            field.name, f"a {field.kind.value} in every row", f"NaT in row {int(missing.argmax())}"
        )


def _dates(field: Field, array: npt.NDArray[np.datetime64]) -> Bytes2D:
    _refuse_nat(field, array)
    days, months = array.astype("datetime64[D]"), array.astype("datetime64[M]")
    year = array.astype("datetime64[Y]").astype(np.int64) + 1970
    wrong = (year < 1) | (year > 9999)
    if wrong.any():
        row = int(wrong.argmax())
        raise ParameterError(field.name, "a date of the years 1..9999", f"the year {year[row]} in row {row}")
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    return _bcd(year // 100, year % 100, months.astype(np.int64) % 12 + 1, day)


def _times(field: Field, array: npt.NDArray[np.datetime64]) -> Bytes2D:
    _refuse_nat(field, array)
    seconds = (array.astype("datetime64[s]") - array.astype("datetime64[D]")).astype(np.int64)
    return _bcd(seconds // 3600, seconds // 60 % 60, seconds % 60)


_MOMENTS = {Kind.DATE: _dates, Kind.TIME: _times}
