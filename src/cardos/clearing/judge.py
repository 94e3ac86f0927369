"""A run over everything that is not decided: candidates, their duplicates, their torn records, their verdicts.

All in SQL over the store, in one transaction; the rules are the rows of :mod:`cardos.clearing.checks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import date

from ..host.record import NO_SAM
from .checks import CHECKS, Check, chosen_actions
from .reasons import Action, Reason
from .rules import Rules
from .store import Store
from .torn import resolve_torn

__all__ = ["judge"]

_NO_SAM = NO_SAM.hex()

# Columns of the candidates beyond those of the record: what is known about it.  A list is late when the terminal had
# its days of grace to load it.  A SAM number of zeros is no SAM: then the terminal itself is what is registered.
# Blacklists are about money that leaves a card: a load is authorised by the issuer itself.
_CANDIDATES = f"""
create or replace temp table candidate as
with undecided as (
    select p.* from (
        select * from records union all by name select file, number, problem from unparsable
    ) p anti join (select file, number from verdicts where cleared is not null) v using (file, number)
), in_force as (
    select d.on_date, max(l.version) as version
    from (select distinct moment::date as on_date from undecided) d join lists l on l.valid_from <= d.on_date
    group by d.on_date
), listed as (
    select u.file, u.number, bool_or(c.version = u.list_version) as had, bool_or(c.version = f.version) as now,
           bool_or(c.version > u.list_version and u.moment::date - l.valid_from > r.list_grace_days) as late
    from undecided u join list_cards c using (issuer, card_serial) join lists l on l.version = c.version
    left join in_force f on f.on_date = u.moment::date cross join rule r
    group by u.file, u.number
)
select u.*, r.*, f.name, f.sha256, f.operator as file_operator, k.transaction, k.counter, k.direction,
       u.moment::date as on_date, u.balance + k.direction * u.amount as after, u.flag = 1 as torn,
       u.sam <> '{_NO_SAM}' as with_sam, c.card_serial is not null as known_card,
       exists (select 1 from sams x where x.sam = u.sam and (u.sam <> '{_NO_SAM}' or x.terminal = u.terminal))
           as known_sam,
       s.operator as sam_operator, coalesce(c.test, false) or coalesce(s.test, false) as test,
       coalesce(b.had and k.direction < 0, false) as listed_had,
       coalesce(b.now and k.direction < 0, false) as listed_now, coalesce(b.late, false) as listed_late
from undecided u cross join rule r join files f using (file)
left join kinds k using (type)
left join cards c on (c.issuer, c.card_serial) = (u.issuer, u.card_serial)
left join sams s on (s.sam, s.terminal) = (u.sam, u.terminal)
left join listed b on (b.file, b.number) = (u.file, u.number)
"""

# Among records of one identity the first is the one that counts: one decided before, else one without a fault, else
# one with a good TAC (a forged copy must not push out the genuine record), else the first by name of its file.
# A torn record and its completed form differ in flag and TAC only and are the same.
_BODY = (
    "row(type, operator, terminal, sam, terminal_serial, moment, issuer, card_serial, serial, balance, amount,"
    " key_version, list_version)"
)
_RANKED = """
create or replace temp table ranked as
with early as (
    select *, {early} as early from candidate
), pool as (
    select identity, file, number, flag, tac, {body} as body, tac_state, name, sha256, early is not null as faulty,
           false as settled
    from early where identity is not null
    union all by name
    select identity, file, number, flag, tac, {body} as body, tac_state, name, sha256, false as faulty,
           true as settled
    from judged where cleared is not null and authentic and identity in (select identity from candidate)
), placed as (
    select file, number, settled, row_number() over same as place,
           first_value(body) over same = body
               and (flag + first_value(flag) over same > 0 or first_value(tac) over same = tac) as same_content
    from pool window same as (
        partition by identity
        order by settled desc, faulty, list_position(['good', 'none'], tac_state) nulls last, name, sha256, number
    )
)
select e.*, p.place, p.same_content
from early e left join (select * from placed where not settled) p using (file, number)
"""

_REASON = """
create or replace temp table reasoned as
select r.*, o.moved, {reason} as reason from ranked r left join outcome o using (file, number)
"""

_VERDICTS = """
insert into verdicts
select r.file, r.number,
       case when r.reason is null then 'accepted' when r.reason in ({waits}) then 'waiting' else 'refused' end as state,
       coalesce(r.reason, case when r.torn then '{adjusted}' else '{normal}' end) as reason,
       coalesce(r.place = 1 and r.transaction is not null and (r.tac_state = 'good' or r.moved), false) as authentic,
       coalesce(v.since, r.day) as since,
       case when r.reason is null or r.reason not in ({waits}) then r.day end as cleared
from reasoned r left join earlier v using (file, number)
"""


def judge(store: Store, day: date, rules: Rules) -> None:
    """Verdicts for every record that has none that is final, and their marks; ``day`` is the day of clearing.

    To be called inside a transaction.
    """
    actions = chosen_actions(rules)
    stopping = [check for check in CHECKS if actions[check.reason] is not Action.MARK]
    before_duplicates = stopping[: [check.reason for check in stopping].index(Reason.DUPLICATE)]
    waits = ", ".join(f"'{check.reason}'" for check in stopping if actions[check.reason] is Action.WAIT)
    _set_rules(store, day, rules)
    store.rows(_CANDIDATES)
    store.rows(_RANKED.format(early=_first_failing(before_duplicates), body=_BODY))
    resolve_torn(store)
    store.rows(_REASON.format(reason=_first_failing(stopping)))
    store.rows("create or replace temp table earlier as select * from verdicts where cleared is null")
    store.rows("delete from verdicts where cleared is null")
    store.rows(_VERDICTS.format(waits=waits, adjusted=Reason.ADJUSTED, normal=Reason.NORMAL))
    for check in CHECKS:
        if actions[check.reason] is Action.MARK:
            _mark(store, check)


def _first_failing(checks: Iterable[Check]) -> str:
    """A SQL expression for the reason of the first check that fails, null when none does."""
    rows = " ".join(f"when {check.predicate} then '{check.reason}'" for check in checks)
    return f"case {rows} end"


def _set_rules(store: Store, day: date, rules: Rules) -> None:
    """The city's numbers as a table of one row, so that predicates can name them."""
    columns = ["$day::date as day"]
    values = {f.name: getattr(rules, f.name) for f in fields(rules) if f.name != "only_mark"}
    columns += [f"{value}::bigint as {name}" for name, value in values.items()]
    store.rows(f"create or replace temp table rule as select {', '.join(columns)}", day=day)


def _mark(store: Store, check: Check) -> None:
    """The mark of a check on the records that were accepted in spite of it."""
    store.rows(
        f"insert into marks select file, number, $reason, day from reasoned"
        f" where reason is null and ({check.predicate})",
        reason=check.reason.value,
    )
