r"""Columns of Arrow tables: MACs, TACs and verdicts as Arrow arrays.  Needs pyarrow.

The functions of :mod:`cardos.crypto.column`, which take Arrow columns too, with Arrow's nulls: the result of a row is
null when one of its columns is.  Columns are read where they lie, unless they have nulls or several chunks, and results
are handed over without a copy.  Types: ``fixed_size_binary`` of a field's width; integers for numbers; ``date32``,
``time32``, ``time64`` and ``timestamp`` without a time zone for dates and times.  A key column has no nulls.

>>> import pyarrow as pa
>>> from cardos.crypto import Key
>>> from cardos.profile import load_dialect
>>> key = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
>>> tac_column(load_dialect("pboc2"), "load", key, balance=pa.array([0x2000, None], pa.uint32()), online_serial=0,
...            amount=0x2000, type=2, terminal=bytes.fromhex("001122334455"),
...            date=bytes.fromhex("20161216"), time=bytes.fromhex("105800")).to_pylist()
[b'\xfa\x00\x06m', None]
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from ..errors import MissingComponent

try:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    raise MissingComponent(error.name or "pyarrow", "clearing") from None

from . import column
from ._arrow import one_chunk
from .column import Column, KeyColumn
from .dialect import Dialect
from .key import Key

__all__ = ["mac_column", "tac_column", "verify_tac_column"]

_MAC_SIZE = 4


def mac_column(
    dialect: Dialect, transaction: str, item: str, session_keys: Key | KeyColumn, /, *, threads: int = 1,
    **columns: Column | pa.Array,
) -> pa.FixedSizeBinaryArray:  # fmt: skip
    """MAC1, MAC2, MAC3 or GMAC of every row; see :func:`cardos.crypto.column.mac_column`."""
    filled, valid = _without_nulls(columns)
    macs = column.mac_column(dialect, transaction, item, session_keys, threads=threads, **filled)
    return _array(pa.binary(_MAC_SIZE), len(macs), macs, valid)


def tac_column(
    dialect: Dialect, transaction: str, tac_keys: Key | KeyColumn, /, *, item: str = "tac", threads: int = 1,
    **columns: Column | pa.Array,
) -> pa.FixedSizeBinaryArray:  # fmt: skip
    """TAC (or ``item="gtac"``) of every row; see :func:`cardos.crypto.column.tac_column`."""
    filled, valid = _without_nulls(columns)
    tacs = column.tac_column(dialect, transaction, tac_keys, item=item, threads=threads, **filled)
    return _array(pa.binary(_MAC_SIZE), len(tacs), tacs, valid)


def verify_tac_column(
    dialect: Dialect, transaction: str, tac_keys: Key | KeyColumn, received: Column | pa.Array, /, *,
    item: str = "tac", threads: int = 1, **columns: Column | pa.Array,
) -> pa.BooleanArray:  # fmt: skip
    """Whether ``received`` is the TAC of its row, one bit a row; see :func:`cardos.crypto.column.verify_tac_column`."""
    filled, valid = _without_nulls({"received": received, **columns})
    given = filled.pop("received")
    verdicts = column.verify_tac_column(
        dialect, transaction, tac_keys, given, item=item, threads=threads, **filled
    )
    return _array(pa.bool_(), len(verdicts), np.packbits(verdicts, bitorder="little"), valid)


def _without_nulls(
    columns: Mapping[str, Column | pa.Array],
) -> tuple[dict[str, Any], pa.BooleanArray | None]:  # Any: the columns as they were given
    """The columns with nulls filled by zeros, and which rows had none; ``None`` for all."""
    filled, valid = dict(columns), []
    for name, each in columns.items():
        if isinstance(each, pa.Array | pa.ChunkedArray) and each.null_count:
            array = one_chunk(each)
            valid.append(array.is_valid())
            filled[name] = array.fill_null(_zero(array.type))
    return filled, reduce(pc.and_, valid) if valid else None


def _zero(kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_fixed_size_binary(kind):
        return pa.scalar(bytes(kind.byte_width), kind)
    return pa.scalar(0, kind)


def _array(kind: pa.DataType, rows: int, data: Any, valid: pa.BooleanArray | None) -> Any:
    # Any: an Arrow array of that kind over a NumPy array
    """An Arrow array over ``data``."""
    marks = None
    if valid is not None:
        marks = pa.py_buffer(np.packbits(valid.to_numpy(zero_copy_only=False), bitorder="little"))
    return pa.Array.from_buffers(kind, rows, [marks, pa.py_buffer(data)])
