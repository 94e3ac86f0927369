"""Columns against the scalar calls: every transaction, item, suite and form of a column; and every misuse by name."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import Cipher, Key, column, diversify
from cardos.crypto._pure import PureBackend
from cardos.crypto._rows import PureRows
from cardos.crypto.column import (
    KeyColumn,
    derive_column,
    mac_column,
    session_key_column,
    tac_column,
    verify_tac_column,
)
from cardos.fields import FIELDS, Kind
from cardos.profile import load_dialect

DIALECTS = [load_dialect(name, suite) for name in ("pboc2", "cjt166") for suite in ("3des", "sm4-a", "sm4-b")]
PBOC = load_dialect("pboc2")
KEY = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
GTAC_OR_TAC = ("tac", "gtac")

#: Pure rows, and those of the backend in use when it is the native core.
ENGINES = sorted({type(engine).__name__: engine for engine in (PureRows(), column._rows)}.items())


def rows_of(matrix):
    return [row.tobytes() for row in matrix]


def unsigned(width):
    return 8 if width > 4 else {1: 1, 2: 2, 3: 4, 4: 4}[width]


def in_records(matrix):
    records = np.zeros(len(matrix), [("before", "u1"), ("field", "u1", matrix.shape[1:]), ("after", "u2")])
    records["field"] = matrix
    return records["field"]


#: One matrix, laid out in many ways.
LAYOUTS = {
    "plain": lambda m: m,
    "fortran": np.asfortranarray,
    "part": lambda m: np.pad(m, ((1, 2), (3, 1)), constant_values=0xEE)[1:-2, 3:-1],
    "backwards": lambda m: m[::-1, ::-1].copy()[::-1, ::-1],
    "every-other": lambda m: np.repeat(m, 2, axis=0)[::2],
    "items": lambda m: np.array([row.tobytes() for row in m], f"V{m.shape[1]}"),
    "records": in_records,
}


@st.composite
def strided(draw, values, width):
    """An array ``(N, width)`` with the given rows."""
    matrix = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), width)
    return LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](matrix)


def numbers(draw, values, width):
    """An integer array of some type that can hold the values."""
    kinds = [f"{order}u{size}" for size in (1, 2, 4, 8) if size >= unsigned(width) for order in "<>"]
    kinds += [f"{order}i8" for order in "<>"]
    array = np.array(values, dtype=draw(st.sampled_from(kinds)))
    return draw(st.sampled_from([array, np.repeat(array, 3)[::3], array[::-1].copy()[::-1]]))


@st.composite
def column_of(draw, field, count):
    """The values of a field as scalars, one a row, and the same as a column."""
    if field.kind is Kind.UINT:
        scalars = st.integers(0, field.maximum)
    elif field.kind is Kind.DATE:
        scalars = st.dates()
    elif field.kind is Kind.TIME:
        scalars = st.times().map(lambda t: t.replace(microsecond=0))
    else:
        scalars = st.binary(min_size=field.width, max_size=field.width)
    if draw(st.booleans()):
        value = draw(scalars)
        return [value] * count, value
    values = draw(st.lists(scalars, min_size=count, max_size=count))
    form = draw(st.sampled_from(["bytes", "native"]))
    if form == "native" and field.kind is Kind.UINT:
        return values, numbers(draw, values, field.width)
    if form == "native" and field.kind is Kind.DATE:
        return values, np.array(values, dtype="datetime64[D]")
    if form == "native" and field.kind is Kind.TIME:
        moments = [datetime.combine(date(2025, 1, 2), value) for value in values]
        return values, np.array(moments, dtype="datetime64[us]")
    return values, draw(strided([field.encode(value) for value in values], field.width))


@st.composite
def cases(draw):
    """A dialect, a transaction, its fields as rows of scalars and as columns, and keys of both kinds."""
    dialect = draw(st.sampled_from(DIALECTS))
    transaction = draw(st.sampled_from(list(dialect.transactions.values())))
    count = draw(st.integers(0, 4))
    layouts = (*transaction.session, *transaction.items.values())
    names = sorted({field.name for layout in layouts for field in layout.fields})
    drawn = {name: draw(column_of(FIELDS[name], count)) for name in names}
    rows = [{name: values[i] for name, (values, _) in drawn.items()} for i in range(count)]
    columns = {name: column for name, (_, column) in drawn.items()}
    values = draw(st.lists(st.binary(min_size=16, max_size=16), min_size=count, max_size=count))
    keys = KeyColumn(draw(strided(values, 16)), dialect.suite.cipher)
    return dialect, transaction, rows, columns, [dialect.suite.key(value) for value in values], keys


@pytest.mark.slow
@given(cases(), st.data())
def test_columns_as_scalars(case, data):
    engine = data.draw(st.sampled_from(ENGINES))[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "_rows", engine)
        check_columns(case, data)


def check_columns(case, data):
    dialect, transaction, rows, columns, card_keys, keys = case
    sessions = [
        dialect.session_key(transaction.name, key, **row) for key, row in zip(card_keys, rows, strict=True)
    ]
    session_keys = session_key_column(dialect, transaction.name, keys, **columns)
    assert [key.reveal() for key in sessions] == rows_of(session_keys.reveal())
    item = data.draw(st.sampled_from(list(transaction.items)))
    if item in GTAC_OR_TAC:
        expected = [
            dialect.tac(transaction.name, k, item=item, **row) for k, row in zip(card_keys, rows, strict=True)
        ]
        found = tac_column(dialect, transaction.name, keys, item=item, **columns)
        verdicts = verify_tac_column(dialect, transaction.name, keys, found, item=item, **columns)
        assert [True] * len(rows) == verdicts.tolist()
    else:
        pairs = zip(sessions, rows, strict=True)
        expected = [dialect.mac(transaction.name, item, key, **row) for key, row in pairs]
        found = mac_column(dialect, transaction.name, item, session_keys, **columns)
        stored = mac_column(dialect, transaction.name, item, session_keys.evaluated(), **columns)
        assert np.array_equal(found, stored)
    assert (len(rows), 4) == found.shape
    assert expected == rows_of(found)


@given(
    st.sampled_from([Cipher.TDES, Cipher.SM4]),
    st.binary(min_size=16, max_size=16),
    st.lists(st.lists(st.binary(min_size=8, max_size=8), min_size=3, max_size=3), max_size=3),
    st.data(),
)
def test_derived_keys_as_scalars(cipher, value, levels, data):
    master = Key(value, cipher)
    factors = [data.draw(strided(level, 8)) for level in levels]
    keys = derive_column(master, bytes(8), *factors)
    expected = [diversify(master, bytes(8), *(level[i] for level in levels)) for i in range(len(keys))]
    assert (3 if levels else 1) == len(keys)
    assert cipher is keys.cipher
    assert [key.reveal() for key in expected] == rows_of(keys.reveal())


PURCHASE = {
    "amount": np.array([100, 200, 300], np.uint32),
    "type": 6,
    "terminal": np.arange(18, dtype=np.uint8).reshape(3, 6),
    "terminal_serial": np.array([1, 2, 3]),
    "date": date(2025, 1, 2),
    "time": time(3, 4, 5),
}


def test_from_the_root_to_the_verdict_in_one_call():
    """Root, city and card levels are inside the call: no card key is ever in memory."""
    city, cards = bytes.fromhex("1000000000000001"), np.arange(24, dtype=np.uint8).reshape(3, 8)
    tac = tac_column(PBOC, "purchase", derive_column(KEY, city, cards), **PURCHASE)
    for i, row in enumerate(cards):
        values = {name: v[i] if isinstance(v, np.ndarray) else v for name, v in PURCHASE.items()}
        values |= {
            "amount": int(values["amount"]),
            "terminal_serial": i + 1,
            "terminal": values["terminal"].tobytes(),
        }
        assert PBOC.tac("purchase", diversify(KEY, city, row.tobytes()), **values) == tac[i].tobytes()


def test_every_wrong_byte_of_a_tac_is_seen():
    tac = tac_column(PBOC, "purchase", KEY, **PURCHASE)
    for row, byte in np.ndindex(3, 4):
        forged = tac.copy()
        forged[row, byte] ^= 1 << (row + byte)
        verdicts = verify_tac_column(PBOC, "purchase", KEY, forged, **PURCHASE)
        assert [i != row for i in range(3)] == verdicts.tolist()


@pytest.mark.parametrize(
    "out",
    [
        pytest.param(np.zeros((3, 4), np.uint8), id="plain"),
        pytest.param(np.zeros((3, 9), np.uint8)[:, 2:6], id="part"),
        pytest.param(np.zeros((6, 8), np.uint8)[::-2, ::-2], id="backwards"),
        pytest.param(np.zeros((4, 3), np.uint8).T, id="transposed"),
        pytest.param(np.zeros(3, [("a", "u1"), ("tac", "u1", (4,)), ("b", "u1")])["tac"], id="record"),
    ],
)
def test_out_receives_the_result_and_nothing_beside_it_changes(out):
    whole = out.base if out.base is not None else out
    expected = tac_column(PBOC, "purchase", KEY, **PURCHASE)
    assert out is tac_column(PBOC, "purchase", KEY, out=out, **PURCHASE)
    assert np.array_equal(expected, out)
    out[:] = 0
    assert not any(whole.tobytes())


def test_keys_and_macs_go_into_out_too():
    out = np.zeros((3, 16), np.uint8)
    keys = derive_column(KEY, PURCHASE["terminal"].repeat(2, axis=1)[:, :8])
    assert out is keys.reveal(out=out)
    macs = np.zeros((3, 4), np.uint8)
    assert macs is mac_column(PBOC, "purchase", "mac2", Key(bytes(8)), out=macs, amount=PURCHASE["amount"])
    assert macs.any(axis=1).all()


def test_record_columns_beside_the_output_are_no_overlap():
    records = np.zeros(3, [("amount", ">u4"), ("mac", "u1", (4,))])
    records["amount"] = PURCHASE["amount"]
    expected = mac_column(PBOC, "purchase", "mac2", KEY, amount=PURCHASE["amount"])
    mac_column(PBOC, "purchase", "mac2", KEY, amount=records["amount"], out=records["mac"])
    assert np.array_equal(expected, records["mac"])


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513])
def test_row_counts(count):
    amounts = np.arange(count, dtype=np.uint32)
    macs = mac_column(PBOC, "purchase", "mac2", Key(bytes(8)), amount=amounts)
    assert (count, 4) == macs.shape
    for i in (0, count - 1) if count else ():
        assert PBOC.mac("purchase", "mac2", Key(bytes(8)), amount=i) == macs[i].tobytes()


def test_without_an_array_there_is_one_row():
    row = {name: value for name, value in PURCHASE.items() if not isinstance(value, np.ndarray)}
    row |= {"amount": np.uint32(7), "terminal_serial": 1, "terminal": bytes(6)}
    tac = tac_column(PBOC, "purchase", KEY, **row)
    assert (1, 4) == tac.shape
    assert [True] == verify_tac_column(PBOC, "purchase", KEY, tac[0].tobytes(), **row).tolist()
    assert KEY.reveal() == KeyColumn(KEY).evaluated().reveal().tobytes()


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">i2"])
def test_narrow_numbers_are_widened(dtype):
    amounts = np.array([1, 2, 127], dtype)
    expected = mac_column(PBOC, "purchase", "mac2", KEY, amount=amounts.astype(np.uint32))
    assert np.array_equal(expected, mac_column(PBOC, "purchase", "mac2", KEY, amount=amounts))


def test_arrays_without_a_dimension_are_single_values():
    single = PURCHASE | {
        "amount": np.array(9),
        "date": np.datetime64("2025-01-02"),
        "type": np.array(6, np.uint8),
    }
    plain = PURCHASE | {"amount": 9}
    assert np.array_equal(
        tac_column(PBOC, "purchase", KEY, **plain), tac_column(PBOC, "purchase", KEY, **single)
    )


def test_no_rows():
    none = np.zeros((0, 16), np.uint8)
    assert (0, 16) == KeyColumn(none).reveal().shape
    columns = PURCHASE | {
        "amount": np.zeros(0, int),
        "terminal": np.zeros((0, 6), np.uint8),
        "terminal_serial": 1,
    }
    assert (0, 4) == tac_column(PBOC, "purchase", KeyColumn(none), **columns).shape
    received = np.zeros((0, 4), np.uint8)
    assert (0,) == verify_tac_column(PBOC, "purchase", KEY, received, **columns).shape


def test_threads_share_columns():
    expected = tac_column(PBOC, "purchase", KEY, **PURCHASE)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: tac_column(PBOC, "purchase", KEY, **PURCHASE), range(16)))
    assert all(np.array_equal(expected, found) for found in runs)


def test_input_is_not_changed():
    columns = {name: copy.deepcopy(value) for name, value in PURCHASE.items()}
    for value in columns.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    expected = tac_column(PBOC, "purchase", KEY, **PURCHASE)
    assert np.array_equal(expected, tac_column(PBOC, "purchase", KEY, **columns))
    assert all(np.array_equal(columns[name], PURCHASE[name]) for name in PURCHASE)


# ---------------------------------------------------------------- key columns


def test_a_key_column_shows_no_key():
    values = np.frombuffer(KEY.reveal() * 2, np.uint8).reshape(2, 16)
    keys = KeyColumn(values)
    assert "<KeyColumn TDES, 2 rows>" == repr(keys) == str(keys)
    assert repr(KeyColumn(KEY)) == "<KeyColumn TDES, every row>"
    assert (
        repr(session_key_column(PBOC, "load", keys, random=bytes(4), online_serial=0))
        == "<KeyColumn DES, 2 rows>"
    )
    assert "data" not in repr(keys.recipe)
    for store in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            store(keys)


def test_derived_keys_are_computed_where_they_are_used_and_evaluated_once_on_request():
    factors = np.zeros((2, 8), np.uint8)
    lazy = derive_column(KEY, factors)
    stored = lazy.evaluated()
    factors[0] = 1
    assert not np.array_equal(lazy.reveal()[0], lazy.reveal()[1])
    assert np.array_equal(stored.reveal()[0], stored.reveal()[1])


def test_rows_are_computed_by_the_backend_in_use(monkeypatch):
    assert type(column._row_engine()) is type(column._rows)
    monkeypatch.setattr(column, "engine", PureBackend())
    assert isinstance(column._row_engine(), PureRows)


@pytest.mark.slow
def test_rows_that_lie_gigabytes_apart():
    rows, step = 600, 8 << 20  # the last one beyond 2^32 bytes; memory that is never touched takes no room
    far = np.zeros((rows, step), np.uint8)
    amounts = far[:, :4]
    amounts[:] = np.arange(rows, dtype=">u4").view(np.uint8).reshape(-1, 4)
    given = {"type": 6, "terminal": bytes(6), "terminal_serial": 1, "date": bytes(4), "time": bytes(3)}
    near = tac_column(PBOC, "purchase", KEY, amount=np.arange(rows, dtype=np.uint32), **given)
    assert np.array_equal(near, tac_column(PBOC, "purchase", KEY, amount=amounts, **given))
    assert np.array_equal(near, tac_column(PBOC, "purchase", KEY, amount=amounts, out=far[:, 8:12], **given))
