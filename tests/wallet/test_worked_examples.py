"""Published loads and purchases, run as APDUs on the simulated card and PSAM with the published randomness.

None of the 3DES values was computed here: they come from cards and articles named with each test, or from a
second model of the formulas.  For SM4 nothing is published, so an independent SM4 recomputes the answers.
"""

from __future__ import annotations

import json
import operator
import os
from datetime import datetime
from functools import reduce
from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cardos.apdu import SW
from cardos.apdu.purse_commands import CREDIT_FOR_LOAD, DEBIT_FOR_PURCHASE, ED, EP
from tests.wallet.purse_cards import COMPOSITE_FILES, purse_profile
from tests.wallet.rig import KEY, TERMINAL, PurseRig, SamRig, moment, options

FOLDER = Path(
    os.environ.get("CARDOS_PUBLIC_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors-public"
)
VECTORS = FOLDER / "pboc-purse.json"


def h(text):
    return bytes.fromhex(text)


def test_load_of_a_deposit_article():
    """ED load on paper (community article, 2012)."""
    rig = PurseRig.build(keys={"load": h("11223344556677888877665544332211")})
    rig.when = datetime(2011, 12, 21, 21, 48, 22)
    rig.verify()
    rig.random.next("11223344")
    begun = rig.initialize_load(0x1000, ED)
    assert (0, 0, h("11223344"), h("2988AE5A")) == (
        begun.balance,
        begun.online_serial,
        begun.random,
        begun.mac1,
    )
    rig.send(CREDIT_FOR_LOAD, mac2=h("3A845BF0"), **moment(rig.when))
    assert 0x1000 == rig.balance(ED)


def test_load_and_purchase_of_a_real_card():
    """EP load and purchase recorded on an FMCOS card (web article, 2019)."""
    rig = PurseRig.build()
    rig.random.next("C903814D")
    begun = rig.initialize_load(0x2000)
    assert (0, 0, h("C903814D"), h("03976C22")) == (
        begun.balance,
        begun.online_serial,
        begun.random,
        begun.mac1,
    )
    credit = rig.send(CREDIT_FOR_LOAD, mac2=h("8AFA5718"), **moment(datetime(2016, 12, 16, 10, 58)))
    assert h("FA00066D") == credit.tac

    rig.random.next("584633C9")
    begun = rig.initialize_purchase(1)
    assert (0x2000, 0, h("584633C9")) == (begun.balance, begun.offline_serial, begun.random)
    debit = rig.send(
        DEBIT_FOR_PURCHASE, terminal_serial=0, mac1=h("D45737C5"), **moment(datetime(2016, 12, 16, 13, 46))
    )
    assert (h("8AF270DC"), h("66B54A6B")) == (debit.tac, debit.mac2)
    assert 0x1FFF == rig.balance()


# ------------------------------------------------------------------ a card and its PSAM, keys of two levels

ROOT = KEY
ISSUER, CARD = h("1000000000000001"), h("0102030405060708")
MODEL_WHEN = datetime(2025, 1, 2, 3, 4, 5)
MODEL_TERMINAL = h("010203040506")
MODEL_KEYS = {
    "purchase": h("B337259E71EF5BA42020A161DF0DBA92"),
    "tac": h("AF444357D17800F8FF1D4EACF8585CCF"),
    "load": h("4F70239875ABFBB519669025353B6A2C"),
}


def model_sam(levels=2, **cos):
    profile = options("psam-3des", **cos)
    sam = SamRig.build(
        profile, usage=levels << 5 | 0x02, versions={1: ROOT}, counter=0x64, terminal=MODEL_TERMINAL
    )
    sam.when = MODEL_WHEN
    return sam


def model_card():
    rig = PurseRig.build(keys=MODEL_KEYS)
    rig.when, rig.terminal = MODEL_WHEN, MODEL_TERMINAL
    return rig


def test_8070_and_8072_two_levels():
    sam = model_sam()
    answer = sam.init([CARD, ISSUER], key_version=1)
    assert (0x64, h("84D59D3B")) == (answer.terminal_serial, answer.mac1)
    sam.credit(h("D8F12C29"))


@pytest.mark.parametrize(
    ("levels", "order", "factors", "card_key"),
    [
        pytest.param(2, "as_sent", [CARD, ISSUER], "D1DC34AE25DCE0C3A0CF1D339322B589", id="card-first"),
        pytest.param(2, "as_sent", [ISSUER, CARD], "B337259E71EF5BA42020A161DF0DBA92", id="issuer-first"),
        pytest.param(1, "reverse", [CARD], "00E2B15307A7A33050BBBCA82E87FF07", id="one-level"),
    ],
)
def test_8070_uses_the_card_key(levels, order, factors, card_key):
    sam = model_sam(levels, factor_order=order)
    answer = sam.init(factors, key_version=1)
    session = sam.dialect.session_key(
        "purchase", sam.suite.key(h(card_key)), random=h("A1B2C3D4"), offline_serial=5, terminal_serial=0x64
    )
    fields = {"amount": 200, "type": 6, "terminal": MODEL_TERMINAL, **moment(MODEL_WHEN)}
    assert sam.dialect.mac("purchase", "mac1", session, **fields) == answer.mac1


def test_load_of_the_model_card():
    rig = model_card()
    for _ in range(3):
        rig.load(1000)
    rig.random.next("A1B2C3D4")
    begun = rig.initialize_load(0x1388)
    assert (0xBB8, 3, h("2D8B92C8")) == (begun.balance, begun.online_serial, begun.mac1)
    credit = rig.send(CREDIT_FOR_LOAD, mac2=h("6932120A"), **moment(MODEL_WHEN))
    assert h("09048F2F") == credit.tac
    assert 0x1F40 == rig.balance()


def test_purchase_of_the_model_card_with_its_psam():
    rig, sam = model_card(), model_sam()
    rig.load(1000)
    for serial in range(5):
        rig.purchase(0, serial=serial)
    rig.random.next("A1B2C3D4")
    begun = rig.initialize_purchase(200)
    assert 5 == begun.offline_serial
    promised = sam.init(
        [CARD, ISSUER], key_version=1, random=begun.random, offline_serial=begun.offline_serial
    )
    assert (0x64, h("84D59D3B")) == (promised.terminal_serial, promised.mac1)
    debit = rig.send(
        DEBIT_FOR_PURCHASE, terminal_serial=promised.terminal_serial, mac1=promised.mac1, **moment(MODEL_WHEN)
    )
    assert (h("FFF49711"), h("D8F12C29")) == (debit.tac, debit.mac2)
    sam.credit(debit.mac2)
    assert 800 == rig.balance()


# ------------------------------------------------------------------ the published set, where it is at hand


@pytest.mark.skipif(
    not VECTORS.exists(),
    reason=f"no published vectors at {FOLDER}; CARDOS_PUBLIC_VECTORS may name their folder",
)
def test_published_vectors_on_the_card():
    tests = json.loads(VECTORS.read_text(encoding="utf-8"))["tests"]
    runs = {"load": run_load, "purchase": run_purchase}
    for test in tests:
        runs[test["transaction"]](test)
    assert tests


def run_load(test):
    purse = ED if test["type"] == "01" else EP
    keys = {"load": h(test["load_key"]), "tac": h(test.get("tac_key", test["load_key"]))}
    rig = PurseRig.build(keys=keys)
    rig.terminal = h(test["terminal"])
    rig.verify()
    rig.random.next(test["challenge"])
    begun = rig.initialize_load(int(test["amount"], 16), purse)
    assert (test["old_balance"], test["online_counter"]) == (
        f"{begun.balance:08x}",
        f"{begun.online_serial:04x}",
    )
    assert test["mac1"] == begun.mac1.hex()
    answer = rig.raw(h("805200000B" + test["datetime"] + test["mac2"]))
    assert SW.SUCCESS == answer.sw
    assert test.get("tac", answer.data.hex()) == answer.data.hex()


def run_purchase(test):
    purse = ED if test["type"] == "05" else EP
    rig = PurseRig.build(keys={"purchase": h(test["purchase_key"]), "tac": h(test["tac_key"])})
    rig.terminal = h(test["terminal"])
    rig.load(int(test["amount"], 16), purse)
    rig.random.next(test["challenge"])
    begun = rig.initialize_purchase(int(test["amount"], 16), purse)
    assert test["offline_counter"] == f"{begun.offline_serial:04x}"
    answer = rig.raw(h("805401000F" + test["terminal_sn"] + test["datetime"] + test["mac1"]))
    assert (test["tac"] + test["mac2"], SW.SUCCESS) == (answer.data.hex(), answer.sw)


# ------------------------------------------------------------------ SM4, recomputed by another implementation


def sm4(key, data, mode=None):
    cipher = Cipher(algorithms.SM4(key), mode or modes.ECB()).encryptor()
    return cipher.update(data) + cipher.finalize()


def sm4_mac(key, data):
    """CBC-MAC, initial value 0, padding 80 00…, left 4 bytes."""
    padded = data + b"\x80"
    padded += bytes(-len(padded) % 16)
    return sm4(key, padded, modes.CBC(bytes(16)))[-16:][:4]


def sm4_session(key, block):
    return sm4(key, block + bytes(byte ^ 0xFF for byte in block))


def test_sm4_load_and_purchase():
    profile = options("city-sm4", pin_required=())
    rig = PurseRig.build(profile)
    stamp, tail = h("20161216105800"), rig.terminal
    rig.random.next("C903814D")
    begun = rig.initialize_load(0x2000)
    session = sm4_session(KEY, h("C903814D00008000"))
    assert sm4_mac(session, h("000000000000200002") + tail) == begun.mac1
    mac2 = sm4_mac(session, h("0000200002") + tail + stamp)
    credit = rig.send(CREDIT_FOR_LOAD, mac2=mac2, **moment(rig.when))
    assert sm4_mac(KEY, h("0000200000000000200002") + tail + stamp) == credit.tac

    rig.random.next("584633C9")
    rig.initialize_purchase(1)
    session = sm4_session(KEY, h("584633C900000007"))
    mac1 = sm4_mac(session, h("0000000106") + tail + stamp)
    debit = rig.send(DEBIT_FOR_PURCHASE, terminal_serial=0x00010007, mac1=mac1, **moment(rig.when))
    assert sm4_mac(KEY, h("0000000106") + tail + h("00010007") + stamp) == debit.tac
    assert sm4_mac(session, h("00000001")) == debit.mac2


def test_sm4_8070_and_8072_two_levels():
    sam = SamRig.build("psam-sm4", usage=0x42)
    answer = sam.init([CARD, ISSUER])
    issuer_key = sm4_session(KEY, ISSUER)  # diversification has the form of a session key: F, NOT F
    session = sm4_session(sm4_session(issuer_key, CARD), h("A1B2C3D400050000"))
    assert 0 == answer.terminal_serial
    assert sm4_mac(session, h("000000C806") + sam.terminal + h("20161216105800")) == answer.mac1
    sam.credit(sm4_mac(session, h("000000C8")))


# ------------------------------------------------------------------ every transaction, recomputed from the standard

KEYS = {
    "load": h("11223344556677888877665544332211"),
    "unload": h("2233445566778899AABBCCDDEEFF0011"),
    "overdraft": h("33445566778899AABBCCDDEEFF001122"),
    "purchase": h("445566778899AABBCCDDEEFF00112233"),
    "tac": h("5566778899AABBCCDDEEFF0011223344"),
}


def tdes(key, data, mode=None):
    """Two keys, or one of 8 bytes three times."""
    cipher = Cipher(TripleDES(key * 3 if len(key) == 8 else key + key[:8]), mode or modes.ECB()).encryptor()
    return cipher.update(data) + cipher.finalize()


def des_mac(key, data):
    padded = data + b"\x80"
    return tdes(key, padded + bytes(-len(padded) % 8), modes.CBC(bytes(8)))[-8:][:4]


def xor(*parts):
    return bytes(reduce(operator.xor, column) for column in zip(*parts, strict=True))


def sm4_mac_b(key, data):
    """The four words of the last block, combined."""
    padded = data + b"\x80"
    last = sm4(key, padded + bytes(-len(padded) % 16), modes.CBC(bytes(16)))[-16:]
    return xor(last[:4], last[4:8], last[8:12], last[12:])


#: By suite: session key from key and block, MAC under it, and the MAC that makes a TAC under DTK.
MATHS = {
    "3des": (tdes, des_mac, lambda key, data: des_mac(xor(key[:8], key[8:]), data)),
    "sm4-a": (sm4_session, sm4_mac, sm4_mac),
    "sm4-b": (lambda key, block: sm4(key, block + bytes(8)), sm4_mac_b, sm4_mac_b),
}
STAMP = "20161216105800"


@pytest.fixture(params=MATHS)
def other(request):
    """A card with keys of its own and 0x1000 fen in each purse, and the formulas of its suite."""
    rig = PurseRig.build(purse_profile(request.param, files=COMPOSITE_FILES), keys=KEYS)
    for purse in (ED, EP):
        rig.poke(purse, balance=0x1000, online_serial=5, offline_serial=9)
    rig.random.next("C903814D")
    return rig, *MATHS[request.param]


def sent(rig, text):
    answer = rig.raw(h(text))
    assert SW.SUCCESS == answer.sw
    return answer.data.hex().upper()


@pytest.mark.parametrize(
    ("p1p2", "partner", "name", "type_"),
    [
        ("0001", "805200000B", "load", "01"),
        ("0002", "805200000B", "load", "02"),
        ("0501", "805403000B", "unload", "03"),
    ],
)
def test_load_and_unload_by_the_formulas(other, p1p2, partner, name, type_):
    """JR/T 0025.2 5.5.2 and 5.5.3: the fields one by one, by another implementation of the ciphers."""
    rig, session_key, mac, tac = other
    session = session_key(KEYS[name], h("C903814D 0005 8000"))
    mac1 = mac(session, h("00001000 00000100" + type_) + TERMINAL).hex().upper()
    begun = sent(rig, f"8050{p1p2}0B 01 00000100 {TERMINAL.hex()} 10")
    assert "00001000" + "0005" + "0001" + "C903814D" + mac1 == begun
    mac2 = mac(session, h("00000100" + type_) + TERMINAL + h(STAMP)).hex()
    after = {"load": "00001100", "unload": "00000F00"}[name]
    covered = h(after + "0005" + "00000100" + type_) + TERMINAL + h(STAMP)
    proof = tac(KEYS["tac"], covered) if name == "load" else mac(session, covered)
    assert proof.hex().upper() == sent(rig, f"{partner}{STAMP}{mac2} 04")


@pytest.mark.parametrize(
    ("p1p2", "type_"), [("0101", "05"), ("0102", "06"), ("0201", "04"), ("0302", "09")],
    ids=["deposit", "purse", "cash", "composite"],
)  # fmt: skip
def test_purchase_by_the_formulas(other, p1p2, type_):
    """JR/T 0025.2 5.5.4, 5.5.5 and JR/T 0025.9 7.4."""
    rig, session_key, mac, tac = other
    begun = sent(rig, f"8050{p1p2}0B 01 00000100 {TERMINAL.hex()} 0F")
    assert "00001000" + "0009" + "000000" + "0001" + "C903814D" == begun
    if type_ == "09":
        sent(rig, "80DC01D00401020304")
    session = session_key(KEYS["purchase"], h("C903814D 0009 CCDD"))
    mac1 = mac(session, h("00000100" + type_) + TERMINAL + h(STAMP)).hex()
    expected = tac(KEYS["tac"], h("00000100" + type_) + TERMINAL + h("AABBCCDD" + STAMP)) + mac(
        session, h("00000100")
    )
    assert expected.hex().upper() == sent(rig, f"805401000F AABBCCDD {STAMP} {mac1} 08")


def test_overdraft_by_the_formulas(other):
    """JR/T 0025.2 5.5.6, from a limit of 0x100 to one of 0x300."""
    rig, session_key, mac, tac = other
    rig.poke(ED, limit=0x100)
    session = session_key(KEYS["overdraft"], h("C903814D 0005 8000"))
    mac1 = mac(session, h("00001000 000100 07") + TERMINAL).hex().upper()
    begun = sent(rig, f"8050040107 01 {TERMINAL.hex()} 13")
    assert "00001000" + "0005" + "000100" + "0001" + "C903814D" + mac1 == begun
    mac2 = mac(session, h("000300 07") + TERMINAL + h(STAMP)).hex()
    expected = tac(KEYS["tac"], h("00001200 0005 000300 07") + TERMINAL + h(STAMP))
    assert expected.hex().upper() == sent(rig, f"805800000E 000300 {STAMP} {mac2} 04")
