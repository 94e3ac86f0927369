"""Descriptions and differences as JSON documents: ``cardview/1`` and ``carddiff/1``.

A document is the dataclasses of :mod:`cardos.inspection.views` field by field: bytes are upper-case hex, identifiers
and type bytes hex of fixed width, dates and times ISO 8601, file types and block states lower-case names.  Elements
(of records, purses, proofs) become an object by element name.  The schemas are in ``vectors/schema``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
from types import MappingProxyType

from .difference import Difference
from .views import CardView, FieldValue

__all__ = ["Json", "difference_document", "inspection_document"]

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]

#: Integers that are written in hex, with their digits.
_HEX: Mapping[str, int] = MappingProxyType(
    {"fid": 4, "type": 2, "type_byte": 2, "id": 2, "application": 2, "byte": 2}
)

#: Tuples of elements.
_ELEMENTS = ("fields", "proof", "lock_proof")


def inspection_document(view: CardView) -> dict[str, Json]:
    """The document of a description, ready for :func:`json.dumps`.

    >>> from cardos.card import Card
    >>> from cardos.inspection import inspect_card
    >>> from cardos.profile import load_profile
    >>> inspection_document(inspect_card(Card.blank(load_profile("city-3des"))))["format"]
    'cardview/1'
    """
    return {"format": "cardview/1", **_members(view)}


def difference_document(before: str, after: str, differences: Sequence[Difference]) -> dict[str, Json]:
    """The document of the differences between two cards that are called ``before`` and ``after``.

    >>> difference_document("a.img", "b.img", [])
    {'format': 'carddiff/1', 'before': 'a.img', 'after': 'b.img', 'differences': []}
    """
    rows: list[Json] = [_members(each) for each in differences]
    return {"format": "carddiff/1", "before": before, "after": after, "differences": rows}


def _members(thing: object) -> dict[str, Json]:
    """The fields of a dataclass that are to be seen."""
    shown = [each.name for each in fields(thing) if each.repr]  # type: ignore[arg-type]  # any dataclass instance
    return {name: _json(name, getattr(thing, name)) for name in shown}


def _json(name: str, value: object) -> Json:
    if is_dataclass(value):
        return _members(value)
    if isinstance(value, tuple):
        return _list(name, value)
    return _scalar(name, value)


def _scalar(name: str, value: object) -> Json:
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, int) and name in _HEX:
        return f"{value:0{_HEX[name]}X}"
    return value  # type: ignore[return-value]  # None, bool, int and str are left


def _list(name: str, values: tuple[object, ...]) -> Json:
    """A list; elements become an object by their names."""
    if name in _ELEMENTS:
        elements = [each for each in values if isinstance(each, FieldValue)]
        return {each.name: _json("value", each.value) for each in elements}
    return [_json("", value) for value in values]
