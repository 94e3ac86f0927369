"""The state tables: every cell run through the guard, the printed form, and what a malformed table says."""

from __future__ import annotations

import pytest

from cardos.apdu import COMMANDS, SW
from cardos.errors import ParameterError
from cardos.files.call import Call, Refusal, Session
from cardos.profile import load_profile
from cardos.wallet.states import (
    PART_2,
    PART_9,
    PURSE_STATES,
    SAM_STATES,
    ByOption,
    Pending,
    State,
    StateTable,
    Step,
    state_of,
)

TABLES = {"purse": PURSE_STATES, "sam": SAM_STATES}
RESTING = (State.IDLE, State.GREY_IDLE)
STRICT = load_profile("city-3des")
LENIENT = STRICT.with_options(lenient_composite=True, composite_without_record=True)
CELLS = [
    pytest.param(table, command, state, cell, id=f"{name}-{command}-{state.value}".replace(" ", "_").lower())
    for name, table in TABLES.items()
    for command, cells in table.rows.items()
    for state, cell in zip(table.columns, cells, strict=True)
]


def pending(state):
    """What a session holds in ``state``."""
    return None if state in RESTING else type("InState", (Pending,), {"state": state})()


def call(state, profile=STRICT):
    session = Session(pending=pending(state), temporary={"rest": state if state in RESTING else State.IDLE})
    return Call(spec=None, command=None, body=None, profile=profile, session=session, fs=None, random=None)


def leads_to(state):
    """A handler that succeeds and, as an INITIALIZE does, leaves what ``state`` needs."""

    def handler(given):
        if isinstance(state, State) and state not in RESTING:
            given.session.pending = pending(state)
        return b"answer"

    return handler


def refused(table, command, state, profile=STRICT):
    given = call(state, profile)
    with pytest.raises(Refusal) as refusal:
        table.guard(command, lambda _: b"never")(given)
    assert table.refusal == refusal.value.sw
    assert given.session.pending is None


@pytest.mark.parametrize(("table", "command", "state", "cell"), CELLS)
def test_success(table, command, state, cell):
    if cell is Step.REFUSED or isinstance(cell, ByOption):
        refused(table, command, state)
        return
    given = call(state)
    assert b"answer" == table.guard(command, leads_to(cell))(given)
    following = cell if isinstance(cell, State) else state
    assert following is table.after(command, state)
    left = given.session.pending
    assert (None if following in RESTING else following) is (left and left.state)


@pytest.mark.parametrize(("table", "command", "state", "cell"), CELLS)
def test_failure_leads_to_idle(table, command, state, cell):
    def handler(given):
        raise Refusal(SW.MAC_INVALID)

    given = call(state)
    with pytest.raises(Refusal) as refusal:
        table.guard(command, handler)(given)
    not_taken = cell is Step.REFUSED or isinstance(cell, ByOption)
    assert (table.refusal if not_taken else SW.MAC_INVALID) == refusal.value.sw
    assert given.session.pending is None


@pytest.mark.parametrize(
    ("table", "command", "state", "cell"), [cell for cell in CELLS if isinstance(cell.values[3], ByOption)]
)
def test_an_option_opens_a_cell(table, command, state, cell):
    opened = call(state, LENIENT)
    assert b"answer" == table.guard(command, leads_to(cell.state))(opened)
    left = opened.session.pending
    assert (None if cell.state is State.IDLE else cell.state) is (left and left.state)


def test_a_locked_purse_may_take_a_purchase_where_the_card_lets_it():
    given = call(State.GREY_IDLE)
    PURSE_STATES.guard("INITIALIZE FOR PURCHASE", leads_to(State.PURCHASE))(given)
    assert State.PURCHASE is state_of(given.session)


# ------------------------------------------------------------------ the printed tables and the enforced one


@pytest.mark.parametrize("printed", [PART_2, PART_9], ids=["part_2", "part_9"])
def test_the_enforced_table_agrees_with_the_printed_ones(printed):
    """Where both print a cell, part 9 has it: from composite purchases on, table 1 of part 2 is its narrow form."""
    one_command = {"DEBIT FOR CAPP PURCHASE": "DEBIT FOR PURCHASE"}
    columns = [state for state in printed.columns if printed is PART_9 or state is not State.UNLOAD]
    for command, cells in printed.rows.items():
        for state, cell in zip(printed.columns, cells, strict=True):
            mine = PURSE_STATES.rows[one_command.get(command, command)][PURSE_STATES.columns.index(state)]
            if isinstance(mine, ByOption) or (command, state) == ("DEBIT FOR PURCHASE", State.CAPP2):
                assert cell is Step.REFUSED  # an option opens it; the two debits are one command
            elif (command, state) == ("DEBIT FOR CAPP PURCHASE", State.PURCHASE):
                assert (Step.REFUSED, State.IDLE) == (cell, mine)
            else:
                assert cell is mine, (command, state, columns)


def test_state_tables_name_declared_commands_only():
    declared = {spec.name for spec in COMMANDS}
    for table in TABLES.values():
        assert set(table.rows) <= declared


def test_a_refused_command_is_not_executed():
    executed = []
    with pytest.raises(Refusal):
        PURSE_STATES.guard("CREDIT FOR LOAD", executed.append)(call(State.PURCHASE))
    assert [] == executed


def test_the_text_of_a_cell_with_an_option_names_it():
    assert "- (CAPP1 with lenient_composite)" == ByOption("lenient_composite", State.CAPP1).value


@pytest.mark.parametrize(
    "partner", ["CREDIT FOR LOAD", "DEBIT FOR PURCHASE", "DEBIT FOR UNLOAD", "UPDATE OVERDRAW LIMIT"]
)
def test_a_partner_is_taken_in_one_state_only(partner):
    taken = [state for state in PART_2.columns if PART_2.after(partner, state) is not None]
    assert 1 == len(taken)
    assert State.IDLE is PART_2.after(partner, taken[0])


def test_every_state_but_idle_has_a_way_in_and_a_way_out():
    for table in TABLES.values():
        entered = {cell for cells in table.rows.values() for cell in cells if isinstance(cell, State)}
        assert set(table.columns) <= entered


def test_foreign_pending_is_idle():
    assert State.IDLE is state_of(Session(pending="of another layer"))


def test_markdown_prints_every_cell():
    text = PART_2.markdown()
    assert "States of the electronic deposit and purse (JR/T 0025.2 5.2.1, table 1)" in text
    assert "| command | idle | load | purchase | unload | update |" in text
    assert "| CREDIT FOR LOAD | - | idle | - | - | - |" in text
    assert "| GET BALANCE | same | same | same | same | same |" in text
    assert "`6901` where - stands" in text
    assert len(PART_2.rows) + 2 == sum(line.startswith("|") for line in text.splitlines())


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ParameterError, match="row GET BALANCE must be 2 cells, got 1"):
        StateTable("t", "c", SW.INVALID_STATE, (State.IDLE, State.LOAD), {"GET BALANCE": (Step.SAME,)})
