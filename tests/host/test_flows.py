"""Loads and purchases on the simulated card: what is right, what is refused, what is recorded."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, datetime

import pytest

from cardos.apdu import Command, find_spec
from cardos.card import Card
from cardos.errors import MacMismatch, ParameterError, StatusError
from cardos.host import (
    Blacklist,
    CardState,
    EntryState,
    IssuerRefused,
    OnlineState,
    PurchaseRefused,
    Purse,
    PurseSession,
    RecordFlag,
    Refusal,
    SimulatedTransport,
    TerminalRecord,
    Tracer,
    Wrapper,
    collect,
    parse_trace,
    personalise,
    read_upload,
)

from .conftest import EXPIRY, ISSUER, NOON, OUTLET, PIN, START, TERMINAL


def tac_key(city):
    return city.keys.for_card(city.profile, issuer=ISSUER, card_serial=city.data.card_serial)["tac"]


def test_load_then_purchase(city):
    loaded, paid = city.load(5000), city.terminal.purchase(city.link, 200)
    assert (5000, 4800, 4800) == (loaded.balance_after, paid.balance_after, city.balance())
    assert paid.verified
    assert not paid.recovered
    for result in (loaded, paid):
        result.record.verify_tac(city.profile.dialect, tac_key(city))


def test_record_of_a_purchase(city):
    city.load(5000)
    record = city.terminal.purchase(city.link, 200).record
    expected = TerminalRecord(
        type=6, operator=1, terminal=TERMINAL, sam=bytes.fromhex("0000000000000042"), terminal_serial=0,
        when=city.clock.now, issuer=ISSUER, card_serial=city.data.card_serial, serial=1, balance=5000, amount=200,
        key_version=0, list_version=NOON.date(), tac=record.tac,
    )  # fmt: skip
    assert expected == record
    assert [record] == [entry.record for entry in city.journal.entries()]


def test_record_of_a_load(city):
    record = city.load(5000).record
    expected = TerminalRecord(
        type=2, operator=9, terminal=OUTLET, when=record.when, issuer=ISSUER, card_serial=city.data.card_serial,
        serial=1, balance=0, amount=5000, key_version=0, list_version=NOON.date(), tac=record.tac,
    )  # fmt: skip
    assert expected == record
    [load] = city.register.history()
    assert (OnlineState.CONFIRMED, record.tac, 1) == (load.state, load.tac, load.serial)


def test_card_log_agrees_with_the_records(city):
    records = [city.load(5000).record, city.terminal.purchase(city.link, 200).record]
    log = list(PurseSession(city.link, city.profile).read_log())
    newest_first = [
        (record.serial, record.amount, record.type, record.terminal, record.when) for record in records[::-1]
    ]
    assert newest_first == [
        (entry.serial, entry.amount, entry.type, entry.terminal, entry.when) for entry in log
    ]


def test_deposit_needs_its_pin(city):
    city.load(700, purse=Purse.ED)
    with pytest.raises(StatusError, match="6982"):
        city.terminal.purchase(city.link, 100, purse=Purse.ED)
    paid = city.terminal.purchase(city.link, 100, purse=Purse.ED, pin=PIN)
    assert (5, 600) == (paid.record.type, city.balance(Purse.ED))


def test_wrong_pin_says_how_many_tries_are_left(city):
    with pytest.raises(StatusError, match="63C2 .2 tries left"):
        city.outlet.load(city.link, 100, pin=b"\x99\x99")


def test_to_the_last_fen(city):
    city.load(300)
    assert 0 == city.terminal.purchase(city.link, 300).balance_after
    with pytest.raises(PurchaseRefused, match="not sufficient") as caught:
        city.terminal.purchase(city.link, 1)
    assert Refusal.INSUFFICIENT is caught.value.reason
    assert 1 == len(city.journal.entries())


def test_a_card_that_claims_less_than_it_is_asked_for_is_too_poor(city_3des):
    """Whatever its status word says."""
    city_3des.load(0x1FF)
    with pytest.raises(PurchaseRefused, match="511 fen asked for, 510 there"):
        city_3des.terminal.purchase(Changes(city_3des.link, 0x50, 3), 0x1FF)
    assert () == city_3des.journal.entries()


@pytest.mark.parametrize("amount", [0, -1, 1 << 32])
def test_impossible_amounts_are_refused_before_the_card_hears_of_them(city_3des, amount):
    city_3des.link.remove()
    for action in (city_3des.load, lambda amount: city_3des.terminal.purchase(city_3des.link, amount)):
        with pytest.raises(ParameterError, match="amount must be 1..4294967295 fen"):
            action(amount)


@pytest.mark.parametrize(
    ("now", "blacklisted", "reason"),
    [
        pytest.param(datetime(2024, 12, 31, 23), False, Refusal.SAM_EXPIRED, id="sam-too-young"),
        pytest.param(datetime(2035, 1, 1), False, Refusal.SAM_EXPIRED, id="sam-too-old"),
        pytest.param(NOON, True, Refusal.BLACKLISTED, id="blacklisted"),
    ],
)
def test_terminal_refuses_before_anything_is_spent(city_3des, now, blacklisted, reason):
    city_3des.load(500)
    city_3des.clock.now = now
    if blacklisted:
        city_3des.terminal.blacklist = Blacklist.of(NOON.date(), [city_3des.data.card_serial])
    with pytest.raises(PurchaseRefused) as caught:
        city_3des.terminal.purchase(city_3des.link, 100)
    assert reason is caught.value.reason
    assert ((), 500) == (city_3des.journal.entries(), city_3des.balance())


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2024, 12, 31), Refusal.NOT_YET_VALID),
        (START, None),
        (EXPIRY, None),
        (date(2035, 1, 1), Refusal.EXPIRED),
    ],
)
def test_card_is_valid_from_its_first_to_its_last_day(city_3des, day, reason):
    city_3des.load(500)
    psam = city_3des.terminal._psam
    psam.info = replace(psam.info, start=date(2000, 1, 1), expiry=date(2099, 1, 1))
    city_3des.clock.now = datetime(day.year, day.month, day.day, 10)
    if reason is None:
        assert 400 == city_3des.terminal.purchase(city_3des.link, 100).balance_after
    else:
        with pytest.raises(PurchaseRefused) as caught:
            city_3des.terminal.purchase(city_3des.link, 100)
        assert reason is caught.value.reason


def test_lost_card_is_not_loaded(city):
    city.register.set_state(city.data.card_serial, CardState.LOST)
    with pytest.raises(IssuerRefused, match="reported lost") as caught:
        city.load(500)
    assert Refusal.CARD_STATE is caught.value.reason
    assert ((), (), 0) == (city.register.history(), city.outlet_journal.entries(), city.balance())


class Changes(Wrapper):
    """Flips a bit of one answer, the ``index``-th to an instruction ``ins``."""

    def __init__(self, inner, ins: int, offset: int) -> None:
        super().__init__(inner)
        self.ins, self.offset, self.done = ins, offset, False

    def transmit(self, command: bytes, /) -> bytes:
        answer = bytearray(self.inner.transmit(command))
        if command[1] == self.ins and not self.done:
            self.done = True
            answer[self.offset] ^= 1
        return bytes(answer)


@pytest.mark.parametrize("offset", range(12, 16))
def test_wrong_mac1_of_a_load_is_refused_by_the_issuer(city_3des, offset):
    with pytest.raises(MacMismatch, match="MAC1 of load"):
        city_3des.load(500, Changes(city_3des.link, 0x50, offset))
    assert (0, ()) == (city_3des.balance(), city_3des.register.history())


@pytest.mark.parametrize("offset", range(12))
def test_changed_initialise_answer_gets_no_mac2(city_3des, offset):
    """Balance, serial, random: all under MAC1; key version and algorithm are the issuer's own data."""
    link = Changes(city_3des.link, 0x50, offset)
    if offset in (6, 7):
        assert 500 == city_3des.load(500, link).balance_after
    else:
        with pytest.raises(MacMismatch):
            city_3des.load(500, link)
        assert 0 == city_3des.balance()


