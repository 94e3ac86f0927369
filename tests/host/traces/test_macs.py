"""MACs and TACs of every transaction, computed again out of a trace: right as the card made them, wrong when a bit
flips, not checked when something is not there.
"""

from __future__ import annotations

import io
from dataclasses import replace
from types import MappingProxyType

import pytest

from cardos.apdu.purse_commands import ED, EP
from cardos.card import Card
from cardos.errors import ParameterError
from cardos.fields import FIELDS
from cardos.host import KeyRing, SimulatedTransport, Tracer, parse_trace, personalise
from cardos.host.traces import RANDOM_FIELDS, EventKind, Mac, Trace, TraceEvent, decode_trace, redact_trace
from cardos.host.traces.anatomy import COMMAND_MAC
from cardos.host.traces.macs import MAC_FIELDS
from tests.host.conftest import card_data, profiles, ring
from tests.host.traces.recordings import recorded
from tests.wallet.grey_rig import grey_card
from tests.wallet.purse_cards import COMPOSITE_FILES, LINEAR, purse_card
from tests.wallet.rig import KEY, PurseRig, SamRig
from tests.wallet.sam_rig import load_command

RIGHT, WRONG, UNCHECKED = Mac.RIGHT, Mac.WRONG, Mac.UNCHECKED


class Spy:
    """A card that remembers what passed."""

    def __init__(self, card):
        self.card, self.events = card, []

    def transmit(self, command):
        answer = self.card.transmit(command)
        number = len(self.events) + 1
        self.events.append(TraceEvent(number, EventKind.APDU, command.hex().upper(), answer.hex().upper()))
        return answer

    def __getattr__(self, name):
        return getattr(self.card, name)


def spied(rig):
    rig.card = Spy(rig.card)
    return rig


def own_keys(rig):
    """The card's own keys: the rigs do not diversify."""
    profile = replace(rig.profile, factors=())
    return profile, KeyRing(MappingProxyType(dict.fromkeys(SOURCES, profile.suite.key(KEY))))


SOURCES = (
    "control", "maintenance", "pin-unblock", "pin-reload", "load", "purchase", "unload", "overdraft", "tac",
)  # fmt: skip


def marks(events, profile, keys, **known):
    """Event number, field and verdict of every MAC."""
    trace = Trace(profile.name, "simulated", tuple(events))
    decoded = decode_trace(trace, profile, keys=keys, known=known)
    return [
        (event.number, each.name, each.mac)
        for event in decoded
        for each in (*event.body, *event.answer)
        if each.mac is not None
    ]


def marks_of(rig):
    return marks(rig.card.events, *own_keys(rig))


# ------------------------------------------------------------------ whole days


@pytest.mark.parametrize("suite", ["3des", "sm4"])
def test_every_mac_of_a_day_at_card_and_psam_is_right(suite):
    day = recorded(suite)
    found = marks(day.card.events, day.profile, day.keys)
    names = ["mac1", "mac2", "tac", "mac1", "tac", "mac2", "mac1", "tac", "mac2", "mac", "tac"]
    assert names == [name for _, name, _ in found]
    assert {RIGHT} == {mac for _, _, mac in found}
    sam = marks(day.sam.events, day.sam_profile, day.keys)
    assert [("mac1", RIGHT), ("mac2", RIGHT)] * 2 == [(name, mac) for _, name, mac in sam]


def test_without_keys_nothing_is_checked():
    day = recorded("3des")
    assert {UNCHECKED} == {mac for _, _, mac in marks(day.card.events, day.profile, None)}


def test_other_keys_make_every_mac_wrong():
    day = recorded("3des")
    other = KeyRing.for_tests("other", day.profile)
    assert {WRONG} == {mac for _, _, mac in marks(day.card.events, day.profile, other)}


def test_a_wrong_mac_is_shown_with_what_it_must_be():
    day = recorded("3des")
    credit = day.event(4)
    wrong = replace(credit, response="00000000" + credit.response[8:])
    [*_, event] = decode_trace(
        Trace("x", "device", (*day.card.events[:3], wrong)), day.profile, keys=day.keys
    )
    [tac] = event.answer
    assert (WRONG, bytes.fromhex(credit.response[:8])) == (tac.mac, tac.expected)
    mac2 = event.body[-1]
    assert (RIGHT, None) == (mac2.mac, mac2.expected)


def test_keys_of_another_cipher_are_refused():
    day = recorded("3des")
    with pytest.raises(ParameterError, match="key of city-3des must be a TDES key"):
        marks(day.card.events, day.profile, recorded("sm4").keys)


def without_files(day):
    """The exchanges that tell nothing of the card."""
    return [event for event in day.card.events if event.command and event.command[:4] not in ("00A4", "00B2")]


