"""The commands of the electronic deposit and purse (JR/T 0025.2 5.2, 5.5), composite purchase included (JR/T 0025.9
7.4).
"""

from __future__ import annotations

from construct import GreedyBytes, Struct

from ..layout import Layout
from .os_commands import MOST_BYTES
from .spec import ANY, CommandSpec, layout, one_of
from .status import SW

__all__ = [
    "CREDIT_FOR_LOAD",
    "DEBIT_FOR_PURCHASE",
    "DEBIT_FOR_UNLOAD",
    "ED",
    "EP",
    "GET_BALANCE",
    "GET_TRANSACTION_PROVE",
    "INITIALIZE_FOR_CAPP_PURCHASE",
    "INITIALIZE_FOR_CASH_WITHDRAW",
    "INITIALIZE_FOR_LOAD",
    "INITIALIZE_FOR_PURCHASE",
    "INITIALIZE_FOR_UNLOAD",
    "INITIALIZE_FOR_UPDATE",
    "LOG_RECORD",
    "PURSE_COMMANDS",
    "UPDATE_CAPP_DATA_CACHE",
    "UPDATE_OVERDRAW_LIMIT",
]

#: Values of P2 that name a purse: electronic deposit and electronic purse.
ED, EP = 0x01, 0x02
_PURSE = one_of(ED, EP)

#: Record of file 0018, written by the card: serial after the step, new overdraft limit, amount, type,
#: terminal, date, time. JR/T 0025.2 table C.4.
LOG_RECORD = Layout.parse("log record", ["serial", "new_limit", "amount", "type", "terminal", "date", "time"])

_INITIALIZE = (
    SW.SECURITY_STATUS, SW.CONDITIONS, SW.INVALID_STATE, SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.COUNTER_MAXIMUM,
    SW.KEY_INDEX, SW.APPLICATION_LOCKED,
)  # fmt: skip
_SPEND = (*_INITIALIZE, SW.BALANCE_INSUFFICIENT)
_COMPLETE = (
    SW.MEMORY_FAILURE, SW.INVALID_STATE, SW.CONDITIONS, SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.MAC_INVALID,
    SW.APPLICATION_LOCKED,
)  # fmt: skip
_READ = (SW.CONDITIONS, SW.NOT_SUPPORTED, SW.WRONG_P1P2, SW.APPLICATION_LOCKED)

_BEGUN = layout("key_index", "amount", "terminal")
_CREDITED = layout("balance", "online_serial", "key_version", "algorithm", "random", "mac1")
_SPENT = layout("balance", "offline_serial", "limit", "key_version", "algorithm", "random")
_WAITS = "Nothing that lasts; the {} waits for {}."

INITIALIZE_FOR_LOAD = CommandSpec.fixed(
    "INITIALIZE FOR LOAD", (0x80, 0x50, one_of(0x00), _PURSE), "JR/T 0025.2 5.2, 5.5.2",
    statuses=(*_INITIALIZE, SW.GREY_LOCKED), body=_BEGUN, answer=_CREDITED,
    effect=_WAITS.format("load", "CREDIT FOR LOAD"),
)  # fmt: skip

CREDIT_FOR_LOAD = CommandSpec.fixed(
    "CREDIT FOR LOAD", (0x80, 0x52, one_of(0x00), one_of(0x00)), "JR/T 0025.2 5.2, 5.5.2",
    statuses=_COMPLETE, body=layout("date", "time", "mac2"), answer=layout("tac"),
    effect="The balance rises, the online serial steps, log and proof tell of the load.",
)  # fmt: skip

INITIALIZE_FOR_PURCHASE = CommandSpec.fixed(
    "INITIALIZE FOR PURCHASE", (0x80, 0x50, one_of(0x01), _PURSE), "JR/T 0025.2 5.2, 5.5.4",
    statuses=(*_SPEND, SW.GREY_LOCKED), body=_BEGUN, answer=_SPENT,
    effect=_WAITS.format("purchase", "DEBIT FOR PURCHASE"),
)  # fmt: skip

INITIALIZE_FOR_CASH_WITHDRAW = CommandSpec.fixed(
    "INITIALIZE FOR CASH WITHDRAW", (0x80, 0x50, one_of(0x02), one_of(ED)), "JR/T 0025.2 5.2, 5.5.5",
    statuses=_SPEND, body=_BEGUN, answer=_SPENT,
    effect=_WAITS.format("withdrawal", "DEBIT FOR PURCHASE"),
)  # fmt: skip

INITIALIZE_FOR_CAPP_PURCHASE = CommandSpec.fixed(
    "INITIALIZE FOR CAPP PURCHASE", (0x80, 0x50, one_of(0x03), one_of(EP)), "JR/T 0025.9 7.4",
    statuses=(*_SPEND, SW.GREY_LOCKED), body=_BEGUN, answer=_SPENT,
    effect=_WAITS.format("composite purchase", "UPDATE CAPP DATA CACHE"),
)  # fmt: skip

