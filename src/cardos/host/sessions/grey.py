"""The grey lock of a purse: one method per command of the card (JR/T 0025.9 7.7 to 7.10)."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from ...apdu.grey_commands import (
    CLEAR_LOCK_PROOF,
    DEBIT_FOR_UNLOCK,
    GET_LOCK_PROOF,
    GREY_LOCK,
    GREY_UNLOCK,
    INITIALIZE_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_UNLOCK,
)
from ...fields import with_moment
from .answers import GreyCode, GreyLocked, GreyLockInitialised, GreyUnlockInitialised, LockProof, Purse
from .application import ApplicationSession
from .moments import with_when

__all__ = ["GreyLockSession"]


class GreyLockSession(ApplicationSession):
    """A purse that is locked before the goods are taken and debited afterwards, at any terminal."""

    def grey_code(self, purse: Purse) -> GreyCode:
        """What the commands of the grey lock call ``purse`` on this kind of card; one that does not lock either purse
        has a single code, which means its electronic purse if it has one.
        """
        both = self.profile.purse.grey_both_purses
        return GreyCode.SECOND if both and purse is Purse.EP else GreyCode.FIRST

    def initialize_for_grey_lock(
        self, purse: Purse = Purse.EP, *, terminal: bytes, key: int | None = None
    ) -> GreyLockInitialised:
        """INITIALIZE FOR GREY LOCK (JR/T 0025.9 7.7); ``key`` is the index of the purchase key."""
        return self._ask(
            INITIALIZE_FOR_GREY_LOCK, GreyLockInitialised, None, self.grey_code(purse).p2,
            key_index=self._index("purchase", key), terminal=terminal,
        )  # fmt: skip

    def grey_lock(
        self, *, terminal_serial: int, terminal_random: bytes, when: datetime, mac1: bytes
    ) -> GreyLocked:
        """GREY LOCK (JR/T 0025.9 7.7.3) with serial, random number and MAC1 of the PSAM."""
        return self._ask(
            GREY_LOCK, GreyLocked, terminal_serial=terminal_serial, terminal_random=terminal_random, mac1=mac1,
            **with_moment(when),
        )  # fmt: skip

    def debit_for_unlock(
        self, purse: Purse = Purse.EP, *, amount: int, offline_serial: int, terminal: bytes, terminal_serial: int,
        when: datetime, gmac: bytes,
    ) -> bytes:  # fmt: skip
        """DEBIT FOR UNLOCK of ``amount`` fen (JR/T 0025.9 7.7.8) with the GMAC of the PSAM; gives the TAC.

        ``offline_serial`` is the value after the step of the lock; terminal, serial and moment are of the terminal
        that debits.
        """
        command = DEBIT_FOR_UNLOCK.command(
            None, self.grey_code(purse).p2, amount=amount, offline_serial=offline_serial, terminal=terminal,
            terminal_serial=terminal_serial, gmac=gmac, **with_moment(when),
        )  # fmt: skip
        return cast(bytes, DEBIT_FOR_UNLOCK.parse_answer(self.send(command).data).tac)

    def initialize_for_grey_unlock(
        self, purse: Purse = Purse.EP, *, terminal: bytes, key: int | None = None
    ) -> GreyUnlockInitialised:
        """INITIALIZE FOR GREY UNLOCK (JR/T 0025.9 7.7.9), online; ``key`` is the index of the unload key."""
        return self._ask(
            INITIALIZE_FOR_GREY_UNLOCK, GreyUnlockInitialised, None, self.grey_code(purse).p2,
            key_index=self._index("unload", key), terminal=terminal,
        )  # fmt: skip

    def grey_unlock(self, *, amount: int, when: datetime, mac2: bytes) -> bytes:
        """GREY UNLOCK with a debit of ``amount`` fen (JR/T 0025.9 7.7.9) and MAC2 of the issuer; gives MAC3."""
        command = GREY_UNLOCK.command(amount=amount, mac2=mac2, **with_moment(when))
        return cast(bytes, GREY_UNLOCK.parse_answer(self.send(command).data).mac3)

    def get_lock_proof(self) -> LockProof:
        """GET LOCK PROOF (JR/T 0025.9 7.10); ``6985`` from a card of which no purse was ever locked."""
        answer = self.send(GET_LOCK_PROOF.command()).data
        return LockProof(**with_when(GET_LOCK_PROOF.answer_fields(answer)))

    def clear_lock_proof(self) -> None:
        """GET LOCK PROOF with P1 = 01 (JR/T 0025.9 7.10): the TAC was read."""
        self.send(CLEAR_LOCK_PROOF.command())