def test_wrong_tac_of_a_load_leaves_it_open_until_the_card_proves_it(city_3des):
    with pytest.raises(MacMismatch, match="TAC of load"):
        city_3des.load(500, Changes(city_3des.link, 0x52, 0))
    assert [EntryState.OPEN] == [entry.state for entry in city_3des.outlet_journal.entries()]
    assert city_3des.load(500).recovered
    assert 500 == city_3des.balance()


def test_wrong_mac2_of_a_purchase_is_never_accepted(city_3des):
    city_3des.load(500)
    with pytest.raises(MacMismatch, match="MAC2 of purchase"):
        city_3des.terminal.purchase(Changes(city_3des.link, 0x54, 4), 100)
    [entry] = city_3des.journal.entries()
    assert (EntryState.SUSPECT, RecordFlag.SUSPECT) == (entry.state, entry.record.flag)
    entry.record.verify_tac(city_3des.profile.dialect, tac_key(city_3des))  # so the centre can settle it
    # the proof of that purchase is not believed afterwards either, and nobody pays for nothing twice
    with pytest.raises(PurchaseRefused, match="wrong MAC2 here before .on 2025-03-01 12:00:03") as caught:
        city_3des.terminal.purchase(city_3des.link, 100)
    assert (Refusal.SUSPECT, 400) == (caught.value.reason, city_3des.balance())
    assert EntryState.COMPLETE is city_3des.journal.acquit(entry).state
    assert 300 == city_3des.terminal.purchase(city_3des.link, 100).balance_after
    assert 2 == len(city_3des.journal.open_batch(NOON).records)  # it goes up once, with its flag
    with pytest.raises(ParameterError, match="entry must be suspect, got number 1 that is not"):
        city_3des.journal.acquit(entry)


