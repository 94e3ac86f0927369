"""Torn records: did the card pay?  Its next transaction knows.

A torn record (flag 01) claims the counter value ``serial`` and, if the money moved, the balance ``after``.  Of the
same card, among the records that are certain:

* another one of the same counter and serial: the step was never made, no money moved;
* the one with the next serial, or else the first that stepped the other counter after it: its balance before, less
  what came in between, is what the torn transaction left.  Equal to ``after``: the money moved.  Equal to
  ``balance``: it did not.  Neither: something else is missing, and the record waits.

Several torn records may claim one serial: the latest comes first, since the earlier ones had not stepped the counter
when it began.  A torn record that is resolved as moved is itself certain for the others, so the question is asked
again until nothing changes.
"""

from __future__ import annotations

from .store import Store

__all__ = ["resolve_torn"]

_PREPARE = """
create or replace temp table outcome (file bigint, number bigint, moved boolean);
create or replace temp table torn as
select file, number, name, sha256, issuer, card_serial, counter, serial, balance, after, moment
from ranked where torn and place = 1 and early is null;
create or replace temp table event as
select issuer, card_serial, counter, serial, balance, after, moment
from judged semi join torn using (issuer, card_serial) where authentic
union all
select issuer, card_serial, counter, serial, balance, after, moment
from ranked semi join torn using (issuer, card_serial)
where place = 1 and tac_state = 'good' and transaction is not null;
"""

_ROUND = """
insert into outcome
with open as (
    select t.* from torn t anti join outcome o using (file, number)
    qualify row_number() over (
        partition by issuer, card_serial, counter, serial order by moment desc, name, sha256, number
    ) = 1
), step as (
    select t.file, t.number, n.balance - coalesce(sum(o.after - o.balance), 0) as seen
    from open t
    join event n on (n.issuer, n.card_serial, n.counter, n.serial)
        = (t.issuer, t.card_serial, t.counter, t.serial + 1)
    left join event o on (o.issuer, o.card_serial) = (t.issuer, t.card_serial) and o.counter <> t.counter
        and o.moment > t.moment and o.moment <= n.moment
    group by t.file, t.number, n.balance, n.moment
    qualify row_number() over (partition by t.file, t.number order by n.moment, n.balance) = 1
), other as (
    select t.file, t.number, arg_min(o.balance, o.moment) as seen
    from open t join event o on (o.issuer, o.card_serial) = (t.issuer, t.card_serial)
        and o.counter <> t.counter and o.moment > t.moment
    where not exists (
        select 1 from event p where (p.issuer, p.card_serial, p.counter) = (t.issuer, t.card_serial, t.counter)
        and p.serial > t.serial and p.moment <= o.moment
    )
    group by t.file, t.number
), told as (
    select t.*, coalesce(s.seen, o.seen) as seen, exists (
        select 1 from event e where (e.issuer, e.card_serial, e.counter, e.serial)
            = (t.issuer, t.card_serial, t.counter, t.serial)
    ) as taken
    from open t left join step s using (file, number) left join other o using (file, number)
)
select file, number, not taken and seen = after as moved
from told where taken or seen in (after, balance)
"""

_CERTAIN = """
insert into event
select issuer, card_serial, counter, serial, balance, after, moment
from torn join outcome o using (file, number)
where o.moved and not exists (
    select 1 from event e where (e.issuer, e.card_serial, e.counter, e.serial)
        = (torn.issuer, torn.card_serial, torn.counter, torn.serial)
)
"""


def resolve_torn(store: Store) -> None:
    """Fill the table ``outcome`` (file, number, moved) for the torn records of ``ranked`` that can be decided."""
    store.rows(_PREPARE)
    decided = -1
    while decided != (count := store.rows("select count(*) from outcome")[0][0]):
        decided = count
        store.rows(_ROUND)
        store.rows(_CERTAIN)
