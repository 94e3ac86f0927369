"""Key cards: the mother card of an issuer and those that guard it."""

from __future__ import annotations

from typing import cast

from ...apdu.sam_commands import EXPORT_KEY
from ...profile import Profile
from ..transports import Transport
from .application import ApplicationSession

__all__ = ["KeyCardSession"]


class KeyCardSession(ApplicationSession):
    """A key card of ``profile``, its application selected here.

    Two of them recognise each other when each answers the other's challenge: ``internal_authenticate`` of one goes to
    ``present_cryptogram`` of the other.
    """

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile)
        self.enter(profile.application)

    def export_key(self, usage: int, version: int = 0, *, factors: bytes = b"") -> bytes:
        """801A: 16 bytes, a root key of ``usage`` (``levels << 5 | 1E``) and ``version``, diversified by one factor per
        level and encrypted under the transport key; the export is counted.

        ``6982`` unless the authentication card was recognised.
        """
        answer = self.send(EXPORT_KEY.command(usage, version, factors=factors)).data
        return cast(bytes, EXPORT_KEY.parse_answer(answer).data)
