"""Every status word of every purse command, each provoked, and the states, by commands on a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from cardos.apdu import SW, Command, CommandSpec
from cardos.apdu.purse_commands import (
    ED,
    EP,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_CASH_WITHDRAW,
    PURSE_COMMANDS,
    UPDATE_CAPP_DATA_CACHE,
    UPDATE_OVERDRAW_LIMIT,
)
from cardos.files.filesystem import BlockState
from cardos.wallet.grey_file import LockState
from cardos.wallet.purse import HANDLERS
from cardos.wallet.states import PURSE_STATES, ByOption, State
from tests.wallet.flows import FLOWS
from tests.wallet.purse_cards import CAPP, COMPOSITE_FILES, LINEAR, purse_card
from tests.wallet.rig import LOG_SFI, PurseRig

MONEY = 1000
CACHE, BALANCE, PROVE = UPDATE_CAPP_DATA_CACHE, GET_BALANCE, GET_TRANSACTION_PROVE
SPENDING = ("unload", "purchase", "cash", "composite")
NAMES = {ED: "ed", EP: "ep"}


def purse_of(kind):
    """The purse that a kind of transaction is tried on: the electronic one where it has it."""
    return EP if EP in FLOWS[kind].types else ED


def card(**arguments) -> PurseRig:
    """A card with money in both purses and a CAPP record 02."""
    rig = purse_card(files=COMPOSITE_FILES, **arguments)
    rig.fs.append_record(rig.fs.by_sfi(rig.application, CAPP), bytes.fromhex("0206 00 0102030405"))
    rig.fs.append_record(rig.fs.by_sfi(rig.application, CAPP), bytes.fromhex("0302 01 FF"))
    for purse in NAMES:
        rig.poke(purse, balance=MONEY)
    return rig


# ------------------------------------------------------------------ what happens to a card


def nothing(_rig):
    """Nothing happens."""


def without_tac_key(rig):
    """DTK becomes a key of another type, as if it had never been written."""
    old = rig.fs.key(rig.application, 0x34, 0x00)
    rig.fs.replace_key(rig.application, old, replace(old, type=0x30))
    rig.fs.commit()


def blocked(state):
    def change(rig):
        rig.fs.set_block_state(rig.application, state)
        rig.fs.commit()

    return change


def worn(rig):
    rig.card.memory.worn = True


def locked(rig):
    """The electronic purse and the deposit are grey-locked."""
    for purse in NAMES:
        rig.poke(purse, lock_state=LockState.LOCKED)
    rig.reset()


def in_the_mf(rig):
    rig.select(rig.profile.directories[0].aid)


def at_the_last_serial(rig):
    for purse in NAMES:
        rig.poke(purse, online_serial=0xFFFF, offline_serial=0xFFFF)


def in_capp1(rig):
    rig.begin("composite")


# ------------------------------------------------------------------ commands to provoke with


def initialize(kind, amount=1, **changes):
    """INITIALIZE of ``kind``, as a terminal sends it, or with another header."""

    def command(rig):
        index = changes.pop("index", None)
        return replace(rig.begin_command(kind, amount, purse_of(kind), index=index), **changes)

    return command


def partner(kind, change=nothing, amount=1, *, mac=None, **header):
    """The command that completes a transaction of ``kind``; ``change`` happens between the two."""

    def command(rig):
        begun = rig.begin(kind, amount, purse_of(kind))
        if kind == "composite":
            rig.cache(1, LINEAR << 3, b"x")
        right = rig.partner(kind, begun, amount, purse_of(kind), mac=mac)
        change(rig)
        return replace(right, **header)

    return command


def cached(change=nothing, p1=0x02, p2=CAPP << 3, data="0206 00 11", begin=in_capp1):
    """UPDATE CAPP DATA CACHE."""

    def command(rig):
        begin(rig)
        change(rig)
        return CACHE.command(p1, p2, data=bytes.fromhex(data))

    return command


def given(command):
    return lambda _rig: command


def after(change, make):
    def command(rig):
        made = make(rig)
        change(rig)
        return made

    return command


def negative(rig):
    """The limit of 500 fen was spent; it is to be taken away."""
    rig.poke(ED, balance=499, limit=500)
    return rig.partner("overdraft", rig.begin("overdraft"), 0, ED)


def too_many(rig):
    """Records wait until there is no more room for another."""
    in_capp1(rig)
    command = CACHE.command(0x00, 0x1E << 3, data=bytes(48))
    for _ in range(24):
        assert SW.SUCCESS == rig.raw(command).sw
    return command


READ_BALANCE = given(BALANCE.command(0x00, EP))
READ_PROOF = given(PROVE.command(0x00, 0x06, serial=1))


@dataclass(frozen=True)
class Row:
    """``command`` answers ``sw`` to what ``make`` gives, on a card made with ``arguments``."""

    command: CommandSpec
    sw: int
    why: str
    make: Callable[[PurseRig], Command]
    arguments: Mapping[str, object] = field(default_factory=dict)


def blocked_rows(spec, make_after, kind=""):
    """An application that is blocked, for a time (as cards and as the standard answer it) and for ever;
    ``make_after`` gives the command after a change.
    """
    for_a_time = make_after(blocked(BlockState.TEMPORARY))
    return (
        Row(spec, SW.NOT_SUPPORTED, f"{kind}blocked", for_a_time),
        Row(spec, SW.CONDITIONS, f"{kind}blocked-strict", for_a_time, {"blocked_command": 0x6985}),
        Row(
            spec, SW.APPLICATION_LOCKED, f"{kind}blocked-for-ever", make_after(blocked(BlockState.PERMANENT))
        ),
    )


def initialize_rows(kind):
    spec, purse = FLOWS[kind].initialize, purse_of(kind)
    needs_pin = {"pin_required": (f"{NAMES[purse]}.{kind}",)}
    return (
        Row(spec, SW.SECURITY_STATUS, "pin", initialize(kind), needs_pin),
        Row(spec, SW.CONDITIONS, "pin-strict", initialize(kind), needs_pin | {"pin_missing": 0x6985}),
        Row(spec, SW.CONDITIONS, "tac-key", after(without_tac_key, initialize(kind))),
        Row(spec, SW.INVALID_STATE, "capp1", after(in_capp1, initialize(kind))),
        Row(spec, SW.NOT_SUPPORTED, "no-purse", after(in_the_mf, initialize(kind))),
        Row(spec, SW.WRONG_P1P2, "p2", initialize(kind, p2=3)),
        Row(spec, SW.COUNTER_MAXIMUM, "serial", after(at_the_last_serial, initialize(kind))),
        Row(spec, SW.KEY_INDEX, "index", initialize(kind, index=9)),
        Row(spec, SW.KEY_INDEX, "algorithm", initialize(kind), {"refused_algorithms": (0x01,)}),
        *blocked_rows(spec, lambda change: after(change, initialize(kind))),
    )


def partner_rows(kind):
    spec, flow = FLOWS[kind].partner, FLOWS[kind]
    at_rest = after(lambda rig: rig.select(), partner(kind))
    return (
        Row(spec, SW.MEMORY_FAILURE, f"{kind}-worn", partner(kind, worn)),
        Row(spec, SW.INVALID_STATE, f"{kind}-idle", at_rest),
        Row(spec, SW.WRONG_P1P2, f"{kind}-p2", partner(kind, p2=9)),
        Row(spec, SW.MAC_INVALID, f"{kind}-{flow.received}", partner(kind, mac=bytes(4))),
        *blocked_rows(spec, lambda change: partner(kind, change), f"{kind}-"),
    )


ROWS = [
    *(row for kind in FLOWS for row in initialize_rows(kind)),
    *(row for kind in FLOWS for row in partner_rows(kind)),
    *(
        Row(FLOWS[kind].initialize, SW.BALANCE_INSUFFICIENT, "balance", initialize(kind, MONEY + 1))
        for kind in SPENDING
    ),
    *(
        Row(FLOWS[kind].initialize, SW.GREY_LOCKED, "locked", after(locked, initialize(kind)))
        for kind in ("load", "unload", "purchase", "composite")
    ),
    *(
        Row(FLOWS[kind].initialize, SW.INVALID_STATE, "locked", after(locked, initialize(kind)))
        for kind in ("cash", "overdraft")
    ),
    Row(FLOWS["load"].initialize, SW.CONDITIONS, "ceiling", initialize("load", 100_000 - MONEY + 1)),
    *(
        Row(FLOWS[kind].partner, SW.CONDITIONS, f"{kind}-tac-key", partner(kind, without_tac_key))
        for kind in ("load", "overdraft", "purchase", "cash", "composite")
    ),
    Row(INITIALIZE_FOR_CASH_WITHDRAW, SW.WRONG_P1P2, "electronic-purse", initialize("cash", p2=EP)),
    Row(UPDATE_OVERDRAW_LIMIT, SW.CANNOT_PROCESS, "negative", negative),
    Row(
        UPDATE_OVERDRAW_LIMIT, SW.BALANCE_INSUFFICIENT, "negative", negative,
        {"overdraft_negative": 0x9401},
    ),
    Row(
        UPDATE_OVERDRAW_LIMIT, SW.CONDITIONS, "ceiling",
        after(lambda rig: rig.poke(ED, balance=0xFFFFFFFF), partner("overdraft")),
    ),
    *blocked_rows(CACHE, cached),
    Row(CACHE, SW.INVALID_STATE, "idle", cached(begin=nothing)),
    Row(CACHE, SW.FILE_TYPE, "transparent", cached(p2=0x15 << 3)),
    Row(CACHE, SW.FILE_TYPE, "key-file-and-purse", cached(p2=ED << 3)),
    Row(CACHE, SW.FILE_TYPE, "cyclic-by-number", cached(p2=0x1E << 3 | 4)),
    Row(CACHE, SW.SECURITY_STATUS, "log", cached(p1=0, p2=LOG_SFI << 3)),
    Row(CACHE, SW.WRONG_DATA, "tag", cached(data="0306 00 11")),
    Row(CACHE, SW.WRONG_DATA, "length", cached(data="0204 00 11")),
    Row(CACHE, SW.WRONG_DATA, "one-byte", cached(data="02")),
    Row(CACHE, SW.FILE_NOT_FOUND, "sfi", cached(p2=0x0A << 3)),
    Row(CACHE, SW.FILE_NOT_FOUND, "no-current-file", cached(p2=0)),
    Row(CACHE, SW.RECORD_NOT_FOUND, "tag", cached(p1=0x09)),
    Row(CACHE, SW.RECORD_NOT_FOUND, "number", cached(p1=3, p2=CAPP << 3 | 4)),
    Row(CACHE, SW.RECORD_NOT_FOUND, "number-0", cached(p1=0, p2=CAPP << 3 | 4)),
    Row(CACHE, SW.RECORD_NOT_FOUND, "linear", cached(p1=5, p2=LINEAR << 3)),
    Row(CACHE, SW.RECORD_NOT_FOUND, "cyclic", cached(p1=1, p2=0x1E << 3)),
    Row(CACHE, SW.NO_SPACE, "longer", cached(data="0206 00 0102030405 06")),
    Row(CACHE, SW.NO_SPACE, "longer-linear", cached(p1=1, p2=LINEAR << 3, data="00" * 17)),
    Row(CACHE, SW.NO_SPACE, "too-many", too_many),
    *(Row(CACHE, SW.WRONG_P1P2, f"mode-{mode}", cached(p2=CAPP << 3 | mode)) for mode in (1, 2, 3, 5, 6, 7)),
    Row(CACHE, SW.CAPP_LOCKED, "lock-flag", cached(p1=0x03, data="0302 00 00")),
    *blocked_rows(BALANCE, lambda change: after(change, READ_BALANCE)),
    Row(BALANCE, SW.SECURITY_STATUS, "pin", READ_BALANCE, {"pin_required": ("ep.balance",)}),
    Row(BALANCE, SW.SECURITY_STATUS, "pin-strict", READ_BALANCE,
        {"pin_required": ("ep.balance",), "pin_missing": 0x6985}),
    Row(BALANCE, SW.NOT_SUPPORTED, "no-purse", after(in_the_mf, READ_BALANCE)),
    Row(BALANCE, SW.WRONG_P1P2, "p2", given(replace(BALANCE.command(0x00, EP), p2=0))),
    *(Row(BALANCE, SW.WRONG_P1P2, f"form-{form}", given(BALANCE.command(form, EP))) for form in (1, 2, 3)),
    *blocked_rows(PROVE, lambda change: after(change, READ_PROOF)),
    Row(PROVE, SW.NOT_SUPPORTED, "no-purse", after(in_the_mf, READ_PROOF)),
    Row(PROVE, SW.WRONG_P1P2, "p2", given(replace(PROVE.command(0x00, 0x06, serial=1), p2=0x0A))),
    Row(PROVE, SW.PROOF_UNAVAILABLE, "none-yet", READ_PROOF),
    Row(PROVE, SW.PROOF_UNAVAILABLE, "type-08", given(PROVE.command(0x00, 0x08, serial=1))),
]  # fmt: skip


def told(rig):
    """Everything that a transaction could change."""
    capp, linear, cyclic, log = (rig.fs.by_sfi(rig.application, sfi) for sfi in (CAPP, LINEAR, 0x1E, LOG_SFI))
    return [
        [rig.purse_state(purse) for purse in NAMES],
        [rig.fs.read(node, 0, node.size) for node in (capp, linear, cyclic, log)],
        [rig.fs.state(node) for node in (capp, linear, cyclic, log)],
        rig.fs.proof(rig.application),
    ]


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row.command.name}-{row.sw:04X}-{row.why}".replace(" ", "_")) for row in ROWS],
)
def test_status(row):
    """The status word alone is answered, nothing changed, and the application is at rest."""
    rig = card(**row.arguments)
    command = row.make(rig)
    before = told(rig)
    answer = rig.raw(command)
    assert (f"{row.sw:04X}", b"") == (f"{answer.sw:04X}", answer.data)
    assert row.sw in row.command.statuses
    assert before == told(rig)
    assert rig.state() in (State.IDLE, State.GREY_IDLE)


def test_every_declared_status_has_a_row():
    declared = {(spec.name, int(sw)) for spec in PURSE_COMMANDS for sw in spec.statuses}
    provoked = {(row.command.name, int(row.sw)) for row in ROWS}
    assert declared == provoked
    assert {spec.name for spec in PURSE_COMMANDS} == set(HANDLERS)


@pytest.mark.parametrize("spec", PURSE_COMMANDS, ids=lambda spec: spec.name)
def test_no_status_word_is_declared_twice(spec):
    assert len(set(spec.statuses)) == len(spec.statuses)


@pytest.mark.parametrize("kind", FLOWS)
@pytest.mark.parametrize("change", [-1, 1])
def test_wrong_length(kind, change):
    flow = FLOWS[kind]
    for spec, make in (
        (flow.initialize, initialize(kind)),
        (flow.partner, partner(kind)),
        (PROVE, READ_PROOF),
    ):
        rig = card()
        command = replace(make(rig), data=bytes(spec.lc[0] + change))
        assert SW.WRONG_LENGTH == rig.raw(command).sw


def test_balance_takes_no_data_and_a_cache_some():
    rig = card()
    assert SW.WRONG_LENGTH == rig.raw(replace(BALANCE.command(0x00, EP), data=b"\x00")).sw
    in_capp1(rig)
    assert SW.WRONG_LENGTH == rig.raw(bytes([0x80, 0xDC, 0x02, CAPP << 3])).sw


# ------------------------------------------------------------------ the state table, by commands


WAYS_IN = {
    State.IDLE: nothing,
    State.LOAD: lambda rig: rig.begin("load", 1),
    State.PURCHASE: lambda rig: rig.begin("purchase", 1),
    State.UNLOAD: lambda rig: rig.begin("unload", 1, ED),
    State.UPDATE: lambda rig: rig.begin("overdraft"),
    State.CAPP1: lambda rig: rig.begin("composite", 1),
    State.CAPP2: lambda rig: (rig.begin("composite", 1), rig.cache(1, LINEAR << 3, b"x"))[0],
}
#: The kind of transaction that is under way in a state.
UNDER_WAY = {
    State.LOAD: "load", State.PURCHASE: "purchase", State.UNLOAD: "unload", State.UPDATE: "overdraft",
    State.CAPP1: "composite", State.CAPP2: "composite",
}  # fmt: skip
KIND_OF_INITIALIZE = {flow.initialize.name: kind for kind, flow in FLOWS.items()}


def right_command(rig, name, state, begun):
    """The command called ``name`` as it is right in ``state``; a partner that fits nothing has a MAC of zeros."""
    if name in KIND_OF_INITIALIZE:
        kind = KIND_OF_INITIALIZE[name]
        return rig.begin_command(kind, 1, purse_of(kind))
    plain = {
        CACHE.name: CACHE.command(1, LINEAR << 3, data=b"y"),
        BALANCE.name: BALANCE.command(0x00, EP),
        PROVE.name: PROVE.command(0x00, 0x02, serial=1),
    }
    if name in plain:
        return plain[name]
    kind = UNDER_WAY.get(state)
    if kind is not None and FLOWS[kind].partner.name == name:
        return rig.partner(kind, begun, 1, purse_of(kind))
    return stray_partner(rig, name)


def stray_partner(rig, name):
    """The partner of a transaction that is not under way; the card is as before."""
    before = rig.card.snapshot()
    rig.select()
    kind = next(kind for kind, flow in FLOWS.items() if flow.partner.name == name)
    made = rig.partner(kind, rig.begin(kind))
    rig.card.restore(before)
    return made


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("state", WAYS_IN, ids=lambda state: state.value)
@pytest.mark.parametrize("name", HANDLERS)
def test_state_table_on_the_card(name, state, lenient):
    """A command that the table takes succeeds and leads where it says; one that it refuses answers 6901."""
    rig = card(lenient_composite=lenient, composite_without_record=lenient)
    rig.load(1)
    begun = WAYS_IN[state](rig)
    command = right_command(rig, name, state, begun)
    assert state is rig.state()
    expected = PURSE_STATES.after(name, state, rig.profile.purse)
    assert f"{SW.INVALID_STATE if expected is None else SW.SUCCESS:04X}" == f"{rig.raw(command).sw:04X}"
    assert (expected or State.IDLE) is rig.state()


def test_options_open_cells_of_the_table():
    """The two readings differ only in the cells that name an option."""
    by_option = [cell for cells in PURSE_STATES.rows.values() for cell in cells if isinstance(cell, ByOption)]
    assert {"lenient_composite", "composite_without_record"} == {cell.option for cell in by_option}
