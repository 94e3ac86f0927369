"""The data elements of a command as rows: what people can write, complete and look up by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import construct

from ..fields import Kind
from .codec import FieldCodec

__all__ = ["DataElement", "data_elements"]

_Struct = Any  # construct is not typed


@dataclass(frozen=True, slots=True)
class DataElement:
    """An element of command or answer data: ``path`` is its name, after a dot within an element that has parts;
    ``width`` in bytes, ``None`` for all the rest.
    """

    path: str
    width: int | None
    kind: Kind
    note: str


def data_elements(declared: _Struct) -> tuple[DataElement, ...]:
    """The elements of a construct layout (``None``: no data), in order; of alternatives every one that there is.

    >>> from cardos.apdu.purse_commands import GET_TRANSACTION_PROVE
    >>> [(each.path, each.width) for each in data_elements(GET_TRANSACTION_PROVE.answer)]
    [('mac', 4), ('tac', 4)]
    """
    rows = {element.path: element for element in _elements(declared, "")}
    return tuple(rows.values())


def _elements(declared: _Struct, prefix: str) -> Iterator[DataElement]:
    for part in getattr(declared, "subcons", ()):
        note, inner = "", part
        while isinstance(inner, construct.Renamed):
            note, inner = note or inner.docs, inner.subcon
        path = f"{prefix}{part.name}"
        if isinstance(inner, construct.Switch):
            for alternative in (*inner.cases.values(), inner.default):
                yield from _elements(alternative, f"{path}.")
        else:
            yield _element(path, inner, note.strip())


def _element(path: str, inner: _Struct, note: str) -> DataElement:
    if isinstance(inner, FieldCodec):
        return DataElement(path, inner.field.width, inner.field.kind, note or inner.field.note)
    if isinstance(inner, construct.FormatField | construct.BytesInteger):
        return DataElement(path, inner.length, Kind.UINT, note)
    return DataElement(path, None, Kind.BYTES, note)
