"""Published dumps of real cards, on cards of paper that hold nothing else: the reader shows what their holders saw."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from cardos.host import SimulatedTransport
from cardos.host.reading import ApplicationReading, CardReading, read_card
from tests.host.reading.rig import Application, PaperCard

MINISTRY = "A00000000386980701"
TUNION = "A000000632010105"
EP, ED = 2, 1


def read(names: dict[str, Application]) -> CardReading:
    return read_card(SimulatedTransport(PaperCard(names)))


def only(names: dict[str, Application]) -> ApplicationReading:
    [found] = read(names).applications
    return found


def plain(text: str) -> str:
    return text.replace(" ", "")


HANGZHOU = Application(
    fci="6F2E8409A00000000386980701A5219F0C1E847531000000000000003100310000002045887820140614206406140000",
    files={0x15: "847531000000000000003100310000002045887820140614206406140000"},
    records={
        0x18: [
            "00080000000000016C0931000102931320140614173611", "0007000000000000000931000102916220140614171645",
            "0006000000000000B60931000102916620140614154024", "0005000000000000000931000102901320140614151910",
            "0004000000000000B60931000102902120140614140953", "0003000000000000000931000102907920140614140031",
            "0002000000000000B60931000102907220140614085525", "00" * 23, "00" * 23, "00" * 23,
        ],
    },
    balances={(0, EP): "00000F44"},
)  # fmt: skip


HANGZHOU_MF = Application(records={0x01: ["7011610F4F09A0000000038698070150023F01"]})


def test_hangzhou():
    """A metro card: entries are composite purchases of nothing."""
    found = only({"3F00": HANGZHOU_MF, MINISTRY: HANGZHOU})
    assert ("mohurd", "3100000020458878", "Hangzhou", 39_08) == (
        found.kind, found.number, found.city, found.balance,
    )  # fmt: skip
    assert (date(2014, 6, 14), date(2064, 6, 14)) == (found.start, found.expiry)
    assert [3_64, 0, 1_82, 0, 1_82, 0, 1_82] == [-each.amount for each in found.transactions]
    assert datetime(2014, 6, 14, 17, 36, 11) == found.transactions[0].when
    assert {"composite purchase"} == {each.kind for each in found.transactions}
    assert [8, 7, 6, 5, 4, 3, 2] == [each.serial for each in found.transactions]


def test_hangzhou_by_its_fci_alone():
    """Where file 0015 cannot be read, the FCI says the same."""
    found = only({MINISTRY: Application(HANGZHOU.fci)})
    assert ("mohurd", "3100000020458878", "Hangzhou") == (found.kind, found.number, found.city)
    assert ((), date(2064, 6, 14)) == (found.purses, found.expiry)


def test_shanghai_of_the_ministry():
    raw = plain("869820007590FFFF 02 05 2000B8C646E2AC300CA7 20161021 20211021 1814")
    found = only({MINISTRY: Application(f"6F0B8409{MINISTRY}", files={0x15: raw})})
    assert ("Shanghai", "B8C646E2AC300CA7", date(2021, 10, 21)) == (found.city, found.number, found.expiry)
    unsigned, signed, little = (each.text for each in found.other_numbers)
    assert (0xAC300CA7, 0xAC300CA7 - (1 << 32), 0xA70C30AC - (1 << 32)) == (
        int(unsigned), int(signed), int(little),
    )  # fmt: skip


def test_chongqing():
    """The number lies in the MF, validity in the application."""
    number = plain("847540000000FFFF0100 4000 4000000212668612 20140512")
    found = only(
        {
            "3F00": Application(files={0x05: number}),
            MINISTRY: Application(
                f"6F0B8409{MINISTRY}", files={0x15: plain("0001400020141203 20991231") + "00" * 18}
            ),
        }
    )
    assert ("chongqing", "4000000212668612", "Chongqing") == (found.kind, found.number, found.city)
    assert (date(2014, 12, 3), date(2099, 12, 31)) == (found.start, found.expiry)
    [card] = [file for file in found.files if file.sfi == 0x05]
    assert date(2014, 5, 12) == next(each.value for each in card.fields if each.name == "issue_date")


BEIJING_TRIP = (
    "0400003000890003400108001900300000000001F400000E0120241229141740100001011000FFFFFFFF000000000000"
)
BEIJING_LOG = "042D000000000001F40930008900034020241229141740"


def test_beijing_of_tunion():
    found = only(
        {
            TUNION: Application(
                plain("6F31 84 08 A000000632010105 A525 9F0801 02 9F0C1E")
                + plain("01011000FFFFFFFF 02 01 03105170070104791381 20190718 20401231 00 00"),
                files={0x15: plain("01011000FFFFFFFF 02 01 03105170070104791381 20190718 20401231 00 00")},
                records={0x18: [BEIJING_LOG], 0x1E: [BEIJING_TRIP]},
                balances={(0, EP): "00000AC3"},
            )
        }
    )
    assert ("3105170070104791381", "Beijing", 27_55) == (found.number, found.city, found.balance)
    [log], [trip] = found.transactions, found.trips
    assert (1069, -5_00, datetime(2024, 12, 29, 14, 17, 40)) == (log.serial, log.amount, log.when)
    assert ("out", "metro", "0800", "1900", 5_00, 35_85, "Beijing") == (
        trip.kind, trip.industry, trip.line.hex(), trip.station.hex(), trip.amount, trip.balance, trip.city,
    )  # fmt: skip
    assert (log.when, "01011000FFFFFFFF") == (trip.when, trip.institution.hex().upper())


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        pytest.param({0: 0x320, 1: 0x320, 2: 0, 3: 0}, 0, id="shanghai-shows-nothing"),
        pytest.param({0: 0x320, 1: 0x320}, 0, id="two-forms"),
        pytest.param({0: 500, 1: 800, 2: 300, 3: 0}, -300, id="in-use"),
        pytest.param({0: 500, 2: 300, 3: 0}, -300, id="no-limit-told"),
        pytest.param({0: 500}, 500, id="older-card"),
    ],
)
def test_balance_with_an_overdraft(answers, shown):
    balances = {(form, EP): f"{value:08X}" for form, value in answers.items()}
    found = only({TUNION: Application(balances=balances)})
    assert shown == found.balance


def test_tunion_with_a_full_fci():
    """Name of the issuer and two-byte version, and zeros behind the last data object; validity is over since 2025."""
    fci = (
        "6F508408A000000632010105A54450084D4F545F545F45508701029F0801029F120F4341524420494D41474520303030319F0C1E"
        "02403640FFFFFFFF02010310499158500001138320210726202509308500"
    )
    padded = plain("6F 36 84 08 A000000632010105 A526 9F08020102 9F0C1E") + fci[-60:] + "00000000"
    for each in (fci, padded):
        found = only({TUNION: Application(each, balances={(0, EP): "00000000"})})
        assert ("3104991585000011383", date(2021, 7, 26), date(2025, 9, 30)) == (
            found.number, found.start, found.expiry,
        )  # fmt: skip


def test_shenzhen():
    """By the identifier 1001; the balance has its top bit set."""
    szt = "5041592E535A54"
    raw = plain("0000000000000000 FD44000051800000E63C1D29 20171201 20271201 10100000")
    purse = Application(
        f"6F2E8407{szt}A5239F0C20{raw}", files={0x15: raw[: 2 * 0x1C]},
        records={0x18: ["001A000000000000A00900003101165220191024184245"]}, balances={(0, EP): "80000064"},
    )  # fmt: skip
    found = only({"3F00": Application(), "1001": purse})
    assert ("shenzhen", "689781990(3)", 1_00) == (found.kind, found.number, found.balance)
    assert (date(2017, 12, 1), date(2027, 12, 1)) == (found.start, found.expiry)
    [log] = found.transactions
    assert (26, -1_60, "bus", "000031011652") == (log.serial, log.amount, log.place, log.terminal.hex())


def test_beijing_legacy():
    """Number and use count without any SELECT, the purse in directory 1001, a terminal that tells the metro line."""
    mf = Application(
        files={
            0x04: plain("1000751136141285 060200 30000000000000000000000000 20180309 20240309"),
            0x05: "0000000014".ljust(40, "0"),
        }
    )
    purse = Application("6F08840450424F43A500", records={0x18: [BEIJING_LOG]}, balances={(0, EP): "00000AC3"})
    found = only({"3F00": mf, "1001": purse})
    assert ("beijing", "1000751136141285", "Beijing", 27_55) == (
        found.kind, found.number, found.city, found.balance,
    )  # fmt: skip
    assert (date(2018, 3, 9), date(2024, 3, 9)) == (found.start, found.expiry)
    assert "metro line 08" == found.transactions[0].place
    [use] = [file for file in found.files if file.sfi == 0x05]
    assert 20 == next(each.value for each in use.fields if each.name == "use_count")


def test_wuhan_with_the_purse_beside_the_number():
    """An older card gives its balance in the MF only, and refuses it in AP1.WHCTC."""
    mf = Application(
        files={0x0A: "0123456789".ljust(32, "0"), 0x05: "00" * 16 + "20341231" + "20250101" + "02"},
        balances={(0, EP): "0000027C"},
    )
    found = only({"3F00": mf, "4150312E5748435443": Application(records={0x18: [BEIJING_LOG]})})
    assert ("wuhan", "0123456789", 6_36) == (found.kind, found.number, found.balance)
    assert (date(2025, 1, 1), date(2034, 12, 31), 1) == (found.start, found.expiry, len(found.transactions))


def test_tsinghua_has_its_money_in_the_deposit():
    """The ministry's name, and GET BALANCE with P2 = 01."""
    card = Application(HANGZHOU.fci, HANGZHOU.files, balances={(0, ED): "000003E8"})
    [purse] = only({MINISTRY: card}).purses
    assert ("ed", 10_00) == (purse.name, purse.balance)


