"""City cards as reader apps see them: the command sequences of known readers against personalised cards, and published
samples of real cards decoded by the declared layouts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from functools import cache

import pytest

from cardos.apdu import parse_tlv
from cardos.apdu.purse_commands import GET_BALANCE, LOG_RECORD
from cardos.card import Card, CardSnapshot
from cardos.errors import ProfileError
from cardos.host import (
    CardData,
    KeyRing,
    PsamSession,
    Purse,
    PurseSession,
    SamData,
    SimulatedTransport,
    personalise,
)
from cardos.host.sessions import needs_safety_code, public_data
from cardos.inspection import inspect_card
from cardos.layout import Layout
from cardos.profile import FilePlace, load_layout, load_profile

TERMINAL = bytes.fromhex("001122334455")
WHEN = datetime(2025, 3, 1, 12, 30, 15)
START, EXPIRY = date(2025, 1, 1), date(2034, 12, 31)

SAM = SamData(sam_serial=bytes(10), terminal=TERMINAL, start=START, expiry=EXPIRY)

#: What is written on one card of each city.
CARDS = {
    "tunion": CardData(
        issuer=bytes.fromhex("01011000FFFFFFFF"), application_serial=bytes.fromhex("03105170070104791381"),
        start=date(2019, 7, 18), expiry=date(2040, 12, 31), application_type=2, application_version=1,
        province=bytes.fromhex("5800"), city=bytes.fromhex("5840"),
    ),
    "mohurd": CardData(
        issuer=bytes.fromhex("8475310000000000"), application_serial=bytes.fromhex("31003100000020458878"),
        start=date(2014, 6, 14), expiry=date(2064, 6, 14), application_type=0, application_version=0,
        city=bytes.fromhex("3100"), safety_code=bytes.fromhex("01A1B2C3D411223344"),
    ),
    "shenzhen": CardData(
        issuer=bytes(8), application_serial=bytes.fromhex("000051800000E63C1D29"), start=date(2017, 12, 1),
        expiry=date(2027, 12, 1), application_type=0xFD, application_version=0x44,
        issuer_data=bytes.fromhex("10100000"),
    ),
    "beijing": CardData(
        issuer=bytes.fromhex("1000FFFFFFFFFFFF"), application_serial=bytes.fromhex("00001000751136141285"),
        start=date(2018, 3, 9), expiry=date(2024, 3, 9), version_code=bytes.fromhex("060200"),
    ),
    "lingnan": CardData(
        issuer=bytes.fromhex("5800FFFFFFFFFFFF"), application_serial=bytes.fromhex("00005100000012345678"),
        start=START, expiry=EXPIRY,
    ),
    "wuhan": CardData(
        issuer=bytes.fromhex("4300FFFFFFFFFFFF"), application_serial=bytes.fromhex("00000000000123456789"),
        start=START, expiry=EXPIRY, version_byte=2,
    ),
    "suzhou": CardData(
        issuer=bytes(8), application_serial=bytes.fromhex("00002150012345678901"), start=START, expiry=EXPIRY,
    ),
    "chongqing": CardData(
        issuer=bytes.fromhex("847540000000FFFF"), application_serial=bytes.fromhex("00004000000212668612"),
        start=date(2014, 12, 3), expiry=date(2099, 12, 31), issue_date=date(2014, 5, 12), city=bytes.fromhex("4000"),
        safety_code=bytes.fromhex("01A1B2C3D411223344"),
    ),
}  # fmt: skip


class Reader:
    """A reader app: raw commands in hex, with the answer's status checked where the app would stop."""

    def __init__(self, link: SimulatedTransport, city: str) -> None:
        self.link, self.city = link, city

    def __call__(self, command: str, status: str = "9000") -> bytes:
        answer = self.link.transmit(bytes.fromhex(command))
        assert status.lower() == answer[-2:].hex(), command
        return answer[:-2]

    def refused(self, command: str) -> str:
        answer = self.link.transmit(bytes.fromhex(command))
        assert answer[-2:] != b"\x90\x00"
        return answer[-2:].hex()

    def number(self, command: str) -> int:
        return int.from_bytes(self(command))


