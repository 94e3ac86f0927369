"""The states of a purse (or PSAM) between an INITIALIZE and its partner, as declared tables.

JR/T 0025.2 table 1 says which command is taken in which state and where it leads.  A table here is that
table: documentation prints it, the tests run each of its cells, and :meth:`StateTable.guard` puts its rules
around a handler.  A new family of commands (composite purchase, grey lock) is new columns and rows.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from ..apdu import SW
from ..errors import ParameterError
from ..files.call import Call, Handler, Refusal, Session

__all__ = ["PURSE_STATES", "SAM_STATES", "Cell", "Pending", "State", "StateTable", "Step", "state_of"]


class State(enum.Enum):
    """The states of JR/T 0025.2 5.2.1; the value is the heading of its column."""

    IDLE = "idle"
    LOAD = "load"
    PURCHASE = "purchase"
    UNLOAD = "unload"
    UPDATE = "update"


class Step(enum.Enum):
    """What a cell says when it does not name the next state."""

    REFUSED = "-"
    SAME = "same"


Cell = State | Step


@dataclass(frozen=True, slots=True)
class Pending:
    """What an INITIALIZE leaves in the volatile session for its partner; it lives exactly as long as
    ``state``.
    """

    state: ClassVar[State]


def state_of(session: Session) -> State:
    """The state that the session is in: idle unless an INITIALIZE waits for its partner.

    >>> state_of(Session())
    <State.IDLE: 'idle'>
    """
    return session.pending.state if isinstance(session.pending, Pending) else State.IDLE


@dataclass(frozen=True, slots=True)
class StateTable:
    """One state table: ``rows`` hold a cell for each of ``columns``; ``refusal`` is what a command answers
    in a state that does not take it.

    Raises :class:`~cardos.errors.ParameterError` when a row has more or fewer cells than there are columns.
    """

    title: str
    clause: str
    refusal: SW
    columns: tuple[State, ...]
    rows: Mapping[str, tuple[Cell, ...]]

    def __post_init__(self) -> None:
        for command, cells in self.rows.items():
            if len(cells) != len(self.columns):
                raise ParameterError(f"row {command}", f"{len(self.columns)} cells", len(cells))

    def after(self, command: str, state: State) -> State | None:
        """The state after ``command`` succeeded in ``state``; ``None`` when it is refused there.

        >>> PURSE_STATES.after("CREDIT FOR LOAD", State.LOAD)
        <State.IDLE: 'idle'>
        >>> PURSE_STATES.after("CREDIT FOR LOAD", State.PURCHASE) is None
        True
        """
        cell = self.rows[command][self.columns.index(state)]
        if cell is Step.REFUSED:
            return None
        return cell if isinstance(cell, State) else state

    def guard(self, command: str, handler: Handler) -> Handler:
        """``handler`` under the rules of the table (JR/T 0025.2 5.2.1): a refused command and a failed one
        both lead to idle, and so does a partner that succeeded.

        The handler of an INITIALIZE sets ``session.pending``; its partner finds it there.
        """

        def guarded(call: Call) -> bytes:
            session = call.session
            following = self.after(command, state_of(session))
            if following is None:
                session.pending = None
                raise Refusal(self.refusal)
            try:
                answer = handler(call)
            except Exception:
                session.pending = None
                raise
            if following is State.IDLE:
                session.pending = None
            return answer

        return guarded

    def markdown(self) -> str:
        """The table for documentation: title, clause, and one line per command."""
        lines = [("command", *(state.value for state in self.columns)), ("---",) * (len(self.columns) + 1)]
        lines += [(command, *(cell.value for cell in cells)) for command, cells in self.rows.items()]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        notes = (
            f"`{self.refusal:04X}` where {Step.REFUSED.value} stands; then, and when a command fails, idle."
        )
        return f"{self.title} ({self.clause})\n\n{body}\n\n{notes}\n"


_COLUMNS = (State.IDLE, State.LOAD, State.PURCHASE, State.UNLOAD, State.UPDATE)
_NO, _END = Step.REFUSED, State.IDLE

#: JR/T 0025.2 table 1.  Names are those of the declared commands (:data:`cardos.apdu.COMMANDS`).
PURSE_STATES = StateTable(
    title="States of the electronic deposit and purse",
    clause="JR/T 0025.2 5.2.1, table 1",
    refusal=SW.INVALID_STATE,
    columns=_COLUMNS,
    rows=MappingProxyType(
        {
            "CREDIT FOR LOAD": (_NO, _END, _NO, _NO, _NO),
            "DEBIT FOR PURCHASE": (_NO, _NO, _END, _NO, _NO),
            "DEBIT FOR UNLOAD": (_NO, _NO, _NO, _END, _NO),
            "UPDATE OVERDRAW LIMIT": (_NO, _NO, _NO, _NO, _END),
            "INITIALIZE FOR LOAD": (State.LOAD,) * 5,
            "INITIALIZE FOR PURCHASE": (State.PURCHASE,) * 5,
            "INITIALIZE FOR CASH WITHDRAW": (State.PURCHASE,) * 5,
            "INITIALIZE FOR UNLOAD": (State.UNLOAD,) * 5,
            "INITIALIZE FOR UPDATE": (State.UPDATE,) * 5,
            "GET BALANCE": (Step.SAME,) * 5,
            "GET TRANSACTION PROVE": (Step.SAME,) * 5,
        }
    ),
)

#: The two commands of a purchase SAM.  No standard prints this table; a SAM says 6985 where a card says 6901.
SAM_STATES = StateTable(
    title="States of the purchase SAM",
    clause="PSAM 8070, 8072",
    refusal=SW.CONDITIONS,
    columns=(State.IDLE, State.PURCHASE),
    rows=MappingProxyType(
        {
            "INIT SAM FOR PURCHASE": (State.PURCHASE, State.PURCHASE),
            "CREDIT SAM FOR PURCHASE": (_NO, _END),
        }
    ),
)
