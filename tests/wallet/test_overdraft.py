"""The overdraft limit of the deposit: the balance moves with it, and what GET BALANCE says of the two."""

from __future__ import annotations

import pytest

from cardos.apdu import SW
from cardos.apdu.purse_commands import ED, EP, GET_BALANCE, LOG_RECORD
from cardos.wallet.states import State
from tests.wallet.purse_cards import purse_card
from tests.wallet.rig import PurseRig

SUITES = pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
MOST_LIMIT = 0xFFFFFF


def card(**arguments) -> PurseRig:
    return purse_card(balance_forms=4, **arguments)


def told(rig) -> tuple[int, int]:
    state = rig.purse_state(ED)
    return state.balance, state.limit


def forms(rig, purse=ED) -> list[int]:
    """All that can be spent, the limit, what of it is in use, own money."""
    return [rig.send(GET_BALANCE, form, purse).balance for form in range(4)]


@SUITES
def test_the_limit_up_and_down(suite):
    """Own money stays what it is, whatever the limit."""
    rig = card(suite=suite)
    rig.load(1000, ED)
    for limit in (500, 2000, 1, 0, MOST_LIMIT, 500):
        rig.transact("overdraft", limit, ED)
        assert (1000 + limit, limit) == told(rig)
        assert limit == rig.begin("overdraft").limit
    assert (7, 0) == (rig.purse_state(ED).online_serial, rig.purse_state(ED).offline_serial)
    assert (0, 0) == (rig.purse_state(EP).balance, rig.purse_state(EP).online_serial)


@SUITES
def test_a_purchase_spends_the_overdraft(suite):
    rig = card(suite=suite)
    rig.load(1000, ED)
    rig.transact("overdraft", 500, ED)
    assert [1500, 500, 0, 1000] == forms(rig)
    rig.purchase(1000, ED)
    assert [500, 500, 0, 0] == forms(rig)
    rig.purchase(400, ED)
    assert [100, 500, 400, 0] == forms(rig)
    rig.begin("purchase", 101, ED, sw=SW.BALANCE_INSUFFICIENT)
    rig.transact("cash", 100, ED)
    assert [0, 500, 500, 0] == forms(rig)
    rig.load(700, ED)
    assert [700, 500, 0, 200] == forms(rig)


@pytest.mark.parametrize(("option", "sw"), [({}, 0x6900), ({"overdraft_negative": 0x9401}, 0x9401)])
def test_what_is_spent_cannot_be_taken_away(option, sw):
    """400 of 500 are in use: the limit falls to 400 and not below; nothing is written then."""
    rig = card(**option)
    rig.transact("overdraft", 500, ED)
    rig.purchase(400, ED)
    before = rig.purse_state(ED), rig.log(), rig.prove(0x05, 1).data
    begun = rig.begin("overdraft")
    assert sw == rig.raw(rig.partner("overdraft", begun, 399, ED)).sw
    assert State.IDLE is rig.state()
    assert before == (rig.purse_state(ED), rig.log(), rig.prove(0x05, 1).data)
    rig.transact("overdraft", 400, ED)
    assert (0, 400) == told(rig)
    rig.load(400, ED)
    rig.transact("overdraft", 0, ED)
    assert (0, 0) == told(rig)


def test_a_limit_that_takes_the_balance_above_the_ceiling():
    rig = card()
    rig.poke(ED, ceiling=1500)
    rig.load(1000, ED)
    begun = rig.begin("overdraft")
    assert SW.CONDITIONS == rig.raw(rig.partner("overdraft", begun, 501, ED)).sw
    rig.transact("overdraft", 500, ED)
    rig.begin("load", 1, ED, sw=SW.CONDITIONS)


def test_the_first_limit_of_a_test_card():
    """The TAC of an FM1208 covers old balance + new limit, which is the rule for an old limit of 0."""
    rig = card()
    rig.load(0x100, ED)
    begun = rig.begin("overdraft")
    answer = rig.raw(rig.partner("overdraft", begun, 0x200, ED))
    fields = rig.fields("overdraft", begun, 0x200, ED) | {"balance": begun.balance + 0x200}
    assert rig.dialect.tac("overdraft", rig.key(rig.tac_key), **fields) == answer.data


def test_mac1_covers_the_old_limit_and_mac2_the_new_one():
    rig = card()
    rig.transact("overdraft", 500, ED)
    begun = rig.begin("overdraft")
    session, fields = rig.session("overdraft", begun), rig.fields("overdraft", begun, 600, ED)
    assert 500 == fields["limit"]
    assert rig.dialect.mac("overdraft", "mac1", session, **fields) == begun.mac1
    other = rig.dialect.mac("overdraft", "mac2", session, **fields | {"new_limit": 601})
    assert SW.MAC_INVALID == rig.raw(rig.partner("overdraft", begun, 600, ED, mac=other)).sw
    assert 500 == rig.purse_state(ED).limit


def test_log_and_proof_of_a_new_limit():
    rig = card()
    tac = rig.transact("overdraft", 0x123456, ED)
    record = LOG_RECORD.split(rig.log()[0])
    assert (1, 0x123456, 0, 0x07) == tuple(record[name] for name in ("serial", "new_limit", "amount", "type"))
    assert bytes(4) + tac == rig.prove(0x07, 1).data
    rig.purchase(1, ED)
    assert 0 == LOG_RECORD.split(rig.log()[0])["new_limit"]


# ------------------------------------------------------------------ a limit from the start


def test_a_deposit_personalised_with_a_limit():
    """``limit`` of the purse file: the balance includes it from the start (JR/T 0025.2 annex A)."""
    rig = card(deposit=500)
    assert [500, 500, 0, 0] == forms(rig)
    rig.purchase(200, ED)
    assert [300, 500, 200, 0] == forms(rig)
    assert [0, 0, 0, 0] == forms(rig, EP)


def test_the_electronic_purse_has_no_limit():
    rig = card()
    rig.load(100)
    assert [100, 0, 0, 100] == forms(rig, EP)
    assert 0 == rig.begin("purchase", 1).limit
    rig.select()
    assert 0 == rig.begin("composite", 1).limit
