"""The load SAM: a whole load with a card, its limit and its topping up, its serials, every status word, power cuts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import SW, SecureChannel
from cardos.apdu.os_commands import GET_CHALLENGE, READ_BINARY, UPDATE_BINARY
from cardos.apdu.purse_commands import CREDIT_FOR_LOAD, INITIALIZE_FOR_LOAD
from cardos.apdu.sam_commands import LOAD_BY_SAM
from cardos.card import KINDS, Card
from cardos.crypto import diversify
from cardos.files.filesystem import BlockState
from cardos.host import KeyRing, SamData, SimulatedTransport, personalise
from cardos.profile import load_profile
from cardos.wallet.load_sam import HANDLERS, LIMIT_FILE
from tests.powercut import sweep
from tests.wallet.rig import KEY, PurseRig, SamRig, moment, options
from tests.wallet.sam_rig import CARD, ISSUER, REGION, load_command, load_session

PROFILES = pytest.mark.parametrize("profile", ["isam-3des", "isam-sm4"])
LIMIT = 10_000


def build(profile="isam-3des", *, limit=LIMIT, usage=0x29, **more):
    sam = SamRig.build(profile, usage=usage, **more)
    node = sam.fs.find(sam.application, LIMIT_FILE)
    sam.fs.write(node, 0, limit.to_bytes(4, "big"))
    sam.fs.commit()
    return sam


@pytest.fixture
def sam():
    return build()


def load(sam, *, sw=SW.SUCCESS, **fields):
    answer = sam.raw(load_command(sam, **fields))
    assert f"{sw:04X}" == f"{answer.sw:04X}"
    return LOAD_BY_SAM.parse_answer(answer.data) if sw == SW.SUCCESS else None


def kept(sam):
    """Loads so far and what is left of the limit."""
    counter = sam.fs.find(sam.application, 0x0019)
    limit = sam.fs.find(sam.application, LIMIT_FILE)
    return tuple(int.from_bytes(sam.fs.read(node, 0, 4), "big") for node in (counter, limit))


# ------------------------------------------------------------------ status words


def at_the_end(_sam):
    sam = build(counter=0xFFFFFFFF)
    return sam.raw(load_command(sam))


def in_the_mf(sam):
    sam.select(sam.profile.directories[0].aid)
    sam.authenticate()
    sam.write_key(0x29, 0, KEY)
    return sam.raw(load_command(sam))


def blocked(state):
    def provoke(sam):
        sam.fs.set_block_state(sam.application, state)
        sam.fs.commit()
        return sam.raw(load_command(sam))

    return provoke


def worn(sam):
    sam.card.memory.worn = True
    return sam.raw(load_command(sam))


#: The command of the rows, for the test that looks at the tables of all commands.
COMMAND = LOAD_BY_SAM
COMMAND = LOAD_BY_SAM
ROWS = [
    (SW.MEMORY_FAILURE, "worn", worn),
    (SW.CONDITIONS, "no-limit-file", in_the_mf),
    (SW.NOT_SUPPORTED, "blocked", blocked(BlockState.TEMPORARY)),
    (SW.APPLICATION_LOCKED, "blocked-for-ever", blocked(BlockState.PERMANENT)),
    (SW.WRONG_P1P2, "p1", lambda sam: sam.raw(replace(load_command(sam), p1=1))),
    (SW.WRONG_DATA, "unload-type", lambda sam: sam.raw(load_command(sam, type=3))),
    (SW.MAC_INVALID, "mac1", lambda sam: sam.raw(load_command(sam, mac1=bytes(4)))),
    (SW.BALANCE_INSUFFICIENT, "limit", lambda sam: sam.raw(load_command(sam, amount=LIMIT + 1))),
    (SW.COUNTER_MAXIMUM, "counter", at_the_end),
    (SW.KEY_INDEX, "version", lambda sam: sam.raw(load_command(sam, key_version=1))),
]


@pytest.mark.parametrize(("sw", "provoke"), [pytest.param(row[0], row[2], id=row[1]) for row in ROWS])
def test_status(sam, sw, provoke):
    before = kept(sam)
    answer = provoke(sam)
    assert (f"{sw:04X}", b"") == (f"{answer.sw:04X}", answer.data)
    sam.card.memory.worn = False
    sam.card.power_on()
    assert before == kept(sam)


def test_every_declared_status_has_a_row():
    assert set(LOAD_BY_SAM.statuses) == {sw for sw, _, _ in ROWS}
    assert {LOAD_BY_SAM.name} == set(HANDLERS)
    assert set(HANDLERS) <= set(KINDS["isam"])


@pytest.mark.parametrize("size", [0, 27, 28, 35, 37, 43, 45, 53, 60])
def test_wrong_length(sam, size):
    assert SW.WRONG_LENGTH == sam.raw(replace(load_command(sam), data=bytes(size))).sw


# ------------------------------------------------------------------ loads


@pytest.mark.parametrize(("isam", "city"), [("isam-3des", "city-3des"), ("isam-sm4", "city-sm4")])
def test_a_load_with_a_card(isam, city):
    """Card and SAM know one key in common, one diversified: INITIALIZE, LOAD BY SAM, CREDIT."""
    sam = build(isam, usage=0x29)
    key = diversify(sam.suite.key(KEY), CARD).reveal()
    purse = PurseRig.build(city, keys={"load": key})
    purse.verify()
    begun = purse.send(INITIALIZE_FOR_LOAD, 0x00, 0x02, key_index=1, amount=2500, terminal=sam.terminal)
    answer = load(
        sam, random=begun.random, online_serial=begun.online_serial, balance=begun.balance, amount=2500,
        key_version=0, algorithm=begun.algorithm, mac1=begun.mac1,
    )  # fmt: skip
    purse.send(CREDIT_FOR_LOAD, mac2=answer.mac2, **moment(sam.when))
    assert 2500 == purse.balance()
    assert (1, LIMIT - 2500) == kept(sam)


@PROFILES
@pytest.mark.parametrize("factors", [(CARD,), (CARD, ISSUER), (CARD, ISSUER, REGION)], ids=len)
@pytest.mark.parametrize("type_", [1, 2])
def test_mac2(profile, factors, type_):
    sam = build(profile, usage=len(factors) << 5 | 0x09)
    answer = load(sam, factors=factors, type=type_)
    session = load_session(sam, {"random": bytes.fromhex("A1B2C3D4"), "online_serial": 3}, factors)
    sam.dialect.verify_mac(
        "load",
        "mac2",
        session,
        answer.mac2,
        amount=5000,
        type=type_,
        terminal=sam.terminal,
        **moment(sam.when),
    )


def test_factors_must_be_as_many_as_levels(sam):
    load(sam, factors=(CARD, ISSUER), sw=SW.WRONG_LENGTH)


def test_a_purchase_key_loads_nothing():
    load(build(usage=0x22), sw=SW.KEY_INDEX)


@given(amounts=st.lists(st.integers(0, LIMIT), max_size=8))
@settings(max_examples=25)
def test_no_more_than_the_limit(amounts):
    """Whatever is asked for: the sum of what was given and what is left is the limit."""
    sam = build()
    loads = total = 0
    for amount in amounts:
        fits = amount <= LIMIT - total
        answer = load(sam, amount=amount, sw=SW.SUCCESS if fits else SW.BALANCE_INSUFFICIENT)
        if answer is not None:
            assert loads == answer.load_serial
            loads, total = loads + 1, total + amount
    sam.reset()
    assert (loads, LIMIT - total) == kept(sam)


def test_the_whole_limit_can_be_drawn(sam):
    load(sam, amount=LIMIT)
    load(sam, amount=1, sw=SW.BALANCE_INSUFFICIENT)
    load(sam, amount=0)


@pytest.mark.parametrize("first", [0, 1, 1000])
def test_first_serial_is_an_option(first):
    sam = build(options("isam-3des", first_serial=first))
    assert [first, first + 1] == [load(sam, amount=1).load_serial for _ in range(2)]


def test_a_wrong_mac1_tells_nothing_and_draws_nothing(sam):
    """Not even that the limit would not do."""
    load(sam, mac1=bytes(4), amount=LIMIT + 1, sw=SW.MAC_INVALID)


# ------------------------------------------------------------------ personalised by its profile


@PROFILES
def test_personalised(profile):
    profile = load_profile(profile)
    card = Card.blank(profile)
    card.power_on()
    data = SamData(
        sam_serial=bytes(10), terminal=bytes.fromhex("010203040506"), start=date(2025, 1, 1),
        expiry=date(2034, 12, 31),
    )  # fmt: skip
    keys = KeyRing.for_tests("load", profile)
    personalise(SimulatedTransport(card), profile, data, keys)
    sam = SamRig(card, profile, None, terminal=data.terminal)
    sam.select()
    assert (0, profile.sam.load_limit) == kept(sam)
    factors = (CARD, ISSUER)[: len(profile.factors)]
    load(sam, key=keys["load"].reveal(), factors=factors)
    assert (1, profile.sam.load_limit - 5000) == kept(sam)


def test_topping_up(sam):
    """The limit is read by everybody and written with a MAC under the maintenance key of the SAM."""
    load(sam, amount=LIMIT)
    command = UPDATE_BINARY.command(0x80 | 0x1A, 0x00, data=(777).to_bytes(4, "big"))
    assert SW.MAC_MISSING == sam.raw(command).sw
    challenge = sam.raw(replace(GET_CHALLENGE.command(), le=4)).data
    assert SW.SUCCESS == sam.raw(SecureChannel(sam.suite, sam.suite.key(KEY), challenge).protect(command)).sw
    assert (777).to_bytes(4, "big") == sam.send(READ_BINARY, 0x80 | 0x1A, 0x00).data
    load(sam, amount=777)


# ------------------------------------------------------------------ power


def test_power_cut(record_property):
    """Serial and limit move together, before the answer, or not at all."""
    sam = build()
    load(sam, amount=1)
    command, ready = bytes(load_command(sam, amount=4000)), sam.card.snapshot()

    def restored():
        sam.card.restore(ready)
        return sam.card

    def observe(_card):
        sam.select()
        return kept(sam)

    before = kept(sam)
    assert (1, LIMIT - 1) == before
    points = sweep(restored, lambda card: card.transmit(command), observe, states=[before, (2, LIMIT - 4001)])
    record_property("cut points", points)
    assert points > 20


def test_a_serial_is_durable_before_its_answer(sam):
    before = load(sam, amount=1).load_serial
    stored = sam.stored()
    sam.card.power_off()
    sam.card.memory.restore(stored)
    sam.power_up()
    assert before + 1 == load(sam, amount=1).load_serial
