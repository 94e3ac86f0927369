"""Reading a day back out of the store: settlements, notes, tables for Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pyarrow.parquet as pq

from ..durable import replacing
from .chains import forks, gaps, jumps
from .checks import CHECK_OF
from .model import CardId
from .reasons import Reason, State
from .results import DayResult, FileNote, HourCount, OperatorSettlement, RecordNote, Total
from .settle import books, postings
from .store import Row, Store

__all__ = ["TABLES", "day_result", "export_tables", "files", "hours_of_day"]

# An operator appears when it is registered or when a record names it.  A record waits at the end of a day when it was
# judged by then and cleared later, or not yet.
_SETTLEMENTS = """
with today as (
    select operator, direction, amount, case
               when cleared = $day then case when state = 'accepted' then reason else state end
               when since <= $day then 'waiting'
           end as outcome
    from judged where cleared = $day or (since <= $day and (cleared is null or cleared > $day))
), summed as (
    select operator,
           count(*) filter (outcome = 'normal' and direction < 0) as accepted,
           sum(amount) filter (outcome = 'normal' and direction < 0) as accepted_amount,
           count(*) filter (outcome = 'adjusted') as adjusted,
           sum(amount) filter (outcome = 'adjusted') as adjusted_amount,
           count(*) filter (outcome = 'normal' and direction > 0) as loads,
           sum(amount) filter (outcome = 'normal' and direction > 0) as loads_amount,
           count(*) filter (outcome = 'refused') as refused,
           sum(amount) filter (outcome = 'refused') as refused_amount,
           count(*) filter (outcome = 'waiting') as waiting,
           sum(amount) filter (outcome = 'waiting') as waiting_amount
    from today group by operator
), fee as (
    select debit, sum(amount) as fee from postings where day = $day and credit = 'fees' group by debit
)
select coalesce(o.operator, s.operator) as operator, coalesce(o.name, '') as name,
       s.* exclude (operator), fee.fee
from operators o full join summed s using (operator)
left join fee on fee.debit = 'payable:' || printf('%04d', coalesce(o.operator, s.operator))
order by 1
"""

_NOTE = """
select f.name, n.number, n.state, n.reason, n.authentic, n.since, coalesce(r.operator, f.operator), r.terminal, r.sam,
       r.terminal_serial, r.moment, r.issuer, r.card_serial, r.serial, r.balance, r.amount, u.raw
from ({notes}) n join files f using (file)
left join records r using (file, number) left join unparsable u using (file, number)
order by f.name, f.sha256, n.number, n.reason
"""
_REFUSED = """
select file, number, state, reason, authentic, since from verdicts where cleared = $day and state = 'refused'
"""
_WAITING = """
select file, number, 'waiting' as state, 'torn' as reason, false as authentic, since from verdicts
where since <= $day and (cleared is null or cleared > $day)
"""
_ADJUSTED = f"""
select file, number, state, reason, authentic, since from verdicts
where cleared = $day and state = 'accepted' and reason = '{Reason.ADJUSTED}'
"""
_MARKED = """
select file, number, v.state, m.reason, v.authentic, v.since
from marks m join verdicts v using (file, number) where m.day = $day
"""

#: The tables of an export, each with its query; they have fixed order and columns.
TABLES: Mapping[str, str] = MappingProxyType(
    {
        "records": "select name, number, state, reason, authentic, since, cleared, type, flag, operator, terminal, sam,"
        " terminal_serial, moment, issuer, card_serial, serial, balance, amount, after, key_version, list_version, tac"
        " from judged where since <= $day order by name, sha256, number",
        "refusals": "select name, number, reason, authentic, since, cleared, type, flag, operator, terminal, sam,"
        " terminal_serial, moment, issuer, card_serial, serial, balance, amount, key_version, list_version, tac,"
        " problem, raw from refusals where cleared <= $day order by name, sha256, number",
        "settlements": _SETTLEMENTS,
        "postings": "select * from postings where day <= $day order by day, number",
        "books": "select * from books where day <= $day order by day, account",
        "files": "select name, sha256, state, problem, operator, sequence, created, records, unparsable from files"
        " where $day is not null order by name, state, sha256",
    }
)


def day_result(store: Store, day: date) -> DayResult:
    """Everything about a day that was run."""
    return DayResult(
        day,
        tuple(_settlement(row) for row in store.rows(_SETTLEMENTS, day=day)),
        _notes(store, day, _REFUSED),
        _notes(store, day, _WAITING),
        _notes(store, day, _MARKED),
        _notes(store, day, _ADJUSTED),
        gaps(store, day),
        forks(store, day),
        jumps(store, day),
        postings(store, day),
        books(store, day),
    )


def files(store: Store) -> tuple[FileNote, ...]:
    """Every file that was handed in, by name."""
    sql = "select name, sha256, state, problem, operator, records, unparsable from files order by name, state, sha256"
    return tuple(FileNote(*row) for row in store.rows(sql))


def hours_of_day(store: Store, day: date) -> tuple[HourCount, ...]:
    """How many accepted records of a day each operator made in each hour."""
    sql = (
        "select operator, hour(moment), count(*) from judged"
        " where cleared = $day and state = 'accepted' group by all order by all"
    )
    return tuple(HourCount(*row) for row in store.rows(sql, day=day))


def export_tables(store: Store, day: date, folder: Path) -> tuple[Path, ...]:
    """The tables as Parquet files (zstd) in ``folder``, each whole under its name or not there."""
    paths = []
    for name, sql in TABLES.items():
        path = folder / f"{name}.parquet"
        with replacing(path) as part:
            pq.write_table(store.arrow(sql, day=day), part, compression="zstd")
        paths.append(path)
    return tuple(paths)


def _settlement(row: Row) -> OperatorSettlement:
    operator, name, *sums, fee = row
    numbers = [int(value or 0) for value in sums]
    accepted, adjusted, loads, refused, waiting = map(Total, numbers[::2], numbers[1::2])
    return OperatorSettlement(operator, name, accepted, adjusted, loads, refused, waiting, int(fee or 0))


def _notes(store: Store, day: date, notes: str) -> tuple[RecordNote, ...]:
    return tuple(_note(row) for row in store.rows(_NOTE.format(notes=notes), day=day))


def _note(row: Row) -> RecordNote:
    name, number, state, reason, authentic, since, operator, *seen = row
    terminal, sam, terminal_serial, when, issuer, card_serial, serial, balance, amount, raw = seen
    check = CHECK_OF[Reason(reason)]
    card = CardId(bytes.fromhex(issuer), bytes.fromhex(card_serial)) if issuer else None
    return RecordNote(
        name, number, State(state), check.reason, check.code, check.text, check.bearer, authentic, since, operator,
        terminal and bytes.fromhex(terminal), sam and bytes.fromhex(sam), terminal_serial, when, card, serial,
        balance, amount, raw,
    )  # fmt: skip
