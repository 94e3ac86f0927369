"""The centre's file: refused when it is not one, one process at a time, registers that do not change."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import duckdb
import pytest

from cardos.clearing import CardAccount, CardId, ClearingHouse, MasterKeys
from cardos.clearing.store import Store
from cardos.errors import ParameterError, StoreError

KEYS = MasterKeys({})


def test_a_store_is_found_again(tmp_path):
    path = tmp_path / "centre.duckdb"
    with ClearingHouse(path, KEYS) as house:
        house.register_operator(1, "bus")
        first = house.run_day(date(2026, 3, 2))
    with ClearingHouse(path, KEYS) as house:
        assert first == house.run_day(date(2026, 3, 2))


def test_another_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to have a header" * 400)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.txt: must be a free clearing store, got: "):
        ClearingHouse(path, KEYS)
    assert before == path.read_bytes()


def test_another_database_is_refused(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("create table notes (text text)").fetchall()
    with pytest.raises(StoreError, match="must be a clearing store, got a database of something else"):
        ClearingHouse(path, KEYS)


def test_an_unknown_version_is_refused(tmp_path):
    path = tmp_path / "centre.duckdb"
    store = Store(path)
    store.rows("update about set version = 2")
    store.close()
    with pytest.raises(StoreError, match="version must be 1, got 2"):
        Store(path)


@pytest.mark.slow
def test_a_second_process_is_told(tmp_path):
    path = tmp_path / "centre.duckdb"
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(StoreError, match=r"centre\.duckdb: must be a free clearing store, got: .*lock"):
            ClearingHouse(path, KEYS)
        other.communicate()


@pytest.mark.parametrize(
    ("call", "other"),
    [
        pytest.param(
            lambda house: house.register_operator(7, "shop"),
            lambda house: house.register_operator(7, "shop", fee_per_mille=1),
            id="operator",
        ),
        pytest.param(
            lambda house: house.register_sam(bytes(7) + b"\1", bytes(6), 7),
            lambda house: house.register_sam(bytes(7) + b"\1", bytes(6), 8),
            id="sam",
        ),
        pytest.param(
            lambda house: house.register_card(CardAccount(CardId(bytes(8), bytes(8)))),
            lambda house: house.register_card(CardAccount(CardId(bytes(8), bytes(8)), opening=1)),
            id="card",
        ),
        pytest.param(
            lambda house: house.publish_list(date(2026, 3, 1), [CardId(bytes(8), bytes(8))]),
            lambda house: house.publish_list(date(2026, 3, 1), []),
            id="list-cards",
        ),
        pytest.param(
            lambda house: house.publish_list(date(2026, 3, 1), []),
            lambda house: house.publish_list(date(2026, 3, 1), [CardId(bytes(8), bytes(8))]),
            id="list-empty",
        ),
        pytest.param(
            lambda house: house.publish_list(date(2026, 3, 1), []),
            lambda house: house.publish_list(date(2026, 3, 1), [], valid_from=date(2026, 3, 2)),
            id="list-day",
        ),
    ],
)
def test_what_is_registered_stays_as_it_is(call, other):
    with ClearingHouse(":memory:", KEYS) as house:
        call(house)
        call(house)
        before = [
            house._store.rows(f"select * from {t}")
            for t in ("operators", "sams", "cards", "lists", "list_cards")
        ]
        with pytest.raises(ParameterError, match="must be new, or"):
            other(house)
        after = [
            house._store.rows(f"select * from {t}")
            for t in ("operators", "sams", "cards", "lists", "list_cards")
        ]
        assert before == after


def test_cards_are_registered_all_or_none():
    card, other = CardId(bytes(8), bytes(8)), CardId(bytes(8), b"another1")
    with ClearingHouse(":memory:", KEYS) as house:
        house.register_card(CardAccount(card))
        with pytest.raises(ParameterError):
            house.register_cards([CardAccount(other), CardAccount(card, opening=5)])
        assert [(1,)] == house._store.rows("select count(*) from cards")
        house.register_cards([])


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        pytest.param(lambda h: h.register_operator(65536, ""), r"operator must be 0\.\.65535", id="operator"),
        pytest.param(
            lambda h: h.register_operator(1, "", fee_per_mille=1001), r"must be 0\.\.1000, got", id="fee"
        ),
        pytest.param(
            lambda h: h.register_sam(bytes(7), bytes(6), 1), "sam must be 8 bytes, got 7 bytes", id="sam"
        ),
        pytest.param(
            lambda h: h.register_sam(bytes(8), b"", 1), "terminal must be 6 bytes, got 0", id="terminal"
        ),
        pytest.param(
            lambda h: h.register_sam(bytes(8), bytes(6), -1), "operator must be 0", id="sam-operator"
        ),
        pytest.param(
            lambda h: h.register_sam(bytes(8), bytes(6), 1, first_serial=-1),
            "first_serial must be 0",
            id="first",
        ),
    ],
)
def test_registers_have_ranges(call, problem):
    with ClearingHouse(":memory:", KEYS) as house, pytest.raises(ParameterError, match=problem):
        call(house)
