"""Whole grey sales, card and PSAM together: fuel is taken between lock and debit, and everything fails that can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.apdu.grey_commands import DEBIT_FOR_UNLOCK, GREY_LOCK, INIT_SAM_FOR_GREY_LOCK
from cardos.crypto import diversify
from cardos.profile import load_profile
from cardos.wallet.grey_file import LockState
from tests.wallet.grey_rig import GreyRig, grey_profile
from tests.wallet.rig import KEY, SamRig, moment
from tests.wallet.sam_rig import CODE, add_keys, certify, give_code, gmac_again, grey_credit

CARD = bytes.fromhex("0102030405060708")
SUITES = pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])


class Station:
    """A dispenser with its PSAM; it knows of the card what it may read."""

    def __init__(self, suite="3des", dialect="pboc2", *, terminal="665544332211", counter=0):
        profile = replace(load_profile("psam-3des"), dialect=grey_profile(suite, dialect).dialect)
        self.sam = add_keys(
            SamRig.build(profile, terminal=bytes.fromhex(terminal), counter=counter), (0x15, 0, KEY)
        )

    @property
    def terminal(self):
        return self.sam.terminal

    def lock(self, card):
        """INITIALIZE, E040, GREY LOCK; gives what the SAM and the card said."""
        card.terminal = self.terminal
        begun = card.init_lock()
        sam = self.sam.send(
            INIT_SAM_FOR_GREY_LOCK, random=begun.random, offline_serial=begun.offline_serial,
            balance=begun.balance, type=0x91, key_version=0, algorithm=begun.algorithm, factors=CARD,
            **moment(card.when),
        )  # fmt: skip
        answer = card.raw(
            GREY_LOCK.command(
                terminal_serial=sam.terminal_serial,
                terminal_random=sam.terminal_random,
                mac1=sam.mac1,
                **moment(card.when),
            )
        )
        assert f"{SW.SUCCESS:04X}" == f"{answer.sw:04X}"
        return sam.terminal_serial, GREY_LOCK.parse_answer(answer.data)

    def debit(self, card, amount, gmac):
        """DEBIT FOR UNLOCK with the serial that the lock proof shows."""
        serial = card.proof().serial
        return card.raw(
            DEBIT_FOR_UNLOCK.command(
                0x08,
                0x01,
                amount=amount,
                offline_serial=serial,
                terminal=self.terminal,
                terminal_serial=900,
                gmac=gmac,
                **moment(card.when),
            )
        )


def new_card(suite="3des", dialect="pboc2"):
    """A card whose purchase key is derived from the root of the PSAM."""
    profile = grey_profile(suite, dialect)
    key = diversify(profile.suite.key(KEY), CARD).reveal()
    card = GreyRig.build(profile, keys={"purchase": key})
    card.load(10_000)
    return card


def verify_tac(station, card, tac, amount):
    card.dialect.verify_tac(
        "grey_debit", card.key(KEY), tac, amount=amount, type=0x93, terminal=station.terminal,
        terminal_serial=900, **moment(card.when),
    )  # fmt: skip


@SUITES
def test_a_sale(suite):
    card, station = new_card(suite), Station(suite)
    serial, locked = station.lock(card)
    certify(station.sam, locked.mac2)
    credited = grey_credit(station.sam, card_serial=CARD, offline_serial=card.proof().serial, amount=4_200)
    answer = station.debit(card, 4_200, credited.gmac)
    assert SW.SUCCESS == answer.sw
    verify_tac(station, card, answer.data, 4_200)
    assert 5_800 == card.balance()
    assert credited == gmac_again(station.sam, serial)


@SUITES
def test_power_off_between_lock_and_debit(suite):
    """Card and SAM both lose the power while fuel is taken."""
    card, station = new_card(suite), Station(suite)
    _, locked = station.lock(card)
    certify(station.sam, locked.mac2)
    card.reset()
    station.sam.reset()
    assert LockState.LOCKED == card.proof().lock_state
    credited = grey_credit(station.sam, card_serial=CARD, offline_serial=card.proof().serial, amount=4_200)
    station.sam.reset()
    card.reset()
    assert SW.SUCCESS == station.debit(card, 4_200, credited.gmac).sw
    assert 5_800 == card.balance()


def test_the_answer_to_the_lock_was_lost():
    """The lock proof gives MAC2 and GTAC again, so the SAM can certify the lock that it waits for."""
    card, station = new_card(), Station()
    _, locked = station.lock(card)
    card.reset()
    proof = card.proof()
    assert (locked.mac2, locked.gtac) == (proof.lock_value, proof.lock_tac)
    certify(station.sam, proof.lock_value)
    grey_credit(station.sam, card_serial=CARD, offline_serial=proof.serial, amount=1)


@SUITES
def test_debit_on_another_terminal(suite):
    """The holder drove away: the next station debits what the first one signed, under its own number (补扣)."""
    card, first, second = (
        new_card(suite),
        Station(suite),
        Station(suite, terminal="010203040506", counter=500),
    )
    serial, locked = first.lock(card)
    certify(first.sam, locked.mac2)
    credited = grey_credit(first.sam, card_serial=CARD, offline_serial=card.proof().serial, amount=4_200)
    card.reset()
    assert first.terminal == card.proof().terminal
    card.initialize_purchase(1, sw=SW.GREY_LOCKED)
    answer = second.debit(card, 4_200, credited.gmac)
    assert SW.SUCCESS == answer.sw
    verify_tac(second, card, answer.data, 4_200)
    assert second.terminal == card.proof().terminal
    assert credited == gmac_again(first.sam, serial)


def test_the_other_sam_cannot_sign():
    card, first, second = new_card(), Station(), Station(terminal="010203040506")
    _, locked = first.lock(card)
    certify(first.sam, locked.mac2)
    grey_credit(second.sam, card_serial=CARD, offline_serial=card.proof().serial, sw=SW.PROOF_UNAVAILABLE)


def test_the_answer_to_the_debit_was_lost():
    """The TAC is read from the proof by whoever comes next, and then counts as read."""
    card, station = new_card(), Station()
    _, locked = station.lock(card)
    certify(station.sam, locked.mac2)
    credited = grey_credit(station.sam, card_serial=CARD, offline_serial=card.proof().serial, amount=4_200)
    assert SW.SUCCESS == station.debit(card, 4_200, credited.gmac).sw
    card.reset()
    proof = card.proof()
    assert LockState.TAC_UNREAD == proof.lock_state
    verify_tac(station, card, proof.lock_tac, 4_200)
    card.clear_proof()
    card.reset()
    assert LockState.FREE == card.proof().lock_state
    assert 5_800 == card.balance()


@SUITES
def test_online_unlock_when_the_station_is_gone(suite):
    """The SAM is broken: the issuer unlocks under DULK and takes what the station claims."""
    card, station = new_card(suite), Station(suite)
    station.lock(card)
    card.reset()
    begun = card.init_unlock()
    assert SW.SUCCESS == card.raw(card.unlock_command(begun, 4_200)).sw
    assert (5_800, LockState.FREE) == (card.balance(), card.proof().lock_state)
    station.lock(card)


def test_a_sale_with_a_construction_ministry_card():
    """The safety code is under the GMAC on both sides."""
    card, station = new_card(dialect="cjt166"), Station(dialect="cjt166")
    card.fs.set_proof(card.fs.root, CODE)
    card.fs.commit()
    _, locked = station.lock(card)
    certify(station.sam, locked.mac2)
    give_code(station.sam)
    credited = grey_credit(station.sam, card_serial=CARD, offline_serial=card.proof().serial, amount=4_200)
    assert SW.SUCCESS == station.debit(card, 4_200, credited.gmac).sw
    plain = card.dialect.transaction("grey_debit").item("gmac")
    assert plain.width == 13
