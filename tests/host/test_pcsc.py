"""The PC/SC transport, readers and events over a service of this process; tests/e2e has the real one."""

from __future__ import annotations

import sys
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.errors import (
    CardRemoved,
    MissingComponent,
    NoCard,
    NoReader,
    ParameterError,
    ReaderBusy,
    ServiceDown,
    SharingViolation,
    TransportError,
    TransportTimeout,
)
from cardos.host.transports import pcsc
from cardos.host.transports.pcsc import PcscTransport, ShareMode
from cardos.host.transports.pcsc_events import (
    CardEvent,
    CardWatch,
    ReaderInfo,
    list_readers,
    offered_protocols,
)
from cardos.host.transports.pcsc_service import PcscCode, PcscContext, ReaderState, pcsc_error
from cardos.testing import KIT_ATR, KitCard, check_transport

from .fake_scard import CHANGED, EMPTY, NO_CARD, NO_SERVICE, PRESENT, TIMEOUT, FakeScard

COUNT = bytes.fromhex("80E3000001")


@pytest.fixture
def service(monkeypatch):
    return FakeScard(**{"Acme One 00": KitCard(), "Acme Two 00": None, "Other 00": KitCard()}).install(
        monkeypatch
    )


# ------------------------------------------------------------------ result codes

REMOVED, DOWN, TIME = CardRemoved, ServiceDown, TransportTimeout
#: Result codes with the class of the error, and whether only a reset helps after it.
CODES = [
    ("F_INTERNAL_ERROR", TransportError, False),
    ("E_CANCELLED", TransportError, False),
    ("E_INVALID_HANDLE", DOWN, True),
    ("F_WAITED_TOO_LONG", TIME, False),
    ("E_UNKNOWN_READER", NoReader, True),
    ("E_TIMEOUT", TIME, False),
    ("E_SHARING_VIOLATION", SharingViolation, False),
    ("E_NO_SMARTCARD", NoCard, True),
    ("E_PROTO_MISMATCH", TransportError, False),
    ("E_NOT_READY", ReaderBusy, False),
    ("E_SYSTEM_CANCELLED", DOWN, True),
    ("F_COMM_ERROR", DOWN, True),
    ("E_INVALID_ATR", NoCard, True),
    ("E_NOT_TRANSACTED", REMOVED, True),
    ("E_READER_UNAVAILABLE", NoReader, True),
    ("P_SHUTDOWN", DOWN, True),
    ("E_NO_SERVICE", DOWN, True),
    ("E_SERVICE_STOPPED", DOWN, True),
    ("E_NO_ACCESS", TransportError, False),
    ("E_NO_READERS_AVAILABLE", NoReader, True),
    ("E_COMM_DATA_LOST", REMOVED, True),
    ("E_SERVER_TOO_BUSY", ReaderBusy, False),
    ("W_UNSUPPORTED_CARD", NoCard, True),
    ("W_UNRESPONSIVE_CARD", NoCard, True),
    ("W_UNPOWERED_CARD", REMOVED, True),
    ("W_RESET_CARD", REMOVED, True),
    ("W_REMOVED_CARD", REMOVED, True),
    ("W_SECURITY_VIOLATION", TransportError, False),
]
EACH_CODE = pytest.mark.parametrize(
    ("name", "kind", "lost"), [pytest.param(*row, id=row[0]) for row in CODES]
)


def test_every_code_has_its_row():
    assert {code.name for code in PcscCode} == {"S_SUCCESS", *(name for name, *_ in CODES)}


@EACH_CODE
def test_error_of_a_code(name, kind, lost):
    error = pcsc_error(PcscCode[name], "Acme", ["Other"])
    assert kind is type(error)
    assert "Acme" in str(error)
    assert ("Other" if kind is NoReader else f"(SCARD_{name})") in str(error)


@EACH_CODE
def test_code_in_the_middle_of_a_session(service, name, kind, lost):
    if name == "E_PROTO_MISMATCH":  # the protocol was agreed on, until somebody powers the card up anew
        kind, lost = CardRemoved, True
    with PcscTransport("One") as transport:
        service.will("SCardTransmit", PcscCode[name])
        with pytest.raises(kind):
            transport.transmit(COUNT)
        if lost:
            with pytest.raises(CardRemoved, match="reset it"):
                transport.transmit(COUNT)
            transport.reset()
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


@pytest.mark.parametrize("code", [0x8010_00FF, 0x8010_00FF - (1 << 32), 31])
def test_unknown_code_is_an_error_with_its_number(code):
    error = pcsc_error(code, "")
    assert TransportError is type(error)
    assert f"the service refused ({code & 0xFFFFFFFF:08X})" == str(error)


