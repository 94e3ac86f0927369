"""Access rights: one byte against the two security registers of the session (FMCOS 5.2)."""

from __future__ import annotations

from ..apdu import SW
from .call import Call, Refusal, Session

__all__ = ["allowed", "require", "require_file"]


def allowed(right: int, session: Session) -> bool:
    """Whether the right byte XY is met: with X > 0 the state of the directory must be in Y..X, with X = 0 that
    of the MF must be Y or more.  So F0 and 00 are always met, EF is never.

    >>> allowed(0xF1, Session(state=1)), allowed(0xEF, Session(state=15)), allowed(0x02, Session(state_mf=2))
    (True, False, True)
    """
    most, least = right >> 4, right & 0x0F
    return least <= session.state <= most if most else session.state_mf >= least


def require(right: int, call: Call) -> None:
    """Refuse with ``6982`` unless the right is met."""
    if not allowed(right, call.session):
        raise Refusal(SW.SECURITY_STATUS)


def require_file(right: int, call: Call) -> None:
    """As :func:`require` for a right of a file or directory, which is always met until an empty directory is
    left for the first time (FMCOS 4.3).
    """
    if not call.session.free:
        require(right, call)
