"""Composite purchases (CAPP): records that wait for the debit and are written with it, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardos.apdu import SW
from cardos.apdu.os_commands import READ_RECORD, UPDATE_RECORD
from cardos.apdu.purse_commands import ED, EP, LOG_RECORD, UPDATE_CAPP_DATA_CACHE
from cardos.profile import FileSpec
from cardos.wallet.composite import CachedRecord
from cardos.wallet.states import State
from tests.wallet.purse_cards import CAPP, COMPOSITE_FILES, CYCLIC, LINEAR, purse_card
from tests.wallet.rig import PurseRig

RIDE = bytes.fromhex("020A 00 0000 00000000000000".replace(" ", ""))
SUBSIDY = bytes.fromhex("0504 00 112233")
SUITES = pytest.mark.parametrize("suite", ["3des", "sm4-a", "sm4-b"])


def card(*records: bytes, files=COMPOSITE_FILES, **arguments) -> PurseRig:
    """A card with 10 yuan and these records in its CAPP file."""
    rig = purse_card(files=files, **arguments)
    node = rig.fs.by_sfi(rig.application, CAPP)
    for record in records or (RIDE, SUBSIDY):
        rig.fs.append_record(node, record)
    rig.poke(EP, balance=1000)
    return rig


def record(rig, sfi, number=1) -> bytes:
    return rig.fs.read_record(rig.fs.by_sfi(rig.application, sfi), number)


def count(rig, sfi) -> int:
    return rig.fs.record_count(rig.fs.by_sfi(rig.application, sfi))


def filled(head: str, size: int) -> bytes:
    return bytes.fromhex(head).ljust(size, b"\x00")


# ------------------------------------------------------------------ which record


@SUITES
def test_records_of_several_files_are_written_with_the_debit(suite):
    rig = card(suite=suite)
    ride, subsidy = bytes.fromhex("020A00") + bytes(range(9)), bytes.fromhex("050400AABBCC")
    trip, name = bytes(range(48)), b"Changsha".ljust(16, b"\x00")
    rig.transact("composite", 300, serial=7, records=[
        (0x02, CAPP << 3, ride), (0x05, CAPP << 3, subsidy), (2, LINEAR << 3, name), (0, CYCLIC << 3, trip),
    ])  # fmt: skip
    assert (ride, subsidy) == (record(rig, CAPP, 1), record(rig, CAPP, 2))
    assert (name, trip, 1) == (record(rig, LINEAR, 2), record(rig, CYCLIC), count(rig, CYCLIC))
    assert (700, 1) == (rig.balance(), rig.purse_state().offline_serial)


def test_nothing_is_written_before_the_debit():
    rig = card()
    rig.begin("composite", 1)
    before = rig.stored()
    rig.cache(0x02, CAPP << 3, bytes.fromhex("020A00FF"))
    rig.cache(0, CYCLIC << 3, bytes(48))
    assert before == rig.stored()
    assert State.CAPP2 is rig.state()


def test_a_record_takes_the_place_of_one_that_waits_for_the_same():
    """By its tag or by its number, it is the same record."""
    rig = card()
    records = [
        (0x02, CAPP << 3, bytes.fromhex("020A0001")),
        (0x05, CAPP << 3, bytes.fromhex("05040001")),
        (0x01, CAPP << 3 | 4, bytes.fromhex("020A0002")),
        (0x05, CAPP << 3, bytes.fromhex("05040002")),
        (1, LINEAR << 3, b"first"),
        (1, LINEAR << 3 | 4, b"second"),
    ]
    rig.begin("composite")
    for each in records:
        rig.cache(*each)
    waiting = rig.card._kernel.session.pending.records
    assert [CAPP, CAPP, LINEAR] == [each.node.fid for each in waiting]
    assert all(isinstance(each, CachedRecord) for each in waiting)
    rig.select()
    rig.transact("composite", 0, records=records)
    assert (filled("020A0002", 12), filled("05040002", 6)) == (record(rig, CAPP, 1), record(rig, CAPP, 2))
    assert b"second".ljust(16, b"\x00") == record(rig, LINEAR)


def test_records_are_added_to_a_cyclic_file_one_by_one():
    """``80 DC 00 F0 30``: the trip of a transport ministry card; nothing waiting is replaced."""
    rig = card()
    for first in (0x03, 0x04, 0x06, 0x02):
        begun = rig.begin("composite")
        sent = bytes.fromhex("80DC00F030") + bytes([first]) + bytes(47)
        assert SW.SUCCESS == rig.raw(sent).sw
        assert SW.SUCCESS == rig.raw(rig.partner("composite", begun)).sw
    assert [0x02, 0x06, 0x04] == [record(rig, CYCLIC, number)[0] for number in (1, 2, 3)]
    rig.transact("composite", 0, records=[(0, CYCLIC << 3, b"\x07"), (0, CYCLIC << 3, b"\x08")])
    assert [0x08, 0x07, 0x02] == [record(rig, CYCLIC, number)[0] for number in (1, 2, 3)]


def test_the_control_record_of_a_city_card():
    """``80 DC 02 B8 30 02 2E 00``: terminals send the whole record, with tag, length and lock flag, to SFI 17."""
    rig = card(files=(*COMPOSITE_FILES, FileSpec(0x17, "variable", size=0x60)))
    rig.fs.append_record(rig.fs.by_sfi(rig.application, 0x17), bytes.fromhex("022E") + bytes(46))
    begun = rig.begin("composite", 200)
    data = bytes.fromhex("022E00") + bytes(range(45))
    assert SW.SUCCESS == rig.raw(bytes.fromhex("80DC02B830") + data).sw
    assert SW.SUCCESS == rig.raw(rig.partner("composite", begun, 200)).sw
    assert data == rig.raw(READ_RECORD.command(0x02, 0x17 << 3)).data


def test_a_tag_means_the_first_record_that_has_it():
    rig = card(SUBSIDY, RIDE, RIDE)
    rig.transact("composite", 0, records=[(0x02, CAPP << 3, bytes.fromhex("020A00EE"))])
    assert [SUBSIDY, filled("020A00EE", 12), RIDE] == [record(rig, CAPP, number) for number in (1, 2, 3)]
    rig.transact("composite", 0, records=[(3, CAPP << 3 | 4, bytes.fromhex("020A00DD"))])
    assert filled("020A00DD", 12) == record(rig, CAPP, 3)


def test_every_record_of_a_linear_file_is_there_from_the_start():
    rig = card()
    rig.transact("composite", 0, records=[(4, LINEAR << 3 | 4, b"last")])
    assert (4, b"last".ljust(16, b"\x00")) == (count(rig, LINEAR), record(rig, LINEAR, 4))
    assert bytes(16) == record(rig, LINEAR, 3)


@pytest.mark.parametrize(
    ("p1", "sfi", "data", "stored"),
    [
        pytest.param(0x02, CAPP, "020A00", filled("020A00", 12), id="tlv"),
        pytest.param(0x02, CAPP, "020A", filled("020A", 12), id="tlv-head"),
        pytest.param(1, LINEAR, "AA", filled("AA", 16), id="linear"),
        pytest.param(0, CYCLIC, "AA", filled("AA", 48), id="cyclic"),
    ],
)
def test_what_is_shorter_than_the_record_is_filled_with_zeros(p1, sfi, data, stored):
    rig = card(bytes.fromhex("020A00") + b"\xff" * 9)
    rig.transact("composite", 0, records=[(p1, sfi << 3, bytes.fromhex(data))])
    assert stored == record(rig, sfi)


def test_the_current_file_needs_no_short_identifier():
    rig = card()
    rig.raw(bytes.fromhex("00A40000020019"))
    rig.transact("composite", 0, records=[(0x02, 0x00, bytes.fromhex("020A00AA"))])
    assert filled("020A00AA", 12) == record(rig, CAPP)


# ------------------------------------------------------------------ locking


def test_a_locked_record_is_not_taken_until_it_is_unlocked():
    """The lock flag is the third byte of the record; UPDATE RECORD clears it."""
    rig = card()
    rig.transact("composite", 0, records=[(0x02, CAPP << 3, bytes.fromhex("020A01"))])
    rig.begin("composite")
    rig.cache(0x02, CAPP << 3, bytes.fromhex("020A00"), sw=SW.CAPP_LOCKED)
    assert State.IDLE is rig.state()
    assert SW.SUCCESS == rig.raw(UPDATE_RECORD.command(1, CAPP << 3 | 4, data=RIDE)).sw
    rig.transact("composite", 0, records=[(0x02, CAPP << 3, bytes.fromhex("020A00"))])


def test_a_record_without_a_lock_flag_is_free():
    rig = card(bytes.fromhex("0700"), bytes.fromhex("080101"))
    rig.transact("composite", 0, records=[(0x07, CAPP << 3, bytes.fromhex("0700"))])
    rig.begin("composite")
    rig.cache(0x08, CAPP << 3, bytes.fromhex("080100"), sw=SW.CAPP_LOCKED)


# ------------------------------------------------------------------ all or nothing


def wrong_mac(rig, begun):
    assert SW.MAC_INVALID == rig.raw(rig.partner("composite", begun, 5, mac=bytes(4))).sw


def another_initialize(rig, _begun):
    assert SW.INVALID_STATE == rig.raw(rig.begin_command("purchase", 5)).sw


def a_refused_record(rig, _begun):
    rig.cache(0x77, CAPP << 3, b"\x77\x00", sw=SW.RECORD_NOT_FOUND)


def worn(rig, begun):
    rig.card.memory.worn = True
    assert SW.MEMORY_FAILURE == rig.raw(rig.partner("composite", begun, 5)).sw
    rig.card.memory.worn = False


@pytest.mark.parametrize(
    "end",
    [wrong_mac, another_initialize, a_refused_record, worn, lambda rig, _: rig.select(), lambda rig, _: rig.reset()],
    ids=["mac1", "initialize", "record", "worn", "select", "power"],
)  # fmt: skip
def test_what_waited_is_forgotten(end):
    """Nothing is written then, and nothing of it by the next debit."""
    rig = card()
    begun = rig.begin("composite", 5)
    rig.cache(0x02, CAPP << 3, bytes.fromhex("020A00FF"))
    rig.cache(0, CYCLIC << 3, bytes(48))
    right = rig.partner("composite", begun, 5)
    end(rig, begun)
    assert SW.INVALID_STATE == rig.raw(right).sw
    assert (1000, 0, ()) == (rig.balance(), rig.purse_state().offline_serial, rig.log())
    rig.transact("composite", 5, records=[(0x05, CAPP << 3, bytes.fromhex("050400"))])
    assert (RIDE, 0) == (record(rig, CAPP), count(rig, CYCLIC))


@pytest.mark.parametrize(("length", "records"), [(1, 90), (48, 24), (178, 7)])
def test_all_that_may_wait_can_be_written(length, records):
    """The room for waiting records is within what one transaction of the card can write."""
    rig = card(
        files=(*COMPOSITE_FILES, FileSpec(0x1B, "linear", records=max(records, 2), record_length=length))
    )
    data = [bytes((number * 7 + place) & 0xFF for place in range(length)) for number in range(1, records + 1)]
    rig.transact("composite", 9, records=[
        (number, 0x1B << 3 | 4, each) for number, each in enumerate(data, 1)
    ])  # fmt: skip
    assert data == [record(rig, 0x1B, number) for number in range(1, records + 1)]
    assert 991 == rig.balance()


# ------------------------------------------------------------------ the transaction


@SUITES
def test_a_segmented_fare(suite):
    """Entry: amount 0, station and time into the record.  Exit: the fare, the record cleared (JR/T 0025.9 annex E)."""
    rig = card(suite=suite)
    entry = bytes.fromhex("020A00 0305 20161216105800")
    first = rig.transact("composite", 0, serial=41, records=[(0x02, CAPP << 3, entry)])
    assert entry == record(rig, CAPP)
    assert (1000, 1) == (rig.balance(), rig.purse_state().offline_serial)
    assert first[4:] + first[:4] == rig.prove(0x09, 1).data

    rig.reset()
    station, entered = record(rig, CAPP)[3:5], record(rig, CAPP)[5:]
    assert (bytes.fromhex("0305"), bytes.fromhex("20161216105800")) == (station, entered)
    rig.when = rig.when.replace(hour=11)
    second = rig.transact("composite", 350, serial=42, records=[(0x02, CAPP << 3, RIDE)])
    assert RIDE == record(rig, CAPP)
    assert (650, 2) == (rig.balance(), rig.purse_state().offline_serial)
    assert second[4:] + second[:4] == rig.prove(0x09, 2).data
    assert SW.PROOF_UNAVAILABLE == rig.prove(0x09, 1).sw

    log = [LOG_RECORD.split(each) for each in rig.log()]
    assert [(2, 350, 0x09), (1, 0, 0x09)] == [(r["serial"], r["amount"], r["type"]) for r in log]
    assert [11, 10] == [r["time"].hour for r in log]


def test_the_deposit_has_no_composite_purchase():
    rig = card()
    command = rig.begin_command("composite")
    assert SW.WRONG_P1P2 == rig.raw(replace(command, p2=ED)).sw


def test_a_purchase_is_not_completed_with_records():
    """Records wait in a composite purchase only, and its debit has type 09 in MAC1."""
    rig = card()
    begun = rig.begin("composite", 10)
    rig.cache(0x02, CAPP << 3, bytes.fromhex("020A00FF"))
    assert SW.MAC_INVALID == rig.raw(rig.partner("purchase", begun, 10)).sw
    rig.begin("purchase", 10)
    assert SW.INVALID_STATE == rig.raw(UPDATE_CAPP_DATA_CACHE.command(0x02, CAPP << 3, data=RIDE)).sw


def test_a_debit_of_wrong_length_ends_it():
    """``6700`` of the debit comes before its handler and ends the transaction."""
    rig = card()
    begun = rig.begin("composite", 10)
    rig.cache(0x02, CAPP << 3, bytes.fromhex("020A00FF"))
    right = rig.partner("composite", begun, 10)
    assert SW.WRONG_LENGTH == rig.raw(replace(right, data=right.data[:-1])).sw
    assert SW.INVALID_STATE == rig.raw(right).sw
    assert RIDE == record(rig, CAPP)
