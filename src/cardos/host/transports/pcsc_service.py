"""The PC/SC service through pyscard: a context of it, its readers by name, its result codes as typed errors.

pyscard is imported when the first context is made.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag, unique
from types import MappingProxyType, ModuleType
from typing import Self

from ...errors import (
    CardRemoved,
    MissingComponent,
    NoCard,
    NoReader,
    ReaderBusy,
    ServiceDown,
    SharingViolation,
    TransportError,
    TransportTimeout,
)

__all__ = ["CODE_MASK", "PcscCode", "PcscContext", "PcscState", "ReaderState", "pcsc_error"]

CODE_MASK = 0xFFFF_FFFF  # some builds of pyscard give signed numbers
_SLICE = 1.0  # seconds; the longest wait in which a signal to the process, such as Ctrl-C, goes unheard


@unique
class PcscCode(IntEnum):
    """Result codes of the PC/SC interface, named as there without ``SCARD_``."""

    S_SUCCESS = 0
    F_INTERNAL_ERROR = 0x8010_0001
    E_CANCELLED = 0x8010_0002
    E_INVALID_HANDLE = 0x8010_0003
    F_WAITED_TOO_LONG = 0x8010_0007
    E_UNKNOWN_READER = 0x8010_0009
    E_TIMEOUT = 0x8010_000A
    E_SHARING_VIOLATION = 0x8010_000B
    E_NO_SMARTCARD = 0x8010_000C
    E_PROTO_MISMATCH = 0x8010_000F
    E_NOT_READY = 0x8010_0010
    E_SYSTEM_CANCELLED = 0x8010_0012
    F_COMM_ERROR = 0x8010_0013
    E_INVALID_ATR = 0x8010_0015
    E_NOT_TRANSACTED = 0x8010_0016
    E_READER_UNAVAILABLE = 0x8010_0017
    P_SHUTDOWN = 0x8010_0018
    E_NO_SERVICE = 0x8010_001D
    E_SERVICE_STOPPED = 0x8010_001E
    E_NO_ACCESS = 0x8010_0027
    E_NO_READERS_AVAILABLE = 0x8010_002E
    E_COMM_DATA_LOST = 0x8010_002F
    E_SERVER_TOO_BUSY = 0x8010_0031
    W_UNSUPPORTED_CARD = 0x8010_0065
    W_UNRESPONSIVE_CARD = 0x8010_0066
    W_UNPOWERED_CARD = 0x8010_0067
    W_RESET_CARD = 0x8010_0068
    W_REMOVED_CARD = 0x8010_0069
    W_SECURITY_VIOLATION = 0x8010_006A


#: What a result code means here: the class of the error, and its text.
_ERRORS: Mapping[int, tuple[type[TransportError], str]] = MappingProxyType(
    {
        PcscCode.F_INTERNAL_ERROR: (TransportError, "the service failed"),
        PcscCode.E_CANCELLED: (TransportError, "the wait was cancelled"),
        # Handles of ours go bad only with the service that gave them.
        PcscCode.E_INVALID_HANDLE: (ServiceDown, "the service was restarted; reset the card"),
        PcscCode.F_WAITED_TOO_LONG: (TransportTimeout, "no answer came in time"),
        PcscCode.E_UNKNOWN_READER: (NoReader, "there is no such reader"),
        PcscCode.E_TIMEOUT: (TransportTimeout, "no answer came in time"),
        PcscCode.E_SHARING_VIOLATION: (SharingViolation, "another program has the card"),
        PcscCode.E_NO_SMARTCARD: (NoCard, "no card lies in the reader"),
        PcscCode.E_PROTO_MISMATCH: (TransportError, "the card does not speak the protocol that is asked for"),
        PcscCode.E_NOT_READY: (ReaderBusy, "the reader is not ready"),
        PcscCode.E_SYSTEM_CANCELLED: (ServiceDown, "the system shuts the service down"),
        PcscCode.F_COMM_ERROR: (ServiceDown, "the service went away"),
        PcscCode.E_INVALID_ATR: (NoCard, "the card does not answer to reset as cards do"),
        # Readers say so of a card that was pulled in the middle of a command, or stopped answering.
        PcscCode.E_NOT_TRANSACTED: (CardRemoved, "the card did not answer; reset it"),
        PcscCode.E_READER_UNAVAILABLE: (NoReader, "the reader was unplugged"),
        PcscCode.P_SHUTDOWN: (ServiceDown, "the system shuts the service down"),
        PcscCode.E_NO_SERVICE: (ServiceDown, "the service does not run; start pcscd"),
        PcscCode.E_SERVICE_STOPPED: (ServiceDown, "the service was stopped; start pcscd"),
        PcscCode.E_NO_ACCESS: (TransportError, "the service denies access"),
        PcscCode.E_NO_READERS_AVAILABLE: (NoReader, "no reader is there"),
        PcscCode.E_COMM_DATA_LOST: (CardRemoved, "the card did not answer; reset it"),
        PcscCode.E_SERVER_TOO_BUSY: (ReaderBusy, "the service is busy"),
        PcscCode.W_UNSUPPORTED_CARD: (NoCard, "the reader does not understand the card"),
        PcscCode.W_UNRESPONSIVE_CARD: (
            NoCard,
            "the card does not answer to reset; is it the right way round",
        ),
        PcscCode.W_UNPOWERED_CARD: (CardRemoved, "the card has no power; reset it"),
        PcscCode.W_RESET_CARD: (CardRemoved, "another program reset the card; reset it"),
        PcscCode.W_REMOVED_CARD: (CardRemoved, "the card was removed; reset it"),
        PcscCode.W_SECURITY_VIOLATION: (TransportError, "the service denies access"),
    }
)


def pcsc_error(code: int, reader: str, readers: Sequence[str] = ()) -> TransportError:
    """The exception for a result code that is not success; ``readers`` are those that exist, for
    :class:`~cardos.errors.NoReader`.

    >>> pcsc_error(0x8010_000C, "Acme 00 00")
    NoCard('Acme 00 00: no card lies in the reader (SCARD_E_NO_SMARTCARD)')
    >>> pcsc_error(0x8010_00FF, "Acme 00 00")
    TransportError('Acme 00 00: the service refused (801000FF)')
    """
    code &= CODE_MASK
    kind, text = _ERRORS.get(code, (TransportError, "the service refused"))
    if issubclass(kind, NoReader):
        return NoReader(reader, readers)
    name = f"SCARD_{PcscCode(code).name}" if code in _ERRORS else f"{code:08X}"
    return kind(f"{reader}: {text} ({name})" if reader else f"{text} ({name})")


class PcscState(IntFlag):
    """What the service knows of a reader, in the low half of its state; the high half counts cards that come and go."""

    CHANGED = 0x0002
    PRESENT = 0x0020
    MUTE = 0x0200


@dataclass(frozen=True, slots=True)
class ReaderState:
    """A reader at a moment.  ``value`` is the state as the service wants it back to tell what is new."""

    name: str
    value: int = 0
    atr: bytes = b""

    @property
    def present(self) -> bool:
        """Whether there is a card in it."""
        return bool(self.value & PcscState.PRESENT)

    @property
    def count(self) -> int:
        """How many insertions and removals the service has seen."""
        return self.value >> 16


class PcscContext:
    """A connection to the PC/SC service.

    Raises :class:`~cardos.errors.ServiceDown` when it does not run, and
    :class:`~cardos.errors.MissingComponent` when pyscard is not installed.
    """

    def __init__(self) -> None:
        self.scard = _scard()
        code, self.handle = self.scard.SCardEstablishContext(self.scard.SCARD_SCOPE_USER)
        self._released = code != PcscCode.S_SUCCESS
        if self._released:
            raise pcsc_error(code, "")

    def readers(self) -> tuple[str, ...]:
        """The names of all readers, in the order of the service."""
        code, names = self.scard.SCardListReaders(self.handle, [])
        if code & CODE_MASK == PcscCode.E_NO_READERS_AVAILABLE:
            return ()
        self.check(code, "")
        return tuple(names)

    def find(self, reader: str | int) -> str:
        """The name of the reader with this number, or with this text in its name (in either case of letters; the
        whole name is never ambiguous).

        Raises :class:`~cardos.errors.NoReader` with the names to choose from.
        """
        names = self.readers()
        if isinstance(reader, int):
            if 0 <= reader < len(names):
                return names[reader]
            raise NoReader(str(reader), names)
        if reader in names:
            return reader
        candidates = [name for name in names if reader.casefold() in name.casefold()]
        if len(candidates) != 1:
            raise NoReader(reader, candidates or names)
        return candidates[0]

    def changes(self, known: Sequence[ReaderState], seconds: float) -> tuple[ReaderState, ...] | None:
        """The states of readers, as soon as one differs from what is ``known`` (value 0: anything), or ``None`` after
        ``seconds`` without a difference.
        """
        asked = [(state.name, state.value & ~PcscState.CHANGED) for state in known]
        code, found = self.scard.SCardGetStatusChange(self.handle, max(0, round(seconds * 1000)), asked)
        if code & CODE_MASK == PcscCode.E_TIMEOUT:
            return None
        self.check(code, known[0].name if len(known) == 1 else "")
        return tuple(ReaderState(name, value, bytes(atr)) for name, value, atr in found)

    def await_change(self, known: ReaderState, until: float) -> ReaderState | None:
        """The state of one reader as soon as it differs from what is known, ``None`` when it does not until that
        moment of :func:`time.monotonic`.
        """
        while (left := until - time.monotonic()) > 0:
            found = self.changes([known], min(left, _SLICE))
            if found is not None:
                return found[0]
        return None

    def cancel(self) -> None:
        """End a wait for changes in another thread."""
        self.scard.SCardCancel(self.handle)

    def check(self, code: int, reader: str) -> None:
        """Raise the error for a result code, unless it is success."""
        if code != PcscCode.S_SUCCESS:
            raise self.error(code, reader)

    def error(self, code: int, reader: str) -> TransportError:
        """As :func:`pcsc_error`, with the readers that exist where that helps."""
        error = pcsc_error(code, reader)
        if isinstance(error, NoReader):
            _, names = self.scard.SCardListReaders(self.handle, [])
            return pcsc_error(code, reader, names)
        return error

    def release(self) -> None:
        """Give the context up, with everything that was opened in it; doing it twice is allowed."""
        if not self._released:
            self.scard.SCardReleaseContext(self.handle)  # a service that went away needs no goodbye
        self._released = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _scard() -> ModuleType:
    try:
        from smartcard import scard
    except ImportError:
        raise MissingComponent("pyscard", "pcsc") from None
    module: ModuleType = scard
    return module
