"""Layouts: the ordered fields of a MAC input, session key block, file or record, as data.

A layout is a list of elements, each one of

* a field name of :data:`cardos.fields.FIELDS` — ``"amount"``
* a slice of a field in bytes — ``"terminal_serial[2:4]"``
* constant bytes in hex — ``"=8000"``
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import DecodeError, ParameterError
from .fields import FIELDS, Field, Value

__all__ = ["Element", "Layout"]

_ELEMENT = re.compile(
    r"(?P<name>[a-z]\w*)(\[(?P<start>\d+):(?P<stop>\d+)\])?|=(?P<constant>([0-9A-Fa-f]{2})+)"
)


@dataclass(frozen=True, slots=True)
class Element:
    """Bytes ``start:stop`` of ``field``, or the ``constant`` bytes when ``field`` is ``None``."""

    field: Field | None
    start: int
    stop: int
    constant: bytes = b""

    @classmethod
    def parse(cls, text: str) -> Element:
        """An element from its text form; :class:`~cardos.errors.ParameterError` names an unknown field."""
        match = _ELEMENT.fullmatch(text)
        if match and match["constant"]:
            constant = bytes.fromhex(match["constant"])
            return cls(None, 0, len(constant), constant)
        field = FIELDS.get(match["name"]) if match else None
        if match is None or field is None:
            raise ParameterError("layout element", "a field name, field[a:b] or =hex", repr(text))
        start, stop = int(match["start"] or 0), int(match["stop"] or field.width)
        if not 0 <= start < stop <= field.width:
            raise ParameterError(f"slice of {field.name}", f"within 0:{field.width}", repr(text))
        return cls(field, start, stop)

    @property
    def width(self) -> int:
        """Length in bytes."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Layout:
    """Ordered elements with a ``name`` for messages, such as ``purchase.mac1``."""

    name: str
    elements: tuple[Element, ...]

    @classmethod
    def parse(cls, name: str, texts: Sequence[str]) -> Layout:
        """A layout from the text forms of its elements.

        >>> Layout.parse("load.session", ["random", "online_serial", "=8000"]).width
        8
        """
        return cls(name, tuple(Element.parse(text) for text in texts))

    @property
    def width(self) -> int:
        """Length of the assembled bytes."""
        return sum(element.width for element in self.elements)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that :meth:`assemble` needs, in order."""
        return tuple(element.field for element in self.elements if element.field is not None)

    def assemble(self, values: dict[str, Value]) -> bytes:
        """The bytes for ``values``; fields that the layout does not name are ignored.

        Raises :class:`~cardos.errors.ParameterError` when a field is missing or out of range.

        >>> load = Layout.parse("load.session", ["random", "online_serial", "=8000"])
        >>> load.assemble({"random": bytes.fromhex("C903814D"), "online_serial": 0}).hex()
        'c903814d00008000'
        """
        return b"".join(self._bytes_of(element, values) for element in self.elements)

    def split(self, raw: bytes, *, offset: int = 0) -> dict[str, Value]:
        """The values of whole fields in ``raw``; the inverse of :meth:`assemble`.

        Raises :class:`~cardos.errors.DecodeError` with the offset (counted from ``offset``) when the length
        is wrong, a constant differs or a value is impossible.

        >>> Layout.parse("log.tail", ["type", "terminal"]).split(bytes.fromhex("06001122334455"))["type"]
        6
        """
        if len(raw) != self.width:
            raise DecodeError(f"must be {self.width} bytes, got {len(raw)}", offset=offset, path=self.name)
        values: dict[str, Value] = {}
        position = 0
        for element in self.elements:
            part, at = raw[position : position + element.width], offset + position
            if element.field is None:
                if part != element.constant:
                    problem = f"must be {element.constant.hex().upper()}, got {part.hex().upper()}"
                    raise DecodeError(problem, offset=at, path=self.name)
            elif element.width == element.field.width:
                path = f"{self.name}/{element.field.name}"
                values[element.field.name] = element.field.decode(part, offset=at, path=path)
            position += element.width
        return values

    def _bytes_of(self, element: Element, values: dict[str, Value]) -> bytes:
        field = element.field
        if field is None:
            return element.constant
        if field.name not in values:
            raise ParameterError(field.name, f"given for {self.name}", "nothing")
        return field.encode(values[field.name])[element.start : element.stop]
