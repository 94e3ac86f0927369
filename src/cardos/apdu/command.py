"""Command and response APDUs: the seven encodings of ISO/IEC 7816-3 12.1.3, built and taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DecodeError, ParameterError

__all__ = ["Command", "Response"]

_SHORT_DATA, _SHORT_LE = 255, 256
_LONG_DATA, _LONG_LE = 65535, 65536


def _byte(name: str, value: int) -> None:
    if not 0 <= value <= 0xFF:
        raise ParameterError(name, "00..FF", f"{value:X}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU.

    ``data`` is 0..65535 bytes, ``le`` the number of bytes expected: 0 none (cases 1 and 3), 256 or 65536
    "all there is" in the short or extended form.  ``extended`` forces the extended form; it is taken when
    the lengths need it.

    >>> bytes(Command(0x00, 0xA4, 0x04, 0x00, b"1PAY", le=256)).hex()
    '00a40400043150415900'
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int = 0
    extended: bool = False

    def __post_init__(self) -> None:
        if (self.cla | self.ins | self.p1 | self.p2) & ~0xFF:
            for name in ("cla", "ins", "p1", "p2"):
                _byte(name, getattr(self, name))
        if len(self.data) > _LONG_DATA:
            raise ParameterError("data", f"0..{_LONG_DATA} bytes", f"{len(self.data)} bytes")
        if not 0 <= self.le <= _LONG_LE:
            raise ParameterError("le", f"0..{_LONG_LE}", self.le)

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def case(self) -> str:
        """The encoding: ``1``, ``2S``, ``3S``, ``4S``, ``2E``, ``3E`` or ``4E``."""
        number = 1 + (self.le > 0) + 2 * bool(self.data)
        return "1" if number == 1 else f"{number}{'E' if self.is_extended else 'S'}"

    @property
    def is_extended(self) -> bool:
        """Whether the extended length form is used."""
        return self.extended or len(self.data) > _SHORT_DATA or self.le > _SHORT_LE

    def __bytes__(self) -> bytes:
        if self.is_extended:
            return self.header + self._extended_body()
        lc = bytes([len(self.data)]) + self.data if self.data else b""
        return self.header + lc + (bytes([self.le % 256]) if self.le else b"")

    def _extended_body(self) -> bytes:
        le = (self.le % 65536).to_bytes(2, "big") if self.le else b""
        if self.data:
            return b"\x00" + len(self.data).to_bytes(2, "big") + self.data + le
        return b"\x00" + le if le else b""

    @classmethod
    def decode(cls, raw: bytes, *, strict: bool = True) -> Command:
        """The command in ``raw``.

        Strict takes the seven encodings only.  Lenient also takes what terminals send in practice: a case 1
        command with a fifth byte 00, which strict reads as case 2, stays case 2 in both; trailing bytes
        after a complete command are dropped, and a body shorter than its Lc is taken as it is.

        Raises :class:`~cardos.errors.DecodeError` with the offset of the first byte that does not fit.
        """
        extra = len(raw) - 5 - raw[4] if len(raw) > 5 else -1
        if extra in (0, 1) and raw[4]:  # the short forms with data, by far the most frequent
            le = (raw[-1] or _SHORT_LE) if extra else 0
            return cls(raw[0], raw[1], raw[2], raw[3], raw[5 : len(raw) - extra], le)
        if len(raw) < 4:
            raise DecodeError(
                f"must be at least 4 bytes, got {len(raw)}", offset=len(raw), path="command header"
            )
        cla, ins, p1, p2 = raw[:4]
        body = raw[4:]
        extended = len(body) > 2 and body[0] == 0
        data, le = _extended(body, strict=strict) if extended else _short(body, strict=strict)
        return cls(cla, ins, p1, p2, data, le, extended)


def _short(body: bytes, *, strict: bool) -> tuple[bytes, int]:
    if not body:
        return b"", 0
    if len(body) == 1:
        return b"", body[0] or _SHORT_LE
    return _counted(body, 1, body[0], 1, _SHORT_LE, strict=strict)


def _extended(body: bytes, *, strict: bool) -> tuple[bytes, int]:
    if len(body) == 3:
        return b"", int.from_bytes(body[1:3], "big") or _LONG_LE
    lc = int.from_bytes(body[1:3], "big")
    if lc == 0 and strict:
        raise DecodeError("extended Lc must be 1..65535, got 0", offset=5, path="command Lc")
    return _counted(body, 3, lc, 2, _LONG_LE, strict=strict)


def _counted(
    body: bytes, start: int, lc: int, le_size: int, le_max: int, *, strict: bool
) -> tuple[bytes, int]:
    """Data of ``lc`` bytes from ``start``, then an optional Le of ``le_size`` bytes."""
    end = start + lc
    data, rest = body[start:end], body[end:]
    if len(data) < lc and strict:
        raise DecodeError(
            f"Lc {lc} must match the data, got {len(data)} bytes", offset=4 + len(body), path="command data"
        )
    if len(rest) not in (0, le_size) and strict:
        raise DecodeError(f"must end after Le, got {len(rest)} bytes", offset=4 + end, path="command Le")
    if len(rest) < le_size:
        return data, 0
    return data, int.from_bytes(rest[:le_size], "big") or le_max


@dataclass(frozen=True, slots=True)
class Response:
    r"""A response APDU: data and status word.  Some cards send data with an error status; it is kept.

    >>> Response.decode(bytes.fromhex("000020009000"))
    Response(data=b'\x00\x00 \x00', sw=36864)
    """

    data: bytes
    sw: int

    def __bytes__(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")

    @classmethod
    def decode(cls, raw: bytes) -> Response:
        """The response in ``raw``, at least the two bytes of the status word."""
        if len(raw) < 2:
            raise DecodeError(f"must be at least 2 bytes, got {len(raw)}", offset=len(raw), path="response")
        return cls(bytes(raw[:-2]), int.from_bytes(raw[-2:], "big"))
