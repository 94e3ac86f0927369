"""Layouts of command and answer data: declared with construct, and compiled for the way of every command.

The construct declaration is the source.  A flat one, of numbers, fields of fixed length and perhaps a rest, is
compiled into one :class:`struct.Struct`; whatever the compiled form cannot take goes through construct, which takes
everything and says what is wrong.
"""

from __future__ import annotations

import io
import struct
from collections import namedtuple
from collections.abc import Mapping
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Any

import construct

from ..errors import DecodeError, ParameterError
from ..fields import FIELDS, Field, Kind, Value

__all__ = ["Codec", "layout"]

# construct is not typed; its containers hold whatever a layout declares.
Struct = Any
Container = Any

_NOTHING = construct.Struct()
_UINT = {1: construct.Int8ub, 2: construct.Int16ub, 3: construct.Int24ub, 4: construct.Int32ub}


class FieldCodec(construct.Adapter):  # type: ignore[misc]  # construct ships no types
    """A field of :data:`cardos.fields.FIELDS` as a construct codec."""

    def __init__(self, field: Field) -> None:
        super().__init__(construct.Bytes(field.width))
        self.field = field

    def _decode(self, obj: bytes, context: Container, _path: str) -> Value:
        return obj if context["_params"].get("raw") else self.field.decode(obj)

    def _encode(self, obj: Value, _context: Container, _path: str) -> bytes:
        return self.field.encode(obj)


def layout(*names: str, **more: Struct) -> Struct:
    """A construct layout: the named fields of :data:`cardos.fields.FIELDS` in order, then ``more`` codecs
    by name.  The note of a field is the documentation of its codec.

    >>> layout("key_index", "amount", "terminal").sizeof()
    11
    """

    def codec(field: Field) -> Struct:
        return _UINT[field.width] if field.kind is Kind.UINT else FieldCodec(field)

    return construct.Struct(
        *(name / codec(FIELDS[name]) * FIELDS[name].note for name in names),
        *(name / subcon for name, subcon in more.items()),
    )


def _inner(subcon: Struct) -> Struct:
    """What lies under the name and documentation of an element."""
    while isinstance(subcon, construct.Renamed):
        subcon = subcon.subcon
    return subcon


def _formats(subcons: list[Struct]) -> list[str] | None:
    """The :mod:`struct` format of each element, ``None`` when one has none."""
    found = []
    for subcon in map(_inner, subcons):
        if isinstance(subcon, construct.FormatField):
            found.append(subcon.fmtstr[1:])
        elif isinstance(subcon, construct.BytesInteger):
            found.append(f"{subcon.length}s")
        elif isinstance(subcon, FieldCodec):
            found.append(f"{subcon.field.width}s")
        else:
            return None
    return found


class _Flat:
    """A flat declaration as one struct; every method gives ``None`` for what it cannot take."""

    def __init__(self, declared: Struct, formats: list[str], *, rest: bool) -> None:
        subcons = list(declared.subcons)
        names = [subcon.name for subcon in subcons]
        inner = [_inner(subcon) for subcon in subcons]
        self._struct = struct.Struct(">" + "".join(formats))
        self._rest = rest
        self._names, self._widths = names, [struct.calcsize(f">{form}") for form in formats]
        # Any: the class of the parsed fields is made here, where their names are known.
        self._record: Any = namedtuple("Record", names)  # type: ignore[misc]  # noqa: PYI024  # as said
        self._get = itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)
        self._narrow = [(p, c.length) for p, c in enumerate(inner) if isinstance(c, construct.BytesInteger)]
        fields = [(p, c.field) for p, c in enumerate(inner) if isinstance(c, FieldCodec)]
        self._lengths = [(place, field.width) for place, field in fields]
        self._moments = [(p, field) for p, field in fields if field.kind in (Kind.DATE, Kind.TIME)]

    def parse(self, data: bytes, *, raw: bool) -> Container | None:
        size = self._struct.size
        if len(data) != size and not (self._rest and len(data) > size):
            return None
        found: Any = self._struct.unpack_from(data)
        moments = () if raw else self._moments
        if self._rest or self._narrow or moments:
            found = [*found, data[size:]] if self._rest else list(found)
            for place, _ in self._narrow:
                found[place] = int.from_bytes(found[place], "big")
            try:
                for place, field in moments:
                    found[place] = field.decode(found[place])
            except DecodeError:
                return None
        return self._record._make(found)

    def spans(self, size: int) -> dict[str, slice]:
        ends = [*accumulate(self._widths), *([size] if self._rest else [])]
        return {name: slice(*place) for name, place in zip(self._names, pairwise([0, *ends]), strict=True)}

    def build(self, values: Mapping[str, object]) -> bytes | None:
        try:
            found: Any = list(self._get(values))
            rest = found.pop() if self._rest else b""
            for place, width in self._narrow:
                found[place] = found[place].to_bytes(width, "big")
            for place, field in self._moments:
                if type(found[place]) is not bytes:
                    found[place] = field.encode(found[place])
            for place, width in self._lengths:
                if len(found[place]) != width:
                    return None
            return self._struct.pack(*found) + rest
        except (KeyError, TypeError, AttributeError, OverflowError, struct.error, ParameterError):
            return None


