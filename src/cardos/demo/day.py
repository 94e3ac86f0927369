"""One day of the city: cards are issued, people travel, journals go up with forgeries on the way, the
centre clears.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

from ..clearing import (
    CardAccount,
    CardId,
    ClearingHouse,
    Conservation,
    DayResult,
    IngestResult,
    MasterKeys,
    TacScheme,
)
from ..host import Blacklist, CardState, EntryState, TerminalRecord, collect, read_upload, write_upload
from ..host.record import NO_SAM
from .city import FAMILIES, OPERATORS, OUTLETS, City, CityCard, CityOutlet, CityTerminal, Clock
from .faults import TAMPERING, Evidence, FaultKind, Planted
from .timetable import LOST_CARDS, timetable
from .traffic import Diary, Traffic

__all__ = ["CityDay", "Outcome", "Progress"]

_DAY, _EVE = date(2026, 3, 2), date(2026, 2, 20)
_OLD_LIST, _FIRST_LIST, _LAST_LIST = date(2026, 2, 16), date(2026, 2, 23), _DAY - timedelta(days=1)
_FEE_PER_MILLE = 5
_LOST_LOAD, _LOST_FARE = 100_00, 2_00
_FOLDERS = ("terminals", "sent", "received", "report", "traces")

#: By place: the terminal that never took its list, the one that did not get this morning's, one that did.
_NO_LIST, _NO_NEWS, _GATE = 0, 1, -1

#: Is given the name of a stage and its number of steps, and gives a function to call after each step.
Progress = Callable[[str, int], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished day: what the centre says, what was planted and noticed, and the city's own ledger, in
    fen.
    """

    result: DayResult
    conservation: Conservation
    planted: tuple[Planted, ...]
    evidence: Evidence
    loaded: int
    spent: int
    on_cards: int
    report: Path

    @property
    def ledger_agrees(self) -> bool:
        """Whether the cards hold what went on them less what they paid, by the city's own count."""
        return self.loaded - self.spent == self.on_cards


