"""Loading a purse, and unloading the deposit: the transactions of an issuer, under DLK and DULK (JR/T 0025.2 5.5.2,
5.5.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, cast

from ..apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_UNLOAD,
    ED,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_UNLOAD,
)
from ..apdu.status import SW
from ..crypto import Key, Transaction
from ..fields import Value
from ..files.call import Call, Handler, Refusal
from ..files.filesystem import KeyRecord
from .keys import check_mac
from .purse_file import NO_MAC, PURSES, Purse
from .states import State
from .transaction import Account, TransactionPending, account_of, begin, complete, tac_of

__all__ = ["HANDLERS", "LoadPending", "UnloadPending"]

_LOAD, _UNLOAD = "load", "unload"


@dataclass(frozen=True, slots=True)
class LoadPending(TransactionPending):
    """An INITIALIZE FOR LOAD waits for its CREDIT FOR LOAD, under ``session_key``."""

    state: ClassVar[State] = State.LOAD
    session_key: Key


@dataclass(frozen=True, slots=True)
class UnloadPending(LoadPending):
    """An INITIALIZE FOR UNLOAD waits for its DEBIT FOR UNLOAD."""

    state: ClassVar[State] = State.UNLOAD


def _initialize(
    call: Call, purse: Purse, operation: str, begun: tuple[Account, KeyRecord, Transaction],
    pending: type[LoadPending],
) -> bytes:  # fmt: skip
    """Session key and MAC1 of an online transaction, which then waits for its partner."""
    account, record, transaction = begun
    state, dialect, random = account.state, call.profile.dialect, call.random(4)
    session_key = dialect.session_key(
        transaction.name, record.key, random=random, online_serial=state.online_serial
    )
    waiting = pending(purse, purse.types[operation], call.body.amount, call.body.terminal, session_key)
    mac1 = dialect.mac(transaction.name, "mac1", session_key, balance=state.balance, **waiting.fields)
    call.session.pending = waiting
    return call.spec.build_answer(
        balance=state.balance, online_serial=state.online_serial, key_version=record.first,
        algorithm=record.second, random=random, mac1=mac1,
    )  # fmt: skip


def _received(call: Call) -> tuple[Account, Transaction, LoadPending, dict[str, Value]]:
    """The pending transaction and its fields, when MAC2 of the host is right: ``9302``."""
    pending = cast(LoadPending, call.session.pending)  # the state table lets nothing else come here
    account = account_of(call, pending.purse)
    transaction = call.profile.dialect.of_type(pending.type)
    fields = {**pending.fields, "date": call.body.date, "time": call.body.time}
    check_mac(call, transaction.name, "mac2", pending.session_key, call.body.mac2, **fields)
    return account, transaction, pending, fields


def initialize_for_load(call: Call) -> bytes:
    """INITIALIZE FOR LOAD (JR/T 0025.2 5.5.2): a load beyond the ceiling of the purse is refused here, with
    ``6985``, while the host can still give the money back.
    """
    purse = PURSES[call.command.p2]
    begun = begin(call, purse, _LOAD)
    state = begun[0].state
    if state.balance + call.body.amount > state.ceiling:
        raise Refusal(SW.CONDITIONS)
    return _initialize(call, purse, _LOAD, begun, LoadPending)


def credit_for_load(call: Call) -> bytes:
    """CREDIT FOR LOAD (JR/T 0025.2 5.5.2): MAC2 wrong ``9302``; otherwise the balance rises, the online serial
    steps and the TAC is returned.
    """
    account, transaction, pending, fields = _received(call)
    balance = account.state.balance + pending.amount
    tac = tac_of(call, account, transaction, fields, balance)
    complete(call, account, transaction, fields, mac=NO_MAC, tac=tac, operation=_LOAD, balance=balance)
    return call.spec.build_answer(tac=tac)


def initialize_for_unload(call: Call) -> bytes:
    """INITIALIZE FOR UNLOAD (JR/T 0025.2 5.5.3): an amount above the balance is refused with ``9401``.

    The balance of a deposit includes its overdraft limit; that nobody unloads credit is the host's business.
    """
    begun = begin(call, PURSES[ED], _UNLOAD)
    if call.body.amount > begun[0].state.balance:
        raise Refusal(SW.BALANCE_INSUFFICIENT)
    return _initialize(call, PURSES[ED], _UNLOAD, begun, UnloadPending)


def debit_for_unload(call: Call) -> bytes:
    """DEBIT FOR UNLOAD (JR/T 0025.2 5.5.3): MAC2 wrong ``9302``; otherwise the balance falls, the online serial
    steps and MAC3 is returned.
    """
    account, transaction, pending, fields = _received(call)
    balance = account.state.balance - pending.amount
    mac3 = call.profile.dialect.mac(
        transaction.name, "mac3", pending.session_key, balance=balance,
        online_serial=account.state.online_serial, **fields,
    )  # fmt: skip
    complete(call, account, transaction, fields, mac=mac3, tac=NO_MAC, balance=balance)
    return call.spec.build_answer(mac3=mac3)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        INITIALIZE_FOR_LOAD.name: initialize_for_load,
        CREDIT_FOR_LOAD.name: credit_for_load,
        INITIALIZE_FOR_UNLOAD.name: initialize_for_unload,
        DEBIT_FOR_UNLOAD.name: debit_for_unload,
    }
)
