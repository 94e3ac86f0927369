"""One call for every declared command, and the exchange it stands for; cards that answer what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from cardos.apdu.sam_commands import CryptMode
from cardos.crypto import Key
from cardos.host import (
    BalanceForm,
    CardSession,
    GreyDebitAuthorised,
    GreyLocked,
    GreyLockInitialised,
    GreyUnlockInitialised,
    IsamSession,
    IssuerSession,
    KeyCardSession,
    LoadAuthorisedBySam,
    LoadInitialised,
    LockProof,
    Proof,
    PsamSession,
    PublicData,
    PurchaseDebited,
    PurchaseInitialised,
    Purse,
    PurseSession,
    RecordMode,
    SamGreyInitialised,
    SamInitialised,
    Transport,
    UnloadInitialised,
    UpdateInitialised,
)
from cardos.profile import load_profile

from .scripted import Scripted

CITY = load_profile("city-3des")
KEY = Key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
MASTER = Key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
TERMINAL = bytes.fromhex("001122334455")
WHEN, MOMENT = datetime(2016, 12, 16, 10, 58), "20161216105800"
MAC, RANDOM = bytes.fromhex("8AFA5718"), bytes.fromhex("C903814D")
CODE = bytes.fromhex("8588D32B7688D32B76")
PIN = bytes.fromhex("123456")
PUBLIC = PublicData(
    bytes.fromhex("1000000000000001"),
    bytes.fromhex("00000102030405060708"),
    date(2016, 1, 1),
    date(2026, 12, 31),
    bytes.fromhex("0102030405060708"),
)

# ------------------------------------------------------------------ sessions

ISSUER_DATA = "1000000000000001 03 02 00000102030405060708 20160101 20261231 0000"
FCI = "6F32 8409A00000000386980701 A525 9F080102 9F0C1E" + ISSUER_DATA
SAM_FILES = (
    "9000",
    "00000000000000000042 01 00 0000 9000",
    "001122334455 9000",
    "9000",
    "00 1000000000000001 1000000000000001 20160101 20261231 9000",
)


@dataclass(frozen=True)
class Kind:
    """A kind of session: how it is opened and what a card answers meanwhile."""

    open: Callable[[Transport], CardSession]
    opening: tuple[str, ...]


def _with_profile(session: type, name: str) -> Callable[[Transport], CardSession]:
    profile = load_profile(name)
    return lambda transport: session(transport, profile)


FILES = Kind(lambda transport: IssuerSession(transport, CITY.suite), ())
PURSE = Kind(_with_profile(PurseSession, "city-3des"), (FCI + "9000",))
PSAM = Kind(_with_profile(PsamSession, "psam-3des"), SAM_FILES)
ISAM = Kind(_with_profile(IsamSession, "isam-3des"), SAM_FILES)
KEY_CARD = Kind(_with_profile(KeyCardSession, "keycard-3des"), ("9000",))
KINDS = {"files": FILES, "purse": PURSE, "psam": PSAM, "isam": ISAM, "key-card": KEY_CARD}


def scripted(kind: Kind, exchanges: Iterable[tuple[str | None, str]]) -> CardSession:
    """A session with a card that answers its opening, then ``exchanges``."""
    return kind.open(Scripted(*((None, answer) for answer in kind.opening), *exchanges))


# ------------------------------------------------------------------ calls

#: Any call of a method of a session.
Method = Callable[..., object]


@dataclass(frozen=True)
class Call:
    """A command by its name, a call of its method, the exchanges and the result."""

    name: str
    kind: Kind
    call: Method
    exchanges: tuple[tuple[str, str], ...]
    result: object


def row(name: str, kind: Kind, call: Method, command: str, answer: str = "", result: object = None) -> Call:
    """A call whose command needs no other before it."""
    return Call(name, kind, call, ((command, answer + "9000"),), result)


def sealed(name: str, call: Method, command: str, answer: str = "", result: object = None) -> Call:
    """A call whose command needs the challenge 11223344 before it."""
    return Call(name, FILES, call, (("0084000004", "112233449000"), (command, answer + "9000")), result)


GREY = GreyLockInitialised(1000, 5, 0, 1, 0, RANDOM)
BOUGHT = PurchaseInitialised(500, 5, 0, 1, 0, RANDOM)
LOADED = LoadInitialised(100, 3, 1, 0, RANDOM, MAC)

OS_CALLS = (
    row("SELECT", FILES, lambda s: s.select(b"\xa0\x00", by_name=True, following=True), "00A4040202A00000", result=()),
    row("READ BINARY", FILES, lambda s: s.read_binary(0x15, offset=8, length=2), "00B0950802", "AABB", b"\xaa\xbb"),
    row("UPDATE BINARY", FILES, lambda s: s.update_binary(0x15, b"\xaa", offset=2), "00D6950201AA"),
    row("READ RECORD", FILES, lambda s: s.read_record(1, 9, mode=RecordMode.LAST), "00B2090900", "AA", b"\xaa"),
    row("UPDATE RECORD", FILES, lambda s: s.update_record(1, 0, b"\xaa", mode=RecordMode.NEXT), "00DC000A01AA"),
    row("APPEND RECORD", FILES, lambda s: s.append_record(1, b"\xaa"), "00E2000801AA"),
    row("VERIFY", FILES, lambda s: s.verify(PIN, key_id=1), "0020000103123456"),
    row("CHANGE PIN", FILES, lambda s: s.change_pin(PIN, b"\x65\x43\x21", key_id=1), "805E010107 123456 FF 654321"),
    row("RELOAD PIN", FILES, lambda s: s.reload_pin(PIN, key=MASTER), "805E000007 123456 95DEBDDA"),
    sealed("PIN UNBLOCK", lambda s: s.pin_unblock(PIN, key=KEY), "842400000C 443FBFE8B3103299 C75848A0"),
    row("GET CHALLENGE", FILES, lambda s: s.get_challenge(4), "0084000004", "C903814D", RANDOM),
    Call(
        "EXTERNAL AUTHENTICATE", FILES, lambda s: s.external_authenticate(KEY, key_id=2),
        (("0084000008", "11223344556677889000"), ("0082000208 3EB3B72576BBBE83", "9000")), None,
    ),
    row(
        "INTERNAL AUTHENTICATE", FILES, lambda s: s.internal_authenticate(CODE[:8], key_id=3), "0088000308"
        "8588D32B7688D32B 00", "1122334455667788", bytes.fromhex("1122334455667788"),
    ),
    sealed("APPLICATION BLOCK", lambda s: s.application_block(key=KEY), "841E000004 40D016F4"),
    sealed("APPLICATION UNBLOCK", lambda s: s.application_unblock(key=KEY), "8418000004 9E13E3ED"),
    sealed("CARD BLOCK", lambda s: s.card_block(key=KEY), "8416000004 82164137"),
    row("GET RESPONSE", FILES, lambda s: s.get_response(3), "00C0000003", "AABBCC", b"\xaa\xbb\xcc"),
    row("GET MESSAGE", FILES, lambda s: s.get_message(), "80CA000009", CODE.hex(), CODE),
    row("SET MESSAGE", FILES, lambda s: s.set_message(CODE), "0022000009" + CODE.hex()),
    row(
        "CREATE FILE", FILES, lambda s: s.create_file(0x18, 0x2E, shape=0x0A17, read=0xF0, write=0xEF, protection=0xFF),
        "80E00018072E0A17F0EFFFFF",
    ),
    row("ERASE DF", FILES, lambda s: s.erase_df(), "800E0000"),
    row(
        "WRITE KEY", FILES, lambda s: s.write_key(0x36, 0, b"\xff" * 8, use=0xF0, change=0xF0, first=0xFF, second=0x33),
        "80D401000D 36F0F0FF33FFFFFFFFFFFFFFFF",
    ),
)  # fmt: skip

PURSE_CALLS = (
    row(
        "INITIALIZE FOR LOAD", PURSE, lambda s: s.initialize_for_load(Purse.EP, amount=0x2000, terminal=TERMINAL),
        "805000020B 01 00002000 001122334455 10", "00000064 0003 01 00 C903814D 8AFA5718", LOADED,
    ),
    row(
        "CREDIT FOR LOAD", PURSE, lambda s: s.credit_for_load(when=WHEN, mac2=MAC),
        f"805200000B {MOMENT} 8AFA5718 04", "FA00066D", bytes.fromhex("FA00066D"),
    ),
    row(
        "INITIALIZE FOR PURCHASE", PURSE,
        lambda s: s.initialize_for_purchase(Purse.ED, amount=1, terminal=TERMINAL, key=7),
        "805001010B 07 00000001 001122334455 0F", "000001F4 0005 000000 01 00 C903814D", BOUGHT,
    ),
    row(
        "INITIALIZE FOR CASH WITHDRAW", PURSE,
        lambda s: s.initialize_for_cash_withdraw(Purse.ED, amount=1, terminal=TERMINAL),
        "805002010B 01 00000001 001122334455 0F", "000001F4 0005 000000 01 00 C903814D", BOUGHT,
    ),
    row(
        "INITIALIZE FOR CAPP PURCHASE", PURSE,
        lambda s: s.initialize_for_capp_purchase(Purse.EP, amount=0, terminal=TERMINAL),
        "805003020B 01 00000000 001122334455 0F", "000001F4 0005 000000 01 00 C903814D", BOUGHT,
    ),
    row(
        "UPDATE CAPP DATA CACHE", PURSE, lambda s: s.update_capp_data_cache(0x19, 9, b"\x09\x01\x00"),
        "80DC09C803090100",
    ),
    row(
        "DEBIT FOR PURCHASE", PURSE, lambda s: s.debit_for_purchase(terminal_serial=5, when=WHEN, mac1=MAC),
        f"805401000F 00000005 {MOMENT} 8AFA5718 08", "8AF270DC 66B54A6B",
        PurchaseDebited(bytes.fromhex("8AF270DC"), bytes.fromhex("66B54A6B")),
    ),
    row(
        "INITIALIZE FOR UPDATE", PURSE, lambda s: s.initialize_for_update(Purse.ED, terminal=TERMINAL),
        "8050040107 01 001122334455 13", "00000064 0003 000050 01 00 C903814D 8AFA5718",
        UpdateInitialised(100, 3, 80, 1, 0, RANDOM, MAC),
    ),
    row(
        "UPDATE OVERDRAW LIMIT", PURSE, lambda s: s.update_overdraw_limit(new_limit=0x10000, when=WHEN, mac2=MAC),
        f"805800000E 010000 {MOMENT} 8AFA5718 04", "FA00066D", bytes.fromhex("FA00066D"),
    ),
    row(
        "INITIALIZE FOR UNLOAD", PURSE, lambda s: s.initialize_for_unload(Purse.ED, amount=1, terminal=TERMINAL),
        "805005010B 01 00000001 001122334455 10", "00000064 0003 01 00 C903814D 8AFA5718",
        UnloadInitialised(100, 3, 1, 0, RANDOM, MAC),
    ),
    row(
        "DEBIT FOR UNLOAD", PURSE, lambda s: s.debit_for_unload(when=WHEN, mac2=MAC),
        f"805403000B {MOMENT} 8AFA5718 04", "FA00066D", bytes.fromhex("FA00066D"),
    ),
    row("GET BALANCE", PURSE, lambda s: s.get_balance(Purse.EP, BalanceForm.OWN), "805C030204", "00000064", 100),
    row(
        "GET TRANSACTION PROVE", PURSE, lambda s: s.get_transaction_prove(0x93, 7), "805A0093020007 08",
        "66B54A6B 8AF270DC", Proof(bytes.fromhex("66B54A6B"), bytes.fromhex("8AF270DC")),
    ),
)  # fmt: skip

SAM_CALLS = (
    row(
        "INIT SAM FOR PURCHASE", PSAM,
        lambda s: s.init_sam_for_purchase(BOUGHT, card=PUBLIC, amount=200, transaction_type=6, when=WHEN),
        f"807000001C C903814D 0005 000000C8 06 {MOMENT} 01 00 0102030405060708 08", "00000064 8AFA5718",
        SamInitialised(100, MAC),
    ),
    row(
        "INIT SAM WITH SERIAL", PSAM,
        lambda s: s.init_sam_with_serial(
            BOUGHT, card=PUBLIC, amount=200, transaction_type=6, when=WHEN, terminal_serial=9
        ),
        f"8070000120 C903814D 0005 000000C8 06 {MOMENT} 01 00 00000009 0102030405060708 08", "00000009 8AFA5718",
        SamInitialised(9, MAC),
    ),
    row("CREDIT SAM FOR PURCHASE", PSAM, lambda s: s.credit_sam_for_purchase(MAC), "8072000004 8AFA5718"),
    row(
        "DELIVERY KEY", PSAM, lambda s: s.delivery_key(0x25, 2, factors=s.factors(PUBLIC)),
        "801A250208 0102030405060708",
    ),
    row(
        "DES CRYPT", PSAM, lambda s: s.des_crypt(CryptMode.MAC_WHOLE, bytes(16)),
        "80FA050010" + "00" * 16 + "00", "8AFA5718", MAC,
    ),
    row("AUTHENTICATION MESSAGE", PSAM, lambda s: s.authentication_message(CODE), "80CA000009" + CODE.hex()),
    Call(
        "WRITE SAM KEY", FILES, lambda s: s.write_sam_key(0x22, 0, 0, MASTER, control=MASTER),
        (
            ("0084000004", "5D72B3FD9000"),
            ("84D400001C DCC0BB5793ABFCA2CA8C1624822F6E01A86A0B5CBED191DD 8A9D4ADB", "9000"),
        ), None,
    ),
    row(
        "LOAD BY SAM", ISAM,
        lambda s: s.load_by_sam(LOADED, card=PUBLIC, amount=0x2000, transaction_type=2, when=WHEN),
        f"807A000024 C903814D 0003 00000064 00002000 02 {MOMENT} 01 00 8AFA5718 0102030405060708 08",
        "00000007 8AFA5718", LoadAuthorisedBySam(7, MAC),
    ),
    row(
        "EXPORT KEY", KEY_CARD, lambda s: s.export_key(0x3E, 1, factors=PUBLIC.issuer),
        "801A3E0108 1000000000000001 10", "AB" * 16, b"\xab" * 16,
    ),
)  # fmt: skip

GREY_CALLS = (
    row(
        "INITIALIZE FOR GREY LOCK", PURSE, lambda s: s.initialize_for_grey_lock(Purse.EP, terminal=TERMINAL),
        "E07A080107 01 001122334455 0F", "000003E8 0005 000000 01 00 C903814D", GREY,
    ),
    row(
        "GREY LOCK", PURSE,
        lambda s: s.grey_lock(terminal_serial=5, terminal_random=RANDOM, when=WHEN, mac1=MAC),
        f"E07C080013 00000005 C903814D {MOMENT} 8AFA5718 08", "8AF270DC 66B54A6B",
        GreyLocked(bytes.fromhex("8AF270DC"), bytes.fromhex("66B54A6B")),
    ),
    row(
        "DEBIT FOR UNLOCK", PURSE,
        lambda s: s.debit_for_unlock(
            Purse.EP, amount=700, offline_serial=6, terminal=TERMINAL, terminal_serial=9, when=WHEN, gmac=MAC
        ),
        f"E07E08011B 000002BC 0006 001122334455 00000009 {MOMENT} 8AFA5718 04", "FA00066D",
        bytes.fromhex("FA00066D"),
    ),
    row(
        "INITIALIZE FOR GREY UNLOCK", PURSE, lambda s: s.initialize_for_grey_unlock(Purse.EP, terminal=TERMINAL),
        "E07A090107 01 001122334455 12", "000003E8 0006 0003 01 00 C903814D 8AFA5718",
        GreyUnlockInitialised(1000, 6, 3, 1, 0, RANDOM, MAC),
    ),
    row(
        "GREY UNLOCK", PURSE, lambda s: s.grey_unlock(amount=700, when=WHEN, mac2=MAC),
        f"E07E09000F 000002BC {MOMENT} 8AFA5718 04", "FA00066D", bytes.fromhex("FA00066D"),
    ),
    row(
        "GET LOCK PROOF", PURSE, lambda s: s.get_lock_proof(), "E0CA00001E",
        f"01 91 02 000003E8 0006 001122334455 {MOMENT} 8AFA5718 C903814D",
        LockProof(1, 0x91, 2, 1000, 6, TERMINAL, WHEN, MAC, RANDOM),
    ),
    row("CLEAR LOCK PROOF", PURSE, lambda s: s.clear_lock_proof(), "E0CA0100"),
    row(
        "INIT SAM FOR GREY LOCK", PSAM,
        lambda s: s.init_sam_for_grey_lock(GREY, card=PUBLIC, transaction_type=0x91, when=WHEN),
        f"E04000001C C903814D 0005 000003E8 91 {MOMENT} 01 00 0102030405060708 0C", "00000064 C903814D 8AFA5718",
        SamGreyInitialised(100, RANDOM, MAC),
    ),
    row("CERTIFY GREY LOCK", PSAM, lambda s: s.certify_grey_lock(MAC), "E042000004 8AFA5718"),
    row(
        "CREDIT SAM FOR GREY DEBIT", PSAM,
        lambda s: s.credit_sam_for_grey_debit(
            transaction_type=0x93, card_serial=PUBLIC.card_serial, offline_serial=6, amount=700
        ),
        "E04400000F 93 0102030405060708 0006 000002BC 08", "8AFA5718 FA00066D",
        GreyDebitAuthorised(MAC, bytes.fromhex("FA00066D")),
    ),
    row(
        "GET GMAC", PSAM, lambda s: s.get_gmac(100), "E046000004 00000064 08", "8AFA5718 FA00066D",
        GreyDebitAuthorised(MAC, bytes.fromhex("FA00066D")),
    ),
)  # fmt: skip

CALLS = (*OS_CALLS, *PURSE_CALLS, *SAM_CALLS, *GREY_CALLS)


def method_rows(*tables: tuple[Call, ...]) -> list[Call]:
    """The calls of tables that a card takes, not a SAM."""
    return [call for table in tables for call in table if call.kind is PURSE]