@cache
def made(city: str) -> CardSnapshot:
    profile = load_profile(city)
    sam_profile = load_profile(profile.psam)
    keys = KeyRing.for_tests("city", profile, sam_profile)
    card = Card.blank(profile)
    link = SimulatedTransport(card)
    personalise(link, profile, CARDS[city], keys)
    _load(link, profile, keys, 10_00)
    sam_link = SimulatedTransport(Card.blank(sam_profile))
    personalise(sam_link, sam_profile, SAM, keys)
    _spend(link, profile, PsamSession(sam_link, sam_profile), 3_64)
    return card.snapshot()


def _load(link, profile, keys, amount):
    session, dialect = PurseSession(link, profile), profile.dialect
    asked = session.initialize_for_load(Purse.EP, amount=amount, terminal=TERMINAL)
    card = keys.for_card(profile, issuer=session.public.issuer, card_serial=session.public.card_serial)
    key = dialect.session_key("load", card["load"], random=asked.random, online_serial=asked.online_serial)
    mac2 = dialect.mac(
        "load", "mac2", key, amount=amount, type=2, terminal=TERMINAL, date=WHEN.date(), time=WHEN.time()
    )
    session.credit_for_load(when=WHEN, mac2=mac2)


def _spend(link, profile, psam, amount):
    session = PurseSession(link, profile)
    asked = session.initialize_for_purchase(Purse.EP, amount=amount, terminal=TERMINAL)
    if needs_safety_code(profile, "purchase", "mac1"):
        psam.authentication_message(session.get_message())
    sam = psam.init_sam_for_purchase(asked, card=session.public, amount=amount, transaction_type=6, when=WHEN)
    session.debit_for_purchase(terminal_serial=sam.terminal_serial, when=WHEN, mac1=sam.mac1)


@pytest.fixture
def reader(request):
    """A reader app before a card of the city that the test is marked with, freshly reset."""
    card = Card.blank(load_profile(request.param))
    card.restore(made(request.param))
    card.power_on()
    return Reader(SimulatedTransport(card), request.param)


def city(name):
    return pytest.mark.parametrize("reader", [name], indirect=True)


def shown(records):
    """What a reader makes of a log: day, amount with its sign; empty and zero entries are left out."""
    entries = [LOG_RECORD.split(record) for record in records if any(record)]
    signs = {1: 1, 2: 1, 5: -1, 6: -1, 9: -1}
    return [(entry["date"], signs[entry["type"]] * entry["amount"]) for entry in entries if entry["amount"]]


LOG = [(WHEN.date(), -3_64), (WHEN.date(), 10_00)]


def log_one_by_one(reader, command="00B2{:02X}C417"):
    records = []
    for number in range(1, 11):
        answer = reader.link.transmit(bytes.fromhex(command.format(number)))
        if answer[-2:] != b"\x90\x00":
            assert bytes.fromhex("6A83") == answer[-2:]
            break
        records.append(answer[:-2])
    return records


# ------------------------------------------------------------------ NFCard


@city("beijing")
def test_nfcard_reads_beijing(reader):
    reader("00A40000023F0000")
    card, use = reader("00B0840000"), reader("00B0850000")
    assert ("1000751136141285", "060200") == (card[:8].hex(), card[8:11].hex())
    assert ("20180309", "20240309") == (card[24:28].hex(), card[28:32].hex())
    assert 0 == int.from_bytes(use[1:5])
    assert "6f06840450424f43" == reader("00A4000002100100").hex()
    assert 10_00 - 3_64 == reader.number("805C000204")
    reader.refused("00B201C500")  # all records at once: the reader falls back
    assert LOG == shown(log_one_by_one(reader))


@city("wuhan")
def test_nfcard_reads_wuhan(reader):
    """Number and validity without any SELECT; this card has its purse in AP1.WHCTC, so the balance comes after it."""
    number, validity = reader("00B08A0000"), reader("00B0850000")
    assert "0123456789" == number[:5].hex()
    assert ("20341231", "20250101", 2) == (validity[16:20].hex(), validity[20:24].hex(), validity[24])
    assert "6a81" == reader.refused("805C000204")
    reader("00A40400094150312E57484354 4300")
    assert 6_36 == reader.number("805C000204")
    assert LOG == shown(log_one_by_one(reader))


