"""Loads and purchases on the simulated card: the order of checks, PIN rules, keys, limits, and what is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.apdu.purse_commands import (
    ED,
    EP,
    GET_BALANCE,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    LOG_RECORD,
)
from cardos.profile import load_profile
from cardos.wallet.grey_file import LockState
from cardos.wallet.states import State
from tests.wallet.flows import FLOWS
from tests.wallet.purse_cards import COMPOSITE_FILES, LINEAR, purse_card
from tests.wallet.rig import KEY, PIN, TERMINAL, WHEN, PurseRig, fresh, options


@pytest.fixture
def rig():
    return fresh("city-3des")


def init_load(amount=100, purse=EP, index=1):
    return INITIALIZE_FOR_LOAD.command(0, purse, key_index=index, amount=amount, terminal=bytes(6))


def init_purchase(amount=0, purse=EP, index=1):
    return INITIALIZE_FOR_PURCHASE.command(1, purse, key_index=index, amount=amount, terminal=bytes(6))


BALANCE = GET_BALANCE.command(0, EP)

# ------------------------------------------------------------------ what waits for its partner


@pytest.mark.parametrize("kind", FLOWS)
def test_a_failed_partner_leads_to_idle(kind):
    """A wrong MAC is not forgiven: the right one comes too late."""
    rig = purse_card(files=COMPOSITE_FILES)
    for purse in (ED, EP):
        rig.poke(purse, balance=10)
    begun = rig.begin(kind)
    if kind == "composite":
        rig.cache(1, LINEAR << 3, b"x")
    wrong, right = rig.partner(kind, begun, mac=bytes(4)), rig.partner(kind, begun)
    before = rig.purse_state(ED), rig.purse_state(EP), rig.log()
    assert SW.MAC_INVALID == rig.raw(wrong).sw
    assert State.IDLE is rig.state()
    assert SW.INVALID_STATE == rig.raw(right).sw
    assert before == (rig.purse_state(ED), rig.purse_state(EP), rig.log())


@pytest.mark.parametrize("reason", ["select", "reset", "power"])
def test_pending_dies(rig, reason):
    begun = rig.initialize_load(10)
    command = rig.credit_command(begun, 10)
    {"select": rig.select, "reset": rig.card.reset, "power": rig.reset}[reason]()
    rig.select()
    assert SW.INVALID_STATE == rig.raw(command).sw


def test_other_commands_leave_the_state(rig):
    begun = rig.initialize_load(10)
    rig.raw(bytes.fromhex("0084000004"))
    rig.verify()
    rig.raw(bytes.fromhex("00B0950000"))
    assert SW.SUCCESS == rig.raw(rig.credit_command(begun, 10)).sw


def test_a_second_initialize_replaces_the_first(rig):
    first = rig.credit_command(rig.initialize_load(10), 10)
    second = rig.credit_command(rig.initialize_load(20), 20)
    assert SW.MAC_INVALID == rig.raw(first).sw
    assert SW.INVALID_STATE == rig.raw(second).sw


# ------------------------------------------------------------------ order of checks


LOCKABLE = ("load", "unload", "purchase", "composite")
#: What an INITIALIZE says of an amount of 1 fen, on a purse that is full and one that is empty.
LAST_CHECK = {"load": SW.CONDITIONS, "overdraft": SW.SUCCESS}


@pytest.mark.parametrize("kind", FLOWS)
def test_order_of_checks(kind):
    """JR/T 0025.9 7.4.2 for key, lock and amount: each obstacle is cleared in turn, the next one shows."""
    purse = EP if EP in FLOWS[kind].types else ED
    rig = purse_card(pin_required=(f"{'ed' if purse == ED else 'ep'}.{kind}",))
    tac = rig.fs.key(rig.application, 0x34, 0x00)
    rig.fs.replace_key(rig.application, tac, replace(tac, type=0x30))
    full = rig.purse_state(purse).ceiling
    rig.poke(purse, online_serial=0xFFFF, offline_serial=0xFFFF, balance=full if kind == "load" else 0)
    if kind in LOCKABLE:
        rig.poke(purse, lock_state=LockState.LOCKED)
    rig.reset()
    seen = []

    def ask(index=1):
        seen.append(rig.raw(rig.begin_command(kind, 1, purse, index=index)).sw)

    ask(9)
    rig.verify()
    ask(9)
    if kind in LOCKABLE:
        ask()
        rig.poke(purse, lock_state=LockState.FREE)
    ask()
    moved = rig.fs.key(rig.application, 0x30, 0x00)
    rig.fs.replace_key(rig.application, moved, tac)
    rig.fs.commit()
    ask()
    rig.poke(purse, online_serial=0, offline_serial=0)
    ask()
    rig.poke(purse, balance=0 if kind == "load" else 1)
    rig.select()
    rig.verify()
    ask()
    locked = [SW.GREY_LOCKED] if kind in LOCKABLE else []
    last = LAST_CHECK.get(kind, SW.BALANCE_INSUFFICIENT)
    assert [
        SW.SECURITY_STATUS, SW.KEY_INDEX, *locked, SW.CONDITIONS, SW.COUNTER_MAXIMUM, last, SW.SUCCESS,
    ] == seen  # fmt: skip


# ------------------------------------------------------------------ PIN and rights


@pytest.mark.parametrize("required", [(), ("ep.load",), ("ep.purchase",), ("ep.balance",)])
def test_pin_rule_of_the_profile(required):
    rig = PurseRig.build(options("city-3des", pin_required=required))
    commands = {"ep.load": init_load(0), "ep.purchase": init_purchase(0), "ep.balance": BALANCE}
    for name, command in commands.items():
        assert (SW.SECURITY_STATUS if name in required else SW.SUCCESS) == rig.raw(command).sw
    rig.verify()
    for command in commands.values():
        assert SW.SUCCESS == rig.raw(command).sw
    rig.reset()
    for name, command in commands.items():
        assert (SW.SECURITY_STATUS if name in required else SW.SUCCESS) == rig.raw(command).sw


def test_status_of_a_missing_pin_is_an_option():
    rig = PurseRig.build(
        options("city-3des", pin_missing=0x6985, pin_required=("ep.load", "ep.purchase", "ep.balance"))
    )
    assert SW.CONDITIONS == rig.raw(init_load(0)).sw
    assert SW.CONDITIONS == rig.raw(init_purchase(0)).sw
    assert SW.SECURITY_STATUS == rig.raw(BALANCE).sw  # JR/T 0025.2 table 19 leaves no choice


def test_the_deposit_needs_its_pin_for_everything(rig):
    rig.verify()
    rig.load(500, ED)
    rig.purchase(200, ED)
    assert (300, 0) == (rig.balance(ED), rig.balance(EP))
    rig.reset()
    for command in (init_load(0, ED), init_purchase(0, ED), GET_BALANCE.command(0, ED)):
        assert SW.SECURITY_STATUS == rig.raw(command).sw


def test_a_wrong_pin_takes_the_right_away(rig):
    rig.verify()
    assert 0x63C2 == rig.raw(bytes.fromhex("0020000003999999")).sw
    assert SW.SECURITY_STATUS == rig.raw(init_load(0, ED)).sw
    rig.verify(PIN)
    assert SW.SUCCESS == rig.raw(init_load(0, ED)).sw


def with_rights(name, *, purse=None, keys=()):
    """The profile with another use right for the purse files or for keys of these types."""
    profile = load_profile(name)
    mf, application = profile.directories
    files = tuple(
        replace(f, read=purse if purse is not None and f.type == "purse" else f.read)
        for f in application.files
    )
    changed = tuple(replace(k, use=0xF1 if k.type in keys else k.use) for k in application.keys)
    return replace(profile, directories=(mf, replace(application, files=files, keys=changed)))


def test_use_right_of_the_purse_file():
    rig = PurseRig.build(with_rights("city-3des", purse=0xF1))
    for command in (init_load(0), init_purchase(0), BALANCE):
        assert SW.SECURITY_STATUS == rig.raw(command).sw
    rig.verify()
    for command in (init_load(0), init_purchase(0), BALANCE):
        assert SW.SUCCESS == rig.raw(command).sw


@pytest.mark.parametrize(("type_", "command"), [(0x3F, init_load(0)), (0x3E, init_purchase(0))])
def test_use_right_of_the_key(type_, command):
    rig = PurseRig.build(with_rights("city-3des", keys=(type_,)))
    assert SW.SECURITY_STATUS == rig.raw(command).sw
    rig.verify()
    assert SW.SUCCESS == rig.raw(command).sw


# ------------------------------------------------------------------ keys


def test_answers_carry_version_and_algorithm_of_the_key():
    profile = load_profile("city-3des")
    mf, application = profile.directories
    keys = tuple(
        replace(k, first=k.type, second=0x98) if k.type in (0x3E, 0x3F) else k for k in application.keys
    )
    rig = PurseRig.build(replace(profile, directories=(mf, replace(application, keys=keys))))
    load, purchase = rig.initialize_load(0), rig.initialize_purchase(0)
    assert (0x3F, 0x98) == (load.key_version, load.algorithm)
    assert (0x3E, 0x98) == (purchase.key_version, purchase.algorithm)


def test_several_key_indexes():
    profile = load_profile("city-3des")
    mf, application = profile.directories
    second = tuple(
        replace(k, id=2, source=f"second {k.source}") for k in application.keys if k.type in (0x3E, 0x3F)
    )
    profile = replace(profile, directories=(mf, replace(application, keys=application.keys + second)))
    other = bytes(range(16))
    rig = PurseRig.build(profile, keys={"second load": other, "second purchase": other})
    rig.load(100)
    rig.index, rig.load_key, rig.purchase_key = 2, other, other
    rig.load(100)
    rig.purchase(50)
    assert 150 == rig.balance()


def test_single_des_purse_key():
    """A purse key of 8 bytes works as single DES (a product's property); DTK must be whole."""
    short = bytes.fromhex("0123456789ABCDEF")
    rig = PurseRig.build(keys={"load": short, "purchase": short})
    rig.load(100)
    rig.purchase(10)
    rig = PurseRig.build(keys={"tac": short})
    assert SW.CONDITIONS == rig.raw(init_load()).sw


# ------------------------------------------------------------------ amounts and limits


@pytest.mark.parametrize(
    ("balance", "amount", "sw"),
    [
        pytest.param(0, 100000, SW.SUCCESS, id="to-the-ceiling"),
        pytest.param(0, 100001, SW.CONDITIONS, id="over-the-ceiling"),
        pytest.param(99999, 1, SW.SUCCESS, id="last-fen"),
        pytest.param(100000, 1, SW.CONDITIONS, id="full"),
        pytest.param(100000, 0, SW.SUCCESS, id="full-and-nothing"),
        pytest.param(1, 0xFFFFFFFF, SW.CONDITIONS, id="no-wrap"),
    ],
)
def test_ceiling(rig, balance, amount, sw):
    rig.poke(EP, balance=balance)
    assert sw == rig.raw(init_load(amount)).sw


def test_the_deposit_has_the_ceiling_of_its_width(rig):
    rig.verify()
    rig.poke(ED, balance=0xFFFFFFFE)
    rig.load(1, ED)
    assert 0xFFFFFFFF == rig.balance(ED)
    assert SW.CONDITIONS == rig.raw(init_load(1, ED)).sw


def test_purchase_down_to_nothing(rig):
    rig.load(100)
    assert SW.BALANCE_INSUFFICIENT == rig.raw(init_purchase(101)).sw
    rig.purchase(100)
    assert 0 == rig.balance()
    assert SW.BALANCE_INSUFFICIENT == rig.raw(init_purchase(1)).sw


def test_amount_zero_is_a_whole_transaction(rig):
    """A free transfer must reach the operator: serial, log and TAC as for any purchase."""
    rig.purchase(0)
    assert 1 == rig.purse_state().offline_serial
    assert [0] == [LOG_RECORD.split(record)["amount"] for record in rig.log()]
    assert SW.SUCCESS == rig.prove(0x06, 1).sw


@pytest.mark.parametrize(
    ("operation", "counter"), [("load", "online_serial"), ("purchase", "offline_serial")]
)
def test_last_serial(rig, operation, counter):
    """FFFE is the last serial that is used; at FFFF the counter has reached its maximum."""
    rig.poke(EP, **{counter: 0xFFFE})
    getattr(rig, operation)(0)
    assert 0xFFFF == getattr(rig.purse_state(), counter)
    command = {"load": init_load(0), "purchase": init_purchase(0)}[operation]
    assert SW.COUNTER_MAXIMUM == rig.raw(command).sw
    other = {"load": init_purchase(0), "purchase": init_load(0)}[operation]
    assert SW.SUCCESS == rig.raw(other).sw


def test_purses_are_separate(rig):
    rig.verify()
    rig.load(10, ED)
    rig.load(20, EP)
    rig.purchase(1, ED)
    rig.purchase(1, ED)
    states = {purse: rig.purse_state(purse) for purse in (ED, EP)}
    assert (8, 1, 2) == (states[ED].balance, states[ED].online_serial, states[ED].offline_serial)
    assert (20, 1, 0) == (states[EP].balance, states[EP].online_serial, states[EP].offline_serial)


def test_overdraft_limit_in_the_answer(rig):
    rig.verify()
    rig.poke(ED, limit=500, balance=500)
    assert 500 == rig.initialize_purchase(500, ED).limit
    assert 0 == rig.initialize_purchase(0, EP).limit


# ------------------------------------------------------------------ log and proof


@pytest.mark.parametrize("profile", ["city-3des", "city-sm4"])
def test_log_record(profile):
    """The serial after the step, the date and time of the partner command, no overdraft limit."""
    rig = fresh(profile)
    rig.verify()
    rig.load(0x1234)
    rig.purchase(0x34, serial=7)
    stamp = WHEN.strftime("%Y%m%d%H%M%S")
    expected = [
        f"0001 000000 00000034 06 {TERMINAL.hex()} {stamp}",
        f"0001 000000 00001234 02 {TERMINAL.hex()} {stamp}",
    ]
    assert [bytes.fromhex(text) for text in expected] == list(rig.log())


def test_log_keeps_the_newest_ten(rig):
    for amount in range(12):
        rig.load(amount)
    assert [11, 10, 9, 8, 7, 6, 5, 4, 3, 2] == [LOG_RECORD.split(record)["amount"] for record in rig.log()]


def test_the_card_judges_no_date(rig):
    begun = rig.initialize_load(1)
    stamp = bytes.fromhex("FFFFFFFFFFFFFF")
    fields = {"amount": 1, "type": 2, "terminal": TERMINAL, "date": stamp[:4], "time": stamp[4:]}
    mac2 = rig.dialect.mac("load", "mac2", rig.session("load", begun), **fields)
    assert SW.SUCCESS == rig.raw(bytes.fromhex("805200000B") + stamp + mac2).sw
    assert stamp == rig.log()[0][-7:]


def with_log(log=None, **changes):
    """The profile with another log SFI for its purses, or with another file 0018."""
    profile = load_profile("city-3des")
    mf, application = profile.directories
    files = tuple(
        replace(f, log=log)
        if log is not None and f.type == "purse"
        else replace(f, **changes)
        if f.fid == 0x18
        else f
        for f in application.files
    )
    return replace(profile, directories=(mf, replace(application, files=files)))


def test_purse_without_log():
    rig = PurseRig.build(with_log(0))
    rig.load(10)
    rig.purchase(1)
    assert () == rig.log()
    assert 9 == rig.balance()
    assert SW.SUCCESS == rig.prove(0x06, 1).sw


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(with_log(0x1E), id="no-such-file"),
        pytest.param(with_log(0x16), id="transparent"),
        pytest.param(with_log(record_length=22), id="short"),
        pytest.param(with_log(type="linear"), id="linear"),
    ],
)
def test_a_log_that_cannot_be_written_is_found_at_initialize(profile):
    rig = PurseRig.build(profile)
    assert SW.CONDITIONS == rig.raw(init_load()).sw
    assert SW.CONDITIONS == rig.raw(init_purchase()).sw


