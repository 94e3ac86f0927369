"""What became of a torn transaction, asked of the card when it comes back (JR/T 0025.2 5.6)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from ..apdu import SW, CommandSpec
from ..apdu.os_commands import GET_RESPONSE
from ..errors import DecodeError, StatusError
from ..fields import FIELDS
from .offline import OFFLINE
from .online import online_kind
from .record import OVERDRAFT, TerminalRecord
from .sessions import GreyCode, LockProof, LogRecord, Proof, Purse, PurseSession

__all__ = ["Evidence", "Finding", "Outcome", "find_out", "is_certain", "is_proof_of", "read_lock_proof"]

_AMOUNT = FIELDS["amount"]
# A command that arrives twice, because its first answer was garbled on the way, is refused by its state; and what seems
# to be its status may be that of the GET RESPONSE that fetched the answer.
_UNCERTAIN = frozenset({SW.MEMORY_FAILURE, SW.INVALID_STATE, SW.CONDITIONS, *GET_RESPONSE.statuses})

#: Transactions that end a grey lock: the lock proof tells of them.
_UNLOCKS = frozenset(type_ for code in GreyCode for type_ in (code.debit, code.unlock))

# An INITIALIZE that fails so will fail tomorrow: nothing left to spend, counter at its end.
_USED_UP = frozenset({SW.BALANCE_INSUFFICIENT, SW.COUNTER_MAXIMUM})


class Outcome(enum.Enum):
    """What a card tells of a transaction."""

    #: It has the proof: money moved.
    PROVED = "proved"
    #: Its log has the transaction, but a later one took the place of the proof.
    LOGGED = "logged"
    #: Money did not move: its counter did not step, or another terminal took the step.
    NOT_MOVED = "not moved"
    #: Neither can be told now; with the PIN, or once the application is unblocked, it can.
    NOT_YET = "not yet"
    #: Neither can be told any more.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """An outcome; ``proof`` with it when there is one."""

    outcome: Outcome
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a card told one terminal of a torn transaction of another: the torn ``record`` and the finding.

    Whoever read it can complete nothing: the record is the other's, and so are the keys to check it with.  Handed over,
    it settles the record there (:meth:`~cardos.host.Terminal.accept`), as if the card itself had come back.
    """

    record: TerminalRecord
    outcome: Outcome
    proof: Proof | None = None


def is_certain(spec: CommandSpec, error: StatusError) -> bool:
    """Whether a refusal of the completing command says for sure that no money moved.

    A status that the command does not declare says nothing, nor does a memory failure, nor one that a command gets
    which was sent twice, nor one of GET RESPONSE.

    >>> from cardos.apdu.purse_commands import DEBIT_FOR_PURCHASE as DEBIT
    >>> [is_certain(DEBIT, StatusError(DEBIT.name, sw, text="")) for sw in (0x9302, 0x6581, 0x6901, 0x6700)]
    [True, False, False, False]
    """
    return error.sw in set(spec.statuses) - _UNCERTAIN


def find_out(session: PurseSession, record: TerminalRecord, next_serial: Callable[[], int]) -> Finding:
    """What became of ``record`` on the card in ``session``, which must be the same card.

    ``next_serial`` runs an INITIALIZE and gives the counter from its answer: the serial before the step.
    The order is proof, counter, log.  A proof names type and serial only: when the torn command never
    reached the card, another terminal may have made that very step, so the log must agree.  A proof is lost
    when a later transaction took its place; then a counter that has not stepped is as good as a proof, and
    the log decides whose step it was.
    """
    proof = _prove(session, record)
    if proof is not None:
        ours = _look_up(session, record) is not Outcome.NOT_MOVED
        return Finding(Outcome.PROVED, proof) if ours else Finding(Outcome.NOT_MOVED)
    unknown = Outcome.UNKNOWN
    try:
        if next_serial() < record.serial:
            return Finding(Outcome.NOT_MOVED)
    except StatusError as error:  # the log may still tell
        if error.sw not in _USED_UP:
            unknown = Outcome.NOT_YET
    outcome = _look_up(session, record)
    return Finding(unknown if outcome is Outcome.UNKNOWN else outcome)


def _prove(session: PurseSession, record: TerminalRecord) -> Proof | None:
    if record.type in _UNLOCKS:
        shown = read_lock_proof(session)
        is_ours = shown and is_proof_of(shown, record) and shown.lock_value == _AMOUNT.encode(record.amount)
        return Proof(shown.lock_tac, shown.lock_tac) if shown and is_ours else None
    try:
        return session.get_transaction_prove(record.type, record.serial)
    except StatusError as error:
        if error.sw != SW.PROOF_UNAVAILABLE:
            raise
    return None


def read_lock_proof(session: PurseSession) -> LockProof | None:
    """The lock proof of a card; ``None`` when no purse of it was ever locked."""
    try:
        return session.get_lock_proof()
    except StatusError as error:
        if error.sw != SW.CONDITIONS:
            raise
    return None


def is_proof_of(shown: LockProof, record: TerminalRecord) -> bool:
    """Whether a lock proof is that of the lock, debit or unlock in ``record``."""
    said = (shown.type, shown.serial, shown.terminal, shown.when)
    return said == (record.type, record.serial, record.terminal, record.when)


def _look_up(session: PurseSession, record: TerminalRecord) -> Outcome:
    """Whose step it was: of the transactions that step one counter each number is there once."""
    counter = _counter(session, record.type)
    try:
        for entry in session.read_log():
            if (_counter(session, entry.type), entry.serial) == (counter, record.serial):
                return Outcome.LOGGED if _is_entry_of(entry, record) else Outcome.NOT_MOVED
    except (StatusError, DecodeError):
        pass  # the log is not for us to read, or makes no sense
    return Outcome.UNKNOWN


def _counter(session: PurseSession, type_: int) -> tuple[Purse, bool] | None:
    """The purse whose counter a transaction steps, and whether that is the online one; ``None`` for other types."""
    online = online_kind(session.profile, type_)
    if online is not None:
        return online.purse, True
    if type_ in OFFLINE:
        return OFFLINE[type_].purse, False
    return next(((purse, False) for purse in Purse if session.grey_code(purse).debit == type_), None)


def _is_entry_of(entry: LogRecord, record: TerminalRecord) -> bool:
    amount = entry.new_limit if record.type == OVERDRAFT else entry.amount
    said = (entry.type, entry.terminal, entry.when, amount)
    return said == (record.type, record.terminal, record.when, record.amount)
