"""Power cut at every write of the SAM commands beside 8070 and 8072, and the one promise of a SAM: no terminal serial
is ever given twice.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW
from cardos.apdu.grey_commands import CERTIFY_GREY_LOCK, CREDIT_SAM_FOR_GREY_DEBIT, INIT_SAM_FOR_GREY_LOCK
from cardos.apdu.sam_commands import INIT_SAM_FOR_PURCHASE, INIT_SAM_WITH_SERIAL, WRITE_SAM_KEY
from cardos.apdu.secure import SecureChannel
from cardos.files.memory import PowerCut
from cardos.wallet.sam_grey import LOCK_FILE
from tests.powercut import sweep
from tests.wallet.rig import KEY, SamRig, moment, options
from tests.wallet.sam_rig import (
    CARD,
    RANDOM,
    add_keys,
    certify,
    gmac_again,
    grey_credit,
    grey_init,
    grey_init_command,
    grey_lock,
    grey_mac2,
    unblock,
)


def build():
    return add_keys(SamRig.build(), (0x15, 0, KEY))


def own_serial(sam, serial):
    return INIT_SAM_WITH_SERIAL.command(
        random=RANDOM, offline_serial=5, amount=200, type=6, key_version=0, algorithm=0, terminal_serial=serial,
        factors=CARD, **moment(sam.when),
    )  # fmt: skip


def init_command(sam):
    return INIT_SAM_FOR_PURCHASE.command(
        random=RANDOM, offline_serial=5, amount=200, type=6, key_version=0, algorithm=0, factors=CARD,
        **moment(sam.when),
    )  # fmt: skip


def kept(sam):
    """Counter, wrong MAC2s, the file of locks."""
    sam.select()
    counter, locks = (sam.fs.find(sam.application, fid) for fid in (0x0019, LOCK_FILE))
    records = [sam.fs.read_record(locks, n) for n in range(1, sam.fs.record_count(locks) + 1)]
    return int.from_bytes(sam.fs.read(counter, 0, 4), "big"), sam.fs.proof(sam.application)[0], tuple(records)


def cut(sam, command, *, states=None):
    ready = sam.card.snapshot()

    def restored():
        sam.card.restore(ready)
        return sam.card

    return sweep(restored, lambda card: card.transmit(bytes(command)), lambda _card: kept(sam), states=states)


def test_init_with_the_serial_of_the_terminal():
    sam = build()
    assert cut(sam, own_serial(sam, 500)) > 20


def test_init_for_grey_lock():
    sam = build()
    assert cut(sam, grey_init_command(sam)) > 20


@pytest.mark.parametrize("full", [False, True], ids=["room", "full"])
@pytest.mark.slow
def test_certify(full):
    """The try is taken first; then count and lock move together.  A lock that is overwritten is there until then."""
    sam = build()
    for offline_serial in range(8 if full else 1):
        grey_lock(sam, offline_serial=100 + offline_serial)
    begun = grey_init(sam)
    counter, _, old = kept_now(sam)
    command = CERTIFY_GREY_LOCK.command(mac2=grey_mac2(sam, begun))
    new = after(sam, command)
    assert cut(sam, command, states=[(counter, 0, old), (counter, 1, old), new]) > 100


def kept_now(sam):
    snapshot = sam.card.snapshot()
    seen = kept(sam)
    sam.card.restore(snapshot)
    return seen


def after(sam, command):
    """What is kept when the command is not cut."""
    snapshot = sam.card.snapshot()
    assert SW.SUCCESS == sam.raw(command).sw
    seen = kept(sam)
    sam.card.restore(snapshot)
    return seen


def test_certify_with_a_wrong_mac2():
    sam = build()
    grey_init(sam)
    counter, _, locks = kept_now(sam)
    states = [(counter, 0, locks), (counter, 1, locks)]
    assert cut(sam, CERTIFY_GREY_LOCK.command(mac2=bytes(4)), states=states) > 20


@pytest.mark.slow
def test_credit_for_grey_debit():
    sam = build()
    grey_lock(sam)
    command = CREDIT_SAM_FOR_GREY_DEBIT.command(type=0x93, card_serial=CARD, offline_serial=6, amount=700)
    assert cut(sam, command) > 100


@pytest.mark.slow
def test_application_unblock():
    """The try of the maintenance key is taken first; the count of wrong MAC2s goes with the block."""
    sam = SamRig.build(options("psam-3des", mac2_tries=1))
    sam.init((CARD,))
    sam.credit(bytes(4), sw=SW.MAC_INVALID)
    counter, _, locks = kept_now(sam)
    states = [(counter, 1, locks), (counter, 0, locks)]
    assert cut(sam, unblock(sam), states=states) > 100


@pytest.mark.slow
def test_write_sam_key():
    sam = SamRig.build()
    sam.select(sam.profile.directories[0].aid)
    sam.authenticate()
    sam.select()
    challenge = sam.raw(bytes.fromhex("0084000004")).data
    plain = WRITE_SAM_KEY.command(usage=0x45, version=1, algorithm=0, value=bytes(range(16)))
    command = SecureChannel(sam.suite, sam.suite.key(KEY), challenge).protect(plain, enciphered=True)
    ready = sam.card.snapshot()

    def restored():
        sam.card.restore(ready)
        return sam.card

    def keys(_card):
        return tuple((key.type, key.id, key.value) for key in sam.fs.keys(sam.application))

    assert sweep(restored, lambda card: card.transmit(bytes(command)), keys) > 50


# ------------------------------------------------------------------ no serial twice


COMMANDS = {
    "8070": lambda sam, _serial: (INIT_SAM_FOR_PURCHASE, init_command(sam)),
    "8070-01": lambda sam, serial: (INIT_SAM_WITH_SERIAL, own_serial(sam, serial)),
    "E040": lambda sam, _serial: (INIT_SAM_FOR_GREY_LOCK, grey_init_command(sam)),
}

STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(COMMANDS)), st.integers(0, 40), st.none() | st.integers(0, 6), st.integers(0, 40),
        st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@given(steps=STEPS)
@settings(max_examples=60)
def test_no_terminal_serial_is_given_twice_under_any_cut(steps):
    """Any commands that give serials, cut at any write of theirs, torn anywhere: those that came out rise."""
    sam = SamRig(FRESH.card, FRESH.profile, FRESH.random)
    sam.card.restore(START)
    given_out = []
    for name, serial, writes, torn, garbage in steps:
        spec, command = COMMANDS[name](sam, serial)
        if writes is not None:
            sam.card.memory.cut_after(writes, torn=torn, garbage=garbage)
        with suppress(PowerCut):
            answer = sam.raw(command)
            if answer.sw == SW.SUCCESS:
                given_out.append(spec.parse_answer(answer.data).terminal_serial)
        if writes is not None:
            sam.reset()
    assert sorted(set(given_out)) == given_out


FRESH = build()
START = FRESH.card.snapshot()


def test_a_sale_goes_on_after_the_power_failed():
    """Cut at every write of the debit in the SAM: asked again it says the same GMAC for the same amount."""
    sam = build()
    begun = grey_lock(sam)
    ready = sam.card.snapshot()
    whole = grey_credit(sam)
    for writes in range(12):
        sam.card.restore(ready)
        sam.card.memory.cut_after(writes)
        with suppress(PowerCut):
            grey_credit(sam)
        sam.reset()
        assert whole == grey_credit(sam)
        assert whole == gmac_again(sam, begun.terminal_serial)


def test_the_pending_lock_is_lost_with_the_power():
    sam = build()
    right = grey_mac2(sam, grey_init(sam))
    sam.reset()
    certify(sam, right, sw=SW.CONDITIONS)
