"""Slices on threads: together the whole, each where the core's steps start; the results are those of one thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cardos.crypto import Key, _threads
from cardos.crypto._threads import LEAST, in_slices
from cardos.crypto.column import KeyColumn, derive_column, tac_column, verify_tac_column
from cardos.errors import ParameterError
from cardos.profile import load_dialect

PBOC = load_dialect("pboc2")


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("rows", [0, 1, LEAST, 2 * LEAST - 1, 2 * LEAST, 3 * LEAST + 1, 10 * LEAST])
def test_slices_are_the_whole(rows, threads):
    lock, slices = threading.Lock(), []

    def run(part):
        with lock:
            slices.append(part)

    in_slices(run, rows, threads)
    slices.sort(key=lambda part: part.start)
    assert [row for part in slices for row in (part.start, part.stop)][1:-1] == [
        row for part in slices[1:] for row in (part.start, part.start)
    ]
    assert (0, rows) == (slices[0].start, slices[-1].stop)
    assert len(slices) <= threads
    assert all(part.start % 512 == 0 for part in slices)
    assert len(slices) == 1 or min(part.stop - part.start for part in slices[:-1]) >= LEAST


def test_what_a_slice_raises_is_raised():
    def run(part):
        if part.start:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_slices(run, 4 * LEAST, 4)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_that_are_refused(threads):
    with pytest.raises(ParameterError, match=rf"^threads must be 1 or more, got {threads}$"):
        in_slices(print, 1, threads)


def test_results_do_not_depend_on_threads(monkeypatch):
    monkeypatch.setattr(_threads, "LEAST", 512)
    rows = 2 * 512 + 70
    serials = np.arange(rows, dtype=">u8").view("V8")
    given = {
        "balance": np.arange(rows, dtype=np.uint32), "online_serial": 1, "amount": 1, "type": 2,
        "terminal": bytes(6), "date": bytes(4), "time": bytes(3),
    }  # fmt: skip
    keys = derive_column(Key(bytes(range(16))), serials)
    one = tac_column(PBOC, "load", keys, **given)
    assert np.array_equal(one, tac_column(PBOC, "load", keys, threads=2, **given))
    assert np.array_equal(keys.reveal(), keys.reveal(threads=2))
    stored = keys.evaluated(threads=2)
    assert isinstance(stored, KeyColumn)
    received = one.copy()
    received[::100] ^= 1
    verdicts = verify_tac_column(PBOC, "load", stored, received, threads=2, **given)
    assert [row for row in range(rows) if row % 100 == 0] == np.flatnonzero(~verdicts).tolist()
