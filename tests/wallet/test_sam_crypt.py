"""DELIVERY KEY and DES CRYPT: key separation, lengths, MACs in parts, and how long a delivered key lives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW
from cardos.apdu.sam_commands import CryptMode, SamKeyKind
from cardos.crypto import diversify, encrypt_ecb, pad
from cardos.profile import load_dialect, load_profile
from cardos.wallet.sam_keys import DELIVERED_USES, Use
from tests.wallet.rig import SamRig, options
from tests.wallet.sam_rig import CARD, ISSUER, REGION, add_keys, crypt, deliver

PROFILES = pytest.mark.parametrize("profile", ["psam-3des", "psam-sm4"])
OTHER = bytes(range(16))


def psam(*keys, profile="psam-3des"):
    return add_keys(SamRig.build(profile), *keys)


def block(sam):
    return sam.suite.cipher.block_size


# ------------------------------------------------------------------ which key, for what


@pytest.mark.parametrize("kind", [kind for kind in SamKeyKind if kind is not SamKeyKind.EXPORT])
@pytest.mark.parametrize(
    ("mode", "use"), [(CryptMode.ENCRYPT_LAST, Use.ENCRYPT), (CryptMode.MAC_WHOLE, Use.MAC)]
)
def test_key_separation(kind, mode, use):
    """A delivered key does what its kind is for; purchase, load, TAC and control keys are never delivered."""
    sam = psam((0x20 | kind, 3, OTHER))
    uses = DELIVERED_USES.get(kind)
    deliver(sam, 0x20 | kind, 3, (CARD,), sw=SW.SUCCESS if uses else SW.CONDITIONS)
    crypt(sam, mode, bytes(16), sw=SW.SUCCESS if uses and use in uses else SW.CONDITIONS)


def test_what_makes_money_is_never_delivered():
    makes_money = {
        SamKeyKind.PURCHASE,
        SamKeyKind.LOAD,
        SamKeyKind.TAC,
        SamKeyKind.SAM_TAC,
        SamKeyKind.EXPORT,
    }
    assert set() == makes_money & set(DELIVERED_USES)


@PROFILES
@pytest.mark.parametrize("factors", [(), (CARD,), (CARD, ISSUER), (CARD, ISSUER, REGION)], ids=len)
def test_levels(profile, factors):
    """The card's serial is sent first and used last."""
    usage = len(factors) << 5 | SamKeyKind.ENCRYPTION
    sam = psam((usage, 1, OTHER), profile=profile)
    deliver(sam, usage, 1, factors)
    derived = diversify(sam.suite.key(OTHER), *reversed(factors))
    data = bytes(range(32))
    assert encrypt_ecb(derived, data) == crypt(sam, CryptMode.ENCRYPT_LAST, data)


def test_factor_order_is_an_option():
    answers = set()
    for order, factors in (("as_sent", (CARD, ISSUER)), ("reverse", (ISSUER, CARD))):
        sam = add_keys(SamRig.build(options("psam-3des", factor_order=order)), (0x47, 0, OTHER))
        deliver(sam, 0x47, 0, factors)
        answers.add(crypt(sam, CryptMode.ENCRYPT_LAST, bytes(8)))
    assert 1 == len(answers)


@pytest.mark.parametrize("size", [0, 7, 9, 16, 24])
def test_as_many_factors_as_levels(size):
    sam = psam((0x27, 0, OTHER))
    deliver(sam, 0x27, 0, (bytes(size),), sw=SW.WRONG_LENGTH)


@pytest.mark.parametrize(
    ("usage", "version"), [(0x27, 2), (0x47, 1), (0x26, 1)], ids=["version", "levels", "kind"]
)
def test_the_key_must_be_there(usage, version):
    sam = psam((0x27, 1, OTHER))
    deliver(sam, usage, version, (CARD,) * (usage >> 5), sw=SW.KEY_INDEX)


# ------------------------------------------------------------------ how long


@pytest.mark.parametrize("way", ["select", "reset", "power", "refused-delivery"])
def test_a_delivered_key_ends(way):
    sam = psam((0x27, 0, OTHER))
    deliver(sam, 0x27, 0, (CARD,))
    ways = {
        "select": sam.select,
        "reset": lambda: (sam.card.reset(), sam.select()),
        "power": sam.reset,
        "refused-delivery": lambda: deliver(sam, 0x27, 9, (CARD,), sw=SW.KEY_INDEX),
    }
    ways[way]()
    crypt(sam, CryptMode.ENCRYPT_LAST, bytes(8), sw=SW.CONDITIONS)


def test_a_delivered_key_outlives_other_commands():
    sam = psam((0x27, 0, OTHER))
    deliver(sam, 0x27, 0, (CARD,))
    first = crypt(sam, CryptMode.ENCRYPT_LAST, bytes(8))
    sam.init((CARD,))
    crypt(sam, CryptMode.MAC_WHOLE, bytes(16), sw=SW.CONDITIONS)
    assert first == crypt(sam, CryptMode.ENCRYPT_LAST, bytes(8))


