"""WRITE KEY and WRITE SAM KEY: what is stored, under which key, and what a key is used for afterwards."""

from __future__ import annotations

import pytest

from cardos.crypto import Cipher
from tests.files.desk import (
    CREATE_MF,
    K8,
    K16,
    MASTER,
    OTHER,
    SELECT_ADF,
    SELECT_MF,
    SUITES,
    Desk,
    application,
    key_record,
)  # fmt: skip


def change(type_: int, id_: int, value: bytes, **attributes) -> str:
    """A plain WRITE KEY that changes a key."""
    record = key_record(type_, id_, value, **attributes)
    return f"80D4{type_:02X}{record[6:]}"


@pytest.mark.parametrize(
    "type_", [0x30, 0x31, 0x32, 0x34, 0x36, 0x37, 0x38, 0x39, 0x3C, 0x3D, 0x3E, 0x3F, 0x79, 0xB9, 0xF9]
)
def test_key_types(type_):
    desk = application()
    desk.ok(key_record(type_, 9, K16, use=0xF1, change=0xF2, first=0x03, second=0x44))
    record = desk.fs.key(desk.session.directory, type_, 9)
    assert (type_, 9, 0xF1, 0xF2, 3, 0x44) == (
        record.type, record.id, record.use, record.change, record.first, record.second,
    )  # fmt: skip
    assert K16 == record.key.reveal()


@pytest.mark.parametrize("type_", [0x00, 0x01, 0x22, 0x33, 0x35, 0x3B, 0xFB])
def test_unknown_key_types(type_):
    assert "6A80" == application().sw(key_record(type_, 9, K16))


@pytest.mark.parametrize(
    ("profile", "value", "cipher"),
    [
        ("city-3des", K8, Cipher.DES),
        ("city-3des", K16, Cipher.TDES),
        ("city-sm4", K16, Cipher.SM4),
        ("city-sm4", K8, None),
    ],
)
def test_the_cipher_of_a_key_is_that_of_the_suite(profile, value, cipher):
    desk = application(profile)
    assert ("9000" if cipher else "6700") == desk.sw(key_record(0x36, 9, value))
    if cipher:
        assert cipher is desk.fs.key(desk.session.directory, 0x36, 9).key.cipher


def test_a_key_shows_no_value():
    desk = application()
    assert not {K16.hex(), repr(K16)[2:10]} & set(repr(desk.fs.keys(desk.session.directory)).split())
    assert "value" not in repr(desk.fs.keys(desk.session.directory)[0])


def test_a_counter_is_as_the_change_gives_it():
    desk = application()
    desk.ok(change(0x39, 0, OTHER, second=0x66))
    assert 0x66 == desk.fs.key(desk.session.directory, 0x39, 0).second
    assert "9000" == desk.authenticate(OTHER)


def test_a_changed_key_may_change_its_protection():
    desk = application()
    desk.ok("80D4F6" + key_record(0xF6, 0, K16)[6:])
    assert 0xF6 == desk.fs.key(desk.session.directory, 0x36, 0).type
    assert "6987" == desk.sw(change(0x36, 0, OTHER))
    desk.ok(desk.protected(change(0x36, 0, OTHER), MASTER, enciphered=True))


@pytest.mark.parametrize("profile", SUITES)
def test_the_master_changes_itself_under_its_old_value(profile):
    desk = application(profile)
    desk.ok(desk.protected(change(0x39, 0, OTHER), MASTER, enciphered=True))
    assert "9302" == desk.sw(desk.protected(change(0x39, 0, K16), MASTER, enciphered=True))
    desk.ok(desk.protected(change(0x39, 0, K16), OTHER, enciphered=True))
    assert "9000" == desk.authenticate(K16)


def test_a_directory_without_master_uses_that_of_its_parent():
    desk = Desk.blank()
    desk.ok(CREATE_MF, "80E00000073F008001F0FFFF", key_record(0x39, 0, MASTER))
    desk.ok("80E03F010E 38 0200 F0F0 95 FFFF D15600000102", "00A40000023F01", "80E00000073F00800100FFFF")
    desk.ok(desk.protected(key_record(0x39, 0, OTHER), MASTER, enciphered=True))
    assert "9302" == desk.sw(desk.protected(key_record(0x36, 0, K16), MASTER, enciphered=True))
    desk.ok(desk.protected(key_record(0x36, 0, K16), OTHER, enciphered=True))