@city("mohurd")
def test_nfcard_reads_city_union(reader):
    reader("00A4040009A0000000038698070100")
    data = reader("00B0950000")
    assert ("3100", 0, "20140614", "20640614") == (
        data[2:4].hex(), data[9], data[20:24].hex(), data[24:28].hex(),
    )  # fmt: skip
    assert 0x20458878 == int.from_bytes(data[16:20])
    assert 6_36 == reader.number("805C000204")
    assert LOG == shown(log_one_by_one(reader))


@city("tunion")
def test_nfcard_reads_tunion(reader):
    """Shown is P1 = 03, minus P1 = 02 when that is zero."""
    reader("00A4040008A00000063201010500")
    data = reader("00B0950000")
    assert "3105170070104791381" == data[10:20].hex()[1:]
    own, used, limit = (reader.number(f"805C{form:02X}0204") for form in (3, 2, 1))
    assert (6_36, 0, 8_00) == (own, used, limit)
    assert LOG == shown(log_one_by_one(reader))


@city("shenzhen")
def test_nfcard_reads_shenzhen(reader):
    """The number is shown low byte first, with a digit that makes the sum of all a multiple of ten."""
    reader("00A4000002100100")
    data = reader("00B0950000")
    number = int.from_bytes(data[16:20], "little")
    assert (689781990, 3) == (number, -sum(map(int, str(number))) % 10)
    assert "10100000" == data[28:32].hex()
    assert 6_36 == reader.number("805C000204") & 0x7FFFFFFF
    assert LOG == shown(log_one_by_one(reader))
    assert bytes(32) == reader("00B2014420")


@city("lingnan")
def test_readers_of_lingnan(reader):
    reader("00A40400085041592E4150505900")
    data = reader("00B0950000")
    assert ("5100000012345678", "20250101", "20341231") == (
        data[8:16].hex(), data[23:27].hex(), data[27:31].hex(),
    )  # fmt: skip
    assert 22 == len(reader("00B2014400"))
    assert 22 == len(reader("00B2C84000"))
    [fci] = parse_tlv(reader("00A40400085041592E5449434C00"))
    issuer_data = fci.find(0x9F0C).value
    assert (21, EXPIRY) == (len(issuer_data), load_layout("lingnan_wallet").split(issuer_data)["expiry"])
    assert 6_36 == reader.number("805C000204")
    assert LOG == shown(log_one_by_one(reader))


# ------------------------------------------------------------------ T-Union readers


@city("tunion")
def test_tunion_master_finds_the_card_by_its_label(reader):
    [ppse] = parse_tlv(reader("00A404000E325041592E5359532E444446303100"))
    entry = ppse.find(0x61)
    assert (bytes.fromhex("A000000632010105"), b"MOT_T_EP") == (
        entry.find(0x4F).value,
        entry.find(0x50).value,
    )
    [fci] = parse_tlv(reader(f"00A4040008{entry.find(0x4F).value.hex()}00"))
    assert (b"MOT_T_EP", 30) == (fci.find(0x50).value, len(fci.find(0x9F0C).value))
    assert 14_36 == reader.number("805C000204")
    assert LOG == shown(log_one_by_one(reader, "00B2{:02X}C400"))
    assert "6a83" == reader.refused("00B201F400")


@city("tunion")
def test_bus_validator(reader):
    """SELECT without Le, exact lengths, INITIALIZE FOR CAPP PURCHASE and a trip record; taken away before the debit
    nothing remains.
    """
    reader("00A4040008A000000632010105")
    assert 30 == len(reader("00B095001E"))
    region = load_layout("tunion_region").split(reader("00B097003C"))
    assert (1, 1, bytes.fromhex("00000156")) == (
        region["interoperability"],
        region["card_kind"],
        region["country"],
    )
    assert 6_36 == reader.number("805C030204")
    asked = reader("805003020B 01 00000064 001122334455")
    assert 14_36 == int.from_bytes(asked[:4])
    reader("80DC00F030" + "00" * 48)
    reader("00A4040008A000000632010105")
    assert 14_36 == reader.number("805C000204")
    assert "6a83" == reader.refused("00B201F400")


@city("tunion")
def test_a_gate_updates_the_ride_by_its_record_id(reader):
    """Record 01 of file 001A is the metro's, addressed by the low byte of its identifier."""
    reader("00A4040008A000000632010105")
    metro = load_layout("tunion_metro").split(reader("00B201D480"))
    assert (bytes.fromhex("2701"), 0) == (metro["record_id"], metro["ride_state"])
    reader("805003020B 01 00000000 001122334455 0F")
    reader("80DC01D080" + "2701" + "00" * 126)
    assert bytes.fromhex("2702") == reader("00B202D480")[:2]


