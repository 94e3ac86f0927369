"""The overdraft limit of the deposit, under DUK (JR/T 0025.2 5.5.6).

The balance of a deposit is what was loaded plus the limit, so a new limit moves the balance by the difference, and a
purchase may spend the limit simply by comparing with the balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, cast

from ..apdu.purse_commands import ED, INITIALIZE_FOR_UPDATE, UPDATE_OVERDRAW_LIMIT
from ..apdu.status import SW
from ..crypto import Key
from ..files.call import Call, Handler, Refusal
from .keys import check_mac
from .purse_file import NO_MAC, PURSES
from .states import State
from .transaction import TransactionPending, account_of, begin, complete, tac_of

__all__ = ["HANDLERS", "UpdatePending"]

_OVERDRAFT = "overdraft"


@dataclass(frozen=True, slots=True)
class UpdatePending(TransactionPending):
    """An INITIALIZE FOR UPDATE waits for its UPDATE OVERDRAW LIMIT, under ``session_key``; its amount is 0."""

    state: ClassVar[State] = State.UPDATE
    session_key: Key


def initialize_for_update(call: Call) -> bytes:
    """INITIALIZE FOR UPDATE (JR/T 0025.2 5.5.6): MAC1 covers balance and limit."""
    purse, dialect = PURSES[ED], call.profile.dialect
    account, record, transaction = begin(call, purse, _OVERDRAFT)
    state, random = account.state, call.random(4)
    session_key = dialect.session_key(
        transaction.name, record.key, random=random, online_serial=state.online_serial
    )
    pending = UpdatePending(purse, purse.types[_OVERDRAFT], 0, call.body.terminal, session_key)
    mac1 = dialect.mac(
        transaction.name, "mac1", session_key, balance=state.balance, limit=state.limit, **pending.fields
    )
    call.session.pending = pending
    return call.spec.build_answer(
        balance=state.balance, online_serial=state.online_serial, limit=state.limit, key_version=record.first,
        algorithm=record.second, random=random, mac1=mac1,
    )  # fmt: skip


def update_overdraw_limit(call: Call) -> bytes:
    """UPDATE OVERDRAW LIMIT (JR/T 0025.2 5.5.6): MAC2 wrong ``9302``; a balance that would be negative as the profile
    says, one above the ceiling of the purse ``6985``; otherwise limit and balance change and the TAC is returned.
    """
    pending = cast(UpdatePending, call.session.pending)  # the state table lets nothing else come here
    account, body = account_of(call, pending.purse), call.body
    transaction = call.profile.dialect.of_type(pending.type)
    fields = {**pending.fields, "new_limit": body.new_limit, "date": body.date, "time": body.time}
    check_mac(call, transaction.name, "mac2", pending.session_key, body.mac2, **fields)
    balance = account.state.balance - account.state.limit + body.new_limit
    if balance < 0:
        raise Refusal(call.profile.purse.overdraft_negative)
    if balance > account.state.ceiling:
        raise Refusal(SW.CONDITIONS)
    tac = tac_of(call, account, transaction, fields, balance)
    complete(call, account, transaction, fields, mac=NO_MAC, tac=tac, balance=balance, limit=body.new_limit)
    return call.spec.build_answer(tac=tac)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {INITIALIZE_FOR_UPDATE.name: initialize_for_update, UPDATE_OVERDRAW_LIMIT.name: update_overdraw_limit}
)
