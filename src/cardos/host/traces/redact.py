"""What must not enter a trace, declared by command and file; everything else is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ...apdu import Command, CommandSpec, find_spec, is_protected
from ...apdu.os_commands import (
    CHANGE_PIN,
    CREATE_FILE,
    EXTERNAL_AUTHENTICATE,
    GET_RESPONSE,
    PIN_UNBLOCK,
    RELOAD_PIN,
    SELECT,
    VERIFY,
    WRITE_KEY,
)
from ...apdu.sam_commands import DES_CRYPT, EXPORT_KEY, WRITE_SAM_KEY, CryptMode
from ...errors import DecodeError
from .masks import MASK, filled, hexed, masked
from .model import GONE, EventKind, Trace, TraceEvent
from .places import selection_done, short_place

__all__ = [
    "HOLDER_FILE",
    "MASK",
    "SECRETS",
    "SECRET_ANSWERS",
    "Redactor",
    "Secret",
    "redact_trace",
    "redacted",
]

_MF = 0x3F00
_SW_SIZE = 2
_BY_NAME = 0x04
_SHORTEST_SHOWN = 4  # bytes of a malformed command: its header
#: Name and identity number of the holder are in this file of an application (JR/T 0025.2 table C.2).  In the MF of a
#: SAM the same identifier is the terminal number, which is open.
HOLDER_FILE = 0x16


@dataclass(frozen=True, slots=True)
class Secret:
    """The data of a command are secret from offset ``start`` on; only with this ``p1p2`` if it is given."""

    start: int
    p1p2: int | None = None


#: Commands with secret data, by name.  A declared command without a row has none.  CREATE FILE of the MF carries
#: the transport code, DES CRYPT whatever a terminal has its SAM encipher for a card: a new PIN, a key.
SECRETS: Mapping[str, Secret] = MappingProxyType(
    {
        VERIFY.name: Secret(0),
        CHANGE_PIN.name: Secret(0),
        RELOAD_PIN.name: Secret(0),
        PIN_UNBLOCK.name: Secret(0),
        EXTERNAL_AUTHENTICATE.name: Secret(0),
        CREATE_FILE.name: Secret(6, p1p2=_MF),
        WRITE_KEY.name: Secret(5),
        WRITE_SAM_KEY.name: Secret(0),
        DES_CRYPT.name: Secret(0),
    }
)
#: Commands whose answer data are secret, by name, and with which P1: a key card gives a key, a SAM a cryptogram that
#: opens a card.
SECRET_ANSWERS: Mapping[str, Collection[int]] = MappingProxyType(
    {
        EXPORT_KEY.name: EXPORT_KEY.p1,
        DES_CRYPT.name: frozenset({CryptMode.ENCRYPT_LAST, CryptMode.ENCRYPT_MORE}),
    }
)


class Redactor:
    """Masks the secrets of one exchange after the other; which file is current, and what GET RESPONSE goes on with, is
    known from those before.

    >>> Redactor().exchange("0020000003123456", "9000")
    ('0020000003XXXXXX', '9000')
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The card was reset, or another one came: nothing is known of it, and its file 16 may be the holder's."""
        self._continued = False  # the last answer was secret and ended in 61xx: GET RESPONSE gives its rest
        self._in_mf = False
        self._file = 0

    def exchange(self, command: str, response: str | None) -> tuple[str, str | None]:
        """A command and its answer in hex, with their secrets masked."""
        parsed = _parsed(command)
        if parsed is None:
            self._continued = False
            return masked(command, _SHORTEST_SHOWN, max(len(command) // 2, _SHORTEST_SHOWN)), response
        spec = find_spec(parsed)
        of_holder = spec is not None and self._follow(spec, parsed, response)
        goes_on = self._continued and spec is GET_RESPONSE
        gives = spec is not None and parsed.p1 in SECRET_ANSWERS.get(spec.name, ())
        secret = of_holder or goes_on or gives
        self._continued = secret and (response or "")[-2 * _SW_SIZE :].startswith("61")
        first = 7 if parsed.is_extended else 5
        end = first + len(parsed.data)
        shown = masked(command, min(first + (0 if of_holder else _open_bytes(spec, parsed)), end), end)
        if response is None or not secret:
            return shown, response
        return shown, masked(response, 0, max(len(response) // 2 - _SW_SIZE, 0))

    def _follow(self, spec: CommandSpec, command: Command, response: str | None) -> bool:
        """Whether the command reads or writes the holder's file."""
        if spec is SELECT:
            if selection_done((response or "")[-2 * _SW_SIZE :]):
                self._select(command)
            return False
        place = short_place(spec, command)
        if place is None:
            return False
        self._file = place[0] or self._file
        return self._file == HOLDER_FILE and not self._in_mf

    def _select(self, command: Command) -> None:
        fid = int.from_bytes(command.data, "big") or _MF
        if command.p1 != _BY_NAME and fid < 0x100:  # a file: its identifier is its short one
            self._file = fid
        else:
            self._file, self._in_mf = 0, command.p1 != _BY_NAME and fid == _MF


def redacted(raw: bytes) -> str:
    """A command in hex with its secrets masked.

    A command that is malformed or not declared may carry anything, so all of its data are masked; so are data for
    file 16, which may be the holder's.

    >>> redacted(bytes.fromhex("0020000003123456"))
    '0020000003XXXXXX'
    >>> redacted(bytes.fromhex("805C000204"))
    '805C000204'
    """
    return Redactor().exchange(hexed(raw), None)[0]


def redact_trace(trace: Trace) -> Trace:
    """The trace with every secret masked, computed values included; what was masked before stays so.

    Remarks are text of whoever made the trace, and stay as they are.
    """
    redactor = Redactor()
    return replace(trace, events=tuple(_redacted_event(redactor, event) for event in trace.events))


def _redacted_event(redactor: Redactor, event: TraceEvent) -> TraceEvent:
    values = {name: MASK * max(len(text) // 2, 1) for name, text in event.values.items()}
    if event.kind in GONE or event.kind is EventKind.RESET:
        redactor.reset()
    if event.kind is not EventKind.APDU or event.command is None:
        return replace(event, values=values)
    command, response = redactor.exchange(event.command, event.response)
    return replace(event, command=command, response=response, values=values)


def _parsed(text: str) -> Command | None:
    try:
        return Command.decode(filled(text))
    except DecodeError:
        return None


def _open_bytes(spec: CommandSpec | None, command: Command) -> int:
    """How many data bytes from the first on may be shown."""
    if spec is None:
        return 0
    secret = SECRETS.get(spec.name)
    if secret is None or secret.p1p2 not in (None, command.p1 << 8 | command.p2):
        return len(command.data)
    return 0 if is_protected(command.cla) else secret.start
