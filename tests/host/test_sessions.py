"""Sessions against recordings: exact commands, typed answers, refusals with their text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from cardos.apdu import Command
from cardos.apdu.purse_commands import GET_BALANCE
from cardos.crypto import SUITES, Key
from cardos.errors import DecodeError, MacMismatch, ParameterError, ProfileError, StatusError, TransportError
from cardos.host import (
    Blacklist,
    CardRegister,
    CardSession,
    EmbeddedIssuer,
    IssuerSession,
    Journal,
    KeyRing,
    LoadInitialised,
    LogRecord,
    OnlineState,
    Outlet,
    Proof,
    PsamSession,
    PublicData,
    PurchaseDebited,
    PurchaseInitialised,
    Purse,
    PurseSession,
    RegisteredCard,
    SamInitialised,
    Terminal,
)
from cardos.host.sessions import key_index
from cardos.profile import load_profile

from .scripted import Scripted

CITY, PSAM = load_profile("city-3des"), load_profile("psam-3des")
TERMINAL = bytes.fromhex("001122334455")
KEY = Key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
ISSUER_DATA = "1000000000000001 03 02 00000102030405060708 20160101 20261231 0000"
FCI = "6F32 8409A00000000386980701 A525 9F080102 9F0C1E" + ISSUER_DATA
SELECT = ("00A4040009A00000000386980701 00", FCI + "9000")
PUBLIC = PublicData(
    bytes.fromhex("1000000000000001"),
    bytes.fromhex("00000102030405060708"),
    date(2016, 1, 1),
    date(2026, 12, 31),
    bytes.fromhex("0102030405060708"),
)


def purse(*exchanges) -> PurseSession:
    return PurseSession(Scripted(SELECT, *exchanges), CITY)


def files(*exchanges) -> IssuerSession:
    return IssuerSession(Scripted(*exchanges), SUITES["3des"])


# ---------------------------------------------------------------- the recorded card: JR/T 0025.2 5.5.2, 5.5.4

INITIALIZE_LOAD = ("805000020B 01 00002000 001122334455 10", "0000000000000100C903814D03976C22 9000")
CREDIT_LOAD = ("805200000B 20161216105800 8AFA5718 04", "FA00066D 9000")
INITIALIZE_PURCHASE = ("805001020B 00 00000001 001122334455 0F", "000020000000000000 0000 584633C9 9000")
DEBIT = ("805401000F 00000000 20161216134600 D45737C5 08", "8AF270DC 66B54A6B 9000")


def test_commands_of_a_recorded_load():
    session = purse(INITIALIZE_LOAD, CREDIT_LOAD)
    assert PUBLIC == session.public
    assert LoadInitialised(
        0, 0, 1, 0, bytes.fromhex("C903814D"), bytes.fromhex("03976C22")
    ) == session.initialize_for_load(Purse.EP, amount=0x2000, terminal=TERMINAL)
    tac = session.credit_for_load(when=datetime(2016, 12, 16, 10, 58), mac2=bytes.fromhex("8AFA5718"))
    assert bytes.fromhex("FA00066D") == tac


def test_commands_of_a_recorded_purchase():
    session = purse(INITIALIZE_PURCHASE, DEBIT)
    assert PurchaseInitialised(
        0x2000, 0, 0, 0, 0, bytes.fromhex("584633C9")
    ) == session.initialize_for_purchase(Purse.EP, amount=1, terminal=TERMINAL, key=0)
    assert PurchaseDebited(
        bytes.fromhex("8AF270DC"), bytes.fromhex("66B54A6B")
    ) == session.debit_for_purchase(
        terminal_serial=0, when=datetime(2016, 12, 16, 13, 46), mac1=bytes.fromhex("D45737C5")
    )


def _recorded_profile():
    """The recorded card: keys as they are, not diversified; purchase key with index 00."""
    root, application = CITY.directories
    keys = tuple(replace(key, id=0) if key.source == "purchase" else key for key in application.keys)
    return replace(CITY, factors=(), directories=(root, replace(application, keys=keys)))


RECORDED = _recorded_profile()
RECORDED_KEYS = KeyRing(
    {
        purpose: Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
        for purpose in ("load", "tac", "purchase")
    }
)


def test_load_flow_replays_the_recording(tmp_path):
    """Our issuer computes, from the keys, the very MAC2 that the recorded card accepted, and accepts its TAC."""
    with (
        CardRegister(tmp_path / "register") as register,
        Journal(tmp_path / "journal", operator=9) as journal,
        Scripted(SELECT, INITIALIZE_LOAD, CREDIT_LOAD) as card,
    ):
        register.register(RegisteredCard(PUBLIC.issuer, PUBLIC.card_serial, "recorded", PUBLIC.expiry))
        issuer = EmbeddedIssuer(
            RECORDED, RECORDED_KEYS, register, clock=lambda: datetime(2016, 12, 16, 10, 58)
        )
        outlet = Outlet(issuer, journal, RECORDED, terminal=TERMINAL, list_version=date(2016, 12, 1))
        record = outlet.load(card, 0x2000).record
        assert [OnlineState.CONFIRMED] == [load.state for load in register.history()]
    assert (bytes.fromhex("FA00066D"), 0x2000) == (record.tac, record.balance_after)
    record.verify_tac(RECORDED.dialect, RECORDED_KEYS["tac"])


def test_purchase_flow_replays_the_recording(tmp_path):
    info = [
        ("00A4000002 3F00 00", "6F15840E315041592E5359532E4444463031A503880101 9000"),
        ("00B095000E", "00000000000000000042 01 00 0000 9000"),
        ("00B0960006", "001122334455 9000"),
        ("00A4040008A000000003534155 00", "6F0A8408A000000003534155 9000"),
        ("00B0970019", "00 1000000000000001 1000000000000001 20160101 20261231 9000"),
    ]
    sam = [
        (
            "807000001C 584633C9 0000 00000001 06 20161216134600 00 00 0102030405060708 08",
            "00000000 D45737C5 9000",
        ),
        ("8072000004 66B54A6B", "9000"),
    ]
    with (
        Journal(tmp_path / "journal", operator=1) as journal,
        Scripted(SELECT, INITIALIZE_PURCHASE, DEBIT) as card,
        Scripted(*info, *sam) as psam,
    ):
        terminal = Terminal(
            PsamSession(psam, PSAM),
            journal,
            RECORDED,
            blacklist=Blacklist.of(date(2016, 12, 1)),
            clock=lambda: datetime(2016, 12, 16, 13, 46),
        )
        record = terminal.purchase(card, 1).record
    assert bytes.fromhex("8AF270DC") == record.tac
    record.verify_tac(RECORDED.dialect, RECORDED_KEYS["tac"])


# ---------------------------------------------------------------- purse


@pytest.mark.parametrize(
    ("exchange", "call", "expected"),
    [
        pytest.param(
            ("805C000204", "00002000 9000"), lambda s: s.get_balance(Purse.EP), 0x2000, id="balance-ep"
        ),
        pytest.param(("805C000104", "00000001 9000"), lambda s: s.get_balance(Purse.ED), 1, id="balance-ed"),
        pytest.param(
            ("805A0006020001 08", "66B54A6B 8AF270DC 9000"),
            lambda s: s.get_transaction_prove(6, 1),
            Proof(bytes.fromhex("66B54A6B"), bytes.fromhex("8AF270DC")),
            id="proof",
        ),
        pytest.param(
            ("0020000003123456", "9000"), lambda s: s.verify(bytes.fromhex("123456")), None, id="verify"
        ),
    ],
)
def test_purse_commands(exchange, call, expected):
    assert expected == call(purse(exchange))


LOG = "0001 000000 00000001 06 001122334455 20161216 134600"


def test_log_is_read_until_its_end_and_no_further_than_asked():
    entry = LogRecord(1, 0, 1, 6, TERMINAL, datetime(2016, 12, 16, 13, 46))
    first, second = ("00B201C417", LOG + "9000"), ("00B202C417", LOG + "9000")
    session = purse(first, second, ("00B203C417", "6A83"))
    assert [entry, entry] == list(session.read_log())
    session.transport.close()
    session = purse(first)
    assert entry == next(session.read_log())
    session.transport.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param("6982", StatusError, id="not-for-us"),
        pytest.param("00 9000", DecodeError, id="short"),
        pytest.param(LOG.replace("20161216", "20169916") + "9000", DecodeError, id="impossible-date"),
    ],
)
def test_log_that_cannot_be_read_says_so(answer, error):
    with pytest.raises(error):
        list(purse(("00B201C417", answer)).read_log())


def test_public_data_are_read_where_the_fci_has_none():
    card = Scripted((SELECT[0], "6F0B8409A00000000386980701 9000"), ("00B0950000", ISSUER_DATA + "9000"))
    assert PUBLIC == PurseSession(card, CITY).public


@pytest.mark.parametrize(
    "fci",
    [
        pytest.param(FCI.replace("20261231", "20261331"), id="impossible-expiry"),
        pytest.param("6F0484", id="broken-tlv"),
        pytest.param("6F05 A503 9F0C00", id="empty"),
    ],
)
def test_impossible_public_data_are_refused(fci):
    with pytest.raises(DecodeError):
        PurseSession(Scripted((SELECT[0], fci + "9000")), CITY)


def test_blocked_application_is_a_status_error_with_its_data():
    with pytest.raises(StatusError, match="SELECT answered 6A81") as caught:
        PurseSession(Scripted((SELECT[0], FCI + "6A81")), CITY)
    assert bytes.fromhex(FCI) == caught.value.data


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param("9302", StatusError, id="refused"),
        pytest.param("8AF270DC66B54A 9000", DecodeError, id="short"),
        pytest.param("8AF270DC66B54A6B00 9000", DecodeError, id="long"),
        pytest.param("90", TransportError, id="no-status"),
        pytest.param("", TransportError, id="nothing"),
    ],
)
def test_bad_answers_are_typed_errors(answer, error):
    session = purse((None, answer))
    with pytest.raises(error):
        session.debit_for_purchase(terminal_serial=0, when=datetime(2016, 12, 16), mac1=bytes(4))


def test_profiles_that_cannot_be_spoken_to_are_refused():
    root, application = CITY.directories
    for files_, problem in (
        ((), "file 0015 must exist"),
        ((replace(CITY.file(0x15), content=()),), "file 0015 must have a content"),
        (
            (replace(CITY.file(0x15), content=("issuer",)),),
            "content of file 0015 must have application_serial",
        ),
    ):
        profile = replace(CITY, directories=(root, replace(application, files=files_)))
        with pytest.raises(ProfileError, match=problem):
            PurseSession(Scripted(SELECT), profile)
    with pytest.raises(ProfileError, match="a key with source 'none' must exist"):
        key_index(CITY, "none")


# ---------------------------------------------------------------- PSAM

SAM_FILES = [
    (None, "9000"),
    (None, "00000000000000000042 01 00 0000 9000"),
    (None, "001122334455 9000"),
    (None, "9000"),
    (None, "00 1000000000000001 1000000000000001 20160101 20261231 9000"),
]


@pytest.mark.parametrize(
    ("profile", "factors"),
    [
        pytest.param("psam-3des", "0102030405060708", id="one-level"),
        pytest.param("psam-sm4", "0102030405060708 1000000000000001", id="two-levels-card-first"),
    ],
)
def test_factors_go_out_card_first(profile, factors):
    lc = 20 + len(bytes.fromhex(factors))
    command = f"80700000{lc:02X} A1B2C3D4 0005 000000C8 06 20250102030405 01 00 {factors} 08"
    session = PsamSession(Scripted(*SAM_FILES, (command, "00000064 84D59D3B 9000")), load_profile(profile))
    asked = PurchaseInitialised(500, 5, 0, 1, 0, bytes.fromhex("A1B2C3D4"))
    answer = session.init_sam_for_purchase(
        asked, card=PUBLIC, amount=200, transaction_type=6, when=datetime(2025, 1, 2, 3, 4, 5)
    )
    assert SamInitialised(0x64, bytes.fromhex("84D59D3B")) == answer


def test_psam_of_a_strange_profile_is_refused():
    strange = replace(PSAM, factors=("sam",))
    session = PsamSession(Scripted(*SAM_FILES), strange)
    with pytest.raises(ParameterError, match="factors must be given: sam, got no sam"):
        session.init_sam_for_purchase(
            PurchaseInitialised(0, 0, 0, 0, 0, bytes(4)), card=PUBLIC, amount=1, transaction_type=6,
            when=datetime(2025, 1, 1),
        )  # fmt: skip
    root, application = PSAM.directories
    bare = replace(root, files=tuple(replace(spec, content=()) for spec in root.files))
    with pytest.raises(ProfileError, match="file 0015 must have a content"):
        PsamSession(Scripted((None, "9000")), replace(PSAM, directories=(bare, application)))


# ---------------------------------------------------------------- files and keys

CHALLENGE = ("0084000004", "11223344 9000")


@pytest.mark.parametrize(
    ("exchanges", "call", "expected"),
    [
        pytest.param([("00A4000002 3F01 00", "9000")], lambda s: s.select_file(0x3F01), (), id="select-ef"),
        pytest.param([("00B0950800", "AABB9000")], lambda s: s.read_binary(0x15, offset=8), b"\xaa\xbb", id="read"),
        pytest.param(
            [("00B0010002", "AABB9000")],
            lambda s: s.read_binary(0, offset=256, length=2),
            b"\xaa\xbb",
            id="read-current",
        ),
        pytest.param(
            [("00D6950003A1A2A3", "9000")], lambda s: s.update_binary(0x15, b"\xa1\xa2\xa3"), None, id="update"
        ),
        pytest.param(
            [CHALLENGE, ("04D6950007A1A2A3535B58FA", "9000")],
            lambda s: s.update_binary(0x15, b"\xa1\xa2\xa3", key=KEY),
            None,
            id="update-mac",
        ),
        pytest.param(
            [CHALLENGE, ("04D685000CC40DF3316C036B394B9EF794", "9000")],
            lambda s: s.update_binary(0x05, bytes(range(1, 8)), key=KEY, enciphered=True),
            None,
            id="update-enciphered",
        ),
        pytest.param(
            [("00D69500C8" + "11" * 200, "9000"), ("00D600C864" + "11" * 100, "9000")],
            lambda s: s.update_binary(0x15, b"\x11" * 300),
            None,
            id="update-in-pieces",
        ),
        pytest.param([("00B2020C00", "AA9000")], lambda s: s.read_record(1, 2), b"\xaa", id="read-record"),
        pytest.param(
            [("00DC020C02AABB", "9000")], lambda s: s.update_record(1, 2, b"\xaa\xbb"), None, id="update-record"
        ),
        pytest.param([("00E2000802AABB", "9000")], lambda s: s.append_record(1, b"\xaa\xbb"), None, id="append-record"),
        pytest.param([("0084000008", "11" * 8 + "9000")], lambda s: s.get_challenge(), b"\x11" * 8, id="challenge"),
        pytest.param(
            [("0084000008", "1122334455667788 9000"), ("0082000008 3EB3B72576BBBE83", "9000")],
            lambda s: s.external_authenticate(KEY),
            None,
            id="external-authenticate",
        ),
        pytest.param(
            [CHALLENGE, ("84D401001C5C402563C9EFC04E12B697475482BECB61FBC4706C4E1F440E2766A3", "9000")],
            lambda s: s.write_key(0x36, 0, b"\x36" * 16, use=0xF0, change=0x02, first=0xFF, second=0x33, control=KEY),
            None,
            id="write-key",
        ),
        pytest.param(
            [("80D401000D36F0F0FF33FFFFFFFFFFFFFFFF", "9000")],
            lambda s: s.write_key(0x36, 0, b"\xff" * 8, use=0xF0, change=0xF0, first=0xFF, second=0x33),
            None,
            id="write-key-plain",
        ),
        pytest.param(
            [CHALLENGE, ("84D439001C9C9924A4CD3972D19D9B0A7255115A743A20D19AC279656920687A92", "9000")],
            lambda s: s.write_key(
                0xF9, 0, DEMO.reveal(), use=0xF0, change=0xF0, first=0xAA, second=0x33, control=KEY, replaces=0x39
            ),
            None,
            id="write-key-replaces",
        ),
        pytest.param(
            [
                ("0084000004", "5D72B3FD9000"),
                ("84D400001C DCC0BB5793ABFCA2CA8C1624822F6E01A86A0B5CBED191DD 8A9D4ADB", "9000"),
            ],
            lambda s: s.write_sam_key(0x22, 0, 0, DEMO, control=DEMO),
            None,
            id="write-sam-key",
        ),
        pytest.param(
            [("80E00018072E0A17F0EFFFFF", "9000")],
            lambda s: s.create_file(0x18, 0x2E, shape=0x0A17, read=0xF0, write=0xEF, protection=0xFF),
            None,
            id="create-file",
        ),
        pytest.param(
            [("80E03F011138036FF0F095FFFFA00000000386980701", "9000")],
            lambda s: s.create_directory(
                0x3F01, size=0x36F, create=0xF0, erase=0xF0, application=0x95, tail=b"\xff\xff" + CITY.application.aid
            ),
            None,
            id="create-directory",
        ),
    ],
)  # fmt: skip
def test_file_commands_are_those_of_published_cards(exchanges, call, expected):
    session = files(*exchanges)
    assert expected == call(session)
    session.transport.close()


DEMO = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        pytest.param(lambda s: s.read_binary(0x1F), "sfi must be 00..1E, got 1F", id="sfi"),
        pytest.param(lambda s: s.read_record(0x1F, 1), "sfi must be 00..1E, got 1F", id="sfi-of-records"),
        pytest.param(lambda s: s.append_record(0x1F, b"x"), "sfi must be 00..1E, got 1F", id="sfi-to-append"),
        pytest.param(lambda s: s.read_binary(1, offset=256), "offset must be 0..255, got 256", id="offset"),
        pytest.param(
            lambda s: s.read_binary(0, offset=0x8000), "offset must be 0..32767, got 32768", id="offset-15"
        ),
    ],
)
def test_places_out_of_range_are_refused_before_a_command_leaves(call, problem):
    with pytest.raises(ParameterError, match=problem):
        call(files())


def test_status_error_names_command_status_and_meaning():
    session = CardSession(Scripted(("805C000204", "AA6982"), ("80FF0000", "6D00")))
    with pytest.raises(
        StatusError, match=r"GET BALANCE answered 6982 \(security status not satisfied\)"
    ) as caught:
        session.send(GET_BALANCE.command(0, 2))
    assert (0x6982, b"\xaa") == (caught.value.sw, caught.value.data)
    with pytest.raises(StatusError, match="80FF0000 answered 6D00"):
        session.send(Command(0x80, 0xFF, 0, 0))


def test_exchange_takes_any_status():
    assert 0x6982 == CardSession(Scripted(("805C000204", "6982"))).exchange(GET_BALANCE.command(0, 2)).sw


def test_wrong_order_goes_out():
    """A session has no order of its own: the card is the one to refuse."""
    with pytest.raises(StatusError, match="6901"):
        purse((None, "6901")).credit_for_load(when=datetime(2025, 1, 1), mac2=bytes(4))


def test_mac_mismatch_is_no_status_error():
    assert not issubclass(MacMismatch, StatusError)
