"""The commands of the electronic deposit and purse (JR/T 0025.2 5.2, 5.5)."""

from __future__ import annotations

from ..layout import Layout
from .spec import CommandSpec, layout, one_of
from .status import SW

__all__ = [
    "CREDIT_FOR_LOAD",
    "DEBIT_FOR_PURCHASE",
    "ED",
    "EP",
    "GET_BALANCE",
    "GET_TRANSACTION_PROVE",
    "INITIALIZE_FOR_LOAD",
    "INITIALIZE_FOR_PURCHASE",
    "LOG_RECORD",
    "PURSE_COMMANDS",
]

#: Values of P2 that name a purse: electronic deposit and electronic purse.
ED, EP = 0x01, 0x02
_PURSE = one_of(ED, EP)

#: Record of file 0018, written by the card: serial after the step, new overdraft limit, amount, type,
#: terminal, date, time. JR/T 0025.2 table C.4.
LOG_RECORD = Layout.parse("log record", ["serial", "new_limit", "amount", "type", "terminal", "date", "time"])

_INITIALIZE = (
    SW.MEMORY_FAILURE, SW.SECURITY_STATUS, SW.CONDITIONS, SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.COUNTER_MAXIMUM,
    SW.KEY_INDEX,
)  # fmt: skip
_COMPLETE = (
    SW.MEMORY_FAILURE, SW.INVALID_STATE, SW.CONDITIONS, SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.MAC_INVALID,
)  # fmt: skip

INITIALIZE_FOR_LOAD = CommandSpec.fixed(
    "INITIALIZE FOR LOAD",
    (0x80, 0x50, one_of(0x00), _PURSE),
    "JR/T 0025.2 5.2, 5.5.2",
    statuses=_INITIALIZE,
    body=layout("key_index", "amount", "terminal"),
    answer=layout("balance", "online_serial", "key_version", "algorithm", "random", "mac1"),
)

CREDIT_FOR_LOAD = CommandSpec.fixed(
    "CREDIT FOR LOAD",
    (0x80, 0x52, one_of(0x00), one_of(0x00)),
    "JR/T 0025.2 5.2, 5.5.2",
    statuses=_COMPLETE,
    body=layout("date", "time", "mac2"),
    answer=layout("tac"),
)

INITIALIZE_FOR_PURCHASE = CommandSpec.fixed(
    "INITIALIZE FOR PURCHASE",
    (0x80, 0x50, one_of(0x01), _PURSE),
    "JR/T 0025.2 5.2, 5.5.4",
    statuses=(*_INITIALIZE, SW.BALANCE_INSUFFICIENT),
    body=layout("key_index", "amount", "terminal"),
    answer=layout("balance", "offline_serial", "limit", "key_version", "algorithm", "random"),
)

DEBIT_FOR_PURCHASE = CommandSpec.fixed(
    "DEBIT FOR PURCHASE",
    (0x80, 0x54, one_of(0x01), one_of(0x00)),
    "JR/T 0025.2 5.2, 5.5.4",
    statuses=_COMPLETE,
    body=layout("terminal_serial", "date", "time", "mac1"),
    answer=layout("tac", "mac2"),
)

GET_BALANCE = CommandSpec.fixed(
    "GET BALANCE",
    (0x80, 0x5C, one_of(0x00), _PURSE),
    "JR/T 0025.2 5.2",
    statuses=(SW.SECURITY_STATUS, SW.CONDITIONS, SW.NOT_SUPPORTED, SW.WRONG_P1P2),
    answer=layout("balance"),
)

#: P2 is the transaction type; ``serial`` is the value after the step.  The answer holds MAC2 (zeros for a
#: load) and TAC.
GET_TRANSACTION_PROVE = CommandSpec.fixed(
    "GET TRANSACTION PROVE",
    (0x80, 0x5A, one_of(0x00), range(0x01, 0x0A)),
    "JR/T 0025.2 5.2, 5.6",
    statuses=(SW.CONDITIONS, SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.PROOF_UNAVAILABLE),
    body=layout("serial"),
    answer=layout("mac", "tac"),
)

PURSE_COMMANDS = (
    INITIALIZE_FOR_LOAD,
    CREDIT_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    DEBIT_FOR_PURCHASE,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
)
