"""Arrow arrays as NumPy sees them, without a copy where Arrow's layout is one of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import ParameterError

__all__ = ["as_numpy", "one_chunk"]


def one_chunk(column: Any) -> pa.Array:  # Any: an Array or a ChunkedArray of any type
    """The column as one array; a column of several chunks is copied into one."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def as_numpy(name: str, column: Any) -> npt.NDArray[np.generic]:  # Any: as above
    """``(N, width)`` uint8 for ``fixed_size_binary``, integers, or ``datetime64`` for dates, times and timestamps.

    Raises :class:`~cardos.errors.ParameterError` for nulls, other types and a timestamp with a time zone: a card knows
    the local time.
    """
    array = one_chunk(column)
    kind = array.type
    if array.null_count:
        raise ParameterError(
            name, "without nulls here; cardos.crypto.arrow takes them", f"{array.null_count} nulls"
        )
    if pa.types.is_fixed_size_binary(kind):
        return _items(array, kind.byte_width, np.dtype(np.uint8)).reshape(len(array), kind.byte_width)
    if pa.types.is_integer(kind):
        return _items(array, 1, np.dtype(kind.to_pandas_dtype()))
    if pa.types.is_date32(kind):
        return _items(array, 1, np.dtype(np.int32)).astype("datetime64[D]")
    if pa.types.is_time32(kind) or pa.types.is_time64(kind):
        counts = _items(array, 1, np.dtype(f"i{kind.bit_width // 8}"))
        return counts.astype(np.int64, copy=False).view(f"datetime64[{kind.unit}]")
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return _items(array, 1, np.dtype(f"datetime64[{kind.unit}]"))
    raise ParameterError(
        name, "fixed_size_binary, integers, date32, time or timestamp without time zone", str(kind)
    )


def _items(
    array: pa.Array, per_row: int, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:  # Any: the dtype asked for
    """The values where they lie."""
    count = len(array) * per_row
    data = array.buffers()[1]
    if data is None or not count:
        return np.empty(count, dtype)
    return np.frombuffer(data, dtype, count, array.offset * per_row * dtype.itemsize)
