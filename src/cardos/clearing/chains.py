"""The chains of cards and SAMs: counter values that nobody told of, forks, balances that jump.

They mark, they do not refuse: a late record closes its gap.  A chain has the records that were received up to a day.

A claim that was refused (a wrong TAC, say) fills its counter value, since a record of it did arrive; but only certain
records say how far a counter has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from ..host.record import NO_SAM
from .model import CardId
from .results import Fork, Gap, JumpOfBalance
from .store import Store

__all__ = ["forks", "gaps", "jumps"]


@dataclass(frozen=True, slots=True)
class _Chain:
    """Holders with a counter: a query for those registered (holder, first value expected or null) and one for the
    values told (holder, value, certain).
    """

    registered: str
    told: str


def _card_chain(counter: str) -> _Chain:
    return _Chain(
        f"select issuer || card_serial as holder, {counter} + 1 as first from cards",
        "select issuer || card_serial as holder, serial as value, authentic as certain from judged"
        f" where counter = '{counter}' and since <= $day and reason <> 'not-debited'",
    )


_NO_SAM = NO_SAM.hex()
_CHAINS: Mapping[str, _Chain] = MappingProxyType(
    {
        "terminal_serial": _Chain(
            f"select sam as holder, min(first_serial) as first from sams where sam <> '{_NO_SAM}' group by sam",
            "select sam as holder, terminal_serial as value, authentic or state = 'waiting' as certain from judged"
            " where since <= $day",
        ),
        "online_serial": _card_chain("online_serial"),
        "offline_serial": _card_chain("offline_serial"),
    }
)

_GAPS = """
with registered as ({registered}), told as (
    select holder, value, bool_or(certain) as certain from ({told}) semi join registered using (holder)
    group by holder, value
), span as (
    select holder, coalesce(min(first), min(value) filter (certain)) as low, max(value) filter (certain) as high
    from told join registered using (holder) group by holder
), ordered as (
    select holder, value, lag(value, 1, low - 1) over (partition by holder order by value) as previous
    from told join span using (holder) where value between low and high
)
select holder, previous + 1, value - 1 from ordered where value > previous + 1 order by holder, value
"""

_FORKS = """
select issuer, card_serial, counter, serial, count(*) from judged
where authentic and since <= $day group by all having count(*) > 1 order by all
"""

# Order within a card: by moment, but a counter never goes back, and a record whose date was refused (a wrong clock)
# takes the moment of the one before it.  The first record of a card follows its registration.
_JUMPS = """
with placed as (
    select *, max(case when reason not in ('future', 'too-old') then moment end) over (
        partition by issuer, card_serial, counter order by serial rows unbounded preceding
    ) as placed_at
    from judged semi join cards using (issuer, card_serial) where authentic and since <= $day
), chained as (
    select p.*, lag(after, 1, c.opening) over (
        partition by p.issuer, p.card_serial order by placed_at nulls first, moment, counter, serial, name, number
    ) as expected
    from placed p join cards c using (issuer, card_serial)
)
select issuer, card_serial, name, number, moment, expected, balance
from chained where balance <> expected order by issuer, card_serial, placed_at nulls first, moment, counter, serial
"""


def gaps(store: Store, day: date) -> tuple[Gap, ...]:
    """Ranges of counter values that no record told of: SAMs first, then loads, then purchases of cards."""
    found = []
    for counter, chain in _CHAINS.items():
        sql = _GAPS.format(registered=chain.registered, told=chain.told)
        for holder, first, last in store.rows(sql, day=day):
            raw = bytes.fromhex(holder)
            found.append(Gap(raw if len(raw) == 8 else CardId(raw[:8], raw[8:]), counter, first, last))
    return tuple(found)


def forks(store: Store, day: date) -> tuple[Fork, ...]:
    """Counter values that a card used more than once."""
    return tuple(
        Fork(CardId(bytes.fromhex(issuer), bytes.fromhex(serial)), counter, value, count)
        for issuer, serial, counter, value, count in store.rows(_FORKS, day=day)
    )


def jumps(store: Store, day: date) -> tuple[JumpOfBalance, ...]:
    """Records whose balance does not continue that of the record before, card by card."""
    return tuple(
        JumpOfBalance(CardId(bytes.fromhex(issuer), bytes.fromhex(serial)), *rest)
        for issuer, serial, *rest in store.rows(_JUMPS, day=day)
    )
