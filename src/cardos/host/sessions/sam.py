"""What the secure modules have in common: their files, their keys, the factors of a card."""

from __future__ import annotations

from typing import Any, Final, cast

from ...errors import ProfileError
from ...profile import Profile
from ..transports import Transport
from .answers import SamInfo
from .application import ApplicationSession
from .files import MF
from .public import PublicData

__all__ = ["SamSession"]

_SERIAL_FILE: Final = 0x0015
_TERMINAL_FILE: Final = 0x0016
_APPLICATION_FILE: Final = 0x0017


class SamSession(ApplicationSession):
    """A SAM of ``profile``, its files read and its application selected here; ``info`` is what they say."""

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile)
        self.select_file(MF)
        mf = self._fields(_SERIAL_FILE) | self._fields(_TERMINAL_FILE)
        self.enter(profile.application)
        own = self._fields(_APPLICATION_FILE)
        self.info = SamInfo(
            mf["sam_serial"], mf["terminal"], own["key_index"], own["issuer"], own["start"], own["expiry"]
        )

    def factors(self, card: PublicData) -> bytes:
        """The diversification factors of a card as the commands take them: the card's serial first, then the levels
        above it.
        """
        known = {
            "issuer": card.issuer, "application_serial": card.application_serial, "card_serial": card.card_serial,
        }  # fmt: skip
        return b"".join(reversed(self.profile.factor_values(known)))

    def _fields(self, fid: int) -> dict[str, Any]:  # typed by the layout, which typing cannot follow
        spec = self.profile.file(fid)
        if spec.layout is None:
            raise ProfileError(f"file {fid:04X} must have a content", where=self.profile.where)
        return cast(dict[str, Any], spec.layout.split(self.read_binary(spec.sfi, length=spec.layout.width)))
