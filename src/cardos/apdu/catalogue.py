"""All declared commands and how a received command finds its declaration."""

from __future__ import annotations

from collections import defaultdict

from .command import Command
from .os_commands import OS_COMMANDS
from .purse_commands import PURSE_COMMANDS
from .sam_commands import SAM_COMMANDS
from .secure import is_protected
from .spec import CommandSpec, Protection
from .status import SW

__all__ = ["COMMANDS", "find_spec", "match"]

#: Every command, in the order of the reference manual.
COMMANDS: tuple[CommandSpec, ...] = (*OS_COMMANDS, *PURSE_COMMANDS, *SAM_COMMANDS)

_CLASSES = frozenset(spec.cla for spec in COMMANDS)
_INSTRUCTIONS = frozenset(spec.ins for spec in COMMANDS)
_BY_CODE: dict[tuple[int, int], list[CommandSpec]] = defaultdict(list)
for _spec in COMMANDS:
    _BY_CODE[_spec.cla, _spec.ins].append(_spec)


def find_spec(command: Command) -> CommandSpec | None:
    """The declaration of ``command``, or ``None`` when there is none.

    >>> find_spec(Command(0x80, 0x5C, 0x00, 0x02, le=4)).name
    'GET BALANCE'
    """
    found = match(command)
    return found if isinstance(found, CommandSpec) else None


def match(command: Command) -> CommandSpec | SW:
    """The declaration of ``command``, or the status word that refuses it.

    Class, instruction, protected form, then P1 P2: ``6E00``, ``6D00``, ``6900``, ``6A86``.

    >>> match(Command(0x80, 0x5C, 0x00, 0x03, le=4)).name
    'WRONG_P1P2'
    """
    cla = command.cla & 0xF0
    if cla not in _CLASSES or command.cla & 0x0F not in (0x00, 0x04):
        return SW.CLA_UNKNOWN
    candidates = _BY_CODE.get((cla, command.ins))
    if not candidates:
        return SW.CLA_UNKNOWN if command.ins in _INSTRUCTIONS else SW.INS_UNKNOWN
    fitting = [spec for spec in candidates if _form_fits(spec, command)]
    if not fitting:
        return SW.CANNOT_PROCESS
    for spec in fitting:
        if command.p1 in spec.p1 and command.p2 in spec.p2:
            return spec
    return SW.WRONG_P1P2


def _form_fits(spec: CommandSpec, command: Command) -> bool:
    if spec.protection is Protection.OPTIONAL:
        return True
    return is_protected(command.cla) == (spec.protection is Protection.ALWAYS)
