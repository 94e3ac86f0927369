"""All declared commands and how a received command finds its declaration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import product

from .command import Command
from .grey_commands import GREY_COMMANDS
from .os_commands import OS_COMMANDS
from .purse_commands import PURSE_COMMANDS
from .sam_commands import SAM_COMMANDS
from .secure import SECURE_MESSAGING
from .spec import CommandSpec, Protection
from .status import SW

__all__ = ["COMMANDS", "Catalogue", "find_spec", "match"]

#: Every command, in the order of the reference manual.
COMMANDS: tuple[CommandSpec, ...] = (*OS_COMMANDS, *PURSE_COMMANDS, *SAM_COMMANDS, *GREY_COMMANDS)


#: Low nibbles of CLA: plain, and secure messaging.
_MESSAGING = frozenset({0x00, SECURE_MESSAGING})
_EITHER_FORM = frozenset({Protection.OPTIONAL, Protection.IGNORED})


class Catalogue:
    """The commands that one kind of card knows.

    >>> Catalogue(OS_COMMANDS).match(0x80, 0x5C, 0x00, 0x02).name
    'INS_UNKNOWN'
    """

    __slots__ = ("_by_code", "_classes", "_instructions")

    def __init__(self, specs: Iterable[CommandSpec]) -> None:
        by_code: dict[tuple[int, int], list[CommandSpec]] = defaultdict(list)
        for spec in specs:
            for code in product(_classes_of(spec), (spec.ins, *spec.aliases)):
                by_code[code].append(spec)
        self._by_code = dict(by_code)
        self._classes = frozenset(cla & 0xF0 for cla, _ in by_code)
        self._instructions = frozenset(ins for _, ins in by_code)

    def match(self, cla: int, ins: int, p1: int, p2: int) -> CommandSpec | SW:
        """The declaration of a command with this header, or the status word that refuses it.

        Class, instruction, protected form, then P1 P2: ``6E00``, ``6D00``, ``6900``, ``6A86``.
        """
        for spec in self._by_code.get((cla, ins), ()):
            if p1 in spec.p1 and p2 in spec.p2:
                return spec
        return self._refusal(cla, ins)

    def _refusal(self, cla: int, ins: int) -> SW:
        if (cla, ins) in self._by_code:
            return SW.WRONG_P1P2
        if cla & 0x0F not in _MESSAGING:
            return SW.CLA_UNKNOWN
        if (cla ^ SECURE_MESSAGING, ins) in self._by_code:
            return SW.CANNOT_PROCESS
        known = cla & 0xF0 in self._classes and ins not in self._instructions
        return SW.INS_UNKNOWN if known else SW.CLA_UNKNOWN

    def fitting(self, cla: int, ins: int, p1: int, p2: int) -> list[CommandSpec]:
        """Every declaration of a command with this header."""
        return [spec for spec in self._by_code.get((cla, ins), ()) if p1 in spec.p1 and p2 in spec.p2]


def _classes_of(spec: CommandSpec) -> tuple[int, ...]:
    """The class bytes of a command: of its plain form, its protected form, or both."""
    plain, protected = spec.cla, spec.cla | SECURE_MESSAGING
    if spec.protection in _EITHER_FORM:
        return plain, protected
    return (protected,) if spec.protection is Protection.ALWAYS else (plain,)


_EVERY = Catalogue(COMMANDS)


def find_spec(command: Command) -> CommandSpec | None:
    """The declaration of ``command``, or ``None`` when there is none.

    Where a card and a SAM use one coding for two commands, the one that takes data is meant by a command that has
    some.

    >>> find_spec(Command(0x80, 0x5C, 0x00, 0x02, le=4)).name
    'GET BALANCE'
    >>> find_spec(Command(0x80, 0xCA, 0x00, 0x00, le=9)).name, find_spec(Command(0x80, 0xCA, 0, 0, bytes(9))).name
    ('GET MESSAGE', 'AUTHENTICATION MESSAGE')
    """
    fitting = _EVERY.fitting(command.cla, command.ins, command.p1, command.p2)
    with_or_without = (spec for spec in fitting if bool(spec.lc[1]) == bool(command.data))
    return next(with_or_without, fitting[0] if fitting else None)


def match(command: Command) -> CommandSpec | SW:
    """The declaration of ``command`` among all, or the status word that refuses it, see :meth:`Catalogue.match`.

    >>> match(Command(0x80, 0x5C, 0x00, 0x07, le=4)).name
    'WRONG_P1P2'
    """
    return _EVERY.match(command.cla, command.ins, command.p1, command.p2)
