"""CHANGE PIN, RELOAD PIN and PIN UNBLOCK: what holder and issuer may do to a PIN (JR/T 0025.2 5.2.1, 5.2.12, 5.5.9)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import CHANGE_PIN, PIN_UNBLOCK, RELOAD_PIN
from ..apdu.secure import MAC_SIZE
from ..profile import KeyType
from .access import require
from .authentication import attempt, is_pin
from .call import Call, Handler, Refusal
from .filesystem import KeyRecord
from .protection import (
    BLOCKING_RULE,
    current_directory,
    find_key,
    give_back_try,
    need_try,
    open_message,
    take_try,
    wrong_mac,
)

__all__ = ["HANDLERS"]

#: Bytes of a PIN that a holder enters (JR/T 0025.2 5.2.1), and of one that lies in the card (FMCOS 7.12).
_ENTERED = range(2, 7)
_STORED = range(2, 9)
_BETWEEN = 0xFF
#: The issuer's keys of PINs have this identifier; P1 or P2 names the PIN.
_KEY_ID = 0x00


def _pin(call: Call, id_: int) -> KeyRecord:
    return find_key(call, KeyType.PIN, id_, missing=SW.KEY_INDEX)


def _service_key(call: Call, type_: int) -> KeyRecord:
    """A key of the PIN services, its use right met and with tries left."""
    record = find_key(call, type_, _KEY_ID)
    require(record.use, call)
    return record


def _reload_type(call: Call) -> int:
    """The one of types 37 and 38 that PIN UNBLOCK does not use."""
    both = KeyType.PIN_UNBLOCK ^ KeyType.PIN_RELOAD
    return call.profile.cos.unblock_key ^ both


def _store(call: Call, old: KeyRecord, value: bytes) -> None:
    """The new PIN with all its tries, in the transaction of the command."""
    call.fs.replace_key(current_directory(call), old, replace(old, value=value, second=old.refilled))


def _split(data: bytes) -> tuple[bytes, bytes] | None:
    """Old and new PIN around the first FF that leaves both their length."""
    for at, byte in enumerate(data):
        if byte == _BETWEEN and at in _ENTERED and len(data) - at - 1 in _ENTERED:
            return data[:at], data[at + 1 :]
    return None


def change_pin(call: Call) -> bytes:
    """CHANGE PIN (JR/T 0025.2 5.2.1): ``9403`` no such PIN, ``6982`` its use right, ``6983`` locked, ``6A80`` no FF
    between two PINs, ``63Cx`` wrong old PIN, ``6A84`` no room for a longer one.
    """
    record = _pin(call, call.command.p2)
    require(record.use, call)
    need_try(record)
    pins = _split(call.command.data)
    if pins is None:
        raise Refusal(SW.WRONG_DATA)
    old, new = pins

    def genuine() -> bool:
        right = is_pin(old, record.value)
        call.session.pin_verified = call.session.pin_verified and right
        return right

    attempt(call, record, genuine=genuine)
    _store(call, record, new)
    return b""


def reload_pin(call: Call) -> bytes:
    """RELOAD PIN (JR/T 0025.2 5.2.12): ``9403`` no such PIN, ``6A88`` no such key, ``6982`` its use right, ``6983``
    locked, ``cos.reload_mac_wrong``, and ``9303`` for the last wrong MAC, which blocks the application for ever.
    """
    record = _pin(call, call.command.p2)
    service = _service_key(call, _reload_type(call))
    need_try(service)
    new, mac = call.command.data[:-MAC_SIZE], call.command.data[-MAC_SIZE:]
    left = take_try(call, service)
    if not hmac.compare_digest(call.profile.suite.pin_mac(service.key, new), mac):
        raise wrong_mac(call, left, call.profile.cos.reload_mac_wrong, blocks=True)
    give_back_try(call, service)
    _store(call, record, new)
    return b""


def _unblock_target(call: Call) -> int:
    """The PIN that PIN UNBLOCK means, by P1 or by P2; the other is 00, and P2 may be 01 beside P1."""
    p1, p2 = call.command.p1, call.command.p2
    by_p1 = call.profile.cos.pin_unblock_id == "p1"
    if p2 not in (0x00, 0x01) if by_p1 else p1:
        raise Refusal(SW.WRONG_P1P2)
    return p1 if by_p1 else p2


def pin_unblock(call: Call) -> bytes:
    """PIN UNBLOCK (JR/T 0025.1 6.2.10, JR/T 0025.2 5.5.9.5): ``9403`` no such PIN, ``6A88`` no such key, ``6982`` its
    use right, ``6985`` where only a locked PIN is served, ``6983`` key locked, ``6984`` no challenge, ``6988``
    wrong, ``9303`` for the last wrong MAC, which blocks the application for ever; with ``cos.pin_unblock`` "compare"
    ``6985`` for another PIN, with "replace" ``6A80`` for one of no length that lies in a card.
    """
    cos = call.profile.cos
    record = _pin(call, _unblock_target(call))
    service = _service_key(call, cos.unblock_key)
    if not cos.pin_unblock_unlocked and not record.locked:
        raise Refusal(SW.CONDITIONS)
    given = open_message(call, service, BLOCKING_RULE, enciphered=True)
    if cos.pin_unblock == "compare" and not is_pin(given, record.value):
        raise Refusal(SW.CONDITIONS)
    if cos.pin_unblock == "replace" and len(given) not in _STORED:
        raise Refusal(SW.WRONG_DATA)
    _store(call, record, given if cos.pin_unblock == "replace" else record.value)
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {CHANGE_PIN.name: change_pin, RELOAD_PIN.name: reload_pin, PIN_UNBLOCK.name: pin_unblock}
)