def test_without_any_master_there_is_no_protected_loading():
    desk = Desk.blank()
    desk.ok(CREATE_MF, "80E00000073F008001F0FFFF")
    assert "6A88" == desk.sw(desk.protected(key_record(0x36, 0, K16), MASTER, enciphered=True))


def test_pins_of_every_length():
    desk = application()
    for size in range(2, 9):
        pin = bytes(range(1, size + 1))
        desk.ok(key_record(0x3A, 0x10 + size, pin, first=size))
        desk.ok(bytes((0x00, 0x20, 0x00, 0x10 + size, size)) + pin)
        assert size == desk.session.state


@pytest.mark.parametrize("profile", SUITES)
def test_a_pin_loaded_in_protected_form(profile):
    desk = application(profile)
    desk.ok(desk.protected(key_record(0x3A, 9, b"\x12\x34"), MASTER, enciphered=True))
    desk.ok("00200009021234")


def test_same_identifier_in_two_directories():
    desk = application()
    desk.ok(change(0x36, 0, OTHER), SELECT_MF)
    assert [K16] == [desk.fs.key(desk.session.directory, 0x36, 0).value]
    desk.ok(SELECT_ADF)
    assert [OTHER] == [desk.fs.key(desk.session.directory, 0x36, 0).value]


def test_a_key_file_is_not_read():
    desk = application()
    desk.ok("00A40000020000")
    assert ["6981", "6981", "6981"] == [desk.sw(c) for c in ("00B0000000", "00B2010400", "00D6000001FF")]


# -- SAM


@pytest.fixture(params=["psam-3des", "psam-sm4"])
def sam(request) -> Desk:
    desk = Desk.blank(request.param)
    desk.ok(CREATE_MF, "80E00000073F004001F0FFFF", key_record(0x39, 0, MASTER))
    return desk


def load(usage: int, version: int, value: bytes = K16) -> str:
    return f"80D40000{3 + len(value):02X}{usage:02X}{version:02X}05{value.hex()}"


def test_sam_keys(sam):
    sam.ok(sam.protected(load(0x22, 1), MASTER, enciphered=True))
    assert "6A80" == sam.sw(sam.protected(load(0x22, 1), MASTER, enciphered=True))
    record = sam.fs.key(sam.fs.root, 0x22, 1, mask=0xFF)
    assert (0xF0, 0xEF, 1, 5, K16) == (record.use, record.change, record.first, record.second, record.value)
    assert sam.fs.key(sam.fs.root, 0x42, 1, mask=0xFF) is None


def test_sam_keys_of_other_levels_or_versions_are_other_keys():
    desk = Desk.blank("psam-3des")
    desk.ok(CREATE_MF, "80E00000073F00C001F0FFFF", key_record(0x39, 0, MASTER))
    for usage, version in ((0x22, 1), (0x42, 1), (0x22, 2)):
        desk.ok(desk.protected(load(usage, version), MASTER, enciphered=True))
    assert [(0x39, 0), (0x22, 1), (0x42, 1), (0x22, 2)] == [
        (key.type, key.id) for key in desk.fs.keys(desk.fs.root)
    ]


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        pytest.param(lambda _: load(0x22, 1), "6A86", id="plain"),
        pytest.param(lambda _: "84D400001C" + "00" * 28, "6984", id="no-challenge"),
        pytest.param(lambda sam: sam.protected(load(0x22, 1), OTHER, enciphered=True), "9302", id="mac"),
        pytest.param(lambda sam: sam.protected(load(0x22, 1), MASTER), "9302", id="not-enciphered"),
        pytest.param(
            lambda sam: sam.protected(load(0x22, 1, K8), MASTER, enciphered=True), "6700", id="length"
        ),
        pytest.param(lambda sam: sam.protected(load(0x42, 1), MASTER, enciphered=True), "6A84", id="full"),
    ],
)
def test_sam_key_refusals(sam, command, sw):
    sam.ok(sam.protected(load(0x22, 0), MASTER, enciphered=True))
    assert sw == sam.sw(command(sam))


def test_sam_key_needs_key_file_and_right():
    desk = Desk.blank("psam-3des")
    desk.ok(CREATE_MF)
    assert "6A82" == desk.sw(desk.protected(load(0x22, 0), MASTER, enciphered=True))
    desk.ok("80E00000073F004001F5FFFF", key_record(0x39, 0, MASTER, first=5), SELECT_MF)
    assert "6982" == desk.sw(desk.protected(load(0x22, 0), MASTER, enciphered=True))
    desk.authenticate()
    desk.ok(desk.protected(load(0x22, 0), MASTER, enciphered=True))
