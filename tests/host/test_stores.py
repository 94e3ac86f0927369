"""Journal and register as files: what they refuse, what survives."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.errors import ParameterError, StoreError
from cardos.host import (
    CardRegister,
    CardState,
    EntryState,
    Journal,
    OnlineState,
    RegisteredCard,
    RegisteredPurse,
    RegisteredTransaction,
)

from .test_record import LOAD
from .test_upload import torn

CARD = RegisteredCard(bytes(8), bytes(7) + b"\x01", "city-3des", date(2030, 1, 1))
ONE = RegisteredTransaction(
    CARD.card_serial, 2, 2, 1, 0, 500, 500, 0, bytes(6), datetime(2025, 3, 1), b"first"
)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal", operator=1) as journal:
        yield journal


@pytest.fixture
def register(tmp_path):
    with CardRegister(tmp_path / "register") as register:
        register.register(CARD)
        yield register


def test_begun_entry_is_on_the_disk(journal):
    entry = journal.begin(torn(0))
    with Journal(journal.path, operator=1) as other:
        assert (entry,) == other.entries()


def test_only_torn_records_are_begun(journal):
    with pytest.raises(ParameterError, match="flag of a record to begin must be 01"):
        journal.begin(torn(0).completed(b"TAC1"))


def test_a_transaction_is_begun_once(journal):
    entry = journal.begin(torn(0))
    with pytest.raises(ParameterError, match="record must be a new transaction"):
        journal.begin(torn(0))
    assert (entry,) == journal.entries()


def test_a_void_load_may_be_begun_again(journal):
    """The clock of an outlet may show the same second, and the card the same serial."""
    load = replace(LOAD, flag=1, tac=bytes(4))
    journal.void(journal.begin(load))
    journal.begin(load)
    assert [EntryState.VOID, EntryState.OPEN] == [entry.state for entry in journal.entries()]


@pytest.mark.parametrize("first", ["complete", "void", "give_up"])
@pytest.mark.parametrize("second", ["complete", "void", "give_up"])
def test_an_entry_is_settled_once(journal, first, second):
    entry = journal.begin(torn(0))

    def settle(how: str) -> None:
        getattr(journal, how)(entry, *([b"TAC1"] if how == "complete" else []))

    settle(first)
    before = journal.entries()
    with pytest.raises(ParameterError, match="entry must be open"):
        settle(second)
    assert before == journal.entries()


def test_open_entries_are_those_of_the_card_newest_first(journal):
    entries = [journal.begin(torn(number)) for number in range(3)]
    journal.begin(replace(torn(9), card_serial=bytes(8)))
    journal.void(entries[1])
    assert (entries[2], entries[0]) == journal.open_entries(entries[0].record.card_serial)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["begin", "complete", "void", "give_up", "collect", "reopen"]), max_size=25))
def test_nothing_is_lost_or_uploaded_twice(tmp_path_factory, steps):
    """A model of ints and sets beside the journal, reopened at will."""
    path = tmp_path_factory.mktemp("model") / "journal"
    journal, number, opened, uploaded = Journal(path, operator=1), 0, [], []
    settled: dict[int, str] = {}
    abandoned: list[Journal] = []
    for step in [*steps, "collect"]:
        if step == "begin":
            opened.append(journal.begin(torn(number)))
            number += 1
        elif step == "reopen":
            abandoned.append(journal)
            journal = Journal(path, operator=1)
        elif step == "collect":
            batch = journal.open_batch(datetime(2025, 3, 1))
            uploaded += batch.records
            journal.mark_uploaded(batch)
        elif opened:
            entry = opened.pop()
            getattr(journal, step)(entry, *([b"TAC1"] if step == "complete" else []))
            settled[entry.record.terminal_serial] = step
    for store in (journal, *abandoned):
        store.close()
    assert len(uploaded) == len(set(uploaded))
    whole = {record.terminal_serial for record in uploaded if not record.torn}
    seen = {record.terminal_serial for record in uploaded}
    assert whole == {serial for serial, step in settled.items() if step == "complete"}
    assert seen >= {serial for serial in range(number) if settled.get(serial) != "void"}


def test_journal_of_a_newer_release_is_refused_and_kept(tmp_path):
    path = tmp_path / "journal"
    Journal(path, operator=1).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"journal: must be kind 43444A4C version 1, got .* version 2"):
        Journal(path, operator=1)
    assert before == path.read_bytes()


def test_a_register_is_no_journal(register):
    with pytest.raises(StoreError, match="must be kind 43444A4C version 1, got kind 43445247"):
        Journal(register.path, operator=1)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(StoreError, match="must be a SQLite file of cardos"):
        Journal(path, operator=1)
    assert b"hello" * 1000 == path.read_bytes()


def test_stores_are_durable(journal):
    settings = [
        journal._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    ]
    assert ["wal", 2] == settings  # 2 is FULL


def test_a_failed_transaction_leaves_nothing(register):
    with pytest.raises(ParameterError, match="card_serial must be new"):
        register.register(replace(CARD, card_serial=bytes(8)), CARD)
    assert (CARD,) == register.cards()


def test_card_states(register):
    register.set_state(CARD.card_serial, CardState.LOST)
    assert replace(CARD, state=CardState.LOST) == register.card(CARD.card_serial)
    assert register.card(bytes(8)) is None
    with pytest.raises(ParameterError, match="card_serial must be known"):
        register.set_state(bytes(8), CardState.CLOSED)


def test_a_new_purse_is_empty(register):
    assert RegisteredPurse(0, 0) == register.purse(CARD.card_serial, 2)


def test_a_load_is_stored_whole(register):
    register.open(ONE)
    assert ((ONE,), (ONE,), ()) == (
        register.history(),
        register.history(CARD.card_serial),
        register.history(bytes(8)),
    )


def test_one_load_per_serial_is_alive(register):
    register.open(ONE)
    with pytest.raises(sqlite3.IntegrityError):
        register.open(replace(ONE, request=b"second"))
    register.settle(ONE, OnlineState.VOID)
    register.open(replace(ONE, request=b"second"))
    register.settle(ONE, OnlineState.CONFIRMED, b"TAC1")
    assert [(OnlineState.CONFIRMED, b"TAC1"), (OnlineState.VOID, b"")] == [
        (x.state, x.tac) for x in register.history()
    ]
    assert RegisteredPurse(1, 500) == register.purse(CARD.card_serial, 2)
