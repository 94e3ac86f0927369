"""Layouts: the ordered fields of a MAC input, session key block, file or record, as data.

A layout is a list of elements, each one of

* a field name of :data:`cardos.fields.FIELDS` — ``"amount"``
* a slice of a field in bytes — ``"terminal_serial[2:4]"``
* constant bytes in hex — ``"=8000"``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from struct import Struct, error
from typing import Any

from .errors import DecodeError, ParameterError
from .fields import FIELDS, Field, FieldValue, Kind, Value

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


#: Formats of numbers that :mod:`struct` knows, by their width.
_NUMBERS = {1: "B", 2: "H", 4: "I"}


class Packing:
    """The elements of a layout as one :class:`struct.Struct`, for values that are what they are on a card: numbers and
    bytes.

    :meth:`pack` and :meth:`unpack` give ``None`` for anything else, and the layout goes the long way.
    """

    __slots__ = ("_constants", "_get", "_lengths", "_narrow", "_plain", "_slices", "_struct", "_whole")

    def __init__(self, elements: Sequence[Element]) -> None:
        fields = [(place, element) for place, element in enumerate(elements) if element.field is not None]
        self._constants = [(p, e.constant) for p, e in enumerate(elements) if e.field is None]
        self._whole = len(fields) == len(elements)
        names = [element.field.name for _, element in fields if element.field is not None]
        self._get = itemgetter(*names) if len(names) > 1 else _only(names)
        self._struct = Struct(">" + "".join(_format(element) for element in elements))
        kinds = [(place, element, element.field) for place, element in fields if element.field is not None]
        sliced = [(p, e, f) for p, e, f in kinds if e.width != f.width]
        entire = [(p, e, f) for p, e, f in kinds if e.width == f.width]
        self._slices = [(p, f, e.start, e.stop) for p, e, f in sliced]
        self._narrow = [(p, f.width) for p, e, f in entire if f.kind is Kind.UINT and f.width not in _NUMBERS]
        self._lengths = [(p, f.width) for p, e, f in entire if f.kind is not Kind.UINT]
        self._plain = self._whole and not self._slices and not self._narrow

    def pack(self, values: Mapping[str, Value]) -> bytes | None:
        """The bytes, when every value is a number or bytes of the right size."""
        try:
            if self._plain:
                plain: Any = self._get(values)  # numbers and bytes, or what struct refuses
                for place, width in self._lengths:
                    if len(plain[place]) != width:
                        return None
                return self._struct.pack(*plain)
            found = list(self._get(values))
            for place, constant in self._constants:
                found.insert(place, constant)
            for place, wanted, start, stop in self._slices:
                found[place] = wanted.encode(found[place])[start:stop]
            for place, width in self._narrow:
                found[place] = found[place].to_bytes(width, "big")
            for place, width in self._lengths:
                if len(found[place]) != width:
                    return None
            return self._struct.pack(*found)
        except (KeyError, TypeError, AttributeError, OverflowError, error, ParameterError):
            return None

    def unpack(self, raw: bytes) -> tuple[int | bytes, ...] | None:
        """The fields in order, when the constants are right."""
        found = self._struct.unpack(raw)
        if self._whole and not self._narrow:
            return found
        values = list(found)
        for place, _ in self._narrow:
            values[place] = int.from_bytes(values[place], "big")
        for place, constant in reversed(self._constants):
            if values.pop(place) != constant:
                return None
        return tuple(values)


def _tolerant(wanted: Field, part: bytes) -> Value:
    try:
        return wanted.decode(part)
    except DecodeError:
        return part


def _only(names: Sequence[str]) -> Callable[[Mapping[str, Value]], tuple[Value, ...]]:
    """As :func:`operator.itemgetter`, for one name or none."""
    return lambda values: tuple(values[name] for name in names)


def _format(element: Element) -> str:
    """The format of an element: a number where :mod:`struct` has one of its width, else bytes."""
    wanted = element.field
    if wanted is not None and wanted.kind is Kind.UINT and element.width == wanted.width:
        return _NUMBERS.get(element.width, f"{element.width}s")
    return f"{element.width}s"


@dataclass(frozen=True, slots=True)
class Layout:
    """Ordered elements with a ``name`` for messages, such as ``purchase.mac1``."""

    name: str
    elements: tuple[Element, ...]
    width: int = field(init=False, compare=False)
    names: frozenset[str] = field(init=False, compare=False)
    _packing: Packing = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", sum(element.width for element in self.elements))
        object.__setattr__(self, "names", frozenset(found.name for found in self.fields))
        object.__setattr__(self, "_packing", Packing(self.elements))

    @classmethod
    def parse(cls, name: str, texts: Sequence[str]) -> Layout:
        """A layout from the text forms of its elements.

        >>> Layout.parse("load.session", ["random", "online_serial", "=8000"]).width
        8
        """
        return cls(name, tuple(Element.parse(text) for text in texts))

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that :meth:`assemble` needs, in order."""
        return tuple(element.field for element in self.elements if element.field is not None)

    def assemble(self, values: Mapping[str, Value]) -> bytes:
        """The bytes for ``values``; fields that the layout does not name are ignored.

        Raises :class:`~cardos.errors.ParameterError` when a field is missing or out of range.

        >>> load = Layout.parse("load.session", ["random", "online_serial", "=8000"])
        >>> load.assemble({"random": bytes.fromhex("C903814D"), "online_serial": 0}).hex()
        'c903814d00008000'
        """
        packed = self._packing.pack(values)
        return self.assemble_slowly(values) if packed is None else packed

    def assemble_slowly(self, values: Mapping[str, Value]) -> bytes:
        """What :meth:`assemble` gives, element by element: it takes every kind of value and says what is wrong."""
        return b"".join(self._bytes_of(element, values) for element in self.elements)

    def unpack(self, raw: bytes) -> tuple[int | bytes, ...]:
        """The fields in ``raw`` in order, dates and times as bytes, slices as they are; the shortest way to them.

        Raises :class:`~cardos.errors.DecodeError` as :meth:`split` does.

        >>> Layout.parse("head", ["amount", "type"]).unpack(bytes.fromhex("0000006406"))
        (100, 6)
        """
        if len(raw) != self.width:
            raise DecodeError(f"must be {self.width} bytes, got {len(raw)}", path=self.name)
        found = self._packing.unpack(raw)
        if found is None:
            self.split(raw)
            raise DecodeError("must be as the layout says", path=self.name)
        return found

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

    def read(self, raw: bytes) -> tuple[FieldValue, ...]:
        """The whole fields that ``raw`` reaches, whatever it holds: a date or time that is none stays bytes.

        >>> [field.text for field in Layout.parse("head", ["amount", "date", "type"]).read(bytes(8))]
        ['0 fen', '00000000']
        """
        found, position = [], 0
        for element in self.elements:
            part, wanted = raw[position : position + element.width], element.field
            position += element.width
            if wanted is not None and len(part) == wanted.width:
                found.append(FieldValue(wanted.name, _tolerant(wanted, part)))
        return tuple(found)

    def _bytes_of(self, element: Element, values: Mapping[str, Value]) -> bytes:
        wanted = element.field
        if wanted is None:
            return element.constant
        if wanted.name not in values:
            raise ParameterError(wanted.name, f"given for {self.name}", "nothing")
        return wanted.encode(values[wanted.name])[element.start : element.stop]
