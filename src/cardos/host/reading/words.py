"""Codes of card records in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["INDUSTRIES", "TRANSACTION_KINDS", "TRIP_KINDS", "in_words"]

#: Transaction types of log records, and what an amount does to the purse (JR/T 0025.2 annex A; JR/T 0025.9 for 09 and
#: the grey lock).
TRANSACTION_KINDS: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        0x01: ("deposit load", 1),
        0x02: ("load", 1),
        0x03: ("unload", -1),
        0x04: ("cash withdrawal", -1),
        0x05: ("deposit purchase", -1),
        0x06: ("purchase", -1),
        0x07: ("overdraft limit", 1),
        0x09: ("composite purchase", -1),
        0x91: ("deposit grey lock", -1),
        0x92: ("grey lock", -1),
        0x93: ("deposit grey debit", -1),
        0x94: ("grey debit", -1),
        0x95: ("deposit grey unlock", -1),
        0x96: ("grey unlock", -1),
    }
)

#: Kinds of trip records (JT/T 978).
TRIP_KINDS: Mapping[int, str] = MappingProxyType(
    {
        0x01: "cash, in",
        0x02: "cash, out",
        0x03: "in",
        0x04: "out",
        0x05: "cash, single ride",
        0x06: "single ride",
        0x07: "cash, fare topped up",
        0x08: "fare topped up",
        0x09: "cash, load",
        0x0A: "load",
    }
)

#: Industries of trip records (JT/T 978).
INDUSTRIES: Mapping[int, str] = MappingProxyType(
    {
        0x01: "metro",
        0x02: "bus",
        0x03: "water bus",
        0x04: "taxi",
        0x05: "car rental",
        0x06: "bicycle",
        0x07: "parking",
        0x08: "coach",
        0x09: "ferry",
        0x0A: "intercity rail",
        0x0B: "air",
        0x0C: "expressway",
        0x0D: "suburban rail",
    }
)


def in_words(words: Mapping[int, str], code: int) -> str:
    """The word for a code, or the code itself.

    >>> in_words(INDUSTRIES, 1), in_words(INDUSTRIES, 0xEE)
    ('metro', 'EE')
    """
    return words.get(code, f"{code:02X}")
