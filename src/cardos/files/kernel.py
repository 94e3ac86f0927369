"""The way of a command through the card: the checks that all commands share, the handler, one commit.

No standard prints an order of checks; this one agrees with what cards were seen to answer: card blocked;
class, instruction and form; length; MF there; P1 P2; application blocked; Lc and Le of the command; and then
the handler with its own.

A transaction that waits for its partner does not outlive a command that is refused before its handler (JR/T 0025.2
5.2.1), unless it only asked for the wrong number of bytes and is to be sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..apdu import SW, CommandSpec, Response
from ..apdu.os_commands import (
    APPLICATION_BLOCK,
    APPLICATION_UNBLOCK,
    CARD_BLOCK,
    CREATE_FILE,
    GET_CHALLENGE,
    SELECT,
)
from ..profile import Profile
from .call import Call, Refusal, Session
from .filesystem import BlockState, FileSystem
from .memory import WriteFailure
from .reception import WRONG_LE, Accepted, Received, Receiver
from .selection import enter

__all__ = ["Kernel"]

#: Commands that a card without MF takes, those that a blocked application takes (JR/T 0025.2 5.5.9.3), for ever
#: blocked or not, and those after which the challenge is still there (JR/T 0025.1 6.2.7).
_WITHOUT_MF = frozenset({CREATE_FILE.name})
_WHILE_BLOCKED = frozenset(
    {SELECT.name, GET_CHALLENGE.name, APPLICATION_BLOCK.name, APPLICATION_UNBLOCK.name, CARD_BLOCK.name}
)
_FOR_EVER_BLOCKED = frozenset({SELECT.name})
_KEEPS_CHALLENGE = frozenset({GET_CHALLENGE.name})


@dataclass(slots=True)
class Kernel:
    """The operating system of a card under power: file system, session and the receiver of its kind.

    :meth:`execute` answers every command; a :class:`~cardos.files.memory.PowerCut` is all that it raises.
    """

    profile: Profile
    fs: FileSystem
    session: Session
    receiver: Receiver
    random: Callable[[int], bytes]

    def reset(self) -> None:
        """Forget everything volatile and select the MF."""
        self.session = Session()
        if self.fs.root is not None:
            enter(self.fs, self.session, self.fs.root, self.profile.cos)

    def execute(self, raw: bytes) -> Response:
        """The response to a command: what it wrote is durable when it answers 9000, undone when not."""
        received = self.receiver.receive(raw)
        refused, accepted = self._refused(received), received.accepted
        if refused or accepted is None:
            if refused & 0xFF00 != WRONG_LE:
                self.session.pending = None
            self.session.challenge = None
            return Response(b"", refused)
        response = self._handle(accepted)
        if response.sw != SW.SUCCESS or accepted.spec.name not in _KEEPS_CHALLENGE:
            self.session.challenge = None
        return response

    def _handle(self, accepted: Accepted) -> Response:
        call = Call(
            accepted.spec, accepted.command, accepted.body, self.profile, self.session, self.fs, self.random
        )
        try:
            response = Response(accepted.handler(call), SW.SUCCESS)
            self.fs.commit()
        except Refusal as refusal:
            self.fs.rollback()
            return Response(refusal.data, refusal.sw)
        except WriteFailure:
            self.fs.rollback()
            return Response(b"", SW.MEMORY_FAILURE)
        return response

    def _refused(self, received: Received) -> int:
        """What refuses the command before its handler, 0 when nothing does."""
        fs, accepted = self.fs, received.accepted
        if fs.card_blocked:
            return SW.NOT_SUPPORTED
        if received.at_once:
            return received.at_once
        if fs.root is None and (accepted is None or accepted.spec.name not in _WITHOUT_MF):
            return SW.NOT_SUPPORTED
        if accepted is None:
            return received.then
        return self._blocked(accepted.spec) or accepted.at_last

    def _blocked(self, spec: CommandSpec) -> int:
        """What a blocked application answers: for a time ``cos.blocked_command``, for ever ``9303``, but to a few
        commands (JR/T 0025.1 6.2.3, JR/T 0025.2 5.5.9.3).
        """
        directory = self.session.directory
        if directory is None:
            return 0
        state = self.fs.block_state(directory)
        if state is BlockState.ACTIVE:
            return 0
        if state is BlockState.PERMANENT:
            return 0 if spec.name in _FOR_EVER_BLOCKED else SW.APPLICATION_LOCKED
        return 0 if spec.name in _WHILE_BLOCKED else self.profile.cos.blocked_command
