"""What became of a torn transaction, asked of the card when it comes back (JR/T 0025.2 5.6)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from ..apdu import SW, CommandSpec
from ..errors import DecodeError, StatusError
from .purse import LogRecord, Proof, PurseSession
from .record import TerminalRecord

__all__ = ["Finding", "Outcome", "find_out", "is_certain"]

_COMMON = frozenset({SW.WRONG_LENGTH, SW.INS_UNKNOWN, SW.CLA_UNKNOWN})
_UNCERTAIN = frozenset({SW.MEMORY_FAILURE})

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


def is_certain(spec: CommandSpec, error: StatusError) -> bool:
    """Whether a refusal of the completing command says for sure that no money moved.

    A status that the command does not declare, or a memory failure, says nothing.

    >>> from cardos.apdu.purse_commands import DEBIT_FOR_PURCHASE as DEBIT
    >>> [is_certain(DEBIT, StatusError(DEBIT.name, sw, text="")) for sw in (0x9302, 0x6581, 0x6F00)]
    [True, False, False]
    """
    return error.sw in (_COMMON | set(spec.statuses)) - _UNCERTAIN


def find_out(session: PurseSession, record: TerminalRecord, next_serial: Callable[[], int]) -> Finding:
    """What became of ``record`` on the card in ``session``, which must be the same card.

    ``next_serial`` runs an INITIALIZE and gives the counter from its answer: the serial before the step.
    The order is proof, counter, log.  A proof names type and serial only: when the torn command never
    reached the card, another terminal may have made that very step, so the log must agree.  A proof is lost
    when a later transaction took its place; then a counter that has not stepped is as good as a proof, and
    the log decides whose step it was.
    """
    try:
        proof = session.get_transaction_prove(record.type, record.serial)
    except StatusError as error:
        if error.sw != SW.PROOF_UNAVAILABLE:
            raise
    else:
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


def _look_up(session: PurseSession, record: TerminalRecord) -> Outcome:
    try:
        for entry in session.read_log():
            if (entry.type, entry.serial) == (record.type, record.serial):
                return Outcome.LOGGED if _is_entry_of(entry, record) else Outcome.NOT_MOVED
    except (StatusError, DecodeError):
        pass  # the log is not for us to read, or makes no sense
    return Outcome.UNKNOWN


def _is_entry_of(entry: LogRecord, record: TerminalRecord) -> bool:
    return (entry.terminal, entry.when, entry.amount) == (record.terminal, record.when, record.amount)
