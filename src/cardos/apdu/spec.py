"""What a declared command is: one :class:`CommandSpec` row serves the card, the host, traces, fuzzing and
the manual.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import construct

from ..errors import DecodeError, ParameterError
from ..fields import FIELDS, Field, Kind, Value
from .command import Command
from .secure import MAC_SIZE, is_protected

__all__ = ["ANY", "CommandSpec", "Protection", "layout", "one_of"]

_T = TypeVar("_T")
# construct is not typed; its containers hold whatever a layout declares.
Struct = Any
Container = Any

#: Every value of a parameter byte.
ANY = frozenset(range(256))

_NOTHING = construct.Struct()
_UINT = {1: construct.Int8ub, 2: construct.Int16ub, 3: construct.Int24ub, 4: construct.Int32ub}


class _FieldCodec(construct.Adapter):  # type: ignore[misc]  # construct ships no types
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
    by name.

    >>> layout("key_index", "amount", "terminal").sizeof()
    11
    """

    def codec(field: Field) -> Struct:
        return _UINT[field.width] if field.kind is Kind.UINT else _FieldCodec(field)

    return construct.Struct(
        *(name / codec(FIELDS[name]) for name in names), *(name / subcon for name, subcon in more.items())
    )


def one_of(*values: int) -> frozenset[int]:
    """The allowed values of a parameter byte."""
    return frozenset(values)


class Protection(enum.Enum):
    """Whether a command has a protected form (CLA with low nibble 4)."""

    NEVER = "plain only"
    OPTIONAL = "plain or protected, as the object demands"
    ALWAYS = "protected only"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command: its name, coding, layouts, status words and clause.

    ``cla`` is the class without secure messaging, ``p1`` and ``p2`` the allowed values, ``body`` and
    ``answer`` construct layouts (``None``: no data), ``lc`` the least and most plain data bytes, ``le`` the
    answer bytes asked for (0 none, 256 all there is), ``statuses`` what it can answer besides 9000, 6700,
    6D00 and 6E00; ``effect`` says in one sentence what a success changes on the card.
    """

    name: str
    cla: int
    ins: int
    p1: frozenset[int]
    p2: frozenset[int]
    clause: str
    statuses: tuple[int, ...]
    body: Struct = None
    answer: Struct = None
    lc: tuple[int, int] = (0, 0)
    le: int = 0
    protection: Protection = Protection.NEVER
    effect: str = ""

    @classmethod
    def fixed(
        cls, name: str, coding: tuple[int, int, Iterable[int], Iterable[int]], clause: str, *, statuses: Iterable[int],
        body: Struct = None, answer: Struct = None,
    ) -> CommandSpec:  # fmt: skip
        """A command whose body and answer have fixed lengths, which then give Lc and Le."""
        cla, ins, p1, p2 = coding
        size = body.sizeof() if body is not None else 0
        le = answer.sizeof() if answer is not None else 0
        return cls(
            name,
            cla,
            ins,
            frozenset(p1),
            frozenset(p2),
            clause,
            tuple(statuses),
            body,
            answer,
            (size, size),
            le,
        )

    def command(self, p1: int | None = None, p2: int | None = None, /, **values: object) -> Command:
        """The plain command with these parameters (left out where only one value is allowed) and body fields.

        Raises :class:`~cardos.errors.ParameterError` when a value does not fit.
        """
        first = self._parameter("p1", p1, self.p1)
        second = self._parameter("p2", p2, self.p2)
        data = self._build(self.body, values) if self.body is not None else b""
        return Command(self.cla, self.ins, first, second, data, le=self.le)

    def _parameter(self, name: str, value: int | None, allowed: frozenset[int]) -> int:
        if value is None and len(allowed) == 1:
            return next(iter(allowed))
        if value is None or value not in allowed:
            choices = ", ".join(f"{v:02X}" for v in sorted(allowed)) if len(allowed) <= 8 else "00..FF"
            raise ParameterError(f"{name} of {self.name}", f"one of {choices}", value)
        return value

    def _build(self, codec: Struct, values: dict[str, object]) -> bytes:
        try:
            return bytes(codec.build(values))
        except (construct.ConstructError, KeyError) as error:
            problem = (
                str(error).splitlines()[0]
                if isinstance(error, construct.ConstructError)
                else f"field {error}"
            )
            raise ParameterError(
                f"body of {self.name}", "built from all of its fields in range", problem
            ) from None

    def parse_body(self, data: bytes, *, raw: bool = False) -> Container:
        """The body fields of command data (without MAC); :class:`~cardos.errors.DecodeError` when they do
        not fit.

        ``raw`` leaves dates and times as bytes, as a card does: it never judges them, it only puts them
        under MACs.
        """
        return self._parse(self.body, data, f"{self.name} body", raw=raw)

    def parse_answer(self, data: bytes) -> Container:
        """The fields of response data; :class:`~cardos.errors.DecodeError` when the length or a value is
        wrong.
        """
        return self._parse(self.answer, data, f"{self.name} answer")

    def answer_as(self, kind: type[_T], data: bytes) -> _T:
        """The response data as the dataclass ``kind``, whose fields are fields of the answer layout."""
        container = self.parse_answer(data)
        return kind(**{name: value for name, value in container.items() if not name.startswith("_")})

    def build_answer(self, **values: object) -> bytes:
        """Response data from its fields."""
        return self._build(self.answer, values)

    @staticmethod
    def _parse(codec: Struct, data: bytes, path: str, *, raw: bool = False) -> Container:
        stream = io.BytesIO(data)
        try:
            container = (_NOTHING if codec is None else codec).parse_stream(stream, raw=raw)
        except construct.ConstructError as error:
            raise DecodeError(str(error).splitlines()[0], offset=stream.tell(), path=path) from None
        if stream.tell() != len(data):
            raise DecodeError(
                f"must be {stream.tell()} bytes, got {len(data)}", offset=stream.tell(), path=path
            )
        return container

    def accepts_length(self, command: Command) -> bool:
        """Whether the data of ``command`` (with its MAC when protected) are as long as this command
        allows.
        """
        least, most = self.lc
        extra = MAC_SIZE if is_protected(command.cla) else 0
        growth = 16 if extra and most else 0  # encipherment adds a length byte and padding
        return least + extra <= len(command.data) <= most + extra + growth
