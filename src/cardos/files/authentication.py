"""VERIFY, GET CHALLENGE and EXTERNAL AUTHENTICATE: how the security registers are reached."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import EXTERNAL_AUTHENTICATE, GET_CHALLENGE, TRIES_LEFT, VERIFY
from ..profile import KeyType
from .access import require
from .call import Call, Handler, Refusal, Session
from .filesystem import KeyRecord
from .protection import find_key, give_back_try, need_challenge, need_try, take_try

__all__ = ["HANDLERS"]

_CHALLENGES = (4, 8)


def _grant(session: Session, follow_up: int) -> None:
    """Set the register of the current directory, and that of the MF when it is the current one (FMCOS 5.2)."""
    session.state = follow_up & 0x0F
    if session.directory is not None and session.directory.parent is None:
        session.state_mf = session.state


def _attempt(call: Call, record: KeyRecord, *, genuine: Callable[[], bool]) -> None:
    """One counted try: ``63Cx`` when it was wrong; right, it refills the counter and grants the follow-up
    state.
    """
    left = take_try(call, record)
    if not genuine():
        raise Refusal(TRIES_LEFT | left)
    give_back_try(call, record)
    _grant(call.session, record.first)


def _is_pin(given: bytes, stored: bytes) -> bool:
    """Whether a PIN is the stored one, whose FF bytes at the end may be left out (FMCOS 7.10)."""
    return len(given) <= len(stored) and hmac.compare_digest(given.ljust(len(stored), b"\xff"), stored)


def verify(call: Call) -> bytes:
    """VERIFY (JR/T 0025.1 6.2.16): ``9403`` no such PIN, ``6982`` its use right, ``6983`` locked, ``63Cx``
    wrong.
    """
    record = find_key(call, KeyType.PIN, call.command.p2, missing=SW.KEY_INDEX)
    require(record.use, call)
    need_try(record)
    call.session.pin_verified = False  # until a wrong PIN, says JR/T 0025.2 5.5.1.7
    _attempt(call, record, genuine=lambda: _is_pin(call.command.data, record.value))
    call.session.pin_verified = True
    return b""


def get_challenge(call: Call) -> bytes:
    """GET CHALLENGE (JR/T 0025.1 6.2.7): 4 or 8 random bytes, or a block of the suite's cipher, for the next
    command only; ``6700`` for another Le.
    """
    size = call.command.le
    if size not in (*_CHALLENGES, call.profile.suite.cipher.block_size):
        raise Refusal(SW.WRONG_LENGTH)
    call.session.challenge = call.random(size)
    return call.session.challenge


def external_authenticate(call: Call) -> bytes:
    """EXTERNAL AUTHENTICATE (JR/T 0025.1 6.2.6): ``6A88`` no such key, ``6982`` its use right, ``6983`` locked,
    ``6984`` no challenge, ``63Cx`` wrong.
    """
    record = find_key(call, KeyType.AUTHENTICATION, call.command.p2)
    require(record.use, call)
    need_try(record)
    expected = call.profile.suite.cryptogram(record.key, need_challenge(call))
    _attempt(call, record, genuine=lambda: hmac.compare_digest(expected, call.command.data))
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        VERIFY.name: verify,
        GET_CHALLENGE.name: get_challenge,
        EXTERNAL_AUTHENTICATE.name: external_authenticate,
    }
)
