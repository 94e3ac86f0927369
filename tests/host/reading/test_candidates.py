"""The list of known cards agrees with the card profiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import ParameterError, ProfileError
from cardos.host.reading.candidates import Candidate, _candidate, city_name, load_candidates
from cardos.host.reading.numbers import NUMBER_FORMS, NumberRule
from cardos.host.reading.words import INDUSTRIES, TRANSACTION_KINDS, TRIP_KINDS, in_words
from cardos.profile import load_profile, profile_names

CANDIDATES = [
    pytest.param(each, id=f"{place}-{each.profile.name}") for place, each in enumerate(load_candidates())
]


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_marks_are_transparent_files_of_the_profile(candidate: Candidate):
    for place in (*candidate.begins, *candidate.lengths):
        spec = candidate.profile.file(place.file, place.directory)
        assert "transparent" == spec.type
        assert len(candidate.begins.get(place, b"")) <= spec.size
        assert candidate.lengths.get(place, spec.size) == spec.size


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_number_can_be_found_in_what_the_profile_reads(candidate: Candidate):
    """All elements of the number and of the city are in the public files, or follow from them."""
    profile = candidate.profile
    places = profile.public if profile.kind == "card" else []
    read = {name for place in places for name in profile.file(place.file, place.directory).layout.names}
    zero = {name: bytes(64) for name in read | {"sam_serial"}}
    known = set(zero) | {name for name, layout in profile.derived.items() if layout.names <= zero.keys()}
    known |= {name for name, layout in profile.derived.items() if layout.names <= known}
    for rule in (candidate.number, *candidate.numbers):
        assert rule.source.names <= known
    if candidate.region is not None:
        assert candidate.region.names <= known


def test_one_kind_of_card_is_declared_once():
    """Two rows for one profile are told apart by their titles."""
    rows = [(each.profile.name, each.title) for each in load_candidates()]
    assert len(set(rows)) == len(rows)
    cards = {name for name in profile_names() if load_profile(name).kind == "card"}
    assert {"city-sm4", "jrt-3des"} == cards - {name for name, _ in rows}


def test_the_order_of_reader_apps():
    order = [each.profile.name for each in load_candidates()]
    apps = ["beijing", "wuhan", "mohurd", "tunion", "shenzhen"]
    assert apps == sorted(apps, key=order.index)


@pytest.mark.parametrize(
    ("row", "error", "problem"),
    [
        pytest.param({"colour": 1}, ProfileError, r"\[candidate tunion\]: unknown field colour", id="field"),
        pytest.param({"number": ["roman", "issuer"]}, ParameterError, "form of a number must be one of", id="form"),
        pytest.param({"number": ["digits", "what"]}, ParameterError, "layout element must be", id="element"),
        pytest.param({"profile": "nowhere"}, ProfileError, "no such profile", id="profile"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused(row, error, problem):
    with pytest.raises(error, match=problem):
        _candidate({"profile": "tunion", "number": ["digits", "issuer"], **row})


@pytest.mark.parametrize(
    ("form", "raw", "text"),
    [
        ("digits", "31000000204588AB", "31000000204588AB"),
        ("digits but the first", "0123", "123"),
        ("little endian with check digit", "E63C1D29", "689781990(3)"),
        ("little endian with check digit", "00000000", "0(0)"),
        ("big endian", "AC300CA7", "2888830119"),
        ("signed big endian", "AC300CA7", "-1406137177"),
        ("signed little endian", "AC300CA7", "-1492373332"),
    ],
)
def test_forms_of_a_number(form, raw, text):
    assert text == NUMBER_FORMS[form](bytes.fromhex(raw))


@given(raw=st.binary(min_size=4, max_size=4))
def test_the_digits_with_the_check_digit_sum_up_to_tens(raw):
    number, check = NUMBER_FORMS["little endian with check digit"](raw).rstrip(")").split("(")
    assert 0 == sum(map(int, number + check)) % 10
    assert raw == int(number).to_bytes(4, "little")


def test_a_number_that_is_not_there_is_empty():
    assert "" == NumberRule.parse("digits", "card_serial").text({"issuer": bytes(8)})


def test_cities_have_two_systems_of_codes():
    assert ("Hangzhou", "") == tuple(city_name(system, b"\x31\x00") for system in ("postal", "unionpay"))


@pytest.mark.parametrize(("words", "size"), [(INDUSTRIES, 13), (TRIP_KINDS, 10)])
def test_every_code_has_a_word_of_its_own(words, size):
    assert size == len({in_words(words, code) for code in words})
    assert "FF" == in_words(words, 0xFF)


def test_what_leaves_the_card_is_below_zero():
    signs = {code: sign for code, (_, sign) in TRANSACTION_KINDS.items()}
    assert [1, 1, -1, -1, -1, -1, 1, -1] == [signs[code] for code in (1, 2, 3, 4, 5, 6, 7, 9)]
