"""The purse commands on the simulated card: every status word, the order of checks, PIN rules, what is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cardos.apdu import SW
from cardos.apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    ED,
    EP,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    LOG_RECORD,
    PURSE_COMMANDS,
)
from cardos.files.filesystem import BlockState
from cardos.profile import load_profile
from cardos.wallet.purse import HANDLERS
from cardos.wallet.states import PURSE_STATES, State
from tests.wallet.rig import KEY, PIN, TERMINAL, WHEN, PurseRig, fresh, moment, options


@pytest.fixture
def rig():
    return fresh("city-3des")


# ------------------------------------------------------------------ status words


def wrong_mac2(rig):
    begun = rig.initialize_load(100)
    command = rig.credit_command(begun, 101)
    return rig.raw(command)


def wrong_mac1(rig):
    rig.load(100)
    begun = rig.initialize_purchase(10)
    return rig.raw(rig.debit_command(begun, 11))


def in_the_mf(command):
    def provoke(rig):
        rig.select(rig.profile.directories[0].aid)
        return rig.raw(command)

    return provoke


def sends(command):
    return lambda rig: rig.raw(command)


def poked(command, **changes):
    def provoke(rig):
        rig.poke(EP, **changes)
        return rig.raw(command)

    return provoke


def without_tac_key(rig):
    """DTK becomes a key of another type, as if it had never been written."""
    old = rig.fs.key(rig.application, 0x34, 0x00)
    rig.fs.replace_key(old, replace(old, type=0x30))
    rig.fs.commit()


def blocked(rig):
    rig.fs.set_block_state(rig.application, BlockState.TEMPORARY)
    rig.fs.commit()


def worn(rig):
    rig.card.memory.worn = True


def after(change, command):
    """``command`` on a card that ``change`` happened to."""

    def provoke(rig):
        change(rig)
        return rig.raw(command)

    return provoke


def credit_after(change):
    """A good CREDIT FOR LOAD, on a card that ``change`` happened to since the INITIALIZE."""

    def provoke(rig):
        command = rig.credit_command(rig.initialize_load(10), 10)
        return after(change, command)(rig)

    return provoke


def debit_after(change):
    def provoke(rig):
        rig.load(100)
        command = rig.debit_command(rig.initialize_purchase(10), 10)
        return after(change, command)(rig)

    return provoke


def init_load(amount=100, purse=EP, index=1):
    return INITIALIZE_FOR_LOAD.command(0, purse, key_index=index, amount=amount, terminal=bytes(6))


def init_purchase(amount=0, purse=EP, index=1):
    return INITIALIZE_FOR_PURCHASE.command(1, purse, key_index=index, amount=amount, terminal=bytes(6))


CREDIT = CREDIT_FOR_LOAD.command(mac2=bytes(4), **moment(datetime(2020, 1, 1)))
DEBIT = DEBIT_FOR_PURCHASE.command(terminal_serial=0, mac1=bytes(4), **moment(datetime(2020, 1, 1)))
BALANCE = GET_BALANCE.command(0, EP)
PROVE = GET_TRANSACTION_PROVE.command(0, 0x06, serial=1)

ROWS = [
    (INITIALIZE_FOR_LOAD, SW.SECURITY_STATUS, "pin", sends(init_load(purse=ED))),
    (INITIALIZE_FOR_LOAD, SW.CONDITIONS, "ceiling", sends(init_load(100001))),
    (INITIALIZE_FOR_LOAD, SW.CONDITIONS, "tac-key", after(without_tac_key, init_load())),
    (INITIALIZE_FOR_LOAD, SW.NOT_SUPPORTED, "no-purse", in_the_mf(init_load())),
    (INITIALIZE_FOR_LOAD, SW.WRONG_P1P2, "p2", sends(replace(init_load(), p2=3))),
    (INITIALIZE_FOR_LOAD, SW.COUNTER_MAXIMUM, "serial", poked(init_load(), online_serial=0xFFFF)),
    (INITIALIZE_FOR_LOAD, SW.KEY_INDEX, "index", sends(init_load(index=2))),
    (CREDIT_FOR_LOAD, SW.INVALID_STATE, "idle", sends(CREDIT)),
    (CREDIT_FOR_LOAD, SW.WRONG_P1P2, "p2", sends(replace(CREDIT, p2=1))),
    (CREDIT_FOR_LOAD, SW.MAC_INVALID, "mac2", wrong_mac2),
    (CREDIT_FOR_LOAD, SW.CONDITIONS, "tac-key", credit_after(without_tac_key)),
    (CREDIT_FOR_LOAD, SW.NOT_SUPPORTED, "blocked", credit_after(blocked)),
    (CREDIT_FOR_LOAD, SW.MEMORY_FAILURE, "worn", credit_after(worn)),
    (INITIALIZE_FOR_PURCHASE, SW.SECURITY_STATUS, "pin", sends(init_purchase(purse=ED))),
    (INITIALIZE_FOR_PURCHASE, SW.CONDITIONS, "tac-key", after(without_tac_key, init_purchase())),
    (INITIALIZE_FOR_PURCHASE, SW.NOT_SUPPORTED, "no-purse", in_the_mf(init_purchase())),
    (INITIALIZE_FOR_PURCHASE, SW.WRONG_P1P2, "p2", sends(replace(init_purchase(), p2=3))),
    (INITIALIZE_FOR_PURCHASE, SW.BALANCE_INSUFFICIENT, "balance", sends(init_purchase(1))),
    (INITIALIZE_FOR_PURCHASE, SW.COUNTER_MAXIMUM, "serial", poked(init_purchase(), offline_serial=0xFFFF)),
    (INITIALIZE_FOR_PURCHASE, SW.KEY_INDEX, "index", sends(init_purchase(index=2))),
    (DEBIT_FOR_PURCHASE, SW.INVALID_STATE, "idle", sends(DEBIT)),
    (DEBIT_FOR_PURCHASE, SW.WRONG_P1P2, "p2", sends(replace(DEBIT, p2=1))),
    (DEBIT_FOR_PURCHASE, SW.MAC_INVALID, "mac1", wrong_mac1),
    (DEBIT_FOR_PURCHASE, SW.CONDITIONS, "tac-key", debit_after(without_tac_key)),
    (DEBIT_FOR_PURCHASE, SW.NOT_SUPPORTED, "blocked", debit_after(blocked)),
    (DEBIT_FOR_PURCHASE, SW.MEMORY_FAILURE, "worn", debit_after(worn)),
    (GET_BALANCE, SW.SECURITY_STATUS, "pin", sends(GET_BALANCE.command(0, ED))),
    (GET_BALANCE, SW.NOT_SUPPORTED, "no-purse", in_the_mf(BALANCE)),
    (GET_BALANCE, SW.WRONG_P1P2, "p2", sends(replace(BALANCE, p2=0))),
    (GET_TRANSACTION_PROVE, SW.NOT_SUPPORTED, "no-purse", in_the_mf(PROVE)),
    (GET_TRANSACTION_PROVE, SW.WRONG_P1P2, "p2", sends(replace(PROVE, p2=0x0A))),
    (GET_TRANSACTION_PROVE, SW.PROOF_UNAVAILABLE, "none-yet", sends(PROVE)),
]


@pytest.mark.parametrize(
    ("spec", "sw", "provoke"),
    [
        pytest.param(spec, sw, provoke, id=f"{spec.name}-{sw:04X}-{reason}".replace(" ", "_"))
        for spec, sw, reason, provoke in ROWS
    ],
)
def test_status(rig, spec, sw, provoke):
    answer = provoke(rig)
    assert (f"{sw:04X}", b"") == (f"{answer.sw:04X}", answer.data)
    rig.card.memory.worn = False
    serials = (rig.purse_state(EP).online_serial, rig.purse_state(EP).offline_serial)
    assert serials in {(0, 0), (1, 0), (0xFFFF, 0), (0, 0xFFFF)}  # at most the load that a purchase needs
    assert len(rig.log()) <= 1


@pytest.mark.parametrize(
    ("provoke", "begin"),
    [
        pytest.param(wrong_mac2, "load", id="load"),
        pytest.param(wrong_mac1, "purchase", id="purchase"),
        pytest.param(credit_after(worn), "load", id="load-worn"),
        pytest.param(debit_after(worn), "purchase", id="purchase-worn"),
    ],
)
def test_a_failed_partner_changes_nothing_and_leads_to_idle(rig, provoke, begin):
    if begin == "purchase":
        rig.load(100)
    before = rig.witness()
    provoke(rig)
    rig.card.memory.worn = False
    assert State.IDLE is rig.state()
    for command in (CREDIT, DEBIT):
        assert SW.INVALID_STATE == rig.raw(command).sw
    after_it = rig.witness()
    if begin == "load":
        assert before == after_it
    else:
        assert before.offline == after_it.offline


#: Declared for cards that answer so in a blocked application (JR/T 0025.2 5.5.9.3); here that is 6A81.  And
#: an INITIALIZE writes nothing that could fail.
NEVER_HERE = {
    (GET_BALANCE.name, SW.CONDITIONS),
    (GET_TRANSACTION_PROVE.name, SW.CONDITIONS),
    (INITIALIZE_FOR_LOAD.name, SW.MEMORY_FAILURE),
    (INITIALIZE_FOR_PURCHASE.name, SW.MEMORY_FAILURE),
}


def test_every_declared_status_has_a_row():
    declared = {(spec.name, sw) for spec in PURSE_COMMANDS for sw in spec.statuses}
    assert declared == {(spec.name, sw) for spec, sw, _, _ in ROWS} | NEVER_HERE
    assert {spec.name for spec in PURSE_COMMANDS} == set(HANDLERS)


@pytest.mark.parametrize("command", [init_load(), CREDIT, init_purchase(), DEBIT, BALANCE, PROVE])
def test_wrong_length(rig, command):
    for size in {0, len(command.data) - 1, len(command.data) + 1} - {-1, len(command.data)}:
        assert SW.WRONG_LENGTH == rig.raw(replace(command, data=bytes(size))).sw


# ------------------------------------------------------------------ the state table, by commands


def begin_nothing(rig):
    pass


BEGIN = {
    State.IDLE: begin_nothing,
    State.LOAD: lambda rig: rig.initialize_load(1),
    State.PURCHASE: lambda rig: rig.initialize_purchase(1),
}
SENT = {
    INITIALIZE_FOR_LOAD.name: init_load(1),
    INITIALIZE_FOR_PURCHASE.name: init_purchase(1),
    GET_BALANCE.name: BALANCE,
    GET_TRANSACTION_PROVE.name: GET_TRANSACTION_PROVE.command(0, 0x02, serial=1),
}
PARTNERS = {State.LOAD: PurseRig.credit_command, State.PURCHASE: PurseRig.debit_command}


@pytest.mark.parametrize("state", BEGIN)
@pytest.mark.parametrize("name", HANDLERS)
def test_state_table_on_the_card(rig, name, state):
    rig.load(100)
    begun = BEGIN[state](rig)
    assert state is rig.state()
    partner = {CREDIT_FOR_LOAD.name: State.LOAD, DEBIT_FOR_PURCHASE.name: State.PURCHASE}.get(name)
    right = partner is state and begun
    command = SENT.get(name) or (
        PARTNERS[partner](rig, begun, 1) if right else {State.LOAD: CREDIT}.get(partner, DEBIT)
    )
    expected = PURSE_STATES.after(name, state)
    assert (SW.INVALID_STATE if expected is None else SW.SUCCESS) == rig.raw(command).sw
    assert (expected or State.IDLE) is rig.state()


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


def test_order_of_checks_of_initialize_for_purchase():
    """JR/T 0025.9 7.4.2 for key, counter and amount: each mended in turn, the next one shows."""
    profile = options("city-3des", pin_required=("ep.purchase",))
    rig = PurseRig.build(profile)
    without_tac_key(rig)
    rig.poke(EP, offline_serial=0xFFFF)
    seen = []

    def ask(index):
        seen.append(rig.raw(init_purchase(1, index=index)).sw)

    ask(9)
    rig.verify()
    ask(9)
    ask(1)
    old = rig.fs.key(rig.application, 0x30, 0x00)
    rig.fs.replace_key(old, replace(old, type=0x34))
    rig.fs.commit()
    ask(1)
    rig.poke(EP, offline_serial=0)
    ask(1)
    rig.poke(EP, balance=1)
    ask(1)
    expected = [
        SW.SECURITY_STATUS, SW.KEY_INDEX, SW.CONDITIONS, SW.COUNTER_MAXIMUM, SW.BALANCE_INSUFFICIENT, SW.SUCCESS,
    ]  # fmt: skip
    assert expected == seen


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
    mac2 = rig.dialect.mac("load", "mac2", rig.load_session(begun), **fields)
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


def test_blocked_application_refuses_every_command(rig):
    blocked(rig)
    for command in (init_load(), CREDIT, init_purchase(), DEBIT, BALANCE, PROVE):
        assert SW.NOT_SUPPORTED == rig.raw(command).sw


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
