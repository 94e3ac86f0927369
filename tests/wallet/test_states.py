"""The state tables: every cell run through the guard, the printed form, and what a malformed table says."""

from __future__ import annotations

import pytest

from cardos.apdu import SW
from cardos.errors import ParameterError
from cardos.files.call import Call, Refusal, Session
from cardos.wallet.states import PURSE_STATES, SAM_STATES, Pending, State, StateTable, Step, state_of

TABLES = {"purse": PURSE_STATES, "sam": SAM_STATES}
CELLS = [
    pytest.param(table, command, state, cell, id=f"{name}-{command}-{state.value}".replace(" ", "_").lower())
    for name, table in TABLES.items()
    for command, cells in table.rows.items()
    for state, cell in zip(table.columns, cells, strict=True)
]


def pending(state):
    """What a session holds in ``state``."""
    return None if state is State.IDLE else type("InState", (Pending,), {"state": state})()


def call(state):
    session = Session(pending=pending(state))
    return Call(spec=None, command=None, body=None, profile=None, session=session, fs=None, random=None)


def leads_to(state):
    """A handler that succeeds and, as an INITIALIZE does, leaves what ``state`` needs."""

    def handler(given):
        if isinstance(state, State) and state is not State.IDLE:
            given.session.pending = pending(state)
        return b"answer"

    return handler


@pytest.mark.parametrize(("table", "command", "state", "cell"), CELLS)
def test_success(table, command, state, cell):
    given = call(state)
    guarded = table.guard(command, leads_to(cell))
    if cell is Step.REFUSED:
        with pytest.raises(Refusal) as refused:
            guarded(given)
        assert table.refusal == refused.value.sw
        assert State.IDLE is state_of(given.session)
    else:
        assert b"answer" == guarded(given)
        assert (state if cell is Step.SAME else cell) is state_of(given.session)


@pytest.mark.parametrize(("table", "command", "state", "cell"), CELLS)
def test_failure_leads_to_idle(table, command, state, cell):
    def handler(given):
        raise Refusal(SW.MAC_INVALID)

    given = call(state)
    with pytest.raises(Refusal) as refused:
        table.guard(command, handler)(given)
    assert (table.refusal if cell is Step.REFUSED else SW.MAC_INVALID) == refused.value.sw
    assert State.IDLE is state_of(given.session)


def test_a_refused_command_is_not_executed():
    executed = []
    with pytest.raises(Refusal):
        PURSE_STATES.guard("CREDIT FOR LOAD", executed.append)(call(State.PURCHASE))
    assert [] == executed


@pytest.mark.parametrize(
    "partner", ["CREDIT FOR LOAD", "DEBIT FOR PURCHASE", "DEBIT FOR UNLOAD", "UPDATE OVERDRAW LIMIT"]
)
def test_a_partner_is_taken_in_one_state_only(partner):
    taken = [state for state in PURSE_STATES.columns if PURSE_STATES.after(partner, state) is not None]
    assert 1 == len(taken)
    assert State.IDLE is PURSE_STATES.after(partner, taken[0])


def test_every_state_but_idle_has_a_way_in_and_a_way_out():
    for table in TABLES.values():
        entered = {cell for cells in table.rows.values() for cell in cells}
        assert set(table.columns) <= entered


def test_foreign_pending_is_idle():
    assert State.IDLE is state_of(Session(pending="of another layer"))


def test_markdown_prints_every_cell():
    text = PURSE_STATES.markdown()
    assert "States of the electronic deposit and purse (JR/T 0025.2 5.2.1, table 1)" in text
    assert "| command | idle | load | purchase | unload | update |" in text
    assert "| CREDIT FOR LOAD | - | idle | - | - | - |" in text
    assert "| GET BALANCE | same | same | same | same | same |" in text
    assert "`6901` where - stands" in text
    assert len(PURSE_STATES.rows) + 2 == sum(line.startswith("|") for line in text.splitlines())


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ParameterError, match="row GET BALANCE must be 2 cells, got 1"):
        StateTable("t", "c", SW.INVALID_STATE, (State.IDLE, State.LOAD), {"GET BALANCE": (Step.SAME,)})
