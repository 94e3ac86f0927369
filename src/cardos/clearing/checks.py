"""The checks of the centre, in order: each a row of data with a predicate over a candidate record.

The first that fails gives the record its reason.  Nothing is dropped: what is refused is kept with the reason.

A predicate is a SQL expression over the columns of :mod:`cardos.clearing.judge`: the fields of the record, what the
registers and lists say about it, its place among the records of the same identity, and the city's
:class:`~cardos.clearing.Rules`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ParameterError
from .reasons import Action, Bearer, Reason
from .rules import Rules

__all__ = ["ADJUSTED", "CHECKS", "CHECK_OF", "Check", "chosen_actions"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: it fails where ``predicate`` is true.

    ``code`` is the two-digit reason of city back offices for result files, ``text`` what a person reads, ``bearer`` who
    bears the loss.  ``optional`` ones may be turned into marks by :class:`~cardos.clearing.Rules`.
    """

    reason: Reason
    code: str
    text: str
    predicate: str
    action: Action = Action.REFUSE
    bearer: Bearer | None = None
    optional: bool = False


_LIMIT = "case when direction > 0 then max_load else max_purchase end"

# A ride that begins takes nothing yet, and of a grey-locked sale nothing may have been taken (JR/T 0025.9 7.4, 7.7).
_TAKES_NOTHING = f"amount = 0 and type not in ({0x09}, {0x93}, {0x94})"

#: In the order in which they are made.
CHECKS: tuple[Check, ...] = (
    Check(Reason.UNPARSABLE, "92", "the record cannot be read", "problem is not null"),
    Check(Reason.TYPE, "02", "the transaction type is not one that the centre clears", "transaction is null"),
    Check(Reason.TOO_OLD, "07", "the record is too old", "day - on_date > max_age_days", optional=True),
    Check(Reason.FUTURE, "07", "the record is dated after the day of clearing", "on_date > day"),
    Check(Reason.UNKNOWN_CARD, "02", "no such card is registered", "not known_card"),
    Check(Reason.UNKNOWN_SAM, "02", "no such SAM or outlet terminal is registered", "not known_sam"),
    Check(
        Reason.SAM_PAIR,
        "02",
        "SAM, terminal, operator and kind of transaction do not belong together",
        "sam_operator is null or sam_operator <> operator or file_operator <> operator"
        " or with_sam <> (counter = 'offline_serial')",
    ),
    Check(Reason.DUPLICATE, "03", "the same record was there before", "place > 1 and same_content"),
    Check(Reason.CONFLICT, "03", "another record of the same number was there before", "place > 1"),
    Check(Reason.NO_KEY, "01", "nobody has the key of that issuer and version", "tac_state = 'keyless'"),
    Check(Reason.TAC, "01", "the TAC is wrong", "tac_state = 'bad'"),
    Check(
        Reason.NOT_DEBITED,
        "09",
        "a later record shows that the torn one moved no money",
        "torn and not moved",
    ),
    Check(
        Reason.TORN_EXPIRED,
        "04",
        "no later record ever told whether the torn one moved money",
        "torn and moved is null and day - on_date > torn_wait_days",
    ),
    Check(
        Reason.TORN,
        "04",
        "torn: waiting for a later record of the card",
        "torn and moved is null",
        action=Action.WAIT,
    ),
    Check(
        Reason.BLACKLIST,
        "02",
        "the card was on the blacklist that the terminal had",
        "listed_had",
        bearer=Bearer.MERCHANT,
        optional=True,
    ),
    Check(
        Reason.LATE_LIST,
        "02",
        "the card was on a blacklist that the terminal should have had by then",
        "listed_now and listed_late",
        bearer=Bearer.MERCHANT,
        optional=True,
    ),
    Check(
        Reason.MISSED_LIST,
        "02",
        "the card was on a blacklist too new for the terminal to have",
        "listed_now and not listed_had and not listed_late",
        action=Action.MARK,
        bearer=Bearer.ISSUER,
    ),
    Check(
        Reason.BALANCE,
        "05",
        "the balance does not allow the amount",
        "after < 0 or (direction > 0 and after > max_balance)",
        optional=True,
    ),
    Check(
        Reason.AMOUNT,
        "02",
        "the amount is outside the limits",
        f"({_TAKES_NOTHING}) or amount > {_LIMIT}",
        optional=True,
    ),
    Check(Reason.TEST, "06", "test data", "test"),
)

#: What is said of a torn record that is paid: no check refuses it, a later record of its card proves it.
ADJUSTED = Check(
    Reason.ADJUSTED, "00", "a later record shows that the torn one moved money", "torn and moved"
)

#: The check behind a reason; records that are accepted at once have none.
CHECK_OF = {check.reason: check for check in (*CHECKS, ADJUSTED)}


def chosen_actions(rules: Rules) -> dict[Reason, Action]:
    """What each failing check does under ``rules``.

    >>> chosen_actions(Rules(only_mark=frozenset({Reason.AMOUNT})))[Reason.AMOUNT].value
    'mark'

    Raises :class:`~cardos.errors.ParameterError` when a check that must refuse shall only mark.
    """
    for reason in rules.only_mark:
        if reason not in CHECK_OF or not CHECK_OF[reason].optional:
            allowed = ", ".join(check.reason for check in CHECKS if check.optional)
            raise ParameterError("only_mark", f"of {allowed}", reason.value)
    return {
        check.reason: Action.MARK if check.reason in rules.only_mark else check.action for check in CHECKS
    }
