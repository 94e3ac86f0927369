"""Traces and what differs in them as JSON documents, for programs: ``cardtraceview/1`` and ``cardtracediff/1``.

A document is the dataclasses field by field: bytes are upper-case hex, dates and times ISO 8601, kinds of events and
what came of MACs lower-case names; status words are hex of four digits.  The schemas are in ``vectors/schema``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from ...document import DocumentForm, Json
from .decoding import DecodedEvent
from .difference import TraceDifference
from .masks import hexed
from .model import MOMENT, Trace

__all__ = ["trace_difference_document", "trace_document"]

_FORM = DocumentForm(hex=MappingProxyType({"sw": 4}), elements=frozenset())


def trace_document(trace: Trace, events: Iterable[DecodedEvent]) -> dict[str, Json]:
    """The document of a trace and its explained events.

    >>> trace_document(Trace("any", "device", ()), [])["format"]
    'cardtraceview/1'
    """
    rows: list[Json] = [_FORM.members(event) for event in events]
    return {
        "format": "cardtraceview/1",
        "profile": trace.profile,
        "kind": trace.kind,
        "by": trace.by,
        "atr": hexed(trace.atr),
        "made": None if trace.made is None else f"{trace.made:{MOMENT}}",
        "complete": trace.complete,
        "events": rows,
    }


def trace_difference_document(
    before: str, after: str, differences: Sequence[TraceDifference]
) -> dict[str, Json]:
    """The document of the differences between two traces that are called ``before`` and ``after``.

    >>> trace_difference_document("a", "b", [])
    {'format': 'cardtracediff/1', 'before': 'a', 'after': 'b', 'differences': []}
    """
    rows: list[Json] = [_FORM.members(each) for each in differences]
    return {"format": "cardtracediff/1", "before": before, "after": after, "differences": rows}
