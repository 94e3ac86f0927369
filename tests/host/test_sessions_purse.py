"""Purse, PSAM and load SAM sessions with simulated cards: every transaction whole, over T=0 and T=1, in two suites; its
proof afterwards; every command at the wrong moment.
"""

from __future__ import annotations

import pytest

from cardos.apdu import SW
from cardos.errors import StatusError
from cardos.host import GreyCode, LockState, LogRecord, Proof, Purse, RecordMode

from .session_calls import GREY_CALLS, PURSE_CALLS, TERMINAL, method_rows
from .session_desk import CAPP, CYCLIC, LINEAR, RIDE, WHEN, Desk

KINDS = [("3des", "T=1"), ("3des", "T=0"), ("sm4-a", "T=1")]


@pytest.fixture(params=KINDS, ids="-".join)
def desk(request):
    return Desk(*request.param)


def refused(sw: int):
    return pytest.raises(StatusError, match=f"answered {sw:04X}")


# ------------------------------------------------------------------ load, unload, overdraft


def test_load_of_both_purses(desk):
    session = desk.card()
    for purse in Purse:
        tac = desk.load(session, purse, 5000)
        assert 5000 == session.get_balance(purse) == session.shown_balance(purse)
        assert tac == session.get_transaction_prove(purse.load, 1).tac
    assert [LogRecord(1, 0, 5000, purse.load, TERMINAL, WHEN) for purse in (Purse.EP, Purse.ED)] == list(
        session.read_log()
    )


def test_unload(desk):
    session = desk.card()
    desk.load(session, Purse.ED, 5000)
    begun = session.initialize_for_unload(amount=1500, terminal=TERMINAL)
    moved = {"amount": 1500, "type": 3}
    desk.check_mac("unload", begun, "mac1", begun.mac1, balance=5000, **moved)
    mac3 = session.debit_for_unload(when=WHEN, mac2=desk.mac("unload", begun, **moved))
    desk.check_mac("unload", begun, "mac3", mac3, balance=3500, online_serial=begun.online_serial, **moved)
    assert 3500 == session.get_balance(Purse.ED)
    assert mac3 == session.get_transaction_prove(3, begun.online_serial + 1).mac


def test_overdraft_limit(desk):
    session = desk.card()
    begun = session.initialize_for_update(terminal=TERMINAL)
    desk.check_mac("overdraft", begun, "mac1", begun.mac1, balance=0, limit=0, type=7)
    tac = session.update_overdraw_limit(
        new_limit=2000, when=WHEN, mac2=desk.mac("overdraft", begun, new_limit=2000, type=7)
    )
    desk.check_tac("overdraft", tac, balance=2000, online_serial=begun.online_serial, new_limit=2000, type=7)
    assert 2000 == session.get_balance(Purse.ED)
    assert tac == session.get_transaction_prove(7, begun.online_serial + 1).tac
    assert 2000 == session.initialize_for_update(terminal=TERMINAL).limit


def test_load_by_a_load_sam(desk):
    session, isam = desk.card(), desk.isam()
    begun = session.initialize_for_load(Purse.EP, amount=2500, terminal=isam.info.terminal)
    given = isam.load_by_sam(begun, card=session.public, amount=2500, transaction_type=2, when=WHEN)
    session.credit_for_load(when=WHEN, mac2=given.mac2)
    assert (2500, 0) == (session.get_balance(Purse.EP), given.load_serial)
    with refused(SW.MAC_INVALID):
        isam.load_by_sam(begun, card=session.public, amount=2501, transaction_type=2, when=WHEN)


# ------------------------------------------------------------------ purchases


def spend(desk, session, psam, begun, amount, type_, *, terminal_serial=None):
    """The rest of a purchase, the SAM checking MAC2; gives what the card debited."""
    fields = {"card": session.public, "amount": amount, "transaction_type": type_, "when": WHEN}
    if terminal_serial is None:
        sam = psam.init_sam_for_purchase(begun, **fields)
    else:
        sam = psam.init_sam_with_serial(begun, **fields, terminal_serial=terminal_serial)
    debited = session.debit_for_purchase(terminal_serial=sam.terminal_serial, when=WHEN, mac1=sam.mac1)
    psam.credit_sam_for_purchase(debited.mac2)
    desk.check_tac("purchase", debited.tac, amount=amount, type=type_, terminal_serial=sam.terminal_serial)
    proof = Proof(debited.mac2, debited.tac)
    assert proof == session.get_transaction_prove(type_, begun.offline_serial + 1)
    return sam


@pytest.mark.parametrize("purse", Purse)
def test_purchase(desk, purse):
    session, psam = desk.card(), desk.psam()
    desk.load(session, purse, 5000)
    for serial in range(2):
        begun = session.initialize_for_purchase(purse, amount=300, terminal=psam.info.terminal)
        assert serial == spend(desk, session, psam, begun, 300, purse.purchase).terminal_serial
    assert 4400 == session.get_balance(purse)


