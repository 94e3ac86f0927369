"""Reading a card as a shop's reader or a phone does: without keys, without a PIN, and without changing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...apdu import SW, Response, Tlv, parse_tlv
from ...errors import DecodeError
from ..transports import Transport
from .application import Visit
from .candidates import load_candidates
from .model import ApplicationReading, CardReading, FileReading, RecordReading
from .probe import NO_ANSWER, Probe, Selected, given

__all__ = ["read_card"]

_DIRECTORIES = (b"2PAY.SYS.DDF01", b"1PAY.SYS.DDF01")
_NAME, _DIRECTORY_SFI = 0x4F, 0x88
_NAME_SIZES = range(5, 17)  # ISO/IEC 7816-5
_MOST_NAMES = 8
_SFIS = range(1, 31)


def read_card(transport: Transport) -> CardReading:
    """What can be read of the card: every application that is known, or of an unknown card whatever it gives.

    No PIN and no key is used, nothing on the card changes; ``refusals`` tell what would have needed one.  No answer
    of the card raises or keeps this going: :data:`~cardos.host.reading.MOST_COMMANDS` commands are the most.  What the
    transport raises (:class:`~cardos.errors.CardRemoved` ..) is passed on.
    """
    with transport.exclusive():
        return _Reader(transport).card()


class _Reader:
    """The reading of one card; files of the MF are read once."""

    def __init__(self, transport: Transport) -> None:
        self.atr = transport.atr
        self.probe = Probe(transport)
        self.fcis: list[bytes] = []
        self._mf: dict[int, Response] = {}

    def card(self) -> CardReading:
        names = self._names()
        applications = self._applications(names)
        files = () if applications else tuple(self._everything(names))
        return CardReading(
            atr=self.atr,
            applications=applications,
            names=names,
            fcis=tuple(self.fcis),
            files=files,
            refusals=(*self.probe.shut.values(), *self.probe.refusals),
            commands=self.probe.commands,
            stopped=self.probe.stopped,
        )

    # -- directories

    def _names(self) -> tuple[bytes, ...]:
        """The applications that the directories of the card tell (JR/T 0025.1 7)."""
        found: dict[bytes, None] = {}
        for name in _DIRECTORIES:
            selected = self.probe.select_name(name)
            if selected is not None:
                self.fcis.append(selected.fci)
                found |= dict.fromkeys(self._told(selected))
        return tuple(found)[:_MOST_NAMES]

    def _told(self, selected: Selected) -> Iterator[bytes]:
        yield from _names_in(selected.objects)
        sfi = selected.find(_DIRECTORY_SFI) or b""
        if len(sfi) == 1 and sfi[0] in _SFIS:
            for _, record in self.probe.records(sfi[0])[0]:
                yield from _names_in(_parsed(record))

    # -- known applications

    def _applications(self, names: tuple[bytes, ...]) -> tuple[ApplicationReading, ...]:
        found: list[ApplicationReading] = []
        for candidate in load_candidates():
            known = frozenset(each.aid for each in found)
            before = len(self.probe.refusals)
            reading = Visit(self.probe, candidate, self._file_of_mf, names, known).read()
            if reading is None:
                del self.probe.refusals[before:]
            else:
                found.append(reading)
        return tuple(found)

    def _file_of_mf(self, sfi: int) -> Response:
        if sfi not in self._mf:
            inside = not self.probe.application or self.probe.select_mf() is not None
            self._mf[sfi] = self.probe.binary(sfi) if inside else NO_ANSWER
        return self._mf[sfi]

    # -- unknown cards

    def _everything(self, names: tuple[bytes, ...]) -> Iterator[FileReading]:
        """Every file of the MF and of the applications that the directories tell."""
        for name in (b"", *names):
            selected = self.probe.select_name(name) if name else self.probe.select_mf()
            if selected is not None:
                self.fcis.append(selected.fci)
                yield from self._scan()

    def _scan(self) -> Iterator[FileReading]:
        for sfi in _SFIS:
            application, response = self.probe.application, self.probe.binary(sfi)
            if given(response):
                yield FileReading(application, sfi, response.data)
            elif response.sw == SW.SECURITY_STATUS:
                self.probe.note(f"READ BINARY {sfi:02X}", response.sw)
            elif response.sw != SW.FILE_NOT_FOUND:
                yield from self._scan_records(application, sfi)

    def _scan_records(self, application: bytes, sfi: int) -> Iterator[FileReading]:
        found, sw = self.probe.records(sfi)
        if found:
            records = tuple(RecordReading(number, data) for number, data in found)
            yield FileReading(application, sfi, records=records)
        elif sw == SW.SECURITY_STATUS:
            self.probe.note(f"READ RECORD {sfi:02X}", sw)


def _parsed(raw: bytes) -> tuple[Tlv, ...]:
    try:
        return parse_tlv(raw)
    except DecodeError:
        return ()


def _names_in(objects: Iterable[Tlv]) -> Iterator[bytes]:
    """The application names in directory entries."""
    for top in objects:
        for each in top.walk():
            if each.tag == _NAME and len(each.value) in _NAME_SIZES:
                yield each.value
