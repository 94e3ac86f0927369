"""What all transactions of a purse share: the purse, its rights and keys, and the one way they are completed.

Balance, serial, log and proof of a transaction are written in the one transaction of its last command, with MAC and
TAC computed before, so that after any loss of power either all four tell of it or none does.

An amount of 0 is a transaction like any other: the serial steps, the log records it, the TAC is given.  Transit lives
on it (an entry, a free transfer), and the standard sets no lower limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from ..apdu.purse_commands import LOG_RECORD
from ..apdu.status import SW
from ..crypto import Key, Transaction
from ..fields import FIELDS, Value
from ..files.access import allowed
from ..files.call import Call, Refusal
from ..files.filesystem import FileType, KeyRecord, Node
from ..files.header import PURSE_FILE
from ..files.protection import current_directory
from .grey_file import LockState
from .keys import tac_key, transaction_key
from .purse_file import Proof, Purse, PurseState
from .states import Pending

__all__ = [
    "SAFETY_CODE",
    "Account",
    "TransactionPending",
    "account_of",
    "authorise",
    "begin",
    "complete",
    "log_file",
    "purse_node",
    "safety_code",
    "settle",
    "tac_of",
]

#: The 9-byte safety authentication code of a CJ/T 166 card, where a layout asks for it.
SAFETY_CODE: Final = "safety_code"
_NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TransactionPending(Pending):
    """What every INITIALIZE remembers: the purse, and the fields of the MACs that it gave or received."""

    purse: Purse
    type: int
    amount: int
    terminal: bytes

    @property
    def fields(self) -> dict[str, Value]:
        """The remembered fields by their names in a layout."""
        return {"type": self.type, "amount": self.amount, "terminal": self.terminal}


class Account(NamedTuple):
    """A purse of the current application: its row, its file and its variables."""

    purse: Purse
    node: Node
    state: PurseState


# ------------------------------------------------------------------ the purse and its conditions


def purse_node(call: Call, purse: Purse) -> Node | None:
    """The file of a purse in the current application."""
    node = call.fs.find(current_directory(call), purse.fid)
    return node if node is not None and node.type is FileType.PURSE else None


def account_of(call: Call, purse: Purse) -> Account:
    """The purse with its state; ``6A81`` when the current application has no such purse."""
    node = purse_node(call, purse)
    if node is None:
        raise Refusal(SW.NOT_SUPPORTED)
    return Account(purse, node, PurseState.from_bytes(call.fs.read(node, 0, PURSE_FILE.width)))


def authorise(call: Call, account: Account, operation: str, sw: int) -> None:
    """Refuse with ``sw`` unless the use right of the purse file and the PIN rule of the profile are met (JR/T
    0025.2 5.5).
    """
    needs_pin = f"{account.purse.name}.{operation}" in call.profile.purse.pin_required
    if (needs_pin and not call.session.pin_verified) or not allowed(
        account.node.read, call.session, call.profile.cos
    ):
        raise Refusal(sw)


def log_file(call: Call, account: Account, operation: str = "") -> Node | None:
    """The cyclic file for the log records of ``operation``: that of the purse, or the profile's log of loads;
    ``None`` when there is none (SFI 0), ``6985`` when that file cannot take a log record.
    """
    own_log = call.profile.purse.load_log if operation == "load" else 0
    sfi = own_log or account.node.log_sfi
    if sfi == 0:
        return None
    node = call.fs.by_sfi(current_directory(call), sfi)
    if node is None or node.type is not FileType.CYCLIC or node.record_length != LOG_RECORD.width:
        raise Refusal(SW.CONDITIONS)
    return node


def safety_code(call: Call, transaction: str, item: str) -> Mapping[str, Value]:
    """The safety authentication code as a field, when the MAC ``item`` of the dialect covers it (CJ/T 166); the
    card keeps it in the area of its MF.
    """
    root, layout = call.fs.root, call.profile.dialect.transaction(transaction).item(item)
    if root is None or SAFETY_CODE not in layout.names:
        return _NOTHING
    return {SAFETY_CODE: call.fs.proof(root)[: FIELDS[SAFETY_CODE].width]}


# ------------------------------------------------------------------ INITIALIZE


def begin(
    call: Call, purse: Purse, operation: str, *, type_: int | None = None, free_of_lock: bool = False
) -> tuple[Account, KeyRecord, Transaction]:
    """The checks of every INITIALIZE, in order: purse there (6A81), PIN and use right, key index (9403), grey
    lock (9408, unless ``free_of_lock``), TAC key and log there (6985), serial below its maximum (9402).

    ``type_`` is the transaction type of an operation that is none of the purse's own.
    """
    account = account_of(call, purse)
    options = call.profile.purse
    authorise(call, account, operation, options.pin_missing)
    transaction = call.profile.dialect.of_type(purse.types[operation] if type_ is None else type_)
    record = transaction_key(call, transaction.key, call.body.key_index)
    if record.second in options.refused_algorithms:
        raise Refusal(SW.KEY_INDEX)
    if account.state.lock_state == LockState.LOCKED and not free_of_lock:
        raise Refusal(SW.GREY_LOCKED)
    tac_key(call)
    log_file(call, account, operation)
    if getattr(account.state, transaction.serial) >= FIELDS[transaction.serial].maximum:
        raise Refusal(SW.COUNTER_MAXIMUM)
    return account, record, transaction


# ------------------------------------------------------------------ completion


def complete(
    call: Call, account: Account, transaction: Transaction, fields: Mapping[str, Value], *, mac: bytes, tac: bytes,
    operation: str = "", **changes: int,
) -> None:  # fmt: skip
    """Write purse, log record and proof in the command's transaction: the serial of ``transaction`` steps and
    the variables in ``changes`` become what they say.

    ``fields`` are those of the log record, ``mac`` and ``tac`` what GET TRANSACTION PROVE will answer.
    """
    before: int = getattr(account.state, transaction.serial)
    state = account.state._replace(**{transaction.serial: before + 1}, **changes)
    shown = before + (call.profile.purse.log_serial == "after")
    proof = Proof(cast(int, fields["type"]), before + 1, mac, tac)
    after = Account(account.purse, account.node, state)
    settle(call, after, {**fields, "serial": shown}, proof, operation=operation)


def settle(
    call: Call, account: Account, fields: Mapping[str, Value], proof: Proof, *, operation: str = ""
) -> None:
    """Write the state of ``account`` as it is after the transaction, the log record of ``fields``, and ``proof``."""
    call.fs.put(account.node, 0, account.state.to_bytes())
    log = log_file(call, account, operation)
    if log is not None:
        call.fs.append_record(log, LOG_RECORD.assemble({"new_limit": 0, "amount": 0, **fields}))
    call.fs.set_proof(current_directory(call), proof.to_bytes())
    if call.profile.purse.pin_after_transaction == "dropped":
        call.fs.commit()  # a transaction that the memory refuses drops nothing
        call.session.pin_verified = False
        call.session.state = 0


def tac_of(
    call: Call, account: Account, transaction: Transaction, fields: Mapping[str, Value], balance: int
) -> bytes:
    """TAC of the transaction: ``balance`` after it, serials before the step."""
    values: dict[str, Value] = {
        **fields,
        "balance": balance,
        "online_serial": account.state.online_serial,
        "offline_serial": account.state.offline_serial,
    }
    key: Key = tac_key(call)
    return call.profile.dialect.tac(transaction.name, key, item="tac", **values)
