"""Columns misused: each misuse is named with the argument, what it must be and what it was."""

from __future__ import annotations

from datetime import date, time

import numpy as np
import pytest

from cardos.crypto import Cipher, Dialect, Key, Layout, Transaction
from cardos.crypto.column import (
    KeyColumn,
    derive_column,
    mac_column,
    session_key_column,
    tac_column,
    verify_tac_column,
)
from cardos.errors import ParameterError
from cardos.profile import load_dialect

PBOC = load_dialect("pboc2")
KEY = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
PURCHASE = {
    "amount": np.array([100, 200, 300], np.uint32),
    "type": 6,
    "terminal": np.arange(18, dtype=np.uint8).reshape(3, 6),
    "terminal_serial": np.array([1, 2, 3]),
    "date": date(2025, 1, 2),
    "time": time(3, 4, 5),
}
FOUR = np.zeros((3, 4), np.uint8)


def purchase(**changes):
    return tac_column(
        PBOC, "purchase", changes.pop("keys", KEY), out=changes.pop("out", None), **(PURCHASE | changes)
    )


def read_only(array):
    array.flags.writeable = False
    return array


SM4_KEY = Key(bytes(16), Cipher.SM4)
LONG_BLOCK = Transaction(
    "t", (6,), "k", "s", (Layout.parse("t.session", ["random", "random", "random"]),), {}, "-"
)
MISUSES = [
    pytest.param(
        lambda: session_key_column(Dialect("d", PBOC.suite, {"t": LONG_BLOCK}), "t", KEY, random=bytes(4)),
        "session block must be 8 bytes, got 12 bytes",
        id="session-block",
    ),
    pytest.param(
        lambda: purchase(amount=b"1234"), "amount must be 0..4294967295, got b'1234'", id="bytes-for-a-number"
    ),
    pytest.param(
        lambda: purchase(terminal=np.zeros((3, 5), np.uint8)),
        "terminal must be an array (N, 6) of uint8, got shape (3, 5) of uint8",
        id="width",
    ),
    pytest.param(
        lambda: purchase(terminal=np.zeros(6, np.uint8)),
        "terminal must be an array (N, 6) of uint8, got shape (6,) of uint8",
        id="dimensions",
    ),
    pytest.param(
        lambda: purchase(terminal=np.zeros((3, 6), np.int64)),
        "terminal must be an array (N, 6) of uint8, got shape (3, 6) of int64",
        id="dtype",
    ),
    pytest.param(
        lambda: purchase(amount=np.zeros(3)),
        "amount must be an array (N, 4) of uint8, got shape (3,) of float64",
        id="float",
    ),
    pytest.param(
        lambda: purchase(amount=[True, False, True]),
        "amount must be an array (N, 4) of uint8, got shape (3,) of bool",
        id="bool",
    ),
    pytest.param(
        lambda: purchase(amount=np.array([1, 2])),
        "terminal must be 2 rows long, as amount is, got 3 rows",
        id="rows",
    ),
    pytest.param(
        lambda: purchase(keys=KeyColumn(np.zeros((2, 16), np.uint8))),
        "amount must be 2 rows long, as keys is, got 3 rows",
        id="rows-of-keys",
    ),
    pytest.param(
        lambda: purchase(amount=np.array([1, -1, -2])),
        "amount must be 0..4294967295, got -1 in row 1",
        id="negative",
    ),
    pytest.param(
        lambda: purchase(amount=np.array([1, 2, 2**32])),
        "amount must be 0..4294967295, got 4294967296 in row 2",
        id="too-large",
    ),
    pytest.param(
        lambda: purchase(type=np.array([6, 6, 256], np.uint16)),
        "type must be 0..255, got 256 in row 2",
        id="byte-too-large",
    ),
    pytest.param(
        lambda: purchase(amount=2**32),
        "amount must be 0..4294967295, got 4294967296",
        id="scalar-too-large",
    ),
    pytest.param(
        lambda: purchase(terminal=bytes(5)),
        "terminal must be 6 bytes, got 5 bytes",
        id="scalar-length",
    ),
    pytest.param(
        lambda: purchase(date=np.array(["2025-01-01", "NaT", "NaT"], "M8[D]")),
        "date must be a date in every row, got NaT in row 1",
        id="no-date",
    ),
    pytest.param(
        lambda: purchase(time=np.array(["NaT"] * 3, "M8[s]")),
        "time must be a time in every row, got NaT in row 0",
        id="no-time",
    ),
    pytest.param(
        lambda: purchase(date=np.array([0, 0, 8000], "M8[Y]") + 30),
        "date must be a date of the years 1..9999, got the year 10000 in row 2",
        id="year",
    ),
    pytest.param(
        lambda: purchase(amount=np.array(["2025-01-01"] * 3, "M8[D]")),
        "amount must be an array (N, 4) of uint8, got shape (3,) of datetime64[D]",
        id="date-for-a-number",
    ),
    pytest.param(
        lambda: tac_column(PBOC, "purchase", KEY, amount=1),
        "type must be given for purchase.tac, got nothing",
        id="missing",
    ),
    pytest.param(
        lambda: purchase(keys=bytes(16)),
        "tac_keys must be a Key or a KeyColumn, got bytes",
        id="no-key",
    ),
    pytest.param(
        lambda: purchase(keys=SM4_KEY),
        "tac_keys must be TDES keys for suite 3des, got SM4",
        id="sm4-key",
    ),
    pytest.param(
        lambda: purchase(keys=Key(bytes(8))),
        "tac_keys must be TDES keys for suite 3des, got DES",
        id="des-key",
    ),
    pytest.param(
        lambda: mac_column(PBOC, "purchase", "mac2", SM4_KEY, amount=1),
        "session_keys must be TDES or DES keys for suite 3des, got SM4",
        id="session-key",
    ),
    pytest.param(
        lambda: session_key_column(
            load_dialect("pboc2", "sm4-a"), "load", KEY, random=bytes(4), online_serial=0
        ),
        "keys must be SM4 keys for suite sm4-a, got TDES",
        id="card-key",
    ),
    pytest.param(
        lambda: derive_column(Key(bytes(8))),
        "master must be a TDES or SM4 key, got DES",
        id="des-master",
    ),
    pytest.param(
        lambda: derive_column(KEY, bytes(7)),
        "factor must be 8 bytes, got 7 bytes",
        id="factor",
    ),
    pytest.param(
        lambda: derive_column(KEY, bytes(8), np.zeros((2, 7), np.uint8)),
        "factor 2 must be an array (N, 8) of uint8, got shape (2, 7) of uint8",
        id="second-factor",
    ),
    pytest.param(
        lambda: KeyColumn(np.zeros((2, 8), np.uint8)),
        "keys must be an array (N, 16) of uint8, got shape (2, 8) of uint8",
        id="key-size",
    ),
    pytest.param(
        lambda: verify_tac_column(PBOC, "purchase", KEY, np.zeros((3, 8), np.uint8), **PURCHASE),
        "received must be an array (N, 4) of uint8, got shape (3, 8) of uint8",
        id="received-width",
    ),
    pytest.param(
        lambda: verify_tac_column(PBOC, "purchase", KEY, np.zeros((2, 4), np.uint8), **PURCHASE),
        "received must be 3 rows long, as amount is, got 2 rows",
        id="received-rows",
    ),
    pytest.param(
        lambda: purchase(out=np.zeros((2, 4), np.uint8)),
        "out must be an array (3, 4) of uint8, got shape (2, 4) of uint8",
        id="out-shape",
    ),
    pytest.param(
        lambda: purchase(out=np.zeros((3, 4), np.int8)),
        "out must be an array (3, 4) of uint8, got shape (3, 4) of int8",
        id="out-dtype",
    ),
    pytest.param(
        lambda: purchase(out=bytearray(12)),
        "out must be an array (3, 4) of uint8, got bytearray",
        id="out-type",
    ),
    pytest.param(
        lambda: purchase(out=read_only(np.zeros((3, 4), np.uint8))),
        "out must be writable, got a read-only array",
        id="out-read-only",
    ),
    pytest.param(
        lambda: mac_column(PBOC, "purchase", "mac2", KEY, amount=FOUR, out=FOUR),
        "out must be an array that shares no memory with the columns, got part of amount",
        id="overlap",
    ),
]


@pytest.mark.parametrize(("call", "message"), MISUSES)
def test_misuse_is_named(call, message):
    with pytest.raises(ParameterError) as caught:
        call()
    assert message == str(caught.value)
