"""Frozen dataclasses as JSON documents, for every kind of document that the project prints."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time

from .fields import FieldValue

__all__ = ["DocumentForm", "Json"]

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """How dataclasses become JSON objects, member by member: bytes are upper-case hex, dates and times ISO 8601, enum
    members lower-case names, other dataclasses objects, tuples lists; members without a ``repr`` are left out.

    ``hex`` are the integers that are written in hex, with their digits; ``elements`` are tuples of
    :class:`~cardos.fields.FieldValue`, which become an object by element name.
    """

    hex: Mapping[str, int]
    elements: frozenset[str]

    def members(self, thing: object) -> dict[str, Json]:
        """The object of a dataclass instance, ready for :func:`json.dumps`.

        >>> DocumentForm({"value": 4}, frozenset()).members(FieldValue("city", 0x1000))
        {'name': 'city', 'value': '1000'}
        """
        shown = [each.name for each in fields(thing) if each.repr]  # type: ignore[arg-type]  # any dataclass instance
        return {name: self._json(name, getattr(thing, name)) for name in shown}

    def _json(self, name: str, value: object) -> Json:
        if is_dataclass(value):
            return self.members(value)
        if isinstance(value, tuple):
            return self._list(name, value)
        return self._scalar(name, value)

    def _scalar(self, name: str, value: object) -> Json:
        if isinstance(value, enum.Enum):
            return value.name.lower()
        if isinstance(value, bytes):
            return value.hex().upper()
        if isinstance(value, (date, time)):
            return value.isoformat()
        if isinstance(value, int) and name in self.hex:
            return f"{value:0{self.hex[name]}X}"
        return value  # type: ignore[return-value]  # None, bool, int and str are left

    def _list(self, name: str, values: tuple[object, ...]) -> Json:
        """A list; elements become an object by their names."""
        if name in self.elements:
            found = [each for each in values if isinstance(each, FieldValue)]
            return {each.name: self._json("value", each.value) for each in found}
        return [self._json("", value) for value in values]
