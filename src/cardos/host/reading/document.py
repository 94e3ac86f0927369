"""A reading as a JSON document, ``cardreading/1``; its schema is in ``vectors/schema``."""

from __future__ import annotations

from types import MappingProxyType

from ...document import DocumentForm, Json
from .model import CardReading

__all__ = ["reading_document"]

_FORM = DocumentForm(
    hex=MappingProxyType({"sfi": 2, "sw": 4, "type": 2, "code": 2, "industry_code": 2}),
    elements=frozenset({"fields"}),
)


def reading_document(reading: CardReading) -> dict[str, Json]:
    """The document of a reading, ready for :func:`json.dumps`.

    >>> from cardos.host.reading import CardReading
    >>> reading_document(CardReading(b";", (), (), (), (), (), 0))["atr"]
    '3B'
    """
    refusals: list[Json] = [
        {**_FORM.members(each), "meaning": each.meaning, "needs_secret": each.needs_secret}
        for each in reading.refusals
    ]
    return {"format": "cardreading/1", **_FORM.members(reading), "refusals": refusals}
