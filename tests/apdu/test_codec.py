"""Compiled layouts against construct, which they are compiled from."""

from __future__ import annotations

import pytest
from construct import GreedyBytes, Int8ub, Struct
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import COMMANDS
from cardos.apdu.codec import Codec, layout
from cardos.errors import DecodeError, ParameterError

LAYOUTS = {
    f"{spec.name} {side}": declared
    for spec in COMMANDS
    for side, declared in (("body", spec.body), ("answer", spec.answer))
    if declared is not None
}
CODECS = {name: Codec(declared, name) for name, declared in LAYOUTS.items()}
NAMES = sorted(CODECS)


def outcome(act):
    """What a parse or build gives, comparable: the fields by name, or the error as it is printed."""
    try:
        found = act()
    except (DecodeError, ParameterError) as problem:
        return type(problem), str(problem)
    if isinstance(found, bytes):
        return found
    named = found._asdict() if isinstance(found, tuple) else found
    return {name: value for name, value in named.items() if not name.startswith("_")}


def test_most_layouts_are_compiled():
    slow = {name for name, codec in CODECS.items() if codec._flat is None}
    assert {"CREATE FILE body"} == slow


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "decoded"])
@given(st.sampled_from(NAMES), st.binary(max_size=60), st.data())
def test_parsing_is_what_construct_does(raw, name, noise, data):
    codec = CODECS[name]
    size = codec._flat._struct.size if codec._flat else 0
    exact = data.draw(st.binary(min_size=size, max_size=size))
    for content in (noise, exact, exact + noise):
        assert outcome(lambda c=content: codec.parse_slowly(c, raw=raw)) == outcome(
            lambda c=content: codec.parse(c, raw=raw)
        )


@given(st.sampled_from(NAMES), st.data())
def test_building_is_the_inverse_of_parsing(name, data):
    codec = CODECS[name]
    size = codec._flat._struct.size if codec._flat else 0
    content = data.draw(st.binary(min_size=size, max_size=size))
    if codec._flat is None:
        return
    values = outcome(lambda: codec.parse(content, raw=True))
    assert content == codec.build(values) == codec.build_slowly(values)


VALUES = st.one_of(
    st.integers(-1, 1 << 33), st.binary(max_size=12), st.none(), st.dates(), st.times(), st.text(max_size=3)
)


@given(st.sampled_from(NAMES), st.data())
def test_whatever_does_not_fit_is_refused_as_construct_refuses_it(name, data):
    codec, declared = CODECS[name], LAYOUTS[name]
    names = [subcon.name for subcon in declared.subcons]
    values = data.draw(st.dictionaries(st.sampled_from(names), VALUES))
    if codec._flat is not None:
        built = codec._flat.build(values)
        assert built is None or built == codec.build_slowly(values)


def test_a_rest_may_be_empty_or_long():
    codec = Codec(Struct("usage" / Int8ub, "value" / GreedyBytes), "key")
    assert (7, b"") == tuple(codec.parse(b"\x07"))
    assert (7, bytes(200)) == tuple(codec.parse(b"\x07" + bytes(200)))
    assert b"\x07abc" == codec.build({"usage": 7, "value": b"abc"})


def test_a_layout_without_data():
    codec = Codec(None, "nothing")
    assert {} == codec.fields(b"")
    with pytest.raises(DecodeError, match="must be 0 bytes, got 1"):
        codec.parse(b"\x00")


def test_one_field_alone():
    codec = Codec(layout("balance"), "answer")
    assert 100 == codec.parse(bytes.fromhex("00000064")).balance
    assert bytes.fromhex("00000064") == codec.build({"balance": 100})
