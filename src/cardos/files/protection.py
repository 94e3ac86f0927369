"""Secure messaging and try counters as the card applies them to commands (JR/T 0025.2 5.5.9.1, FMCOS 5.1, 11).

The order is fixed: key there, its use right, tries left, challenge given, MAC right.  A try is taken from
the counter, durably, before anything is compared, and given back when the comparison succeeds: cutting the
power wins no tries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..apdu import SW, SecureChannel, is_protected
from ..errors import DecodeError, MacMismatch
from ..profile import KeyType
from .access import require, require_file
from .call import Call, Refusal
from .filesystem import BlockState, KeyRecord, Node

__all__ = [
    "KEY_RULE",
    "READ_RULE",
    "WRITE_RULE",
    "MacRule",
    "current_directory",
    "find_key",
    "for_reading",
    "for_writing",
    "give_back_try",
    "need_challenge",
    "need_try",
    "open_message",
    "take_try",
]

#: Makes the answer of a reading command out of the data.
Seal = Callable[[bytes], bytes]


def current_directory(call: Call) -> Node:
    """The current directory; ``6A81`` on a card that has none."""
    directory = call.session.directory
    if directory is None:
        raise Refusal(SW.NOT_SUPPORTED)
    return directory


def find_key(call: Call, type_: int, id_: int, *, missing: int = SW.KEY_NOT_FOUND) -> KeyRecord:
    """A key of the current directory; ``6A82`` when that has no key file, ``missing`` when it has no such
    key.
    """
    directory = current_directory(call)
    record = call.fs.key(directory, type_, id_)
    if record is None:
        raise Refusal(SW.FILE_NOT_FOUND if call.fs.key_file(directory) is None else missing)
    return record


# ------------------------------------------------------------------ tries


def need_try(record: KeyRecord, *, locked: int = SW.METHOD_BLOCKED) -> None:
    """Refuse with ``locked`` when no try is left."""
    if record.locked:
        raise Refusal(locked)


def take_try(call: Call, record: KeyRecord) -> int:
    """Take one try, durably; gives the tries left, 0..15."""
    if not record.counted:
        return record.tries
    call.fs.set_key_second(record, record.second - 1)
    call.fs.commit()
    return record.tries - 1


def give_back_try(call: Call, record: KeyRecord) -> None:
    """Set the counter back to its maximum, in the transaction of the command."""
    if record.counted:
        call.fs.set_key_second(record, record.second >> 4 | record.second & 0xF0)


def need_challenge(call: Call) -> bytes:
    """The challenge that the command just before gave; ``6984`` without one."""
    challenge = call.session.challenge
    if challenge is None:
        raise Refusal(SW.NO_CHALLENGE)
    return challenge


# ------------------------------------------------------------------ protected commands


@dataclass(frozen=True, slots=True)
class MacRule:
    """How protected commands of one kind are refused: ``wrong`` for a wrong MAC or malformed data, ``locked``
    without tries left; whether the last wrong try blocks the application for ever.
    """

    wrong: int
    locked: int
    blocks: bool


#: Reading of files under DAMK.
READ_RULE = MacRule(SW.MAC_WRONG, SW.METHOD_BLOCKED, blocks=False)
#: Writing of files under DAMK (JR/T 0025.2 5.5.9.6).
WRITE_RULE = MacRule(SW.MAC_WRONG, SW.APPLICATION_LOCKED, blocks=True)
#: Loading and changing of keys under the control key of a directory (FMCOS 7.12).
KEY_RULE = MacRule(SW.MAC_INVALID, SW.METHOD_BLOCKED, blocks=False)


def open_message(call: Call, record: KeyRecord, rule: MacRule, *, enciphered: bool) -> bytes:
    """The plain data of a protected command under the key of ``record``.

    Refused with ``rule.locked``, ``6984`` without a challenge, ``rule.wrong``; the last wrong try of a rule
    that blocks answers ``rule.locked``.
    """
    need_try(record, locked=rule.locked)
    channel = SecureChannel(call.profile.suite, record.key, need_challenge(call))
    left = take_try(call, record)
    try:
        data = channel.unprotect(call.command, enciphered=enciphered).data
    except MacMismatch:
        raise _wrong_mac(call, rule, left) from None
    except DecodeError:
        _settle(call, record)
        raise Refusal(rule.wrong) from None
    _settle(call, record)
    return data


def _settle(call: Call, record: KeyRecord) -> None:
    """A right MAC counts even if the command is refused for another reason afterwards."""
    give_back_try(call, record)
    call.fs.commit()


def _wrong_mac(call: Call, rule: MacRule, left: int) -> Refusal:
    if left or not rule.blocks:
        return Refusal(rule.wrong)
    call.fs.set_block_state(current_directory(call), BlockState.PERMANENT)
    call.fs.commit()
    return Refusal(rule.locked)


# ------------------------------------------------------------------ files


def _file_key(call: Call, id_: int) -> KeyRecord:
    record = find_key(call, KeyType.MAINTENANCE, id_)
    require(record.use, call)
    return record


def _need_form(call: Call, *, protected: bool, missing: int) -> None:
    """The class byte must fit the protection of the file: ``missing`` when a MAC is due, ``6900`` when it is
    not.
    """
    if is_protected(call.command.cla) != protected:
        raise Refusal(missing if protected else SW.CANNOT_PROCESS)


def for_writing(call: Call, node: Node) -> bytes:
    """The plain data of a command that writes to ``node``, with form, right and MAC checked (FMCOS 11.2)."""
    _need_form(call, protected=node.write_protected, missing=SW.MAC_MISSING)
    require_file(node.write, call)
    if not node.write_protected:
        return call.command.data
    return open_message(call, _file_key(call, node.write_key), WRITE_RULE, enciphered=node.enciphered)


def for_reading(call: Call, node: Node) -> Seal:
    """What makes the answer of a command that reads ``node``, with form, right and MAC checked (FMCOS 11.3)."""
    _need_form(call, protected=node.read_protected, missing=SW.CANNOT_PROCESS)
    require_file(node.read, call)
    if not node.read_protected:
        return bytes
    record = _file_key(call, node.read_key)
    open_message(call, record, READ_RULE, enciphered=False)
    channel = SecureChannel(call.profile.suite, record.key, need_challenge(call))
    return lambda data: channel.protect_answer(data, enciphered=node.enciphered)
