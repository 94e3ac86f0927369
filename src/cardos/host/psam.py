"""The purchase SAM as a terminal sees it (PSAM commands 8070 and 8072)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from ..apdu.sam_commands import AUTHENTICATION_MESSAGE, CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE
from ..errors import ProfileError
from ..fields import with_moment
from ..profile import Profile
from .purse import PublicData, PurchaseInitialised
from .session import MF, FileSession
from .transport import Transport

__all__ = ["PsamSession", "SamInfo", "SamInitialised"]

_SERIAL_FILE, _TERMINAL_FILE, _PURCHASE_FILE = 0x0015, 0x0016, 0x0017


@dataclass(frozen=True, slots=True)
class SamInfo:
    """What a PSAM says of itself: ``serial`` 10 bytes, its 6-byte ``terminal`` number, its purchase
    ``key_index``, issuer, first and last day of validity.
    """

    serial: bytes
    terminal: bytes
    key_index: int
    issuer: bytes
    start: date
    expiry: date

    @property
    def number(self) -> bytes:
        """The 8 bytes that name the SAM in records: the rightmost 16 digits of its serial."""
        return self.serial[-8:]


@dataclass(frozen=True, slots=True)
class SamInitialised:
    """Answer to INIT SAM FOR PURCHASE: the terminal transaction serial, spent now, and MAC1."""

    terminal_serial: int
    mac1: bytes


class PsamSession(FileSession):
    """A PSAM of ``profile``, its files read and its application selected here; ``info`` is what they say."""

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile.suite)
        self.profile = profile
        self.select_file(MF)
        mf = self._fields(_SERIAL_FILE) | self._fields(_TERMINAL_FILE)
        self.select_name(profile.application.aid)
        own = self._fields(_PURCHASE_FILE)
        self.info = SamInfo(
            mf["sam_serial"], mf["terminal"], own["key_index"], own["issuer"], own["start"], own["expiry"]
        )

    def _fields(self, fid: int) -> dict[str, Any]:  # typed by the layout, which typing cannot follow
        spec = self.profile.file(fid)
        if spec.layout is None:
            raise ProfileError(f"file {fid:04X} must have a content", where=self.profile.where)
        return cast(dict[str, Any], spec.layout.split(self.read_binary(spec.sfi, length=spec.layout.width)))

    def init_sam_for_purchase(
        self,
        initialised: PurchaseInitialised,
        *,
        card: PublicData,
        amount: int,
        transaction_type: int,
        when: datetime,
    ) -> SamInitialised:
        """8070: spends a terminal serial and makes MAC1 for a card whose purchase was initialised.

        ``amount`` in fen.  The factors go out as the profile declares them, the card's serial first.
        """
        command = INIT_SAM_FOR_PURCHASE.command(
            random=initialised.random, offline_serial=initialised.offline_serial, amount=amount,
            type=transaction_type, **with_moment(when), key_version=initialised.key_version,
            algorithm=initialised.algorithm, factors=self._factors(card),
        )  # fmt: skip
        return INIT_SAM_FOR_PURCHASE.answer_as(SamInitialised, self.send(command).data)

    def credit_sam_for_purchase(self, mac2: bytes) -> None:
        """8072: has MAC2 of the pending purchase checked; a wrong one raises ``9302``."""
        self.send(CREDIT_SAM_FOR_PURCHASE.command(mac2=mac2))

    def authentication_message(self, safety_code: bytes) -> None:
        """80CA: gives the SAM the 9-byte code of the card's GET MESSAGE for the next purchase (CJ/T 166); a code that
        no card has raises ``6300``.
        """
        self.send(AUTHENTICATION_MESSAGE.command(safety_code=safety_code))

    def _factors(self, card: PublicData) -> bytes:
        known = {
            "issuer": card.issuer, "application_serial": card.application_serial, "card_serial": card.card_serial,
        }  # fmt: skip
        return b"".join(reversed(self.profile.factor_values(known)))
