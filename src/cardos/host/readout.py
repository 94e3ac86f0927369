"""Everything that a card of a known profile says to a terminal, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ..errors import DecodeError, StatusError
from ..profile import Profile
from .sessions import LockProof, LockState, LogRecord, PublicData, Purse, PurseSession
from .transports import Transport

__all__ = ["PurseBalance", "ReadOut", "read_out"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PurseBalance:
    """What a purse holds, fen: ``spendable`` with the overdraft limit, ``own`` without it (below 0 when some of it is
    in use).  ``None`` is what the card does not tell without its PIN.
    """

    purse: Purse
    spendable: int | None
    own: int | None


@dataclass(frozen=True, slots=True)
class ReadOut:
    """What a card said: who it is, what its purses hold, its log, newest first (``None`` when it is not to be read),
    and the proof of its last grey lock (``None`` when there was none).
    """

    public: PublicData
    balances: tuple[PurseBalance, ...]
    log: tuple[LogRecord, ...] | None
    lock: LockProof | None

    @property
    def is_locked(self) -> bool:
        """Whether a sale left the purse grey-locked."""
        return self.lock is not None and self.lock.lock_state == LockState.LOCKED

    def balance(self, purse: Purse) -> PurseBalance | None:
        """That of one purse; ``None`` when the card has no such purse."""
        return next((each for each in self.balances if each.purse is purse), None)


def read_out(transport: Transport, profile: Profile, *, pin: bytes | None = None) -> ReadOut:
    """Read a card of ``profile``; nothing on it changes.  With ``pin`` it tells more.

    What the card refuses is ``None`` in the result.  Raises :class:`~cardos.errors.StatusError` when it does not even
    let its application be selected (or the PIN is wrong), and :class:`~cardos.errors.TransportError` when it went away.
    """
    session = PurseSession(transport, profile)
    if pin is not None:
        session.verify(pin)
    return ReadOut(
        public=session.public,
        balances=tuple(
            PurseBalance(
                purse,
                _told(partial(session.get_balance, purse)),
                _told(partial(session.shown_balance, purse)),
            )
            for purse in Purse
            if profile.application.find(purse.fid) is not None
        ),
        log=_told(lambda: tuple(session.read_log())),
        lock=_told(session.get_lock_proof),
    )


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except (StatusError, DecodeError):
        return None
