"""The grey lock in the PSAM (E040 to E046): a purse is locked before the goods are taken and debited afterwards.

Minutes lie between lock and debit, one SAM serves several pumps, and power may fail: so the SAM keeps each lock
that a card's MAC2 certified, with its session key, in a file that nobody reads.  The newest locks are kept, as many
as the file has records.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple, cast

from ..apdu import SW
from ..apdu.grey_commands import (
    CERTIFY_GREY_LOCK,
    CREDIT_SAM_FOR_GREY_DEBIT,
    GET_GMAC,
    INIT_SAM_FOR_GREY_LOCK,
)
from ..apdu.sam_commands import SamKeyKind
from ..crypto import Key
from ..files.call import Call, Handler, Refusal
from ..files.filesystem import FileType, Node
from ..files.protection import current_directory
from .grey_file import from_stored, to_stored
from .sam import (
    check_mac2,
    forget_safety_code,
    next_serial,
    safety_code,
    sam_file,
    terminal_number,
    while_tries_are_left,
)
from .sam_keys import card_key, factors_of, usage_key
from .states import SAM_STATES, Pending, State

__all__ = ["HANDLERS", "LOCK_FILE", "SamGreyPending", "SamLock"]

#: The linear file of the locks.
LOCK_FILE: Final = 0x001B
#: Version of the key, kind 15 without levels, under which the SAM makes its own TAC.
_TAC_VERSION: Final = 0x00

#: Transactions of a dialect, and what the type of a debit is more than that of its lock (91, 93; 92, 94).
_LOCK, _DEBIT = "grey_lock", "grey_debit"
_STEP_OF_TYPE: Final = 2

_LAYOUT = struct.Struct(">I8sHB4s3s?I4s4s16s")


class SamLock(NamedTuple):
    """A lock that a card certified; ``offline_serial`` is the value after its step, date and time are those of the
    lock as the terminal sent them.  ``amount``, ``gmac`` and ``tac`` count once it is ``credited``.

    Its ``repr`` has no key.
    """

    terminal_serial: int
    card_serial: bytes
    offline_serial: int
    type: int
    date: bytes
    time: bytes
    credited: bool
    amount: int
    gmac: bytes
    tac: bytes
    session_key: bytes

    def __repr__(self) -> str:
        return f"<SamLock {self.terminal_serial:08X} of card {self.card_serial.hex()}>"


@dataclass(frozen=True, slots=True)
class SamGreyPending(Pending):
    """An INIT SAM FOR GREY LOCK waits for the MAC2 over ``balance`` and the serial before the step."""

    state: ClassVar[State] = State.PRE_GREY
    session_key: Key
    balance: int
    offline_serial: int
    lock: SamLock


# ------------------------------------------------------------------ the file of locks


def _file(call: Call) -> Node:
    node = sam_file(call, current_directory(call), LOCK_FILE, _LAYOUT.size)
    if node.type is not FileType.LINEAR or node.record_length != _LAYOUT.size:
        raise Refusal(SW.CONDITIONS)
    return node


def _locks(call: Call, node: Node) -> list[SamLock]:
    records = range(1, call.fs.record_count(node) + 1)
    return [SamLock(*_LAYOUT.unpack(call.fs.read_record(node, number))) for number in records]


def _keep(call: Call, lock: SamLock) -> None:
    """Write a lock behind the others, or over the oldest when the file is full."""
    node = _file(call)
    locks = _locks(call, node)
    if len(locks) < node.record_limit:
        call.fs.append_record(node, _LAYOUT.pack(*lock))
    else:
        oldest = min(range(len(locks)), key=lambda place: locks[place].terminal_serial)
        call.fs.update_record(node, oldest + 1, _LAYOUT.pack(*lock))


def _find(call: Call, fits: Callable[[SamLock], bool]) -> tuple[int, SamLock]:
    """Number and content of the newest record that fits; ``9406`` when there is none."""
    found = [(number, lock) for number, lock in enumerate(_locks(call, _file(call)), 1) if fits(lock)]
    if not found:
        raise Refusal(SW.PROOF_UNAVAILABLE)
    return max(found, key=lambda each: each[1].terminal_serial)


# ------------------------------------------------------------------ commands


def init_sam_for_grey_lock(call: Call) -> bytes:
    """INIT SAM FOR GREY LOCK: terminal serial, terminal random and MAC1 for a card that answered INITIALIZE FOR
    GREY LOCK.

    Checked in this order: whole factors (6700), a type of a grey lock (6A80), key version (9403) and its levels
    (6700), files there (6985), counter (9402).
    """
    body, dialect = call.body, call.profile.dialect
    factors = factors_of(body.factors)
    if body.type not in dialect.transaction(_LOCK).types:
        raise Refusal(SW.WRONG_DATA)
    key = card_key(call, SamKeyKind.PURCHASE, factors)
    terminal = terminal_number(call)
    _file(call)
    serial = next_serial(call)
    random = call.random(4)
    session_key = dialect.session_key(
        _LOCK, key, random=body.random, offline_serial=body.offline_serial, terminal_serial=serial,
        terminal_random=random,
    )  # fmt: skip
    mac1 = dialect.mac(
        _LOCK, "mac1", session_key, type=body.type, terminal=terminal, date=body.date, time=body.time
    )
    call.fs.commit()  # from here on the serial is used, whatever becomes of the answer
    stepped = (body.offline_serial + 1) & 0xFFFF
    lock = SamLock(
        serial, factors[0], stepped, body.type, body.date, body.time, False, 0, bytes(4), bytes(4),
        to_stored(session_key),
    )  # fmt: skip
    call.session.pending = SamGreyPending(session_key, body.balance, body.offline_serial, lock)
    return call.spec.build_answer(terminal_serial=serial, terminal_random=random, mac1=mac1)


def certify_grey_lock(call: Call) -> bytes:
    """CERTIFY GREY LOCK: checks the MAC2 with which the card says that it is locked; wrong ``9302``, and the lock
    is unknown to the SAM.
    """
    pending = cast(SamGreyPending, call.session.pending)  # the state table lets nothing else come here
    check_mac2(
        call, _LOCK, pending.session_key, balance=pending.balance, offline_serial=pending.offline_serial
    )
    _keep(call, pending.lock)
    return b""


def credit_sam_for_grey_debit(call: Call) -> bytes:
    """CREDIT SAM FOR GREY DEBIT: GMAC over the amount, and the SAM's own TAC as that of a debit at its own terminal
    with the serial and the moment of the lock.

    ``9406`` when the SAM keeps no such lock, ``6A80`` when the type is not that of its debit, ``6985`` when it
    was credited with another amount (the same amount has the same answer again), without the SAM's TAC key, or
    without the card's code where the dialect has one.
    """
    body = call.body
    number, lock = _find(
        call, lambda each: (each.card_serial, each.offline_serial) == (body.card_serial, body.offline_serial)
    )
    if body.type != lock.type + _STEP_OF_TYPE:
        raise Refusal(SW.WRONG_DATA)
    if lock.credited and lock.amount != body.amount:
        raise Refusal(SW.CONDITIONS)
    if not lock.credited:
        lock = _credited(call, lock)
        call.fs.update_record(_file(call), number, _LAYOUT.pack(*lock))
    return call.spec.build_answer(gmac=lock.gmac, tac=lock.tac)


def _credited(call: Call, lock: SamLock) -> SamLock:
    body, dialect = call.body, call.profile.dialect
    code = safety_code(call, _DEBIT, "gmac")
    session_key = from_stored(lock.session_key, call.profile.suite)
    gmac = dialect.mac(_DEBIT, "gmac", session_key, amount=body.amount, **code)
    tac = dialect.tac(
        _DEBIT, _tac_key(call), amount=body.amount, type=body.type, terminal=terminal_number(call),
        terminal_serial=lock.terminal_serial, date=lock.date, time=lock.time,
    )  # fmt: skip
    forget_safety_code(call)
    return lock._replace(credited=True, amount=body.amount, gmac=gmac, tac=tac)


def _tac_key(call: Call) -> Key:
    try:
        return usage_key(call, SamKeyKind.SAM_TAC, _TAC_VERSION).key
    except Refusal:
        raise Refusal(SW.CONDITIONS) from None


def get_gmac(call: Call) -> bytes:
    """GET GMAC: GMAC and TAC of the lock with this terminal serial once more; ``9406`` when it is not kept or was
    not credited.
    """
    serial = call.body.terminal_serial
    _, lock = _find(call, lambda each: each.credited and each.terminal_serial == serial)
    return call.spec.build_answer(gmac=lock.gmac, tac=lock.tac)


_COMMANDS: Mapping[str, Handler] = {
    INIT_SAM_FOR_GREY_LOCK.name: init_sam_for_grey_lock,
    CERTIFY_GREY_LOCK.name: certify_grey_lock,
    CREDIT_SAM_FOR_GREY_DEBIT.name: credit_sam_for_grey_debit,
    GET_GMAC.name: get_gmac,
}

#: Handlers by the name of their command, each under the rules of :data:`SAM_STATES`.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {name: while_tries_are_left(SAM_STATES.guard(name, handler)) for name, handler in _COMMANDS.items()}
)