def test_a_serial_number_that_the_trace_does_not_tell_can_be_given():
    day = recorded("sm4")
    events = [replace(event, number=n) for n, event in enumerate(without_files(day), 1)]
    assert {UNCHECKED} == {mac for _, _, mac in marks(events, day.profile, day.keys)}
    data = card_data()
    known = {"issuer": data.issuer, "application_serial": data.application_serial}
    assert {RIGHT} == {mac for _, _, mac in marks(events, day.profile, day.keys, **known)}


@pytest.mark.parametrize("number", [3, 4, 7, 10, 14])
def test_a_flipped_bit_of_a_mac_is_found_at_its_place(number):
    day = recorded("3des")
    event = day.event(number)
    raw = bytearray.fromhex(event.response)
    raw[-3] ^= 1  # the last byte before the status word is of a MAC or TAC in each of these answers
    events = [replace(e, response=raw.hex().upper()) if e is event else e for e in day.card.events]
    wrong = [place for place, _, mac in marks(events, day.profile, day.keys) if mac is WRONG]
    assert [number] == wrong


def test_a_flipped_bit_of_the_random_number_spoils_the_transaction_and_its_proof():
    day = recorded("3des")
    event = day.event(9)
    raw = bytearray.fromhex(event.response)
    raw[-3] ^= 1
    events = [replace(e, response=raw.hex().upper()) if e is event else e for e in day.card.events]
    found = marks(events, day.profile, day.keys)
    wrong = [(place, name) for place, name, mac in found if mac is WRONG]
    assert [(10, "mac1"), (10, "mac2"), (14, "mac")] == wrong  # the TAC does not cover it


# ------------------------------------------------------------------ every transaction


TRANSACTIONS = [
    pytest.param("load", ED, ["mac1", "mac2", "tac"], id="load-ed"),
    pytest.param("load", EP, ["mac1", "mac2", "tac"], id="load-ep"),
    pytest.param("purchase", EP, ["mac1", "tac", "mac2"], id="purchase"),
    pytest.param("cash", ED, ["mac1", "tac", "mac2"], id="cash"),
    pytest.param("unload", ED, ["mac1", "mac2", "mac3"], id="unload"),
    pytest.param("overdraft", ED, ["mac1", "mac2", "tac"], id="overdraft"),
    pytest.param("composite", EP, ["mac1", "tac", "mac2"], id="composite"),
]


@pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
@pytest.mark.parametrize(("kind", "purse", "expected"), TRANSACTIONS)
def test_every_transaction_of_a_purse(suite, kind, purse, expected):
    rig = purse_card(suite=suite, files=COMPOSITE_FILES)
    rig.load(1000, purse)
    records = [(0x01, LINEAR << 3 | 4, bytes(16))] if kind == "composite" else []
    spied(rig).transact(kind, 100, purse, serial=7, records=records)
    assert [(name, RIGHT) for name in expected] == [(name, mac) for _, name, mac in marks_of(rig)]


def test_the_safety_code_of_a_card_is_under_its_mac1():
    rig = spied(purse_card(dialect="cjt166"))
    rig.load(1000)
    rig.purchase(100)
    assert ("mac1", UNCHECKED) == marks_of(rig)[3][1:]
    answer = TraceEvent(1, EventKind.APDU, "80CA000009", "00" * 9 + "9000")
    events = [answer, *(replace(event, number=event.number + 1) for event in rig.card.events)]
    assert {RIGHT} == {mac for _, _, mac in marks(events, *own_keys(rig))}


@pytest.mark.parametrize("kind", ["load", "purchase", "unload", "overdraft"])
def test_every_proof(kind):
    rig = PurseRig.build("city-3des")
    rig.verify()
    rig.load(1000, ED)
    spied(rig)
    rig.transact(kind, 100, ED, serial=7)
    type_ = {"load": 0x01, "purchase": 0x05, "unload": 0x03, "overdraft": 0x07}[kind]
    serial = 1 if kind == "purchase" else 2
    assert 0x9000 == rig.prove(type_, serial).sw
    assert [("mac", RIGHT), ("tac", RIGHT)] == [(name, mac) for _, name, mac in marks_of(rig)][-2:]


def test_a_proof_of_something_that_the_trace_does_not_have_is_not_checked():
    rig = PurseRig.build("city-3des")
    rig.load(1000)
    spied(rig).prove(0x02, 1)
    assert [("mac", UNCHECKED), ("tac", UNCHECKED)] == [(name, mac) for _, name, mac in marks_of(rig)]


