"""VERIFY, GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE: how card and outside world recognise each other."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import (
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    INTERNAL_AUTHENTICATE,
    MOST_BYTES,
    TRIES_LEFT,
    VERIFY,
)
from ..crypto import Key, decrypt_ecb, encrypt_ecb, pad
from ..profile import KeyType
from .access import require
from .call import Call, Handler, Refusal, Session
from .filesystem import KeyRecord
from .protection import find_key, give_back_try, need_challenge, need_try, secret_data, take_try

__all__ = ["HANDLERS", "attempt", "is_pin"]


def _grant(session: Session, follow_up: int) -> None:
    """Set the register of the current directory, and that of the MF when it is the current one (FMCOS 5.2)."""
    session.state = follow_up & 0x0F
    if session.directory is not None and session.directory.parent is None:
        session.state_mf = session.state


def attempt(call: Call, record: KeyRecord, *, wrong: int = TRIES_LEFT, genuine: Callable[[], bool]) -> None:
    """One counted try: when it was wrong ``63Cx``, or ``wrong`` if that is another status; right, it refills the
    counter.
    """
    left = take_try(call, record)
    if not genuine():
        raise Refusal(wrong | left if wrong == TRIES_LEFT else wrong)
    give_back_try(call, record)


def is_pin(given: bytes, stored: bytes) -> bool:
    """Whether a PIN is the stored one, whose FF bytes at the end may be left out (FMCOS 7.10)."""
    return len(given) <= len(stored) and hmac.compare_digest(given.ljust(len(stored), b"\xff"), stored)


def verify(call: Call) -> bytes:
    """VERIFY (JR/T 0025.1 6.2.16): ``9403`` no such PIN, ``6982`` its use right, ``6983`` locked, ``6900`` and ``9302``
    of the protected form, ``63Cx`` wrong.
    """
    record = find_key(call, KeyType.PIN, call.command.p2, missing=SW.KEY_INDEX)
    require(record.use, call)
    need_try(record)
    call.session.pin_verified = False  # until a wrong PIN, says JR/T 0025.2 5.5.1.7
    given = secret_data(call, record)
    attempt(call, record, genuine=lambda: is_pin(given, record.value))
    _grant(call.session, record.first)
    call.session.pin_verified = True
    return b""


def get_challenge(call: Call) -> bytes:
    """GET CHALLENGE (JR/T 0025.1 6.2.7): random bytes of a length that the profile has, or a block of the suite's
    cipher, for the next command only; ``6700`` for another Le.
    """
    size = call.command.le
    if size not in (*call.profile.cos.challenge_sizes, call.profile.suite.cipher.block_size):
        raise Refusal(SW.WRONG_LENGTH)
    call.session.challenge = call.random(size)
    return call.session.challenge


def external_authenticate(call: Call) -> bytes:
    """EXTERNAL AUTHENTICATE (JR/T 0025.1 6.2.6): ``6A88`` no such key, ``6982`` its use right, ``6983`` locked,
    ``6984`` no challenge, ``6900`` and ``9302`` of the protected form, ``63Cx`` or ``6300`` wrong.
    """
    record = find_key(call, KeyType.AUTHENTICATION, call.command.p2)
    require(record.use, call)
    need_try(record)
    expected = call.profile.suite.cryptogram(record.key, need_challenge(call))
    given = secret_data(call, record)
    wrong = call.profile.cos.authentication_wrong
    attempt(call, record, wrong=wrong, genuine=lambda: hmac.compare_digest(expected, given))
    _grant(call.session, record.first)
    return b""


def _whole_blocks(key: Key, data: bytes) -> bytes:
    """Data as they are enciphered: padded only where needed."""
    return data if len(data) % key.block_size == 0 else pad(data, key.block_size)


def _encipher(call: Call, key: Key) -> bytes:
    return encrypt_ecb(key, _whole_blocks(key, call.command.data))


def _decipher(call: Call, key: Key) -> bytes:
    if len(call.command.data) % key.block_size:
        raise Refusal(SW.WRONG_LENGTH)
    return decrypt_ecb(key, call.command.data)


def _mac(call: Call, key: Key) -> bytes:
    return call.profile.suite.command_mac(key, bytes(key.block_size), call.command.data)


#: Key type and method of INTERNAL AUTHENTICATE, by P1 (FMCOS 7.3).
_METHODS: Mapping[int, tuple[KeyType, Callable[[Call, Key], bytes]]] = MappingProxyType(
    {
        0x00: (KeyType.ENCRYPTION, _encipher),
        0x01: (KeyType.DECRYPTION, _decipher),
        0x02: (KeyType.MAC, _mac),
    }
)


def internal_authenticate(call: Call) -> bytes:
    """INTERNAL AUTHENTICATE (JR/T 0025.1 6.2.9, FMCOS 7.3): encipherment, decipherment or a 4-byte MAC (initial value
    0) of the data; ``6A88`` no such key, ``6982`` its use right, ``6700`` parts of a block to decipher, or an answer
    longer than the card sends.
    """
    type_, method = _METHODS[call.command.p1]
    record = find_key(call, type_, call.command.p2)
    require(record.use, call)
    answer = method(call, record.key)
    if len(answer) > MOST_BYTES:
        raise Refusal(SW.WRONG_LENGTH)
    return answer


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        VERIFY.name: verify,
        GET_CHALLENGE.name: get_challenge,
        EXTERNAL_AUTHENTICATE.name: external_authenticate,
        INTERNAL_AUTHENTICATE.name: internal_authenticate,
    }
)