@pytest.mark.parametrize("purse", [ED, EP])
def test_proof_of_a_load(rig, purse):
    rig.verify()
    tac = rig.load(10, purse)
    assert (bytes(4) + tac, SW.SUCCESS) == (rig.prove(purse, 1).data, rig.prove(purse, 1).sw)


@pytest.mark.parametrize("purse", [ED, EP])
def test_proof_of_a_purchase(rig, purse):
    rig.verify()
    rig.load(10, purse)
    answer = rig.purchase(1, purse, serial=9)
    assert answer[4:] + answer[:4] == rig.prove(purse + 4, 1).data


def test_proof_is_that_of_the_last_transaction_only(rig):
    rig.load(10)
    rig.purchase(1)
    rig.purchase(1)
    for type_, serial in ((0x02, 1), (0x06, 0), (0x06, 1), (0x06, 3), (0x05, 2), (0x09, 2)):
        assert SW.PROOF_UNAVAILABLE == rig.prove(type_, serial).sw
    assert SW.SUCCESS == rig.prove(0x06, 2).sw


def test_proof_survives_power_select_and_an_initialize(rig):
    tac = rig.load(10)
    rig.reset()
    rig.select()
    rig.initialize_purchase(1)
    assert bytes(4) + tac == rig.prove(0x02, 1).data
    assert State.PURCHASE is rig.state()


# ------------------------------------------------------------------ secrets


def test_pending_shows_no_key(rig):
    rig.load(10)
    rig.initialize_load(1)
    load = repr(rig.card._kernel.session.pending)
    rig.initialize_purchase(1)
    purchase = repr(rig.card._kernel.session.pending)
    for text in (load, purchase):
        assert "<Key" in text
        assert repr(KEY)[2:-1] not in text
        assert KEY.hex() not in text
