"""WRITE KEY (FMCOS 7.12) and WRITE SAM KEY: adding and changing the keys of the current directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ..apdu import SW, is_protected
from ..apdu.os_commands import WRITE_KEY
from ..apdu.sam_commands import KIND_BITS, WRITE_SAM_KEY, SamKeyKind
from ..errors import ParameterError
from ..profile import KeyType
from .access import require, require_file
from .call import Call, Handler, Refusal
from .filesystem import KeyRecord, Node
from .keys import COUNTED, KEY_TYPE_BITS
from .protection import KEY_RULE, current_directory, find_key, open_message

__all__ = ["HANDLERS", "SAM_HANDLERS"]

_ADD = 0x01
_NO_IDENTIFIER = 0xFF
_PIN_SIZES = range(2, 9)

#: Type and identifier of the control key of a directory, DACK (FMCOS 7.12).
_CONTROL = (KeyType.AUTHENTICATION, 0x00)

#: Whether a PIN or a key lies under each type of a record (FMCOS 7.12).
_IS_PIN: Mapping[int, bool] = MappingProxyType({type_: type_ is KeyType.PIN for type_ in KeyType})

#: Rights of a key that a SAM loaded: it serves everybody (a key for export only after an authentication, which
#: gives state 1 or more), and nothing changes it.
_SAM_USE: Mapping[int, int] = MappingProxyType({SamKeyKind.EXPORT: 0xF1})
_SAM_USE_OF_OTHERS, _SAM_CHANGE = 0xF0, 0xEF


def _key_file(call: Call) -> Node:
    node = call.fs.key_file(current_directory(call))
    if node is None:
        raise Refusal(SW.FILE_NOT_FOUND)
    return node


def _control_key(call: Call) -> KeyRecord:
    """The control key of the current directory, or of the nearest above that has one; ``6A88`` without."""
    directory: Node | None = current_directory(call)
    while directory is not None:
        record = call.fs.key(directory, *_CONTROL)
        if record is not None:
            return record
        directory = directory.parent
    raise Refusal(SW.KEY_NOT_FOUND)


def _payload(call: Call) -> bytes:
    """The plain data: as sent, or out of a message enciphered and MACed under the control key."""
    data = call.command.data
    if is_protected(call.command.cla):
        enciphered = call.profile.cos.protected_add == "enciphered"
        data = open_message(call, _control_key(call), KEY_RULE, enciphered=enciphered)
    least, most = call.spec.lc
    if not least <= len(data) <= most:
        raise Refusal(SW.WRONG_LENGTH)
    return data


def _need_key(call: Call, value: bytes) -> None:
    try:
        call.profile.suite.key(value)
    except ParameterError:
        raise Refusal(SW.WRONG_LENGTH) from None


def _new_record(call: Call) -> KeyRecord:
    """The record that the command carries: ``6A80`` unknown type, ``6700`` a value of the wrong length."""
    body = call.spec.parse_body(_payload(call))
    is_pin = _IS_PIN.get(body.type & KEY_TYPE_BITS)
    if is_pin is None:
        raise Refusal(SW.WRONG_DATA)
    if is_pin and len(body.value) not in _PIN_SIZES:
        raise Refusal(SW.WRONG_LENGTH)
    if not is_pin:
        _need_key(call, body.value)
    attributes = (body.use, body.change, body.first, body.second)
    return KeyRecord(0, body.type, call.command.p2, *attributes, body.value, call.profile.suite)


def _add(call: Call, file: Node) -> None:
    require_file(file.write, call)
    record, cos = _new_record(call), call.profile.cos
    if record.id == _NO_IDENTIFIER:
        raise Refusal(SW.WRONG_DATA)
    if cos.strict_protected_add and record.line_protected(cos) and not is_protected(call.command.cla):
        raise Refusal(SW.MAC_MISSING)
    if _is_doubled(call, record):
        raise Refusal(SW.WRONG_DATA)
    call.fs.add_key(file, record)


def _is_doubled(call: Call, new: KeyRecord) -> bool:
    """Whether the directory has a key of this type and identifier, or a maintenance key where it may have one; keys
    that are told apart by their order are never doubled.
    """
    cos = call.profile.cos
    same = [old for old in call.fs.keys(current_directory(call)) if not (old.type ^ new.type) & KEY_TYPE_BITS]
    only_one = cos.maintenance_keys == "one" and new.type & KEY_TYPE_BITS == KeyType.MAINTENANCE
    if only_one or cos.key_identity == "order":
        return only_one and bool(same)
    return any(old.id == new.id for old in same)


def _change(call: Call, _file: Node) -> None:
    old = find_key(call, call.command.p1, call.command.p2)
    cos = call.profile.cos
    if old.line_protected(cos) and not is_protected(call.command.cla):
        raise Refusal(SW.MAC_MISSING)
    require(old.change, call)
    new = _new_record(call)
    if (new.type ^ old.type) & KEY_TYPE_BITS:
        raise Refusal(SW.WRONG_DATA)
    if new.size != old.size:
        raise Refusal(SW.WRONG_LENGTH)
    if cos.counter_on_change == "keep" and old.type & KEY_TYPE_BITS in COUNTED:
        now = find_key(call, call.command.p1, call.command.p2)  # a right MAC may have given tries back
        new = replace(new, second=now.second)
    call.fs.replace_key(current_directory(call), old, replace(new, id=old.id))


#: What P1 asks for; every other value is the type of the key to change.
_OPERATIONS: Mapping[int, Callable[[Call, Node], None]] = MappingProxyType({_ADD: _add})


def write_key(call: Call) -> bytes:
    """WRITE KEY: ``6A82`` no key file, ``6A88`` no such key, ``6987`` plain where the key is protected,
    ``6982`` add or change right, ``6983``, ``6984`` and ``9302`` of the protected form, ``6A80`` unknown or
    doubled type, identifier FF, ``6700`` length, ``6A84`` key file full.
    """
    _OPERATIONS.get(call.command.p1, _change)(call, _key_file(call))
    return b""


def write_sam_key(call: Call) -> bytes:
    """WRITE SAM KEY: adds a key whose type is its usage byte and whose identifier is its version; statuses as
    :func:`write_key`.
    """
    file = _key_file(call)
    require_file(file.write, call)
    body = call.spec.parse_body(_payload(call))
    _need_key(call, body.value)
    if call.fs.key(current_directory(call), body.usage, body.version, mask=0xFF) is not None:
        raise Refusal(SW.WRONG_DATA)
    use = _SAM_USE.get(body.usage & KIND_BITS, _SAM_USE_OF_OTHERS)
    attributes = (use, _SAM_CHANGE, body.version, body.algorithm)
    record = KeyRecord(0, body.usage, body.version, *attributes, body.value, call.profile.suite)
    call.fs.add_key(file, record)
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({WRITE_KEY.name: write_key})
#: Those that only a SAM has.
SAM_HANDLERS: Mapping[str, Handler] = MappingProxyType({WRITE_SAM_KEY.name: write_sam_key})
