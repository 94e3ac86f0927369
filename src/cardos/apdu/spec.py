"""What a declared command is: one :class:`CommandSpec` row serves the card, the host, traces, fuzzing and
the manual.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import ParameterError
from .codec import Codec, layout
from .command import Command
from .secure import MAC_SIZE, is_protected

__all__ = ["ANY", "CommandSpec", "Protection", "layout", "one_of"]

_T = TypeVar("_T")
_Struct = Any  # construct is not typed

#: Every value of a parameter byte.
ANY = frozenset(range(256))


def one_of(*values: int) -> frozenset[int]:
    """The allowed values of a parameter byte."""
    return frozenset(values)


class Protection(enum.Enum):
    """Whether a command has a protected form (CLA with low nibble 4)."""

    NEVER = "plain only"
    IGNORED = "plain only, also with the class byte of a protected form"
    OPTIONAL = "plain or protected, as the object demands"
    ALWAYS = "protected only"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command: its name, coding, layouts, status words and clause.

    ``cla`` is the class without secure messaging, ``p1`` and ``p2`` the allowed values, ``body`` and
    ``answer`` construct layouts (``None``: no data), ``lc`` the least and most plain data bytes, ``le`` the
    answer bytes asked for (0 none, 256 all there is), ``statuses`` what it can answer besides 9000, 6700,
    6D00 and 6E00; ``effect`` says in one sentence what a success changes on the card.  ``aliases`` are further
    instruction bytes that mean the same; ``le_optional`` commands give their answer without an Le too.
    """

    name: str
    cla: int
    ins: int
    p1: frozenset[int]
    p2: frozenset[int]
    clause: str
    statuses: tuple[int, ...]
    body: _Struct = None
    answer: _Struct = None
    lc: tuple[int, int] = (0, 0)
    le: int = 0
    protection: Protection = Protection.NEVER
    effect: str = ""
    aliases: frozenset[int] = frozenset()
    le_optional: bool = False
    _body: Codec = field(init=False, compare=False, repr=False)
    _answer: Codec = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_body", Codec(self.body, f"{self.name} body"))
        object.__setattr__(self, "_answer", Codec(self.answer, f"{self.name} answer"))

    @classmethod
    def fixed(
        cls, name: str, coding: tuple[int, int, Iterable[int], Iterable[int]], clause: str, *, statuses: Iterable[int],
        body: _Struct = None, answer: _Struct = None, effect: str = "",
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
            effect=effect,
        )

    def command(self, p1: int | None = None, p2: int | None = None, /, **values: object) -> Command:
        """The plain command with these parameters (left out where only one value is allowed) and body fields.

        Raises :class:`~cardos.errors.ParameterError` when a value does not fit.
        """
        first = self._parameter("p1", p1, self.p1)
        second = self._parameter("p2", p2, self.p2)
        data = self._body.build(values) if self.body is not None else b""
        return Command(self.cla, self.ins, first, second, data, le=self.le)

    def _parameter(self, name: str, value: int | None, allowed: frozenset[int]) -> int:
        if value is None and len(allowed) == 1:
            return next(iter(allowed))
        if value is None or value not in allowed:
            choices = ", ".join(f"{v:02X}" for v in sorted(allowed)) if len(allowed) <= 8 else "00..FF"
            raise ParameterError(f"{name} of {self.name}", f"one of {choices}", value)
        return value

    def parse_body(self, data: bytes, *, raw: bool = False) -> Any:
        """The body fields of command data (without MAC) as attributes; :class:`~cardos.errors.DecodeError` when they
        do not fit.

        ``raw`` leaves dates and times as bytes, as a card does: it never judges them, it only puts them
        under MACs.
        """
        return self._body.parse(data, raw=raw)

    def parse_answer(self, data: bytes) -> Any:
        """The fields of response data as attributes; :class:`~cardos.errors.DecodeError` when the length or a value
        is wrong.
        """
        return self._answer.parse(data)

    def body_fields(self, data: bytes) -> dict[str, Any]:
        """The fields of :meth:`parse_body` by name, in order."""
        return self._body.fields(data)

    def answer_fields(self, data: bytes) -> dict[str, Any]:
        """The fields of :meth:`parse_answer` by name, in order."""
        return self._answer.fields(data)

    def body_spans(self, size: int) -> dict[str, slice]:
        """Where the body fields lie in ``size`` bytes of command data (without MAC), by name.

        Empty when the layout depends on the data, as in CREATE FILE.
        """
        return self._body.spans(size)

    def answer_spans(self, size: int) -> dict[str, slice]:
        """Where the answer fields lie in ``size`` bytes of response data; as :meth:`body_spans`."""
        return self._answer.spans(size)

    def answer_as(self, kind: type[_T], data: bytes) -> _T:
        """The response data as the dataclass ``kind``, whose fields are fields of the answer layout."""
        return kind(**self.answer_fields(data))

    def build_answer(self, **values: object) -> bytes:
        """Response data from its fields."""
        return self._answer.build(values)

    def is_protected(self, command: Command) -> bool:
        """Whether ``command`` comes with a MAC."""
        return is_protected(command.cla) and self.protection is not Protection.IGNORED

    def accepts_length(self, command: Command) -> bool:
        """Whether the data of ``command`` (with its MAC when protected) are as long as this command
        allows.
        """
        least, most = self.lc
        extra = MAC_SIZE if self.is_protected(command) else 0
        # Encipherment adds a length byte and padding; the Le of a protected read may come enciphered.
        growth = 16 if extra and (most or self.le) else 0
        return least + extra <= len(command.data) <= most + extra + growth
