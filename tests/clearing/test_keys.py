"""TACs of records: published values, both suites, and every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from cardos.clearing import MasterKeys, TacScheme
from cardos.clearing.keys import tac_states
from cardos.clearing.records import RAW
from cardos.crypto import Key
from cardos.errors import ParameterError
from cardos.host.record import TerminalRecord
from cardos.profile import load_dialect

TAC_KEY = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
PUBLISHED = MasterKeys({(bytes(8), 0): TacScheme(load_dialect("pboc2"), TAC_KEY, factors=())})


def _states(provider, *records):
    raw = np.frombuffer(b"".join(bytes(record) for record in records), RAW)
    return tac_states(raw, provider).to_pylist()


def _published(type_, when, serial, amount, tac):
    return TerminalRecord(
        type=type_, operator=1, terminal=bytes.fromhex("001122334455"), when=when, issuer=bytes(8),
        card_serial=bytes(8), serial=serial, balance=0, amount=amount, key_version=0,
        list_version=date(2016, 12, 1), tac=bytes.fromhex(tac),
    )  # fmt: skip


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(_published(2, datetime(2016, 12, 16, 10, 58), 1, 0x2000, "FA00066D"), id="load"),
        pytest.param(_published(6, datetime(2016, 12, 16, 13, 46), 1, 1, "8AF270DC"), id="purchase"),
    ],
)
def test_published_tacs_are_good(record):
    # traces of an FMCOS card, published with its test keys
    wrong = replace(record, tac=bytes([record.tac[0] ^ 1]) + record.tac[1:])
    assert ["good", "bad"] == _states(PUBLISHED, record, wrong)


def test_a_file_of_both_suites_and_all_states(city):
    tdes, sm4 = city.cards[:2]
    records = [city.load(tdes, 500), city.load(sm4, 700), city.buy(tdes, 20), city.buy(sm4, 30)]
    records += [
        replace(records[2], amount=21),
        replace(records[3], tac=bytes(4)),
        city.torn(sm4, 5, debited=True),
        replace(records[2], key_version=2),
        replace(records[2], type=0x07),
    ]
    assert ["good"] * 4 + ["bad", "bad", "none", "keyless", "keyless"] == _states(city.keys, *records)


@pytest.mark.parametrize("suite", [pytest.param(0, id="3des"), pytest.param(1, id="sm4-a")])
@pytest.mark.parametrize(
    ("kind", "field", "covered"),
    [
        pytest.param(kind, field, kind in covers, id=f"{kind}-{field}")
        for kind in ("load", "buy")
        for field, covers in {
            "amount": ("load", "buy"),
            "terminal": ("load", "buy"),
            "when": ("load", "buy"),
            "type": ("load", "buy"),
            "card_serial": ("load", "buy"),
            "balance": ("load",),
            "serial": ("load",),
            "terminal_serial": ("buy",),
            "operator": (),
            "list_version": (),
        }.items()
    ],
)
def test_a_tac_covers_what_the_standard_says(city, suite, kind, field, covered):
    changes = {
        "amount": 501, "terminal": bytes(6), "when": datetime(2026, 3, 2, 1), "type": {"load": 1, "buy": 5}[kind],
        "card_serial": bytes(8), "balance": 1, "serial": 77, "terminal_serial": 9, "operator": 9,
        "list_version": date(2026, 2, 1),
    }  # fmt: skip
    record = getattr(city, kind)(city.cards[suite], 500)
    assert ["good", "bad" if covered else "good"] == _states(
        city.keys, record, replace(record, **{field: changes[field]})
    )


def test_nonsense_wraps_and_is_a_wrong_tac(city):
    record = city.load(city.cards[0], 500)
    nonsense = [replace(record, balance=0xFFFFFFFF, amount=0xFFFFFFFF), replace(record, serial=0)]
    assert ["bad", "bad"] == _states(city.keys, *nonsense)


def test_no_records_have_no_states(city):
    assert [] == _states(city.keys)


def test_factors_are_what_a_record_says_about_its_card():
    with pytest.raises(ParameterError, match="factors must be of issuer, card_serial, got 'sam'"):
        TacScheme(load_dialect("pboc2"), TAC_KEY, factors=("sam",))


def test_master_keys_do_not_show_themselves(city):
    assert "<MasterKeys, 2 schemes>" == repr(city.keys)
    assert "00010203" not in repr(city.SCHEMES)
