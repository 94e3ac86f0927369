"""Every status word of every command of the grey lock, each provoked, and the states on a card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.apdu.grey_commands import (
    CLEAR_LOCK_PROOF,
    DEBIT_FOR_UNLOCK,
    GET_LOCK_PROOF,
    GREY_LOCK,
    GREY_UNLOCK,
    INITIALIZE_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_UNLOCK,
)
from cardos.apdu.os_commands import APPLICATION_UNBLOCK
from cardos.apdu.purse_commands import GET_BALANCE, GET_TRANSACTION_PROVE
from cardos.card import KINDS
from cardos.files.filesystem import BlockState
from cardos.wallet.grey import HANDLERS
from cardos.wallet.grey_file import LockState
from cardos.wallet.states import PURSE_STATES, State
from tests.wallet.grey_rig import GreyRig, grey_card, grey_profile
from tests.wallet.rig import TERMINAL, moment

INIT_LOCK, LOCK, DEBIT = INITIALIZE_FOR_GREY_LOCK, GREY_LOCK, DEBIT_FOR_UNLOCK
INIT_UNLOCK, UNLOCK = INITIALIZE_FOR_GREY_UNLOCK, GREY_UNLOCK
PROOF, CLEAR = GET_LOCK_PROOF, CLEAR_LOCK_PROOF
COMMANDS = (INIT_LOCK, LOCK, DEBIT, INIT_UNLOCK, UNLOCK, PROOF, CLEAR)


def plain(spec):
    """A command that reaches its handler, whatever it says there."""
    fields = {"terminal": TERMINAL, "key_index": 1}
    made = {
        INIT_LOCK.name: lambda: INIT_LOCK.command(0x08, 0x01, **fields),
        LOCK.name: lambda: LOCK.command(
            terminal_serial=0, terminal_random=bytes(4), mac1=bytes(4), **moment(GreyRig.when)
        ),
        DEBIT.name: lambda: DEBIT.command(
            0x08, 0x01, amount=0, offline_serial=1, terminal=TERMINAL, terminal_serial=0, gmac=bytes(4),
            **moment(GreyRig.when),
        ),
        INIT_UNLOCK.name: lambda: INIT_UNLOCK.command(0x09, 0x01, **fields),
        UNLOCK.name: lambda: UNLOCK.command(amount=0, mac2=bytes(4), **moment(GreyRig.when)),
        PROOF.name: PROOF.command,
        CLEAR.name: CLEAR.command,
    }  # fmt: skip
    return made[spec.name]()


def ready(card, spec):
    """The state in which a command does something; gives the command that succeeds there."""
    if spec is INIT_LOCK:
        begun, session = card.lock()
        card.raw(card.debit(session, 1, begun.offline_serial + 1))
        return plain(spec)
    if spec is LOCK:
        return card.lock_command(card.init_lock())
    begun, session = card.lock()
    if spec is UNLOCK:
        return card.unlock_command(card.init_unlock(), 1)
    debit = card.debit(session, 1, begun.offline_serial + 1)
    if spec is CLEAR:
        card.raw(debit)
    return debit if spec is DEBIT else plain(spec)


def worn(spec):
    def provoke(card):
        command = ready(card, spec)
        card.card.memory.worn = True
        return card.raw(command)

    return provoke


def blocked(spec, state=BlockState.TEMPORARY):
    def provoke(card):
        card.fs.set_block_state(card.application, state)
        card.fs.commit()
        return card.raw(plain(spec))

    return provoke


def after(prepare, spec, **changes):
    """A command after something was done; its MAC is zeros."""

    def provoke(card):
        prepare(card)
        return card.raw(replace(plain(spec), **changes))

    return provoke


def nothing(_card):
    """Nothing is done before."""


def lock(card):
    card.lock()


def init_unlock(card):
    card.lock()
    card.init_unlock()


def deposit_without_right(spec):
    """The purse file asks for a state that nobody reached (F1)."""

    def provoke(_card):
        card = grey_card(grey_both_purses=True)
        if spec is INIT_UNLOCK:
            card.verify()
            card.lock()
            card.reset()
        return card.raw(plain(spec))

    return provoke


def without_log(spec):
    """The log file is not one."""

    def provoke(_card):
        profile = grey_profile()
        mf, application = profile.directories
        files = tuple(replace(f, log=0x15) if f.type == "purse" else f for f in application.files)
        card = GreyRig.build(replace(profile, directories=(mf, replace(application, files=files))))
        if spec is not INIT_LOCK:
            force_lock(card)
        return card.raw(plain(spec))

    return provoke


def force_lock(card):
    """The card is locked behind its back, where it cannot be locked."""
    card.poke(lock_state=LockState.LOCKED)
    card.reset()


def serial_at_its_end(field, spec):
    def provoke(card):
        if spec is INIT_UNLOCK:
            card.lock()
        card.poke(**{field: 0xFFFF})
        return card.raw(plain(spec))

    return provoke


def too_much(card):
    begun, session = card.lock()
    return card.raw(card.debit(session, 10_001, begun.offline_serial + 1))


def another_purse(card):
    """Both purses may be locked; the debit names the one that is not."""
    card = grey_card(code=0x02, grey_both_purses=True)
    begun, session = card.lock()
    return card.raw(card.debit(session, 1, begun.offline_serial + 1, p2=0x01))


def log_lost(field):
    """GREY LOCK, GREY UNLOCK: between INITIALIZE and its partner the TAC key or the log goes."""

    def provoke(card):
        spec = {"tac": LOCK, "log": UNLOCK}[field]
        command = ready(card, spec)
        if field == "tac":
            key = card.fs.key(card.application, 0x34, 0x00)
            card.fs.replace_key(card.application, key, replace(key, id=9))
            card.fs.commit()
            return card.raw(command)
        card.poke(lock_state=LockState.FREE)
        return card.raw(command)

    return provoke


def unlock_too_much(card):
    card.lock()
    begun = card.init_unlock()
    return card.raw(card.unlock_command(begun, 10_001))


def no_purse(spec):
    """The MF has no purse; P1 P2, Lc and state are right."""

    def provoke(card):
        if spec in (LOCK, UNLOCK, DEBIT):
            return blocked(spec)(card)
        card.select(card.profile.directories[0].aid)
        return card.raw(plain(spec))

    return provoke


ROWS = [
    *((spec, SW.MEMORY_FAILURE, "worn", worn(spec)) for spec in (INIT_LOCK, LOCK, DEBIT, UNLOCK, CLEAR)),
    *((spec, SW.NOT_SUPPORTED, "blocked", blocked(spec)) for spec in COMMANDS),
    *((spec, SW.APPLICATION_LOCKED, "blocked", blocked(spec, BlockState.PERMANENT)) for spec in COMMANDS),
    *((spec, SW.NOT_SUPPORTED, "no-purse", no_purse(spec)) for spec in (INIT_LOCK, PROOF, CLEAR)),
    *((spec, SW.WRONG_P1P2, "p2", after(nothing, spec, p2=0x7F)) for spec in COMMANDS),
    (INIT_LOCK, SW.WRONG_P1P2, "p2-02", after(nothing, INIT_LOCK, p2=0x02)),
    (INIT_LOCK, SW.INVALID_STATE, "locked", after(lock, INIT_LOCK)),
    (LOCK, SW.INVALID_STATE, "idle", after(nothing, LOCK)),
    (DEBIT, SW.INVALID_STATE, "idle", after(nothing, DEBIT)),
    (INIT_UNLOCK, SW.INVALID_STATE, "idle", after(nothing, INIT_UNLOCK)),
    (UNLOCK, SW.INVALID_STATE, "locked", after(lock, UNLOCK)),
    *((spec, SW.SECURITY_STATUS, "right", deposit_without_right(spec)) for spec in (INIT_LOCK, INIT_UNLOCK)),
    *((spec, SW.CONDITIONS, "no-log", without_log(spec)) for spec in (INIT_LOCK, DEBIT, INIT_UNLOCK)),
    (LOCK, SW.CONDITIONS, "no-tac-key", log_lost("tac")),
    (DEBIT, SW.CONDITIONS, "other-purse", another_purse),
    (UNLOCK, SW.CONDITIONS, "not-locked", log_lost("log")),
    *((spec, SW.CONDITIONS, "never-locked", after(nothing, spec)) for spec in (PROOF, CLEAR)),
    (INIT_LOCK, SW.COUNTER_MAXIMUM, "offline", serial_at_its_end("offline_serial", INIT_LOCK)),
    (INIT_UNLOCK, SW.COUNTER_MAXIMUM, "online", serial_at_its_end("online_serial", INIT_UNLOCK)),
    (INIT_LOCK, SW.KEY_INDEX, "index", lambda card: card.raw(
        INIT_LOCK.command(0x08, 0x01, terminal=TERMINAL, key_index=9))),
    (INIT_UNLOCK, SW.KEY_INDEX, "index", lambda card: lock(card) or card.raw(
        INIT_UNLOCK.command(0x09, 0x01, terminal=TERMINAL, key_index=9))),
    (LOCK, SW.MAC_INVALID, "mac1", after(lambda card: card.init_lock(), LOCK)),
    (DEBIT, SW.MAC_INVALID, "gmac", after(lock, DEBIT)),
    (UNLOCK, SW.MAC_INVALID, "mac2", after(init_unlock, UNLOCK)),
    (DEBIT, SW.BALANCE_INSUFFICIENT, "amount", too_much),
    (UNLOCK, SW.BALANCE_INSUFFICIENT, "amount", unlock_too_much),
    (DEBIT, SW.PROOF_UNAVAILABLE, "serial", lambda card: lock(card) or card.raw(
        card.debit(card.key(bytes(16)), 1, 9, gmac=bytes(4)))),
]  # fmt: skip


@pytest.fixture
def card():
    return grey_card()


@pytest.mark.parametrize(
    ("spec", "sw", "provoke"),
    [
        pytest.param(spec, sw, provoke, id=f"{spec.name}-{sw:04X}-{reason}".replace(" ", "_"))
        for spec, sw, reason, provoke in ROWS
    ],
)
def test_status(card, spec, sw, provoke):
    answer = provoke(card)
    assert (f"{sw:04X}", b"") == (f"{answer.sw:04X}", answer.data)
    assert sw in spec.statuses


def test_every_declared_status_has_a_row():
    declared = {(spec.name, sw) for spec in COMMANDS for sw in spec.statuses}
    assert declared == {(spec.name, sw) for spec, sw, _, _ in ROWS}
    assert {spec.name for spec in COMMANDS} == set(HANDLERS) - {APPLICATION_UNBLOCK.name}
    assert set(HANDLERS) <= set(KINDS["card"])


@pytest.mark.parametrize("spec", [spec for spec in COMMANDS if spec.lc != (0, 0)], ids=lambda spec: spec.name)
@pytest.mark.parametrize("change", [-1, 1])
def test_wrong_length(card, spec, change):
    size = spec.lc[0] + change
    assert SW.WRONG_LENGTH == card.raw(replace(plain(spec), data=bytes(size))).sw


# ------------------------------------------------------------------ states


WAYS_IN = {
    State.IDLE: nothing,
    State.LOAD: lambda card: card.initialize_load(1),
    State.PURCHASE: lambda card: card.initialize_purchase(1),
    State.GREY_IDLE: lock,
    State.PRE_GREY: lambda card: card.init_lock(),
    State.ONLINE_UNLOCK: init_unlock,
}


@pytest.mark.parametrize("state", WAYS_IN, ids=lambda state: state.value)
@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_states_on_the_card(card, spec, state):
    """A command that the table refuses answers 6901 and leads to rest; one that it takes comes to its own checks."""
    lock(card)
    card.raw(card.unlock_command(card.init_unlock(), 0))
    WAYS_IN[state](card)
    locked = card.purse_state().lock_state == LockState.LOCKED
    answer = card.raw(plain(spec))
    if PURSE_STATES.after(spec.name, state) is None:
        assert SW.INVALID_STATE == answer.sw
        assert locked == (card.purse_state().lock_state == LockState.LOCKED)
    else:
        assert SW.INVALID_STATE != answer.sw


@pytest.mark.parametrize(
    "spec", [GET_BALANCE, GET_TRANSACTION_PROVE, PROOF, CLEAR], ids=lambda spec: spec.name
)
@pytest.mark.parametrize("state", [State.PRE_GREY, State.ONLINE_UNLOCK], ids=lambda state: state.value)
def test_reading_leaves_the_state(card, spec, state):
    lock(card)
    card.raw(card.unlock_command(card.init_unlock(), 0))
    begun = {
        State.PRE_GREY: card.init_lock,
        State.ONLINE_UNLOCK: lambda: (lock(card), card.init_unlock())[1],
    }[state]()
    parameters = {GET_BALANCE.name: (0x00, 0x02), GET_TRANSACTION_PROVE.name: (0x00, 0x02)}.get(spec.name, ())
    fields = {"serial": 1} if spec is GET_TRANSACTION_PROVE else {}
    assert SW.INVALID_STATE != card.raw(spec.command(*parameters, **fields)).sw
    if spec is GET_TRANSACTION_PROVE:
        return  # its refusal, 9406, leads to rest
    partner = card.lock_command(begun) if state is State.PRE_GREY else card.unlock_command(begun, 0)
    assert SW.SUCCESS == card.raw(partner).sw


@pytest.mark.parametrize(
    "begin", [GreyRig.initialize_load, GreyRig.initialize_purchase], ids=["load", "purchase"]
)
def test_other_transactions_wait(card, begin):
    """9408 while the purse is locked; afterwards they go on."""
    lock(card)
    card.reset()
    begin(card, 1, sw=SW.GREY_LOCKED)
    card.raw(card.unlock_command(card.init_unlock(), 0))
    begin(card, 1)
