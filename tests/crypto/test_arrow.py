"""Arrow columns: the results of NumPy's, where the data lie, with nulls."""

from __future__ import annotations

from datetime import datetime, time

import numpy as np
import pyarrow as pa
import pytest

from cardos.crypto import Key, arrow, column
from cardos.crypto._arrow import as_numpy
from cardos.crypto.column import KeyColumn
from cardos.errors import ParameterError
from cardos.profile import load_dialect

PBOC = load_dialect("pboc2")
ROWS = 5
MOMENTS = [datetime(2016, 12, 16, 13, 46, second) for second in range(ROWS)]
AMOUNTS = list(range(100, 100 + ROWS))
TERMINALS = [bytes([0, 0, 0, 0, 0, row]) for row in range(ROWS)]
KEYS = [bytes([row]) * 8 + bytes([row + 7]) * 8 for row in range(ROWS)]

#: The columns of a purchase's TAC in Arrow's types, and in plain Python.
TABLE = pa.table(
    {
        "amount": pa.array(AMOUNTS, pa.uint32()),
        "type": pa.array([6] * ROWS, pa.uint8()),
        "terminal": pa.array(TERMINALS, pa.binary(6)),
        "terminal_serial": pa.array(range(ROWS), pa.int64()),
        "date": pa.array([moment.date() for moment in MOMENTS], pa.date32()),
        "time": pa.array([moment.time() for moment in MOMENTS], pa.time32("s")),
    }
)
PLAIN = TABLE.to_pylist()


def keys():
    return KeyColumn(pa.array(KEYS, pa.binary(16)))


def expected(row):
    return PBOC.tac("purchase", Key(KEYS[row]), **PLAIN[row])


def columns(table=TABLE):
    return dict(zip(table.column_names, table.columns, strict=True))


def test_tac_column():
    tacs = arrow.tac_column(PBOC, "purchase", keys(), **columns())
    assert pa.binary(4) == tacs.type
    assert [expected(row) for row in range(ROWS)] == tacs.to_pylist()


def test_mac_column():
    session = PBOC.session_key("purchase", Key(KEYS[0]), random=bytes(4), offline_serial=1, terminal_serial=0)
    macs = arrow.mac_column(PBOC, "purchase", "mac1", session, **columns())
    assert [PBOC.mac("purchase", "mac1", session, **row) for row in PLAIN] == macs.to_pylist()


def test_verify_tac_column():
    received = [expected(row) for row in range(ROWS)]
    received[2] = bytes(4)
    verdicts = arrow.verify_tac_column(
        PBOC, "purchase", keys(), pa.array(received, pa.binary(4)), **columns()
    )
    assert pa.bool_() == verdicts.type
    assert [True, True, False, True, True] == verdicts.to_pylist()


@pytest.mark.parametrize("name", TABLE.column_names)
def test_a_null_makes_its_row_null(name):
    values = TABLE[name].to_pylist()
    values[3] = None
    given = {**columns(), name: pa.array(values, TABLE[name].type)}
    tacs = arrow.tac_column(PBOC, "purchase", keys(), **given)
    assert [None if row == 3 else expected(row) for row in range(ROWS)] == tacs.to_pylist()
    received = pa.array([expected(row) for row in range(ROWS)], pa.binary(4))
    verdicts = arrow.verify_tac_column(PBOC, "purchase", keys(), received, **given)
    assert [None if row == 3 else True for row in range(ROWS)] == verdicts.to_pylist()


def test_a_received_tac_that_is_null_has_no_verdict():
    received = pa.array([expected(0), None, *(expected(row) for row in range(2, ROWS))], pa.binary(4))
    verdicts = arrow.verify_tac_column(PBOC, "purchase", keys(), received, **columns())
    assert [True, None, True, True, True] == verdicts.to_pylist()


def test_slices_and_chunks():
    sliced = arrow.tac_column(PBOC, "purchase", keys(), **columns(pa.concat_tables([TABLE, TABLE])[ROWS:]))
    chunked = pa.concat_tables([TABLE[:2], TABLE[2:]])
    assert 2 == chunked["amount"].num_chunks
    assert sliced == arrow.tac_column(PBOC, "purchase", keys(), **columns(chunked))
    assert [expected(row) for row in range(ROWS)] == sliced.to_pylist()


def test_the_functions_of_numpy_take_arrow_columns():
    tacs = column.tac_column(PBOC, "purchase", keys(), **columns())
    assert [expected(row) for row in range(ROWS)] == [row.tobytes() for row in tacs]


def test_no_rows():
    tacs = arrow.tac_column(PBOC, "purchase", Key(KEYS[0]), **columns(TABLE[:0]))
    assert [] == tacs.to_pylist()


IN_PLACE = {
    "fixed_size_binary": pa.array(TERMINALS, pa.binary(6)),
    "uint32": pa.array(AMOUNTS, pa.uint32()),
    "int64": pa.array(AMOUNTS, pa.int64()),
    "time64": pa.array([time(1, 2, 3)] * ROWS, pa.time64("us")),
    "timestamp": pa.array(MOMENTS, pa.timestamp("s")),
}


@pytest.mark.parametrize("array", IN_PLACE.values(), ids=IN_PLACE)
@pytest.mark.parametrize("start", [0, 1])
def test_columns_are_read_where_they_lie(array, start):
    data = array.buffers()[1]
    view = as_numpy("column", array[start:])
    assert data.address + start * array.nbytes // len(array) == view.ctypes.data


def test_results_are_not_copied(monkeypatch):
    tacs = np.full((ROWS, 4), 7, np.uint8)
    monkeypatch.setattr(column, "tac_column", lambda *_, **__: tacs)
    assert tacs.ctypes.data == arrow.tac_column(PBOC, "purchase", keys(), **columns()).buffers()[1].address


@pytest.mark.parametrize(
    ("kind", "values", "form"),
    [
        (pa.timestamp("us", "UTC"), MOMENTS, "timestamp without time zone"),
        (pa.string(), ["1"] * ROWS, "fixed_size_binary, integers"),
        (pa.float64(), [1.0] * ROWS, "fixed_size_binary, integers"),
    ],
)
def test_types_that_are_refused(kind, values, form):
    with pytest.raises(ParameterError, match=f"^date must be .*{form}.*, got"):
        arrow.tac_column(PBOC, "purchase", keys(), **{**columns(), "date": pa.array(values, kind)})


def test_nulls_among_keys_are_refused():
    with pytest.raises(ParameterError, match=r"^keys must be without nulls here.*, got 1 nulls$"):
        KeyColumn(pa.array([*KEYS[1:], None], pa.binary(16)))
