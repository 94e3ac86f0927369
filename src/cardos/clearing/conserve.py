"""Conservation of money: what was on the cards, what came and went, what is on them now, to the fen.

For every registered card, opening balance and certain transactions give the balance that it should have.  Where the
card itself says otherwise, the difference is money that moved without an accepted record, and it must have a trace: a
refused record, a record that waits, or a counter value that nobody told of.  A difference without a trace is money from
nowhere: then the statement does not balance.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ..errors import ParameterError
from .chains import gaps
from .model import CardId
from .results import Total
from .store import Store, arrow_rows

__all__ = ["CardReading", "Conservation", "ConservationLine", "Part", "conserve"]


@dataclass(frozen=True, slots=True)
class CardReading:
    """What a card itself says: its ``balance`` in fen, and its counters where they are known.

    With the counters, a lost record that was the card's last is seen to be missing.
    """

    balance: int
    online_serial: int | None = None
    offline_serial: int | None = None


class Part(enum.StrEnum):
    """What a line of the statement is about."""

    LOADS = "loads"
    PURCHASES = "purchases"
    #: Refused records of money that did move.
    HELD = "refused, held"
    #: Money that moved and of which only a record speaks that cannot be believed, or that waits.
    CLAIMED = "only claimed"
    #: Money that moved and of which no record speaks, though counters say that one is missing.
    UNTOLD = "never told"


@dataclass(frozen=True, slots=True)
class ConservationLine:
    """A part of the statement; ``total.amount`` is positive when it adds to the cards."""

    part: Part
    text: str
    total: Total


@dataclass(frozen=True, slots=True)
class Conservation:
    """``opening`` plus all ``parts`` gives ``closing`` plus ``unexplained``, which must be zero."""

    day: date
    opening: Total
    parts: tuple[ConservationLine, ...]
    closing: Total
    unexplained: Total

    @property
    def balanced(self) -> bool:
        """Whether every fen has a trace."""
        return self.unexplained == Total()


@dataclass(frozen=True, slots=True)
class Claim:
    """A record that is not certain: its reason, and what it says that it did to the card's balance."""

    reason: str
    amount: int


_UNTOLD = "transactions that no record told of (counter gaps)"

_CERTAIN_PARTS = f"""
with certain as (
    select if(direction > 0, '{Part.LOADS}', '{Part.PURCHASES}') as kind, state, reason, direction * amount as amount
    from judged semi join cards using (issuer, card_serial) where authentic and since <= $day
)
select if(state = 'accepted', kind, '{Part.HELD}') as part,
       kind || if(state = 'accepted', ' accepted', ' refused although money moved')
            || if(reason = 'normal', '', ': ' || reason) as text,
       count(*), sum(amount)::bigint
from certain group by all
"""

# Cards whose balance differs from what their certain transactions give.
_DIFFERENCES = """
with moved as (
    select issuer, card_serial, sum(direction * amount)::bigint as amount from judged
    where authentic and since <= $day group by all
)
select issuer, card_serial, s.balance - c.opening - coalesce(m.amount, 0) as difference
from cards c join closing s using (issuer, card_serial) left join moved m using (issuer, card_serial)
where difference <> 0 order by issuer, card_serial
"""

# Claims: records of a counter value that the card reached and no certain record has.  A torn one that proved to have
# moved nothing claims nothing.
_CLAIMS = """
select issuer, card_serial, any_value(reason order by name, number),
       any_value(direction * amount order by name, number)
from judged j semi join differing using (issuer, card_serial) join closing s using (issuer, card_serial)
where not authentic and counter is not null and since <= $day and reason <> 'not-debited'
and serial <= coalesce(case counter when 'online_serial' then s.online_serial else s.offline_serial end, serial)
and not exists (
    select 1 from judged c where c.authentic and c.since <= $day and (c.issuer, c.card_serial, c.counter, c.serial)
        = (j.issuer, j.card_serial, j.counter, j.serial)
)
group by issuer, card_serial, counter, serial order by issuer, card_serial, counter, serial
"""

# Counter values after the last certain one, up to the card's own counter, that no record told of.
_TAILS = """
with final as (
    select issuer, card_serial, 'online_serial' as counter, c.online_serial as first, s.online_serial as final
    from cards c join closing s using (issuer, card_serial)
    union all
    select issuer, card_serial, 'offline_serial', c.offline_serial, s.offline_serial
    from cards c join closing s using (issuer, card_serial)
), based as (
    select f.issuer, f.card_serial, f.counter, f.final, greatest(f.first, max(j.serial)) as base
    from final f left join judged j
        on (j.issuer, j.card_serial, j.counter) = (f.issuer, f.card_serial, f.counter) and authentic and since <= $day
    group by f.issuer, f.card_serial, f.counter, f.final, f.first
)
select b.issuer, b.card_serial, b.final - b.base - count(distinct j.serial) as missing
from based b left join judged j
    on (j.issuer, j.card_serial, j.counter) = (b.issuer, b.card_serial, b.counter) and j.serial > b.base
    and j.serial <= b.final and since <= $day and reason <> 'not-debited'
where b.final > b.base group by b.issuer, b.card_serial, b.counter, b.final, b.base having missing > 0
"""


