"""One command on its way through the card: what a handler is given, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..apdu import Command, CommandSpec, Response, describe_sw
from ..profile import Profile

if TYPE_CHECKING:
    from .filesystem import FileSystem, Node

__all__ = ["Call", "Handler", "Refusal", "Session"]


class Refusal(Exception):
    """A handler's way to answer with a status word other than 9000; ``data`` may accompany it.

    Raised before the commit, it undoes every write of the command.  What must stay (a try counter that
    fell) is committed first with :meth:`FileSystem.commit`.
    """

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X} {describe_sw(sw)}")
        self.sw = int(sw)
        self.data = data


@dataclass(slots=True)
class Session:
    """Everything volatile: lost at reset and power loss, partly at SELECT.

    ``directory`` and ``file`` are the current ones, ``record`` the number of the current record of ``file``
    (0: none), ``state_mf`` and ``state`` the two security registers, ``challenge`` is the one given by the
    command just before, ``free`` whether an empty directory was entered (everything may be created),
    ``pin_verified`` whether the holder's PIN counts, ``pending`` what an INITIALIZE left for its partner,
    ``temporary`` other memory of an application (a delivered key), ``outgoing`` the response that waits for
    GET RESPONSE.
    """

    directory: Node | None = None
    file: Node | None = None
    record: int = 0
    state_mf: int = 0
    state: int = 0
    challenge: bytes | None = None
    free: bool = False
    pin_verified: bool = False
    pending: object = None
    temporary: dict[str, object] = field(default_factory=dict)
    outgoing: Response | None = None

    def select_file(self, node: Node) -> None:
        """Make an elementary file the current one; nothing else changes (FMCOS 7.4)."""
        if self.file is None or self.file.address != node.address:
            self.file, self.record = node, 0

    def enter(self, directory: Node, *, empty: bool, state: int = 0) -> None:
        """Make ``directory`` the current one: no current file, no application state, no verified PIN, and the
        register of the directory starts at ``state`` (FMCOS 5.3, JR/T 0025.2 5.5.1.7).  ``empty`` says that the
        directory holds nothing and may be filled freely (FMCOS 4.3).
        """
        self.directory, self.file, self.record = directory, None, 0
        self.state = state
        self.free = empty
        self.challenge = None
        self.leave_application()

    def leave_application(self) -> None:
        """Forget the verified PIN and everything that an application keeps."""
        self.pin_verified = False
        self.pending = None
        self.temporary = {}


@dataclass(slots=True)
class Call:
    """A received command whose class, instruction, P1 P2 and length are right.

    ``command`` is as received (MAC included), ``body`` its parsed fields (dates raw) unless the command is
    protected, when the handler removes the protection first.  ``session`` is the volatile state, ``fs`` the
    file system with a transaction open, ``random`` gives n random bytes.
    """

    spec: CommandSpec
    command: Command
    body: Any  # a construct container: its attributes are the fields of the command's layout
    profile: Profile
    session: Session
    fs: FileSystem
    random: Callable[[int], bytes]


#: A handler returns the response data; the kernel commits and answers 9000.
Handler = Callable[[Call], bytes]
