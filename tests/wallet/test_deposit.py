"""Unloading, cash, and what proves each transaction: the deposit beyond loads and purchases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD
from cardos.profile import load_profile
from cardos.wallet.states import State
from tests.wallet.flows import FLOWS
from tests.wallet.purse_cards import COMPOSITE_FILES, LINEAR, purse_card
from tests.wallet.rig import TERMINAL, WHEN, PurseRig

SUITES = pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
KEYS = {name: bytes([place]) * 8 + bytes(range(8)) for place, name in enumerate(
    ("load", "unload", "overdraft", "purchase", "tac"), 1)}  # fmt: skip


def card(**arguments) -> PurseRig:
    """A card with 10 yuan in each purse."""
    rig = purse_card(files=COMPOSITE_FILES, **arguments)
    for purse in (ED, EP):
        rig.poke(purse, balance=1000)
    return rig


def whole(rig, kind, amount=1, **more):
    """A transaction of ``kind`` on the purse that has it, a composite one with a record."""
    records = [(1, LINEAR << 3, b"x")] if kind == "composite" else []
    return rig.transact(kind, amount, EP if EP in FLOWS[kind].types else ED, records=records, **more)


@SUITES
@pytest.mark.parametrize(
    ("kind", "purse"), [(kind, purse) for kind, flow in FLOWS.items() for purse in flow.types]
)
def test_every_transaction_in_every_suite(suite, kind, purse):
    """MAC1 or TAC, MAC2, MAC3 are as host, SAM and centre make them; the serial of its kind steps, once."""
    rig = card(suite=suite)
    before = rig.purse_state(purse)
    rig.transact(kind, 10, purse, serial=0x01020304, records=[(1, LINEAR << 3, b"x")] * (kind == "composite"))
    after, flow = rig.purse_state(purse), FLOWS[kind]
    assert before.balance + 10 * flow.sign == after.balance
    steps = {
        name: getattr(after, name) - getattr(before, name) for name in ("online_serial", "offline_serial")
    }
    assert {"online_serial": 0, "offline_serial": 0} | {flow.serial: 1} == steps
    assert State.IDLE is rig.state()


@pytest.mark.parametrize("kind", FLOWS)
def test_each_transaction_has_a_key_of_its_own(kind):
    """Purchase, cash and composite purchase share DPK (JR/T 0025.2 5.3)."""
    rig = PurseRig.build(card().profile, keys=KEYS)
    for purse in (ED, EP):
        rig.poke(purse, balance=1000)
    whole(rig, kind)
    setattr(rig, f"{FLOWS[kind].transaction}_key", bytes(16))
    begun = rig.begin(kind)
    if kind == "composite":
        rig.cache(1, LINEAR << 3, b"x")
    assert SW.MAC_INVALID == rig.raw(rig.partner(kind, begun)).sw


# ------------------------------------------------------------------ unload and cash


@pytest.mark.parametrize(
    ("kind", "type_", "serial"), [("unload", 0x03, "online_serial"), ("cash", 0x04, "offline_serial")]
)
def test_money_out_of_the_deposit(kind, type_, serial):
    rig = card()
    rig.begin(kind, 1001, ED, sw=SW.BALANCE_INSUFFICIENT)
    assert State.IDLE is rig.state()
    rig.transact(kind, 999, ED)
    rig.transact(kind, 1, ED)
    state = rig.purse_state(ED)
    assert (0, 2) == (state.balance, getattr(state, serial))
    assert 1000 == rig.purse_state(EP).balance
    rig.begin(kind, 1, ED, sw=SW.BALANCE_INSUFFICIENT)
    log = [LOG_RECORD.split(each) for each in rig.log()]
    assert [(2, 0, 1, type_), (1, 0, 999, type_)] == [
        (each["serial"], each["new_limit"], each["amount"], each["type"]) for each in log
    ]


def test_unloading_compares_with_the_whole_balance():
    """The overdraft limit is part of it: that nobody unloads credit is the host's business."""
    rig = card(deposit=500)
    rig.poke(ED, balance=500)
    rig.begin("unload", 501, ED, sw=SW.BALANCE_INSUFFICIENT)
    rig.transact("unload", 500, ED)
    assert (0, 500) == (rig.purse_state(ED).balance, rig.purse_state(ED).limit)