class Codec:
    """The layout ``declared`` (a construct struct, ``None`` for no data) of ``what``, for messages."""

    __slots__ = ("_declared", "_flat", "_what")

    def __init__(self, declared: Struct, what: str) -> None:
        self._declared = _NOTHING if declared is None else declared
        self._what = what
        self._flat = _compiled(self._declared)

    def parse(self, data: bytes, *, raw: bool = False) -> Container:
        """The fields of ``data``; ``raw`` leaves dates and times as bytes.

        Raises :class:`~cardos.errors.DecodeError` when they do not fit.
        """
        found = self._flat.parse(data, raw=raw) if self._flat is not None else None
        return self.parse_slowly(data, raw=raw) if found is None else found

    def fields(self, data: bytes) -> dict[str, Any]:
        """The fields of ``data`` by name."""
        found = self.parse(data)
        named = found._asdict() if isinstance(found, tuple) else found  # type: ignore[attr-defined]  # a record
        return {name: value for name, value in named.items() if not name.startswith("_")}

    def spans(self, size: int) -> dict[str, slice]:
        """Where each field lies in ``size`` bytes of data; empty when that is not the same for all data."""
        return {} if self._flat is None else self._flat.spans(size)

    def parse_slowly(self, data: bytes, *, raw: bool = False) -> Container:
        """What :meth:`parse` gives, by construct."""
        stream = io.BytesIO(data)
        try:
            container = self._declared.parse_stream(stream, raw=raw)
        except construct.ConstructError as problem:
            raise DecodeError(str(problem).splitlines()[0], offset=stream.tell(), path=self._what) from None
        if stream.tell() != len(data):
            raise DecodeError(
                f"must be {stream.tell()} bytes, got {len(data)}", offset=stream.tell(), path=self._what
            )
        return container

    def build(self, values: Mapping[str, object]) -> bytes:
        """The bytes of ``values``; :class:`~cardos.errors.ParameterError` when one is missing or does not fit."""
        built = self._flat.build(values) if self._flat is not None else None
        return self.build_slowly(values) if built is None else built

    def build_slowly(self, values: Mapping[str, object]) -> bytes:
        """What :meth:`build` gives, by construct."""
        try:
            return bytes(self._declared.build(dict(values)))
        except (construct.ConstructError, KeyError) as problem:
            said = (
                str(problem).splitlines()[0]
                if isinstance(problem, construct.ConstructError)
                else f"field {problem}"
            )
            raise ParameterError(self._what, "built from all of its fields in range", said) from None


def _compiled(declared: Struct) -> _Flat | None:
    subcons = list(getattr(declared, "subcons", ()))
    if not subcons:
        return None
    rest = _inner(subcons[-1]) is construct.GreedyBytes
    formats = _formats(subcons[:-1] if rest else subcons)
    return None if formats is None else _Flat(declared, formats, rest=rest)