def test_card_refuses_a_wrong_mac1_and_nothing_is_owed(city_3des):
    city_3des.load(500)
    city_3des.terminal = city_3des.boot(sam_link=Changes(city_3des.sam_link, 0x70, 4))
    with pytest.raises(StatusError, match="DEBIT FOR PURCHASE answered 9302"):
        city_3des.terminal.purchase(city_3des.link, 100)
    assert [EntryState.VOID] == [entry.state for entry in city_3des.journal.entries()]
    assert 500 == city_3des.balance()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param("9302", EntryState.VOID, id="refused"),
        pytest.param("6581", EntryState.OPEN, id="memory-failure"),
        pytest.param("6901", EntryState.OPEN, id="as-if-sent-twice"),
        pytest.param("6A86", EntryState.OPEN, id="as-if-of-get-response"),
        pytest.param("6D00", EntryState.OPEN, id="unknown-instruction"),
        pytest.param("6F42", EntryState.OPEN, id="undeclared"),
    ],
)
def test_only_a_declared_refusal_of_the_debit_makes_the_entry_void(city_3des, answer, state):
    class Answers(Wrapper):
        def transmit(self, command: bytes, /) -> bytes:
            return bytes.fromhex(answer) if command[1] == 0x54 else self.inner.transmit(command)

    city_3des.load(500)
    with pytest.raises(StatusError, match=answer):
        city_3des.terminal.purchase(Answers(city_3des.link), 100)
    assert [state] == [entry.state for entry in city_3des.journal.entries()]


def test_a_sam_that_refuses_mac2_for_another_reason_makes_it_suspect_as_well(city_3des):
    city_3des.load(500)

    class Fails(Wrapper):
        def transmit(self, command: bytes, /) -> bytes:
            return bytes.fromhex("6983") if command[1] == 0x72 else self.inner.transmit(command)

    terminal = city_3des.boot(sam_link=Fails(city_3des.sam_link))
    with pytest.raises(StatusError, match="CREDIT SAM FOR PURCHASE answered 6983"):
        terminal.purchase(city_3des.link, 100)
    [entry] = city_3des.journal.entries()
    assert EntryState.SUSPECT is entry.state
    entry.record.verify_tac(city_3des.profile.dialect, tac_key(city_3des))


def test_a_day_is_uploaded(city, tmp_path):
    city.load(5000)
    expected = [city.terminal.purchase(city.link, amount).record for amount in (100, 200, 300)]
    found = read_upload(collect(city.journal, tmp_path, created=city.clock()))
    assert expected == [TerminalRecord.decode(raw) for raw in found]
    loads = read_upload(collect(city.outlet_journal, tmp_path, created=city.clock()))
    assert (1, 9) == (loads.count, loads.header.operator)


def test_terminal_serials_rise_and_never_repeat(city_3des):
    city_3des.load(500)
    serials = [city_3des.terminal.purchase(city_3des.link, 1).record.terminal_serial for _ in range(3)]
    city_3des.sam_link.reset()
    city_3des.terminal = city_3des.boot()
    serials.append(city_3des.terminal.purchase(city_3des.link, 1).record.terminal_serial)
    assert [0, 1, 2, 3] == serials


@pytest.mark.parametrize("protocol", ["T=0", "T=CL"])
def test_flows_do_not_depend_on_the_protocol(city, protocol):
    card = Card.blank(city.profile, protocol=protocol)
    link = SimulatedTransport(card)
    personalise(link, city.profile, city.data, city.keys)
    city.load(500, link)
    assert 400 == city.terminal.purchase(link, 100).balance_after
    assert 2 == len(list(PurseSession(link, city.profile).read_log()))


def test_trace_of_a_load_and_a_purchase(city):
    """Readable, complete, and without the PIN."""
    stream = io.StringIO()
    link = Tracer(city.link, stream, card=city.profile.name)
    city.load(500, link)
    city.terminal.purchase(link, 100)
    trace = parse_trace(stream.getvalue().encode())
    names = [
        find_spec(Command.decode(bytes.fromhex(event.command.replace("X", "0")))).name
        for event in trace.events
    ]
    assert [
        "SELECT", "VERIFY", "INITIALIZE FOR LOAD", "CREDIT FOR LOAD", "SELECT", "INITIALIZE FOR PURCHASE",
        "DEBIT FOR PURCHASE",
    ] == names  # fmt: skip
    assert ["0020000003XXXXXX"] == [event.command for event in trace.events if event.is_redacted]
    assert {"9000"} == {event.response[-4:] for event in trace.events}
