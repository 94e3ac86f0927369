"""Cards pulled and daemons killed in the middle of commands, on the real PC/SC stack: charged once, credited once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from cardos.card import Card
from cardos.errors import CardRemoved, ServiceDown, TransportError
from cardos.host import OnlineState, Purse, PurseSession, RegisteredCard, SimulatedTransport
from cardos.host.transports.pcsc import PcscTransport
from tests.host.conftest import PIN, City, card_data, fresh
from tests.host.test_flows import tac_key
from tests.host.test_torn import BOTH, CREDIT, DEBIT, LOAD, PURCHASE, moved

from .seat import Seat

pytestmark = pytest.mark.slow
pytest.importorskip("smartcard", reason="needs pyscard: pip install 'cardos[pcsc]'")

WAIT = 10.0
#: Commands of the PSAM in a purchase.
SAM_PURCHASE = range(2)
FIRST, SECOND = "Virtual PCD 00 00", "Virtual PCD 00 01"


class Shop(City):
    """A city whose card and PSAM lie in two slots of the real stack."""

    def open(self, stack, contexts):
        self.stack = stack
        self.seat = Seat(self.card)
        self.sam_seat = Seat(fresh(self.suite, 0))
        self.slot = contexts.enter_context(stack.insert(self.seat))
        self.sam_slot = contexts.enter_context(stack.insert(self.sam_seat, slot=1))
        self.link = contexts.enter_context(PcscTransport(FIRST, wait=WAIT))
        self.sam_link = contexts.enter_context(PcscTransport(SECOND, wait=WAIT))
        self.terminal = self.boot()

    def held(self) -> int:
        """What is on the card, read from a copy of its memory."""
        session = PurseSession(SimulatedTransport(self.copy()), self.profile)
        session.verify(PIN)
        return session.get_balance(Purse.EP)

    def copy(self) -> Card:
        copy = fresh(self.suite, self.number)
        copy.restore(self.card.snapshot())
        return copy

    def put_back(self) -> None:
        self.slot.insert()
        self.link.reset()

    def restart(self) -> None:
        """The daemon again, and the terminal as after its own restart: it has its journal."""
        self.stack.start()
        self.link.reset()
        self.sam_link.reset()
        self.terminal = self.boot()


@pytest.fixture
def shop(stack, tmp_path):
    with ExitStack() as contexts:
        shop = contexts.enter_context(Shop("3des", tmp_path))
        shop.load(500)
        shop.open(stack, contexts)
        yield shop


def test_the_tables_of_commands_hold_here(shop):
    for flow, commands in (
        (lambda: shop.load(1), LOAD),
        (lambda: shop.terminal.purchase(shop.link, 1), PURCHASE),
    ):
        for seat in (shop.seat, shop.sam_seat):
            seat.arm(-1, before=True, leave=lambda: None)
        flow()
        assert len(commands) == shop.seat.count
    assert len(SAM_PURCHASE) == shop.sam_seat.count


# ------------------------------------------------------------------ the card is pulled


@BOTH
@pytest.mark.parametrize("index", PURCHASE)
def test_purchase_with_the_card_pulled(shop, index, before):
    shop.seat.arm(index, before=before, leave=shop.slot.remove)
    with pytest.raises(CardRemoved):
        shop.terminal.purchase(shop.link, 100)
    charged = index == DEBIT and not before
    assert 500 - 100 * charged == shop.held()

    shop.put_back()
    result = shop.terminal.purchase(shop.link, 100)
    assert (charged, True, 400, 400) == (result.recovered, result.verified, result.balance_after, shop.held())
    result.record.verify_tac(shop.profile.dialect, tac_key(shop))
    assert 100 == moved(shop.journal)


@BOTH
@pytest.mark.parametrize("index", LOAD)
def test_load_with_the_card_pulled(shop, index, before):
    shop.seat.arm(index, before=before, leave=shop.slot.remove)
    with pytest.raises(CardRemoved):
        shop.load(200)
    credited = index == CREDIT and not before
    assert 500 + 200 * credited == shop.held()

    shop.put_back()
    result = shop.load(200)
    assert (credited, 700, 700) == (result.recovered, result.balance_after, shop.held())
    assert 700 == moved(shop.outlet_journal)
    assert 2 == [load.state for load in shop.register.history()].count(OnlineState.CONFIRMED)


@BOTH
def test_another_card_comes_first(shop, before):
    """The one that comes pays for itself; the one that was pulled is asked when it is back."""
    other = fresh(shop.suite, 2)
    data = card_data(2)
    shop.register.register(RegisteredCard(data.issuer, data.card_serial, shop.profile.name, data.expiry))
    shop.load(100, SimulatedTransport(other))
    shop.seat.arm(DEBIT, before=before, leave=shop.slot.remove)
    with pytest.raises(CardRemoved):
        shop.terminal.purchase(shop.link, 100)

    shop.seat.card = other
    shop.put_back()
    assert not shop.terminal.purchase(shop.link, 60).recovered

    shop.slot.remove()
    with pytest.raises(TransportError):
        shop.terminal.recover(shop.link)
    shop.seat.card = shop.card
    shop.put_back()
    paid = shop.terminal.recover(shop.link)
    assert ([] if before else [100]) == [result.record.amount for result in paid]
    assert 60 + 100 * (not before) == moved(shop.journal)
    assert 500 - 100 * (not before) == shop.held()


# ------------------------------------------------------------------ kill -9 of the daemon


@BOTH
@pytest.mark.parametrize("index", PURCHASE)
def test_purchase_with_the_daemon_killed(shop, index, before):
    """At DEBIT: between INITIALIZE and DEBIT, and after DEBIT with its answer lost."""
    shop.seat.arm(index, before=before, leave=shop.stack.kill)
    with pytest.raises(ServiceDown):
        shop.terminal.purchase(shop.link, 100)
    charged = index == DEBIT and not before
    assert 500 - 100 * charged == shop.held()

    shop.restart()
    result = shop.terminal.purchase(shop.link, 100)
    # The PSAM lost its session key with its power: MAC2 of a purchase of before cannot be checked any more.
    assert (charged, not charged, 400) == (result.recovered, result.verified, result.balance_after)
    result.record.verify_tac(shop.profile.dialect, tac_key(shop))
    assert (400, 100) == (shop.held(), moved(shop.journal))
    assert () == shop.terminal.recover(shop.link)


@BOTH
@pytest.mark.parametrize("index", LOAD)
def test_load_with_the_daemon_killed(shop, index, before):
    shop.seat.arm(index, before=before, leave=shop.stack.kill)
    with pytest.raises(ServiceDown):
        shop.load(200)
    credited = index == CREDIT and not before
    assert 500 + 200 * credited == shop.held()

    shop.restart()
    result = shop.load(200)
    assert (credited, 700) == (result.recovered, result.balance_after)
    assert (700, 700) == (shop.held(), moved(shop.outlet_journal))


# ------------------------------------------------------------------ the PSAM


@BOTH
@pytest.mark.parametrize("killed", [False, True], ids=["pulled", "daemon-killed"])
@pytest.mark.parametrize("index", SAM_PURCHASE)
def test_purchase_with_the_psam_lost(shop, index, killed, before):
    """Before the debit nothing is paid; after it the holder has paid, and only the check of MAC2 is missing."""
    leave = shop.stack.kill if killed else shop.sam_slot.remove
    shop.sam_seat.arm(index, before=before, leave=leave)
    if index == 0:
        with pytest.raises(ServiceDown if killed else CardRemoved):
            shop.terminal.purchase(shop.link, 100)
    else:
        result = shop.terminal.purchase(shop.link, 100)
        assert (False, 400) == (result.verified, result.balance_after)
        result.record.verify_tac(shop.profile.dialect, tac_key(shop))
    assert (500 - 100 * index, 100 * index) == (shop.held(), moved(shop.journal))

    if killed:
        shop.restart()
    else:
        shop.sam_slot.insert()
        shop.sam_link.reset()
        shop.terminal = shop.boot()
    assert () == shop.terminal.recover(shop.link)
    assert shop.terminal.purchase(shop.link, 30).verified
    assert (470 - 100 * index, 30 + 100 * index) == (shop.held(), moved(shop.journal))


def test_simulated_and_real_are_the_same_card(shop):
    """What was done through the real stack is there for the simulated transport."""
    shop.terminal.purchase(shop.link, 100)
    shop.link.close()
    assert 300 == shop.terminal.purchase(SimulatedTransport(shop.copy()), 100).balance_after
