"""Access rights: one byte against the two security registers of the session (FMCOS 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..apdu import SW
from ..options import CosOptions
from .call import Call, Refusal, Session

__all__ = ["allowed", "require", "require_file"]

_DEFAULT = CosOptions()


def _mf_for_zero(right: int, session: Session) -> bool:
    most, least = right >> 4, right & 0x0F
    return least <= session.state <= most if most else session.state_mf >= least


def _current_for_zero(right: int, session: Session) -> bool:
    most, least = right >> 4, right & 0x0F
    return least <= session.state <= (most or 0x0F)


def _mf_for_f(right: int, session: Session) -> bool:
    most, least = right >> 4, right & 0x0F
    return session.state_mf >= least if most == 0x0F else least <= session.state <= most


def _low_first(right: int, session: Session) -> bool:
    return right >> 4 <= session.state <= right & 0x0F


#: How a card reads a rights byte, by its options ``rights`` and ``zero_rights``.
_READINGS: Mapping[tuple[str, str], Callable[[int, Session], bool]] = MappingProxyType(
    {
        ("high_first", "mf"): _mf_for_zero,
        ("high_first", "current"): _current_for_zero,
        ("high_first", "f_is_mf"): _mf_for_f,
        ("low_first", "mf"): _low_first,
        ("low_first", "current"): _low_first,
        ("low_first", "f_is_mf"): _low_first,
    }
)


def allowed(right: int, session: Session, cos: CosOptions = _DEFAULT) -> bool:
    """Whether the right byte XY is met: with X > 0 the state of the directory must be in Y..X, with X = 0 that
    of the MF must be Y or more.  So F0 and 00 are always met, EF is never.  The options ``rights`` and
    ``zero_rights`` read it otherwise.

    >>> allowed(0xF1, Session(state=1)), allowed(0xEF, Session(state=15)), allowed(0x02, Session(state_mf=2))
    (True, False, True)
    """
    return _READINGS[cos.rights, cos.zero_rights](right, session)


def require(right: int, call: Call) -> None:
    """Refuse with ``6982`` unless the right is met."""
    if not allowed(right, call.session, call.profile.cos):
        raise Refusal(SW.SECURITY_STATUS)


def require_file(right: int, call: Call) -> None:
    """As :func:`require` for a right of a file or directory, which is always met until an empty directory is
    left for the first time (FMCOS 4.3).
    """
    if not call.session.free:
        require(right, call)
