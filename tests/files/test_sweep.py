"""The power is cut at every write of every command that writes, and of the recovery after it.

What must be there afterwards is the old card or the new one.  Where a try counter falls before a comparison there
is one state more: as before, with one try less.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cardos.apdu.os_commands import OS_COMMANDS
from cardos.card import Card
from cardos.files.journal import Journal
from tests.files.desk import (
    AID,
    CREATE_ADF,
    CREATE_MF,
    FILES,
    K16,
    KEYS,
    MASTER,
    OTHER,
    SELECT_ADF,
    SELECT_MF,
    Desk,
    application,
    key_record,
    wrong,
)  # fmt: skip
from tests.powercut import sweep


def view(card: Card) -> dict[str, object]:
    """All that can be known of a card: the tree, contents, records, keys with counters, block states, proofs."""
    fs = card._kernel.fs
    seen: dict[str, object] = {"blocked": fs.card_blocked, "free": fs.free if fs.root else None}
    for node in fs.nodes:
        place = f"{node.parent.fid:04X}/{node.fid:04X}" if node.parent else "MF"
        keys = [
            (key.type, key.id, key.use, key.change, key.first, key.second, key.value) for key in fs.keys(node)
        ] if node.is_directory else []  # fmt: skip
        state = fs.block_state(node) if node.is_directory else fs.state(node)
        seen[place] = (
            node.type_byte,
            node.size,
            node.read,
            node.write,
            fs.read(node, 0, node.size),
            state,
            keys,
        )
    return seen


def wrong_pin(desk: Desk) -> None:
    desk.raw("0020000003111111")


def wrong_update(desk: Desk) -> None:
    desk.raw(wrong(desk.protected("04D6950003AABBCC")))


def wrong_authentication(desk: Desk) -> None:
    desk.challenge()
    desk.raw("0082000008" + "00" * 8)


def nothing(desk: Desk) -> None:
    pass


def send(*commands: str) -> Callable[[Desk], object]:
    return lambda desk: [desk.raw(command) for command in commands]


def protected(command: str, key: bytes = K16, *, enciphered: bool = False) -> Callable[[Desk], object]:
    return lambda desk: desk.raw(desk.protected(command, key, enciphered=enciphered))


def forged(command: str, key: bytes = K16, *, enciphered: bool = False) -> Callable[[Desk], object]:
    return lambda desk: desk.raw(wrong(desk.protected(command, key, enciphered=enciphered)))


def steps(*all_: Callable[[Desk], object]) -> Callable[[Desk], object]:
    return lambda desk: [step(desk) for step in all_]


def reload(pin: str, *, forge: bool = False) -> Callable[[Desk], object]:
    """RELOAD PIN with its MAC, or with another one, under the reload key."""

    def command(desk: Desk) -> object:
        new = bytes.fromhex(pin)
        whole = bytes((0x80, 0x5E, 0x00, 0x00, len(new) + 4)) + new
        whole += desk.suite.pin_mac(desk.suite.key(MASTER), new)
        return desk.raw(wrong(whole) if forge else whole)

    return command


RECORDS = [f"00E2003008{n:02X}{'00' * 7}" for n in (1, 2, 3)]
CYCLIC = [f"00E200C017{n:02X}{'AB' * 22}" for n in (1, 2, 3, 4)]
TLVS = ["00E2003804 1102AAAA", "00E2003803 2201BB"]
CHANGE_MASTER = "80D4390015" + key_record(0xF9, 0, OTHER)[10:]

SERVICES = send(key_record(0x37, 0, K16), key_record(0x38, 0, MASTER))
LOCKED = steps(SERVICES, *[wrong_pin] * 3)
CHANGE_PIN, WRONG_CHANGE = send("805E010006 123456FF4321"), send("805E010006 123457FF4321")
UNBLOCK_PIN = "8024000003 987654"
BLOCK, FOR_EVER, UNBLOCK, CARD_BLOCK = "801E0000", "801E0001", "80180000", "80160000"
BLOCKED = protected(BLOCK)

#: Command, what is done before, what runs under the cuts, and a name.
CASES = [
    ("CREATE FILE", nothing, send("80E0001007280100F0F0FFFF"), "binary"),
    ("CREATE FILE", nothing, send("80E00010072E0A17F0F0FFFF"), "cyclic"),
    ("CREATE FILE", nothing, send("80E00010072F0208F0F0FF18"), "purse"),
    ("CREATE FILE", nothing, send("80E03F050C 38 0100 F0F0 95 FFFF D1560001"), "directory"),
    ("UPDATE BINARY", nothing, send("00D6840004AABBCCDD"), "first"),
    ("UPDATE BINARY", send("00D6840010" + "11" * 16), send("00D6840010" + "22" * 16), "again"),
    ("UPDATE BINARY", nothing, send("00D6840004AABBCCDD", "00D6840004AABBCCDD"), "same-again"),
    ("UPDATE RECORD", send(*RECORDS), send("00DC023408" + "EE" * 8), "linear"),
    ("UPDATE RECORD", nothing, send("00DC033408" + "EE" * 8), "linear-new"),
    ("UPDATE RECORD", send(*TLVS), send("00DC223803 3301CC"), "variable"),
    ("UPDATE RECORD", send(*TLVS), send("00DC033C03 3301CC"), "variable-new"),
    ("UPDATE RECORD", send(*CYCLIC), send("00DC00C317" + "EE" * 23), "cyclic"),
    ("APPEND RECORD", send(*RECORDS[:1]), send(RECORDS[1]), "linear"),
    ("APPEND RECORD", send(*TLVS), send("00E2003803 3301CC"), "variable"),
    ("APPEND RECORD", send(*CYCLIC[:1]), send(CYCLIC[1]), "cyclic"),
    ("APPEND RECORD", send(*CYCLIC), send("00E200C017" + "EE" * 23), "cyclic-over-the-oldest"),
    ("WRITE KEY", nothing, send(key_record(0x36, 3, OTHER)), "add"),
    ("WRITE KEY", nothing, send(CHANGE_MASTER), "change"),
    ("VERIFY", nothing, wrong_pin, "wrong"),
    ("VERIFY", send("0020000003111111"), wrong_pin, "wrong-again"),
    ("EXTERNAL AUTHENTICATE", nothing, wrong_authentication, "wrong"),
    ("UPDATE BINARY", nothing, wrong_update, "wrong-mac"),
    ("CHANGE PIN", nothing, WRONG_CHANGE, "wrong"),
    ("RELOAD PIN", SERVICES, reload("8888", forge=True), "wrong-mac"),
    ("PIN UNBLOCK", LOCKED, forged(UNBLOCK_PIN, enciphered=True), "wrong-mac"),
    ("APPLICATION BLOCK", nothing, forged(BLOCK), "wrong-mac"),
    ("APPLICATION UNBLOCK", BLOCKED, forged(UNBLOCK), "wrong-mac"),
    ("CARD BLOCK", nothing, forged(CARD_BLOCK), "wrong-mac"),
    ("SET MESSAGE", send(SELECT_MF), send("0022000009 8588D32B7688D32B76"), "first"),
    ("SET MESSAGE", send(SELECT_MF, "0022000009" + "11" * 9), send("0022000009 8588D32B7688D32B76"), "again"),
]  # fmt: skip

#: Commands whose effect is itself, after a try was taken and given back: a third state is the try that is away.
TRIED = [
    ("UPDATE BINARY", nothing, protected("04D6950003AABBCC"), 0x36, "mac"),
    ("UPDATE BINARY", nothing, protected("04D6850003AABBCC", enciphered=True), 0x36, "enciphered"),
    ("UPDATE BINARY", wrong_update, protected("04D6950003AABBCC"), 0x36, "mac-after-a-wrong-one"),
    ("UPDATE RECORD", nothing, protected("04DC015404AABBCCDD", OTHER), 0x36, "mac"),
    ("APPEND RECORD", nothing, protected("04E2005004AABBCCDD", OTHER), 0x36, "mac"),
    ("READ BINARY", nothing, protected("04B0880000"), 0x36, "mac"),
    ("READ RECORD", send("00E2007805 0103AABBCC"), protected("04B2017C00"), 0x36, "mac"),
    ("WRITE KEY", nothing, protected(key_record(0x36, 3, OTHER), MASTER, enciphered=True), 0x39, "add"),
    ("WRITE KEY", nothing, protected(CHANGE_MASTER, MASTER, enciphered=True), 0x39, "change-the-master"),
    ("VERIFY", nothing, send("0020000003123456"), 0x3A, "right"),
    ("VERIFY", wrong_pin, send("0020000003123456"), 0x3A, "right-after-a-wrong-one"),
    ("EXTERNAL AUTHENTICATE", nothing, lambda desk: desk.authenticate(), 0x39, "right"),
    ("CHANGE PIN", nothing, CHANGE_PIN, 0x3A, "shorter"),
    ("CHANGE PIN", steps(CHANGE_PIN, wrong_pin), send("805E010009 4321FF123456789012"), 0x3A, "longer"),
    ("RELOAD PIN", SERVICES, reload("8888"), 0x38, "right"),
    ("RELOAD PIN", steps(LOCKED, reload("8888", forge=True)), reload("8888"), 0x38, "locked-pin-after-a-wrong-one"),
    ("PIN UNBLOCK", LOCKED, protected(UNBLOCK_PIN, enciphered=True), 0x37, "right"),
    ("APPLICATION BLOCK", nothing, protected(BLOCK), 0x36, "for-a-time"),
    ("APPLICATION BLOCK", BLOCKED, protected(FOR_EVER), 0x36, "for-ever"),
    ("APPLICATION UNBLOCK", steps(BLOCKED, forged(UNBLOCK)), protected(UNBLOCK), 0x36, "after-a-wrong-one"),
    ("CARD BLOCK", nothing, protected(CARD_BLOCK), 0x36, "mac"),
]  # fmt: skip


def prepared(before: Callable[[Desk], object]) -> Desk:
    desk = application()
    before(desk)
    return desk


def visited(before, run, *, every_byte: bool = False, **more) -> int:
    desk = prepared(before)
    return sweep(lambda: desk.card, lambda _: run(desk), view, every_byte=every_byte, **more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "run"),
    [pytest.param(before, run, id=f"{name}-{what}".replace(" ", "_")) for name, before, run, what in CASES],
)
def test_old_or_new(before, run):
    assert visited(before, run) >= 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "run", "type_"),
    [
        pytest.param(before, run, t, id=f"{name}-{what}".replace(" ", "_"))
        for name, before, run, t, what in TRIED
    ],
)
def test_old_or_new_or_a_try_away(before, run, type_):
    """Whatever is not a try counter is old or new; a counter is full, as it was, or one less."""
    seen: list[object] = []
    desk = prepared(before)
    old = without_counters(view(desk.card))
    run(desk)
    new = without_counters(view(desk.card))
    desk = prepared(before)
    counters = {key.second for key in desk.fs.keys(desk.session.directory) if key.type & 0x3F == type_}
    allowed = counters | {second - 1 for second in counters} | {0x33}

    def observe(card: Card) -> object:
        directory = card._kernel.fs.by_name(AID)
        tries = {key.second for key in card._kernel.fs.keys(directory) if key.type & 0x3F == type_}
        assert tries <= allowed
        seen.append(without_counters(view(card)))
        return seen[-1]

    assert sweep(lambda: desk.card, lambda _: run(desk), observe, states=[old, new]) >= 20
    assert old in seen
    assert new in seen


def without_counters(seen: dict[str, object]) -> dict[str, object]:
    """A view without the try counters and the key files that hold them."""
    files = {place: what for place, what in seen.items() if isinstance(what, tuple) and what[0] != 0x3F}
    return {place: (*what[:-1], [key[:5] + key[6:] for key in what[-1]]) for place, what in files.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "run", "genuine", "locked"),
    [
        pytest.param(nothing, wrong_update, protected("04D6950003AABBCC"), "9303", id="update"),
        pytest.param(nothing, forged(BLOCK), protected(BLOCK), "6983", id="block"),
        pytest.param(SERVICES, reload("8888", forge=True), reload("8888"), "6983", id="reload"),
        pytest.param(
            SERVICES, forged(UNBLOCK_PIN, enciphered=True), protected(UNBLOCK_PIN, enciphered=True), "6983",
            id="unblock",
        ),
    ],
)  # fmt: skip
def test_the_last_wrong_mac(before, run, genuine, locked):
    """Its try, then the block: between them the key is locked already, so nothing is won."""
    desk = prepared(steps(before, run, run))

    def observe(card: Card) -> str:
        probe = Desk(card, desk.random)
        word = probe.sw(SELECT_ADF)
        return word if word != "9000" else f"{genuine(probe).sw:04X}"

    states = ["9000", locked, "9303"]
    assert sweep(lambda: desk.card, lambda _: run(desk), observe, states=states) >= 40


@pytest.mark.slow
def test_the_creation_of_the_mf():
    desk = Desk.blank()
    assert sweep(lambda: desk.card, lambda _: desk.raw(CREATE_MF), view, every_byte=True) > 100


@pytest.mark.slow
def test_every_byte_of_an_update():
    assert visited(send("00D6840010" + "11" * 16), send("00D6840010" + "22" * 16), every_byte=True) > 500


@pytest.mark.slow
def test_a_whole_personalisation_leaves_a_prefix_of_itself():
    """Each command of the script happened or it did not, and the ones before it did."""
    script = [
        CREATE_MF,
        "80E00000073F005001F0FFFF",
        key_record(0x39, 0, MASTER),
        CREATE_ADF,
        SELECT_ADF,
        *FILES[:6],
        *KEYS[:3],
    ]
    desk, states = Desk.blank(), []
    for command in script:
        states.append(view(desk.card))
        desk.ok(command)
    states.append(view(desk.card))
    desk = Desk.blank()

    def run(card: Card) -> None:
        for command in script:
            desk.raw(command)

    assert sweep(lambda: desk.card, run, view, states=states, recovery=False) > 500


def test_every_command_that_writes_is_swept():
    """A command writes when it can fail to, which its declaration says."""
    writing = {spec.name for spec in OS_COMMANDS if 0x6581 in spec.statuses}
    assert writing == {case[0] for case in (*CASES, *TRIED)} | {"ERASE DF"}  # that one in test_erasure.py


def test_a_command_that_does_not_write_is_refused_by_the_sweep():
    desk = application()
    with pytest.raises(AssertionError, match="nothing to cut"):
        sweep(lambda: desk.card, lambda _: desk.raw(SELECT_MF), view)


def test_the_sweep_finds_a_card_without_journal(monkeypatch):
    """The sweep is no use if it cannot fail: carry changes out without the record."""

    def reckless(self: Journal) -> None:
        self._carry_out(self._pending)
        self._pending.clear()

    monkeypatch.setattr(Journal, "commit", reckless)
    desk = application()
    with pytest.raises(AssertionError):
        sweep(lambda: desk.card, lambda _: desk.raw("00D6840004AABBCCDD"), view)
