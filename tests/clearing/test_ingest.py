"""Files: exactly once by content, broken ones noted, a crash anywhere leaves the file in or out."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import cardos
from cardos.clearing import IngestState
from cardos.errors import UploadError

DAY = date(2026, 3, 2)


def _content(city):
    """Everything that the tables of records hold."""
    return [
        city.house._store.rows(f"select * from {table} order by all")
        for table in ("files", "records", "unparsable")
    ]


def _file(city, card=0):
    card = city.cards[card]
    return city.upload(city.buy(card, 10, balance=500), city.buy(card, 20, balance=490))


def test_a_new_file(city):
    path = _file(city)
    result = city.house.ingest(path)
    assert (path.name, IngestState.NEW, 1, 2, 0) == (
        result.name, result.state, result.operator, result.records, result.unparsable,
    )  # fmt: skip
    [note] = city.house.files()
    assert (path.name, result.sha256, "new", None, 2) == (
        note.name, note.sha256, note.state, note.problem, note.records,
    )  # fmt: skip


def test_the_same_file_twice_changes_nothing(city):
    path = _file(city)
    city.house.ingest(path)
    before = _content(city)
    renamed = path.rename(path.with_name("other.cup"))
    assert [IngestState.REPEAT] * 2 == [city.house.ingest(renamed).state for _ in range(2)]
    assert before == _content(city)


def test_the_same_name_with_other_content_is_reported_and_not_taken(city):
    path = _file(city)
    first = city.house.ingest(path)
    path.write_bytes(_file(city, 1).read_bytes())
    results = [city.house.ingest(path) for _ in range(2)]
    assert [IngestState.CONFLICT] * 2 == [result.state for result in results]
    assert [("conflict", results[0].sha256), ("new", first.sha256)] == [
        (note.state, note.sha256) for note in city.house.files()
    ]
    assert 2 == city.house._store.rows("select count(*) from records")[0][0]
    renamed = path.rename(path.with_name("its-own-name.cup"))
    assert IngestState.NEW is city.house.ingest(renamed).state


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(lambda _: b"", "header at offset 0: must be 28 bytes, got 0", id="empty"),
        pytest.param(lambda raw: raw[:27], "header at offset 27: must be 28 bytes, got 27", id="half-header"),
        pytest.param(lambda raw: b"X" + raw[1:], "not an upload file", id="magic"),
        pytest.param(
            lambda raw: raw[:8] + b"\2" + raw[9:], "version at offset 8: must be 1, got 2", id="version"
        ),
        pytest.param(lambda raw: raw[:15] + b"\x99" + raw[16:], "checksum", id="created"),
        pytest.param(lambda raw: raw[:-1], "file of 2 records must be 160 bytes, got 159", id="truncated"),
        pytest.param(lambda raw: raw + b"\0", "file of 2 records must be 160 bytes, got more", id="longer"),
        pytest.param(
            lambda raw: raw[:25] + b"\3" + raw[26:], "file of 3 records must be 224 bytes", id="count"
        ),
        pytest.param(
            lambda raw: raw[:60] + bytes([raw[60] ^ 1]) + raw[61:], "checksum at offset 156", id="bit-flip"
        ),
        pytest.param(lambda raw: os.urandom(64) + raw, "not an upload file", id="garbage"),
    ],
)
def test_a_broken_file_is_noted_and_may_come_again(city, damage, problem):
    path = _file(city)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    for _ in range(2):
        with pytest.raises(UploadError, match=problem) as caught:
            city.house.ingest(path)
    [note] = city.house.files()
    assert (path.name, "broken", f"{path}: {note.problem}", 0) == (
        note.name, note.state, str(caught.value), note.records,
    )  # fmt: skip
    path.write_bytes(good)
    assert IngestState.NEW is city.house.ingest(path).state
    assert 2 == city.house._store.rows("select count(*) from records")[0][0]


def test_a_missing_file_is_an_upload_error(city):
    with pytest.raises(UploadError, match="No such file"):
        city.house.ingest(Path("missing.cup"))
    assert () == city.house.files()


def test_a_bad_file_does_not_delay_the_others(city):
    bad, good = _file(city), _file(city, 1)
    bad.write_bytes(b"garbage")
    with pytest.raises(UploadError):
        city.house.ingest(bad)
    city.house.ingest(good)
    assert 2 == city.house.run_day(DAY).settlements[0].accepted.count


def test_an_empty_file_is_a_file(city):
    result = city.house.ingest(city.upload(operator=2))
    assert (IngestState.NEW, 2, 0) == (result.state, result.operator, result.records)


@pytest.mark.parametrize("step", ["_note", "_insert_records"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_abandoned_ingest_leaves_nothing(city, monkeypatch, step, when):
    path = _file(city)
    real = getattr(sys.modules["cardos.clearing.ingest"], step)

    def fail(*args):
        if when == "after":
            real(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(f"cardos.clearing.ingest.{step}", fail)
    with pytest.raises(KeyboardInterrupt):
        city.house.ingest(path)
    monkeypatch.undo()
    assert [[], [], []] == _content(city)
    assert IngestState.NEW is city.house.ingest(path).state


@pytest.mark.slow
@pytest.mark.parametrize("step", ["ingest._note", "ingest._insert_records", "judge._mark", "house.post"])
def test_a_killed_process_loses_nothing(make_city, step):
    """A process that dies inside a transaction, then a new one that does the same again: the books of a calm day."""
    calm = make_city(store="centre.duckdb")
    killed = make_city(store="centre.duckdb")
    results = []
    for city in (calm, killed):
        card = city.cards[0]
        load, last = city.load(card, 5000), city.buy(card, 10)
        path = city.upload(load, operator=3), city.upload(last, replace(last, tac=b"\1\2\3\4"), operator=1)
        if city is killed:
            city.house.close()
            _die_in(step, city.folder, path)
            city.house = type(city.house)(city.folder / "centre.duckdb", city.keys)
        for upload in path:
            city.house.ingest(upload)
        results.append(city.house.run_day(DAY))
    assert results[0] == results[1]


def _die_in(step, folder, paths):
    module, name = step.split(".")
    script = f"""
        import os, pathlib, sys
        from datetime import date
        from cardos.clearing import ClearingHouse, MasterKeys, {module}
        real = {module}.{name}
        def die(*args):
            real(*args)
            os._exit(9)
        {module}.{name} = die
        house = ClearingHouse(sys.argv[1], MasterKeys({{}}))
        if {module!r} == "ingest":
            for path in sys.argv[2:]:
                house.ingest(pathlib.Path(path))
        house.run_day(date(2026, 3, 2))
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(cardos.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), folder / "centre.duckdb", *paths],
        env=environment, check=False,
    )  # fmt: skip
    assert 9 == done.returncode
