"""Every flow above the sessions, when nothing goes wrong."""

from __future__ import annotations

import inspect

import pytest

from cardos.host import Dispenser, EntryState, Gate, Outlet

from .flow_table import FLOWS, Bench, Counter, expected

OTHERS = ("city-sm4", "jrt-3des", "city-3des+grey_both_purses")
CASES = [
    *(pytest.param(flow, flow.profile, id=flow.name) for flow in FLOWS),
    *(
        pytest.param(flow, profile, id=f"{flow.name}-{profile}")
        for flow in FLOWS
        for profile in OTHERS
        if flow.profile == "city-3des"
    ),
]


#: Methods that meet a card and move nothing, or what another one of the table moves.
BESIDES = {"recover", "read_evidence", "composite", "claim", "collect"}


def test_every_method_that_meets_a_card_is_a_flow_of_the_table():
    public = {
        name
        for place in (Dispenser, Outlet, Gate)
        for name in dir(place)
        if not name.startswith("_") and "transport" in inspect.signature(getattr(place, name)).parameters
    }
    in_table = {name for flow in FLOWS for name in flow.run.__code__.co_names}
    assert public - BESIDES == public & in_table


@pytest.mark.parametrize(("flow", "profile"), CASES)
def test_flow_moves_what_it_says(tmp_path, flow, profile):
    with Bench(tmp_path, profile) as bench:
        flow.before(bench)
        start, books = bench.money(), bench.settled()
        link = Counter(bench.link)
        flow.run(bench, link)
        assert expected(bench, flow, start) == bench.money()
        assert flow.books == bench.settled() - books
        assert flow.commands == link.count
        open_ones = [state for state in bench.states() if state is not EntryState.COMPLETE]
        assert open_ones in ([], [EntryState.OPEN])  # a lock waits for its debit
