"""Personalisation by real commands: what is on the card afterwards, and what is refused before."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from cardos.card import Card
from cardos.errors import CardRemoved, ParameterError, ProfileError, StatusError
from cardos.host import (
    CardData,
    IssuerSession,
    KeyRing,
    PsamSession,
    Purse,
    PurseSession,
    SimulatedTransport,
    Tracer,
    personalise,
)

from .conftest import (
    EXPIRY,
    ISSUER,
    PIN,
    SAM_DATA,
    START,
    SUITES,
    TERMINAL,
    card_data,
    fresh,
    profiles,
    ring,
    torn,
)
from .flow_table import Counter
from .scripted import Scripted

HOLDER = replace(card_data(), holder_name=b"A. Holder".ljust(20, b"\x00"), holder_type=0x10)


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


@pytest.fixture(params=["T=0", "T=1", "T=CL"])
def protocol(request):
    return request.param


def blank(suite: str, protocol: str = "T=1") -> SimulatedTransport:
    return SimulatedTransport(Card.blank(profiles(suite)[0], protocol=protocol))


def test_files_of_a_card(suite, protocol):
    profile, link = profiles(suite)[0], blank(suite, protocol)
    personalise(link, profile, HOLDER, ring(suite))
    session = PurseSession(link, profile)
    assert (ISSUER, HOLDER.application_serial, START, EXPIRY) == (
        session.public.issuer, session.public.application_serial, session.public.start, session.public.expiry,
    )  # fmt: skip
    issuer_data = (
        ISSUER + bytes.fromhex("0302") + HOLDER.application_serial + bytes.fromhex("20250101203412310000")
    )
    assert issuer_data == session.read_binary(0x15)
    assert bytes.fromhex("1000") + HOLDER.holder_name + bytes(33) == session.read_binary(0x16)
    assert [] == list(session.read_log())
    assert 0 == session.get_balance(Purse.EP)
    session.select_file(0x3F00)
    assert ISSUER + HOLDER.application_serial == session.read_binary(0x05, length=18)
    assert bytes.fromhex("61114F09A00000000386980701500450424F43") == session.read_record(0x01, 1)


def test_rights_are_in_force_afterwards(suite):
    profile, link = profiles(suite)[0], blank(suite)
    personalise(link, profile, HOLDER, ring(suite))
    session = PurseSession(link, profile)
    key = ring(suite).for_card(profile, issuer=ISSUER, card_serial=HOLDER.card_serial)
    with pytest.raises(StatusError, match="6982"):
        session.update_binary(0x16, bytes(1), key=key["maintenance"])
    with pytest.raises(StatusError, match="6982"):
        IssuerSession(link, profile.suite).write_key(
            0x36, 1, bytes(16), use=0xF0, change=0xF0, first=0xFF, second=0x33
        )


def test_pin_and_control_key_are_the_cards_own(suite):
    profile, link = profiles(suite)[0], blank(suite)
    personalise(link, profile, HOLDER, ring(suite))
    session = PurseSession(link, profile)
    session.verify(PIN)
    session.external_authenticate(
        ring(suite).for_card(profile, issuer=ISSUER, card_serial=HOLDER.card_serial)["control"]
    )
    with pytest.raises(StatusError, match="63C2"):
        session.external_authenticate(ring(suite)["control"])


def test_files_of_a_psam(suite):
    with SimulatedTransport(fresh(suite, 0)) as link:
        session = PsamSession(link, profiles(suite)[1])
        assert (TERMINAL, SAM_DATA.sam_serial, ISSUER) == (
            session.info.terminal, session.info.serial, session.info.issuer,
        )  # fmt: skip
        assert (bytes.fromhex("0000000000000042"), START, EXPIRY) == (
            session.info.number, session.info.start, session.info.expiry,
        )  # fmt: skip
        assert bytes(4) == session.read_binary(0x19)


def test_trace_of_a_personalisation_shows_no_key(suite):
    profile, stream = profiles(suite)[0], io.StringIO()
    personalise(Tracer(blank(suite), stream, card=profile.name), profile, HOLDER, ring(suite))
    trace = stream.getvalue()
    card_keys = ring(suite).for_card(profile, issuer=ISSUER, card_serial=HOLDER.card_serial)
    for keys in (ring(suite), card_keys):
        for key in keys.keys.values():
            value = key.reveal().hex().upper()
            assert not [start for start in range(0, 24, 2) if value[start : start + 8] in trace]
    assert PIN.hex() not in trace
    assert profile.cos.transport_code not in trace
    assert '"c":"80E0' in trace  # the rest is there


def test_an_open_trace_is_asked_for_by_name(suite):
    profile, stream = profiles(suite)[0], io.StringIO()
    personalise(Tracer(blank(suite), stream, card=profile.name, redact=False), profile, HOLDER, ring(suite))
    card_keys = ring(suite).for_card(profile, issuer=ISSUER, card_serial=HOLDER.card_serial)
    assert card_keys["control"].reveal().hex().upper() in stream.getvalue()


def test_a_card_is_personalised_once(suite):
    link = blank(suite)
    personalise(link, profiles(suite)[0], HOLDER, ring(suite))
    with pytest.raises(StatusError, match="CREATE FILE answered 6A86"):
        personalise(link, profiles(suite)[0], HOLDER, ring(suite))


@pytest.mark.parametrize("before", [True, False])
def test_a_card_torn_while_it_is_made_is_no_card(before):
    """At every command: nobody can take it for a finished one, and it is not finished by trying again."""
    profile, keys = profiles("3des")[0], ring("3des")
    counter = Counter(blank("3des"))
    personalise(counter, profile, HOLDER, keys)
    for index in range(counter.count):
        fault = torn(blank("3des"), index, before=before)
        with pytest.raises(CardRemoved):
            personalise(fault, profile, HOLDER, keys)
        fault.reset()
        if (index, before) == (0, True):  # nothing reached it: it is blank
            personalise(fault, profile, HOLDER, keys)
            continue
        with pytest.raises(StatusError, match="CREATE FILE answered 6A86"):
            personalise(fault, profile, HOLDER, keys)


def test_wrong_transport_code_is_refused():
    profile = profiles("3des")[0]
    wrong = replace(profile, cos=replace(profile.cos, transport_code="0011223344556677"))
    with pytest.raises(StatusError, match="CREATE FILE answered 6A80"):
        personalise(blank("3des"), wrong, HOLDER, ring("3des"))


@pytest.mark.parametrize(
    ("data", "keys", "problem"),
    [
        pytest.param(
            SAM_DATA, ring("3des"), "application_serial must be given for file 0005", id="data-of-a-sam"
        ),
        pytest.param(
            replace(HOLDER, issuer=b"12"), ring("3des"), "issuer must be 8 bytes", id="short-issuer"
        ),
        pytest.param(
            replace(HOLDER, holder_name=b"x"), ring("3des"), "holder_name must be 20 bytes", id="short-name"
        ),
        pytest.param(replace(HOLDER, holder_type=256), ring("3des"), "holder_type must be 0..255", id="type"),
        pytest.param(HOLDER, KeyRing({}), "purpose must be one of , got 'control'", id="no-keys"),
        pytest.param(
            HOLDER, ring("sm4"), "key of city-3des must be a TDES key, got SM4", id="keys-of-another-suite"
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_command(data, keys, problem):
    with Scripted() as link, pytest.raises(ParameterError, match=problem):
        personalise(link, profiles("3des")[0], data, keys)


def test_profile_without_the_key_that_protects_a_file_is_refused():
    profile = profiles("3des")[0]
    root, application = profile.directories
    poor = replace(root, keys=tuple(key for key in root.keys if key.type != 0x36))
    with pytest.raises(ProfileError, match=r"\[directory 3F00\]: key 36/00 must exist"):
        personalise(blank("3des"), replace(profile, directories=(poor, application)), HOLDER, ring("3des"))


def test_card_data_names_the_card():
    data = CardData(
        issuer=bytes(8), application_serial=bytes.fromhex("99991122334455667788"), start=START, expiry=EXPIRY
    )
    assert bytes.fromhex("1122334455667788") == data.card_serial


# ---------------------------------------------------------------- key rings


def test_key_ring_shows_no_value():
    keys = ring("3des")
    assert "TEST KEYS" in repr(keys)
    assert keys["purchase"].reveal().hex() not in repr(keys)
    assert "<KeyRing of keys: load>" == repr(KeyRing({"load": keys["load"]}))


def test_test_keys_follow_the_seed():
    profile = profiles("3des")[0]
    first, second = KeyRing.for_tests("a", profile), KeyRing.for_tests("a", profile)
    assert first["load"] == second["load"]
    assert first["load"] != KeyRing.for_tests("b", profile)["load"]
    assert first["load"] != first["purchase"]
    assert first.test
    assert first.for_card(profile, card_serial=bytes(8)).test


def test_test_keys_of_two_suites_are_two_rings():
    with pytest.raises(ParameterError, match="profiles must be of one cipher suite, got 3des, sm4-a"):
        KeyRing.for_tests("a", profiles("3des")[0], profiles("sm4")[0])


def test_factors_of_the_profile_must_be_given():
    with pytest.raises(ParameterError, match="factors must be given: issuer, card_serial, got no issuer"):
        ring("sm4").for_card(profiles("sm4")[0], card_serial=bytes(8))


def test_two_levels_go_from_the_top_down():
    """Constructed values of a PSAM description: root, issuer factor, then the card's serial."""
    from cardos.crypto import Key

    root = KeyRing({"purchase": Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))})
    profile = replace(profiles("3des")[0], factors=("issuer", "card_serial"))
    card = root.for_card(
        profile, issuer=bytes.fromhex("1000000000000001"), card_serial=bytes.fromhex("0102030405060708")
    )
    assert "b337259e71ef5ba42020a161df0dba92" == card["purchase"].reveal().hex()
