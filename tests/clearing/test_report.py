"""What leaves the centre: tables and one page that needs nothing beside it."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pyarrow.parquet as pq
import pytest

from cardos.clearing import Reason
from cardos.clearing.report import TABLES
from cardos.durable import replacing
from cardos.errors import MissingComponent, ParameterError, UploadError

DAY = date(2026, 3, 2)
METRO = 2
_VOID = {"meta", "br", "img", "link", "input", "hr"}


def _eventful_day(city):
    """Something for every part of the report."""
    one, two, lost = city.cards[:3]
    city.house.publish_list(DAY, [lost.id])
    load, twin = city.load(one, 5000), city.load(two, 3000)
    good, again = city.buy(one, 250), city.buy(two, 333)
    copy = type(two)(two.id, two.balance, two.online, two.offline - 1)
    records = [
        load, twin, city.load(lost, 900), good, good, again, city.buy(copy, 30, METRO), city.buy(lost, 100),
        replace(city.buy(one, 50, METRO), tac=b"\1\2\3\4"), city.torn(one, 15, debited=True),
        city.torn(two, 10, debited=True),
    ]  # fmt: skip
    city.buy(one, 70, METRO)
    city.send(*records, city.buy(one, 20, METRO))
    path = city.upload(city.buy(two, 5))
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UploadError):
        city.house.ingest(path)
    return city.house.run_day(DAY)


class _Page(HTMLParser):
    """Checks that elements are closed in order and collects text and references."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.references = [], [], []
        self.feed(text)
        assert [] == self.open

    def handle_starttag(self, tag, attrs):
        self.references += [value for name, value in attrs if name in {"src", "href", "xlink:href"}]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert tag == self.open.pop()

    def handle_data(self, data):
        self.text.append(data.strip())


@pytest.mark.slow
def test_the_page_shows_the_day_and_needs_nothing_beside_it(city, tmp_path):
    result = _eventful_day(city)
    proof = city.house.conservation(DAY, city.closing())
    *_, path = city.house.export(tmp_path / "out", proof=proof)
    text = path.read_text(encoding="utf-8")
    page = _Page(text)
    assert all(reference.startswith("#") for reference in page.references)
    assert "@import" not in text
    assert 4 == text.count("<svg")
    ids = re.findall(r'<(?:clipPath|path) id="([^"]+)"', text)
    assert len(ids) == len(set(ids))  # four drawings in one page do not share names
    for heading in ("Operators", "Conservation of money", "Refused records", "Chains", "Books", "Files"):
        assert heading in page.text
    for note in (*result.refused, *result.waiting, *result.marked, *result.adjusted):
        assert note.file in page.text
        assert note.reason.value in page.text
    assert f"SAM {city.sams[METRO].hex().upper()}" in page.text
    assert "broken" in page.text
    assert (True, True, True) == (bool(result.gaps), bool(result.forks), bool(result.jumps))


@pytest.mark.slow
@pytest.mark.parametrize("balanced", [True, False])
def test_the_page_says_whether_money_is_conserved(city, tmp_path, balanced):
    city.send(city.load(city.cards[0], 500))
    city.house.run_day(DAY)
    city.cards[1].balance = 0 if balanced else 7
    proof = city.house.conservation(DAY, city.closing())
    *_, path = city.house.export(tmp_path, proof=proof)
    text = path.read_text(encoding="utf-8")
    assert (balanced, not balanced) == ("money is conserved" in text, "money without a trace: 0.07" in text)


@pytest.mark.slow
def test_names_cannot_break_the_page(city, tmp_path):
    city.house.register_operator(77, "<script>alert(1)</script>")
    city.house.run_day(DAY)
    *_, path = city.house.export(tmp_path)
    assert "<script" not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_equal_books_export_equal_bytes(make_city, tmp_path):
    outputs = []
    for name in ("one", "two"):
        city = make_city()
        _eventful_day(city)
        proof = city.house.conservation(DAY, city.closing())
        paths = city.house.export(tmp_path / name, proof=proof)
        outputs.append({path.name: path.read_bytes() for path in paths})
    assert outputs[0] == outputs[1]
    assert {f"{table}.parquet" for table in TABLES} | {"report.html"} == set(outputs[0])
    assert sorted(outputs[0]) == sorted(path.name for path in (tmp_path / "one").iterdir())


@pytest.mark.slow
def test_the_tables_hold_every_record(city, tmp_path):
    result = _eventful_day(city)
    city.house.export(tmp_path)
    tables = {name: pq.read_table(tmp_path / f"{name}.parquet") for name in TABLES}
    assert 12 == tables["records"].num_rows
    assert [note.reason.value for note in result.refused] == tables["refusals"]["reason"].to_pylist()
    assert [posting.amount for posting in result.postings] == tables["postings"]["amount"].to_pylist()
    assert [book.balance for book in result.books] == tables["books"]["balance"].to_pylist()
    assert [line.name for line in result.settlements] == tables["settlements"]["name"].to_pylist()
    assert ["broken", "new", "new", "new"] == sorted(tables["files"]["state"].to_pylist())


@pytest.mark.slow
def test_a_day_before_can_be_exported(city, tmp_path):
    city.send(city.load(city.cards[0], 500))
    city.house.run_day(DAY)
    before = {path.name: path.read_bytes() for path in city.house.export(tmp_path / "a")}
    city.send(city.load(city.cards[0], 100))
    city.house.run_day(DAY + timedelta(days=1))
    after = {path.name: path.read_bytes() for path in city.house.export(tmp_path / "b", day=DAY)}
    different = {name for name in before if before[name] != after[name]}
    assert {"files.parquet", "report.html"} == different  # files have no day


@pytest.mark.parametrize("day", [pytest.param(None, id="none"), pytest.param(DAY, id="not-run")])
def test_only_a_day_that_was_run_can_be_exported(city, tmp_path, day):
    with pytest.raises(ParameterError, match="day must be a day that was run"):
        city.house.export(tmp_path / "out", day=day)
    assert not (tmp_path / "out").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")

    def write():
        with replacing(path) as part:
            part.write_text("half")
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 (raised above, without a message)
        write()
    assert ("old", [path]) == (path.read_text(), list(tmp_path.iterdir()))


@pytest.mark.parametrize(
    ("module", "component"),
    [
        pytest.param("cardos.clearing.plots", "matplotlib", id="matplotlib"),
        pytest.param("cardos.clearing.page", "jinja2", id="jinja2"),
        pytest.param("cardos.clearing._components", "duckdb", id="duckdb"),
    ],
)
def test_a_missing_component_is_named_with_its_extra(monkeypatch, module, component):
    import importlib

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, component, None)
    with pytest.raises(
        MissingComponent, match=rf"{component} is not installed; run: pip install 'cardos\[clearing\]'"
    ):
        importlib.import_module(module)


def test_marks_are_in_the_result_with_their_reason(city):
    result = _eventful_day(city)
    assert [Reason.MISSED_LIST] == [note.reason for note in result.marked]