def test_mac3_of_an_unload_covers_balance_and_serial():
    """The same unload once more gives another MAC3 even with the same random number."""
    rig = card()
    rig.random.next("11223344")
    first = rig.transact("unload", 10, ED)
    rig.poke(ED, online_serial=0)
    rig.random.next("11223344")
    assert first != rig.transact("unload", 10, ED)
    rig.poke(ED, online_serial=0, balance=1000)
    rig.random.next("11223344")
    assert first == rig.transact("unload", 10, ED)


# ------------------------------------------------------------------ log and proof


@pytest.mark.parametrize("suite", ["3des", "sm4-a"])
@pytest.mark.parametrize("kind", FLOWS)
def test_proof_of_every_type(suite, kind):
    """MAC2 or MAC3 and TAC, zeros where the transaction gave none; asked for by type and stepped serial, and by
    nothing else (JR/T 0025.2 5.6).
    """
    rig = card(suite=suite)
    answer = whole(rig, kind)
    mac, tac = {
        "load": (bytes(4), answer),
        "overdraft": (bytes(4), answer),
        "unload": (answer, bytes(4)),
    }.get(kind, (answer[4:], answer[:4]))
    type_ = FLOWS[kind].types.get(EP) or FLOWS[kind].types[ED]
    rig.reset()
    found = {
        (asked, serial): proof.data
        for asked in (*range(0x01, 0x0A), *range(0x91, 0x97))
        for serial in (0, 1, 2)
        if (proof := rig.prove(asked, serial)).sw == SW.SUCCESS
    }
    assert {(type_, 1): mac + tac} == found


def test_asking_for_a_proof_changes_nothing():
    rig = card()
    whole(rig, "purchase")
    before = rig.stored()
    begun = rig.begin("load", 5)
    assert SW.SUCCESS == rig.prove(0x06, 1).sw
    assert State.LOAD is rig.state()
    assert before == rig.stored()
    assert SW.SUCCESS == rig.raw(rig.partner("load", begun, 5)).sw
    assert SW.PROOF_UNAVAILABLE == rig.prove(0x06, 1).sw


def test_the_log_tells_of_every_transaction():
    """One file for both purses; the overdraft limit stands in records of type 07 only (JR/T 0025.2 table C.4)."""
    rig = card()
    for amount, kind in enumerate(FLOWS, 10):
        whole(rig, kind, amount)
    expected = [  # serial, new limit, amount, type: the newest first
        (2, 0, 15, 0x09), (1, 0, 14, 0x04), (1, 0, 13, 0x06), (2, 12, 0, 0x07), (1, 0, 11, 0x03), (1, 0, 10, 0x02),
    ]  # fmt: skip
    stamp = WHEN.strftime("%Y%m%d%H%M%S")
    records = rig.log()
    assert expected == [
        tuple(LOG_RECORD.split(each)[name] for name in ("serial", "new_limit", "amount", "type"))
        for each in records
    ]
    assert {TERMINAL + bytes.fromhex(stamp)} == {each[-13:] for each in records}


# ------------------------------------------------------------------ one purse only


@pytest.mark.parametrize("missing", [ED, EP])
def test_an_application_with_one_purse(missing):
    profile = load_profile("city-3des").with_options(pin_required=())
    mf, application = profile.directories
    files = tuple(each for each in application.files if (each.type, each.fid) != ("purse", missing))
    rig = PurseRig.build(replace(profile, directories=(mf, replace(application, files=files))))
    for kind, flow in FLOWS.items():
        for purse in flow.types:
            sw = rig.raw(rig.begin_command(kind, 0, purse)).sw
            assert (
                SW.NOT_SUPPORTED if purse == missing else SW.SECURITY_STATUS if purse == ED else SW.SUCCESS
            ) == sw
            rig.select()
    assert SW.PROOF_UNAVAILABLE == rig.prove(0x06, 1).sw