def test_signed_code_is_the_same_code():
    assert str(pcsc_error(NO_CARD, "Acme")) == str(pcsc_error(NO_CARD - (1 << 32), "Acme"))


def test_codes_are_those_of_pyscard():
    scard = pytest.importorskip("smartcard.scard", reason="needs pyscard: pip install 'cardos[pcsc]'")
    named = {f"SCARD_{code.name}": code.value for code in PcscCode}
    assert named == {name: getattr(scard, name) & 0xFFFFFFFF for name in named}


# ------------------------------------------------------------------ the transport


def test_check_transport(monkeypatch):
    def connect(card):
        FakeScard(Reader=card).install(monkeypatch)
        return PcscTransport("Reader")

    assert 10 == len(check_transport(connect))


@pytest.mark.parametrize("wanted", ["Acme One 00", "one", "ACME ONE", 0])
def test_reader_by_name_part_or_number(service, wanted):
    with PcscTransport(wanted) as transport:
        assert ("Acme One 00", KIT_ATR, "T=1") == (transport.reader, transport.atr, transport.protocol)


def test_whole_name_is_never_ambiguous(monkeypatch):
    FakeScard(**{"Reader": KitCard(), "Reader 2": KitCard()}).install(monkeypatch)
    assert "Reader" == PcscTransport("Reader").reader
    with pytest.raises(NoReader):
        PcscTransport("reader")


@pytest.mark.parametrize(
    ("wanted", "candidates"),
    [
        ("Acme", ("Acme One 00", "Acme Two 00")),
        ("00", ("Acme One 00", "Acme Two 00", "Other 00")),
        ("none", ("Acme One 00", "Acme Two 00", "Other 00")),
        (3, ("Acme One 00", "Acme Two 00", "Other 00")),
        (-1, ("Acme One 00", "Acme Two 00", "Other 00")),
    ],
)
def test_no_reader_lists_those_to_choose_from(service, wanted, candidates):
    with pytest.raises(NoReader) as caught:
        PcscTransport(wanted)
    assert candidates == caught.value.readers
    assert set() == service.open


@pytest.mark.parametrize(
    "code", [0, PcscCode.E_NO_READERS_AVAILABLE, PcscCode.E_NO_READERS_AVAILABLE - (1 << 32)]
)
def test_no_readers_at_all(monkeypatch, code):
    service = FakeScard().install(monkeypatch)
    for action in (lambda: PcscTransport("x"), lambda: PcscTransport(0)):
        service.will("SCardListReaders", code)
        with pytest.raises(NoReader, match="reader must be there, none is, got"):
            action()
    service.will("SCardListReaders", code)
    assert () == list_readers()


def test_missing_pyscard_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "smartcard", None)
    for action in (lambda: PcscTransport("x"), list_readers, CardWatch, PcscContext):
        with pytest.raises(
            MissingComponent, match=r"pyscard is not installed; run: pip install 'cardos\[pcsc\]'"
        ):
            action()


def test_share_and_protocol_are_asked_for(service):
    PcscTransport("One", share=ShareMode.EXCLUSIVE, protocol="T=0").close()
    PcscTransport("One").close()
    assert [["Acme One 00", 1, 1], ["Acme One 00", 2, 3]] == service.asked("SCardConnect")


@pytest.mark.parametrize("protocol", ["T=2", "", "t=0"])
def test_protocol_must_be_known(service, protocol):
    with pytest.raises(ParameterError, match="protocol must be one of T=0, T=1, got"):
        PcscTransport("One", protocol=protocol)


@pytest.mark.parametrize(("cold", "how"), [(True, 2), (False, 1)])
def test_reset_unpowers_or_resets(service, cold, how):
    with PcscTransport("One") as transport:
        transport.transmit(COUNT)
        assert KIT_ATR == transport.reset(cold=cold)
        assert [[2, 3, how]] == service.asked("SCardReconnect")
        assert b"\x01\x90\x00" == transport.transmit(COUNT)


def test_closing_powers_off_and_drops_everything(service):
    transport = PcscTransport("One")
    for _ in range(2):
        transport.close()
    assert set() == service.open
    assert [[2]] == service.asked("SCardDisconnect")
    for action in (lambda: transport.transmit(COUNT), transport.reset, transport.exclusive().__enter__):
        with pytest.raises(TransportError, match="transport is closed; open a new one"):
            action()


