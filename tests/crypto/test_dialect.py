"""Whole transactions: published runs, and the constructed ones of a key system with sample keys.

CSDN, Alibaba: walk-throughs that card engineers published, with test keys.  Constructed: root, issuer and card keys
made up for this project, the arithmetic that of the standards.
"""

from __future__ import annotations

from datetime import date, time

import pytest

from cardos.crypto import Key, diversify
from cardos.errors import MacMismatch, ParameterError
from cardos.profile import load_dialect

PBOC = load_dialect("pboc2", "3des")
TERMINAL = bytes.fromhex("001122334455")
CARD_KEY = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))

# Constructed key system
ROOT = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
TAC_ROOT = Key(bytes.fromhex("FFEEDDCCBBAA99887766554433221100"))
LOAD_ROOT = Key(bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0"))
LOCK_ROOT = Key(bytes.fromhex("C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF"))
ISSUER, CARD = bytes.fromhex("1000000000000001"), bytes.fromhex("0102030405060708")
PURCHASE = {
    "random": bytes.fromhex("A1B2C3D4"),
    "offline_serial": 5,
    "amount": 0xC8,
    "type": 6,
    "date": date(2025, 1, 2),
    "time": time(3, 4, 5),
    "terminal_serial": 0x64,
    "terminal": bytes.fromhex("010203040506"),
}


def moment(text):
    return {
        "date": date(int(text[:4]), int(text[4:6]), int(text[6:8])),
        "time": time(int(text[9:11]), int(text[11:13]), int(text[13:])),
    }


def run(transaction, key, values, after=None):
    """Session key, MAC1, MAC2 and TAC under one card key, in hex."""
    session = PBOC.session_key(transaction, key, **values)
    results = (
        session.reveal(),
        PBOC.mac(transaction, "mac1", session, **values),
        PBOC.mac(transaction, "mac2", session, **values),
        PBOC.tac(transaction, key, **{**values, **(after or {})}),
    )
    return [result.hex().upper() for result in results]


def test_load_of_a_deposit_alibaba():
    key = Key(bytes.fromhex("11223344556677888877665544332211"))
    load = {
        "random": bytes.fromhex("11223344"),
        "online_serial": 0,
        "balance": 0,
        "amount": 0x1000,
        "type": 1,
    }
    load |= {"terminal": TERMINAL, **moment("20111221 214822")}
    assert ["9B1D924E05595603", "2988AE5A", "3A845BF0"] == run("load", key, load)[:3]


def test_load_of_a_purse_csdn():
    load = {
        "random": bytes.fromhex("C903814D"),
        "online_serial": 0,
        "balance": 0,
        "amount": 0x2000,
        "type": 2,
    }
    load |= {"terminal": TERMINAL, **moment("20161216 105800")}
    expected = ["11FDF264E8AEEFA3", "03976C22", "8AFA5718", "FA00066D"]
    assert expected == run("load", CARD_KEY, load, {"balance": 0x2000})


def test_purchase_of_a_purse_csdn():
    purchase = {
        "random": bytes.fromhex("584633C9"),
        "offline_serial": 0,
        "terminal_serial": 0,
        "amount": 1,
        "type": 6,
    }
    purchase |= {"terminal": TERMINAL, **moment("20161216 134600")}
    assert ["C08346DF9F1D457A", "D45737C5", "66B54A6B", "8AF270DC"] == run("purchase", CARD_KEY, purchase)


@pytest.mark.parametrize(
    ("root", "factors", "key"),
    [
        pytest.param(ROOT, [ISSUER], "B51AFD496ECB69F343171C54BDD86E17", id="issuer"),
        pytest.param(ROOT, [ISSUER, CARD], "B337259E71EF5BA42020A161DF0DBA92", id="issuer-then-card"),
        pytest.param(ROOT, [CARD, ISSUER], "D1DC34AE25DCE0C3A0CF1D339322B589", id="card-then-issuer"),
        pytest.param(ROOT, [CARD], "00E2B15307A7A33050BBBCA82E87FF07", id="card"),
        pytest.param(TAC_ROOT, [CARD], "AF444357D17800F8FF1D4EACF8585CCF", id="tac"),
        pytest.param(LOAD_ROOT, [CARD], "4F70239875ABFBB519669025353B6A2C", id="load"),
        pytest.param(LOCK_ROOT, [ISSUER, CARD], "FC2DD140B27D9BC8F9BB0B904A27BCFA", id="lock"),
    ],
)
def test_constructed_keys(root, factors, key):
    assert bytes.fromhex(key) == diversify(root, *factors).reveal()


def test_constructed_purchase():
    dpk, dtk = diversify(ROOT, ISSUER, CARD), diversify(TAC_ROOT, CARD)
    session = PBOC.session_key("purchase", dpk, **PURCHASE)
    assert session.reveal().hex().upper() == "D38C3AE3D332FBE0"
    assert PBOC.mac("purchase", "mac1", session, **PURCHASE).hex().upper() == "84D59D3B"
    assert PBOC.mac("purchase", "mac2", session, **PURCHASE).hex().upper() == "D8F12C29"
    assert dtk.folded().reveal().hex().upper() == "50590DFB29205C37"
    assert PBOC.tac("purchase", dtk, **PURCHASE).hex().upper() == "FFF49711"


def test_constructed_load():
    dlk, dtk = diversify(LOAD_ROOT, CARD), diversify(TAC_ROOT, CARD)
    load = PURCHASE | {"online_serial": 3, "balance": 0xBB8, "amount": 0x1388, "type": 2}
    assert ["1E9A7417674FFB72", "2D8B92C8", "6932120A"] == run("load", dlk, load)[:3]
    assert PBOC.tac("load", dtk, **(load | {"balance": 0x1F40})).hex().upper() == "09048F2F"


def test_constructed_lock_of_an_application():
    key = diversify(LOCK_ROOT, ISSUER, CARD)
    header = bytes.fromhex("841E000104")
    assert PBOC.suite.command_mac(key, bytes.fromhex("11223344"), header).hex().upper() == "BBFEC0F2"


def test_constructed_grey_lock_has_two_session_steps():
    lock = PURCHASE | {"terminal_random": bytes.fromhex("55667788"), "type": 0x91}
    session = PBOC.session_key("grey_lock", diversify(ROOT, ISSUER, CARD), **lock)
    assert session.reveal().hex().upper() == "BF200B7C2221FAD1"
    assert PBOC.mac("grey_lock", "mac1", session, **lock).hex().upper() == "D6C950E8"


def test_gtac_of_a_grey_lock_is_verified_by_name():
    lock = PURCHASE | {"type": 0x91}
    gtac = PBOC.tac("grey_lock", ROOT, item="gtac", **lock)
    PBOC.verify_tac("grey_lock", ROOT, gtac, item="gtac", **lock)
    with pytest.raises(MacMismatch, match="^GTAC of grey_lock does not verify$"):
        PBOC.verify_tac("grey_lock", ROOT, bytes(4), item="gtac", **lock)


def test_a_city_card_ends_mac1_with_its_safety_code():
    city, dpk, code = load_dialect("cjt166"), Key(bytes(16)), bytes(range(9))
    session = city.session_key("purchase", dpk, **PURCHASE)
    plain = PBOC.transaction("purchase").item("mac1").assemble(PURCHASE)
    assert city.suite.mac(session, plain + code) == city.mac(
        "purchase", "mac1", session, safety_code=code, **PURCHASE
    )
    assert PBOC.tac("purchase", dpk, **PURCHASE) == city.tac("purchase", dpk, **PURCHASE)


def test_verification_accepts_the_value_and_nothing_else():
    session = PBOC.session_key("purchase", ROOT, **PURCHASE)
    mac, tac = PBOC.mac("purchase", "mac1", session, **PURCHASE), PBOC.tac("purchase", ROOT, **PURCHASE)
    PBOC.verify_mac("purchase", "mac1", session, mac, **PURCHASE)
    PBOC.verify_tac("purchase", ROOT, tac, **PURCHASE)
    forged = PURCHASE | {"amount": 0xC9}
    with pytest.raises(MacMismatch, match="^MAC1 of purchase does not verify$"):
        PBOC.verify_mac("purchase", "mac1", session, mac, **forged)
    with pytest.raises(MacMismatch, match="^TAC of purchase does not verify$"):
        PBOC.verify_tac("purchase", ROOT, tac, **forged)


def test_of_type_finds_the_transaction():
    names = {kind: PBOC.of_type(kind).name for kind in (1, 2, 3, 4, 5, 6, 7, 9, 0x91, 0x93, 0x95)}
    assert names[1] == names[2] == "load"
    assert names[4] == names[5] == names[6] == names[9] == "purchase"
    assert [names[3], names[7], names[0x91]] == ["unload", "overdraft", "grey_lock"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: PBOC.transaction("gift"),
            "transaction must be one of load, .* got 'gift'",
            id="transaction",
        ),
        pytest.param(lambda: PBOC.of_type(8), "type must be a transaction type of pboc2, got 08", id="type"),
        pytest.param(
            lambda: PBOC.mac("purchase", "mac3", ROOT),
            "item of purchase must be one of mac1, mac2, tac",
            id="item",
        ),
        pytest.param(
            lambda: PBOC.tac("purchase", ROOT, amount=1),
            "type must be given for purchase.tac, got nothing",
            id="field",
        ),
        pytest.param(
            lambda: PBOC.mac("purchase", "mac2", ROOT, amount=2**32),
            r"amount must be 0\.\.4294967295, got",
            id="range",
        ),
    ],
)
def test_misuse_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
