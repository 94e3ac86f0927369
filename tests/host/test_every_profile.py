"""Two cards of different dialects run the same host code; only the profile differs: every shipped card profile with
the PSAM that serves it is personalised, loaded, spends, proves and tells its log.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest

from cardos.card import Card
from cardos.errors import MacMismatch, ParameterError, StatusError
from cardos.host import (
    BalanceForm,
    Blacklist,
    CardData,
    CardRegister,
    EmbeddedIssuer,
    Journal,
    KeyRing,
    OnlineRequest,
    Outlet,
    PsamSession,
    Purse,
    PurseSession,
    RegisteredCard,
    SamData,
    SimulatedTransport,
    Terminal,
    personalise,
)
from cardos.profile import Profile, load_profile, profile_names

START, EXPIRY, NOON = date(2025, 1, 1), date(2034, 12, 31), datetime(2025, 3, 1, 12)
TERMINAL, OUTLET, PIN = bytes.fromhex("001122334455"), bytes.fromhex("990000000001"), bytes.fromhex("123456")
CODE = bytes.fromhex("01A1B2C3D411223344")
CARDS = [name for name in profile_names() if load_profile(name).kind == "card"]
SUITED = [
    f"{name}@{suite}" for name in ("city-3des", "mohurd", "tunion") for suite in ("3des", "sm4-a", "sm4-b")
]


def card_data(number: int = 77) -> CardData:
    return CardData(
        issuer=bytes.fromhex("01011000FFFFFFFF"), application_serial=number.to_bytes(10, "big"),
        start=START, expiry=EXPIRY, safety_code=CODE,
    )  # fmt: skip


def sam_of(name: str) -> Profile:
    """The PSAM profile of a card profile, in the same suite."""
    _, _, suite = name.partition("@")
    return load_profile("@".join(filter(None, (load_profile(name).psam, suite))))


@dataclass
class Street:
    """A card, an outlet and a terminal, all of one profile."""

    profile: Profile
    link: SimulatedTransport
    outlet: Outlet
    terminal: Terminal
    keys: KeyRing

    def session(self) -> PurseSession:
        return PurseSession(self.link, self.profile)


@pytest.fixture
def street(request, tmp_path):
    profile, sam_profile = load_profile(request.param), sam_of(request.param)
    keys = KeyRing.for_tests("street", profile, sam_profile)
    moments = iter(NOON + timedelta(seconds=n) for n in range(1000))

    def clock() -> datetime:
        return next(moments)

    link, sam_link = (SimulatedTransport(Card.blank(p)) for p in (profile, sam_profile))
    personalise(link, profile, card_data(), keys)
    sam_data = SamData(
        sam_serial=bytes(9) + b"\x42", terminal=TERMINAL, start=START, expiry=EXPIRY, issuer=bytes(8)
    )
    personalise(sam_link, sam_profile, sam_data, keys)
    with ExitStack() as stack:
        register = stack.enter_context(CardRegister(tmp_path / "register"))
        journals = [
            stack.enter_context(Journal(tmp_path / name, operator=n))
            for n, name in enumerate(("out", "term"))
        ]
        public = PurseSession(link, profile).public
        register.register(RegisteredCard(public.issuer, public.card_serial, profile.name, EXPIRY))
        outlet = Outlet(
            EmbeddedIssuer(profile, keys, register, clock=clock), journals[0], profile, terminal=OUTLET,
            list_version=START,
        )  # fmt: skip
        terminal = Terminal(
            PsamSession(sam_link, sam_profile),
            journals[1],
            profile,
            blacklist=Blacklist.of(START),
            clock=clock,
        )
        yield Street(profile, link, outlet, terminal, keys)


@pytest.mark.parametrize("street", [*CARDS, *SUITED], indirect=True)
def test_load_purchase_proof_and_log(street):
    limit = street.profile.file(Purse.EP.fid).limit
    for amount in (5000, 7):
        street.outlet.load(street.link, amount, pin=PIN)
    record = street.terminal.purchase(street.link, 123).record
    second = street.terminal.purchase(street.link, 1).record
    session = street.session()
    assert 5007 - 124 + limit == session.get_balance(Purse.EP)
    assert 5007 - 124 == session.shown_balance(Purse.EP)
    assert second.tac == session.get_transaction_prove(0x06, 2).tac
    found = [(entry.type, entry.serial, entry.amount, entry.terminal) for entry in session.read_log()]
    purchases, loads = [(6, 2, 1, TERMINAL), (6, 1, 123, TERMINAL)], [(2, 2, 7, OUTLET), (2, 1, 5000, OUTLET)]
    assert purchases + loads == found
    assert (record.balance, record.card_serial) == (5007 + limit, session.public.card_serial)


@pytest.mark.parametrize("street", CARDS, indirect=True)
def test_a_card_says_who_it_is(street):
    """The application may lie inside another, which the session finds from wherever the card is."""
    data = card_data()
    for _ in range(2):
        public = street.session().public
        assert (data.application_serial, START, EXPIRY) == (
            public.application_serial,
            public.start,
            public.expiry,
        )
        assert data.card_serial == public.card_serial


@pytest.mark.parametrize("street", ["tunion"], indirect=True)
def test_forms_of_the_balance_with_the_overdraft_in_use(street):
    street.outlet.load(street.link, 300, pin=PIN)
    street.terminal.purchase(street.link, 500)
    session = street.session()
    assert [600, 800, 200, 0] == [session.get_balance(Purse.EP, form) for form in BalanceForm]
    assert -200 == session.shown_balance(Purse.EP)


@pytest.mark.parametrize("street", ["city-3des"], indirect=True)
def test_a_card_without_forms_refuses_them(street):
    with pytest.raises(StatusError, match="GET BALANCE answered 6A86"):
        street.session().get_balance(Purse.EP, BalanceForm.LIMIT)
    with pytest.raises(StatusError, match="GET MESSAGE answered 6A81"):
        street.session().get_message()


@pytest.mark.parametrize("street", ["mohurd"], indirect=True)
def test_the_safety_code_goes_from_card_to_sam(street):
    assert CODE == street.session().get_message()
    with pytest.raises(StatusError, match="AUTHENTICATION MESSAGE answered 6300"):
        street.terminal._psam.authentication_message(bytes(9))


@pytest.mark.parametrize("street", ["mohurd"], indirect=True)
def test_a_foreign_safety_code_spends_nothing(street):
    """The card itself knows its code: a MAC1 over another one is refused, and nothing is owed."""
    street.outlet.load(street.link, 300, pin=PIN)
    session, psam = street.session(), street.terminal._psam
    asked = session.initialize_for_purchase(Purse.EP, amount=1, terminal=TERMINAL)
    psam.authentication_message(bytes(range(9)))
    sam = psam.init_sam_for_purchase(asked, card=session.public, amount=1, transaction_type=6, when=NOON)
    with pytest.raises(StatusError, match="DEBIT FOR PURCHASE answered 9302"):
        session.debit_for_purchase(terminal_serial=sam.terminal_serial, when=NOON, mac1=sam.mac1)
    assert 300 == session.get_balance(Purse.EP)


@pytest.mark.parametrize("street", ["mohurd"], indirect=True)
def test_a_city_cannot_make_the_keys_of_another(street, tmp_path):
    """The second factor of the keys is the city code, so a PSAM told of another city makes a wrong MAC1."""
    own, other = (
        street.profile.factor_values({"issuer": bytes.fromhex(issuer), "card_serial": bytes(8)})
        for issuer in ("01011000FFFFFFFF", "01012000FFFFFFFF")
    )
    assert bytes.fromhex("1000FF0000000000") == own[0]
    assert bytes.fromhex("2000FF0000000000") == other[0]


@pytest.mark.parametrize("street", ["wuhan"], indirect=True)
def test_a_number_that_the_card_cannot_hold_is_refused_before_the_first_command(street):
    link = SimulatedTransport(Card.blank(street.profile))
    with pytest.raises(ParameterError, match="application_serial must be what file 000A can hold"):
        personalise(link, street.profile, card_data(1 << 40), street.keys)
    assert bytes.fromhex("6A81") == link.transmit(bytes.fromhex("0084000008"))


@pytest.mark.parametrize("street", ["city-3des"], indirect=True)
def test_the_issuer_knows_the_first_balance(street):
    """A new card that claims money is no card of ours."""
    session = street.session()
    session.verify(PIN)
    asked = session.initialize_for_load(Purse.EP, amount=100, terminal=OUTLET)
    issuer = street.outlet._issuer
    request = OnlineRequest.of(session.public, asked, type_=Purse.EP.load, terminal=OUTLET, amount=100)
    with pytest.raises(MacMismatch):
        issuer.authorise(_richer(request))


def _richer(request):
    return replace(request, balance=1)
