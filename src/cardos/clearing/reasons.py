"""Why a record was refused, is waiting, or was marked."""

from __future__ import annotations

import enum

__all__ = ["Action", "Bearer", "Reason", "State"]


class State(enum.StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WAITING = "waiting"


class Reason(enum.StrEnum):
    """The outcome of the checks: the reason is that of the first one that fails."""

    NORMAL = "normal"
    #: A torn record that a later one proves.
    ADJUSTED = "adjusted"
    UNPARSABLE = "unparsable"
    TYPE = "type"
    TOO_OLD = "too-old"
    FUTURE = "future"
    UNKNOWN_CARD = "unknown-card"
    UNKNOWN_SAM = "unknown-sam"
    SAM_PAIR = "sam-pair"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NO_KEY = "no-key"
    TAC = "tac"
    NOT_DEBITED = "not-debited"
    TORN_EXPIRED = "torn-expired"
    TORN = "torn"
    BLACKLIST = "blacklist"
    LATE_LIST = "late-list"
    MISSED_LIST = "missed-list"
    BALANCE = "balance"
    AMOUNT = "amount"
    TEST = "test"


class Action(enum.StrEnum):
    """What a failing check does to the record."""

    REFUSE = "refuse"
    WAIT = "wait"
    MARK = "mark"


class Bearer(enum.StrEnum):
    """Who bears the loss of a record."""

    MERCHANT = "merchant"
    ISSUER = "issuer"
