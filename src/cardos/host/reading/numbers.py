"""The number of a card in the forms in which it is printed and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ...errors import ParameterError
from ...fields import Value
from ...layout import Layout

__all__ = ["NUMBER_FORMS", "NumberRule"]

_DIGITS = 10


def _digits(raw: bytes) -> str:
    return raw.hex().upper()


def _without_first(raw: bytes) -> str:
    """A number with an odd count of digits, which has a 0 in front on the card."""
    return raw.hex().upper()[1:]


def _checked(raw: bytes) -> str:
    """Low byte first, with the digit that makes the sum of all a multiple of ten."""
    number = str(int.from_bytes(raw, "little"))
    return f"{number}({-sum(map(int, number)) % _DIGITS})"


def _unsigned(raw: bytes) -> str:
    return str(int.from_bytes(raw))


def _signed(raw: bytes) -> str:
    return str(int.from_bytes(raw, signed=True))


def _signed_little(raw: bytes) -> str:
    return str(int.from_bytes(raw, "little", signed=True))


#: What makes the text of a number out of its bytes, by the name of the form.
NUMBER_FORMS: Mapping[str, Callable[[bytes], str]] = MappingProxyType(
    {
        "digits": _digits,
        "digits but the first": _without_first,
        "little endian with check digit": _checked,
        "big endian": _unsigned,
        "signed big endian": _signed,
        "signed little endian": _signed_little,
    }
)


@dataclass(frozen=True, slots=True)
class NumberRule:
    """Where a number lies and in what form it is shown.

    >>> rule = NumberRule.parse("little endian with check digit", "card_serial[4:8]")
    >>> rule.text({"card_serial": bytes.fromhex("51800000E63C1D29")})
    '689781990(3)'
    """

    form: str
    source: Layout

    @classmethod
    def parse(cls, form: str, element: str) -> NumberRule:
        """A rule from a name of :data:`NUMBER_FORMS` and the layout element with the bytes."""
        if form not in NUMBER_FORMS:
            raise ParameterError("form of a number", f"one of {', '.join(NUMBER_FORMS)}", repr(form))
        return cls(form, Layout.parse("number", [element]))

    def text(self, values: Mapping[str, Value]) -> str:
        """The number of a card with these data elements; empty when they are not there."""
        known = self.source.names <= values.keys()
        return NUMBER_FORMS[self.form](self.source.assemble(values)) if known else ""
