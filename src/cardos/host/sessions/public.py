"""What a card says of itself, and what its profile says of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from ...errors import ParameterError, ProfileError
from ...fields import FIELDS, Value
from ...profile import FilePlace, Profile

__all__ = ["PublicData", "check_amount", "key_index", "needs_safety_code", "public_data"]

_SAFETY_CODE = "safety_code"


@dataclass(frozen=True, slots=True)
class PublicData:
    """What a card says of itself, mostly in file 0015: ``issuer`` 8 bytes, ``application_serial`` 10 bytes, first and
    last day of validity, and the 8 bytes ``card_serial`` that name the card and diversify its keys, as a rule the
    rightmost 16 digits of the application serial number.
    """

    issuer: bytes
    application_serial: bytes
    start: date
    expiry: date
    card_serial: bytes


def check_amount(amount: int) -> None:
    """Raise :class:`~cardos.errors.ParameterError` unless ``amount`` is 1..4294967295 fen."""
    if not 1 <= amount <= FIELDS["amount"].maximum:
        raise ParameterError("amount", f"1..{FIELDS['amount'].maximum} fen", amount)


def key_index(profile: Profile, purpose: str) -> int:
    """Index of the key with this purpose in the application of ``profile``.

    >>> from cardos.profile import load_profile
    >>> key_index(load_profile("city-3des"), "purchase")
    1
    """
    for key in profile.application.keys:
        if key.source == purpose:
            return key.id
    raise ProfileError(f"a key with source {purpose!r} must exist in the application", where=profile.where)


def needs_safety_code(profile: Profile, transaction: str, item: str) -> bool:
    """Whether the dialect puts the card's safety authentication code under this MAC (CJ/T 166).

    >>> from cardos.profile import load_profile
    >>> needs_safety_code(load_profile("city-3des"), "purchase", "mac1")
    False
    """
    return _SAFETY_CODE in profile.dialect.transaction(transaction).item(item).names


def public_data(profile: Profile, raw: Mapping[FilePlace, bytes]) -> PublicData:
    """What the public files of a card of ``profile`` say, by their places.

    Raises :class:`~cardos.errors.DecodeError` when they hold something else, and
    :class:`~cardos.errors.ProfileError` when the profile does not say enough of them.
    """
    values: dict[str, Value] = {}
    for place, content in raw.items():
        layout = profile.file(place.file, place.directory).layout
        if layout is None:
            raise ProfileError(f"file {place.file:04X} must have a content", where=profile.where)
        values |= layout.split(content[: layout.width])
    known = profile.complete(values)
    names = tuple(field.name for field in fields(PublicData))
    missing = [name for name in names if name not in known]
    if missing:
        files = ", ".join(f"{place.file:04X}" for place in profile.public)
        raise ProfileError(f"content of file {files} must have {missing[0]}", where=profile.where)
    chosen: dict[str, Any] = {name: known[name] for name in names}  # typed by the layouts
    return PublicData(**chosen)
