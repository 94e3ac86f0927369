"""BER-TLV objects (ISO/IEC 8825-1 definite lengths, as used in FCI templates, JR/T 0025.1 6.2.13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import DecodeError, ParameterError

__all__ = ["Tlv", "parse_tlv"]

_MAX_TAG_BYTES = 4
_MAX_DEPTH = 16


def _tag_bytes(tag: int) -> bytes:
    return tag.to_bytes(max(tag.bit_length() + 7, 8) // 8, "big")


def _encode_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    raw = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw


@dataclass(frozen=True, slots=True)
class Tlv:
    r"""A data object: ``tag`` as a number (``0x9F0C``), and ``value`` bytes or, for a constructed tag,
    ``children``.

    >>> mf = Tlv(0x6F, children=(Tlv(0x84, b"1PAY.SYS.DDF01"), Tlv(0xA5, children=(Tlv(0x88, b"\x01"),))))
    >>> bytes(mf).hex()
    '6f15840e315041592e5359532e4444463031a503880101'
    """

    tag: int
    value: bytes = b""
    children: tuple[Tlv, ...] = ()

    def __post_init__(self) -> None:
        if self.value and self.children:
            raise ParameterError("Tlv", "built from value or children, not both", f"tag {self.tag:X}")

    @property
    def constructed(self) -> bool:
        """Whether the tag's first byte has the constructed bit."""
        return bool(_tag_bytes(self.tag)[0] & 0x20)

    @property
    def content(self) -> bytes:
        """The value field: ``value``, or the encoded children."""
        return self.value or b"".join(bytes(child) for child in self.children)

    def __bytes__(self) -> bytes:
        return _tag_bytes(self.tag) + _encode_length(len(self.content)) + self.content

    def find(self, tag: int) -> Tlv | None:
        """The first object with ``tag`` in this one or below, depth first."""
        return next((tlv for tlv in self.walk() if tlv.tag == tag), None)

    def walk(self) -> Iterator[Tlv]:
        """Itself and everything below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse_tlv(raw: bytes) -> tuple[Tlv, ...]:
    """The objects in ``raw``, one after the other; constructed ones are parsed to the bottom.

    Raises :class:`~cardos.errors.DecodeError` with an offset into ``raw`` and a path such as ``6F/A5``.

    >>> parse_tlv(bytes.fromhex("6f0384015a"))[0].find(0x84).value
    b'Z'
    """
    return _parse(raw, 0, len(raw), "")


def _parse(raw: bytes, start: int, end: int, parent: str) -> tuple[Tlv, ...]:
    if parent.count("/") > _MAX_DEPTH:
        raise DecodeError(f"nesting must be at most {_MAX_DEPTH} levels", offset=start, path=parent)
    found = []
    while start < end:
        tag, position = _tag(raw, start, end, parent)
        path = f"{parent}/{tag:02X}".lstrip("/")
        length, position = _length(raw, position, end, path)
        if position + length > end:
            raise DecodeError(
                f"value must be {length} bytes, got {end - position}", offset=position, path=path
            )
        stop = position + length
        if raw[start] & 0x20:
            found.append(Tlv(tag, children=_parse(raw, position, stop, path)))
        else:
            found.append(Tlv(tag, bytes(raw[position:stop])))
        start = stop
    return tuple(found)


def _tag(raw: bytes, start: int, end: int, parent: str) -> tuple[int, int]:
    position = start + 1
    if raw[start] & 0x1F == 0x1F:
        while position < end and raw[position] & 0x80 and position - start < _MAX_TAG_BYTES:
            position += 1
        position += 1
    if position > end or position - start > _MAX_TAG_BYTES:
        raise DecodeError(
            f"tag must be complete within {_MAX_TAG_BYTES} bytes", offset=start, path=parent or "tag"
        )
    return int.from_bytes(raw[start:position], "big"), position


def _length(raw: bytes, position: int, end: int, path: str) -> tuple[int, int]:
    if position >= end:
        raise DecodeError("length is missing", offset=position, path=path)
    first, position = raw[position], position + 1
    if first < 0x80:
        return first, position
    count = first & 0x7F
    if not 1 <= count <= 4 or position + count > end:
        raise DecodeError(
            f"length byte must be 00..7F or 81..84, got {first:02X}", offset=position - 1, path=path
        )
    return int.from_bytes(raw[position : position + count], "big"), position + count
