"""The transport over the real PC/SC daemon, with simulated cards in two slots of its virtual reader."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from cardos.card import Card
from cardos.errors import (
    CardRemoved,
    NoCard,
    NoReader,
    ParameterError,
    ReaderBusy,
    ServiceDown,
    SharingViolation,
    TransportError,
)
from cardos.host import EntryState, PsamSession, Purse, PurseSession
from cardos.host.serving import SlotEvent
from cardos.host.transports.pcsc import PcscTransport, ShareMode
from cardos.host.transports.pcsc_events import CardEvent, CardWatch, list_readers
from cardos.host.transports.pcsc_service import PcscContext, ReaderState
from cardos.testing import KIT_ATR, KitCard, check_transport
from tests.host.conftest import PIN, SUITES, City, made, profiles

from .seat import Seat

pytestmark = pytest.mark.slow
pytest.importorskip("smartcard", reason="needs pyscard: pip install 'cardos[pcsc]'")

WAIT = 5.0
COUNT, ECHO = bytes.fromhex("80E3000001"), bytes.fromhex("80E0000000")
FIRST, SECOND = "Virtual PCD 00 00", "Virtual PCD 00 01"


@pytest.fixture
def seat(stack):
    """The kit's card in the first slot."""
    seat = Seat(KitCard())
    with stack.insert(seat) as seat.slot:
        stack.wait(FIRST)
        yield seat


# ------------------------------------------------------------------ the transport alone


def test_check_transport(seat):
    def connect(card):
        seat.card = card
        card.power_on()  # the service may think that it has power already
        return PcscTransport("00 00", wait=WAIT)

    assert 10 == len(check_transport(connect))


def test_which_reader_is_meant(stack, seat):
    for wanted in ("pcd 00 00", FIRST, 0):
        with PcscTransport(wanted) as transport:
            assert (FIRST, "T=1", KIT_ATR) == (transport.reader, transport.protocol, transport.atr)
    for wanted in ("Virtual", "Acme", "", 2, -1):
        with pytest.raises(NoReader, match="reader must be one of 'Virtual PCD 00 00', ") as caught:
            PcscTransport(wanted)
        assert stack.readers == caught.value.readers


def test_list_readers(seat):
    first, second = list_readers()
    assert (FIRST, True, KIT_ATR, ("T=1",)) == (first.name, first.present, first.atr, first.protocols)
    assert (SECOND, False, b"", ()) == (second.name, second.present, second.atr, second.protocols)


def test_no_card(stack):
    with pytest.raises(NoCard, match="no card lies in the reader"):
        PcscTransport(SECOND)
    started = time.monotonic()
    with pytest.raises(NoCard):
        PcscTransport(SECOND, wait=0.1)
    assert 0.1 <= time.monotonic() - started < WAIT


def test_protocol_that_the_card_does_not_speak(seat):
    with pytest.raises(TransportError, match="PROTO_MISMATCH"):
        PcscTransport(FIRST, protocol="T=0")
    with pytest.raises(ParameterError, match="protocol must be one of T=0, T=1, got 'T=2'"):
        PcscTransport(FIRST, protocol="T=2")


@pytest.mark.parametrize(
    ("cold", "events"),
    [
        pytest.param(True, [SlotEvent.POWER_OFF, SlotEvent.POWER_ON], id="cold"),
        pytest.param(False, [SlotEvent.RESET], id="warm"),
    ],
)
def test_what_a_reset_does_to_the_card(stack, cold, events):
    seen = []
    with stack.insert(KitCard(), events=seen.append):
        stack.wait(FIRST)
        with PcscTransport(FIRST) as transport:
            transport.transmit(COUNT)
            seen.clear()
            transport.reset(cold=cold)
            assert (b"\x01\x90\x00", events) == (transport.transmit(COUNT), seen)


def test_sharing(seat):
    with PcscTransport(FIRST) as one, PcscTransport(FIRST) as other:
        assert [b"\x01\x90\x00", b"\x02\x90\x00"] == [one.transmit(COUNT), other.transmit(COUNT)]
        with pytest.raises(SharingViolation, match="another program has the card"):
            PcscTransport(FIRST, share=ShareMode.EXCLUSIVE)
    with PcscTransport(FIRST, share=ShareMode.EXCLUSIVE) as one:
        with pytest.raises(SharingViolation):
            PcscTransport(FIRST)
        assert b"\x90\x00" == one.transmit(COUNT)[-2:]


