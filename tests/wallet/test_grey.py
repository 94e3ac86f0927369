"""The grey lock on the card: lock, debit, online unlock and proof; tries, purses, dialects, what outlives the power."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW
from cardos.apdu.grey_commands import DEBIT_FOR_UNLOCK, GREY_LOCK, GREY_UNLOCK
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD
from cardos.files.filesystem import BlockState
from cardos.wallet.grey_file import LockState
from cardos.wallet.states import State
from tests.wallet.grey_rig import OTHER_TERMINAL, grey_card
from tests.wallet.rig import TERMINAL, moment
from tests.wallet.sam_rig import unblock

SUITES = pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])


@pytest.fixture
def card():
    return grey_card()


def ok(answer):
    assert f"{SW.SUCCESS:04X}" == f"{answer.sw:04X}"
    return answer.data


def newest(card):
    return LOG_RECORD.split(card.log()[0])


# ------------------------------------------------------------------ lock


@SUITES
def test_lock(suite):
    card = grey_card(suite)
    before, log = card.purse_state(), card.log()
    begun, _ = card.lock()
    assert (10_000, before.offline_serial, 0) == (begun.balance, begun.offline_serial, begun.limit)
    after = card.purse_state()
    assert before._replace(offline_serial=before.offline_serial + 1, lock_state=LockState.LOCKED) == after
    assert log == card.log()
    assert State.IDLE is card.state()


@SUITES
def test_lock_proof_while_locked(suite):
    """30 bytes: state, type, purse, balance, serial after the step, terminal, moment, MAC2, GTAC."""
    card = grey_card(suite)
    begun = card.init_lock()
    answer = GREY_LOCK.parse_answer(ok(card.raw(card.lock_command(begun, 9))))
    card.reset()
    proof = card.proof()
    assert (0x01, 0x91, 0x01, 10_000) == (proof.lock_state, proof.type, proof.purse_code, proof.balance)
    assert (begun.offline_serial + 1, TERMINAL) == (proof.serial, proof.terminal)
    assert tuple(moment(card.when).values()) == (proof.date, proof.time)
    assert (answer.mac2, answer.gtac) == (proof.lock_value, proof.lock_tac)
    assert 30 == len(ok(card.raw(bytes.fromhex("E0CA00001E"))))


def test_a_wrong_mac1_locks_nothing(card):
    before = card.purse_state()
    command = card.lock_command(card.init_lock())
    assert SW.MAC_INVALID == card.raw(replace(command, data=command.data[:-4] + bytes(4))).sw
    assert before == card.purse_state()
    card.proof(sw=SW.CONDITIONS)


def test_the_terminal_serial_and_random_enter_the_session_key(card):
    sessions = set()
    for serial in (0, 1):
        _, session = card.lock(serial)
        sessions.add(session)
        card.raw(card.unlock_command(card.init_unlock(), 0))
    assert 2 == len(sessions)


# ------------------------------------------------------------------ debit


@SUITES
@pytest.mark.parametrize("way", ["at once", "select", "power"])
def test_debit_from_another_terminal(suite, way):
    """The lock outlives SELECT and power; any terminal that holds the signed amount debits."""
    card = grey_card(suite)
    begun, session = card.lock()
    {"at once": lambda: None, "select": card.select, "power": card.reset}[way]()
    card.check_debit_tac(ok(card.raw(card.debit(session, 700, begun.offline_serial + 1))), 700)
    assert 9_300 == card.balance()
    state = card.purse_state()
    assert (begun.offline_serial + 1, LockState.TAC_UNREAD) == (state.offline_serial, state.lock_state)
    log = newest(card)
    assert (begun.offline_serial + 1, 0, 700, 0x93) == tuple(
        log[name] for name in ("serial", "new_limit", "amount", "type")
    )
    assert (OTHER_TERMINAL, *moment(card.when).values()) == (log["terminal"], log["date"], log["time"])


def test_lock_proof_after_the_debit(card):
    """State 10 until P1 = 01, then 00; type, balance after, serial, the debiting terminal, amount, TAC."""
    begun, session = card.lock()
    tac = ok(card.raw(card.debit(session, 700, begun.offline_serial + 1)))
    card.reset()
    proof = card.proof()
    assert (0x10, 0x93, 0x01, 9_300) == (proof.lock_state, proof.type, proof.purse_code, proof.balance)
    assert (begun.offline_serial + 1, OTHER_TERMINAL) == (proof.serial, proof.terminal)
    assert ((700).to_bytes(4, "big"), tac) == (proof.lock_value, proof.lock_tac)
    card.clear_proof()
    cleared = card.proof()
    assert LockState.FREE == cleared.lock_state
    assert proof[1:] == cleared[1:]
    card.clear_proof()


def test_the_next_initialize_clears_the_flag(card):
    begun, session = card.lock()
    ok(card.raw(card.debit(session, 700, begun.offline_serial + 1)))
    card.init_lock()
    assert LockState.FREE == card.proof().lock_state
    assert State.PRE_GREY is card.state()


def test_an_amount_of_0(card):
    begun, session = card.lock()
    card.check_debit_tac(ok(card.raw(card.debit(session, 0, begun.offline_serial + 1))), 0)
    assert 10_000 == card.balance()
    assert 0x93 == newest(card)["type"]


def test_the_whole_balance(card):
    begun, session = card.lock()
    assert SW.BALANCE_INSUFFICIENT == card.raw(card.debit(session, 10_001, begun.offline_serial + 1)).sw
    ok(card.raw(card.debit(session, 10_000, begun.offline_serial + 1)))
    assert 0 == card.balance()


@pytest.mark.parametrize("step", [0, 2, -1])
def test_the_serial_must_be_that_of_the_lock(card, step):
    begun, session = card.lock()
    offline_serial = (begun.offline_serial + step) & 0xFFFF
    assert SW.PROOF_UNAVAILABLE == card.raw(card.debit(session, 700, offline_serial)).sw
    assert 0 == card.record().failures


def test_a_debit_happens_once(card):
    begun, session = card.lock()
    command = card.debit(session, 700, begun.offline_serial + 1)
    ok(card.raw(command))
    assert SW.INVALID_STATE == card.raw(command).sw
    assert 9_300 == card.balance()


def test_the_session_key_is_forgotten(card):
    begun, session = card.lock()
    assert session.reveal() == card.record().session_key[:8]
    ok(card.raw(card.debit(session, 1, begun.offline_serial + 1)))
    assert bytes(16) == card.record().session_key


def test_no_key_is_shown(card):
    card.lock()
    assert "session_key" not in repr(card.record())


# ------------------------------------------------------------------ wrong GMACs


@pytest.mark.parametrize("tries", [1, 3, 5])
def test_wrong_gmacs_block_for_a_time(tries):
    card = grey_card(gmac_tries=tries)
    begun, session = card.lock()
    wrong = card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4))
    for _ in range(tries):
        assert BlockState.ACTIVE == card.fs.block_state(card.application)
        assert SW.MAC_INVALID == card.raw(wrong).sw
    assert BlockState.TEMPORARY == card.fs.block_state(card.application)
    card.card.power_on()
    assert SW.SUCCESS != card.raw(card.debit(session, 700, begun.offline_serial + 1)).sw
    assert LockState.LOCKED == card.purse_state().lock_state


def test_application_unblock_begins_a_new_count(card):
    begun, session = card.lock()
    right = card.debit(session, 700, begun.offline_serial + 1)
    wrong = card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4))
    for _ in range(3):
        assert SW.MAC_INVALID == card.raw(wrong).sw
    assert SW.SUCCESS != card.raw(right).sw
    ok(card.raw(unblock(card)))
    for _ in range(2):
        assert SW.MAC_INVALID == card.raw(wrong).sw
    card.fs.set_block_state(card.application, BlockState.TEMPORARY)
    card.fs.commit()
    ok(card.raw(unblock(card)))
    assert 0 == card.record().failures
    ok(card.raw(right))


def test_application_unblock_of_what_is_not_blocked(card):
    begun, session = card.lock()
    card.raw(card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4)))
    assert SW.CONDITIONS == card.raw(unblock(card)).sw
    assert 1 == card.record().failures


def test_the_right_gmac_on_the_last_try(card):
    begun, session = card.lock()
    for _ in range(card.profile.purse.gmac_tries - 1):
        card.raw(card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4)))
        card.reset()
    ok(card.raw(card.debit(session, 700, begun.offline_serial + 1)))
    assert (0, BlockState.ACTIVE) == (card.record().failures, card.fs.block_state(card.application))


def test_the_count_outlives_the_lock_until_a_right_mac(card):
    """A forced unlock is a successful one; an interrupted one is not."""
    begun, session = card.lock()
    card.raw(card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4)))
    unlock = card.init_unlock()
    assert SW.MAC_INVALID == card.raw(GREY_UNLOCK.command(amount=0, mac2=bytes(4), **moment(card.when))).sw
    assert 1 == card.record().failures
    unlock = card.init_unlock()
    ok(card.raw(card.unlock_command(unlock, 0)))
    assert 0 == card.record().failures


def test_what_is_refused_before_the_gmac_does_not_count(card):
    begun, session = card.lock()
    for amount, serial in ((10_001, begun.offline_serial + 1), (1, begun.offline_serial)):
        for _ in range(card.profile.purse.gmac_tries + 1):
            card.raw(card.debit(session, amount, serial, gmac=bytes(4)))
    assert 0 == card.record().failures
    ok(card.raw(card.debit(session, 700, begun.offline_serial + 1)))


def test_as_many_tries_as_the_count_can_hold():
    card = grey_card(gmac_tries=255)
    begun, session = card.lock()
    wrong = card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4))
    for _ in range(254):
        assert SW.MAC_INVALID == card.raw(wrong).sw
    assert (254, BlockState.ACTIVE) == (card.record().failures, card.fs.block_state(card.application))
    assert SW.MAC_INVALID == card.raw(wrong).sw
    assert (0, BlockState.TEMPORARY) == (card.record().failures, card.fs.block_state(card.application))


# ------------------------------------------------------------------ online unlock


@SUITES
@pytest.mark.parametrize("amount", [0, 700, 10_000])
def test_online_unlock(suite, amount):
    card = grey_card(suite)
    card.lock()
    card.reset()
    begun = card.init_unlock()
    session, before = card.unlock_session(begun), card.purse_state()
    card.dialect.verify_mac(
        "grey_unlock", "mac1", session, begun.mac1, balance=begun.balance,
        offline_serial=begun.offline_serial, type=0x95, terminal=TERMINAL,
    )  # fmt: skip
    mac3 = ok(card.raw(card.unlock_command(begun, amount)))
    card.dialect.verify_mac(
        "grey_unlock", "mac3", session, mac3, balance=10_000 - amount, online_serial=begun.online_serial,
        **card.unlock_fields(amount),
    )  # fmt: skip
    expected = before._replace(
        balance=10_000 - amount, online_serial=before.online_serial + 1, lock_state=LockState.FREE
    )
    assert expected == card.purse_state()
    log, proof = newest(card), card.proof()
    assert (begun.online_serial + 1, amount, 0x95) == (log["serial"], log["amount"], log["type"])
    assert (0x00, 0x95, 10_000 - amount) == (proof.lock_state, proof.type, proof.balance)
    assert (begun.online_serial + 1, amount.to_bytes(4, "big"), mac3) == (
        proof.serial, proof.lock_value, proof.lock_tac,
    )  # fmt: skip
    card.lock()


def test_online_unlock_of_more_than_the_balance(card):
    card.lock()
    begun = card.init_unlock()
    assert SW.BALANCE_INSUFFICIENT == card.raw(card.unlock_command(begun, 10_001)).sw
    assert LockState.LOCKED == card.purse_state().lock_state
    ok(card.raw(card.unlock_command(card.init_unlock(), 1)))


def test_the_debit_after_an_online_unlock_is_too_late(card):
    begun, session = card.lock()
    ok(card.raw(card.unlock_command(card.init_unlock(), 100)))
    assert SW.INVALID_STATE == card.raw(card.debit(session, 700, begun.offline_serial + 1)).sw
    assert 9_900 == card.balance()


def test_an_old_debit_does_not_open_a_new_lock(card):
    begun, session = card.lock()
    command = card.debit(session, 700, begun.offline_serial + 1)
    ok(card.raw(card.unlock_command(card.init_unlock(), 0)))
    again, _ = card.lock(1)
    assert SW.PROOF_UNAVAILABLE == card.raw(command).sw
    assert SW.MAC_INVALID == card.raw(card.debit(session, 700, again.offline_serial + 1)).sw


# ------------------------------------------------------------------ purses


def test_one_purse_is_called_01(card):
    """JR/T 0025.9 locks the electronic purse and calls it 01; 02 is nothing."""
    card.init_lock(code=0x02, sw=SW.WRONG_P1P2)
    card.lock()
    assert LockState.LOCKED == card.purse_state(EP).lock_state
    card.init_unlock(code=0x02, sw=SW.WRONG_P1P2)


@pytest.mark.parametrize(("code", "purse"), [(0x01, ED), (0x02, EP)])
def test_both_purses(code, purse):
    """Products: 01 is the deposit with types 91, 93, 95; 02 the purse with 92, 94, 96."""
    card = grey_card(code=code, grey_both_purses=True)
    card.verify()
    begun, session = card.lock()
    assert LockState.LOCKED == card.purse_state(purse).lock_state
    assert (0x90 + code, code) == (card.proof().type, card.proof().purse_code)
    wrong = card.debit(session, 0, begun.offline_serial + 1, p2=3 - code)
    assert SW.CONDITIONS == card.raw(wrong).sw
    card.check_debit_tac(ok(card.raw(card.debit(session, 0, begun.offline_serial + 1))), 0)
    assert 0x92 + code == newest(card)["type"]
    card.lock(1)
    ok(card.raw(card.unlock_command(card.init_unlock(), 0)))
    assert 0x94 + code == newest(card)["type"]


def test_one_lock_proof_for_both_purses():
    card = grey_card(code=0x02, grey_both_purses=True)
    card.verify()
    begun, session = card.lock()
    ok(card.raw(card.debit(session, 700, begun.offline_serial + 1)))
    card.code = 0x01
    card.init_lock()
    assert (LockState.FREE, 0x94) == (card.proof().lock_state, card.proof().type)
    card.lock()
    assert (LockState.LOCKED, 0x91) == (card.proof().lock_state, card.proof().type)
    assert not card.record(EP).exists


# ------------------------------------------------------------------ properties


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["debit", "unlock", "wrong", "again"]), st.integers(0, 4_000), st.booleans()
        ),
        max_size=6,
    )
)
@settings(max_examples=30)
def test_money_is_conserved(steps):
    """Whatever is locked and unlocked: the balance is what was loaded less what the log says was debited."""
    card = grey_card(gmac_tries=100)
    spent, serial = 0, 0
    for way, amount, reset in steps:
        begun, session = card.lock(serial)
        serial += 1
        if reset:
            card.reset()
        fits = amount <= 10_000 - spent
        if way == "wrong":
            card.raw(card.debit(session, amount, begun.offline_serial + 1, gmac=bytes(4)))
            card.raw(card.unlock_command(card.init_unlock(), 0))
            continue
        if way == "unlock":
            answer = card.raw(card.unlock_command(card.init_unlock(), amount))
        else:
            answer = card.raw(card.debit(session, amount, begun.offline_serial + 1))
        assert (SW.SUCCESS if fits else SW.BALANCE_INSUFFICIENT) == answer.sw
        spent += amount if fits else 0
        if not fits:
            ok(card.raw(card.unlock_command(card.init_unlock(), 0)))
        if way == "again":
            assert SW.SUCCESS != card.raw(card.debit(session, amount, begun.offline_serial + 1)).sw
    assert 10_000 - spent == card.balance()
    debits = [LOG_RECORD.split(record) for record in card.log()]
    assert spent == sum(each["amount"] for each in debits if each["type"] in (0x93, 0x95))


def test_coding_of_fuel_terminals():
    """Lc and Le of the commands as dispensers send them."""
    assert (0x13, 8) == (GREY_LOCK.lc[0], GREY_LOCK.le)
    assert (0x1B, 4) == (DEBIT_FOR_UNLOCK.lc[0], DEBIT_FOR_UNLOCK.le)
    assert (0x0F, 4) == (GREY_UNLOCK.lc[0], GREY_UNLOCK.le)


def test_the_lock_proof_comes_without_le_too(card):
    card.lock()
    assert card.raw(bytes.fromhex("E0CA0000")) == card.raw(bytes.fromhex("E0CA00001E"))