def test_the_next_delivery_replaces_the_key():
    sam = psam((0x27, 0, OTHER))
    answers = []
    for card in (CARD, ISSUER):
        deliver(sam, 0x27, 0, (card,))
        answers.append(crypt(sam, CryptMode.ENCRYPT_LAST, bytes(8)))
    assert 2 == len(set(answers))


def test_the_session_shows_no_key():
    sam = psam((0x27, 0, OTHER))
    deliver(sam, 0x27, 0, (CARD,))
    assert "key=<Key TDES>" in repr(sam.card._kernel.session.temporary)


# ------------------------------------------------------------------ lengths


@PROFILES
@pytest.mark.parametrize("mode", CryptMode)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 24, 32, 40, 47, 48, 49, 56, 64])
def test_lengths(profile, mode, size):
    """Whole blocks, at most 48 bytes; a MAC in one command has the initial value and a block at least."""
    sam = psam((0x28, 0, OTHER), profile=profile)
    deliver(sam, 0x28, 0, (CARD,))
    if mode in (CryptMode.MAC_MIDDLE, CryptMode.MAC_LAST):
        crypt(sam, CryptMode.MAC_FIRST, bytes(block(sam)))
    least = 2 * block(sam) if mode is CryptMode.MAC_WHOLE else block(sam)
    fits = least <= size <= 0x30 and size % block(sam) == 0
    crypt(sam, mode, bytes(size), sw=SW.SUCCESS if fits else SW.WRONG_LENGTH)


# ------------------------------------------------------------------ MACs


@PROFILES
@given(data=st.binary(max_size=120), challenge=st.binary(min_size=4, max_size=4), cut=st.integers(1, 6))
@settings(max_examples=30)
def test_mac_in_parts_is_the_mac_of_a_protected_command(profile, data, challenge, cut):
    """Whatever the parts: the MAC is the one that secure messaging makes of the same bytes."""
    sam = CRYPTS[profile]
    size = block(sam)
    iv, padded = challenge.ljust(size, b"\x00"), pad(data, size)
    step = min(cut * size, 0x30 // size * size)
    parts = [padded[i : i + step] for i in range(0, len(padded), step)]
    assert b"" == crypt(sam, CryptMode.MAC_FIRST, iv)
    for part in parts[:-1]:
        assert b"" == crypt(sam, CryptMode.MAC_MIDDLE, part)
    mac = crypt(sam, CryptMode.MAC_LAST, parts[-1])
    assert sam.suite.command_mac(diversify(sam.suite.key(OTHER), CARD), challenge, data) == mac
    if len(padded) + size <= 0x30:
        assert mac == crypt(sam, CryptMode.MAC_WHOLE, iv + padded)


def _delivered(profile):
    sam = psam((0x26, 0, OTHER), profile=profile)
    deliver(sam, 0x26, 0, (CARD,))
    return sam


CRYPTS = {profile: _delivered(profile) for profile in ("psam-3des", "psam-sm4")}


@pytest.mark.parametrize("mode", [CryptMode.MAC_MIDDLE, CryptMode.MAC_LAST])
@pytest.mark.parametrize("before", [None, CryptMode.MAC_LAST, CryptMode.MAC_WHOLE, CryptMode.ENCRYPT_LAST])
def test_a_part_needs_a_beginning(mode, before):
    sam = psam((0x28, 0, OTHER))
    deliver(sam, 0x28, 0, (CARD,))
    crypt(sam, CryptMode.MAC_FIRST, bytes(16))
    if before is not None:
        crypt(sam, before, bytes(16))
    else:
        deliver(sam, 0x28, 0, (CARD,))
    crypt(sam, mode, bytes(8), sw=SW.CONDITIONS)


@PROFILES
def test_encryption_in_parts_is_that_of_the_whole(profile):
    sam = psam((0x27, 0, OTHER), profile=profile)
    deliver(sam, 0x27, 0, (CARD,))
    data = bytes(range(96))
    parts = crypt(sam, CryptMode.ENCRYPT_MORE, data[:48]) + crypt(sam, CryptMode.ENCRYPT_LAST, data[48:])
    assert encrypt_ecb(diversify(sam.suite.key(OTHER), CARD), data) == parts


def test_sm4_b_folds_the_mac():
    """The suite's truncation holds here too."""
    profile = load_profile("psam-sm4")
    sam = add_keys(SamRig.build(replace(profile, dialect=load_dialect("pboc2", "sm4-b"))), (0x26, 0, OTHER))
    deliver(sam, 0x26, 0, (CARD,))
    key = diversify(sam.suite.key(OTHER), CARD)
    mac = crypt(sam, CryptMode.MAC_WHOLE, bytes(16) + pad(b"data", 16))
    assert sam.suite.command_mac(key, bytes(16), b"data") == mac


def test_nothing_is_written():
    sam = psam((0x28, 0, OTHER))
    stored = sam.stored()
    deliver(sam, 0x28, 0, (CARD,))
    for mode in (CryptMode.ENCRYPT_LAST, CryptMode.MAC_FIRST, CryptMode.MAC_LAST, CryptMode.MAC_WHOLE):
        crypt(sam, mode, bytes(16))
    assert stored == sam.stored()