def test_a_wrong_mac_of_the_host_is_seen_in_the_command():
    rig = PurseRig.build("city-3des")
    spied(rig)
    begun = rig.begin("load", 100)
    assert 0x9302 == rig.raw(rig.partner("load", begun, 100, mac=bytes(4))).sw
    assert [(1, "mac1", RIGHT), (2, "mac2", WRONG)] == marks_of(rig)


@pytest.mark.parametrize("code", [0x01, 0x02])
@pytest.mark.parametrize("suite", ["3des", "sm4-a"])
def test_a_grey_lock_its_debit_and_the_online_unlock(suite, code):
    rig = spied(grey_card(suite, code=code, grey_both_purses=code == 0x02))
    _, session = rig.lock(3)
    assert 0x9000 == rig.raw(rig.debit(session, 500, 1)).sw
    rig.lock(4)
    begun = rig.init_unlock()
    assert 0x9000 == rig.raw(rig.unlock_command(begun, 100)).sw
    expected = ["mac1", "gtac", "mac2", "gmac", "tac", "mac1", "gtac", "mac2", "mac1", "mac2", "mac3"]
    assert [(name, RIGHT) for name in expected] == [(name, mac) for _, name, mac in marks_of(rig)]


def test_a_debit_whose_lock_the_trace_does_not_have_is_not_checked():
    rig = grey_card()
    _, session = rig.lock()
    spied(rig)
    rig.raw(rig.debit(session, 500, 1))
    assert [("gmac", UNCHECKED), ("tac", RIGHT)] == [(name, mac) for _, name, mac in marks_of(rig)]


def test_the_macs_of_a_load_sam():
    sam = spied(SamRig.build("isam-3des", usage=0x29))
    sam.raw(load_command(sam))  # its limit is 0: MAC1 is right all the same
    profile, keys = own_keys(sam)
    assert [(1, "mac1", UNCHECKED)] == marks(sam.card.events, profile, keys)
    assert [(1, "mac1", RIGHT)] == marks(sam.card.events, profile, keys, terminal=sam.terminal)


# ------------------------------------------------------------------ protected commands


def test_macs_of_personalisation():
    profile, _ = profiles("3des")
    card = Card.blank(profile)
    stream = io.StringIO()
    with SimulatedTransport(card) as link:
        tracer = Tracer(link, stream, card=profile.name, redact=False)
        personalise(tracer, profile, card_data(), ring("3des"))
    data = card_data()
    known = {"issuer": data.issuer, "application_serial": data.application_serial}
    events = parse_trace(stream.getvalue().encode()).events
    found = marks(events, profile, ring("3des"), **known)
    assert {"command_mac"} == {name for _, name, _ in found}
    assert {RIGHT} == {mac for _, _, mac in found}
    assert 10 < len(found)
    lost = [event for event in events if event.command and not event.command.startswith("0084")]
    assert {UNCHECKED} == {mac for _, _, mac in marks(lost, profile, ring("3des"), **known)}
    masked = redact_trace(parse_trace(stream.getvalue().encode())).events
    assert {RIGHT, UNCHECKED} == {mac for _, _, mac in marks(masked, profile, ring("3des"), **known)}


def test_answers_that_come_by_get_response_are_of_the_command_before():
    day = recorded("3des")
    credit = day.event(4)
    tac = credit.response[:8]
    pieces = [
        replace(credit, response="6104"),
        TraceEvent(5, EventKind.APDU, "00C0000004", f"{tac}9000"),
    ]
    events = [*day.card.events[:3], *pieces]
    assert ("tac", RIGHT) == marks(events, day.profile, day.keys)[-1][1:]


def test_a_protected_command_under_no_key_of_the_card_is_wrong():
    challenge = TraceEvent(1, EventKind.APDU, "0084000004", "112233449000")
    block = TraceEvent(2, EventKind.APDU, "841E00000401020304", "6988")
    profile, _ = profiles("3des")
    data = card_data()
    known = {"issuer": data.issuer, "application_serial": data.application_serial}
    assert [(2, "command_mac", WRONG)] == marks([challenge, block], profile, ring("3des"), **known)
    assert [(2, "command_mac", UNCHECKED)] == marks([challenge, block], profile, ring("3des"))


def test_a_card_that_was_reset_has_no_transaction():
    day = recorded("3des")
    events = [*day.card.events[:3], TraceEvent(4, EventKind.RESET, response="3B00"), day.event(4)]
    assert {UNCHECKED} == {mac for number, _, mac in marks(events, day.profile, day.keys) if number == 4}


def test_every_mac_field_is_a_field():
    assert {COMMAND_MAC} == MAC_FIELDS - set(FIELDS)
    assert MAC_FIELDS <= RANDOM_FIELDS