def test_failing_to_connect_leaves_nothing_open(service):
    with pytest.raises(NoCard, match="Acme Two 00: no card lies in the reader"):
        PcscTransport("Two")
    service.will("SCardGetStatusChange", PcscCode.E_READER_UNAVAILABLE)
    with pytest.raises(NoReader):
        PcscTransport("One")
    service.will("SCardEstablishContext", NO_SERVICE)
    with pytest.raises(ServiceDown):
        PcscTransport("One")
    assert set() == service.open


def test_resetting_again_and_again_leaves_nothing_open(service):
    with PcscTransport("One") as transport:
        for code in (PcscCode.W_REMOVED_CARD, PcscCode.E_NO_SERVICE, PcscCode.E_INVALID_HANDLE):
            service.will("SCardReconnect", code)
            transport.reset()
            assert 2 == len(service.open)
    assert set() == service.open


def test_reset_that_fails_for_good(service):
    with PcscTransport("One") as transport:
        service.will("SCardReconnect", PcscCode.W_REMOVED_CARD, PcscCode.W_UNRESPONSIVE_CARD)
        with pytest.raises(NoCard):
            transport.reset()
        with pytest.raises(CardRemoved):
            transport.transmit(COUNT)
        service.will("SCardReconnect", NO_SERVICE)
        service.will("SCardEstablishContext", NO_SERVICE)
        with pytest.raises(ServiceDown):
            transport.reset()
        assert KIT_ATR == transport.reset()
    assert set() == service.open


@pytest.mark.parametrize(("counts", "contexts"), [((0, 0), 1), ((0, 1), 2)], ids=["overlooked", "noticed"])
def test_card_that_was_away_for_a_moment(service, monkeypatch, counts, contexts):
    """The reset finds no card.  A service that counts no removal would not see it come back either."""
    monkeypatch.setattr(pcsc, "_LOOK", 0.02)
    with PcscTransport("One") as transport:
        service.will("SCardReconnect", NO_CARD)
        service.states = deque([("Acme One 00", count << 16 | EMPTY, [])] for count in counts)
        transport.reset()
        assert b"\x01\x90\x00" == transport.transmit(COUNT)
    assert contexts == len(service.asked("SCardEstablishContext"))


def test_card_that_the_service_saw_go_is_not_touched_before_it_sees_it_come(service):
    """Neither powered off with the old connection, nor reset through it."""
    come_and_gone = [("Acme One 00", 0x10000 | EMPTY, [])]
    with PcscTransport("One") as transport:
        service.states = deque([come_and_gone, come_and_gone])
        transport.reset()
        assert [[0]] == service.asked("SCardDisconnect")
        assert 1 == len(service.asked("SCardReconnect"))  # the new connection


def test_closing_leaves_a_card_that_is_not_ours_any_more(service):
    for states in ([("Acme One 00", 0x10000 | EMPTY, [])], [("Acme One 00", 0x20000 | PRESENT, [])]):
        transport = PcscTransport("One")
        service.states = deque([states])
        transport.close()
        service.states = None
    transport = PcscTransport("One")
    service.will("SCardTransmit", PcscCode.W_RESET_CARD)
    with pytest.raises(CardRemoved):
        transport.transmit(COUNT)
    transport.close()
    assert [[0]] * 3 == service.asked("SCardDisconnect")


def test_waits_for_a_card(service):
    """The state that is known goes back to the service, so that it waits for another."""
    service.will("SCardConnect", NO_CARD, NO_CARD, NO_CARD)
    values = (EMPTY | CHANGED, PRESENT | CHANGED, 0x10000 | PRESENT, 0x10000 | PRESENT)
    service.states = deque([("Acme One 00", value, [])] for value in values)
    service.will("SCardGetStatusChange", 0, TIMEOUT)
    with PcscTransport("One", wait=60) as transport:
        assert b"\x01\x90\x00" == transport.transmit(COUNT)
    asked = [states for _, states in service.asked("SCardGetStatusChange")]
    assert [0, EMPTY, EMPTY, PRESENT, 0] == [state for ((_, state),) in asked[:5]]
    assert all(milliseconds <= 1000 for milliseconds, _ in service.asked("SCardGetStatusChange"))


def test_waits_no_longer_than_it_was_told(service):
    with pytest.raises(NoCard):
        PcscTransport("Two", wait=0.01)
    assert service.asked("SCardGetStatusChange")


def test_waiting_for_what_waiting_does_not_help(service):
    service.will("SCardConnect", PcscCode.E_SHARING_VIOLATION)
    with pytest.raises(SharingViolation):
        PcscTransport("One", wait=60)
    assert [] == service.asked("SCardGetStatusChange")


