"""Descriptions and differences as JSON documents: ``cardview/1`` and ``carddiff/1``.

A document is the dataclasses of :mod:`cardos.inspection.views` field by field: bytes are upper-case hex, identifiers
and type bytes hex of fixed width, dates and times ISO 8601, file types and block states lower-case names.  Elements
(of records, purses, proofs) become an object by element name.  The schemas are in ``vectors/schema``.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from ..document import DocumentForm, Json
from .difference import Difference
from .views import CardView

__all__ = ["difference_document", "inspection_document"]

_FORM = DocumentForm(
    hex=MappingProxyType({"fid": 4, "type": 2, "type_byte": 2, "id": 2, "application": 2, "byte": 2}),
    elements=frozenset({"fields", "proof", "lock_proof"}),
)


def inspection_document(view: CardView) -> dict[str, Json]:
    """The document of a description, ready for :func:`json.dumps`.

    >>> from cardos.card import Card
    >>> from cardos.inspection import inspect_card
    >>> from cardos.profile import load_profile
    >>> inspection_document(inspect_card(Card.blank(load_profile("city-3des"))))["format"]
    'cardview/1'
    """
    return {"format": "cardview/1", **_FORM.members(view)}


def difference_document(before: str, after: str, differences: Sequence[Difference]) -> dict[str, Json]:
    """The document of the differences between two cards that are called ``before`` and ``after``.

    >>> difference_document("a.img", "b.img", [])
    {'format': 'carddiff/1', 'before': 'a.img', 'after': 'b.img', 'differences': []}
    """
    rows: list[Json] = [_FORM.members(each) for each in differences]
    return {"format": "carddiff/1", "before": before, "after": after, "differences": rows}
