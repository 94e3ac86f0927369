"""The timetable of a day: who travels when, where, for how much, and which trips go wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from types import MappingProxyType

from ..errors import ParameterError
from .faults import FaultKind

__all__ = ["LOST_CARDS", "Trip", "timetable"]

#: The first cards of the city are the lost ones: they are not in the timetable.
LOST_CARDS = 2

_OPENING, _CLOSING = time(6, 30), time(22, 30)
_MOST_TRIPS = 6
_APART = 600  # seconds between two trips of a card: time to load it on the way
#: What a trip costs at each operator: least, most and step, fen.
_FARES: Mapping[int, tuple[int, int, int]] = MappingProxyType(
    {1: (200, 200, 1), 2: (300, 900, 100), 3: (1000, 6000, 10)}
)


@dataclass(frozen=True, slots=True)
class Trip:
    """One purchase to come: ``card`` and ``terminal`` by their place, ``amount`` in fen."""

    when: datetime
    card: int
    terminal: int
    amount: int
    fault: FaultKind | None = None


def timetable(day: date, cards: int, operators: Sequence[int], random: Random) -> tuple[Trip, ...]:
    """The trips of a day in order of time.  ``operators`` has the operator of each terminal.

    Each planned fault takes a trip of a card of its own.  Raises :class:`~cardos.errors.ParameterError`
    when there are too few cards for that.
    """
    trips = [trip for card in range(LOST_CARDS, cards) for trip in _trips_of(day, card, operators, random)]
    trips.sort(key=lambda trip: (trip.when, trip.card))
    used: set[int] = set()
    for kind, fits in _WANTED.items():
        places = [place for place, trip in enumerate(trips) if trip.card not in used and fits(trip, trips)]
        if not places:
            raise ParameterError("cards", f"enough to plant {kind.name}", cards)
        place = random.choice(places)
        used.add(trips[place].card)
        trips[place] = replace(trips[place], fault=kind)
    return tuple(trips)


def _trips_of(day: date, card: int, operators: Sequence[int], random: Random) -> list[Trip]:
    opening, closing = datetime.combine(day, _OPENING), datetime.combine(day, _CLOSING)
    slots = range(0, int((closing - opening).total_seconds()), _APART)
    starts = sorted(random.sample(slots, random.randint(1, _MOST_TRIPS)))
    trips = []
    for start in starts:
        second = start + random.randrange(60)
        terminal = random.randrange(len(operators))
        least, most, step = _FARES[operators[terminal]]
        amount = random.randrange(least, most + 1, step)
        trips.append(Trip(opening + timedelta(seconds=second), card, terminal, amount))
    return trips


def _later(trip: Trip, trips: Sequence[Trip]) -> list[Trip]:
    return [other for other in trips if other.card == trip.card and other.when > trip.when]


def _any(trip: Trip, _: Sequence[Trip]) -> bool:
    return trip.amount > 1


def _goes_elsewhere(trip: Trip, trips: Sequence[Trip]) -> bool:
    """The card has one more trip, at another terminal: what became of the torn one is told there."""
    later = _later(trip, trips)
    return len(later) == 1 and later[0].terminal != trip.terminal


def _is_missed(trip: Trip, trips: Sequence[Trip]) -> bool:
    """Card and SAM both go on, so that the gap can be seen on either side: the SAM of a terminal serves
    every second card.
    """
    after = [t for t in trips if t.terminal == trip.terminal and t.when > trip.when and t.fault is None]
    return bool(_later(trip, trips)) and any((t.card - trip.card) % 2 == 0 for t in after)


_WANTED: Mapping[FaultKind, Callable[[Trip, Sequence[Trip]], bool]] = MappingProxyType(
    {
        FaultKind.AWAY_UNPAID: _goes_elsewhere,
        FaultKind.AWAY_PAID: _goes_elsewhere,
        FaultKind.TORN_BEFORE: _any,
        FaultKind.TORN_IN_WRITE: _any,
        FaultKind.TORN_AFTER: _any,
        FaultKind.TORN_LOAD: _any,
        FaultKind.FORGED_TAC: _any,
        FaultKind.FORGED_AMOUNT: _any,
        FaultKind.FORGED_COPY: _any,
        FaultKind.LOST_RECORD: _is_missed,  # last: by now it is known which trips go well
    }
)
