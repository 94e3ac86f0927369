"""Asking a card that may be anything: every answer is taken, and the number of commands is limited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...apdu import SW, Command, Response, Tlv, parse_tlv
from ...apdu.os_commands import READ_BINARY, READ_RECORD, SELECT
from ...errors import DecodeError, TransportError
from ..sessions import MF
from ..transports import GetResponse, Transport, Wrapper
from .model import RefusedCommand

__all__ = ["MOST_COMMANDS", "MOST_RECORDS", "NO_ANSWER", "Probe", "Selected", "given"]

#: Commands that one reading sends at most; a T-Union card takes about 150, an unknown card up to 400.
MOST_COMMANDS = 1500
#: Records that are read of one file.
MOST_RECORDS = 100
#: What a command without extended lengths can be answered, status word included: memory is limited by it, too.
_SHORT_ANSWER = 258

_BY_FID, _BY_NAME = 0x00, 0x04
_BY_NUMBER, _BY_TAG = 0x04, 0x00
_SFI = 0x80
#: What stands for the status word of an answer that is none.
NO_STATUS = 0
#: A selection that gives an FCI: success, or an application that is blocked for a time.
_ENTERED = (SW.SUCCESS, SW.FILE_INVALIDATED)
_USUAL = (SW.SUCCESS, SW.FILE_NOT_FOUND, NO_STATUS)
_PSE = b"1PAY.SYS.DDF01"
#: What stands for an answer that is none.
NO_ANSWER = Response(b"", NO_STATUS)
_WARNING = 0x62


def given(response: Response) -> bool:
    """Whether a card gave data, be it with a warning: a file that was never written may come with one.

    >>> given(Response(bytes(20), 0x6281)), given(Response(b"", 0x9000))
    (True, False)
    """
    return bool(response.data) and (response.sw == SW.SUCCESS or response.sw >> 8 == _WARNING)


@dataclass(frozen=True, slots=True)
class Selected:
    """An answer to SELECT: the name in it (or that it was selected by), the FCI, and its data objects, none where they
    are not well formed.
    """

    name: bytes
    fci: bytes
    objects: tuple[Tlv, ...]

    def find(self, tag: int) -> bytes | None:
        """The value of the first data object with this tag."""
        return next((found.content for each in self.objects if (found := each.find(tag)) is not None), None)

    @classmethod
    def of(cls, name: bytes, fci: bytes) -> Selected:
        """From what the card answered."""
        try:
            objects = parse_tlv(fci)
        except DecodeError:
            objects = ()
        selected = cls(name, fci, objects)
        return replace(selected, name=selected.find(0x84) or name)


class _Counted(Wrapper):
    """Counts commands, and sends no more where there are too many; ``failed`` when the transport itself did."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.commands = 0
        self.failed = False

    @property
    def spent(self) -> str:
        """What there was too much of."""
        return f"{MOST_COMMANDS} commands were not enough" if self.commands >= MOST_COMMANDS else ""

    def transmit(self, command: bytes, /) -> bytes:
        """The answer, when it has the size of one."""
        if self.spent:
            raise TransportError(self.spent)
        self.commands += 1
        try:
            raw = self.inner.transmit(command)
        except TransportError:
            self.failed = True
            raise
        if not 2 <= len(raw) <= _SHORT_ANSWER:
            raise TransportError(f"answer must be 2..{_SHORT_ANSWER} bytes, got {len(raw)}")
        return raw


class Probe:
    """A conversation that survives every answer.

    Only the transport's own errors are raised; what is no answer counts as a refusal with the status word 0, and so
    does every command once :data:`MOST_COMMANDS` were sent.
    """

    def __init__(self, transport: Transport) -> None:
        self._counted = _Counted(transport)
        self._resolved = GetResponse(self._counted)
        self.application = b""  #: name of the application that was entered, empty in the MF
        self.refusals: list[RefusedCommand] = []
        self.shut: dict[int, RefusedCommand] = {}  #: first SELECT with each unusual status word

    @property
    def commands(self) -> int:
        """Commands sent so far."""
        return self._counted.commands

    @property
    def stopped(self) -> str:
        """Why no more commands are sent; empty as long as they are."""
        return self._counted.spent

    def ask(self, command: Command) -> Response:
        """The answer; :class:`~cardos.errors.TransportError` when the transport failed."""
        try:
            raw = self._resolved.transmit(bytes(command))
        except TransportError:
            if self._counted.failed:
                raise
            return NO_ANSWER
        return Response.decode(raw)

    def note(self, what: str, sw: int) -> None:
        """Keep that the card refused something that it was expected to give."""
        self.refusals.append(RefusedCommand(self.application, what, sw))

    # -- selection

    def select_name(self, name: bytes) -> Selected | None:
        """The application with this name, ``None`` when the card does not enter it."""
        return self._entered(self.ask(SELECT.command(_BY_NAME, 0x00, data=name)), name)

    def select_fid(self, fid: int) -> Selected | None:
        """The directory with this identifier below the current one."""
        name = fid.to_bytes(2)
        return self._entered(self.ask(SELECT.command(_BY_FID, 0x00, data=name)), name)

    def select_mf(self) -> Selected | None:
        """The MF, by its identifier or its usual name."""
        found = self.select_fid(MF) or self.select_name(_PSE)
        if found is not None:
            self.application = b""
        return found

    def _entered(self, response: Response, name: bytes) -> Selected | None:
        if response.sw not in _USUAL:
            self.shut.setdefault(response.sw, RefusedCommand(name, "SELECT", response.sw))
        if response.sw not in _ENTERED:
            return None
        selected = Selected.of(name, response.data)
        self.application = selected.name
        return selected

    # -- files

    def binary(self, sfi: int) -> Response:
        """READ BINARY of all there is (up to 256 bytes)."""
        return self.ask(READ_BINARY.command(_SFI | sfi, 0x00))

    def record(self, sfi: int, number: int, mode: int = _BY_NUMBER) -> Response:
        """READ RECORD of one record."""
        return self.ask(READ_RECORD.command(number, sfi << 3 | mode))

    def records(self, sfi: int, tags: tuple[int, ...] = ()) -> tuple[list[tuple[int, bytes]], int]:
        """The records of a file with their numbers, and those with ``tags`` that were not among them; and the status
        word that ended them.
        """
        found, sw = [], int(SW.SUCCESS)
        for number in range(1, MOST_RECORDS + 1):
            response = self.record(sfi, number)
            sw = response.sw
            if not given(response):
                break
            found.append((number, response.data))
        return [*found, *self._tagged(sfi, set(tags) - {data[0] for _, data in found})], sw

    def _tagged(self, sfi: int, tags: set[int]) -> Iterator[tuple[int, bytes]]:
        for tag in sorted(tags):
            response = self.record(sfi, tag, _BY_TAG)
            if given(response):
                yield tag, response.data
