"""Simulated cards ready for use: personalised by real commands, or living in an image file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from .card import Card
from .errors import ImageError
from .files.memory import Memory
from .host import CardData, KeyRing, SamData, SimulatedTransport, personalise
from .profile import Profile, load_profile, profile_names

__all__ = ["TEST_SEED", "SavedCard", "issue_card", "make_test_card", "open_card"]

#: The seed of the TEST KEYS of cards that are made without any, and of the commands that serve them.
TEST_SEED = "test"
_FIRST_DAY, _LAST_DAY = date(2025, 1, 1), date(2034, 12, 31)


class SavedCard:
    """A card that lives in an image file: what it acknowledged is in the file before its answer leaves.

    A crash of the process loses nothing that was acknowledged; :meth:`close` makes it durable against a crash of
    the machine.  It is a :class:`~cardos.host.CardLike`.

    A file that another program changed meanwhile is never overwritten: whatever needs saving then raises
    :class:`~cardos.errors.ImageError`, as it does when the disk is full.
    """

    def __init__(self, path: str | os.PathLike[str], *, profile: Profile | None = None) -> None:
        """Raises :class:`~cardos.errors.ImageError` for a file that is no image of a card, which is left as it is."""
        self.path = Path(path)
        self._file = _identity(self.path)
        self.card = Card.load(self.path, profile=profile)
        self._saved, self._changed = self.card.memory.writes, False

    @property
    def profile(self) -> Profile:
        """The profile of the card."""
        return self.card.profile

    @property
    def protocol(self) -> str:
        """Its transmission protocol."""
        return self.card.protocol

    @property
    def memory(self) -> Memory:
        """Its memory."""
        return self.card.memory

    def power_on(self) -> bytes:
        """Power up, with the recovery of the card; returns the ATR or ATS."""
        atr = self.card.power_on()
        self._save()
        return atr

    def power_off(self) -> None:
        """Cut the power."""
        self.card.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer, after what changed was saved; also when the power is cut in the middle."""
        try:
            return self.card.transmit(command)
        finally:
            self._save()

    def close(self) -> None:
        """Cut the power and make the file durable; one whose card did not change is not touched."""
        self.power_off()
        if self._changed:
            self._write(durable=True)

    def _save(self) -> None:
        if self.card.memory.writes != self._saved:
            self._write(durable=False)

    def _write(self, *, durable: bool) -> None:
        if _identity(self.path) != self._file:
            raise ImageError(
                "must be the file that was written last, got another; it was left as it is",
                where=str(self.path),
            )
        try:
            self.card.save(self.path, durable=durable)
        except OSError as error:
            raise ImageError(f"cannot be written: {error.strerror}", where=str(self.path)) from None
        self._file, self._saved, self._changed = _identity(self.path), self.card.memory.writes, True


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells whether a file is still the same."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


# ------------------------------------------------------------------ issuing

_Validity = tuple[date, date]


def _card_data(serial: bytes, issuer: bytes, _terminal: bytes, validity: _Validity) -> CardData:
    return CardData(application_serial=serial, issuer=issuer, start=validity[0], expiry=validity[1])


def _sam_data(serial: bytes, issuer: bytes, terminal: bytes, validity: _Validity) -> SamData:
    return SamData(sam_serial=serial, issuer=issuer, terminal=terminal, start=validity[0], expiry=validity[1])


#: What is written, by the kind of the profile.
_DATA: Mapping[str, Callable[[bytes, bytes, bytes, _Validity], CardData | SamData]] = MappingProxyType(
    {"card": _card_data, "psam": _sam_data, "isam": _sam_data, "keycard": _sam_data}
)


def issue_card(
    profile: Profile, keys: KeyRing, *, serial: bytes, issuer: bytes, terminal: bytes, start: date = _FIRST_DAY,
    expiry: date = _LAST_DAY, protocol: str = "T=1",
) -> Card:  # fmt: skip
    """A card or SAM under power, personalised by real commands as its profile says.

    ``serial`` is its application (or SAM) serial number, 10 bytes, ``issuer`` 8 bytes, ``terminal`` the 6-byte
    terminal number of a SAM.
    """
    card = Card.blank(profile, protocol=protocol)
    personalise(
        SimulatedTransport(card),
        profile,
        _DATA[profile.kind](serial, issuer, terminal, (start, expiry)),
        keys,
    )
    return card


def make_test_card(name: str) -> Card:
    """A card or SAM of a profile with number 1 and TEST KEYS, which anybody can compute.

    >>> make_test_card("city-3des").powered
    True
    """
    profile = load_profile(name)
    keys = KeyRing.for_tests(TEST_SEED, profile)
    one = (1).to_bytes
    return issue_card(profile, keys, serial=one(10, "big"), issuer=one(8, "big"), terminal=one(6, "big"))


def open_card(place: str) -> Card | SavedCard:
    """The card that a text names: of an image file, or a test card of a profile, which is in memory only.

    >>> open_card("city-3des").profile.name
    'city-3des'
    """
    if place.partition("@")[0] in profile_names() or Path(place).suffix == ".toml":
        return make_test_card(place)
    return SavedCard(place)
