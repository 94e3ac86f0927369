"""Padding of ISO/IEC 9797-1, which the blocks, the MACs and the pure backend share."""

from __future__ import annotations

from ..errors import ParameterError

__all__ = ["pad"]


def pad(data: bytes, block_size: int, *, method: int = 2) -> bytes:
    r"""Padding method 1 or 2 of ISO/IEC 9797-1.

    Method 1 fills with zeros (empty data become one zero block), method 2 appends ``80`` and zeros, always
    at least one byte.

    >>> pad(b"\x01\x02", 8).hex(), pad(b"\x01\x02", 8, method=1).hex()
    ('0102800000000000', '0102000000000000')
    """
    if method == 2:
        data += b"\x80"
    elif method != 1:
        raise ParameterError("method", "1 or 2", method)
    return data + bytes(-len(data) % block_size or (0 if data else block_size))
