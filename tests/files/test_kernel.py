"""The checks that all commands share, and their order: each command here breaks two rules, the first one answers."""

from __future__ import annotations

import pytest

from cardos.apdu import COMMANDS, SW
from cardos.card import KINDS
from cardos.files.call import Call, Refusal
from cardos.files.filesystem import BlockState
from cardos.files.reception import Receiver
from cardos.files.volume import AREAS
from tests.files.desk import CREATE_MF, SELECT_ADF, SELECT_MF, Desk, application


def block_application(desk: Desk) -> None:
    desk.fs.set_block_state(desk.session.directory, BlockState.TEMPORARY)
    desk.fs.commit()


def block_card(desk: Desk) -> None:
    desk.fs.block_card()
    desk.fs.commit()


def nothing(desk: Desk) -> None:
    pass


@pytest.mark.parametrize(
    ("before", "command", "sw"),
    [
        pytest.param(nothing, "", "6700", id="empty"),
        pytest.param(nothing, "FFFFFF", "6700", id="three-bytes"),
        pytest.param(nothing, "40A4000000", "6E00", id="class"),
        pytest.param(nothing, "00FF000000", "6D00", id="instruction"),
        pytest.param(nothing, "80B0840001", "6E00", id="instruction-of-the-other-class"),
        pytest.param(nothing, "01B0840001", "6E00", id="logical-channel"),
        pytest.param(nothing, "04A4000000", "6900", id="protected-form-of-a-plain-command"),
        pytest.param(nothing, "00C0000010", "6D00", id="get-response-without-t-0"),
        pytest.param(nothing, "8070000000", "6D00", id="command-of-a-sam"),
        pytest.param(nothing, "8070010000", "6D00", id="command-of-a-sam-with-a-wrong-p1"),
        pytest.param(nothing, "84D400001C" + "00" * 28, "6A86", id="sam-key-on-a-card"),
        pytest.param(nothing, "00FF0000FF00", "6D00", id="instruction-before-length"),
        pytest.param(nothing, "40B08400FF00", "6E00", id="class-before-length"),
        pytest.param(nothing, "00A401000511", "6700", id="length-form-before-p1"),
        pytest.param(nothing, "00B084000000FF", "6700", id="extended-le"),
        pytest.param(nothing, "00D684000000020102", "6700", id="extended-lc"),
        pytest.param(nothing, "00D68400F0" + "00" * 240, "6700", id="lc-240"),
        pytest.param(nothing, "00B08400F0", "6700", id="le-240"),
        pytest.param(nothing, "00B08400", "6700", id="no-le"),
        pytest.param(nothing, "805C0002", "6700", id="no-le-of-get-balance"),
        pytest.param(nothing, "805C000203", "6C04", id="le-below-the-answer"),
        pytest.param(nothing, "805C000204", "9000", id="le-of-the-answer"),
        pytest.param(nothing, "805C000200", "9000", id="le-all"),
        pytest.param(block_application, "00A4010000", "6A86", id="p1-before-blocked"),
        pytest.param(block_application, "00D684000000", "6A81", id="blocked-before-lc"),
        pytest.param(block_application, "00B0840001", "6A81", id="blocked"),
        pytest.param(block_application, "805C000204", "6A81", id="blocked-purse"),
        pytest.param(block_card, "40A4000000", "6A81", id="card-blocked-before-class"),
        pytest.param(block_card, "", "6A81", id="card-blocked-before-length"),
        pytest.param(block_card, SELECT_MF, "6A81", id="card-blocked-select"),
        pytest.param(nothing, "00D69E0001FF", "6A82", id="file-before-right"),
        pytest.param(nothing, "00D68D0001FF", "6982", id="right-before-offset"),
        pytest.param(nothing, "00D68E0001FF", "6987", id="form-before-right"),
        pytest.param(nothing, "04D68B000511AABBCCDD", "6A88", id="key-before-challenge"),
        pytest.param(nothing, "04D695FF0511AABBCCDD", "6984", id="challenge-before-offset"),
        pytest.param(nothing, "842407000C" + "00" * 12, "9403", id="pin-before-its-service-key"),
        pytest.param(nothing, "805E000706888811223344", "9403", id="reloaded-pin-before-its-service-key"),
        pytest.param(nothing, "805E01010512FF567890", "6982", id="use-right-of-the-pin-before-the-data"),
        pytest.param(nothing, "0088010001AA", "6A88", id="key-before-the-whole-blocks"),
        pytest.param(nothing, "84D439071CAA" + "00" * 27, "6A88", id="key-to-change-before-challenge"),
        pytest.param(nothing, "80D4390206F9EFF0FF3311", "6700", id="lc-before-form"),
        pytest.param(nothing, "80D4390207F9EFF0FF331122", "6987", id="form-before-the-length-of-the-key"),
        pytest.param(nothing, "841800000411223344", "6985", id="not-blocked-before-challenge"),
        pytest.param(nothing, "00220000088588D32B7688D32B", "6700", id="lc-before-the-mf"),
    ],
)
def test_order_of_checks(before, command, sw):
    desk = application()
    before(desk)
    assert sw == desk.sw(command)


