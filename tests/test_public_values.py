"""The types that results are made of, and the protocols that other people's code may stand behind."""

from __future__ import annotations

import dataclasses
import typing
from datetime import date, datetime

import pytest

from cardos import clearing, crypto, demo, host, options, profile
from cardos.apdu import COMMANDS, Protection
from cardos.clearing import ClearingHouse, KeyProvider
from cardos.crypto import SUITES, SessionRule, Truncation
from cardos.crypto.column import Column
from cardos.demo import City
from cardos.errors import CardosError, CardRemoved
from cardos.fields import FIELDS, Field, Value
from cardos.host import CardLike, Issuer, IssuerRefused, Outlet, Refusal, SimulatedTransport, collect
from cardos.wallet.states import PURSE_STATES, SAM_STATES, Cell

RESULTS = [
    clearing.ConservationLine,
    clearing.DayResult,
    clearing.IngestResult,
    clearing.RecordNote,
    crypto.BackendInfo,
    crypto.Suite,
    demo.CityCard,
    Field,
    host.Batch,
    host.JournalEntry,
    host.OnlineAuthorisation,
    host.OnlineResult,
    host.PurchaseResult,
    host.SamInfo,
    host.Trace,
    host.TraceEvent,
    options.CosOptions,
    options.PurseOptions,
    options.SamOptions,
    profile.DirectorySpec,
    profile.FileSpec,
    profile.KeySpec,
]


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_values_are_frozen_and_have_no_room_for_more(kind):
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert "__dict__" not in dir(kind)


def test_declared_rules_are_members_of_their_enums():
    assert set(Protection) == {spec.protection for spec in COMMANDS}
    assert set(SessionRule) == {suite.session for suite in SUITES.values()}
    assert set(Truncation) == {suite.truncation for suite in SUITES.values()}


def test_profiles_use_the_declared_file_and_key_types():
    for name in profile.profile_names():
        loaded = profile.load_profile(name)
        keys = {key.type for directory in loaded.directories for key in directory.keys}
        assert {key for key in keys if key >= 0x20} <= set(profile.KeyType)
        files = {spec.type for directory in loaded.directories for spec in directory.files}
        assert files <= {kind.name.lower() for kind in profile.FileType}


def test_type_aliases_name_what_there_is():
    samples = {
        "amount": 1,
        "terminal": bytes(6),
        "date": date(2026, 3, 2),
        "time": datetime(2026, 3, 2).time(),
    }
    for name, sample in samples.items():
        assert isinstance(FIELDS[name].decode(FIELDS[name].encode(sample)), typing.get_args(Value))
    for table in (PURSE_STATES, SAM_STATES):
        assert all(isinstance(cell, typing.get_args(Cell)) for row in table.rows.values() for cell in row)
    assert set(typing.get_args(Value)) <= set(typing.get_args(Column))


class DeadCard(CardLike):
    """Somebody's card that answers one thing and dies."""

    def power_on(self):
        return b"\x3b\x00"

    def power_off(self):
        pass

    def transmit(self, command, /):
        if command[1] == 0xA4:
            return b"\x6a\x82"
        raise CardRemoved("gone")


def test_any_card_like_object_is_a_card():
    transport = SimulatedTransport(DeadCard())
    assert b"\x3b\x00" == transport.atr
    assert b"\x6a\x82" == transport.transmit(bytes.fromhex("00A4000000"))
    with pytest.raises(CardRemoved, match="gone"):
        transport.transmit(bytes.fromhex("805C000204"))
    with pytest.raises(CardRemoved, match="not powered"):
        transport.transmit(bytes.fromhex("00A4000000"))


class Miser(Issuer):
    """Somebody's issuer, which never loads."""

    def authorise(self, request, /):
        raise IssuerRefused(Refusal.CARD_STATE, f"{request.amount} fen")

    def confirm(self, confirmation, /):
        raise AssertionError(confirmation)

    def settle(self, _request, /):
        return None


def test_any_issuer_stands_behind_an_outlet():
    with City(seed=1) as city:
        card, place = city.issue(), city.outlets[0]
        outlet = Outlet(
            Miser(), place.journal, card.desk.profile, terminal=place.number, list_version=date(2026, 3, 1)
        )
        with pytest.raises(IssuerRefused, match="500 fen"):
            outlet.load(card.transport, 5_00)
        assert (0, ()) == (card.balance, place.journal.entries())


class Curious(KeyProvider):
    """Somebody's key service, which has no keys and remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def scheme(self, issuer, key_version):
        self.asked.append((issuer, key_version))


def test_any_key_provider_serves_the_centre(tmp_path):
    provider = Curious()
    with City(seed=1) as city, ClearingHouse(":memory:", provider) as house:
        card = city.issue()
        city.load(card, 5_00)
        for _ in range(3):
            city.spend(card, 1_00)
        house.ingest(collect(city.terminals[0].journal, tmp_path, created=city.clock()))
        assert [(card.desk.number, 0)] == provider.asked


def test_every_error_is_a_cardos_error():
    from cardos import errors

    assert all(issubclass(getattr(errors, name), CardosError) for name in errors.__all__)
