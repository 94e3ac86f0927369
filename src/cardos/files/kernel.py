"""The way of a command through the card: the checks that all commands share, the handler, one commit.

No standard prints an order of checks; this one agrees with what cards were seen to answer: card blocked;
class, instruction and form; length; MF there; P1 P2; application blocked; Lc and Le of the command; and then
the handler with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import construct

from ..apdu import COMMANDS, SW, Command, CommandSpec, Response, is_protected, match
from ..apdu.os_commands import ALL_THERE_IS, MOST_BYTES
from ..errors import DecodeError
from ..profile import Profile
from .call import Call, Handler, Refusal, Session
from .filesystem import BlockState, FileSystem
from .memory import WriteFailure
from .selection import enter

__all__ = ["Kernel"]

_HEADER = 4

#: Commands that a card without MF takes, those that a blocked application takes (JR/T 0025.2 5.5.9.3), and
#: those after which the challenge is still there (JR/T 0025.1 6.2.7).
_WITHOUT_MF = frozenset({"CREATE FILE"})
_WHILE_BLOCKED = frozenset({"SELECT", "GET CHALLENGE"})
_KEEPS_CHALLENGE = frozenset({"GET CHALLENGE"})


def _answer_size(spec: CommandSpec) -> int:
    """Length of the answer where it is fixed, else 0."""
    try:
        return int(spec.answer.sizeof()) if spec.answer is not None else 0
    except construct.SizeofError:
        return 0


_ANSWER_SIZES: Mapping[str, int] = {spec.name: _answer_size(spec) for spec in COMMANDS}


def _decode(raw: bytes) -> Command:
    """The command in ``raw``: ``6700`` when its length is wrong or its form extended."""
    try:
        command = Command.decode(raw)
    except DecodeError:
        raise Refusal(SW.WRONG_LENGTH) from None
    if command.is_extended or len(command.data) > MOST_BYTES or MOST_BYTES < command.le < ALL_THERE_IS:
        raise Refusal(SW.WRONG_LENGTH)
    return command


def _lacks_le(spec: CommandSpec, command: Command) -> bool:
    """Whether a command that sends no data and asks for some (case 2) comes without Le."""
    return spec.lc[1] == 0 and spec.answer is not None and not command.data and not command.le


def _parse(spec: CommandSpec, command: Command) -> Any:  # a construct container
    """The body fields; a protected command's are parsed when its protection is off."""
    if spec.body is None or is_protected(command.cla):
        return None
    try:
        return spec.parse_body(command.data, raw=True)
    except DecodeError:
        raise Refusal(SW.WRONG_DATA) from None


@dataclass(slots=True)
class Kernel:
    """The operating system of a card under power: file system, session and the handlers of its kind.

    :meth:`execute` answers every command; a :class:`~cardos.files.memory.PowerCut` is all that it raises.
    """

    profile: Profile
    fs: FileSystem
    session: Session
    handlers: Mapping[str, Handler]
    random: Callable[[int], bytes]

    def reset(self) -> None:
        """Forget everything volatile and select the MF."""
        self.session = Session()
        if self.fs.root is not None:
            enter(self.fs, self.session, self.fs.root)

    def execute(self, raw: bytes) -> Response:
        """The response to a command: what it wrote is durable when it answers 9000, undone when not."""
        spec: CommandSpec | None = None
        try:
            command, spec = self._accept(raw)
            call = Call(
                spec, command, _parse(spec, command), self.profile, self.session, self.fs, self.random
            )
            response = Response(self.handlers[spec.name](call), SW.SUCCESS)
            self.fs.commit()
        except Refusal as refusal:
            self.fs.rollback()
            response = Response(refusal.data, refusal.sw)
        except WriteFailure:
            self.fs.rollback()
            response = Response(b"", SW.MEMORY_FAILURE)
        if spec is None or spec.name not in _KEEPS_CHALLENGE or response.sw != SW.SUCCESS:
            self.session.challenge = None
        return response

    def _accept(self, raw: bytes) -> tuple[Command, CommandSpec]:
        """The command and its declaration, when the checks before the handler pass."""
        if self.fs.card_blocked:
            raise Refusal(SW.NOT_SUPPORTED)
        found = self._recognise(raw)
        command = _decode(raw)
        if isinstance(found, CommandSpec) and _lacks_le(found, command):
            raise Refusal(SW.WRONG_LENGTH)
        if self.fs.root is None and (isinstance(found, SW) or found.name not in _WITHOUT_MF):
            raise Refusal(SW.NOT_SUPPORTED)
        if isinstance(found, SW):
            raise Refusal(found)
        self._check_application(found)
        self._check_lengths(found, command)
        return command, found

    def _recognise(self, raw: bytes) -> CommandSpec | SW:
        """The declaration that a header names, or ``6A86``, which other checks precede; ``6E00``, ``6D00``
        and ``6900`` come at once.
        """
        if len(raw) < _HEADER:
            raise Refusal(SW.WRONG_LENGTH)
        found = match(Command(*raw[:_HEADER]))
        if isinstance(found, CommandSpec):
            known = found.name in self.handlers
        elif found is SW.WRONG_P1P2:
            code = (raw[0] & 0xF0, raw[1])
            known = any(spec.name in self.handlers for spec in COMMANDS if (spec.cla, spec.ins) == code)
        else:
            raise Refusal(found)
        if not known:
            raise Refusal(SW.INS_UNKNOWN)
        return found

    def _check_application(self, spec: CommandSpec) -> None:
        directory = self.session.directory
        if directory is None or spec.name in _WHILE_BLOCKED:
            return
        if self.fs.block_state(directory) is not BlockState.ACTIVE:
            raise Refusal(SW.NOT_SUPPORTED)

    @staticmethod
    def _check_lengths(spec: CommandSpec, command: Command) -> None:
        if not spec.accepts_length(command):
            raise Refusal(SW.WRONG_LENGTH)
        size = _ANSWER_SIZES[spec.name]
        if 0 < command.le < size:
            raise Refusal(0x6C00 | size)
