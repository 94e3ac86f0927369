"""The grey lock on the card: locked before the goods are taken, debited afterwards (JR/T 0025.9 7.7 to 7.10).

The lock outlives the power: flag, lock proof and session key lie in the purse file.  Whoever holds the session key (the
SAM that locked) signs the amount, so any terminal that was told can debit; without it only the issuer unlocks, online.
At most one purse of an application is locked, and an application keeps one lock proof, that of its last lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final, cast

from ..apdu.grey_commands import (
    CLEAR_LOCK_PROOF,
    DEBIT_FOR_UNLOCK,
    GET_LOCK_PROOF,
    GREY_LOCK,
    GREY_UNLOCK,
    INITIALIZE_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_UNLOCK,
)
from ..apdu.os_commands import APPLICATION_UNBLOCK
from ..apdu.purse_commands import ED, EP
from ..apdu.status import SW
from ..crypto import Key
from ..fields import FIELDS, Value
from ..files import blocking
from ..files.call import Call, Handler, Refusal
from ..files.filesystem import BlockState
from ..files.protection import current_directory
from .grey_file import GreyRecord, LockState, from_stored, lock_proof, read_record, to_stored, write_record
from .keys import check_mac, tac_key
from .purse_file import NO_MAC, PURSES, Proof, Purse
from .states import PURSE_STATES, Pending, State
from .transaction import Account, account_of, begin, log_file, purse_node, safety_code, settle

__all__ = ["HANDLERS", "LockPending", "UnlockPending"]

_LOCK, _DEBIT, _UNLOCK = "grey_lock", "grey_debit", "grey_unlock"
_NO_KEY: Final = bytes(16)


@dataclass(frozen=True, slots=True)
class _Code:
    """What a value of P2 means: the purses, of which the first that the application has is locked, and the
    transaction types of lock, debit and online unlock.
    """

    purses: tuple[int, ...]
    lock: int
    debit: int
    unlock: int


#: By the option ``grey_both_purses``.  JR/T 0025.9 locks the electronic purse and calls it 01; a card that has a
#: deposit alone locks that.
_CODES: Mapping[bool, Mapping[int, _Code]] = MappingProxyType(
    {
        False: {0x01: _Code((EP, ED), 0x91, 0x93, 0x95)},
        True: {0x01: _Code((ED,), 0x91, 0x93, 0x95), 0x02: _Code((EP,), 0x92, 0x94, 0x96)},
    }
)


@dataclass(frozen=True, slots=True)
class LockPending(Pending):
    """An INITIALIZE FOR GREY LOCK waits for its GREY LOCK, which completes the session blocks of ``key``."""

    state: ClassVar[State] = State.PRE_GREY
    code: int
    terminal: bytes
    key: Key
    random: bytes


@dataclass(frozen=True, slots=True)
class UnlockPending(Pending):
    """An INITIALIZE FOR GREY UNLOCK waits for its GREY UNLOCK, under ``session_key``."""

    state: ClassVar[State] = State.ONLINE_UNLOCK
    code: int
    terminal: bytes
    session_key: Key


# ------------------------------------------------------------------ which purse


def _code(call: Call, value: int) -> _Code:
    """What a value of P2 means on this card; ``6A86`` when it means nothing."""
    found = _CODES[call.profile.purse.grey_both_purses].get(value)
    if found is None:
        raise Refusal(SW.WRONG_P1P2)
    return found


def _purse(call: Call, value: int) -> Purse:
    """The purse that a value of P2 names: the first of its purses that the application has; ``6A81`` when it has
    none of them.
    """
    for p2 in _code(call, value).purses:
        if purse_node(call, PURSES[p2]) is not None:
            return PURSES[p2]
    raise Refusal(SW.NOT_SUPPORTED)


def _locked_account(call: Call, value: int) -> Account:
    """The purse that is named, which must be the locked one: ``6985``."""
    account = account_of(call, _purse(call, value))
    if account.state.lock_state != LockState.LOCKED:
        raise Refusal(SW.CONDITIONS)
    return account


def _accounts(call: Call) -> list[Account]:
    """Every purse of the application; ``6A81`` when it has none."""
    found = [account_of(call, purse) for purse in PURSES.values() if purse_node(call, purse) is not None]
    if not found:
        raise Refusal(SW.NOT_SUPPORTED)
    return found


def _with_record(call: Call) -> tuple[Account, GreyRecord]:
    """The purse that was locked last, with its record; ``6985`` when none ever was."""
    for account in _accounts(call):
        record = read_record(call, account.node)
        if record.exists:
            return account, record
    raise Refusal(SW.CONDITIONS)


def _clear_unread(call: Call) -> None:
    """The flag of an unread TAC goes, of whatever purse."""
    for account in _accounts(call):
        if account.state.lock_state == LockState.TAC_UNREAD:
            state = account.state._replace(lock_state=LockState.FREE)
            call.fs.put(account.node, 0, state.to_bytes())


# ------------------------------------------------------------------ lock


def initialize_for_grey_lock(call: Call) -> bytes:
    """INITIALIZE FOR GREY LOCK (JR/T 0025.9 7.7): new random, and the flag of an unread TAC is cleared.

    Checked in this order: P2 (6A86), then as every INITIALIZE is.
    """
    value = call.command.p2
    account, record, _ = begin(call, _purse(call, value), _LOCK, type_=_code(call, value).lock)
    _clear_unread(call)
    random = call.random(4)
    call.session.pending = LockPending(value, call.body.terminal, record.key, random)
    return call.spec.build_answer(
        balance=account.state.balance,
        offline_serial=account.state.offline_serial,
        limit=account.state.limit,
        key_version=record.first,
        algorithm=record.second,
        random=random,
    )


def grey_lock(call: Call) -> bytes:
    """GREY LOCK (JR/T 0025.9 7.7.3): MAC1 wrong ``9302``; otherwise the purse is locked, its offline serial steps,
    and GTAC and MAC2 are returned.  The balance stays and the log is silent.
    """
    pending = cast(LockPending, call.session.pending)  # the state table lets nothing else come here
    account, body = account_of(call, _purse(call, pending.code)), call.body
    state, dialect = account.state, call.profile.dialect
    type_ = _code(call, pending.code).lock
    session_key = dialect.session_key(
        _LOCK,
        pending.key,
        random=pending.random,
        offline_serial=state.offline_serial,
        terminal_serial=body.terminal_serial,
        terminal_random=body.terminal_random,
    )
    where = {"type": type_, "terminal": pending.terminal, "date": body.date, "time": body.time}
    check_mac(call, _LOCK, "mac1", session_key, body.mac1, **where)
    mac2 = dialect.mac(_LOCK, "mac2", session_key, balance=state.balance, offline_serial=state.offline_serial)
    gtac = dialect.tac(_LOCK, tac_key(call), item="gtac", terminal_serial=body.terminal_serial, **where)
    stepped = state._replace(offline_serial=state.offline_serial + 1, lock_state=LockState.LOCKED)
    proof = lock_proof(
        purse_code=pending.code, balance=state.balance, serial=stepped.offline_serial, lock_value=mac2,
        lock_tac=gtac, **where,
    )  # fmt: skip
    _forget_other_proofs(call, account)
    call.fs.put(account.node, 0, stepped.to_bytes())
    failures = read_record(call, account.node).failures
    write_record(call, account.node, GreyRecord(proof, failures, to_stored(session_key)))
    return call.spec.build_answer(gtac=gtac, mac2=mac2)


def _forget_other_proofs(call: Call, account: Account) -> None:
    """An application keeps one lock proof."""
    for other in _accounts(call):
        if other.node.address != account.node.address:
            record = read_record(call, other.node)
            if record.exists:
                write_record(call, other.node, replace(record, proof=bytes(len(record.proof))))


# ------------------------------------------------------------------ debit


def debit_for_unlock(call: Call) -> bytes:
    """DEBIT FOR UNLOCK (JR/T 0025.9 7.7.8): the amount under the session key of the lock, from any terminal.

    Checked in this order: P2 (6A86), purse there (6A81), locked, with log and TAC key there (6985), offline
    serial that of the lock (9406), amount (9401), GMAC (9302).  None but a wrong GMAC counts; the last that the
    profile allows blocks the application for a time.
    """
    value, body = call.command.p2, call.body
    account = _locked_account(call, value)
    record = read_record(call, account.node)
    key = tac_key(call)
    log_file(call, account)
    if body.offline_serial != record.serial:
        raise Refusal(SW.PROOF_UNAVAILABLE)
    if body.amount > account.state.balance:
        raise Refusal(SW.BALANCE_INSUFFICIENT)
    _check_gmac(call, account, record)
    fields: dict[str, Value] = {
        "amount": body.amount, "type": _code(call, value).debit, "terminal": body.terminal,
        "terminal_serial": body.terminal_serial, "date": body.date, "time": body.time,
    }  # fmt: skip
    tac = call.profile.dialect.tac(_DEBIT, key, item="tac", **fields)
    after = account.state._replace(
        balance=account.state.balance - body.amount, lock_state=LockState.TAC_UNREAD
    )
    _settle(call, account._replace(state=after), value, record.serial, fields, tac)
    return call.spec.build_answer(tac=tac)


def _check_gmac(call: Call, account: Account, record: GreyRecord) -> None:
    """Refuse with ``9302`` unless the GMAC is right.  The count rises durably before the comparison, and the
    last try blocks the application before it too, and begins a new count: who cuts the power wins nothing.
    """
    code = safety_code(call, _DEBIT, "gmac")
    failures = record.failures + 1
    last = failures >= call.profile.purse.gmac_tries
    directory = current_directory(call)
    write_record(call, account.node, replace(record, failures=0 if last else failures))
    if last:
        call.fs.set_block_state(directory, BlockState.TEMPORARY)
    call.fs.commit()
    session_key = from_stored(record.session_key, call.profile.suite)
    check_mac(call, _DEBIT, "gmac", session_key, call.body.gmac, amount=call.body.amount, **code)
    if last:
        call.fs.set_block_state(directory, BlockState.ACTIVE)


def _settle(
    call: Call, account: Account, code: int, serial: int, fields: dict[str, Value], proof: bytes
) -> None:
    """Purse, lock proof, log and the application's proof of one unlock, in the transaction of the command.

    ``account`` holds the state after it, ``serial`` is the one to show, ``proof`` its TAC or MAC3.  The session
    key is forgotten and the count of wrong GMACs is 0.
    """
    amount = FIELDS["amount"].encode(fields["amount"])
    shown = lock_proof(
        purse_code=code, balance=account.state.balance, serial=serial, lock_value=amount, lock_tac=proof,
        **fields,
    )  # fmt: skip
    write_record(call, account.node, GreyRecord(shown, 0, _NO_KEY))
    kept = Proof(cast(int, fields["type"]), serial, NO_MAC, proof)
    settle(call, account, {**fields, "serial": serial}, kept)


# ------------------------------------------------------------------ online unlock


def initialize_for_grey_unlock(call: Call) -> bytes:
    """INITIALIZE FOR GREY UNLOCK (JR/T 0025.9 7.7.9): MAC1 for the issuer, under DULK.

    Checked in this order: P2 (6A86), purse there (6A81), locked (6985), then as every INITIALIZE is.
    """
    value, dialect = call.command.p2, call.profile.dialect
    code = _code(call, value)
    purse = _locked_account(call, value).purse
    account, record, _ = begin(call, purse, _UNLOCK, type_=code.unlock, free_of_lock=True)
    state = account.state
    random = call.random(4)
    session_key = dialect.session_key(_UNLOCK, record.key, random=random, online_serial=state.online_serial)
    mac1 = dialect.mac(
        _UNLOCK, "mac1", session_key, balance=state.balance, offline_serial=state.offline_serial,
        type=code.unlock, terminal=call.body.terminal,
    )  # fmt: skip
    call.session.pending = UnlockPending(value, call.body.terminal, session_key)
    return call.spec.build_answer(
        balance=state.balance,
        offline_serial=state.offline_serial,
        online_serial=state.online_serial,
        key_version=record.first,
        algorithm=record.second,
        random=random,
        mac1=mac1,
    )


def grey_unlock(call: Call) -> bytes:
    """GREY UNLOCK (JR/T 0025.9 7.7.9): an amount above the balance ``9401``, MAC2 wrong ``9302``; otherwise the
    issuer's amount is debited, the lock is gone, the online serial steps, and MAC3 is returned.  Amount 0 is
    the forced unlock.
    """
    pending = cast(UnlockPending, call.session.pending)  # the state table lets nothing else come here
    account, body, dialect = _locked_account(call, pending.code), call.body, call.profile.dialect
    state = account.state
    if body.amount > state.balance:
        raise Refusal(SW.BALANCE_INSUFFICIENT)
    fields: dict[str, Value] = {
        "amount": body.amount, "type": _code(call, pending.code).unlock, "terminal": pending.terminal,
        "date": body.date, "time": body.time,
    }  # fmt: skip
    check_mac(call, _UNLOCK, "mac2", pending.session_key, body.mac2, **fields)
    balance = state.balance - body.amount
    mac3 = dialect.mac(
        _UNLOCK, "mac3", pending.session_key, balance=balance, online_serial=state.online_serial, **fields
    )
    after = state._replace(balance=balance, online_serial=state.online_serial + 1, lock_state=LockState.FREE)
    _settle(call, account._replace(state=after), pending.code, after.online_serial, fields, mac3)
    return call.spec.build_answer(mac3=mac3)


# ------------------------------------------------------------------ lock proof


def get_lock_proof(call: Call) -> bytes:
    """GET LOCK PROOF (JR/T 0025.9 7.10): state of the lock and its proof, 30 bytes; ``6985`` when no purse was ever
    locked.
    """
    account, record = _with_record(call)
    return bytes([account.state.lock_state]) + record.proof


def clear_lock_proof(call: Call) -> bytes:
    """GET LOCK PROOF with P1 = 01 (JR/T 0025.9 7.10): the TAC was read; ``6985`` when no purse was ever locked."""
    _with_record(call)
    _clear_unread(call)
    return b""


def application_unblock(call: Call) -> bytes:
    """APPLICATION UNBLOCK (JR/T 0025.1 6.2.4, JR/T 0025.9 7.7.8): the count of wrong GMACs is 0 too."""
    blocking.application_unblock(call)
    for purse in PURSES.values():
        node = purse_node(call, purse)
        if node is not None and (record := read_record(call, node)).failures:
            write_record(call, node, replace(record, failures=0))
    return b""


_COMMANDS: Mapping[str, Handler] = {
    INITIALIZE_FOR_GREY_LOCK.name: initialize_for_grey_lock,
    GREY_LOCK.name: grey_lock,
    DEBIT_FOR_UNLOCK.name: debit_for_unlock,
    INITIALIZE_FOR_GREY_UNLOCK.name: initialize_for_grey_unlock,
    GREY_UNLOCK.name: grey_unlock,
    GET_LOCK_PROOF.name: get_lock_proof,
    CLEAR_LOCK_PROOF.name: clear_lock_proof,
}

#: Handlers of the grey lock by the name of their command, each under the rules of :data:`PURSE_STATES`.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **{name: PURSE_STATES.guard(name, handler) for name, handler in _COMMANDS.items()},
        APPLICATION_UNBLOCK.name: application_unblock,
    }
)