#: P1 is the tag of a record (its number in a linear file or with mode 4, 00 in a cyclic file), P2 the SFI and mode.
UPDATE_CAPP_DATA_CACHE = CommandSpec(
    "UPDATE CAPP DATA CACHE", 0x80, 0xDC, ANY, ANY, "JR/T 0025.9 7.4",
    (
        SW.INVALID_STATE, SW.FILE_TYPE, SW.SECURITY_STATUS, SW.CONDITIONS, SW.WRONG_DATA, SW.NOT_SUPPORTED,
        SW.FILE_NOT_FOUND, SW.RECORD_NOT_FOUND, SW.NO_SPACE, SW.WRONG_P1P2, SW.APPLICATION_LOCKED, SW.CAPP_LOCKED,
    ),
    body=Struct("data" / GreedyBytes), lc=(1, MOST_BYTES),
    effect="Nothing that lasts; the record waits for DEBIT FOR PURCHASE, which writes it.",
)  # fmt: skip

#: Completes a purchase, a cash withdrawal and a composite purchase: what was initialised decides.
DEBIT_FOR_PURCHASE = CommandSpec.fixed(
    "DEBIT FOR PURCHASE", (0x80, 0x54, one_of(0x01), one_of(0x00)), "JR/T 0025.2 5.2, 5.5.4, JR/T 0025.9 7.4",
    statuses=_COMPLETE, body=layout("terminal_serial", "date", "time", "mac1"), answer=layout("tac", "mac2"),
    effect=(
        "The balance falls, the offline serial steps, the records of a composite purchase are written, log and proof "
        "tell of the purchase."
    ),
)  # fmt: skip

INITIALIZE_FOR_UPDATE = CommandSpec.fixed(
    "INITIALIZE FOR UPDATE", (0x80, 0x50, one_of(0x04), one_of(ED)), "JR/T 0025.2 5.2, 5.5.6",
    statuses=_INITIALIZE, body=layout("key_index", "terminal"),
    answer=layout("balance", "online_serial", "limit", "key_version", "algorithm", "random", "mac1"),
    effect=_WAITS.format("new limit", "UPDATE OVERDRAW LIMIT"),
)  # fmt: skip

UPDATE_OVERDRAW_LIMIT = CommandSpec.fixed(
    "UPDATE OVERDRAW LIMIT", (0x80, 0x58, one_of(0x00), one_of(0x00)), "JR/T 0025.2 5.2, 5.5.6",
    statuses=(*_COMPLETE, SW.CANNOT_PROCESS, SW.BALANCE_INSUFFICIENT),
    body=layout("new_limit", "date", "time", "mac2"), answer=layout("tac"),
    effect="Overdraft limit and balance change by the difference, the online serial steps, log and proof tell of it.",
)  # fmt: skip

INITIALIZE_FOR_UNLOAD = CommandSpec.fixed(
    "INITIALIZE FOR UNLOAD", (0x80, 0x50, one_of(0x05), one_of(ED)), "JR/T 0025.2 5.2, 5.5.3",
    statuses=(*_SPEND, SW.GREY_LOCKED), body=_BEGUN, answer=_CREDITED,
    effect=_WAITS.format("unload", "DEBIT FOR UNLOAD"),
)  # fmt: skip

DEBIT_FOR_UNLOAD = CommandSpec.fixed(
    "DEBIT FOR UNLOAD", (0x80, 0x54, one_of(0x03), one_of(0x00)), "JR/T 0025.2 5.2, 5.5.3",
    statuses=_COMPLETE, body=layout("date", "time", "mac2"), answer=layout("mac3"),
    effect="The balance falls, the online serial steps, log and proof tell of the unload.",
)  # fmt: skip

#: P1 is 00; cards of JT/T 978 also know 01 (overdraft limit), 02 (of it in use) and 03 (own money).
GET_BALANCE = CommandSpec.fixed(
    "GET BALANCE", (0x80, 0x5C, range(4), _PURSE), "JR/T 0025.2 5.2",
    statuses=(*_READ, SW.SECURITY_STATUS), answer=layout("balance"), effect="Nothing.",
)  # fmt: skip

#: P2 is the transaction type; ``serial`` is the value after the step.  The answer holds MAC2 or MAC3 (zeros where
#: the transaction returned none) and TAC.
GET_TRANSACTION_PROVE = CommandSpec.fixed(
    "GET TRANSACTION PROVE", (0x80, 0x5A, one_of(0x00), (*range(0x01, 0x0A), *range(0x91, 0x97))),
    "JR/T 0025.2 5.2, 5.6",
    statuses=(*_READ, SW.PROOF_UNAVAILABLE), body=layout("serial"), answer=layout("mac", "tac"),
    effect="Nothing.",
)  # fmt: skip

PURSE_COMMANDS = (
    INITIALIZE_FOR_LOAD, CREDIT_FOR_LOAD, INITIALIZE_FOR_PURCHASE, INITIALIZE_FOR_CASH_WITHDRAW,
    INITIALIZE_FOR_CAPP_PURCHASE, UPDATE_CAPP_DATA_CACHE, DEBIT_FOR_PURCHASE, INITIALIZE_FOR_UPDATE,
    UPDATE_OVERDRAW_LIMIT, INITIALIZE_FOR_UNLOAD, DEBIT_FOR_UNLOAD, GET_BALANCE, GET_TRANSACTION_PROVE,
)  # fmt: skip