def test_a_card_that_another_program_reset_must_be_reset(seat):
    with PcscTransport(FIRST) as one, PcscTransport(FIRST) as other:
        other.reset(cold=False)
        for _ in range(2):
            with pytest.raises(CardRemoved):
                one.transmit(COUNT)
        assert 0 == len(seat.card.received)
        one.reset()
        assert b"\x01\x90\x00" == one.transmit(COUNT)


MANY = 200  # commands; another program would come in between


def test_exclusive_use(seat):
    with PcscTransport(FIRST) as one, PcscTransport(FIRST) as other:
        with one.exclusive(), one.exclusive():
            with pytest.raises(ReaderBusy), other.exclusive():
                pass
            waiting = threading.Thread(target=other.transmit, args=(ECHO,))
            waiting.start()
            for _ in range(MANY):
                one.transmit(COUNT)
        waiting.join(WAIT)
        assert [*[COUNT] * MANY, ECHO] == seat.card.received
        with other.exclusive():
            other.transmit(COUNT)


@pytest.mark.parametrize("noticed", [False, True])
def test_exclusive_use_outlasts_the_card(stack, seat, noticed):
    """Pulled and put back, it is still ours alone."""

    def come_in():
        with PcscTransport(FIRST) as other:
            other.transmit(ECHO)

    with PcscTransport(FIRST, wait=WAIT) as one:
        with one.exclusive():
            seat.slot.remove()
            if noticed:
                stack.wait(FIRST, present=False)
            with pytest.raises(CardRemoved):
                one.transmit(COUNT)
            seat.slot.insert()
            one.reset()
            waiting = threading.Thread(target=come_in)
            waiting.start()
            for _ in range(MANY):
                one.transmit(COUNT)
        waiting.join(WAIT)
        assert [*[COUNT] * MANY, ECHO] == seat.card.received


def test_removed_and_put_back(stack, seat):
    transport = PcscTransport(FIRST, wait=WAIT)
    seat.slot.remove()
    stack.wait(FIRST, present=False)
    for _ in range(2):
        with pytest.raises(CardRemoved):
            transport.transmit(COUNT)
    seat.slot.insert()
    stack.wait(FIRST)
    with pytest.raises(CardRemoved):  # it is another card, or the same that forgot
        transport.transmit(COUNT)
    assert KIT_ATR == transport.reset()
    assert b"\x01\x90\x00" == transport.transmit(COUNT)
    transport.close()


def test_put_back_before_the_service_looks(stack, seat):
    """The reset finds an empty reader, and pcscd counts no removal: it would not see the card come back."""
    with PcscTransport(FIRST, wait=WAIT) as transport:
        seat.slot.remove()
        with pytest.raises(CardRemoved):
            transport.transmit(COUNT)
        resetting = threading.Thread(target=transport.reset)
        resetting.start()
        stack.wait(FIRST, present=False)
        seat.slot.insert()
        resetting.join(WAIT)
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


@pytest.mark.parametrize("how", ["reset", "new connection"])
def test_put_back_after_the_service_saw_it_go(stack, seat, how):
    """The service powers it up when it sees it come; were it powered before, that would take it from us."""
    with ExitStack() as opened:
        transport = opened.enter_context(PcscTransport(FIRST, wait=WAIT))
        context = opened.enter_context(PcscContext())
        seat.slot.remove()
        stack.wait(FIRST, present=False)
        (gone,) = context.changes([ReaderState(FIRST)], 0.0)
        seat.slot.insert()
        if how == "reset":
            transport.reset()
        else:
            transport.close()
            transport = opened.enter_context(PcscTransport(FIRST, wait=WAIT))
        state, until = gone, time.monotonic() + WAIT
        while state is not None and state.count == gone.count:
            state = context.await_change(state, until)
        assert state is not None
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


