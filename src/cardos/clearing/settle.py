"""Settlement in double entry: what each verdict posts, the fees, the books and the proof that they balance.

The postings of a day are a function of the verdicts: computing them again gives the same ones.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date

from ..errors import BooksError
from .results import Book, Posting
from .store import Store, arrow_rows

__all__ = ["BOOKING", "Account", "Booking", "Event", "books", "check_books", "post", "postings"]


class Account(enum.StrEnum):
    """The accounts; ``{operator}`` stands for its number in four digits."""

    #: What the issuer owes to the holders of cards.
    FLOAT = "float"
    #: Cash that an outlet took for loads.
    CASH = "cash:{operator}"
    #: What the centre owes to an operator for purchases (to be settled).
    PAYABLE = "payable:{operator}"
    #: What the centre earned.
    FEES = "fees"
    #: Money that left a card and has no owner yet.
    SUSPENSE = "suspense"


class Event(enum.StrEnum):
    """What a verdict means for money."""

    #: Accepted at once.
    PAID = "accepted"
    #: The card's money moved, the record is not paid: refused though authentic, or torn and waiting.
    HELD = "held"
    #: Waited before, and is now paid.
    RELEASED = "released to the operator"
    #: Waited before, and the card never paid.
    RETURNED = "returned to the card"


@dataclass(frozen=True, slots=True)
class Booking:
    """What an event posts for a transaction of that direction (-1 a purchase, +1 a load)."""

    event: Event
    direction: int
    debit: Account
    credit: Account
    text: str


#: All bookings.  A refused record whose money did not move posts nothing.
BOOKING: tuple[Booking, ...] = (
    Booking(Event.PAID, -1, Account.FLOAT, Account.PAYABLE, "purchases accepted"),
    Booking(Event.HELD, -1, Account.FLOAT, Account.SUSPENSE, "purchases held"),
    Booking(Event.RELEASED, -1, Account.SUSPENSE, Account.PAYABLE, "held purchases released to the operator"),
    Booking(Event.RETURNED, -1, Account.SUSPENSE, Account.FLOAT, "held purchases that the card did not pay"),
    Booking(Event.PAID, +1, Account.CASH, Account.FLOAT, "loads accepted"),
    Booking(Event.HELD, +1, Account.SUSPENSE, Account.FLOAT, "loads held"),
    Booking(Event.RELEASED, +1, Account.CASH, Account.SUSPENSE, "held loads released"),
    Booking(Event.RETURNED, +1, Account.FLOAT, Account.SUSPENSE, "held loads that the card did not get"),
)

_PAYABLE_EVENTS = f"('{Event.PAID}', '{Event.RELEASED}')"

# The events of a day, one row for each record that has one.  A record that waited was held on its first day.
_EVENTS = f"""
select operator, direction, amount, case
           when since < $day and state = 'accepted' then '{Event.RELEASED}'
           when since < $day and not authentic then '{Event.RETURNED}'
           when since = $day and state = 'accepted' then '{Event.PAID}'
           when since = $day and authentic then '{Event.HELD}'
       end as event
from judged where cleared = $day
union all
select operator, direction, amount, '{Event.HELD}' from judged
where since = $day and (state = 'waiting' or cleared > since)
"""

_POSTINGS = f"""
with event as ({_EVENTS}), entry as (
    select replace(b.debit, '{{operator}}', printf('%04d', operator)) as debit,
           replace(b.credit, '{{operator}}', printf('%04d', operator)) as credit,
           sum(amount)::bigint as amount,
           printf('%s, operator %04d, records: %d', b.text, operator, count(*)) as reference
    from event join booking b using (event, direction) group by b.debit, b.credit, b.text, operator
    union all
    select replace('{Account.PAYABLE}', '{{operator}}', printf('%04d', e.operator)), '{Account.FEES}',
           ((sum(amount) * o.fee_per_mille + 500) // 1000)::bigint,
           printf('fee of %d per mille, operator %04d', o.fee_per_mille, e.operator)
    from event e join operators o using (operator)
    where direction < 0 and event in {_PAYABLE_EVENTS} group by e.operator, o.fee_per_mille
)
select $day as day, row_number() over (order by debit, credit, reference) as number, debit, credit, amount, reference
from entry where amount > 0
"""

_BOOKS = """
insert into books
with side as (
    select debit as account, amount as debit, 0 as credit from postings where day <= $day
    union all select credit, 0, amount from postings where day <= $day
)
select $day, account, sum(debit)::bigint, sum(credit)::bigint, sum(debit - credit)::bigint from side group by account
"""

# What the books must say, computed from the verdicts and not from the postings.
_TOTALS = """
select -coalesce(sum(amount * direction) filter (state = 'accepted' and direction < 0), 0)::bigint as paid,
       coalesce(sum(amount) filter (state = 'accepted' and direction > 0), 0)::bigint as loaded,
       -coalesce(sum(amount * direction) filter (state <> 'accepted' and (authentic or state = 'waiting')), 0)::bigint
           as held
from judged where since <= $day
"""


def post(store: Store, day: date) -> None:
    """Post a day: its postings and the books at its end, in place of those of an earlier run of that day.

    To be called inside a transaction, for no day before the last.  Raises :class:`~cardos.errors.BooksError` when the
    books do not balance.
    """
    rows = [(b.event.value, b.direction, b.debit.value, b.credit.value, b.text) for b in BOOKING]
    for table in ("postings", "books"):
        store.rows(f"delete from {table} where day = $day", day=day)
    with store.view("booking", arrow_rows(("event", "direction", "debit", "credit", "text"), rows)):
        store.rows(f"insert into postings {_POSTINGS}", day=day)
    store.rows(_BOOKS, day=day)
    check_books(store, day)


def check_books(store: Store, day: date) -> None:
    """Raise :class:`~cardos.errors.BooksError` unless the books at the end of the last ``day`` sum to zero and agree
    with the verdicts.
    """
    balance = {book.account: book.balance for book in books(store, day)}
    [(paid, loaded, held)] = store.rows(_TOTALS, day=day)

    def group(account: Account) -> int:
        prefix = account.value.split("{")[0]
        return sum(amount for name, amount in balance.items() if name.startswith(prefix))

    _demand("sum of all accounts", 0, sum(balance.values()))
    _demand("payable and fees", -paid, group(Account.PAYABLE) + group(Account.FEES))
    _demand("cash of the outlets", loaded, group(Account.CASH))
    _demand("suspense", -held, group(Account.SUSPENSE))
    _demand("float", paid + held - loaded, group(Account.FLOAT))


def _demand(what: str, expected: int, got: int) -> None:
    if expected != got:
        raise BooksError(what, expected, got)


def postings(store: Store, day: date) -> tuple[Posting, ...]:
    """The postings of a day, in order."""
    return tuple(
        Posting(*row)
        for row in store.rows("select * from postings where day = $day order by number", day=day)
    )


def books(store: Store, day: date) -> tuple[Book, ...]:
    """The accounts at the end of a day that was run, by name."""
    sql = "select account, debit, credit, balance from books where day = $day order by account"
    return tuple(Book(*row) for row in store.rows(sql, day=day))