@pytest.mark.parametrize(
    ("protocol", "command", "allowed"),
    [
        ("T=0", b"", "2..65544 bytes, got 0 bytes"),
        ("T=1", b"\x00", "2..65544 bytes, got 1 bytes"),
        ("T=1", bytes(65545), "2..65544 bytes, got 65545 bytes"),
        ("T=0", bytes.fromhex("80E1000000 0100"), "short over T=0, got an extended one of 7 bytes"),
        ("T=0", bytes.fromhex("80E0000000 0001 AA"), "short over T=0, got an extended one of 8 bytes"),
        ("T=0", bytes.fromhex("80E0000000 0001 AA 0000"), "short over T=0, got an extended one of 10 bytes"),
    ],
)
def test_what_is_refused_before_it_is_sent(service, protocol, command, allowed):
    with PcscTransport("One", protocol=protocol) as transport:
        with pytest.raises(ParameterError, match=f"command must be {allowed}"):
            transport.transmit(command)
        assert [] == service.asked("SCardTransmit")


@pytest.mark.parametrize(
    ("protocol", "command"),
    [
        ("T=0", "80E0"),
        ("T=0", "80E00000"),
        ("T=0", "80E0000000"),
        ("T=0", "80E000000000"),
        ("T=0", "80E000000500"),
        ("T=0", "80E0000002AABB00"),
        ("T=1", "80E10000000100"),
        ("T=1", "80E0000000" + "FFFF" + "00" * 65535 + "0000"),
    ],
)
def test_what_is_sent(service, protocol, command):
    raw = bytes.fromhex(command)
    with PcscTransport("One", protocol=protocol) as transport:
        transport.transmit(raw)
    header = {"T=0": 101, "T=1": 102}[protocol]
    assert [[header, list(raw)]] == service.asked("SCardTransmit")


@given(st.binary(max_size=40))
def test_any_bytes_of_the_service_pass(answer):
    class Card(KitCard):
        def transmit(self, _command, /):
            return answer

    with pytest.MonkeyPatch.context() as patch:
        FakeScard(Reader=Card()).install(patch)
        transport = PcscTransport("Reader")
        if answer:
            assert answer == transport.transmit(COUNT)
        else:
            with pytest.raises(CardRemoved):
                transport.transmit(COUNT)


# ------------------------------------------------------------------ exclusive use


def test_exclusive_is_a_transaction(service):
    with PcscTransport("One") as transport:
        with transport.exclusive():
            transport.transmit(COUNT)
        names = [name for name, *_ in service.calls]
    assert ["SCardBeginTransaction", "SCardTransmit", "SCardEndTransaction"] == names[-3:]


def test_exclusive_does_not_wait_for_another_program(service):
    with PcscTransport("One") as transport:
        for code in (PcscCode.E_SHARING_VIOLATION, PcscCode.E_SHARING_VIOLATION - (1 << 32)):
            service.will("SCardGetAttrib", code)
            with pytest.raises(ReaderBusy), transport.exclusive():
                pass
        service.will("SCardGetAttrib", PcscCode.F_INTERNAL_ERROR)  # a reader without attributes
        with transport.exclusive():
            pass
        assert 1 == len(service.asked("SCardBeginTransaction"))


def test_exclusive_ends_with_an_error_too_and_when_the_card_is_gone(service):
    with PcscTransport("One") as transport:
        service.will("SCardTransmit", PcscCode.W_REMOVED_CARD)
        service.will("SCardEndTransaction", PcscCode.W_REMOVED_CARD)
        with pytest.raises(CardRemoved), transport.exclusive():
            transport.transmit(COUNT)
        with pytest.raises(CardRemoved), transport.exclusive():
            pass
        transport.reset()
        service.will("SCardBeginTransaction", PcscCode.W_RESET_CARD)
        with pytest.raises(CardRemoved), transport.exclusive():
            pass


def test_exclusive_use_goes_on_after_a_new_connection(service):
    with PcscTransport("One") as transport, transport.exclusive():
        service.will("SCardReconnect", PcscCode.W_REMOVED_CARD)
        transport.reset()
        assert 2 == len(service.asked("SCardBeginTransaction"))


def test_exclusive_and_closed_inside(service):
    transport = PcscTransport("One")
    with transport.exclusive():
        transport.close()
    assert set() == service.open


# ------------------------------------------------------------------ readers and events


def test_list_readers(service):
    del service.readers["Other 00"]
    expected = (ReaderInfo("Acme One 00", True, KIT_ATR, ("T=1",)), ReaderInfo("Acme Two 00", False, b"", ()))
    assert expected == list_readers()
    assert set() == service.open


