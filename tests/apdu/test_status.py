"""Status words: every one has a text, known or by class."""

from __future__ import annotations

import pytest

from cardos.apdu import COMMANDS, SW, describe_sw
from cardos.apdu.os_commands import TRIES_LEFT


@pytest.mark.parametrize(
    ("sw", "text"),
    [
        (0x9000, "success"),
        (0x63C2, "2 tries left"),
        (0x63C0, "0 tries left"),
        (0x6108, "8 bytes available"),
        (0x6100, "256 bytes available"),
        (0x6C17, "wrong Le, 23 bytes are there"),
        (0x9406, "required MAC or TAC not available"),
        (0x6FA7, "no precise diagnosis (6FA7)"),
        (0x9405, "unknown status (9405)"),
    ],
)
def test_describe(sw, text):
    assert text == describe_sw(sw)


def test_every_value_is_described():
    assert all(describe_sw(sw) for sw in range(0x10000))


def test_declared_statuses_are_known():
    for spec in COMMANDS:
        for sw in spec.statuses:
            assert sw == TRIES_LEFT or sw in SW._value2member_map_, (spec.name, sw)


def test_member_carries_value_and_text():
    assert (0x9302, "MAC invalid") == (SW.MAC_INVALID, SW.MAC_INVALID.text)
