"""BER-TLV against FCI templates of real cards, and its refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardos.apdu import Tlv, parse_tlv
from cardos.errors import DecodeError, ParameterError

# FCI of a real purse card (FM1208 issuance, published) without its 30 bytes of issuer data, and of the MF.
ADF_FCI = "6F328409A00000000386980701A525" + "9F080102" + "9F0C1E" + "00" * 30
MF_FCI = "6F15840E315041592E5359532E4444463031A503880101"


def test_fci_of_a_purse_application():
    (fci,) = parse_tlv(bytes.fromhex(ADF_FCI))
    assert 0x6F == fci.tag
    assert bytes.fromhex("A00000000386980701") == fci.find(0x84).value
    assert b"\x02" == fci.find(0x9F08).value
    assert 30 == len(fci.find(0x9F0C).value)
    assert fci.find(0x50) is None
    assert bytes.fromhex(ADF_FCI) == bytes(fci)


def test_fci_of_the_mf_names_the_directory_file():
    (fci,) = parse_tlv(bytes.fromhex(MF_FCI))
    assert [0x6F, 0x84, 0xA5, 0x88] == [tlv.tag for tlv in fci.walk()]
    assert b"\x01" == fci.find(0x88).value
    assert fci.constructed
    assert not fci.find(0x84).constructed


PRIMITIVES = st.builds(
    Tlv, st.sampled_from([0x84, 0x50, 0x88, 0x9F08, 0x9F0C, 0x5F2D]), st.binary(max_size=300)
)
TREES = st.recursive(
    PRIMITIVES,
    lambda inner: st.builds(
        lambda tag, children: Tlv(tag, children=tuple(children)),
        st.sampled_from([0x6F, 0xA5, 0x61, 0xBF0C]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.lists(TREES, max_size=3))
def test_parse_inverts_bytes(objects):
    assert tuple(objects) == parse_tlv(b"".join(bytes(tlv) for tlv in objects))


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_raise_decode_error(raw):
    try:
        objects = parse_tlv(raw)
    except DecodeError as error:
        assert 0 <= error.offset <= len(raw)
    else:
        assert sum(len(bytes(tlv)) for tlv in objects) <= len(raw)


@pytest.mark.parametrize(
    ("raw", "offset", "path"),
    [
        pytest.param("84", 1, "84", id="no-length"),
        pytest.param("840341", 2, "84", id="value-too-short"),
        pytest.param("6F03840541", 4, "6F/84", id="child-past-its-parent"),
        pytest.param("9F", 0, "tag", id="tag-cut"),
        pytest.param("8480", 1, "84", id="indefinite-length"),
        pytest.param("84820100", 4, "84", id="long-length-no-value"),
        pytest.param("8482", 1, "84", id="long-length-cut"),
        pytest.param("9F8080808001", 0, "tag", id="tag-too-long"),
    ],
)
def test_refusals_name_offset_and_path(raw, offset, path):
    with pytest.raises(DecodeError) as caught:
        parse_tlv(bytes.fromhex(raw))
    assert (offset, path) == (caught.value.offset, caught.value.path)


def test_nesting_is_bounded():
    raw = b""
    for _ in range(40):
        raw = bytes(Tlv(0x6F, children=())) if not raw else b"\x6f" + bytes([len(raw)]) + raw
    with pytest.raises(DecodeError, match="nesting"):
        parse_tlv(raw)


@pytest.mark.parametrize("length", [0, 0x7F, 0x80, 0xFF, 0x100, 0x10000])
def test_length_forms(length):
    tlv = Tlv(0x84, bytes(length))
    assert (tlv,) == parse_tlv(bytes(tlv))


def test_value_and_children_exclude_each_other():
    with pytest.raises(ParameterError):
        Tlv(0x6F, b"x", (Tlv(0x84),))