def test_purchase_with_a_serial_of_the_terminal(desk):
    session, psam = desk.card(), desk.psam()
    desk.load(session, Purse.EP, 5000)
    begun = session.initialize_for_purchase(Purse.EP, amount=300, terminal=TERMINAL)
    assert 77 == spend(desk, session, psam, begun, 300, 6, terminal_serial=77).terminal_serial
    begun = session.initialize_for_purchase(Purse.EP, amount=300, terminal=TERMINAL)
    assert 78 == spend(desk, session, psam, begun, 300, 6).terminal_serial


def test_cash_withdrawal(desk):
    session, psam = desk.card(), desk.psam()
    desk.load(session, Purse.ED, 5000)
    begun = session.initialize_for_cash_withdraw(amount=1200, terminal=TERMINAL)
    spend(desk, session, psam, begun, 1200, 4)
    assert 3800 == session.get_balance(Purse.ED)


def test_composite_purchase(desk):
    """A record by its tag, by its number, and one that is added: all are written with the debit, not before."""
    session, psam = desk.card(), desk.psam()
    desk.load(session, Purse.EP, 5000)
    begun = session.initialize_for_capp_purchase(amount=250, terminal=TERMINAL)
    ride = RIDE[:3] + bytes.fromhex("AABB").ljust(9, b"\x00")
    session.update_capp_data_cache(CAPP, RIDE[0], ride)
    session.update_capp_data_cache(LINEAR, 4, b"last", mode=RecordMode.NUMBER)
    session.update_capp_data_cache(CYCLIC, 0, b"trip")
    spend(desk, session, psam, begun, 250, 9)
    assert 4750 == session.get_balance(Purse.EP)
    assert ride == session.read_record(CAPP, RIDE[0], mode=RecordMode.FIRST)
    assert b"last".ljust(16, b"\x00") == session.read_record(LINEAR, 4)
    assert b"trip".ljust(48, b"\x00") == session.read_record(CYCLIC, 1)


def test_a_composite_purchase_that_ends_before_its_debit_writes_nothing(desk):
    session = desk.card()
    session.initialize_for_capp_purchase(amount=0, terminal=TERMINAL)
    session.update_capp_data_cache(CAPP, RIDE[0], RIDE[:3] + b"\x01")
    session = desk.card()
    assert RIDE == session.read_record(CAPP, 1)


# ------------------------------------------------------------------ grey lock


def locked(desk, session, psam, *, certify=True):
    """A grey lock whose GTAC is right; gives what the SAM said and what the card said."""
    begun = session.initialize_for_grey_lock(terminal=psam.info.terminal)
    sam = psam.init_sam_for_grey_lock(begun, card=session.public, transaction_type=0x91, when=WHEN)
    answer = session.grey_lock(
        terminal_serial=sam.terminal_serial, terminal_random=sam.terminal_random, when=WHEN, mac1=sam.mac1
    )
    desk.check_tac("grey_lock", answer.gtac, "gtac", type=0x91, terminal_serial=sam.terminal_serial)
    if certify:
        psam.certify_grey_lock(answer.mac2)
    return sam, answer


def test_grey_sale(desk):
    session, psam = desk.card(), desk.psam()
    desk.load(session, Purse.EP, 5000)
    with refused(SW.CONDITIONS):
        session.get_lock_proof()
    sam, answer = locked(desk, session, psam)
    proof = session.get_lock_proof()
    assert (LockState.LOCKED, 0x91, 0x01, 5000, TERMINAL, WHEN, answer.mac2, answer.gtac) == (
        proof.lock_state, proof.type, proof.purse_code, proof.balance, proof.terminal, proof.when,
        proof.lock_value, proof.lock_tac,
    )  # fmt: skip
    with refused(SW.GREY_LOCKED):
        session.initialize_for_purchase(Purse.EP, amount=1, terminal=TERMINAL)
    credit = psam.credit_sam_for_grey_debit(
        transaction_type=0x93, card_serial=session.public.card_serial, offline_serial=proof.serial, amount=700
    )
    assert credit == psam.get_gmac(sam.terminal_serial)
    tac = session.debit_for_unlock(
        amount=700,
        offline_serial=proof.serial,
        terminal=TERMINAL,
        terminal_serial=9,
        when=WHEN,
        gmac=credit.gmac,
    )
    desk.check_tac("grey_debit", tac, amount=700, type=0x93, terminal_serial=9)
    assert tac == session.get_transaction_prove(0x93, proof.serial).tac
    proof = session.get_lock_proof()
    assert (LockState.UNREAD, 700, tac) == (
        proof.lock_state,
        int.from_bytes(proof.lock_value),
        proof.lock_tac,
    )
    session.clear_lock_proof()
    assert (LockState.NONE, 4300) == (session.get_lock_proof().lock_state, session.get_balance(Purse.EP))