def test_a_card_without_mf_takes_create_file_only():
    desk = Desk.blank()
    words = [
        desk.sw(command) for command in (SELECT_MF, "0084000004", "00A4050000", "0084000005", "00B08400")
    ]
    assert ["6A81", "6A81", "6A81", "6A81", "6700"] == words


def test_a_blocked_card_stays_blocked():
    desk = application()
    block_card(desk)
    desk.reset()
    assert "6A81" == desk.sw(SELECT_MF)


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        pytest.param("00FF000000", False, id="unknown-instruction"),
        pytest.param("40A4000000", False, id="unknown-class"),
        pytest.param("", False, id="nothing"),
        pytest.param("00B08400", False, id="no-le"),
        pytest.param("00A4050000", False, id="p1"),
        pytest.param("00D684000000", False, id="length"),
        pytest.param("04A4000000", False, id="form"),
        pytest.param("805C000203", True, id="le-below-the-answer"),
    ],
)
def test_what_waits_for_its_partner_does_not_outlive_a_refused_command(command, kept):
    """A failed command leads to idle (JR/T 0025.2 5.2.1), but for one that is to be sent again with another Le."""
    desk = application()
    desk.session.pending = object()
    assert "9000" != desk.sw(command)
    assert kept == (desk.session.pending is not None)


@pytest.mark.parametrize(
    ("profile", "command", "sw"),
    [
        pytest.param("city-3des", "80CA000009", "9000", id="get-message-of-a-card"),
        pytest.param("city-3des", "80CA000009" + "11" * 9, "6700", id="get-message-with-data"),
        pytest.param("psam-3des", "80CA000009", "6700", id="authentication-message-without-data"),
        pytest.param("psam-3des", "80CA000009" + "11" * 9, "9000", id="authentication-message-of-a-psam"),
        pytest.param("psam-3des", "0022000009" + "11" * 9, "6D00", id="set-message-of-a-psam"),
        pytest.param("psam-3des", "805C000204", "6D00", id="get-balance-of-a-psam"),
        pytest.param("isam-3des", "80CA000009", "6D00", id="get-message-of-a-load-sam"),
        pytest.param("isam-3des", "E07A080107" + "00" * 7, "6E00", id="class-of-grey-lock-on-a-load-sam"),
        pytest.param("city-3des", "8070000000", "6D00", id="purchase-sam-on-a-card"),
    ],
)
def test_a_card_knows_the_commands_of_its_kind(profile, command, sw):
    """One coding may be two commands: GET MESSAGE of a card is AUTHENTICATION MESSAGE of a purchase SAM."""
    desk = Desk.blank(profile)
    desk.ok(CREATE_MF)
    desk.raw("0022000009" + "8588D32B7688D32B76")
    assert sw == desk.sw(command)


