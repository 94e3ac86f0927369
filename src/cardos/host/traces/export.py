"""Traces for other programs, one way only: a packet capture with GSMTAP for protocol analysers, and the two-line hex
dump for test stubs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from ...apdu.os_commands import INTERNAL_AUTHENTICATE
from .anatomy import Anatomy
from .masks import filled, hexed
from .model import GONE, EventKind, Trace, TraceEvent
from .redact import redact_trace

__all__ = ["to_hex_dump", "to_pcap"]

# -- the capture file and its packets

_MAGIC: Final = 0xA1B2C3D4  # timestamps in microseconds
_VERSION = (2, 4)
_MOST_BYTES = 0x40000
_LINK_IPV4 = 228
_MICRO = 1_000_000

_LOCALHOST = bytes((127, 0, 0, 1))
_UDP, _IPV4, _TTL = 17, 0x45, 64
_IP_HEADER, _UDP_HEADER = 20, 8
_MOST_PAYLOAD = 0xFFFF - _IP_HEADER - _UDP_HEADER
_PORT: Final = 4729  # GSMTAP, registered with IANA

_GSMTAP = struct.Struct(">BBBBHbbIBBBB")
_GSMTAP_VERSION, _WORDS = 2, 4
_SIM, _LOG = 0x04, 0x10
_APDU, _ATR = 0x00, 0x01
_LOG_HEADER = struct.Struct(">II16sIB3x16s32sI")
_NOTICE = 5

_MASKED = 0xFF
#: What a SIM dissector takes: header, P3 and status word at least, and short lengths.
_LEAST_SIM = 7
#: Instructions that a SIM dissector takes for its own, with data of another shape: RUN GSM ALGORITHM.
_TAKEN = frozenset({INTERNAL_AUTHENTICATE.ins})


@dataclass(frozen=True, slots=True)
class _Packet:
    """What is inside GSMTAP: number and time of the event, type and sub-type, payload."""

    number: int
    time: float | None
    type: int
    sub_type: int
    payload: bytes


def to_pcap(trace: Trace, *, redact: bool = True) -> bytes:
    """A packet capture that Wireshark opens: GSMTAP in UDP to port 4729.

    Each exchange (command and answer joined) and each ATR is a packet of type SIM.  P3 of a command without data is
    the number of data bytes that came, as dissectors expect it, whatever its Le was.  What a SIM dissector cannot take
    is a packet of type log, in words: a command without an answer, too short or extended, INTERNAL AUTHENTICATE, a
    removal, a remark.

    Packets have the time of the event after the header's; without times they come a millisecond apart.  The running
    number is the frame number of GSMTAP.  Secrets are masked unless ``redact`` is false; masked bytes are FF.
    """
    out = [struct.pack("<IHHiIII", _MAGIC, *_VERSION, 0, 0, _MOST_BYTES, _LINK_IPV4)]
    start = 0 if trace.made is None else int(trace.made.replace(tzinfo=UTC).timestamp() * _MICRO)
    for each in _packets(redact_trace(trace) if redact else trace):
        seconds = each.number / 1000 if each.time is None else each.time
        second, micro = divmod(start + round(seconds * _MICRO), _MICRO)
        payload = each.payload
        if each.type == _LOG:
            payload = _log_header(each.number, second, micro) + payload
        packet = _ip(_gsmtap(each) + payload[: _MOST_PAYLOAD - _GSMTAP.size], each.number)
        out.append(struct.pack("<IIII", second, micro, len(packet), len(packet)) + packet)
    return b"".join(out)


def _packets(trace: Trace) -> Iterator[_Packet]:
    """The ATR of the header comes first."""
    if trace.atr:
        yield _atr(0, 0.0, trace.atr)
    for event in trace.events:
        if event.kind is EventKind.RESET and event.response:
            yield _atr(event.number, event.time, filled(event.response, _MASKED))
        elif event.kind is EventKind.APDU and event.command:
            yield _exchange(event, event.command)
        elif event.note or event.kind in GONE:
            words = f"{event.kind.value}: {event.note}" if event.note else event.kind.value
            yield _log(event.number, event.time, words)


def _atr(number: int, time: float | None, atr: bytes) -> _Packet:
    if len(atr) < _LEAST_SIM:
        return _log(number, time, f"ATR {hexed(atr)}")
    return _Packet(number, time, _SIM, _ATR, atr)


def _exchange(event: TraceEvent, command: str) -> _Packet:
    exchange = Anatomy.of(command, event.response)
    raw, answer = filled(command, _MASKED), filled(event.response or "", _MASKED)
    apdu = exchange.command
    if apdu is None or exchange.sw is None or apdu.is_extended or apdu.ins in _TAKEN:
        words = f"{exchange.name}: {command} {event.response or 'has no answer'}"
        return _log(event.number, event.time, words)
    if not apdu.data:
        takes_data = exchange.spec is not None and exchange.spec.lc[1] > 0
        raw = apdu.header + bytes([0 if takes_data else len(answer[:-2]) % 256])
    return _Packet(event.number, event.time, _SIM, _APDU, raw + answer)


def _log(number: int, time: float | None, words: str) -> _Packet:
    return _Packet(number, time, _LOG, 0, words.encode())


def _gsmtap(packet: _Packet) -> bytes:
    """Version, length in words, type, slot, channel, signal, noise, frame number, sub-type, antenna, sub-slot."""
    return _GSMTAP.pack(
        _GSMTAP_VERSION, _WORDS, packet.type, 0, 0, 0, 0, packet.number, packet.sub_type, 0, 0, 0
    )  # fmt: skip


def _log_header(number: int, second: int, micro: int) -> bytes:
    """Time, program, process, level, subsystem, source and line, which is the event's number."""
    return _LOG_HEADER.pack(second, micro, b"cardos", 0, _NOTICE, b"card", b"trace", number)


