"""How responses leave the card: at once (T=1 and T=CL), or by GET RESPONSE (T=0); and the answer to reset.

With T=0 (ISO/IEC 7816-3 12.2) the card gives the data of a command that sent some only on request, ``61xx``,
and answers a wrong Le with ``6Cxx``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..apdu import SW, Response
from ..apdu.os_commands import GET_RESPONSE
from ..options import CosOptions
from .kernel import Kernel

__all__ = ["PROTOCOLS", "LinkProtocol", "answer_to_reset"]

_HEADER = 5  # CLA INS P1 P2 P3
_GET_RESPONSE = bytes((GET_RESPONSE.cla, GET_RESPONSE.ins))
_TD1, _T1 = 0x80, 0x01


def direct(kernel: Kernel, raw: bytes) -> bytes:
    """T=1 and T=CL: one response to one command."""
    return bytes(kernel.execute(raw))


def with_get_response(kernel: Kernel, raw: bytes) -> bytes:
    """T=0: ``raw`` is a header of five bytes and the data; a missing P3 is taken as 00, an Le behind the data
    is dropped (ISO/IEC 7816-3 12.2).
    """
    raw = raw + b"\x00" if len(raw) == _HEADER - 1 else raw
    sends = len(raw) > _HEADER
    if sends and len(raw) == _HEADER + raw[_HEADER - 1] + 1:
        raw = raw[:-1]
    waiting, kernel.session.outgoing = kernel.session.outgoing, None
    if raw[:2] == _GET_RESPONSE:
        return bytes(_continue(kernel, raw, waiting))
    response = kernel.execute(raw)
    if not response.data:
        return bytes(response)
    if sends:
        kernel.session.outgoing = response
        return bytes(Response(b"", 0x6100 | len(response.data) & 0xFF))
    return bytes(_exactly(response, _le(raw)))


def _le(raw: bytes) -> int:
    return raw[_HEADER - 1] or 256


def _exactly(response: Response, le: int) -> Response:
    """The response when Le is its length, else ``6Cxx``."""
    size = len(response.data)
    return response if size == le else Response(b"", 0x6C00 | size & 0xFF)


def _continue(kernel: Kernel, raw: bytes, waiting: Response | None) -> Response:
    """GET RESPONSE (JR/T 0025.1 6.2.8): the data that wait, or the first Le bytes of them and ``61xx``."""
    if len(raw) != _HEADER:
        return Response(b"", SW.WRONG_LENGTH)
    if raw[2:4] != b"\x00\x00":
        kernel.session.outgoing = waiting
        return Response(b"", SW.WRONG_P1P2)
    if waiting is None:
        return Response(b"", SW.CONDITIONS)
    rest = waiting.data[_le(raw) :]
    if not rest:
        answer = _exactly(waiting, _le(raw))
        kernel.session.outgoing = None if answer is waiting else waiting
        return answer
    kernel.session.outgoing = Response(rest, waiting.sw)
    return Response(waiting.data[: _le(raw)], 0x6100 | len(rest) & 0xFF)


def answer_to_reset(atr: bytes) -> bytes:
    """An ATR that offers T=1: ``atr`` itself when it names a protocol, else with TD1 and the check byte added
    (ISO/IEC 7816-3 8.2).

    >>> answer_to_reset(bytes.fromhex("3B6300004A4B4C")).hex()
    '3be30000014a4b4caf'
    """
    if atr[1] & _TD1:
        return atr
    interface = 2 + (atr[1] >> 4).bit_count()
    historical = atr[interface : interface + (atr[1] & 0x0F)]
    body = bytes([atr[1] | _TD1]) + atr[2:interface] + bytes([_T1]) + historical
    check = 0
    for byte in body:
        check ^= byte
    return atr[:1] + body + bytes([check])


@dataclass(frozen=True, slots=True)
class LinkProtocol:
    """A transmission protocol: ``transmit`` takes a command to the kernel, ``answer`` is what the card says
    when it gets power (ATR, or ATS without contacts).
    """

    transmit: Callable[[Kernel, bytes], bytes]
    answer: Callable[[CosOptions], bytes]


#: The protocols by name.
PROTOCOLS: Mapping[str, LinkProtocol] = MappingProxyType(
    {
        "T=0": LinkProtocol(with_get_response, lambda cos: bytes.fromhex(cos.atr)),
        "T=1": LinkProtocol(direct, lambda cos: answer_to_reset(bytes.fromhex(cos.atr))),
        "T=CL": LinkProtocol(direct, lambda cos: bytes.fromhex(cos.ats)),
    }
)
