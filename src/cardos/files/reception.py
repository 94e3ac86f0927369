"""What a card makes of a command before it looks at its own state: declaration, data, and what is wrong with it.

Nothing here depends on anything but the bytes and the kind of the card, so a :class:`Receiver` remembers what it made
of commands that come again and again, as SELECT and reading do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import construct

from ..apdu import COMMANDS, SW, Catalogue, Command, CommandSpec, Protection
from ..apdu.os_commands import ALL_THERE_IS, MOST_BYTES, SELECT
from ..apdu.purse_commands import GET_TRANSACTION_PROVE
from ..errors import DecodeError
from .call import Handler

__all__ = ["WRONG_LE", "Accepted", "Received", "Receiver"]

#: ``6Cxx``: the command is right but for Le, and is to be sent again.
WRONG_LE = 0x6C00

_HEADER = 4
_MOST_REMEMBERED = 512
_FINE = 0


def _answer_size(spec: CommandSpec) -> int:
    """Length of the answer where it is fixed, else 0."""
    try:
        return int(spec.answer.sizeof()) if spec.answer is not None else 0
    except construct.SizeofError:
        return 0


#: By command; how long a proof is may be an option, and its handler looks at Le.
_ANSWER_SIZES: Mapping[str, int] = {
    spec.name: _answer_size(spec) for spec in COMMANDS if spec is not GET_TRANSACTION_PROVE
}


class Accepted(NamedTuple):
    """A command that a card of this kind knows, with its handler.

    ``body`` has the parsed fields, dates raw, unless the command is protected, when its handler takes the protection
    off; ``at_last`` refuses it for its lengths or data, once the application was found to work, 0 when they are right.
    """

    spec: CommandSpec
    handler: Handler
    command: Command
    body: Any = None  # the class of the fields is made with their layout
    at_last: int = _FINE


class Received(NamedTuple):
    """What came: an accepted command, or the status word that refuses it ``at_once``, or ``then``, where a card without
    an MF has refused already.
    """

    accepted: Accepted | None = None
    at_once: int = _FINE
    then: int = _FINE


class Receiver:
    """Receives commands for one kind of card, whose handlers by name are given.

    >>> Receiver({}).receive(bytes.fromhex("00A40000023F00")).at_once == SW.CLA_UNKNOWN
    True
    """

    __slots__ = ("_commands", "_handlers", "_known")

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._commands = Catalogue(spec for spec in COMMANDS if spec.name in handlers)
        self._known: dict[bytes, Received] = {}

    def receive(self, raw: bytes) -> Received:
        """What ``raw``, of any length, is."""
        known = self._known.get(raw)
        if known is None:
            known = self._receive(raw)
            if known.accepted is not None and _is_public(known.accepted.spec):
                self._remember(raw, known)
        return known

    def _remember(self, raw: bytes, received: Received) -> None:
        """Keep what was made of ``raw``; when there is much of it, forget the rest."""
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[raw] = received

    def _receive(self, raw: bytes) -> Received:
        if len(raw) < _HEADER:
            return Received(at_once=SW.WRONG_LENGTH)
        found = self._commands.match(raw[0], raw[1], raw[2], raw[3])
        if isinstance(found, SW) and found is not SW.WRONG_P1P2:
            return Received(at_once=found)
        command = _decode(raw)
        if command is None:
            return Received(at_once=SW.WRONG_LENGTH)
        if isinstance(found, SW):
            return Received(then=found)
        if _lacks_le(found, command):
            return Received(at_once=SW.WRONG_LENGTH)
        return Received(self._accept(found, command))

    def _accept(self, spec: CommandSpec, command: Command) -> Accepted:
        handler, wrong, body = self._handlers[spec.name], _wrong_lengths(spec, command), None
        if not wrong and spec.body is not None and not spec.is_protected(command):
            try:
                body = spec.parse_body(command.data, raw=True)
            except DecodeError:
                wrong = SW.WRONG_DATA
        return Accepted(spec, handler, command, body, wrong)


def _is_public(spec: CommandSpec) -> bool:
    """Whether a command carries nothing that is secret: no data, or a name."""
    return spec.lc[1] == 0 or spec is SELECT


def _decode(raw: bytes) -> Command | None:
    """The command in ``raw``, ``None`` when its length is wrong or its form extended."""
    try:
        command = Command.decode(raw)
    except DecodeError:
        return None
    if command.is_extended or len(command.data) > MOST_BYTES or MOST_BYTES < command.le < ALL_THERE_IS:
        return None
    return command


def _lacks_le(spec: CommandSpec, command: Command) -> bool:
    """Whether a command that sends no data and asks for some (case 2) comes without Le."""
    wanted = spec.lc[1] == 0 and spec.answer is not None and not spec.le_optional
    return wanted and not command.data and not command.le


def _wrong_lengths(spec: CommandSpec, command: Command) -> int:
    """What refuses the lengths of ``command``: ``6987`` where it says so for a MAC that is not there, ``6700`` for its
    data, ``6Cxx`` for an Le below a fixed answer.
    """
    if not command.data and spec.protection is Protection.ALWAYS and SW.MAC_MISSING in spec.statuses:
        return SW.MAC_MISSING
    if not spec.accepts_length(command):
        return SW.WRONG_LENGTH
    size = _ANSWER_SIZES.get(spec.name, 0)
    return WRONG_LE | size if 0 < command.le < size else _FINE
