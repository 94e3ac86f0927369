"""Layouts: the packed way against the way element by element."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu.purse_commands import LOG_RECORD
from cardos.errors import DecodeError, ParameterError
from cardos.fields import FIELDS, Kind
from cardos.files.header import PURSE_FILE
from cardos.host import RECORD
from cardos.layout import Layout
from cardos.profile import load_dialect
from cardos.wallet.purse_file import PROOF

DIALECT = load_dialect("cjt166")
LAYOUTS = {
    layout.name: layout
    for layout in (
        LOG_RECORD, PURSE_FILE, RECORD, PROOF,
        *(item for t in DIALECT.transactions.values() for item in (*t.items.values(), *t.session)),
    )
}  # fmt: skip
NAMES = sorted(LAYOUTS)


def fitting(field):
    """Values that fit, in every kind that a field takes."""
    if field.kind is Kind.UINT:
        return st.integers(0, field.maximum)
    own = {Kind.DATE: st.dates(), Kind.TIME: st.times()}.get(field.kind)
    raw = st.binary(min_size=field.width, max_size=field.width)
    return raw if own is None else raw | own


ANYTHING = st.integers(-2, 1 << 40) | st.binary(max_size=12) | st.none() | st.text(max_size=2) | st.booleans()


def outcome(act):
    try:
        return act()
    except (DecodeError, ParameterError) as problem:
        return type(problem), str(problem)


@given(st.sampled_from(NAMES), st.data())
def test_packing_is_assembling(name, data):
    layout = LAYOUTS[name]
    values = {field.name: data.draw(fitting(field)) for field in layout.fields}
    assert layout.assemble_slowly(values) == layout.assemble(values)


@given(st.sampled_from(NAMES), st.data())
def test_whatever_does_not_fit_is_refused_as_before(name, data):
    layout = LAYOUTS[name]
    values = {field.name: data.draw(fitting(field) | ANYTHING) for field in layout.fields}
    missing = data.draw(st.sets(st.sampled_from(sorted(values)), max_size=1)) if values else ()
    values = {key: value for key, value in values.items() if key not in missing}
    assert outcome(lambda: layout.assemble_slowly(values)) == outcome(lambda: layout.assemble(values))


@given(st.sampled_from(NAMES), st.data())
def test_unpacking_is_splitting(name, data):
    layout = LAYOUTS[name]
    if any(element.field and element.width != element.field.width for element in layout.elements):
        return
    values = {field.name: data.draw(fitting(field)) for field in layout.fields}
    raw = layout.assemble(values)
    expected = tuple(
        value if FIELDS[key].kind is Kind.UINT else FIELDS[key].encode(value) for key, value in values.items()
    )
    assert expected == layout.unpack(raw)


def test_what_cannot_be_unpacked():
    layout = Layout.parse("block", ["serial", "=8000"])
    assert (1,) == layout.unpack(bytes.fromhex("00018000"))
    with pytest.raises(DecodeError, match="must be 4 bytes, got 3"):
        layout.unpack(bytes(3))
    with pytest.raises(DecodeError, match="must be 8000, got 8001"):
        layout.unpack(bytes.fromhex("00018001"))


def test_names_and_width_are_known():
    layout = DIALECT.transaction("purchase").item("mac1")
    assert {"amount", "type", "terminal", "date", "time", "safety_code"} == layout.names
    assert 27 == layout.width


def test_moments_of_every_year_and_time():
    layout = Layout.parse("moment", ["date", "time"])
    assert "00010203" + "040506" == layout.assemble({"date": date(1, 2, 3), "time": time(4, 5, 6)}).hex()
    assert (
        "99991231" + "235959" == layout.assemble({"date": date(9999, 12, 31), "time": time(23, 59, 59)}).hex()
    )
