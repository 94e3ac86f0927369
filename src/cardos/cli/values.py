"""Numbers and secrets as they are typed on the command line."""

from __future__ import annotations

from ..errors import ParameterError
from ..fields import bcd

__all__ = ["digits", "pin_bytes"]

_PIN_LENGTHS = range(4, 17, 2)


def digits(name: str, text: str, most: int) -> bytes:
    """Decimal digits as packed BCD, filled with 0 in front to ``most``, an even number.

    >>> digits("terminal", "42", 12).hex()
    '000000000042'
    """
    if not text.isascii() or not text.isdigit() or len(text) > most:
        raise ParameterError(name, f"1..{most} decimal digits", repr(text))
    return bcd(text.zfill(most))


def pin_bytes(text: str) -> bytes:
    """A PIN as the card takes it; an even number of 4..16 digits.

    >>> pin_bytes("123456").hex()
    '123456'
    """
    if not text.isascii() or not text.isdigit() or len(text) not in _PIN_LENGTHS:
        raise ParameterError("pin", "an even number of 4..16 digits", f"{len(text)} characters")
    return bcd(text)