def test_an_instance_in_a_phone_is_found_by_the_directory():
    """Its name goes on behind that of the plastic card, and only the directory of contactless applications tells it."""
    name = "A00000063201010510009156000014A1"
    entry = f"61124F10{name}"
    ppse = f"6F29840E325041592E5359532E4444463031A517BF0C14{entry}"
    raw = plain("01011000FFFFFFFF 02 01 03105170070104791381 20190718 20401231 00 00")
    reading = read(
        {
            "325041592E5359532E4444463031": Application(ppse),
            name: Application(f"6F128410{name}", files={0x15: raw}, balances={(0, EP): "00000001"}),
        }
    )
    assert (bytes.fromhex(name),) == reading.names
    assert ("tunion", bytes.fromhex(name), 1) == (reading.main.kind, reading.main.aid, reading.main.balance)


def test_two_applications_on_one_card():
    """Shanghai cards carry the ministry's purse and that of T-Union: both are read, the older is shown first."""
    raw = plain("02002900FFFFFFFF 02 01 03105170070104791381 20190718 20401231 01 14")
    reading = read({MINISTRY: HANGZHOU, TUNION: Application(f"6F0A8408{TUNION}", files={0x15: raw})})
    assert [("mohurd", "Hangzhou"), ("tunion", "Shanghai")] == [
        (each.kind, each.city) for each in reading.applications
    ]