def test_a_receiver_remembers_what_is_public_only():
    """A thousand reads and a PIN: what the receiver holds is bounded, and no secret of a command is in it."""
    receiver = Receiver(KINDS["card"])
    for n in range(1000):
        raw = bytes((0x00, 0xB0, n >> 8, n & 0xFF, 0x01))
        assert receiver.receive(raw) is receiver.receive(raw)
    pin = bytes.fromhex("0020000003123456")
    assert receiver.receive(pin) is not receiver.receive(pin)
    assert 0 < len(receiver._known) <= 512
    assert pin not in receiver._known


def test_what_a_refused_command_wrote_is_undone():
    desk = application()
    before = desk.card.snapshot().memory
    assert "6B00" == desk.sw("00D6840F020102")
    assert before == desk.card.snapshot().memory


def test_a_refused_creation_is_not_in_the_tree():
    desk = application()
    desk.card.memory.worn = True
    assert "6581" == desk.sw("80E0001007280004F0F0FFFF")
    desk.card.memory.worn = False
    assert "6A82" == desk.sw("00A40000020010")
    desk.ok("80E0001007280004F0F0FFFF", "00A40000020010")


@pytest.mark.parametrize("kind", KINDS)
def test_every_handler_has_a_declared_command(kind):
    assert set(KINDS[kind]) <= {spec.name for spec in COMMANDS}


def test_every_declared_command_has_a_handler_somewhere():
    handled = {name for handlers in KINDS.values() for name in handlers}
    assert {spec.name for spec in COMMANDS} - handled <= {"GET RESPONSE"}  # the link's, with T=0


def test_the_ceiling_comes_from_the_profile():
    desk = application(ceiling=0x00012345)
    desk.ok("80E0000107 2F 0208 F0 00 FF 18", SELECT_MF)
    directory = desk.fs.by_name(bytes.fromhex("A00000000386980701"))
    made = [desk.fs.read(desk.fs.find(directory, fid), 0, 24).hex() for fid in (1, 2)]
    assert "00" * 11 + "ffffffff" + "00" * 9 == made[0]
    assert "00" * 11 + f"{100000:08x}" + "00" * 9 == made[1]  # created under the shipped profile


def test_the_area_of_files_begins_behind_the_journal():
    assert AREAS == application().fs.root.address


def test_proofs_and_block_states_are_apart():
    desk = application()
    fs, directory = desk.fs, desk.session.directory
    fs.set_proof(directory, b"\x01" * 11)
    fs.set_block_state(directory, BlockState.PERMANENT)
    fs.commit()
    desk.card.power_on()
    fs, directory = desk.fs, desk.fs.by_name(directory.name)
    assert (b"\x01" * 11, BlockState.PERMANENT) == (fs.proof(directory), fs.block_state(directory))
    assert (bytes(11), BlockState.ACTIVE, False) == (
        fs.proof(fs.root),
        fs.block_state(fs.root),
        fs.card_blocked,
    )
    assert "9303" == desk.sw(SELECT_ADF)


def test_a_handler_that_refuses_after_it_wrote_wrote_nothing():
    desk = application()
    kernel = desk.card._kernel

    def write_and_refuse(call: Call) -> bytes:
        call.fs.write(call.fs.find(call.session.directory, 4), 0, b"\xca\xfe")
        raise Refusal(SW.CONDITIONS)

    kernel.receiver = Receiver({**KINDS["card"], "UPDATE BINARY": write_and_refuse})
    assert "6985" == desk.sw("00D6840001FF")
    assert 0x6281 == desk.raw("00B0840002").sw
    desk.ok("00E200C017" + "00" * 23)
    assert 0x6281 == desk.raw("00B0840002").sw


def test_keys_seen_in_a_transaction_are_forgotten_with_it():
    desk = application()
    fs, directory = desk.fs, desk.session.directory
    pin = fs.key(directory, 0x3A, 0)
    fs.set_key_second(pin, 0x31)
    assert 0x31 == fs.key(directory, 0x3A, 0).second
    fs.rollback()
    assert 0x33 == fs.key(directory, 0x3A, 0).second
