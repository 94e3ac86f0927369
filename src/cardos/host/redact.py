"""What must not enter a trace, declared per command; everything else is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..apdu import Command, find_spec, is_protected
from ..apdu.os_commands import (
    CHANGE_PIN,
    CREATE_FILE,
    EXTERNAL_AUTHENTICATE,
    PIN_UNBLOCK,
    RELOAD_PIN,
    VERIFY,
    WRITE_KEY,
)
from ..apdu.sam_commands import WRITE_SAM_KEY
from ..errors import DecodeError
from .session import MF

__all__ = ["MASK", "SECRETS", "Secret", "redacted"]

#: Stands for one hidden byte, so that lengths stay visible.
MASK = "XX"


@dataclass(frozen=True, slots=True)
class Secret:
    """The data of a command are secret from offset ``start`` on; only with this ``p1p2`` if it is given."""

    start: int
    p1p2: int | None = None


#: Commands with secret data, by name.  A declared command without a row has none.  CREATE FILE of the MF carries
#: the transport code.
SECRETS: Mapping[str, Secret] = MappingProxyType(
    {
        VERIFY.name: Secret(0),
        CHANGE_PIN.name: Secret(0),
        RELOAD_PIN.name: Secret(0),
        PIN_UNBLOCK.name: Secret(0),
        EXTERNAL_AUTHENTICATE.name: Secret(0),
        CREATE_FILE.name: Secret(6, p1p2=MF),
        WRITE_KEY.name: Secret(5),
        WRITE_SAM_KEY.name: Secret(0),
    }
)


def redacted(raw: bytes) -> str:
    """A command in hex with its secrets masked.

    A command that is malformed or not declared may carry anything, so all of its data are masked.

    >>> redacted(bytes.fromhex("0020000003123456"))
    '0020000003XXXXXX'
    >>> redacted(bytes.fromhex("805C000204"))
    '805C000204'
    """
    try:
        command = Command.decode(raw)
    except DecodeError:
        return _masked(raw, 4, len(raw))
    first = 7 if command.is_extended else 5
    end = first + len(command.data)
    return _masked(raw, min(first + _open_bytes(command), end), end)


def _open_bytes(command: Command) -> int:
    """How many data bytes from the first on may be shown."""
    spec = find_spec(command)
    if spec is None:
        return 0
    secret = SECRETS.get(spec.name)
    if secret is None or secret.p1p2 not in (None, command.p1 << 8 | command.p2):
        return len(command.data)
    return 0 if is_protected(command.cla) else secret.start


def _masked(raw: bytes, start: int, stop: int) -> str:
    return raw[:start].hex().upper() + MASK * (stop - start) + raw[stop:].hex().upper()
