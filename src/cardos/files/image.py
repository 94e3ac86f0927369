"""Card image files: the non-volatile memory of a card, with a version and a check sum.

All numbers big endian::

    8   magic "CARDOSIM"
    2   version, 1
    1+n profile name, UTF-8, after its length
    1+n protocol name, ASCII, after its length
    4+n memory, after its length
    32  SHA-256 of everything before

The memory is stored as it is, so a card image holds the card's keys and PINs in clear: treat it as the card.
An image file can be read by its owner only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..durable import write_new
from ..errors import ImageError

__all__ = ["CardImage", "read_image", "write_image"]

_MAGIC = b"CARDOSIM"
_VERSION = 1
_DIGEST = 32
_TEXT_LENGTH, _MEMORY_LENGTH = 1, 4


@dataclass(frozen=True, slots=True)
class CardImage:
    """What an image file holds: names of profile and protocol, and the memory."""

    profile: str
    protocol: str
    memory: bytes

    def to_bytes(self) -> bytes:
        """The content of the file."""
        body = _MAGIC + _VERSION.to_bytes(2, "big")
        for part, width in (
            (self.profile.encode(), _TEXT_LENGTH),
            (self.protocol.encode(), _TEXT_LENGTH),
            (self.memory, _MEMORY_LENGTH),
        ):
            body += len(part).to_bytes(width, "big") + part
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, raw: bytes, *, where: str = "image") -> CardImage:
        """The image in ``raw``; :class:`~cardos.errors.ImageError` says what is wrong with it."""
        if not raw.startswith(_MAGIC):
            raise ImageError("not a card image: it must begin with CARDOSIM", where=where)
        version = int.from_bytes(raw[len(_MAGIC) : len(_MAGIC) + 2], "big")
        body, digest = raw[:-_DIGEST], raw[-_DIGEST:]
        if len(body) < len(_MAGIC) + 2:
            raise ImageError(f"the file is cut short after {len(raw)} bytes", where=where)
        if version != _VERSION:
            raise ImageError(f"version must be {_VERSION}, got {version}; use a newer cardos", where=where)
        profile, protocol, memory = _parts(body, where)
        if hashlib.sha256(body).digest() != digest:
            raise ImageError("SHA-256 must match the content; the file is damaged", where=where)
        try:
            return cls(profile.decode(), protocol.decode(), memory)
        except UnicodeDecodeError:
            raise ImageError("names must be text; another program wrote the file", where=where) from None


def _parts(body: bytes, where: str) -> list[bytes]:
    """The three counted parts, which must fill ``body``."""
    parts, position = [], len(_MAGIC) + 2
    for width in (_TEXT_LENGTH, _TEXT_LENGTH, _MEMORY_LENGTH):
        end = position + width
        end += int.from_bytes(body[position:end], "big")
        parts.append(body[position + width : end])
        position = end
    if position > len(body):
        raise ImageError(
            f"must be {position + _DIGEST} bytes, got {len(body) + _DIGEST}; cut short", where=where
        )
    if position < len(body):
        raise ImageError(f"must end after {position + _DIGEST} bytes, got {len(body) + _DIGEST}", where=where)
    return parts


def write_image(path: Path, image: CardImage, *, durable: bool = True) -> None:
    """Write the file: beside the old one, then in its place, so that there is always a whole one."""
    write_new(path, image.to_bytes(), private=True, durable=durable)


def read_image(path: Path) -> CardImage:
    """The image in a file, which is never changed.

    Raises :class:`~cardos.errors.ImageError` naming the file when it cannot be read, is no image, of another
    version, cut short or damaged.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return CardImage.from_bytes(raw, where=str(path))