@city("tunion")
def test_balance_of_the_shanghai_phone_application(reader):
    """Out of the answer to a composite purchase of nothing: balance minus the three bytes of the overdraft limit."""
    reader("00A4040008A000000632010105")
    reader("00B0950000")
    before = reader("805C000204")
    asked = reader("805003020B 01 00000000 000000000000 0F")
    assert 6_36 == int.from_bytes(asked[:4]) - int.from_bytes(asked[6:9])
    reader("00A4040008A000000632010105")
    assert before == reader("805C000204")


def test_overdraft_in_use_is_shown_below_zero():
    """A new card is like the logged Shanghai card that shows 0.00; then it spends what it has not."""
    profile = load_profile("tunion")
    sam_profile = load_profile(profile.psam)
    keys = KeyRing.for_tests("city", profile, sam_profile)
    link, sam_link = SimulatedTransport(Card.blank(profile)), SimulatedTransport(Card.blank(sam_profile))
    personalise(link, profile, CARDS["tunion"], keys)
    personalise(sam_link, sam_profile, SAM, keys)
    reader = Reader(link, "tunion")
    reader("00A4040008A000000632010105")
    assert [8_00, 8_00, 0, 0] == [reader.number(f"805C{form:02X}0204") for form in range(4)]
    _spend(link, profile, PsamSession(sam_link, sam_profile), 3_00)
    every, limit, used, own = (reader.number(f"805C{form:02X}0204") for form in range(4))
    assert (-3_00, -3_00) == (every - limit, own - used)


# ------------------------------------------------------------------ what follows from all readers


@pytest.mark.parametrize("reader", CARDS, indirect=True)
def test_rules_that_follow_from_all_readers(reader):
    profile = load_profile(reader.city)
    reader("00A4000000")  # an empty name does not lose the card
    for step in profile.path(profile.application):
        for tail in ("", "00"):
            reader(f"00A40400{len(step.aid):02X}{step.name}{tail}")
        reader(f"00A4000002{step.fid:04X}00")
    assert "6a82" == reader.refused("00B0930000")  # no file 13
    assert "6a83" == reader.refused("00B20BC417")
    assert len(reader("00B201C400")) == len(reader("00B201C417")) == 23
    assert "6c17" == reader.refused("00B201C418")
    assert reader.refused("F0CA000000") in ("6e00", "6d00")
    assert reader.refused("80F9000000") in ("6e00", "6d00")


@city("mohurd")
def test_directory_record_and_fci_of_a_ministry_card(reader):
    """The very bytes of a Hangzhou card."""
    assert "7011610f4f09a0000000038698070150023f01" == reader("00B2010C00").hex()
    fci = "6F2E8409A00000000386980701A5219F0C1E847531000000000000003100310000002045887820140614206406140000"
    assert fci.lower() == reader("00A4040009A0000000038698070100").hex()


@city("mohurd")
def test_zones_and_card_file_of_a_ministry_card(reader):
    card = load_layout("mohurd_card").split(reader("00B0850000"))
    assert (bytes.fromhex("3100000020458878"), date(2014, 6, 14)) == (card["card_serial"], card["issue_date"])
    reader("00A40000023F01")
    assert [46 + 2] * 6 == [len(reader(f"00B2{tag:02X}B800")) for tag in (1, 2, 3, 4, 5, 9)]
    assert 22 + 2 == len(reader("00B211B800"))
    assert bytes.fromhex("01A1B2C3D411223344") == reader("80CA000009")
    for zone in ("84", "D4"):
        assert "6a83" == reader.refused(f"00B201{zone}17")


@pytest.mark.parametrize("name", CARDS)
def test_every_card_counts_its_memory_as_the_profile_does(name, tmp_path):
    """The least memory that the profile takes is what the card needs, to the byte."""
    profile = load_profile(name)
    least = profile.cos.memory - _free(profile, CARDS[name])
    for memory in (least, least - 1):
        path = tmp_path / f"{memory}.toml"
        path.write_text(f'[profile]\nextends = "{name}"\n[cos]\nmemory = {memory}\n')
        if memory == least:
            assert 0 == _free(load_profile(str(path)), CARDS[name])
        else:
            with pytest.raises(ProfileError, match=f"memory must be at least {least} bytes"):
                load_profile(str(path))


