"""The grey lock in the PSAM: GMAC and TAC, several locks at a time, what survives the power, the oldest lock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.profile import load_dialect, load_profile
from cardos.wallet.sam_grey import LOCK_FILE
from tests.wallet.rig import KEY, TERMINAL, SamRig, moment
from tests.wallet.sam_rig import (
    CARD,
    CODE,
    ISSUER,
    add_keys,
    certify,
    give_code,
    gmac_again,
    grey_credit,
    grey_init,
    grey_lock,
    grey_mac2,
    grey_session,
)

SUITES = pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
RECORDS = 8


def build(suite="3des", dialect="pboc2", **more):
    profile = replace(load_profile("psam-3des"), dialect=load_dialect(dialect, suite))
    return add_keys(SamRig.build(profile, **more), (0x15, 0, KEY))


@pytest.fixture
def sam():
    return build()


@SUITES
def test_a_whole_sale(suite):
    sam = build(suite)
    begun = grey_lock(sam)
    sam.reset()
    credited = grey_credit(sam)
    gmac = sam.dialect.mac("grey_debit", "gmac", grey_session(sam, begun), amount=700)
    tac = sam.dialect.tac(
        "grey_debit", sam.suite.key(KEY), amount=700, type=0x93, terminal=TERMINAL,
        terminal_serial=begun.terminal_serial, **moment(sam.when),
    )  # fmt: skip
    assert (gmac, tac) == (credited.gmac, credited.tac)
    sam.reset()
    assert credited == gmac_again(sam, begun.terminal_serial)


@SUITES
def test_mac1_is_over_type_terminal_and_moment(suite):
    sam = build(suite)
    begun = grey_init(sam, type=0x92)
    sam.dialect.verify_mac(
        "grey_lock", "mac1", grey_session(sam, begun), begun.mac1, type=0x92, terminal=TERMINAL,
        **moment(sam.when),
    )  # fmt: skip


@pytest.mark.parametrize(("lock", "debit"), [(0x91, 0x93), (0x92, 0x94)])
def test_the_type_of_the_debit_fits_that_of_the_lock(sam, lock, debit):
    begun = grey_init(sam, type=lock)
    certify(sam, grey_mac2(sam, begun))
    other = {0x93: 0x94, 0x94: 0x93}[debit]
    grey_credit(sam, type=other, sw=SW.WRONG_DATA)
    grey_credit(sam, type=debit)


def test_purchase_and_grey_lock_draw_from_one_counter(sam):
    serials = [
        grey_init(sam).terminal_serial,
        sam.init((CARD,)).terminal_serial,
        grey_init(sam).terminal_serial,
    ]
    assert [0, 1, 2] == serials


def test_several_pumps(sam):
    """Locks of several cards wait side by side, purchases go on between them."""
    cards = [bytes([n]) * 8 for n in (1, 2, 3)]
    begun = {card: grey_lock(sam, (card,)) for card in cards}
    sam.init((CARD,))
    for card in reversed(cards):
        credited = grey_credit(sam, card_serial=card, amount=card[0])
        session = grey_session(sam, begun[card], (card,))
        assert sam.dialect.mac("grey_debit", "gmac", session, amount=card[0]) == credited.gmac


@pytest.mark.parametrize(
    "fields", [{"card_serial": ISSUER}, {"offline_serial": 5}, {"offline_serial": 7}], ids=str
)
def test_the_lock_must_be_kept(sam, fields):
    grey_lock(sam)
    grey_credit(sam, sw=SW.PROOF_UNAVAILABLE, **fields)


def test_a_lock_that_was_not_certified_is_not_kept(sam):
    begun = grey_init(sam)
    right = grey_mac2(sam, begun)
    certify(sam, bytes(4), sw=SW.MAC_INVALID)
    certify(sam, right, sw=SW.CONDITIONS)
    grey_credit(sam, sw=SW.PROOF_UNAVAILABLE)


def test_the_serial_of_the_card_wraps(sam):
    """The serial after FFFF does not exist on a card, which answers 9402 before; the SAM does not fall over it."""
    grey_lock(sam, offline_serial=0xFFFF)
    grey_credit(sam, offline_serial=0)


def test_one_amount_for_one_lock(sam):
    """Asked again with the same amount the SAM says the same; no second amount is signed."""
    grey_lock(sam)
    first = grey_credit(sam, amount=700)
    sam.reset()
    assert first == grey_credit(sam, amount=700)
    for amount in (0, 699, 701):
        grey_credit(sam, amount=amount, sw=SW.CONDITIONS)


def test_the_newest_locks_are_kept(sam):
    for offline_serial in range(RECORDS + 2):
        grey_lock(sam, offline_serial=offline_serial)
    for offline_serial in range(RECORDS + 2):
        expected = SW.PROOF_UNAVAILABLE if offline_serial < 2 else SW.SUCCESS
        grey_credit(sam, offline_serial=offline_serial + 1, sw=expected)


def test_wrong_mac2s_of_both_kinds_count_together(sam):
    for count in range(sam.profile.sam.mac2_tries):
        if count % 2:
            grey_init(sam)
            certify(sam, bytes(4), sw=SW.MAC_INVALID)
        else:
            sam.init((CARD,))
            sam.credit(bytes(4), sw=SW.MAC_INVALID)
    grey_init(sam, sw=SW.METHOD_BLOCKED)
    sam.init((CARD,), sw=SW.METHOD_BLOCKED)


@pytest.mark.parametrize("change", [{"fid": 0x001E}, {"record_length": 50}], ids=["missing", "short"])
def test_without_a_file_of_locks(change):
    profile = load_profile("psam-3des")
    mf, application = profile.directories
    files = tuple(replace(f, **change) if f.fid == LOCK_FILE else f for f in application.files)
    sam = SamRig.build(replace(profile, directories=(mf, replace(application, files=files))))
    grey_init(sam, sw=SW.CONDITIONS)
    assert 0 == sam.init((CARD,)).terminal_serial


def test_the_file_of_locks_is_for_nobody(sam):
    grey_lock(sam)
    assert SW.SECURITY_STATUS == sam.raw(bytes.fromhex("00B201DC00")).sw
    assert SW.SECURITY_STATUS == sam.raw(bytes.fromhex("00DC01DC33") + bytes(51)).sw


def test_no_key_is_shown(sam):
    grey_init(sam)
    stored = repr(sam.card._kernel.session.pending)
    assert "session_key=<Key DES>" in stored
    assert "<SamLock 00000000 of card 1111111111111111>" in stored


# ------------------------------------------------------------------ cards with a safety code


def test_gmac_of_a_construction_ministry_card():
    """The card's code is under the GMAC and must have been given; it serves one debit."""
    sam = build(dialect="cjt166")
    begun = grey_lock(sam)
    grey_credit(sam, sw=SW.CONDITIONS)
    give_code(sam)
    credited = grey_credit(sam)
    session = grey_session(sam, begun)
    assert sam.dialect.mac("grey_debit", "gmac", session, amount=700, safety_code=CODE) == credited.gmac
    grey_lock(sam, offline_serial=6)
    grey_credit(sam, offline_serial=7, sw=SW.CONDITIONS)