def conserve(store: Store, day: date, closing: Mapping[CardId, int | CardReading]) -> Conservation:
    """The statement of all registered cards from their registration to the end of ``day``.

    ``closing`` has what every registered card says then, a balance in fen or a :class:`CardReading`; a card that is not
    registered, or a registered one that is left out, raises :class:`~cardos.errors.ParameterError`.
    """
    opening = _opening(store, closing)
    certain = [
        ConservationLine(Part(part), text, Total(*total))
        for part, text, *total in store.rows(_CERTAIN_PARTS, day=day)
    ]
    states = {card: s if isinstance(s, CardReading) else CardReading(s) for card, s in closing.items()}
    columns = ("issuer", "card_serial", "balance", "online_serial", "offline_serial")
    rows = [
        (card.issuer.hex().upper(), card.serial.hex().upper(), s.balance, s.online_serial, s.offline_serial)
        for card, s in sorted(states.items())
    ]
    with store.view("closing", arrow_rows(columns, rows)):
        explained, unexplained = _explain(store, day)
    total = Total(len(states), sum(state.balance for state in states.values()))
    parts = sorted([*certain, *explained], key=lambda line: (list(Part).index(line.part), line.text))
    return Conservation(day, opening, tuple(parts), total, unexplained)


def _opening(store: Store, closing: Mapping[CardId, object]) -> Total:
    rows = store.rows("select issuer, card_serial, opening from cards")
    registered = {
        CardId(bytes.fromhex(issuer), bytes.fromhex(serial)): opening for issuer, serial, opening in rows
    }
    for odd in sorted(registered.keys() ^ closing.keys()):
        where = "it is not registered" if odd in closing else "it is missing"
        raise ParameterError("closing", "the registered cards", f"{odd} of which {where}")
    return Total(len(registered), sum(registered.values()))


def _explain(store: Store, day: date) -> tuple[list[ConservationLine], Total]:
    """The traces of all differences, and what has none."""
    differences = store.rows(_DIFFERENCES, day=day)
    claims: dict[tuple[str, str], list[Claim]] = {}
    with store.view("differing", arrow_rows(("issuer", "card_serial", "difference"), differences)):
        for issuer, serial, *claim in store.rows(_CLAIMS, day=day) if differences else []:
            claims.setdefault((issuer, serial), []).append(Claim(*claim))
    untold = _untold(store, day)
    totals: dict[tuple[Part, str], Total] = {}
    unexplained = Total()
    for issuer, serial, difference in differences:
        lines = explain_card(difference, claims.get((issuer, serial), []), untold[issuer, serial])
        for line in lines:
            key = line.part, line.text
            totals[key] = totals.get(key, Total()) + line.total
        if not lines:
            unexplained += Total(1, difference)
    return [ConservationLine(*key, total) for key, total in totals.items()], unexplained


def _untold(store: Store, day: date) -> Counter[tuple[str, str]]:
    """How many counter values of each card no record told of."""
    untold: Counter[tuple[str, str]] = Counter()
    for gap in gaps(store, day):
        if isinstance(gap.holder, CardId):
            untold[gap.holder.issuer.hex().upper(), gap.holder.serial.hex().upper()] += gap.count
    for issuer, serial, count in store.rows(_TAILS, day=day):
        untold[issuer, serial] += count
    return untold


def explain_card(difference: int, claims: Sequence[Claim], untold: int) -> list[ConservationLine]:
    """What explains one card's ``difference``: its ``claims`` and a number of ``untold`` counter values.  Empty when it
    has no trace.

    Where every missing value has a claim, the claims are about the money that moved, whatever they say of its
    amount.  Where some have none, the claims are believed and the rest belongs to the untold ones.

    >>> [line.total.amount for line in explain_card(-200, [Claim("tac", -2000)], 0)]
    [-200]
    >>> [line.total.amount for line in explain_card(-500, [Claim("tac", -200)], 1)]
    [-200, -300]
    """
    lines = []
    left = difference
    for index, claim in enumerate(claims, 1):
        amount = left if index == len(claims) and not untold else claim.amount
        lines.append(ConservationLine(Part.CLAIMED, f"claimed by a record: {claim.reason}", Total(1, amount)))
        left -= amount
    if untold:
        lines.append(ConservationLine(Part.UNTOLD, _UNTOLD, Total(untold, left)))
    return lines