@pytest.mark.parametrize(
    ("atr", "protocols"),
    [
        ("", ()),
        ("3B", ()),
        ("3B00", ("T=0",)),
        ("3B6300006B6974", ("T=0",)),
        ("3B83016B6974F4", ("T=1",)),
        ("3B8180018081", ("T=0", "T=1")),
        ("3BF0110000811F00", ("T=1",)),
        ("3B8F80811F", ("T=0", "T=1")),
        ("3B80", ("T=0",)),
        ("3B8E", ("T=0",)),
        ("3B800E", ("T=14",)),
    ],
)
def test_offered_protocols(atr, protocols):
    assert protocols == offered_protocols(bytes.fromhex(atr))


@given(st.binary(max_size=40))
def test_offered_protocols_takes_anything(atr):
    assert all(name.startswith("T=") for name in offered_protocols(atr))


@pytest.fixture
def empty(service):
    """Readers without cards."""
    service.readers = dict.fromkeys(service.readers)
    return service


def seen(*states):
    return [(name, value | CHANGED, list(atr)) for name, value, atr in states]


A, B = "Acme One 00", "Acme Two 00"
COME, GONE = CardEvent(A, inserted=True, atr=b"\x3b\x00"), CardEvent(A, inserted=False)
ONE = b"\x3b\x00"


@pytest.mark.parametrize(
    ("states", "events"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([seen((A, EMPTY, b""))], [], id="empty"),
        pytest.param([seen((A, PRESENT, ONE))], [COME], id="there-already"),
        pytest.param([seen((A, EMPTY, b"")), seen((A, 0x10000 | PRESENT, ONE))], [COME], id="comes"),
        pytest.param([seen((A, PRESENT, ONE)), seen((A, 0x10000 | EMPTY, b""))], [COME, GONE], id="goes"),
        pytest.param(
            [seen((A, PRESENT, ONE)), seen((A, 0x20000 | PRESENT, ONE))],
            [COME, GONE, COME],
            id="changed-unseen",
        ),
        pytest.param(
            [seen((A, PRESENT, ONE)), seen((A, PRESENT | 0x100, ONE))], [COME], id="somebody-connects"
        ),
        pytest.param([seen((A, EMPTY, b"")), seen((A, 0x20000 | EMPTY, b""))], [], id="came-and-went-unseen"),
        pytest.param(
            [seen((A, PRESENT, ONE), (B, PRESENT, ONE))],
            [COME, CardEvent(B, inserted=True, atr=ONE)],
            id="two-at-once",
        ),
        pytest.param([seen(("\\\\?PnP?\\Notification", PRESENT, b""))], [], id="no-reader-of-that-name"),
    ],
)
def test_card_watch(empty, states, events):
    empty.states = deque(states)
    with CardWatch(limit=0.02) as watch:
        assert events == list(watch)
    assert set() == empty.open


def test_card_watch_asks_for_the_readers_that_are_meant(empty):
    with CardWatch("ACME", limit=0) as watch:
        assert [] == list(watch)
    ((milliseconds, asked),) = empty.asked("SCardGetStatusChange")
    assert 0 == milliseconds
    assert [A, B, "\\\\?PnP?\\Notification"] == [name for name, _ in asked]


def test_a_reader_that_goes_takes_its_card_along(empty):
    empty.states = deque([seen((A, PRESENT, ONE)), seen((A, PRESENT, ONE))])
    with CardWatch(limit=0.5) as watch:
        assert COME == next(watch)
        del empty.readers[A]
        assert GONE == next(watch)
        empty.readers[A] = KitCard()
        empty.will("SCardGetStatusChange", PcscCode.E_UNKNOWN_READER)  # unplugged between two calls
        assert COME == next(watch)


def test_card_watch_ends_when_it_is_cancelled(service):
    watch = CardWatch()
    watch.cancel()
    assert None is next(watch, None)
    assert 1 == len(service.asked("SCardCancel"))
    watch.close()
    watch.close()
    assert set() == service.open


def test_card_watch_cancelled_while_it_waits(service, monkeypatch):
    watch = CardWatch()

    def change(_context, _milliseconds, _asked):
        watch.cancel()
        return PcscCode.E_CANCELLED, []

    monkeypatch.setattr(service, "SCardGetStatusChange", change)
    assert [] == list(watch)


def test_card_watch_raises_when_the_service_goes(service):
    service.will("SCardGetStatusChange", PcscCode.F_COMM_ERROR)
    with CardWatch() as watch, pytest.raises(ServiceDown):
        next(watch)


def test_reader_state():
    state = ReaderState("Acme", 0x30022, ONE)
    assert (True, 3) == (state.present, state.count)
    assert not ReaderState("Acme").present