def _free(profile, data):
    card = Card.blank(profile)
    personalise(SimulatedTransport(card), profile, data, KeyRing.for_tests("memory", profile))
    return inspect_card(card).free


# ------------------------------------------------------------------ samples of real cards


#: Log records by the city of the card, with what they say: serial, fen, terminal, moment.
SAMPLES = {
    "hangzhou-1": (
        "00080000000000016C0931000102931320140614173611",
        8,
        3_64,
        "310001029313",
        "20140614173611",
    ),
    "hangzhou-2": ("0007000000000000000931000102916220140614171645", 7, 0, "310001029162", "20140614171645"),
    "hangzhou-3": (
        "0006000000000000B60931000102916620140614154024",
        6,
        1_82,
        "310001029166",
        "20140614154024",
    ),
    "hangzhou-4": ("0005000000000000000931000102901320140614151910", 5, 0, "310001029013", "20140614151910"),
    "hangzhou-5": (
        "0004000000000000B60931000102902120140614140953",
        4,
        1_82,
        "310001029021",
        "20140614140953",
    ),
    "hangzhou-6": ("0003000000000000000931000102907920140614140031", 3, 0, "310001029079", "20140614140031"),
    "hangzhou-7": (
        "0002000000000000B60931000102907220140614085525",
        2,
        1_82,
        "310001029072",
        "20140614085525",
    ),
    "beijing": (
        "042D000000000001F40930008900034020241229141740",
        1069,
        5_00,
        "300089000340",
        "20241229141740",
    ),
    "shenzhen": (
        "001A000000000000A00900003101165220191024184245",
        26,
        1_60,
        "000031011652",
        "20191024184245",
    ),
}


@pytest.mark.parametrize(
    ("record", "serial", "amount", "terminal", "when"), SAMPLES.values(), ids=SAMPLES.keys()
)
def test_log_records_of_real_cards(record, serial, amount, terminal, when):
    layout = load_layout("log")
    values = layout.split(bytes.fromhex(record))
    moment = datetime.strptime(when, "%Y%m%d%H%M%S")
    assert (serial, amount, 9, terminal, moment) == (
        values["serial"], values["amount"], values["type"], values["terminal"].hex(),
        datetime.combine(values["date"], values["time"]),
    )  # fmt: skip
    assert layout.elements == LOG_RECORD.elements
    assert bytes.fromhex(record) == layout.assemble(values)


def split(layout: Layout, text: str) -> dict:
    return layout.split(bytes.fromhex(text))


def test_trip_record_of_a_beijing_tunion_card():
    values = split(
        load_layout("tunion_trip"),
        "0400003000890003400108001900300000000001F400000E0120241229141740100001011000FFFFFFFF000000000000",
    )
    assert (4, 1, "0800", "1900", 5_00, 35_85) == (
        values["trip_kind"], values["industry"], values["line"].hex(), values["station"].hex(), values["amount"],
        values["balance"],
    )  # fmt: skip
    assert (date(2024, 12, 29), time(14, 17, 40)) == (values["date"], values["time"])
    assert ("1000", "01011000ffffffff") == (values["city"].hex(), values["institution"].hex())


