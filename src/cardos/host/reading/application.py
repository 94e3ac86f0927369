"""Reading one application that a reader knows: its files, purses, log and trips, and what the card says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from ...apdu import SW, Response
from ...apdu.purse_commands import GET_BALANCE, LOG_RECORD
from ...fields import FieldValue, Value
from ...profile import DirectorySpec, FilePlace
from ..sessions import BalanceForm, Purse
from .candidates import Candidate, PlannedFile, city_name
from .model import (
    ApplicationReading,
    FileReading,
    NumberForm,
    PurseReading,
    RecordReading,
    Transaction,
    Trip,
)
from .probe import Probe, Selected, given
from .words import INDUSTRIES, TRANSACTION_KINDS, TRIP_KINDS, in_words

__all__ = ["Visit"]

_PUBLIC_FILE, _ISSUER_DATA = 0x0015, 0x9F0C  # the FCI may hold what the file holds
_NAME = 0x84
_SFI_BITS = 0x1F
_TRIP_MARK = "trip_kind"
_UNKNOWN_KIND = "type {:02X}"


@dataclass(slots=True)
class Visit:
    """One try to read a card as a candidate; ``mf`` reads a file of the MF."""

    probe: Probe
    candidate: Candidate
    mf: Callable[[int], Response]
    names: tuple[bytes, ...]
    known: frozenset[bytes]
    contents: dict[FilePlace, bytes] = field(default_factory=dict)
    files: dict[int, list[FileReading]] = field(default_factory=dict)

    def read(self) -> ApplicationReading | None:
        """What the application says, ``None`` when the card is not of this kind.

        ``known`` are names of applications that were read already.
        """
        root, *_, home = self.candidate.path
        if not self._has_marks(root):
            return None
        selected = self._enter()
        if selected is None or selected.name in self.known:
            return None
        if not self._has_marks(home):
            return None
        purses = self._purses()
        self._read_files(home)
        for directory in self.candidate.path[:-1]:
            self._read_elsewhere(directory)
        return self._told(selected, purses or self._purses_of_mf(root))

    # -- recognition

    def _has_marks(self, directory: DirectorySpec) -> bool:
        """Whether the files of a directory are as the candidate has them."""
        candidate = self.candidate
        places = [
            place for place in (*candidate.begins, *candidate.lengths) if place.directory == directory.fid
        ]
        for place in places:
            data = self._content(place, directory)
            head, length = candidate.begins.get(place, b""), candidate.lengths.get(place)
            if not data or not data.startswith(head) or length not in (None, len(data)):
                return False
        return True

    def _content(self, place: FilePlace, directory: DirectorySpec) -> bytes | None:
        """The bytes of a transparent file of the current directory, read once."""
        if place not in self.contents:
            sfi = place.file & _SFI_BITS
            response = self.mf(sfi) if directory.is_mf else self.probe.binary(sfi)
            if not given(response):
                self.probe.note(f"READ BINARY {sfi:02X}", response.sw)
                return None
            self.contents[place] = response.data
        return self.contents[place]

    def _enter(self) -> Selected | None:
        """The application, by the names that the card itself tells, by those that are known, or by identifier."""
        names = self.candidate.names
        inside = self.candidate.path[1:-1]
        if inside and self._enter_above(inside) is None:
            return None
        told = [name for name in self.names if name.startswith(names[0]) and name not in names]
        for name in (*told, *names):
            if selected := self.probe.select_name(name):
                return selected
        for fid in self.candidate.fids:
            selected = self.probe.select_fid(fid) if self.probe.select_mf() else None
            if selected and (self.candidate.any_name or selected.find(_NAME) in (None, *names)):
                return selected
        return None

    def _enter_above(self, path: tuple[DirectorySpec, ...]) -> Selected | None:
        selected = self.probe.select_mf()
        for directory in path:
            selected = self.probe.select_name(directory.aid)
            if selected is None:
                return None
        return selected

    # -- files

    def _read_elsewhere(self, directory: DirectorySpec) -> None:
        """The files of a directory above the application."""
        if directory.is_mf:
            entered = bool(self.candidate.files(directory)) and self.probe.select_mf() is not None
        else:
            above = self.candidate.path[1 : self.candidate.path.index(directory) + 1]
            entered = self._enter_above(above) is not None
        if entered:
            self._read_files(directory)

    def _read_files(self, directory: DirectorySpec) -> None:
        read = [self._file(planned, directory) for planned in self.candidate.files(directory)]
        self.files[directory.fid] = [found for found in read if found is not None]

    def _file(self, planned: PlannedFile, directory: DirectorySpec) -> FileReading | None:
        if planned.has_records:
            return self._record_file(planned)
        data = self._content(planned.place, directory)
        if data is None:
            return None
        return FileReading(self.probe.application, planned.sfi, data, self._fields(planned, data))

    def _record_file(self, planned: PlannedFile) -> FileReading | None:
        found, sw = self.probe.records(planned.sfi, planned.tags)
        if not found and sw != SW.RECORD_NOT_FOUND:
            self.probe.note(f"READ RECORD {planned.sfi:02X}", sw)
            return None
        records = tuple(RecordReading(number, data, self._fields(planned, data)) for number, data in found)
        return FileReading(self.probe.application, planned.sfi, records=records)

    def _fields(self, planned: PlannedFile, data: bytes) -> tuple[FieldValue, ...]:
        layout = self.candidate.layout_of(planned, data)
        return () if layout is None else layout.read(data)

    # -- purses

    def _purses(self) -> tuple[PurseReading, ...]:
        """The purses that answer; the deposit is asked where the profile has one, or where nothing else answers."""
        found: list[PurseReading] = []
        for purse in self.candidate.purses:
            expected = self.candidate.profile.application.find(purse.fid) is not None
            if expected or not found:
                reading = self._purse(purse, expected=expected)
                found += [] if reading is None else [reading]
        return tuple(found)

    def _purses_of_mf(self, root: DirectorySpec) -> tuple[PurseReading, ...]:
        """Older cards have the purse where they have the number."""
        if (
            any(place.directory == root.fid for place in self.candidate.profile.public)
            and self.probe.select_mf()
        ):
            return self._purses()
        return ()

    def _purse(self, purse: Purse, *, expected: bool) -> PurseReading | None:
        spendable = self._balance(purse, BalanceForm.ALL, expected=expected)
        if spendable is None:
            return None
        name = purse.name.lower()
        if self.candidate.profile.purse.balance_forms <= BalanceForm.LIMIT:
            return PurseReading(name, spendable, spendable)
        limit, used, own = (self._balance(purse, form, expected=True) for form in list(BalanceForm)[1:])
        shown = spendable - limit if limit is not None else spendable
        if limit is None and own is not None and used is not None:
            shown = own - used
        return PurseReading(name, shown, spendable, limit, used, own)

    def _balance(self, purse: Purse, form: BalanceForm, *, expected: bool) -> int | None:
        response = self.probe.ask(GET_BALANCE.command(form, purse.p2))
        if response.sw == SW.SUCCESS and len(response.data) == GET_BALANCE.le:
            return int.from_bytes(response.data) & self.candidate.mask
        if expected or response.sw == SW.SECURITY_STATUS:
            what = f"GET BALANCE {purse.name}" + (f" form {form:02X}" if form else "")
            self.probe.note(what, response.sw if response.sw != SW.SUCCESS else 0)
        return None

    # -- what it says

    def _told(self, selected: Selected, purses: tuple[PurseReading, ...]) -> ApplicationReading | None:
        """The reading; ``None`` when the card said nothing that makes it one of this kind."""
        values = self._values(selected)
        number = self.candidate.number.text(values)
        if not number and not purses:
            return None
        files = tuple(
            found for directory in self.candidate.path for found in self.files.get(directory.fid, ())
        )
        city_code, city = self.candidate.city(values)
        others = ((rule.form, rule.text(values)) for rule in self.candidate.numbers)
        return ApplicationReading(
            kind=self.candidate.profile.name,
            title=self.candidate.titles.get(selected.name, self.candidate.title),
            aid=selected.name,
            fci=selected.fci,
            serial=_bytes(values, "card_serial") or _bytes(values, "sam_serial"),
            number=number,
            other_numbers=tuple(NumberForm(form, text) for form, text in others if text),
            issuer=_bytes(values, "issuer"),
            city_code=city_code,
            city=city,
            start=_date(values, "start"),
            expiry=_date(values, "expiry"),
            purses=purses,
            transactions=tuple(self._transactions(files)),
            trips=tuple(_trips(files)),
            files=files,
        )

    def _values(self, selected: Selected) -> Mapping[str, Value]:
        """The data elements of the files that say which card it is, and what follows from them."""
        profile, values = self.candidate.profile, dict[str, Value]()
        places = profile.public if profile.kind == "card" else tuple(self.contents)
        for place in places:
            raw = self.contents.get(place)
            if raw is None and place == FilePlace(profile.home, _PUBLIC_FILE):
                raw = selected.find(_ISSUER_DATA)
            layout = profile.file(place.file, place.directory).layout
            if raw is not None and layout is not None:
                values |= {each.name: each.value for each in layout.read(raw)}
        return profile.complete(values)

    def _transactions(self, files: tuple[FileReading, ...]) -> Iterator[Transaction]:
        for file in files:
            for record in file.records:
                values = {each.name: each.value for each in record.fields}
                if values.keys() == LOG_RECORD.names and any(record.data):
                    yield self._transaction(file.sfi, values)

    def _transaction(self, sfi: int, values: Mapping[str, Value]) -> Transaction:
        type_, terminal = _number(values, "type"), _bytes(values, "terminal")
        kind, sign = TRANSACTION_KINDS.get(type_, (_UNKNOWN_KIND.format(type_), 1))
        return Transaction(
            sfi=sfi,
            serial=_number(values, "serial"),
            when=_moment(values),
            type=type_,
            kind=kind,
            amount=sign * _number(values, "amount"),
            limit=_number(values, "new_limit"),
            terminal=terminal,
            place=self.candidate.place_of(terminal),
        )


def _trips(files: tuple[FileReading, ...]) -> Iterator[Trip]:
    for file in files:
        for record in file.records:
            values = {each.name: each.value for each in record.fields}
            if _TRIP_MARK in values and any(record.data):
                yield _trip(values)


def _trip(values: Mapping[str, Value]) -> Trip:
    code, industry, city = _number(values, _TRIP_MARK), _number(values, "industry"), _bytes(values, "city")
    return Trip(
        when=_moment(values),
        code=code,
        kind=in_words(TRIP_KINDS, code),
        industry_code=industry,
        industry=in_words(INDUSTRIES, industry),
        line=_bytes(values, "line"),
        station=_bytes(values, "station"),
        amount=_number(values, "amount"),
        balance=_number(values, "balance"),
        device=_bytes(values, "device"),
        city_code=city,
        city=city_name("unionpay", city),
        institution=_bytes(values, "institution"),
    )


# ------------------------------------------------------------------ values of known kinds, or nothing


def _number(values: Mapping[str, Value], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) else 0


def _bytes(values: Mapping[str, Value], name: str) -> bytes:
    value = values.get(name)
    return value if isinstance(value, bytes) else b""


def _date(values: Mapping[str, Value], name: str) -> date | None:
    value = values.get(name)
    return value if isinstance(value, date) else None


def _moment(values: Mapping[str, Value]) -> datetime | None:
    day, clock = values.get("date"), values.get("time")
    return datetime.combine(day, clock) if isinstance(day, date) and isinstance(clock, time) else None
