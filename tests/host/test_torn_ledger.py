"""From the card to the centre: what was torn, and what came of it, is on the card, in the journals and in the books."""

from __future__ import annotations

import pytest

from cardos.clearing import CardAccount, CardId, ClearingHouse, Conservation, MasterKeys, TacScheme
from cardos.clearing.conserve import Part
from cardos.errors import CardRemoved, MacMismatch
from cardos.host import Purse, collect, read_out
from cardos.host.record import NO_SAM

from .conftest import NOON, OUTLET, SAM_DATA, torn
from .flow_table import BY_NAME, Bench, Flow
from .test_flows_outlet import Flips

PROFILE = "tunion"  # one purse: the centre follows one balance of a card
TORN = [
    pytest.param(BY_NAME[name], before, id=f"{name}-{'before' if before else 'after'}")
    for name in ("load", "purchase", "entry", "exit", "debit")
    for before in (True, False)
]
DAY = NOON.date()


@pytest.fixture
def bench(tmp_path):
    with Bench(tmp_path, PROFILE) as bench:
        yield bench


@pytest.fixture
def centre(bench):
    """It knows the card since it was new."""
    scheme = TacScheme(bench.profile.dialect, bench.keys["tac"], bench.profile.factors)
    with ClearingHouse(":memory:", MasterKeys({(bench.public.issuer, 0): scheme})) as house:
        for operator in (1, 2, 9):
            house.register_operator(operator, f"operator {operator}")
        house.register_sam(NO_SAM, OUTLET, 9)
        house.register_sam(bytes.fromhex("0000000000000042"), SAM_DATA.terminal, 1)
        house.register_sam(bytes.fromhex("0000000000000043"), bytes.fromhex("001122334466"), 2)
        house.register_card(CardAccount(card_of(bench), bench.opening))
        house.publish_list(DAY, [])
        yield house


def card_of(bench: Bench) -> CardId:
    return CardId(bench.public.issuer, bench.public.card_serial)


def cleared(bench: Bench, centre: ClearingHouse) -> Conservation:
    """What is new in all journals goes to the centre."""
    for journal in (bench.outlet_journal, bench.journal, *bench.others):
        centre.ingest(collect(journal, bench.folder, created=bench.clock()))
    centre.run_day(DAY)
    return centre.conservation(DAY, {card_of(bench): bench.balance(Purse.EP)})


def not_settled(proof: Conservation) -> set[Part]:
    """Parts of the statement that tell of money that nobody got yet."""
    assert proof.balanced
    return {line.part for line in proof.parts if line.total.count} - {Part.LOADS, Part.PURCHASES}


def come_back(bench: Bench, flow: Flow) -> None:
    flow.run(bench, bench.link)


def go_elsewhere(bench: Bench, _: Flow) -> None:
    """The card never comes back to where it was torn; one that is locked is unlocked with the seller's claim."""
    other = bench.other_terminal()
    if read_out(bench.link, bench.profile).is_locked:
        bench.terminal.accept(other.collect(bench.link, bench.terminal.claim(bench.sale)))
    other.purchase(bench.link, 7)


@pytest.mark.slow
@pytest.mark.parametrize("then", [come_back, go_elsewhere])
@pytest.mark.parametrize(("flow", "before"), TORN)
def test_every_fen_has_a_trace_at_once_and_an_owner_after_the_next_tap(bench, centre, flow, before, then):
    flow.before(bench)
    completing = next(index for index in range(flow.commands) if flow.is_done(index, before=False))
    fault = torn(bench.link, completing, before=before)
    with pytest.raises(CardRemoved):
        flow.run(bench, fault)
    fault.reset()
    assert cleared(bench, centre).balanced
    then(bench, flow)
    assert set() == not_settled(cleared(bench, centre))


@pytest.mark.slow
def test_a_suspect_purchase_whose_tac_is_right_is_settled(bench, centre):
    with pytest.raises(MacMismatch):
        bench.terminal.purchase(Flips(bench.link, 0x54, 4), 100)
    assert set() == not_settled(cleared(bench, centre))