@pytest.mark.parametrize(
    ("profile", "place", "raw", "serial", "start", "expiry"),
    [
        pytest.param("tunion", "3F01/0015", "01011000FFFFFFFF 02 01 03105170070104791381 20190718 20401231 0000",
                     "03105170070104791381", date(2019, 7, 18), date(2040, 12, 31), id="tunion-beijing"),
        pytest.param("tunion", "3F01/0015", "02403640FFFFFFFF 02 01 03104991585000011383 20210726 20250930 8500",
                     "03104991585000011383", date(2021, 7, 26), date(2025, 9, 30), id="tunion-3640"),
        pytest.param("mohurd", "3F01/0015", "869820007590FFFF 02 05 2000B8C646E2AC300CA7 20161021 20211021 1814",
                     "2000b8c646e2ac300ca7", date(2016, 10, 21), date(2021, 10, 21), id="shanghai"),
        pytest.param("mohurd", "3F01/0015", "8475310000000000 0000 31003100000020458878 20140614 20640614 0000",
                     "31003100000020458878", date(2014, 6, 14), date(2064, 6, 14), id="hangzhou"),
        pytest.param("shenzhen", "1001/0015", "0000000000000000 FD44 000051800000E63C1D29 20171201 20271201 10100000",
                     "000051800000e63c1d29", date(2017, 12, 1), date(2027, 12, 1), id="shenzhen"),
        pytest.param("beijing", "3F00/0004", "1000751136141285 060200 30000000000000000000000000 20180309 20240309",
                     "00001000751136141285", date(2018, 3, 9), date(2024, 3, 9), id="beijing"),
    ],
)  # fmt: skip
def test_public_files_of_real_cards(profile, place, raw, serial, start, expiry):
    found = public_data(load_profile(profile), {FilePlace.parse(place): bytes.fromhex(raw)})
    assert (serial, start, expiry) == (found.application_serial.hex(), found.start, found.expiry)
    assert serial[4:] == found.card_serial.hex()


def test_region_file_of_a_real_tunion_card():
    raw = "00000156 5800 5840 0001 01".replace(" ", "").ljust(120, "0")
    values = split(load_layout("tunion_region"), raw)
    assert ("5800", "5840", 1, 1) == (
        values["province"].hex(), values["city"].hex(), values["interoperability"], values["card_kind"],
    )  # fmt: skip


def test_full_fci_of_a_real_tunion_card():
    """Tags in the order of our profile; only the issuer's name of the application differs."""
    [fci] = parse_tlv(
        bytes.fromhex(
            "6F508408A000000632010105A54450084D4F545F545F45508701029F0801029F120F4341524420494D41474520303030319F0C1E"
            "02403640FFFFFFFF02010310499158500001138320210726202509308500"
        )
    )
    ours = [element.partition("=")[0] for element in load_profile("tunion").application.fci]
    assert ours == [f"{tlv.tag:X}" for tlv in fci.find(0xA5).children]
    assert fci.find(0x9F08).value == bytes([load_profile("tunion").cos.fci_version])


def test_card_file_of_a_chongqing_card():
    values = split(load_layout("chongqing_card"), "847540000000FFFF0100 4000 4000000212668612 20140512")
    assert ("4000", "4000000212668612", date(2014, 5, 12)) == (
        values["city"].hex(), values["card_serial"].hex(), values["issue_date"],
    )  # fmt: skip


def test_use_count_of_a_beijing_card():
    values = split(load_layout("beijing_use"), "00 00000014".ljust(41, "0"))
    assert 20 == values["use_count"]


def test_balances_of_real_cards():
    """Hangzhou 39.08, Beijing 27.55, Shenzhen 1.00 with the top bit set."""
    raw = [bytes.fromhex(text) for text in ("00000F44", "00000AC3", "80000064")]
    assert [39_08, 27_55, 1_00] == [GET_BALANCE.parse_answer(each).balance & 0x7FFFFFFF for each in raw]


def test_a_bus_ride_survives_its_layout():
    """The second layout of file 001A: every element in its place, counted from the ends that the page names."""
    layout = load_layout("tunion_bus")
    raw = bytes(range(128))
    values = layout.split(raw)
    assert (raw[0:2], raw[6:14], raw[15:17]) == (
        values["record_id"],
        values["card_serial"],
        values["entry_city"],
    )
    assert (raw[58:60], int.from_bytes(raw[96:100])) == (values["exit_city"], values["amount"])
    metro = load_layout("tunion_metro").split(raw)
    assert (raw[67:74], raw[74:81], raw[124:128]) == (
        metro["entry_moment"],
        metro["exit_moment"],
        metro["crc"],
    )
    assert (int.from_bytes(raw[95:99]), raw[122]) == (metro["amount"], metro["inside"])


def test_other_readers_show_the_same_number_otherwise():
    """One file 15, three readers: hex of bytes 12..19, and 32 bits of bytes 16..19 either way round."""
    data = replace(CARDS["mohurd"], issuer=bytes.fromhex("869820007590FFFF"))
    raw = load_layout("public").assemble(data.values)
    assert ("3100000020458878", 541427832, 2022196512) == (
        raw[12:20].hex(), int.from_bytes(raw[16:20]), int.from_bytes(raw[16:20], "little"),
    )  # fmt: skip
