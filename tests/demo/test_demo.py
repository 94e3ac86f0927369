"""The demonstration day: everything planted is found, the money is conserved, and a fault that nobody finds shows."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from datetime import date
from random import Random

import pytest
from rich.console import Console

from cardos.demo import run_demo
from cardos.demo.day import CityDay
from cardos.demo.faults import Evidence, FaultKind, find
from cardos.demo.show import show
from cardos.demo.timetable import timetable
from cardos.errors import ParameterError
from cardos.host import read_trace

CARDS = 30


def silent(_name, _steps):
    return lambda: None


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    return folder, CityDay(folder, CARDS, 2026, silent).run()


def screen():
    return Console(file=io.StringIO(), width=120)


@pytest.mark.slow
def test_every_kind_of_fault_is_planted_and_found(day):
    _, outcome = day
    assert set(FaultKind) == {planted.kind for planted in outcome.planted}
    assert [] == [p.kind.name for p in outcome.planted if find(p, outcome.evidence) is None]


@pytest.mark.slow
def test_the_money_is_conserved(day):
    _, outcome = day
    assert outcome.conservation.balanced
    assert outcome.ledger_agrees
    assert 0 == sum(book.balance for book in outcome.result.books)
    assert outcome.loaded - outcome.spent == outcome.on_cards == outcome.conservation.closing.amount


@pytest.mark.slow
def test_the_screen_says_so(day):
    _, outcome = day
    console = screen()
    assert show(outcome, console)
    text = console.file.getvalue()
    assert "MISSED" not in text
    assert 3 == len(re.findall(r"^yes ", text, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.name)
def test_a_fault_without_evidence_is_missed(day, kind):
    _, outcome = day
    nothing = replace(outcome.result, refused=(), marked=(), adjusted=(), gaps=(), waiting=())
    blind = replace(outcome, evidence=Evidence(nothing, (), frozenset(), frozenset(), frozenset()))
    planted = next(p for p in outcome.planted if p.kind is kind)
    assert find(planted, blind.evidence) is None
    console = screen()
    assert not show(replace(blind, planted=(planted,)), console)
    assert "MISSED" in console.file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda o: {"spent": o.spent + 1}, id="ledger"),
        pytest.param(lambda o: {"result": replace(o.result, books=o.result.books[1:])}, id="books"),
        pytest.param(
            lambda o: {
                "conservation": replace(o.conservation, closing=replace(o.conservation.closing, amount=0))
            },
            id="conservation",
        ),
    ],
)
def test_a_missing_fen_shows(day, change):
    _, outcome = day
    console = screen()
    assert not show(replace(outcome, **change(outcome)), console)
    assert "NO " in console.file.getvalue()


@pytest.mark.slow
def test_the_trace_of_the_torn_load_is_redacted(day):
    folder, _ = day
    text = (folder / "traces" / "torn-load.jsonl").read_text()
    trace = read_trace(folder / "traces" / "torn-load.jsonl")
    assert "remove" == trace.events[-1].kind
    assert "123456" not in text


@pytest.mark.slow
def test_same_seed_same_files(tmp_path):
    def digests(name):
        out = tmp_path / name
        assert run_demo(cards=CARDS, seed=5, out=out, console=screen())
        kept = [p for p in out.rglob("*") if p.suffix in (".cup", ".parquet", ".html", ".jsonl")]
        return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}

    first = digests("first")
    assert len(first) > 30
    assert first == digests("second")


@pytest.mark.slow
def test_a_day_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ParameterError, match="cards must be enough to plant"):
        run_demo(cards=3, seed=1, out=tmp_path / "out", console=screen())
    assert [] == list(tmp_path.iterdir())


def test_out_must_be_new(tmp_path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ParameterError, match="out must be a new or empty folder"):
        run_demo(cards=CARDS, seed=1, out=tmp_path, console=screen())
    assert ["precious"] == [p.name for p in tmp_path.iterdir()]


def test_timetable_is_in_order_and_plants_each_fault_on_a_card_of_its_own():
    trips = timetable(date(2026, 3, 2), 50, [1, 2, 3] * 4, Random(1))
    assert sorted(trips, key=lambda trip: trip.when) == list(trips)
    faulty = [trip for trip in trips if trip.fault]
    assert len(faulty) == len({trip.card for trip in faulty}) == len({trip.fault for trip in faulty})
    assert min(trip.card for trip in trips) == 2
