"""The load SAM, which takes the place of an online issuer."""

from __future__ import annotations

from datetime import datetime

from ...apdu.sam_commands import LOAD_BY_SAM
from ...fields import with_moment
from .answers import LoadAuthorisedBySam, LoadInitialised
from .public import PublicData
from .sam import SamSession

__all__ = ["IsamSession"]


class IsamSession(SamSession):
    """A load SAM; its own terminal number (``info.terminal``) is the one that the card must be given."""

    def load_by_sam(
        self,
        initialised: LoadInitialised,
        *,
        card: PublicData,
        amount: int,
        transaction_type: int,
        when: datetime,
    ) -> LoadAuthorisedBySam:
        """807A: MAC2 for a card whose load of ``amount`` fen was initialised; the load serial is spent and the amount
        gone from the limit.

        A wrong MAC1 of the card raises ``9302``, an amount above what is left of the limit ``9401``.
        """
        return self._ask(
            LOAD_BY_SAM, LoadAuthorisedBySam, random=initialised.random, online_serial=initialised.online_serial,
            balance=initialised.balance, amount=amount, type=transaction_type,
            key_version=initialised.key_version, algorithm=initialised.algorithm, mac1=initialised.mac1,
            factors=self.factors(card), **with_moment(when),
        )  # fmt: skip
