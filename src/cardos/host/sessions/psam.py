"""The purchase SAM as a terminal sees it: one method per command (coded as PSAMs in the field are)."""

from __future__ import annotations

from datetime import datetime

from ...apdu import MessageRules
from ...apdu.grey_commands import (
    CERTIFY_GREY_LOCK,
    CREDIT_SAM_FOR_GREY_DEBIT,
    GET_GMAC,
    INIT_SAM_FOR_GREY_LOCK,
)
from ...apdu.sam_commands import (
    AUTHENTICATION_MESSAGE,
    CREDIT_SAM_FOR_PURCHASE,
    DELIVERY_KEY,
    DES_CRYPT,
    INIT_SAM_FOR_PURCHASE,
    INIT_SAM_WITH_SERIAL,
    LEVEL_SHIFT,
    CryptMode,
    SamKeyKind,
)
from ...fields import Value, with_moment
from .answers import (
    GreyDebitAuthorised,
    GreyLockInitialised,
    PurchaseInitialised,
    SamGreyInitialised,
    SamInitialised,
)
from .public import PublicData
from .sam import SamSession
from .sam_channel import SamChannel
from .security import MessageKey

__all__ = ["PsamSession"]


class PsamSession(SamSession):
    """A PSAM; amounts in fen.  The factors of a ``card`` go out as the profile declares them, its serial first."""

    # -- purchase

    def init_sam_for_purchase(
        self, initialised: PurchaseInitialised, *, card: PublicData, amount: int, transaction_type: int,
        when: datetime,
    ) -> SamInitialised:  # fmt: skip
        """8070: spends a terminal serial and makes MAC1 for a card whose purchase was initialised."""
        fields = self._of_card(initialised, card, transaction_type, when)
        return self._ask(INIT_SAM_FOR_PURCHASE, SamInitialised, amount=amount, **fields)

    def init_sam_with_serial(
        self, initialised: PurchaseInitialised, *, card: PublicData, amount: int, transaction_type: int,
        when: datetime, terminal_serial: int,
    ) -> SamInitialised:  # fmt: skip
        """8070 with P2 = 01, the form of one metro: as :meth:`init_sam_for_purchase` with a serial of the terminal,
        behind which the counter of the SAM goes on.
        """
        fields = self._of_card(initialised, card, transaction_type, when)
        return self._ask(
            INIT_SAM_WITH_SERIAL, SamInitialised, amount=amount, terminal_serial=terminal_serial, **fields
        )

    def credit_sam_for_purchase(self, mac2: bytes) -> None:
        """8072: has MAC2 of the pending purchase checked; a wrong one raises ``9302``."""
        self.send(CREDIT_SAM_FOR_PURCHASE.command(mac2=mac2))

    def authentication_message(self, safety_code: bytes) -> None:
        """80CA: gives the SAM the 9-byte code of the card's GET MESSAGE for the next purchase (CJ/T 166); a code that
        no card has raises ``6300``.
        """
        self.send(AUTHENTICATION_MESSAGE.command(safety_code=safety_code))

    # -- grey lock

    def init_sam_for_grey_lock(
        self, initialised: GreyLockInitialised, *, card: PublicData, transaction_type: int, when: datetime
    ) -> SamGreyInitialised:
        """E040: spends a terminal serial and makes MAC1 for a card whose grey lock was initialised."""
        fields = self._of_card(initialised, card, transaction_type, when)
        return self._ask(INIT_SAM_FOR_GREY_LOCK, SamGreyInitialised, balance=initialised.balance, **fields)

    def certify_grey_lock(self, mac2: bytes) -> None:
        """E042: has MAC2 of the card's GREY LOCK checked; a wrong one raises ``9302``."""
        self.send(CERTIFY_GREY_LOCK.command(mac2=mac2))

    def credit_sam_for_grey_debit(
        self, *, transaction_type: int, card_serial: bytes, offline_serial: int, amount: int
    ) -> GreyDebitAuthorised:
        """E044: makes the GMAC of a debit of ``amount`` fen for a card that this SAM certified the lock of.

        ``offline_serial`` is the value after the step of the card's GREY LOCK; ``9406`` when the SAM has no such lock.
        """
        return self._ask(
            CREDIT_SAM_FOR_GREY_DEBIT, GreyDebitAuthorised, type=transaction_type, card_serial=card_serial,
            offline_serial=offline_serial, amount=amount,
        )  # fmt: skip

    def get_gmac(self, terminal_serial: int) -> GreyDebitAuthorised:
        """E046: the GMAC once more, by the serial that INIT SAM FOR GREY LOCK gave."""
        return self._ask(GET_GMAC, GreyDebitAuthorised, terminal_serial=terminal_serial)

    # -- a key of a card, which never leaves the SAM

    def delivery_key(self, usage: int, version: int = 0, *, factors: bytes = b"") -> None:
        """801A: the key of ``usage`` (``levels << 5 | kind``) and ``version``, diversified by one factor per level
        (:meth:`factors`), is the temporary key of :meth:`des_crypt`.
        """
        self.send(DELIVERY_KEY.command(usage, version, factors=factors))

    def des_crypt(self, mode: CryptMode, data: bytes) -> bytes:
        """80FA: whole blocks, at most 48 bytes, encrypted under the temporary key, or 4 bytes of MAC over padded
        blocks, the first being the initial value; the first and middle parts of a MAC give nothing.
        """
        return self.send(DES_CRYPT.command(mode, data=data)).data

    def message_key(self, kind: SamKeyKind, *, card: PublicData, version: int = 0) -> MessageKey:
        """A key of ``card`` for its protected commands, which this SAM puts together: 801A and 80FA for each.

        ``kind`` is as a rule APPLICATION_MAINTENANCE.
        """
        usage = len(self.profile.factors) << LEVEL_SHIFT | kind

        def channel(challenge: bytes, rules: MessageRules) -> SamChannel:
            self.delivery_key(usage, version, factors=self.factors(card))
            return SamChannel(self.des_crypt, self.suite.cipher, challenge, rules)

        return channel

    def _of_card(
        self, initialised: PurchaseInitialised, card: PublicData, transaction_type: int, when: datetime
    ) -> dict[str, Value]:
        """The fields that every INIT SAM takes from the card and its moment."""
        return {
            "random": initialised.random, "offline_serial": initialised.offline_serial, "type": transaction_type,
            "key_version": initialised.key_version, "algorithm": initialised.algorithm,
            "factors": self.factors(card), **with_moment(when),
        }  # fmt: skip
