"""Secure messaging and try counters as the card applies them to commands (JR/T 0025.2 5.5.9.1, FMCOS 5.1, 11).

The order is fixed: key there, its use right, tries left, challenge given, MAC right.  A try is taken from
the counter, durably, before anything is compared, and given back when the comparison succeeds: cutting the
power wins no tries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..apdu import SW, MessageRules, SecureChannel, is_protected
from ..apdu.os_commands import ALL_THERE_IS
from ..crypto import decrypt_ecb
from ..crypto.block import unpad
from ..errors import DecodeError, MacMismatch
from ..profile import KeyType
from .access import require, require_file
from .call import Call, Refusal
from .filesystem import BlockState, KeyRecord, Node
from .keys import KEY_TYPE_BITS

__all__ = [
    "BLOCKING_RULE",
    "KEY_RULE",
    "SECRET_RULE",
    "MacRule",
    "Reading",
    "channel_of",
    "current_directory",
    "find_key",
    "for_reading",
    "for_writing",
    "give_back_try",
    "line_key",
    "need_challenge",
    "need_try",
    "open_message",
    "secret_data",
    "take_try",
    "wrong_mac",
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


def line_key(call: Call, id_: int) -> KeyRecord:
    """A maintenance key of the current directory, which protects commands; its use right is met."""
    record = find_key(call, KeyType.MAINTENANCE, id_)
    require(record.use, call)
    return record


# ------------------------------------------------------------------ tries


def need_try(record: KeyRecord) -> None:
    """Refuse when no try is left: ``9303`` for a maintenance key, ``6983`` for every other."""
    if record.locked:
        maintenance = record.type & KEY_TYPE_BITS == KeyType.MAINTENANCE
        raise Refusal(SW.APPLICATION_LOCKED if maintenance else SW.METHOD_BLOCKED)


def take_try(call: Call, record: KeyRecord) -> int:
    """Take one try, durably; gives the tries left, 0..15."""
    if not record.counted:
        return record.tries
    call.fs.set_key_second(record, record.second - 1)
    call.fs.commit()
    return record.tries - 1


def give_back_try(call: Call, record: KeyRecord) -> None:
    """Set the counter back to its maximum, durably: what was right counts even if the command is refused for
    another reason afterwards.
    """
    if record.counted:
        call.fs.set_key_second(record, record.refilled)
        call.fs.commit()


def need_challenge(call: Call) -> bytes:
    """The challenge that the command just before gave; ``cos.no_challenge`` without one."""
    challenge = call.session.challenge
    if challenge is None:
        raise Refusal(call.profile.cos.no_challenge)
    return challenge


# ------------------------------------------------------------------ protected commands


@dataclass(frozen=True, slots=True)
class MacRule:
    """How protected commands of one kind are refused: ``wrong`` for a wrong MAC or malformed data; whether the last
    wrong try blocks the application for ever, which answers ``9303``.
    """

    wrong: int
    blocks: bool


#: Reading and writing of files, blocking and unblocking, all under DAMK, and PIN UNBLOCK (JR/T 0025.1 6.2.4,
#: JR/T 0025.2 5.5.9.5 and 5.5.9.6).
BLOCKING_RULE = MacRule(SW.MAC_WRONG, blocks=True)
#: Loading and changing of keys under the control key of a directory (FMCOS 7.12).
KEY_RULE = MacRule(SW.MAC_INVALID, blocks=False)
#: PIN and cryptogram in a protected command, under DAMK.
SECRET_RULE = MacRule(SW.MAC_INVALID, blocks=False)


def open_message(call: Call, record: KeyRecord, rule: MacRule, *, enciphered: bool) -> bytes:
    """The plain data of a protected command under the key of ``record``.

    Refused with ``9303`` or ``6983`` without tries left, ``cos.no_challenge`` without a challenge, ``rule.wrong`` (or
    ``cos.mac_wrong``); the last wrong try of a rule that blocks answers ``9303``.
    """
    need_try(record)
    channel = channel_of(call, record)
    left = take_try(call, record)
    try:
        data = channel.unprotect(call.command, enciphered=enciphered).data
    except MacMismatch:
        raise wrong_mac(call, left, _wrong(call, rule), blocks=rule.blocks) from None
    except DecodeError:
        give_back_try(call, record)
        raise Refusal(_wrong(call, rule)) from None
    give_back_try(call, record)
    return data


def _wrong(call: Call, rule: MacRule) -> int:
    """The status word of a wrong MAC, and of data that do not decipher."""
    return call.profile.cos.mac_wrong or rule.wrong


def channel_of(call: Call, record: KeyRecord) -> SecureChannel:
    """The protected exchange of this command under the key of ``record``."""
    rules = MessageRules.of(call.profile.cos)
    return SecureChannel(call.profile.suite, record.key, need_challenge(call), rules)


def wrong_mac(call: Call, left: int, sw: int, *, blocks: bool) -> Refusal:
    """What a wrong MAC answers when ``left`` tries are left: ``sw``, or with ``blocks``, when it was the last, ``9303``
    from an application that is blocked for ever.
    """
    if left or not blocks:
        return Refusal(sw)
    call.fs.set_block_state(current_directory(call), BlockState.PERMANENT)
    call.fs.commit()
    return Refusal(SW.APPLICATION_LOCKED)


# ------------------------------------------------------------------ PIN and cryptogram


def secret_data(call: Call, record: KeyRecord) -> bytes:
    """The PIN or cryptogram of a command: as sent, or, from a protected command, out of a message with MAC (and
    enciphered, as the type of the key says) under DAMK; ``6900`` protected where the type of the key is plain.

    The manuals let a key of protected type be used in clear as well, and issuers do.
    """
    if not is_protected(call.command.cla):
        return call.command.data
    if not record.line_protected(call.profile.cos):
        raise Refusal(SW.CANNOT_PROCESS)
    return open_message(call, line_key(call, 0), SECRET_RULE, enciphered=record.enciphered)


# ------------------------------------------------------------------ files


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
    data = open_message(call, line_key(call, node.write_key), BLOCKING_RULE, enciphered=node.enciphered)
    if not data:  # a block that holds nothing is as little to write as no data
        raise Refusal(SW.WRONG_LENGTH)
    return data


@dataclass(frozen=True, slots=True)
class Reading:
    """How a command reads: ``le`` bytes (256: all there is), and what makes its answer out of them."""

    le: int
    seal: Seal


def for_reading(call: Call, node: Node) -> Reading:
    """How a command that reads ``node`` does so, with form, right and MAC checked (FMCOS 11.3)."""
    protected = is_protected(call.command.cla)
    if protected or not call.profile.cos.lenient_read:
        _need_form(call, protected=node.read_protected, missing=SW.CANNOT_PROCESS)
    require_file(node.read, call)
    if not protected:
        return Reading(call.command.le, bytes)
    record = line_key(call, node.read_key)
    data = open_message(call, record, BLOCKING_RULE, enciphered=False)
    channel = channel_of(call, record)
    le = _enciphered_le(call, record, data) if node.enciphered else _plain_le(call, data)
    return Reading(le, lambda answer: channel.protect_answer(answer, enciphered=node.enciphered))


def _plain_le(call: Call, data: bytes) -> int:
    if data:
        raise Refusal(SW.WRONG_LENGTH)
    return call.command.le


def _enciphered_le(call: Call, record: KeyRecord, data: bytes) -> int:
    """Le of a protected read of an enciphered file: behind the MAC, or enciphered before it, alone or after a length
    byte; ``6700`` for the form that the profile does not have.
    """
    wanted = call.profile.cos.enciphered_le
    if bool(data) == (wanted == "plain") and wanted != "both":
        raise Refusal(SW.WRONG_LENGTH)
    if not data:
        return call.command.le
    if len(data) % record.key.block_size:
        raise Refusal(SW.WRONG_LENGTH)
    try:
        plain = unpad(decrypt_ecb(record.key, data))
    except DecodeError:
        plain = b""
    le = plain[1:] if len(plain) == 2 and plain[0] == 1 else plain
    if len(le) != 1:
        raise Refusal(_wrong(call, BLOCKING_RULE))
    return le[0] or ALL_THERE_IS
