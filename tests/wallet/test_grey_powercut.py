"""Power cut at every write of the grey lock: flag, balance, serials, log, lock proof and key tell one story."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from cardos.apdu import SW
from cardos.apdu.grey_commands import CLEAR_LOCK_PROOF, INITIALIZE_FOR_GREY_LOCK
from cardos.files.filesystem import BlockState
from cardos.files.memory import PowerCut
from cardos.wallet.grey_file import GreyRecord, LockState
from cardos.wallet.purse_file import PurseState
from tests.powercut import sweep
from tests.wallet.grey_rig import grey_card

LOG = 0x0018


@dataclass(frozen=True)
class Story:
    """What lies in the memory of a card that was just switched on."""

    state: PurseState
    record: GreyRecord
    log: tuple[bytes, ...]
    proof: bytes
    block: BlockState


def story(card):
    fs, application = card.fs, card.application
    log = fs.find(application, LOG)
    records = tuple(fs.read_record(log, number) for number in range(1, fs.record_count(log) + 1))
    return Story(
        card.purse_state(), card.record(), records, fs.proof(application), fs.block_state(application)
    )


def cut(card, command, *, states=None):
    ready = card.card.snapshot()

    def restored():
        card.card.restore(ready)
        return card.card

    return sweep(restored, lambda c: c.transmit(bytes(command)), lambda _card: story(card), states=states)


def after(card, command):
    """The story when the command is not cut."""
    snapshot = card.card.snapshot()
    assert SW.SUCCESS == card.raw(command).sw
    seen = story(card)
    card.card.restore(snapshot)
    return seen


def unread(card):
    """The TAC of a debit was not read."""
    begun, session = card.lock()
    card.raw(card.debit(session, 1, begun.offline_serial + 1))


def test_initialize_for_grey_lock():
    card = grey_card()
    unread(card)
    assert cut(card, INITIALIZE_FOR_GREY_LOCK.command(0x08, 0x01, key_index=1, terminal=card.terminal)) > 20


@pytest.mark.slow
def test_grey_lock():
    card = grey_card()
    assert cut(card, card.lock_command(card.init_lock())) > 100


@pytest.mark.slow
def test_debit_for_unlock():
    """The try is taken first; then everything moves together."""
    card = grey_card("sm4-a")
    begun, session = card.lock()
    command = card.debit(session, 700, begun.offline_serial + 1)
    old, new = story(card), after(card, command)
    tried = replace(old, record=replace(old.record, failures=1))
    assert (9_300, LockState.TAC_UNREAD) == (new.state.balance, new.state.lock_state)
    assert cut(card, command, states=[old, tried, new]) > 100


@pytest.mark.slow
def test_debit_with_the_last_try():
    """The application is blocked before the comparison, and free again with the debit."""
    card = grey_card()
    begun, session = card.lock()
    for _ in range(2):
        card.raw(card.debit(session, 1, begun.offline_serial + 1, gmac=bytes(4)))
    command = card.debit(session, 700, begun.offline_serial + 1)
    old, new = story(card), after(card, command)
    tried = replace(old, record=replace(old.record, failures=0), block=BlockState.TEMPORARY)
    assert (0, BlockState.ACTIVE) == (new.record.failures, new.block)
    assert cut(card, command, states=[old, tried, new]) > 100


def test_a_wrong_gmac():
    card = grey_card()
    begun, session = card.lock()
    old = story(card)
    tried = replace(old, record=replace(old.record, failures=1))
    command = card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4))
    assert cut(card, command, states=[old, tried]) > 20


def test_cutting_the_power_wins_no_tries():
    """Cut at any write of a wrong GMAC, three tries are all there are: the card says 9302 three times at most."""
    card = grey_card()
    begun, session = card.lock()
    wrong = card.debit(session, 700, begun.offline_serial + 1, gmac=bytes(4))
    ready = card.card.snapshot()
    for writes in range(6):
        card.card.restore(ready)
        told_wrong = 0
        for _ in range(8):
            card.card.memory.cut_after(writes)
            with suppress(PowerCut):
                told_wrong += card.raw(wrong).sw == SW.MAC_INVALID
            card.card.power_off()
            card.card.power_on()
            card.card.transmit(bytes.fromhex("00A4040009") + card.profile.application.aid)
        assert told_wrong <= 3


@pytest.mark.slow
def test_grey_unlock():
    card = grey_card()
    card.lock()
    assert cut(card, card.unlock_command(card.init_unlock(), 700)) > 100


def test_clear_lock_proof():
    card = grey_card()
    unread(card)
    assert cut(card, CLEAR_LOCK_PROOF.command()) > 20