@pytest.mark.parametrize("fid", ["3F01", "1001"])
def test_a_card_of_another_city_with_a_usual_purse(fid):
    """No name that is known, but a purse as JR/T 0025.2 has it in a usual directory: it is not taken for Shenzhen's."""
    purse = Application("6F0A8408D156000015CCECB8", HANGZHOU.files, balances={(0, EP): "00000064"})
    found = only({"3F00": Application(), fid: purse})
    assert ("city-3des", "Card with a JR/T 0025.2 purse", 1_00) == (found.kind, found.title, found.balance)
    assert ("31003100000020458878", bytes.fromhex("D156000015CCECB8")) == (found.number, found.aid)


def test_a_blocked_application_is_read_and_said_to_be_blocked():
    card = Application(HANGZHOU.fci, HANGZHOU.files, status="6283")
    reading = read({MINISTRY: card})
    assert ("mohurd", "3100000020458878") == (reading.main.kind, reading.main.number)
    assert ("SELECT", 0x6283) == (reading.refusals[0].command, reading.refusals[0].sw)


def test_a_card_whose_mf_has_no_identifier():
    """A Wuhan card in a phone: the MF is entered by its name."""
    mf = Application(
        files={0x0A: "0123456789".ljust(32, "0"), 0x05: "00" * 16 + "20341231" + "20250101" + "02"}
    )
    purse = Application(balances={(0, EP): "0000027C"})
    found = only({"315041592E5359532E4444463031": mf, "A0000053425748544B": purse})
    assert ("wuhan", "0123456789", 6_36) == (found.kind, found.number, found.balance)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        pytest.param("D156000015CCECB8AECDA8BFA8", "Chengdu Tianfu Tong", id="chengdu"),
        pytest.param("6A682ECAD0C3F1BFA8", "Jinhua citizen card", id="jinhua"),
    ],
)
def test_a_purse_under_another_name_that_is_known(name, title):
    found = only({name: Application(files=HANGZHOU.files, balances={(0, EP): "00000064"})})
    assert (title, "city-3des", 1_00, bytes.fromhex(name)) == (
        found.title, found.kind, found.balance, found.aid,
    )  # fmt: skip


def test_suzhou():
    """Its money is in the deposit."""
    raw = "2150012345678901" + "00" * 12 + "2025010120341231" + "0000"
    found = only({"535558494E2E4444463031": Application(files={0x15: raw}, balances={(0, ED): "000003E8"})})
    assert ("suzhou", "2150012345678901", 10_00, date(2034, 12, 31)) == (
        found.kind, found.number, found.balance, found.expiry,
    )  # fmt: skip
