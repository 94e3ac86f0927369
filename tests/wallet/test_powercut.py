"""Power cut at every write of the commands that move money or spend a serial, and of the recovery after it.

After each cut the card shows the old state or the new one: balance, serials, log and proof all tell the same.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest

from cardos.apdu import SW
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD
from cardos.apdu.sam_commands import CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE
from cardos.crypto import diversify
from cardos.files.memory import PowerCut
from cardos.wallet.purse_file import PurseState
from tests.powercut import sweep
from tests.wallet.rig import KEY, SamRig, fresh, moment

PROFILES = pytest.mark.parametrize("profile", ["city-3des", "city-sm4"])
PURSES = pytest.mark.parametrize("purse", [pytest.param(ED, id="ed"), pytest.param(EP, id="ep")])
CARD = bytes([0x11]) * 8


@dataclass(frozen=True)
class Story:
    """What the four witnesses say."""

    state: PurseState
    log: tuple[bytes, ...]
    proof: bytes | None


def story(rig, purse, type_, serial):
    """The witnesses of a card that was just switched on; looks only."""
    rig.select()
    proof = rig.prove(type_, serial)
    return Story(rig.purse_state(purse), rig.log(), proof.data if proof.sw == SW.SUCCESS else None)


def check_agreement(seen, old, *, operation, amount):
    """Balance, serial, log and proof of one moment tell of the transaction, or none of them does."""
    happened = seen.proof is not None
    serial = "online_serial" if operation == "load" else "offline_serial"
    assert happened == (getattr(seen.state, serial) == getattr(old.state, serial) + 1)
    moved = amount if operation == "load" else -amount
    assert old.state.balance + moved * happened == seen.state.balance
    assert len(old.log) + happened == len(seen.log)
    if happened:
        newest = LOG_RECORD.split(seen.log[0])
        assert (getattr(seen.state, serial), amount) == (newest["serial"], newest["amount"])


def sweep_partner(profile, purse, operation, *, full_log=False):
    rig = fresh(profile)
    rig.verify()
    for _ in range(10 if full_log else 1):
        rig.load(1000, purse)
    initialize = {"load": rig.initialize_load, "purchase": rig.initialize_purchase}[operation]
    finish = {"load": rig.credit_command, "purchase": rig.debit_command}[operation]
    command = finish(initialize(300, purse), 300, purse)
    before = rig.purse_state(purse)
    serial = {"load": before.online_serial, "purchase": before.offline_serial}[operation] + 1
    type_ = rig.type_of(operation, purse)
    ready, answers, stories = rig.card.snapshot(), set(), set()

    def build():
        rig.card.restore(ready)
        return rig.card

    def run(card):
        answers.add(card.transmit(bytes(command)))

    def observe(card):
        seen = story(rig, purse, type_, serial)
        stories.add(seen)
        return seen

    points = sweep(build, run, observe)
    old, new = sorted(stories, key=lambda seen: seen.proof is not None)
    assert old.state == before
    (answer,) = answers
    mac2 = answer[4:-2] if operation == "purchase" else bytes(4)
    assert (None, mac2 + answer[:4]) == (old.proof, new.proof)
    if not full_log:
        check_agreement(old, old, operation=operation, amount=300)
        check_agreement(new, old, operation=operation, amount=300)
    else:
        assert new.log[1:] == old.log[:-1]
    return points


@PROFILES
@PURSES
@pytest.mark.parametrize("operation", ["load", "purchase"])
@pytest.mark.slow
def test_partner(profile, purse, operation, record_property):
    points = sweep_partner(profile, purse, operation)
    record_property("cut points", points)
    assert points > 100


@pytest.mark.parametrize("operation", ["load", "purchase"])
@pytest.mark.slow
def test_partner_with_a_full_log(operation):
    """The oldest record is overwritten; torn, it must come back whole."""
    assert sweep_partner("city-3des", EP, operation, full_log=True) > 100


# ------------------------------------------------------------------ the PSAM


def sam_state(sam):
    """Transaction counter and wrong MAC2s in a row."""
    counter = sam.fs.find(sam.application, 0x0019)
    return int.from_bytes(sam.fs.read(counter, 0, 4), "big"), sam.fs.proof(sam.application)[0]


def sam_ready(*, wrong=0, pending=True):
    """A PSAM with some wrong MAC2s behind it, and the partner that is right now."""
    sam = SamRig.build()
    for _ in range(wrong):
        sam.init((CARD,))
        sam.credit(bytes(4), sw=SW.MAC_INVALID)
    sam.select()
    right = mac2_for(sam) if pending else None
    return sam, right


def mac2_for(sam):
    answer = sam.init((CARD,))
    session = sam.dialect.session_key(
        "purchase", diversify(sam.suite.key(KEY), CARD), random=b"\xa1\xb2\xc3\xd4", offline_serial=5,
        terminal_serial=answer.terminal_serial,
    )  # fmt: skip
    return sam.dialect.mac("purchase", "mac2", session, amount=200)


def sweep_sam(sam, command, states):
    ready = sam.card.snapshot()

    def build():
        sam.card.restore(ready)
        return sam.card

    def observe(_card):
        sam.select()
        return sam_state(sam)

    return sweep(build, lambda card: card.transmit(bytes(command)), observe, states=states)


def init_command(sam):
    return INIT_SAM_FOR_PURCHASE.command(
        random=bytes(4),
        offline_serial=1,
        amount=1,
        type=6,
        key_version=0,
        algorithm=0,
        factors=CARD,
        **moment(sam.when),
    )


def test_init_sam_for_purchase():
    sam, _ = sam_ready(wrong=2, pending=False)
    counter, wrong = sam_state(sam)
    assert sweep_sam(sam, init_command(sam), [(counter, wrong), (counter + 1, wrong)]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 2])
def test_credit_sam_with_the_right_mac2(wrong):
    """The count is as it was, one higher (the try was taken), or cleared; the serial counter stands."""
    sam, right = sam_ready(wrong=wrong)
    counter, _ = sam_state(sam)
    command = CREDIT_SAM_FOR_PURCHASE.command(mac2=right)
    assert sweep_sam(sam, command, [(counter, count) for count in (wrong, wrong + 1, 0)]) > 40


@pytest.mark.slow
def test_credit_sam_with_a_wrong_mac2():
    sam, _ = sam_ready(wrong=2)
    counter, _ = sam_state(sam)
    command = CREDIT_SAM_FOR_PURCHASE.command(mac2=bytes(4))
    assert sweep_sam(sam, command, [(counter, 2), (counter, 3)]) > 20


@pytest.mark.parametrize("torn", [0, 3, 99])
def test_no_serial_is_answered_twice(torn):
    """Whatever write the power was cut at: a serial that left the SAM does not leave it again."""
    sam, _ = sam_ready(pending=False)
    answered = [sam.init((CARD,)).terminal_serial]
    for writes in range(8):
        sam.card.memory.cut_after(writes, torn=torn)
        with suppress(PowerCut):
            answered.append(sam.init((CARD,)).terminal_serial)
        sam.reset()
        answered.append(sam.init((CARD,)).terminal_serial)
        sam.reset()
    assert sorted(set(answered)) == answered


def test_pending_of_a_sam_is_lost_with_the_power():
    sam, right = sam_ready()
    sam.card.memory.cut_after(0)
    with pytest.raises(PowerCut):
        sam.raw(CREDIT_SAM_FOR_PURCHASE.command(mac2=right))
    sam.power_up()
    sam.credit(right, sw=SW.CONDITIONS)
