"""The seven encodings of a command, strict and lenient (ISO/IEC 7816-3 12.1.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.apdu import Command, Response
from cardos.errors import DecodeError, ParameterError

HEADER = (0x00, 0xA4, 0x00, 0x00)


@pytest.mark.parametrize(
    ("data", "le", "extended", "case", "encoded"),
    [
        pytest.param(b"", 0, False, "1", "00A40000", id="case1"),
        pytest.param(b"", 0, True, "1", "00A40000", id="case1-extended-asked"),
        pytest.param(b"", 1, False, "2S", "00A4000001", id="case2-short"),
        pytest.param(b"", 256, False, "2S", "00A4000000", id="case2-short-all"),
        pytest.param(b"\x3f\x00", 0, False, "3S", "00A40000023F00", id="case3-short"),
        pytest.param(b"\x3f\x00", 256, False, "4S", "00A40000023F0000", id="case4-short"),
        pytest.param(b"", 257, False, "2E", "00A40000000101", id="case2-extended"),
        pytest.param(b"", 65536, False, "2E", "00A40000000000", id="case2-extended-all"),
        pytest.param(b"\x3f\x00", 0, True, "3E", "00A400000000023F00", id="case3-extended"),
        pytest.param(b"\x3f\x00", 65536, True, "4E", "00A400000000023F000000", id="case4-extended"),
    ],
)
def test_encoding(data, le, extended, case, encoded):
    command = Command(*HEADER, data, le, extended)
    assert case == command.case
    assert bytes.fromhex(encoded) == bytes(command)
    decoded = Command.decode(bytes(command))
    assert (case, data, le) == (decoded.case, decoded.data, decoded.le)


@pytest.mark.parametrize("length", [1, 254, 255, 256, 257, 65534, 65535])
def test_data_length_boundaries(length):
    command = Command(*HEADER, bytes(length))
    assert ("3S" if length < 256 else "3E") == command.case
    assert bytes(length) == Command.decode(bytes(command)).data


@given(
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=300),
    st.integers(0, 65536),
    st.booleans(),
)
def test_decode_inverts_encode(header, data, le, extended):
    command = Command(*header, data, le, extended)
    decoded = Command.decode(bytes(command))
    assert bytes(command) == bytes(decoded)
    assert (data, le) == (decoded.data, decoded.le)


@given(st.binary(max_size=600))
def test_any_bytes_decode_or_raise_decode_error(raw):
    for strict in (True, False):
        try:
            decoded = Command.decode(raw, strict=strict)
        except DecodeError as error:
            assert 0 <= error.offset <= len(raw)
        else:
            assert raw[:4] == decoded.header
            if strict:
                assert raw == bytes(decoded)


@pytest.mark.parametrize(
    ("raw", "offset", "problem"),
    [
        pytest.param("00A400", 3, "at least 4 bytes", id="no-header"),
        pytest.param("00A40000023F", 6, "Lc 2 must match", id="short-data"),
        pytest.param("00A40000013F0000", 6, "end after Le", id="trailing"),
        pytest.param("00A40000000002", None, "", id="case2-extended-is-fine"),
        pytest.param("00A400000000003F", 5, "extended Lc", id="extended-lc-0"),
        pytest.param("00A4000000000300", 8, "Lc 3 must match", id="extended-short-data"),
    ],
)
def test_strict_refusals(raw, offset, problem):
    if offset is None:
        assert 2 == Command.decode(bytes.fromhex(raw)).le
        return
    with pytest.raises(DecodeError, match=problem) as caught:
        Command.decode(bytes.fromhex(raw))
    assert offset == caught.value.offset


@pytest.mark.parametrize(
    ("raw", "data", "le"),
    [
        pytest.param("00A40000023F", "3F", 0, id="body-shorter-than-lc"),
        pytest.param("00A40000013F0000", "3F", 256, id="byte-after-le"),
        pytest.param("800E000000", "", 256, id="case1-with-fifth-byte"),
    ],
)
def test_lenient_takes_what_terminals_send(raw, data, le):
    command = Command.decode(bytes.fromhex(raw), strict=False)
    assert (bytes.fromhex(data), le) == (command.data, command.le)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cla": 256}, "cla must be 00..FF, got 100"),
        ({"p2": -1}, "p2 must be 00..FF, got -1"),
        ({"data": bytes(65536)}, "data must be 0..65535 bytes, got 65536 bytes"),
        ({"le": 65537}, "le must be 0..65536, got 65537"),
    ],
)
def test_command_out_of_range(change, message):
    with pytest.raises(ParameterError) as caught:
        Command(**({"cla": 0, "ins": 0, "p1": 0, "p2": 0} | change))
    assert message == str(caught.value)


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_response_round_trip(data, sw):
    assert Response(data, sw) == Response.decode(bytes(Response(data, sw)))


def test_response_too_short():
    with pytest.raises(DecodeError, match="at least 2 bytes"):
        Response.decode(b"\x90")