def _ip(payload: bytes, number: int) -> bytes:
    """IPv4 and UDP round a payload, with checksums, from localhost to localhost."""
    length = _UDP_HEADER + len(payload)
    pseudo = _LOCALHOST + _LOCALHOST + struct.pack(">BBH", 0, _UDP, length)
    udp = struct.pack(">HHHH", _PORT, _PORT, length, 0)
    udp = udp[:6] + struct.pack(">H", _checksum(pseudo + udp + payload) or 0xFFFF)
    ip = struct.pack(
        ">BBHHHBBH4s4s", _IPV4, 0, _IP_HEADER + length, number & 0xFFFF, 0, _TTL, _UDP, 0, _LOCALHOST, _LOCALHOST
    )  # fmt: skip
    return ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:] + udp + payload


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# -- the hex dump


def to_hex_dump(trace: Trace, *, redact: bool = True) -> str:
    """Two lines for each exchange, command and answer in hex, ``XX`` where masked; ``#`` begins everything else: ATRs,
    removals, answers that did not come, remarks.  Secrets are masked unless ``redact`` is false.

    >>> exchange = TraceEvent(1, EventKind.APDU, "805C000204", "000020009000")
    >>> print(to_hex_dump(Trace("any", "device", (exchange,), atr=bytes.fromhex("3B00"))), end="")
    # ATR: 3B00
    805C000204
    000020009000
    """
    events = (redact_trace(trace) if redact else trace).events
    atr = [f"# ATR: {hexed(trace.atr)}"] if trace.atr else []
    return "".join(f"{line}\n" for line in [*atr, *(line for each in events for line in _lines(each))])


def _lines(event: TraceEvent) -> Iterator[str]:
    if event.kind is EventKind.APDU:
        yield event.command or ""
        yield event.response or "# no answer"
    elif event.kind is EventKind.RESET:
        yield f"# ATR: {event.response or 'none'}"
    elif event.kind in GONE:
        yield f"# {event.kind.value}"
    elif event.note:
        yield f"# {' '.join(event.note.split())}"
