"""Options: every one says what it decides, has its default among its choices, and is turned by a test."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from cardos.errors import ProfileError
from cardos.options import CAPACITIES, CosOptions, PurseOptions, SamOptions, check_options, show_value
from cardos.profile import load_profile

OPTIONS = [
    pytest.param(kind, option, id=option.name)
    for kind in (CosOptions, PurseOptions, SamOptions)
    for option in fields(kind)
]
CHOSEN = [param for param in OPTIONS if param.values[1].metadata["choices"]]
RANGES = [param for param in OPTIONS if isinstance(param.values[1].metadata["within"], range)]
OTHERS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in Path(__file__).parent.rglob("test_*.py")
    if path.name != Path(__file__).name
)


@pytest.mark.parametrize(("kind", "option"), OPTIONS)
def test_an_option_says_what_it_decides(kind, option):
    assert len(option.metadata["about"]) > 15
    assert not option.metadata["choices"] or option.default in option.metadata["choices"]
    check_options(kind(), "defaults")


@pytest.mark.parametrize(("kind", "option"), OPTIONS)
def test_an_option_is_turned_somewhere(kind, option):
    assert option.name in OTHERS


@pytest.mark.parametrize(("kind", "option"), CHOSEN)
def test_choices(kind, option):
    for choice in option.metadata["choices"]:
        check_options(replace(kind(), **{option.name: choice}), "here")
    with pytest.raises(ProfileError, match=rf"^here: {option.name} must be .+ or .+, got "):
        check_options(replace(kind(), **{option.name: 0x7777}), "here")


@pytest.mark.parametrize(("size", "fits"), [(511, False), (512, True), (32768, True), (32769, False)])
def test_sizes_of_memory(size, fits):
    assert fits == (size in CAPACITIES)
    options = CosOptions(memory=size)
    if fits:
        check_options(options, "here")
        return
    with pytest.raises(ProfileError, match=f"memory must be 512..32768 bytes, got {size}"):
        check_options(options, "here")


def test_a_pin_is_required_for_known_operations():
    """Also where a profile is changed in the program."""
    with pytest.raises(
        ProfileError, match=r"pin_required must be of ed\.balance, .+, got \(.+'ep\.unload'\)"
    ):
        load_profile("city-3des").with_options(pin_required=("ep.load", "ep.unload"))


@pytest.mark.parametrize(("kind", "option"), RANGES)
def test_a_number_is_within_its_range(kind, option):
    within, several = option.metadata["within"], isinstance(option.default, tuple)

    def given(number):
        return replace(kind(), **{option.name: (number,) if several else number})

    for number in (within[0], within[-1]):
        check_options(given(number), "here")
    for number in (within[0] - 1, within[-1] + 1):
        with pytest.raises(
            ProfileError, match=rf"^here: {option.name} must be {within[0]}\.\.{within[-1]}, got "
        ):
            check_options(given(number), "here")


@pytest.mark.parametrize(
    ("name", "least", "most"), [("atr", 2, 33), ("ats", 1, 254), ("transport_code", 1, 18)]
)
def test_sizes_of_hex(name, least, most):
    for size in (least, most):
        check_options(CosOptions(**{name: "3B" * size}), "here")
    for size in (least - 1, most + 1):
        with pytest.raises(
            ProfileError, match=rf"^here: {name} must be {least}\.\.{most} bytes, got {size}$"
        ):
            check_options(CosOptions(**{name: "3B" * size}), "here")


@pytest.mark.parametrize("name", ["atr", "ats", "transport_code"])
@pytest.mark.parametrize("text", ["3B6", "zz", "3B 6D"])
def test_hex(name, text):
    with pytest.raises(ProfileError, match=f"{name} must be whole bytes in hex, got '{text}'"):
        check_options(replace(CosOptions(), **{name: text}), "here")


def test_values_are_shown_as_a_profile_writes_them():
    by_name = {option.name: option for kind in (CosOptions, PurseOptions) for option in fields(kind)}
    shown = [
        show_value(by_name[name], value)
        for name, value in (
            ("blocked_select", 0x6283),
            ("unblock_key", 0x37),
            ("memory", 8192),
            ("rights", "low_first"),
        )
    ]
    assert ["6283", "37", "8192", "'low_first'"] == shown


def test_an_option_finds_its_table():
    changed = load_profile("city-3des").with_options(rights="low_first", gmac_tries=5, mac2_tries=3)
    assert ("low_first", 5, 3) == (changed.cos.rights, changed.purse.gmac_tries, changed.sam.mac2_tries)
    with pytest.raises(ProfileError, match="unknown option colour"):
        changed.with_options(colour="red")