def test_grey_unlock_online(desk):
    session, psam = desk.card(), desk.psam()
    desk.load(session, Purse.EP, 5000)
    locked(desk, session, psam, certify=False)
    begun = session.initialize_for_grey_unlock(terminal=TERMINAL)
    desk.check_mac(
        "grey_unlock", begun, "mac1", begun.mac1, balance=5000, offline_serial=begun.offline_serial, type=0x95
    )
    moved = {"amount": 400, "type": 0x95}
    mac3 = session.grey_unlock(amount=400, when=WHEN, mac2=desk.mac("grey_unlock", begun, **moved))
    desk.check_mac(
        "grey_unlock", begun, "mac3", mac3, balance=4600, online_serial=begun.online_serial, **moved
    )
    assert 4600 == session.get_balance(Purse.EP)
    assert mac3 == session.get_transaction_prove(0x95, begun.online_serial + 1).tac
    assert mac3 == session.get_lock_proof().lock_tac


@pytest.mark.parametrize(
    ("both", "purse", "code", "balance"),
    [
        (False, Purse.EP, GreyCode.FIRST, 100),
        (False, Purse.ED, GreyCode.FIRST, 100),
        (True, Purse.ED, GreyCode.FIRST, 200),
        (True, Purse.EP, GreyCode.SECOND, 100),
    ],
)
def test_what_the_grey_lock_calls_a_purse(both, purse, code, balance):
    """A card that locks either purse locks the one that it is told, another its electronic purse."""
    desk = Desk()
    desk.profile = desk.profile.with_options(grey_both_purses=both)
    desk.profiles["card"] = desk.profile
    desk.link = desk.new("card")
    session, psam = desk.card(), desk.psam()
    assert code is session.grey_code(purse)
    desk.load(session, Purse.EP, 100)
    desk.load(session, Purse.ED, 200)
    begun = session.initialize_for_grey_lock(purse, terminal=TERMINAL)
    assert balance == begun.balance
    sam = psam.init_sam_for_grey_lock(begun, card=session.public, transaction_type=code.lock, when=WHEN)
    session.grey_lock(
        terminal_serial=sam.terminal_serial, terminal_random=sam.terminal_random, when=WHEN, mac1=sam.mac1
    )
    proof = session.get_lock_proof()
    assert (code.lock, code.p2) == (proof.type, proof.purse_code)


# ------------------------------------------------------------------ at the wrong moment


@pytest.mark.parametrize("call", method_rows(PURSE_CALLS, GREY_CALLS), ids=lambda call: call.name)
@pytest.mark.parametrize("before", ["nothing", "load", "composite"])
def test_any_order_goes_out_and_only_the_card_refuses(call, before):
    """Whatever was begun, the session sends what it is told; the card says 6901 or something else, or does it."""
    session = Desk().card()
    begin = {
        "nothing": lambda: None,
        "load": lambda: session.initialize_for_load(Purse.EP, amount=1, terminal=TERMINAL),
        "composite": lambda: session.initialize_for_capp_purchase(amount=0, terminal=TERMINAL),
    }
    begin[before]()
    try:
        call.call(session)
    except StatusError as error:
        assert call.name == error.command
    assert 0 == session.get_balance(Purse.EP)


def test_a_partner_without_its_initialize_is_6901():
    session = Desk().card()
    for call in (
        lambda: session.credit_for_load(when=WHEN, mac2=bytes(4)),
        lambda: session.debit_for_unload(when=WHEN, mac2=bytes(4)),
        lambda: session.debit_for_purchase(terminal_serial=0, when=WHEN, mac1=bytes(4)),
        lambda: session.update_overdraw_limit(new_limit=1, when=WHEN, mac2=bytes(4)),
        lambda: session.update_capp_data_cache(CAPP, RIDE[0], RIDE),
        lambda: session.grey_lock(terminal_serial=0, terminal_random=bytes(4), when=WHEN, mac1=bytes(4)),
        lambda: session.grey_unlock(amount=1, when=WHEN, mac2=bytes(4)),
    ):
        with refused(SW.INVALID_STATE):
            call()


def test_a_wrong_mac_is_sent_as_it_is():
    session = Desk().card()
    session.initialize_for_load(Purse.EP, amount=1, terminal=TERMINAL)
    with refused(SW.MAC_INVALID):
        session.credit_for_load(when=WHEN, mac2=bytes(4))


def test_two_sessions_share_nothing():
    first, second = Desk(), Desk()
    one, two = first.card(), second.card()
    first.load(one, Purse.EP, 100)
    assert (100, 0) == (one.get_balance(Purse.EP), two.get_balance(Purse.EP))
