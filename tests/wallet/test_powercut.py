"""Power cut at every write of the commands that move money or spend a serial, and of the recovery after it.

After each cut the card shows the old state or the new one: balance, serials, limit, log, records and proof all tell
the same.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest

from cardos.apdu import SW
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD
from cardos.apdu.sam_commands import CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE
from cardos.crypto import diversify
from cardos.files.memory import PowerCut
from cardos.wallet.purse_file import PurseState
from tests.powercut import sweep
from tests.wallet.flows import FLOWS
from tests.wallet.purse_cards import CAPP, COMPOSITE_FILES, CYCLIC, LINEAR, purse_card
from tests.wallet.rig import KEY, SamRig, moment

CARD = bytes([0x11]) * 8
RECORD, TRIP, NAME = bytes.fromhex("020A00 0305 20161216105800"), bytes(range(48)), b"a name of 16 ch."
RECORDS = [(0x02, CAPP << 3, RECORD), (0, CYCLIC << 3, TRIP), (2, LINEAR << 3, NAME)]
OPERATIONS = [
    pytest.param(kind, purse, id=f"{'ed' if purse == ED else 'ep'}-{kind}")
    for kind, flow in FLOWS.items()
    for purse in flow.types
]


@dataclass(frozen=True)
class Story:
    """What the witnesses say: both purses, the log, the files of composite purchases, the proof."""

    purses: tuple[PurseState, PurseState]
    log: tuple[bytes, ...]
    files: tuple[bytes, ...]
    proof: bytes | None


def story(rig, type_, serial):
    """The witnesses of a card that was just switched on; looks only."""
    rig.select()
    proof = rig.prove(type_, serial)
    nodes = [rig.fs.by_sfi(rig.application, sfi) for sfi in (CAPP, LINEAR, CYCLIC)]
    return Story(
        (rig.purse_state(ED), rig.purse_state(EP)),
        rig.log(),
        tuple(rig.fs.state(node).to_bytes(2, "big") + rig.fs.read(node, 0, node.size) for node in nodes),
        proof.data if proof.sw == SW.SUCCESS else None,
    )


def ready_card(suite, *, loads):
    rig = purse_card(suite=suite, files=COMPOSITE_FILES, deposit=200)
    rig.fs.append_record(rig.fs.by_sfi(rig.application, CAPP), bytes.fromhex("020A00") + bytes(9))
    rig.fs.commit()
    for _ in range(loads):
        rig.load(1000, ED)
        rig.load(1000, EP)
    return rig


def sweep_partner(suite, kind, purse, *, loads=1, recovery=False, records=RECORDS):
    """Every cut of the command that completes a transaction, and with ``recovery`` of the recovery after each; gives
    the stories before and after it.
    """
    flow, rig = FLOWS[kind], ready_card(suite, loads=loads)
    begun = rig.begin(kind, 300, purse)
    for record in records if kind == "composite" else ():
        rig.cache(*record)
    command = rig.partner(kind, begun, 300, purse, serial=7)
    ready, answers, stories = rig.card.snapshot(), set(), set()

    def build():
        rig.card.restore(ready)
        return rig.card

    def run(card):
        answers.add(card.transmit(bytes(command)))

    def observe(card):
        seen = story(rig, flow.types[purse], getattr(begun, flow.serial) + 1)
        stories.add(seen)
        return seen

    assert sweep(build, run, observe, recovery=recovery) > 50
    old, new = sorted(stories, key=lambda seen: seen.proof is not None)
    (answer,) = answers
    assert (None, proof_of(kind, answer[:-2])) == (old.proof, new.proof)
    return old, new


def proof_of(kind, answer):
    """MAC and TAC of an answer as GET TRANSACTION PROVE gives them."""
    given = {"load": bytes(4) + answer, "overdraft": bytes(4) + answer, "unload": answer + bytes(4)}
    return given.get(kind, answer[4:] + answer[:4])


def check_agreement(old, new, kind, purse):
    """Balance, serial, log and records of ``new`` tell of the transaction, those of ``old`` do not."""
    flow, place = FLOWS[kind], purse - 1
    before, after = old.purses[place], new.purses[place]
    limit = 300 if kind == "overdraft" else before.limit
    serial = getattr(before, flow.serial) + 1
    moved = limit - before.limit if kind == "overdraft" else flow.sign * 300
    expected = before._replace(balance=before.balance + moved, limit=limit, **{flow.serial: serial})
    assert expected == after
    assert old.purses[1 - place] == new.purses[1 - place]
    newest = LOG_RECORD.split(new.log[0])
    assert (flow.types[purse], serial) == (newest["type"], newest["serial"])
    written = [RECORD in new.files[0], NAME in new.files[1], TRIP in new.files[2]]
    assert [kind == "composite"] * 3 == written
    assert (old.files == new.files) == (kind != "composite")


@pytest.mark.parametrize("suite", ["3des", "sm4-a"])
@pytest.mark.parametrize(("kind", "purse"), OPERATIONS)
def test_partner(suite, kind, purse):
    old, new = sweep_partner(suite, kind, purse)
    check_agreement(old, new, kind, purse)
    assert new.log[1:] == old.log


@pytest.mark.parametrize(
    ("kind", "purse"), [("load", EP), ("purchase", EP), ("cash", ED), ("unload", ED), ("overdraft", ED)]
)
@pytest.mark.slow
def test_partner_and_recovery(kind, purse):
    """The power goes again while the card recovers."""
    check_agreement(*sweep_partner("3des", kind, purse, recovery=True), kind, purse)


@pytest.mark.slow
def test_composite_purchase_and_recovery():
    old, new = sweep_partner("3des", "composite", EP, recovery=True, records=RECORDS[:1])
    assert (1000, 700) == (old.purses[1].balance, new.purses[1].balance)
    assert (False, True) == (RECORD in old.files[0], RECORD in new.files[0])


@pytest.mark.parametrize("kind", ["load", "composite"])
def test_partner_with_a_full_log(kind):
    """The oldest record is overwritten; torn, it must come back whole."""
    old, new = sweep_partner("3des", kind, EP, loads=5)
    assert new.log[1:] == old.log[:-1]


@pytest.mark.parametrize("kind", FLOWS)
def test_what_does_not_complete_a_transaction_writes_nothing(kind):
    """INITIALIZE, UPDATE CAPP DATA CACHE and reading: there is nothing to cut."""
    rig = ready_card("3des", loads=1)
    before = rig.stored()
    rig.begin(kind, 1)
    if kind == "composite":
        rig.cache(*RECORDS[0])
    rig.balance()
    rig.prove(0x02, 1)
    assert before == rig.stored()


# ------------------------------------------------------------------ the PSAM


def sam_state(sam):
    """Transaction counter and wrong MAC2s in a row."""
    counter = sam.fs.find(sam.application, 0x0019)
    return int.from_bytes(sam.fs.read(counter, 0, 4), "big"), sam.fs.proof(sam.application)[0]


def sam_ready(*, wrong=0, pending=True):
    """A PSAM with some wrong MAC2s behind it, and the partner that is right now."""
    sam = SamRig.build()
    for _ in range(wrong):
        sam.init((CARD,))
        sam.credit(bytes(4), sw=SW.MAC_INVALID)
    sam.select()
    right = mac2_for(sam) if pending else None
    return sam, right


def mac2_for(sam):
    answer = sam.init((CARD,))
    session = sam.dialect.session_key(
        "purchase", diversify(sam.suite.key(KEY), CARD), random=b"\xa1\xb2\xc3\xd4", offline_serial=5,
        terminal_serial=answer.terminal_serial,
    )  # fmt: skip
    return sam.dialect.mac("purchase", "mac2", session, amount=200)


def sweep_sam(sam, command, states):
    ready = sam.card.snapshot()

    def build():
        sam.card.restore(ready)
        return sam.card

    def observe(_card):
        sam.select()
        return sam_state(sam)

    return sweep(build, lambda card: card.transmit(bytes(command)), observe, states=states)


def init_command(sam):
    return INIT_SAM_FOR_PURCHASE.command(
        random=bytes(4),
        offline_serial=1,
        amount=1,
        type=6,
        key_version=0,
        algorithm=0,
        factors=CARD,
        **moment(sam.when),
    )


def test_init_sam_for_purchase():
    sam, _ = sam_ready(wrong=2, pending=False)
    counter, wrong = sam_state(sam)
    assert sweep_sam(sam, init_command(sam), [(counter, wrong), (counter + 1, wrong)]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 2])
def test_credit_sam_with_the_right_mac2(wrong):
    """The count is as it was, one higher (the try was taken), or cleared; the serial counter stands."""
    sam, right = sam_ready(wrong=wrong)
    counter, _ = sam_state(sam)
    command = CREDIT_SAM_FOR_PURCHASE.command(mac2=right)
    assert sweep_sam(sam, command, [(counter, count) for count in (wrong, wrong + 1, 0)]) > 40


@pytest.mark.slow
def test_credit_sam_with_a_wrong_mac2():
    sam, _ = sam_ready(wrong=2)
    counter, _ = sam_state(sam)
    command = CREDIT_SAM_FOR_PURCHASE.command(mac2=bytes(4))
    assert sweep_sam(sam, command, [(counter, 2), (counter, 3)]) > 20


@pytest.mark.parametrize("torn", [0, 3, 99])
def test_no_serial_is_answered_twice(torn):
    """Whatever write the power was cut at: a serial that left the SAM does not leave it again."""
    sam, _ = sam_ready(pending=False)
    answered = [sam.init((CARD,)).terminal_serial]
    for writes in range(8):
        sam.card.memory.cut_after(writes, torn=torn)
        with suppress(PowerCut):
            answered.append(sam.init((CARD,)).terminal_serial)
        sam.reset()
        answered.append(sam.init((CARD,)).terminal_serial)
        sam.reset()
    assert sorted(set(answered)) == answered


def test_pending_of_a_sam_is_lost_with_the_power():
    sam, right = sam_ready()
    sam.card.memory.cut_after(0)
    with pytest.raises(PowerCut):
        sam.raw(CREDIT_SAM_FOR_PURCHASE.command(mac2=right))
    sam.power_up()
    sam.credit(right, sw=SW.CONDITIONS)