def test_reset_of_an_empty_reader(stack, seat):
    with PcscTransport(FIRST) as transport:
        seat.slot.remove()
        stack.wait(FIRST, present=False)
        for _ in range(2):
            with pytest.raises(NoCard):
                transport.reset()
            with pytest.raises(CardRemoved):
                transport.transmit(COUNT)


def test_service_down_and_up_again(stack, seat):
    transport = PcscTransport(FIRST, wait=WAIT)
    stack.kill()
    with pytest.raises(ServiceDown):
        transport.transmit(COUNT)
    for action in (transport.reset, lambda: PcscTransport(FIRST), list_readers, CardWatch):
        with pytest.raises(ServiceDown, match="service does not run; start pcscd"):
            action()
    stack.start()
    transport.reset()
    assert b"\x01\x90\x00" == transport.transmit(COUNT)
    transport.close()


# ------------------------------------------------------------------ events


def test_card_watch(stack):
    seat = Seat(KitCard())
    with CardWatch("00 01", limit=WAIT) as watch, stack.insert(seat, slot=1) as slot:
        assert CardEvent(SECOND, inserted=True, atr=KIT_ATR) == next(watch)
        slot.remove()
        assert CardEvent(SECOND, inserted=False) == next(watch)
        slot.insert()
        assert CardEvent(SECOND, inserted=True, atr=KIT_ATR) == next(watch)
        assert [CardEvent(SECOND, inserted=True, atr=KIT_ATR)] == list(CardWatch(limit=0))
        assert [] == list(CardWatch("00 00", limit=0))


def test_card_watch_that_is_cancelled(stack):
    with CardWatch() as watch:
        threading.Timer(0.05, watch.cancel).start()
        started = time.monotonic()
        assert [] == list(watch)
        assert time.monotonic() - started < WAIT


def test_card_watch_when_the_service_goes(stack):
    with CardWatch() as watch:
        threading.Timer(0.05, stack.kill).start()
        with pytest.raises(ServiceDown):
            next(watch)


# ------------------------------------------------------------------ money


@pytest.mark.parametrize("suite", SUITES)
def test_load_and_purchase_with_card_and_psam_in_two_slots(stack, tmp_path, suite):
    """A contactless card and a PSAM with contacts, as in a bus."""
    card, sam = (
        Card.blank(profile, protocol=protocol)
        for profile, protocol in zip(profiles(suite), ("T=CL", "T=0"), strict=True)
    )
    for each, number in ((card, 1), (sam, 0)):
        each.restore(made(suite, number))
    with (
        City(suite, tmp_path) as city, stack.insert(card), stack.insert(sam, slot=1),
        PcscTransport(FIRST, wait=WAIT) as link, PcscTransport(SECOND, wait=WAIT) as sam_link,
    ):  # fmt: skip
        assert ("T=1", "T=0") == (link.protocol, sam_link.protocol)
        city.load(500, link)
        terminal = city.boot(sam_link=sam_link)
        results = [terminal.purchase(link, amount) for amount in (100, 30)]
        assert [(400, True), (370, True)] == [(each.balance_after, each.verified) for each in results]
        assert [EntryState.COMPLETE] * 2 == [entry.state for entry in city.journal.entries()]
        session = PurseSession(link, city.profile)
        session.verify(PIN)
        assert 370 == session.get_balance(Purse.EP)
        assert [30, 100, 500] == [entry.amount for entry in session.read_log()]


def test_t0_leaves_the_second_step_to_the_host(stack):
    """61xx arrives as it is, and an extended command is refused before it is sent."""
    profile = profiles("3des")[1]
    card = Card.blank(profile, protocol="T=0")
    card.restore(made("3des", 0))
    seat = Seat(card)
    with stack.insert(seat), PcscTransport(FIRST, wait=WAIT) as link:
        answer = link.transmit(bytes.fromhex("00A4000002 3F00"))
        assert (2, 0x61) == (len(answer), answer[0])
        seat.arm(-1, before=True, leave=lambda: None)
        for command in (b"\x00\xa4\x00\x00\x00\x00\x02\x3f\x00", b"\x00\xb0\x95\x00\x00\x01\x00"):
            with pytest.raises(ParameterError, match="command must be short over T=0, got an extended"):
                link.transmit(command)
        assert 0 == seat.count
        assert PsamSession(link, profile).info.number
