"""Hex in which ``XX`` stands for a byte that is hidden, or that is not to be compared."""

from __future__ import annotations

__all__ = ["MASK", "covers", "filled", "hexed", "is_masked", "masked"]

#: Stands for one hidden byte, so that lengths stay visible.
MASK = "XX"


def hexed(raw: bytes) -> str:
    """Bytes as traces write them: upper-case hex."""
    return raw.hex().upper()


def is_masked(text: str) -> bool:
    """Whether any byte is hidden."""
    return "X" in text


def masked(text: str, start: int, stop: int) -> str:
    """Hex with the bytes ``start``..``stop`` hidden.

    >>> masked("0020000003123456", 5, 8)
    '0020000003XXXXXX'
    """
    return text[: 2 * start] + MASK * (stop - start) + text[2 * stop :]


def filled(text: str, fill: int = 0) -> bytes:
    """The bytes of masked hex, with ``fill`` for each hidden one.

    >>> filled("0020XX").hex()
    '002000'
    """
    return bytes.fromhex(text.replace(MASK, f"{fill:02X}"))


def covers(pattern: str, text: str) -> bool:
    """Whether two stretches of masked hex agree in length and in every byte that neither hides.

    >>> covers("00840000XX", "0084000008"), covers("0084", "008400")
    (True, False)
    """
    if len(pattern) != len(text):
        return False
    pairs = (slice(at, at + 2) for at in range(0, len(text), 2))
    return pattern == text or all(
        pattern[pair] == text[pair] or MASK in (pattern[pair], text[pair]) for pair in pairs
    )
