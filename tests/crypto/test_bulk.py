"""Whole buffers: the same bytes as the functions that return them, in place and apart, and every misuse by name."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardos.crypto import (
    Cipher,
    Key,
    backend,
    bulk,
    crypt_ctr,
    decrypt_cbc,
    decrypt_ecb,
    encrypt_cbc,
    encrypt_ecb,
)
from cardos.errors import ParameterError

K8, K16 = Key(bytes(range(8))), Key(bytes(range(16)), Cipher.SM4)


@st.composite
def calls(draw):
    cipher = draw(st.sampled_from(Cipher))
    key = Key(draw(st.binary(min_size=cipher.key_size, max_size=cipher.key_size)), cipher)
    iv = draw(st.binary(min_size=key.block_size, max_size=key.block_size))
    blocks = draw(st.sampled_from([0, 1, 2, 7, 8, 9, 40]))
    return draw(st.booleans()), key, iv, draw(st.binary(min_size=blocks * 16, max_size=blocks * 16))


def both_ways(function, data, **options):
    """The result in another buffer, and in its own."""
    apart, place = bytearray(len(data)), bytearray(data)
    function(data, apart, **options)
    function(place, place, **options)
    assert apart == place
    return bytes(apart)


@given(calls())
def test_as_the_functions_that_return_bytes(call):
    expand, key, iv, data = call
    used = key.expanded() if expand else key
    assert encrypt_ecb(key, data) == both_ways(lambda *a, **o: bulk.ecb(used, *a, **o), data)
    assert decrypt_ecb(key, data) == both_ways(lambda *a, **o: bulk.ecb(used, *a, **o), data, decrypt=True)
    assert encrypt_cbc(key, data, iv=iv) == both_ways(lambda *a, **o: bulk.cbc(used, *a, **o), data, iv=iv)
    assert decrypt_cbc(key, data, iv=iv) == both_ways(
        lambda *a, **o: bulk.cbc(used, *a, **o), data, iv=iv, decrypt=True
    )
    odd = data[: len(data) - 3 if data else 0]
    assert crypt_ctr(key, odd, counter=iv) == both_ways(
        lambda *a, **o: bulk.ctr(used, *a, **o), odd, counter=iv
    )


def test_numpy_arrays_are_buffers():
    numpy = pytest.importorskip("numpy")
    data, out = numpy.arange(64, dtype=numpy.uint8).reshape(8, 8), numpy.zeros(64, numpy.uint8)
    bulk.ecb(K16, data, out)
    assert encrypt_ecb(K16, data.tobytes()) == out.tobytes()
    with pytest.raises(ParameterError, match="data must be contiguous"):
        bulk.ecb(K16, data[:, ::2], out)


@pytest.mark.parametrize(
    ("data", "out", "message"),
    [
        pytest.param(bytes(7), bytearray(7), "data must be a multiple of 8 bytes, got 7 bytes", id="block"),
        pytest.param(bytes(8), bytearray(16), "out must be 8 bytes, as data is, got 16 bytes", id="length"),
        pytest.param(bytes(8), bytes(8), "out must be writable, got a read-only buffer", id="read-only"),
    ],
)
def test_misuse_is_named(data, out, message):
    for function in (bulk.ecb, bulk.cbc):
        with pytest.raises(ParameterError, match=message):
            function(K8, data, out)


def test_overlap_is_refused_by_the_core():
    memory = memoryview(bytearray(80))
    refused = pytest.raises(ParameterError, match="out must be the memory of data, or none of it")
    for start in (8, 56):
        with nullcontext() if backend.name == "pure" else refused:  # which takes its input out first
            bulk.ecb(K8, memory[:64] if start == 8 else memory[16:], memory[8:72])
    bulk.ecb(K8, memory[:40], memory[40:])


@pytest.mark.parametrize("cipher", Cipher)
def test_the_counter_counts_through_all_its_bytes(cipher):
    key, size = Key(bytes(cipher.key_size), cipher), cipher.block_size
    for blocks in (3, 600):
        counters = [(256**size - 2 + i) % 256**size for i in range(blocks)]
        stream = encrypt_ecb(key, b"".join(n.to_bytes(size, "big") for n in counters))
        assert stream == crypt_ctr(key, bytes(size * blocks), counter=b"\xff" * (size - 1) + b"\xfe")
