"""The states of a purse (or PSAM) between an INITIALIZE and its partner, as declared tables.

JR/T 0025.2 table 1 (deposit and purse) and JR/T 0025.9 table 1 (with composite purchase and grey lock) say which
command is taken in which state and where it leads.  They are here as printed; the table that a card enforces is a
third one, which agrees with both.  Documentation prints all of them, the tests run each cell, and
:meth:`StateTable.guard` puts the rules of a table around a handler.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

from ..apdu import SW
from ..errors import ParameterError
from ..files.call import Call, Handler, Refusal, Session
from ..files.filesystem import FileType
from ..options import PurseOptions
from .grey_file import LOCK_STATE_AT, LockState
from .purse_file import PURSES

__all__ = [
    "PART_2",
    "PART_9",
    "PURSE_STATES",
    "SAM_STATES",
    "ByOption",
    "Cell",
    "Pending",
    "State",
    "StateTable",
    "Step",
    "state_of",
]

_STRICT: Final = PurseOptions()
#: Where the session keeps the state in which the application rests.
_REST: Final = "rest"


class State(enum.StrEnum):
    """The states of JR/T 0025.2 5.2.1 and JR/T 0025.9 5.2.1; the value is the heading of its column."""

    IDLE = "idle"
    LOAD = "load"
    PURCHASE = "purchase"
    UNLOAD = "unload"
    UPDATE = "update"
    CAPP1 = "CAPP1"
    CAPP2 = "CAPP2"
    GREY_IDLE = "grey idle"
    PRE_GREY = "pre-grey"
    ONLINE_UNLOCK = "online unlock"


class Step(enum.Enum):
    """What a cell says when it does not name the next state: refused, nothing changes, or left to the command,
    which answers 9408 because the purse is grey-locked.
    """

    REFUSED = "-"
    SAME = "same"
    GREY = "9408"


@dataclass(frozen=True, slots=True)
class ByOption:
    """A cell that leads to ``state`` on a card whose purse options say ``option``, and is refused on others."""

    option: str
    state: State

    @property
    def value(self) -> str:
        """The text of the cell."""
        return f"- ({self.state.value} with {self.option})"


Cell = State | Step | ByOption

#: The states in which nothing waits for a partner.
_AT_REST: Final = frozenset({State.IDLE, State.GREY_IDLE})
#: The states in which a command may lock or unlock a purse.
_AROUND_A_LOCK: Final = frozenset({State.GREY_IDLE, State.PRE_GREY, State.ONLINE_UNLOCK})


@dataclass(frozen=True, slots=True)
class Pending:
    """What an INITIALIZE leaves in the volatile session for its partner; it lives exactly as long as
    ``state``.
    """

    state: ClassVar[State]


def state_of(session: Session) -> State:
    """The state that the session is in: idle, or grey idle, unless an INITIALIZE waits for its partner.

    >>> state_of(Session())
    <State.IDLE: 'idle'>
    """
    if isinstance(session.pending, Pending):
        return session.pending.state
    resting = session.temporary.get(_REST)
    return resting if isinstance(resting, State) else State.IDLE


def _idle(_call: Call) -> State:
    return State.IDLE


def grey_or_idle(call: Call) -> State:
    """Where an application rests: grey idle while one of its purses is grey-locked (JR/T 0025.9 5.2.1)."""
    directory = call.session.directory
    if directory is None:
        return State.IDLE
    for purse in PURSES.values():
        node = call.fs.find(directory, purse.fid)
        if (
            node is not None
            and node.type is FileType.PURSE
            and call.fs.read(node, LOCK_STATE_AT, 1)[0] == LockState.LOCKED
        ):
            return State.GREY_IDLE
    return State.IDLE


@dataclass(frozen=True, slots=True)
class StateTable:
    """One state table: ``rows`` hold a cell for each of ``columns``; ``refusal`` is what a command answers
    in a state that does not take it, ``rest`` says in which state an application is when nothing is pending.

    Raises :class:`~cardos.errors.ParameterError` when a row has more or fewer cells than there are columns.
    """

    title: str
    clause: str
    refusal: SW
    columns: tuple[State, ...]
    rows: Mapping[str, tuple[Cell, ...]]
    rest: Callable[[Call], State] = _idle

    def __post_init__(self) -> None:
        for command, cells in self.rows.items():
            if len(cells) != len(self.columns):
                raise ParameterError(f"row {command}", f"{len(self.columns)} cells", len(cells))

    def after(self, command: str, state: State, options: PurseOptions = _STRICT) -> State | None:
        """The state after ``command`` succeeded in ``state``; ``None`` when the table refuses it there.

        A command that is left to its own check stays in ``state``; should it succeed, what it leaves pending
        says where it led.

        >>> PURSE_STATES.after("CREDIT FOR LOAD", State.LOAD)
        <State.IDLE: 'idle'>
        >>> PURSE_STATES.after("CREDIT FOR LOAD", State.PURCHASE) is None
        True
        """
        return self._following(self.rows[command][self.columns.index(state)], state, options)

    @staticmethod
    def _following(cell: Cell, state: State, options: PurseOptions) -> State | None:
        if isinstance(cell, State):
            return cell
        if isinstance(cell, ByOption):
            return cell.state if getattr(options, cell.option) else None
        return None if cell is Step.REFUSED else state

    def guard(self, command: str, handler: Handler) -> Handler:
        """``handler`` under the rules of the table (JR/T 0025.2 5.2.1): a refused command and a failed one
        both lead to idle, and so does a partner that succeeded.

        The handler of an INITIALIZE sets ``session.pending``; its partner finds it there.
        """
        cells = dict(zip(self.columns, self.rows[command], strict=True))

        def guarded(call: Call) -> bytes:
            session = call.session
            state = session.pending.state if isinstance(session.pending, Pending) else self._resting(call)
            following = self._following(cells[state], state, call.profile.purse)
            if following is None:
                session.pending = None
                raise Refusal(self.refusal)
            try:
                answer = handler(call)
            except Exception:
                session.pending = None
                raise
            finally:
                if state in _AROUND_A_LOCK:
                    session.temporary.pop(_REST, None)
            if following in _AT_REST and cells[state] is not Step.GREY:
                session.pending = None
            return answer

        return guarded

    def _resting(self, call: Call) -> State:
        """The state without anything pending: looked up once, and again after a command that may have changed
        it.
        """
        known = call.session.temporary.get(_REST)
        if not isinstance(known, State):
            known = call.session.temporary[_REST] = self.rest(call)
        return known

    def markdown(self) -> str:
        """The table for documentation: title, clause, and one line per command."""
        lines = [("command", *(state.value for state in self.columns)), ("---",) * (len(self.columns) + 1)]
        lines += [(command, *(cell.value for cell in cells)) for command, cells in self.rows.items()]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        notes = (
            f"`{self.refusal:04X}` where {Step.REFUSED.value} stands; then, and when a command fails, idle."
        )
        return f"{self.title} ({self.clause})\n\n{body}\n\n{notes}\n"


_NO, _END, _SAME, _GREY = Step.REFUSED, State.IDLE, Step.SAME, Step.GREY

#: JR/T 0025.2 table 1, as printed.  Names are those of the declared commands (:data:`cardos.apdu.COMMANDS`).
PART_2 = StateTable(
    title="States of the electronic deposit and purse",
    clause="JR/T 0025.2 5.2.1, table 1",
    refusal=SW.INVALID_STATE,
    columns=(State.IDLE, State.LOAD, State.PURCHASE, State.UNLOAD, State.UPDATE),
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
            "GET BALANCE": (_SAME,) * 5,
            "GET TRANSACTION PROVE": (_SAME,) * 5,
        }
    ),
)

#: JR/T 0025.9 table 1, as printed; where its text has 9408 for a grey-locked purse (7.3, 7.4) the cell says so.
PART_9 = StateTable(
    title="States with composite purchase and grey lock",
    clause="JR/T 0025.9 5.2.1, table 1",
    refusal=SW.INVALID_STATE,
    columns=tuple(state for state in State if state is not State.UNLOAD),
    rows=MappingProxyType(
        {
            "CREDIT FOR LOAD": (_NO, _END, *(_NO,) * 7),
            "DEBIT FOR PURCHASE": (_NO, _NO, _END, *(_NO,) * 6),
            "DEBIT FOR CAPP PURCHASE": (*(_NO,) * 5, _END, _NO, _NO, _NO),
            "GET BALANCE": (_SAME,) * 9,
            "GET LOCK PROOF": (_SAME,) * 9,
            "GET TRANSACTION PROVE": (_SAME,) * 9,
            "GREY LOCK": (*(_NO,) * 7, State.GREY_IDLE, _NO),
            "GREY UNLOCK": (*(_NO,) * 8, _END),
            "INITIALIZE FOR LOAD": (*(State.LOAD,) * 4, _NO, _NO, _GREY, State.LOAD, _NO),
            "INITIALIZE FOR GREY LOCK": (*(State.PRE_GREY,) * 4, _NO, _NO, _NO, State.PRE_GREY, _NO),
            "INITIALIZE FOR GREY UNLOCK": (*(_NO,) * 6, State.ONLINE_UNLOCK, _NO, State.ONLINE_UNLOCK),
            "INITIALIZE FOR PURCHASE": (*(State.PURCHASE,) * 4, _NO, _NO, _GREY, _NO, _GREY),
            "INITIALIZE FOR CAPP PURCHASE": (State.CAPP1, *(_NO,) * 5, _GREY, _NO, _NO),
            "INITIALIZE FOR CASH WITHDRAW": (*(State.PURCHASE,) * 4, *(_NO,) * 5),
            "INITIALIZE FOR UPDATE": (*(State.UPDATE,) * 4, _NO, _NO, _NO, State.UPDATE, _NO),
            "UPDATE CAPP DATA CACHE": (*(_NO,) * 4, State.CAPP2, State.CAPP2, _NO, _NO, _NO),
            "UPDATE OVERDRAW LIMIT": (*(_NO,) * 3, _END, *(_NO,) * 5),
        }
    ),
)

#: What a card enforces.  Unloading, which table 1 of JR/T 0025.9 does not know, goes as updating does there; DEBIT
#: FOR UNLOCK, which it forgets, is taken in grey idle (JR/T 0025.9 7.7.8); DEBIT FOR PURCHASE and DEBIT FOR CAPP
#: PURCHASE are one command.  While a purse is grey-locked, idle is grey idle.
PURSE_STATES = StateTable(
    title="States that the card enforces",
    clause="JR/T 0025.2 5.2.1, JR/T 0025.9 5.2.1",
    refusal=SW.INVALID_STATE,
    columns=tuple(State),
    rows=MappingProxyType(
        {
            "CREDIT FOR LOAD": (_NO, _END, *(_NO,) * 8),
            "DEBIT FOR PURCHASE": (
                _NO, _NO, _END, _NO, _NO, ByOption("composite_without_record", _END), _END, _NO, _NO, _NO,
            ),
            "DEBIT FOR UNLOAD": (*(_NO,) * 3, _END, *(_NO,) * 6),
            "UPDATE OVERDRAW LIMIT": (*(_NO,) * 4, _END, *(_NO,) * 5),
            "UPDATE CAPP DATA CACHE": (*(_NO,) * 5, State.CAPP2, State.CAPP2, _NO, _NO, _NO),
            "INITIALIZE FOR LOAD": (*(State.LOAD,) * 5, _NO, _NO, _GREY, State.LOAD, _NO),
            "INITIALIZE FOR PURCHASE": (*(State.PURCHASE,) * 5, _NO, _NO, _GREY, _NO, _GREY),
            "INITIALIZE FOR CASH WITHDRAW": (*(State.PURCHASE,) * 5, *(_NO,) * 5),
            "INITIALIZE FOR CAPP PURCHASE": (
                State.CAPP1, *(ByOption("lenient_composite", State.CAPP1),) * 4, _NO, _NO, _GREY, _NO, _NO,
            ),
            "INITIALIZE FOR UNLOAD": (*(State.UNLOAD,) * 5, _NO, _NO, _GREY, State.UNLOAD, _NO),
            "INITIALIZE FOR UPDATE": (*(State.UPDATE,) * 5, _NO, _NO, _NO, State.UPDATE, _NO),
            "INITIALIZE FOR GREY LOCK": (*(State.PRE_GREY,) * 5, _NO, _NO, _NO, State.PRE_GREY, _NO),
            "GREY LOCK": (*(_NO,) * 8, State.GREY_IDLE, _NO),
            "DEBIT FOR UNLOCK": (*(_NO,) * 7, _END, _NO, _NO),
            "INITIALIZE FOR GREY UNLOCK": (*(_NO,) * 7, State.ONLINE_UNLOCK, _NO, State.ONLINE_UNLOCK),
            "GREY UNLOCK": (*(_NO,) * 9, _END),
            "GET BALANCE": (_SAME,) * 10,
            "GET TRANSACTION PROVE": (_SAME,) * 10,
            "GET LOCK PROOF": (_SAME,) * 10,
            "CLEAR LOCK PROOF": (_SAME,) * 10,
        }
    ),
    rest=grey_or_idle,
)  # fmt: skip

#: The commands of a purchase SAM.  No standard prints this table; a SAM says 6985 where a card says 6901.
SAM_STATES = StateTable(
    title="States of the purchase SAM",
    clause="PSAM 8070, 8072, E040 to E046",
    refusal=SW.CONDITIONS,
    columns=(State.IDLE, State.PURCHASE, State.PRE_GREY),
    rows=MappingProxyType(
        {
            "INIT SAM FOR PURCHASE": (State.PURCHASE,) * 3,
            "INIT SAM WITH SERIAL": (State.PURCHASE,) * 3,
            "CREDIT SAM FOR PURCHASE": (_NO, _END, _NO),
            "INIT SAM FOR GREY LOCK": (State.PRE_GREY,) * 3,
            "CERTIFY GREY LOCK": (_NO, _NO, _END),
            "CREDIT SAM FOR GREY DEBIT": (_SAME,) * 3,
            "GET GMAC": (_SAME,) * 3,
        }
    ),
)
