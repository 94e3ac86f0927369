"""Card images: whole, refused with the reason, and never half-written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.card import Card
from cardos.errors import ImageError
from cardos.files.image import CardImage, read_image, write_image

IMAGE = CardImage("city-3des", "T=1", bytes(range(256)) * 4)
RAW = IMAGE.to_bytes()


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


@given(st.text("abc-0å", max_size=20), st.sampled_from(["T=0", "T=1", "T=CL"]), st.binary(max_size=100))
def test_round_trip(profile, protocol, memory):
    image = CardImage(profile, protocol, memory)
    assert image == CardImage.from_bytes(image.to_bytes())


def test_the_format():
    """Byte by byte, so that it cannot change by accident."""
    expected = bytes.fromhex("434152444F53494D" + "0001" + "0161" + "03543D30" + "00000002" + "BEEF")
    assert sealed(expected) == CardImage("a", "T=0", b"\xbe\xef").to_bytes()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(b"", "not a card image: it must begin with CARDOSIM", id="empty"),
        pytest.param(b"CARDOSXX" + RAW[8:], "not a card image", id="magic"),
        pytest.param(RAW[:20], "the file is cut short after 20 bytes", id="before-the-parts"),
        pytest.param(RAW[:100], f"must be {len(RAW)} bytes, got 100; cut short", id="in-the-memory"),
        pytest.param(RAW[:-1], f"must be {len(RAW)} bytes, got {len(RAW) - 1}; cut short", id="last-byte"),
        pytest.param(RAW + b"\x00", f"must end after {len(RAW)} bytes, got {len(RAW) + 1}", id="longer"),
        pytest.param(RAW[:-1] + bytes([RAW[-1] ^ 1]), "SHA-256 must match the content", id="digest"),
        pytest.param(RAW[:50] + b"\xaa" + RAW[51:], "SHA-256 must match the content", id="content"),
        pytest.param(
            sealed(RAW[:8] + b"\x00\x02" + RAW[10:-32]),
            "version must be 1, got 2; use a newer cardos",
            id="newer",
        ),
        pytest.param(sealed(RAW[:8] + b"\x00\x00" + RAW[10:-32]), "version must be 1, got 0", id="version-0"),
    ],
)
def test_refused(tmp_path, raw, problem):
    path = tmp_path / "card.img"
    path.write_bytes(raw)
    with pytest.raises(ImageError) as refused:
        read_image(path)
    assert problem in str(refused.value)
    assert str(path) in str(refused.value)
    assert raw == path.read_bytes()


def test_a_name_that_is_no_text(tmp_path):
    body = bytearray(RAW[:-32])
    body[11] = 0xFF
    with pytest.raises(ImageError, match="names must be text"):
        CardImage.from_bytes(sealed(bytes(body)))


SMALL = CardImage("city-3des", "T=1", bytes(range(64)))


def test_every_changed_bit_is_found():
    raw = SMALL.to_bytes()
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ImageError) as refused:
            CardImage.from_bytes(bytes(damaged), where="card.img")
        assert str(refused.value).startswith("card.img: ")


def test_every_truncation_is_found(tmp_path):
    path, raw = tmp_path / "card.img", SMALL.to_bytes()
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(ImageError) as refused:
            read_image(path)
        assert str(path) in str(refused.value)
        assert raw[:length] == path.read_bytes()


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(place, change):
    damaged = bytearray(RAW)
    damaged[place] ^= change
    with pytest.raises(ImageError):
        CardImage.from_bytes(bytes(damaged))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_image_or_refused(raw):
    for each in (raw, b"CARDOSIM" + raw, b"CARDOSIM\x00\x01" + raw, sealed(b"CARDOSIM\x00\x01" + raw)):
        with contextlib.suppress(ImageError):
            assert each == CardImage.from_bytes(each).to_bytes()


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        pytest.param(CardImage("city-3des", "T=1", bytes(100)), "must be of profile city-3des", id="memory"),
        pytest.param(
            CardImage("city-3des", "T=9", bytes(14336)), "got city-3des, 14336 bytes and T=9", id="protocol"
        ),
    ],
)
def test_images_of_no_card_of_ours(tmp_path, image, problem):
    path = tmp_path / "card.img"
    write_image(path, image)
    raw = path.read_bytes()
    with pytest.raises(ImageError) as refused:
        Card.load(path)
    assert problem in str(refused.value)
    assert str(path) in str(refused.value)
    assert raw == path.read_bytes()


def test_a_missing_file(tmp_path):
    with pytest.raises(ImageError, match="cannot be read: No such file"):
        read_image(tmp_path / "none.img")


def test_written_files_are_for_their_owner_only(tmp_path):
    path = tmp_path / "card.img"
    write_image(path, IMAGE)
    assert IMAGE == read_image(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "card.img"
    write_image(path, IMAGE)

    def full(_handle):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_image(path, CardImage("other", "T=0", b"new"))
    assert IMAGE == read_image(path)
    assert [path] == list(tmp_path.iterdir())


def test_a_write_replaces_the_old_file(tmp_path):
    path = tmp_path / "card.img"
    path.write_bytes(b"something else")
    write_image(path, IMAGE)
    assert IMAGE == read_image(path)
    assert [path] == list(tmp_path.iterdir())
