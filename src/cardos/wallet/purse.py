"""The commands of the electronic deposit and purse on the card (JR/T 0025.2 5.2, 5.5, 5.6).

Balance, serial, log and proof of a transaction are written in the one transaction of its last command, with
MAC and TAC computed before, so that after any loss of power either all four tell of it or none does.

An amount of 0 is a transaction like any other: the serial steps, the log records it, the TAC is given.
Transit lives on it (a free transfer must still reach the operator), and the standard sets no lower limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, cast

from ..apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    LOG_RECORD,
)
from ..apdu.status import SW
from ..crypto import Key, Transaction
from ..fields import FIELDS, Value
from ..files.access import allowed
from ..files.call import Call, Handler, Refusal
from ..files.filesystem import FileType, KeyRecord, Node
from ..files.protection import current_directory
from .keys import check_mac, tac_key, transaction_key
from .purse_file import NO_MAC, PURSES, Proof, Purse, PurseState
from .states import PURSE_STATES, Pending, State

__all__ = ["HANDLERS", "LoadPending", "PurchasePending"]


@dataclass(frozen=True, slots=True)
class _TransactionPending(Pending):
    """What both kinds remember: the purse, and the fields of the MACs that the INITIALIZE gave or received."""

    purse: Purse
    type: int
    amount: int
    terminal: bytes

    @property
    def fields(self) -> dict[str, Value]:
        """The remembered fields by their names in a layout."""
        return {"type": self.type, "amount": self.amount, "terminal": self.terminal}


@dataclass(frozen=True, slots=True)
class LoadPending(_TransactionPending):
    """An INITIALIZE FOR LOAD waits for its CREDIT FOR LOAD, under ``session_key``."""

    state: ClassVar[State] = State.LOAD
    session_key: Key


@dataclass(frozen=True, slots=True)
class PurchasePending(_TransactionPending):
    """An INITIALIZE FOR PURCHASE waits for its DEBIT FOR PURCHASE, which completes the session block of
    ``key`` with the terminal's serial.
    """

    state: ClassVar[State] = State.PURCHASE
    key: Key
    random: bytes


@dataclass(frozen=True, slots=True)
class _Account:
    """A purse of the current application: its row, its file and its variables."""

    purse: Purse
    node: Node
    state: PurseState


# ------------------------------------------------------------------ what the commands share


def _purse_node(call: Call, purse: Purse) -> Node | None:
    node = call.fs.find(current_directory(call), purse.fid)
    return node if node is not None and node.type is FileType.PURSE else None


def _account(call: Call, purse: Purse) -> _Account:
    """The purse with its state; ``6A81`` when the current application has no such purse."""
    node = _purse_node(call, purse)
    if node is None:
        raise Refusal(SW.NOT_SUPPORTED)
    return _Account(purse, node, PurseState.from_bytes(call.fs.read(node, 0, node.size)))


def _authorise(call: Call, account: _Account, operation: str, sw: int) -> None:
    """The use right of the purse file and the PIN rule of the profile (JR/T 0025.2 5.5)."""
    needs_pin = f"{account.purse.name}.{operation}" in call.profile.purse.pin_required
    if (needs_pin and not call.session.pin_verified) or not allowed(account.node.read, call.session):
        raise Refusal(sw)


def _log_file(call: Call, account: _Account) -> Node | None:
    """The cyclic file that the purse names for its log, ``None`` when it names none (SFI 0); ``6985`` when
    that file cannot take a log record.
    """
    sfi = account.node.log_sfi
    if sfi == 0:
        return None
    node = call.fs.by_sfi(current_directory(call), sfi)
    if node is None or node.type is not FileType.CYCLIC or node.record_length != LOG_RECORD.width:
        raise Refusal(SW.CONDITIONS)
    return node


def _transaction(call: Call, type_: int) -> Transaction:
    return call.profile.dialect.of_type(type_)


def _begin(call: Call, operation: str) -> tuple[_Account, KeyRecord, Transaction]:
    """The checks of every INITIALIZE, in order: purse there (6A81), PIN and use right, key index (9403),
    TAC key and log there (6985), serial below its maximum (9402).
    """
    account = _account(call, PURSES[call.command.p2])
    _authorise(call, account, operation, call.profile.purse.pin_missing)
    transaction = _transaction(call, account.purse.types[operation])
    record = transaction_key(call, transaction.key, call.body.key_index)
    tac_key(call)
    _log_file(call, account)
    if getattr(account.state, transaction.serial) >= FIELDS[transaction.serial].maximum:
        raise Refusal(SW.COUNTER_MAXIMUM)
    return account, record, transaction


def _complete(call: Call, account: _Account, balance: int, fields: dict[str, Value], mac: bytes) -> bytes:
    """Write balance, stepped serial, log record and proof in the command's transaction; gives the TAC.

    ``fields`` are those of the TAC, with the serial before the step.
    """
    transaction = _transaction(call, cast(int, fields["type"]))
    serials = {"online_serial": account.state.online_serial, "offline_serial": account.state.offline_serial}
    before = {**fields, **serials, "balance": balance}
    tac = call.profile.dialect.tac(transaction.name, tac_key(call), item="tac", **before)
    serial = serials[transaction.serial] + 1
    state = replace(account.state, balance=balance, **{transaction.serial: serial})
    call.fs.write(account.node, 0, state.to_bytes())
    log = _log_file(call, account)
    if log is not None:
        call.fs.append_record(log, LOG_RECORD.assemble({**fields, "serial": serial, "new_limit": 0}))
    call.fs.set_proof(current_directory(call), Proof(cast(int, fields["type"]), serial, mac, tac).to_bytes())
    return tac


# ------------------------------------------------------------------ commands


def initialize_for_load(call: Call) -> bytes:
    """INITIALIZE FOR LOAD (JR/T 0025.2 5.5.2): a load beyond the ceiling of the purse is refused here, with
    ``6985``, while the host can still give the money back.
    """
    account, record, transaction = _begin(call, "load")
    state = account.state
    if state.balance + call.body.amount > state.ceiling:
        raise Refusal(SW.CONDITIONS)
    random = call.random(4)
    dialect = call.profile.dialect
    session_key = dialect.session_key(
        transaction.name, record.key, random=random, online_serial=state.online_serial
    )
    type_ = account.purse.types["load"]
    pending = LoadPending(account.purse, type_, call.body.amount, call.body.terminal, session_key)
    mac1 = dialect.mac(transaction.name, "mac1", session_key, balance=state.balance, **pending.fields)
    call.session.pending = pending
    return call.spec.build_answer(
        balance=state.balance,
        online_serial=state.online_serial,
        key_version=record.first,
        algorithm=record.second,
        random=random,
        mac1=mac1,
    )


def credit_for_load(call: Call) -> bytes:
    """CREDIT FOR LOAD (JR/T 0025.2 5.5.2): MAC2 wrong ``9302``; otherwise the balance rises, the online serial
    steps and the TAC is returned.
    """
    pending = cast(LoadPending, call.session.pending)  # the state table lets nothing else come here
    account = _account(call, pending.purse)
    fields = {**pending.fields, "date": call.body.date, "time": call.body.time}
    name = _transaction(call, pending.type).name
    check_mac(call, name, "mac2", pending.session_key, call.body.mac2, **fields)
    tac = _complete(call, account, account.state.balance + pending.amount, fields, NO_MAC)
    return call.spec.build_answer(tac=tac)


def initialize_for_purchase(call: Call) -> bytes:
    """INITIALIZE FOR PURCHASE (JR/T 0025.2 5.5.4): an amount above the balance is refused with ``9401``."""
    account, record, _ = _begin(call, "purchase")
    state = account.state
    if call.body.amount > state.balance:
        raise Refusal(SW.BALANCE_INSUFFICIENT)
    random = call.random(4)
    type_ = account.purse.types["purchase"]
    call.session.pending = PurchasePending(
        account.purse, type_, call.body.amount, call.body.terminal, record.key, random
    )
    return call.spec.build_answer(
        balance=state.balance,
        offline_serial=state.offline_serial,
        limit=state.limit,
        key_version=record.first,
        algorithm=record.second,
        random=random,
    )


def debit_for_purchase(call: Call) -> bytes:
    """DEBIT FOR PURCHASE (JR/T 0025.2 5.5.4): MAC1 wrong ``9302``; otherwise the balance falls, the offline
    serial steps, and TAC and MAC2 are returned.
    """
    pending = cast(PurchasePending, call.session.pending)  # the state table lets nothing else come here
    account = _account(call, pending.purse)
    body, dialect = call.body, call.profile.dialect
    name = _transaction(call, pending.type).name
    session_key = dialect.session_key(
        name,
        pending.key,
        random=pending.random,
        offline_serial=account.state.offline_serial,
        terminal_serial=body.terminal_serial,
    )
    fields = {**pending.fields, "date": body.date, "time": body.time, "terminal_serial": body.terminal_serial}
    check_mac(call, name, "mac1", session_key, body.mac1, **fields)
    mac2 = dialect.mac(name, "mac2", session_key, **fields)
    tac = _complete(call, account, account.state.balance - pending.amount, fields, mac2)
    return call.spec.build_answer(tac=tac, mac2=mac2)


def get_balance(call: Call) -> bytes:
    """GET BALANCE (JR/T 0025.2 5.2.6): the balance in fen; ``6982`` without the PIN that the purse needs."""
    account = _account(call, PURSES[call.command.p2])
    _authorise(call, account, "balance", SW.SECURITY_STATUS)
    return call.spec.build_answer(balance=account.state.balance)


def get_transaction_prove(call: Call) -> bytes:
    """GET TRANSACTION PROVE (JR/T 0025.2 5.6): MAC2 (zeros for a load) and TAC of the last transaction of the
    application, asked for by type and by the serial after the step; ``9406`` for any other.
    """
    if not any(_purse_node(call, purse) for purse in PURSES.values()):
        raise Refusal(SW.NOT_SUPPORTED)
    proof = Proof.from_bytes(call.fs.proof(current_directory(call)))
    if (proof.type, proof.serial) != (call.command.p2, call.body.serial):
        raise Refusal(SW.PROOF_UNAVAILABLE)
    return call.spec.build_answer(mac=proof.mac, tac=proof.tac)


_COMMANDS: Mapping[str, Handler] = {
    INITIALIZE_FOR_LOAD.name: initialize_for_load,
    CREDIT_FOR_LOAD.name: credit_for_load,
    INITIALIZE_FOR_PURCHASE.name: initialize_for_purchase,
    DEBIT_FOR_PURCHASE.name: debit_for_purchase,
    GET_BALANCE.name: get_balance,
    GET_TRANSACTION_PROVE.name: get_transaction_prove,
}

#: Handlers of the purse by the name of their command, each under the rules of :data:`PURSE_STATES`.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {name: PURSE_STATES.guard(name, handler) for name, handler in _COMMANDS.items()}
)
