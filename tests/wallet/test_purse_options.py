"""Options of a purse: what each of them changes on a card, and the safety code of CJ/T 166."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from cardos.apdu import SW
from cardos.apdu.os_commands import GET_MESSAGE
from cardos.apdu.purse_commands import ED, EP, GET_BALANCE, GET_TRANSACTION_PROVE, LOG_RECORD
from cardos.options import PurseOptions
from cardos.profile import FileSpec
from cardos.wallet.grey_file import LockState
from tests.wallet.flows import FLOWS
from tests.wallet.purse_cards import CAPP, COMPOSITE_FILES, LINEAR, purse_card
from tests.wallet.rig import LOG_SFI, PurseRig, options

NAMES = {ED: "ed", EP: "ep"}
OPERATIONS = [(kind, purse) for kind, flow in FLOWS.items() for purse in flow.types]
TRANSACTIONS = pytest.mark.parametrize(
    ("kind", "purse"), [pytest.param(k, p, id=f"{NAMES[p]}-{k}") for k, p in OPERATIONS]
)
LOAD_LOG = 0x1C


def card(**arguments) -> PurseRig:
    """A card with 10 yuan in each purse."""
    rig = purse_card(files=arguments.pop("files", COMPOSITE_FILES), **arguments)
    for purse in (ED, EP):
        rig.poke(purse, balance=1000)
    return rig


def whole(rig, kind, purse=EP, amount=1):
    return rig.transact(kind, amount, purse, records=[(1, LINEAR << 3, b"x")] * (kind == "composite"))


def test_every_option_is_set_by_a_test():
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    names = [option.name for option in fields(PurseOptions)]
    assert [] == [name for name in names if f"{name}=" not in text and f'"{name}"' not in text]


# ------------------------------------------------------------------ PIN


@pytest.mark.parametrize(
    "needs", [f"{NAMES[purse]}.{kind}" for kind, purse in OPERATIONS] + ["ed.balance", "ep.balance"]
)
def test_pin_is_asked_for_by_the_operations_that_need_it(needs):
    """That operation alone, of that purse alone, answers 6982 without the PIN."""
    rig = card(pin_required=(needs,))
    for verified in (False, True):
        if verified:
            rig.verify()
        asked = {}
        for kind, purse in OPERATIONS:
            asked[f"{NAMES[purse]}.{kind}"] = rig.raw(rig.begin_command(kind, 1, purse)).sw
            rig.card._kernel.session.pending = None  # a composite purchase that waits lets no other begin
        for purse, name in NAMES.items():
            asked[f"{name}.balance"] = rig.raw(GET_BALANCE.command(0x00, purse)).sw
        refused = {name for name, sw in asked.items() if sw != SW.SUCCESS}
        assert (set() if verified else {needs}) == refused
        assert {SW.SECURITY_STATUS, SW.SUCCESS} >= set(asked.values())


@TRANSACTIONS
@pytest.mark.parametrize("rule", ["kept", "dropped"])
def test_pin_after_a_transaction(kind, purse, rule):
    """A transaction that fails keeps it always."""
    rig = card(pin_required=("ed.balance",), pin_after_transaction=rule)
    rig.verify()
    begun = rig.begin("load", 1, ED)
    assert SW.MAC_INVALID == rig.raw(rig.partner("load", begun, 1, ED, mac=bytes(4))).sw
    assert 1000 == rig.balance(ED)
    whole(rig, kind, purse)
    answer = rig.raw(GET_BALANCE.command(0x00, ED))
    assert (SW.SUCCESS if rule == "kept" else SW.SECURITY_STATUS) == answer.sw


def test_the_right_of_a_purse_file_falls_with_the_pin():
    """A purse whose file asks for state 1, which the PIN gave (right F1), asks for it again."""
    rig = PurseRig.build(options("city-3des", pin_required=(), pin_after_transaction="dropped"))
    rig.verify()
    rig.load(1, ED)
    rig.begin("load", 1, ED, sw=SW.SECURITY_STATUS)


# ------------------------------------------------------------------ log and proof


@TRANSACTIONS
@pytest.mark.parametrize(("when", "serial"), [("before", 0), ("after", 1)])
def test_log_serial(kind, purse, when, serial):
    """The proof keeps the serial after the step."""
    rig = card(log_serial=when)
    whole(rig, kind, purse)
    assert serial == LOG_RECORD.split(rig.log()[0])["serial"]
    assert SW.SUCCESS == rig.prove(FLOWS[kind].types[purse], 1).sw


LOG_FILES = (*COMPOSITE_FILES, FileSpec(LOAD_LOG, "cyclic", records=3, record_length=LOG_RECORD.width))


def test_loads_have_a_log_of_their_own():
    rig = card(files=LOG_FILES, load_log=LOAD_LOG)
    for kind, purse in OPERATIONS:
        whole(rig, kind, purse)
    loads = rig.fs.by_sfi(rig.application, LOAD_LOG)
    records = [rig.fs.read_record(loads, number) for number in (1, 2)]
    assert (2, [0x02, 0x01]) == (
        rig.fs.record_count(loads), [LOG_RECORD.split(each)["type"] for each in records],
    )  # fmt: skip
    assert {0x01, 0x02}.isdisjoint(LOG_RECORD.split(each)["type"] for each in rig.log())
    assert len(OPERATIONS) - 2 == len(rig.log())


@pytest.mark.parametrize("sfi", [0x1D, CAPP], ids=["missing", "not-a-log"])
def test_a_log_of_loads_that_cannot_be_written_stops_loads(sfi):
    rig = card(load_log=sfi)
    rig.begin("load", 1, sw=SW.CONDITIONS)
    whole(rig, "purchase")


def test_no_composite_purchase_writes_a_log_of_loads():
    rig = card(files=LOG_FILES, load_log=LOAD_LOG)
    for sfi in (LOAD_LOG, LOG_SFI):
        rig.begin("composite")
        rig.cache(0x00, sfi << 3, b"forged", sw=SW.SECURITY_STATUS)


def test_short_load_proof():
    rig = card(short_load_proof=True)
    for kind, purse in OPERATIONS:
        answer = whole(rig, kind, purse)
        serial = getattr(rig.purse_state(purse), FLOWS[kind].serial)
        proof = rig.prove(FLOWS[kind].types[purse], serial)
        assert (SW.SUCCESS, 4 if kind == "load" else 8) == (proof.sw, len(proof.data))
        assert kind != "load" or answer == proof.data


@pytest.mark.parametrize(("short", "le", "sw"), [(True, 4, 0x9000), (True, 3, 0x6C04), (False, 4, 0x6C08)])
def test_the_le_of_a_load_proof_is_that_of_its_form(short, le, sw):
    rig = card(short_load_proof=short)
    whole(rig, "load", EP)
    proof = GET_TRANSACTION_PROVE.command(0x00, 0x02, serial=rig.purse_state(EP).online_serial)
    assert sw == rig.raw(replace(proof, le=le)).sw


# ------------------------------------------------------------------ keys


@TRANSACTIONS
def test_refused_algorithms(kind, purse):
    """The keys of the card say 01."""
    card(refused_algorithms=(0x01,)).begin(kind, 1, purse, sw=SW.KEY_INDEX)
    assert 0x01 == card(refused_algorithms=(0x00, 0x02)).begin(kind, 1, purse).algorithm


# ------------------------------------------------------------------ composite purchase and grey lock


@pytest.mark.parametrize("kind", ["load", "purchase", "cash", "unload", "overdraft"])
def test_lenient_composite(kind):
    strict = card()
    strict.begin(kind, 1, EP if EP in FLOWS[kind].types else ED)
    strict.begin("composite", sw=SW.INVALID_STATE)
    lenient = card(lenient_composite=True)
    lenient.begin(kind, 1, EP if EP in FLOWS[kind].types else ED)
    whole(lenient, "composite", amount=5)
    assert 995 == lenient.balance()


def test_composite_without_record():
    strict, lenient = card(), card(composite_without_record=True)
    begun = strict.begin("composite", 5)
    assert SW.INVALID_STATE == strict.raw(strict.partner("composite", begun, 5)).sw
    lenient.transact("composite", 5)
    assert (995, 1) == (lenient.balance(), lenient.purse_state().offline_serial)
    whole(lenient, "composite")


def test_purchase_while_grey():
    """The lock stays; everything else is still refused."""
    rig = card(purchase_while_grey=True)
    rig.poke(EP, lock_state=LockState.LOCKED)
    rig.reset()
    whole(rig, "purchase", EP, 10)
    assert (990, LockState.LOCKED) == (rig.balance(), rig.purse_state().lock_state)
    rig.begin("load", 1, sw=SW.GREY_LOCKED)
    rig.begin("composite", 1, sw=SW.GREY_LOCKED)
    whole(rig, "purchase", EP, 10)
    strict = card()
    strict.poke(EP, lock_state=LockState.LOCKED)
    strict.reset()
    strict.begin("purchase", 1, sw=SW.GREY_LOCKED)


# ------------------------------------------------------------------ balance


def test_ceiling_of_the_electronic_purse():
    rig = purse_card(ceiling=5000)
    rig.begin("load", 5001, sw=SW.CONDITIONS)
    rig.load(5000)
    assert (5000, 0xFFFFFFFF) == (rig.purse_state(EP).ceiling, rig.purse_state(ED).ceiling)


def test_balance_forms():
    """P1 01 to 03 are of JT/T 978; the others answer the balance only."""
    for forms in (1, 4):
        rig = card(balance_forms=forms)
        answers = [rig.raw(GET_BALANCE.command(form, EP)).sw for form in range(4)]
        assert [SW.SUCCESS] * forms + [SW.WRONG_P1P2] * (4 - forms) == answers
    assert SW.WRONG_P1P2 == rig.raw(bytes.fromhex("805C040204")).sw


# ------------------------------------------------------------------ CJ/T 166

CODE = bytes.fromhex("010203040506070809")


def coded(suite="3des", code=CODE) -> PurseRig:
    """A construction ministry card with its safety code."""
    rig = card(suite=suite, dialect="cjt166")
    rig.fs.set_proof(rig.fs.root, code)
    rig.fs.commit()
    rig.safety_code = code
    return rig


@pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])
@TRANSACTIONS
def test_transactions_of_a_card_with_a_safety_code(suite, kind, purse):
    """The code ends the input of MAC1 of what a terminal debits; MAC2, TAC and loads do not know it."""
    rig = coded(suite)
    whole(rig, kind, purse)
    begun = rig.begin(kind, 1, purse)
    if kind == "composite":
        rig.cache(1, LINEAR << 3, b"x")
    rig.safety_code = bytes(9)
    ends_in_code = FLOWS[kind].transaction == "purchase"
    answer = rig.raw(rig.partner(kind, begun, 1, purse))
    assert (SW.MAC_INVALID if ends_in_code else SW.SUCCESS) == answer.sw


def test_the_code_is_what_get_message_gives():
    rig = coded()
    code = rig.raw(GET_MESSAGE.command()).data
    assert CODE == code
    whole(rig, "purchase")


def test_one_wrong_bit_of_the_code():
    rig = coded()
    for position in range(72):
        bits = int.from_bytes(CODE, "big") ^ 1 << position
        rig.safety_code = bits.to_bytes(9, "big")
        begun = rig.begin("purchase", 1)
        assert SW.MAC_INVALID == rig.raw(rig.partner("purchase", begun, 1)).sw


def test_a_card_without_the_dialect_takes_no_code():
    """MAC1 over the code is a wrong MAC there."""
    rig, other = card(), coded()
    begun = rig.begin("purchase", 1)
    assert SW.MAC_INVALID == rig.raw(other.partner("purchase", begun, 1)).sw