@dataclass(slots=True)
class CityDay:
    """Runs the day in ``folder``, which keeps journals, upload files, the centre's store and the report."""

    folder: Path
    cards: int
    seed: int
    progress: Progress
    city: City = field(init=False)
    house: ClearingHouse = field(init=False)
    diary: Diary = field(init=False, default_factory=Diary)
    uploads: list[IngestResult] = field(init=False, default_factory=list)

    def run(self) -> Outcome:
        """The whole day."""
        random = Random(f"{self.seed}/day")  # noqa: S311 (a simulation that must repeat)
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True)
        clock = Clock(datetime.combine(_EVE, time(9)))
        with City(self.seed, self.folder / "terminals", clock) as self.city:
            traffic = Traffic(self.city, self.diary, random, self.folder / "traces")
            self._issue()
            with ClearingHouse(self.folder / "clearing.duckdb", self._keys()) as self.house:
                self._register()
                self._eve(traffic)
                self._travel(traffic, random)
                self._upload(_DAY, (*self.city.terminals, *self.city.outlets))
                self._upload_again()
                return self._clear()

    # -- before the day

    def _issue(self) -> None:
        step = self.progress("issuing cards", self.cards)
        families = list(FAMILIES)
        for number in range(self.cards):
            self.city.issue(families[number % len(families)])
            step()

    def _keys(self) -> MasterKeys:
        desks = self.city.desks.values()
        return MasterKeys(
            {(d.number, 0): TacScheme(d.profile.dialect, d.keys["tac"], d.profile.factors) for d in desks}
        )

    def _register(self) -> None:
        """Tell the centre whom it will hear of."""
        for operator, name in {**OPERATORS, **OUTLETS}.items():
            fee = _FEE_PER_MILLE if operator in OPERATORS else 0
            self.house.register_operator(operator, name, fee_per_mille=fee)
        for terminal in self.city.terminals:
            for sam in terminal.sams:
                self.house.register_sam(sam, terminal.number, terminal.operator, first_serial=0)
        for outlet in self.city.outlets:
            self.house.register_sam(NO_SAM, outlet.number, outlet.operator)
        self.house.register_cards(CardAccount(_id(card)) for card in self.city.cards)

    def _eve(self, traffic: Traffic) -> None:
        """Ten days earlier two holders load their cards; one loses his soon after, one this morning."""
        lost_early, lost_today = self.city.cards[:LOST_CARDS]
        for card in (lost_early, lost_today):
            traffic.load(card, self.city.outlets[0], _LOST_LOAD)
            self.city.register.set_state(card.serial, CardState.LOST)
        self._upload(_EVE, self.city.outlets)
        self.house.run_day(_EVE)
        self._publish(
            {
                _OLD_LIST: [],
                _FIRST_LIST: [lost_early],
                _LAST_LIST: [lost_early],
                _DAY: [lost_early, lost_today],
            }
        )

    def _publish(self, lists: dict[date, list[CityCard]]) -> None:
        """Every version goes to the centre; the terminals have the newest, but for two."""
        for version, cards in lists.items():
            self.house.publish_list(version, [_id(card) for card in cards])
        held = dict.fromkeys(range(len(self.city.terminals)), _DAY) | {
            _NO_LIST: _OLD_LIST,
            _NO_NEWS: _LAST_LIST,
        }
        for place, version in held.items():
            serials = [card.serial for card in lists[version]]
            self.city.terminals[place].take_list(Blacklist.of(version, serials))
        for outlet in self.city.outlets:
            outlet.take_list(_DAY)

    # -- the day

    def _travel(self, traffic: Traffic, random: Random) -> None:
        operators = [terminal.operator for terminal in self.city.terminals]
        trips = timetable(_DAY, self.cards, operators, random)
        step = self.progress("the day", len(trips))
        self.city.clock.now = datetime.combine(_DAY, time(6, 30))
        self._lost_cards(traffic)
        for trip in trips:
            traffic.ride(trip)
            step()

    def _lost_cards(self, traffic: Traffic) -> None:
        lost_early, lost_today = self.city.cards[:LOST_CARDS]
        no_list, no_news, gate = (self.city.terminals[place] for place in (_NO_LIST, _NO_NEWS, _GATE))
        self.diary.plant(FaultKind.LOST_CARD_OLD, no_list, traffic.pay(lost_early, no_list, _LOST_FARE))
        paid = traffic.pay(lost_today, no_news, _LOST_FARE)
        self.diary.plant(FaultKind.LOST_CARD_NEW, no_news, paid)
        traffic.try_lost(lost_today, gate, _LOST_FARE)
        self.diary.plant(FaultKind.LOST_CARD_GATE, gate, paid)

    # -- after the day

    def _upload(self, day: date, places: Sequence[CityTerminal | CityOutlet]) -> None:
        """The batch of each journal goes to the centre."""
        step = self.progress(f"uploads of {day}", len(places))
        self.city.clock.now = datetime.combine(day, time(23, 30))
        for place in places:
            sent = collect(place.journal, self.folder / "sent", created=self.city.clock())
            self.uploads.append(self.house.ingest(self._carry(sent)))
            step()

    def _carry(self, sent: Path) -> Path:
        """The file as the centre gets it: forgeries happen on the way."""
        upload = read_upload(sent)
        records = [TerminalRecord.decode(raw) for raw in upload]
        carried = [out for record in records for out in self._tampered(record)]
        if carried == records:
            return Path(shutil.copy(sent, self.folder / "received"))
        return write_upload(self.folder / "received", upload.header, carried)

    def _tampered(self, record: TerminalRecord) -> list[TerminalRecord]:
        kind = self.diary.tampering.get(record.identity)
        return [record] if kind is None else TAMPERING[kind](record)

    def _upload_again(self) -> None:
        """Somebody sends the last file once more."""
        last = self.uploads[-1]
        self.uploads.append(self.house.ingest(self.folder / "received" / last.name))
        self.diary.planted.append(Planted(FaultKind.FILE_TWICE, OUTLETS[last.operator], file=last.name))

    def _clear(self) -> Outcome:
        step = self.progress("clearing", 3)
        result = self.house.run_day(_DAY)
        step()
        closing = {_id(card): card.balance for card in self.city.cards}
        conservation = self.house.conservation(_DAY, closing)
        step()
        *_, report = self.house.export(self.folder / "report", proof=conservation)
        step()
        return Outcome(
            result, conservation, tuple(self.diary.planted), self._evidence(result), self.diary.loaded,
            self.diary.spent, sum(closing.values()), report,
        )  # fmt: skip

    def _evidence(self, result: DayResult) -> Evidence:
        entries = [entry for terminal in self.city.terminals for entry in terminal.journal.entries()]
        voided = {(e.record.terminal, e.record.card_serial) for e in entries if e.state is EntryState.VOID}
        noticed = frozenset(voided), frozenset(self.diary.recovered), frozenset(self.diary.turned_away)
        return Evidence(result, tuple(self.uploads), *noticed)


def _id(card: CityCard) -> CardId:
    return CardId(card.data.issuer, card.serial)
