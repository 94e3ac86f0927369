"""What the tests of traces look at: a load, a purchase and a proof, recorded at card and PSAM of a small city."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from cardos.errors import CardRemoved
from cardos.host import Fault, Purse, PurseSession, Tracer, parse_trace
from cardos.host.traces import Trace
from tests.host.conftest import NOON, PIN, City

MILLISECOND = 0.001


@dataclass(frozen=True)
class Recording:
    """The traces of card and PSAM, with profiles and master keys."""

    card: Trace
    sam: Trace
    profile: object
    sam_profile: object
    keys: object

    def event(self, number):
        return self.card.events[number - 1]


@cache
def recorded(suite: str) -> Recording:
    """PIN, load, purchase, a purchase whose answer is lost, reset, its proof, the log."""
    ticks = count()

    def now() -> datetime:
        return NOON + timedelta(seconds=next(ticks) * MILLISECOND)

    def clock() -> float:
        return next(ticks) * MILLISECOND

    def traced(link, stream, profile):
        start = now()
        return Tracer(
            link, stream, card=profile.name, clock=clock, now=lambda: start, writes=lambda: city.card.memory.writes
        )  # fmt: skip

    with tempfile.TemporaryDirectory() as folder, City(suite, Path(folder)) as city:
        card_text, sam_text = io.StringIO(), io.StringIO()
        tracer = traced(city.link, card_text, city.profile)
        terminal = city.boot(sam_link=traced(city.sam_link, sam_text, city.sam_profile))
        city.load(5000, tracer)
        terminal.purchase(tracer, 150)
        lost = Fault(tracer, at=lambda command: command[1] == 0x54, before=False)
        with suppress(CardRemoved):
            terminal.purchase(lost, 200)
        tracer.remove()
        tracer.reset()
        terminal.purchase(tracer, 200)
        session = PurseSession(tracer, city.profile)
        list(session.read_log())
        session.verify(PIN)
        session.get_balance(Purse.ED)
        tracer.note("the end")
        card, sam = (parse_trace(stream.getvalue().encode()) for stream in (card_text, sam_text))
        return Recording(card, sam, city.profile, city.sam_profile, city.keys)
