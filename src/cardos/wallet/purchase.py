"""Spending offline, under DPK: purchase, cash withdrawal and composite purchase (JR/T 0025.2 5.5.4, 5.5.5; JR/T 0025.9
7.4).  All three are completed by one command, DEBIT FOR PURCHASE; what was initialised decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, cast

from ..apdu.purse_commands import (
    DEBIT_FOR_PURCHASE,
    ED,
    EP,
    INITIALIZE_FOR_CAPP_PURCHASE,
    INITIALIZE_FOR_CASH_WITHDRAW,
    INITIALIZE_FOR_PURCHASE,
    UPDATE_CAPP_DATA_CACHE,
)
from ..apdu.status import SW
from ..crypto import Key
from ..files.call import Call, Handler, Refusal
from . import composite
from .composite import CachedRecord
from .keys import check_mac
from .purse_file import PURSES, Purse
from .states import State
from .transaction import TransactionPending, account_of, begin, complete, safety_code, tac_of

__all__ = ["HANDLERS", "CompositePending", "FilledPending", "PurchasePending"]


@dataclass(frozen=True, slots=True)
class PurchasePending(TransactionPending):
    """An INITIALIZE FOR PURCHASE waits for its DEBIT FOR PURCHASE, which completes the session block of
    ``key`` with the terminal's serial and writes ``records``.
    """

    state: ClassVar[State] = State.PURCHASE
    key: Key
    random: bytes
    records: tuple[CachedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class CompositePending(PurchasePending):
    """An INITIALIZE FOR CAPP PURCHASE waits for UPDATE CAPP DATA CACHE."""

    state: ClassVar[State] = State.CAPP1


@dataclass(frozen=True, slots=True)
class FilledPending(PurchasePending):
    """A composite purchase with records waits for more of them, or for DEBIT FOR PURCHASE."""

    state: ClassVar[State] = State.CAPP2


def _initialize(call: Call, purse: Purse, operation: str, pending: type[PurchasePending]) -> bytes:
    """An amount above the balance is refused with ``9401``."""
    may_be_locked = call.profile.purse.purchase_while_grey and operation == "purchase"
    account, record, _ = begin(call, purse, operation, free_of_lock=may_be_locked)
    state, body = account.state, call.body
    if body.amount > state.balance:
        raise Refusal(SW.BALANCE_INSUFFICIENT)
    random = call.random(4)
    call.session.pending = pending(
        purse, purse.types[operation], body.amount, body.terminal, record.key, random
    )
    return call.spec.build_answer(
        balance=state.balance, offline_serial=state.offline_serial, limit=state.limit,
        key_version=record.first, algorithm=record.second, random=random,
    )  # fmt: skip


def initialize_for_purchase(call: Call) -> bytes:
    """INITIALIZE FOR PURCHASE (JR/T 0025.2 5.5.4)."""
    return _initialize(call, PURSES[call.command.p2], "purchase", PurchasePending)


def initialize_for_cash_withdraw(call: Call) -> bytes:
    """INITIALIZE FOR CASH WITHDRAW (JR/T 0025.2 5.5.5): from the deposit."""
    return _initialize(call, PURSES[ED], "cash", PurchasePending)


def initialize_for_capp_purchase(call: Call) -> bytes:
    """INITIALIZE FOR CAPP PURCHASE (JR/T 0025.9 7.4): from the electronic purse, amount 0 allowed."""
    return _initialize(call, PURSES[EP], "composite", CompositePending)


def update_capp_data_cache(call: Call) -> bytes:
    """UPDATE CAPP DATA CACHE (JR/T 0025.9 7.4): the record is remembered beside those that wait already, and takes
    the place of one for the same record.
    """
    waiting = cast(PurchasePending, call.session.pending)  # the state table lets nothing else come here
    records = composite.with_record(call, waiting.records)
    call.session.pending = FilledPending(
        waiting.purse, waiting.type, waiting.amount, waiting.terminal, waiting.key, waiting.random, records
    )
    return b""


def debit_for_purchase(call: Call) -> bytes:
    """DEBIT FOR PURCHASE (JR/T 0025.2 5.5.4, JR/T 0025.9 7.4): MAC1 wrong ``9302``; otherwise the balance falls, the
    offline serial steps, waiting records are written, and TAC and MAC2 are returned.
    """
    pending = cast(PurchasePending, call.session.pending)  # the state table lets nothing else come here
    account = account_of(call, pending.purse)
    body, dialect = call.body, call.profile.dialect
    transaction = dialect.of_type(pending.type)
    name = transaction.name
    session_key = dialect.session_key(
        name, pending.key, random=pending.random, offline_serial=account.state.offline_serial,
        terminal_serial=body.terminal_serial,
    )  # fmt: skip
    fields = {**pending.fields, "date": body.date, "time": body.time, "terminal_serial": body.terminal_serial}
    check_mac(call, name, "mac1", session_key, body.mac1, **fields, **safety_code(call, name, "mac1"))
    mac2 = dialect.mac(name, "mac2", session_key, **fields)
    balance = account.state.balance - pending.amount
    tac = tac_of(call, account, transaction, fields, balance)
    composite.write_records(call, pending.records)
    complete(call, account, transaction, fields, mac=mac2, tac=tac, balance=balance)
    return call.spec.build_answer(tac=tac, mac2=mac2)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        INITIALIZE_FOR_PURCHASE.name: initialize_for_purchase,
        INITIALIZE_FOR_CASH_WITHDRAW.name: initialize_for_cash_withdraw,
        INITIALIZE_FOR_CAPP_PURCHASE.name: initialize_for_capp_purchase,
        UPDATE_CAPP_DATA_CACHE.name: update_capp_data_cache,
        DEBIT_FOR_PURCHASE.name: debit_for_purchase,
    }
)
