"""What P1 and P2 of a command say, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ...apdu import Command
from ...apdu.grey_commands import (
    DEBIT_FOR_UNLOCK,
    INITIALIZE_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_UNLOCK,
)
from ...apdu.os_commands import (
    APPEND_RECORD,
    APPLICATION_BLOCK,
    CHANGE_PIN,
    CREATE_FILE,
    EXTERNAL_AUTHENTICATE,
    INTERNAL_AUTHENTICATE,
    PIN_UNBLOCK,
    READ_BINARY,
    READ_RECORD,
    RELOAD_PIN,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
    WRITE_KEY,
)
from ...apdu.purse_commands import (
    ED,
    EP,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_CAPP_PURCHASE,
    INITIALIZE_FOR_CASH_WITHDRAW,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    INITIALIZE_FOR_UNLOAD,
    INITIALIZE_FOR_UPDATE,
    UPDATE_CAPP_DATA_CACHE,
)
from ...apdu.sam_commands import (
    DELIVERY_KEY,
    DES_CRYPT,
    EXPORT_KEY,
    KIND_BITS,
    LEVEL_SHIFT,
    CryptMode,
    SamKeyKind,
)

__all__ = ["PARAMETERS", "TRANSACTION_TYPES", "parameter_words"]

#: Transaction types (JR/T 0025.2 annex A; JR/T 0025.9 for the grey lock).
TRANSACTION_TYPES: Mapping[int, str] = MappingProxyType(
    {
        0x01: "load of the deposit",
        0x02: "load of the purse",
        0x03: "unload",
        0x04: "cash withdrawal",
        0x05: "purchase from the deposit",
        0x06: "purchase from the purse",
        0x07: "overdraft limit",
        0x08: "credit",
        0x09: "composite purchase",
        0x91: "grey lock",
        0x92: "grey lock",
        0x93: "debit of a grey lock",
        0x94: "debit of a grey lock",
        0x95: "online unlock",
        0x96: "online unlock",
    }
)

_Words = Callable[[int, int], str]

_PURSES = {ED: "deposit (ED)", EP: "purse (EP)"}
_FORMS = {0x00: "", 0x01: ", overdraft limit", 0x02: ", limit in use", 0x03: ", own money"}
_METHODS = {0x00: "encipher", 0x01: "decipher", 0x02: "MAC"}
_BLOCKS = {0x00: "for a time", 0x01: "for ever"}
_SELECTIONS = {0x00: "by identifier", 0x04: "by name"}
_SFI_MODE = 0x07
#: Low three bits of P2 in record commands (ISO/IEC 7816-4 7.3.2): P1 is a number, or the place is relative.
_RECORD_MODES = {0x00: "first", 0x01: "last", 0x02: "next", 0x03: "previous"}


def _purse(_p1: int, p2: int) -> str:
    return _PURSES.get(p2, f"purse {p2:02X}")


def _form(p1: int, p2: int) -> str:
    return f"{_purse(p1, p2)}{_FORMS.get(p1, '')}"


def _select(p1: int, p2: int) -> str:
    return f"{_SELECTIONS.get(p1, f'P1 {p1:02X}')}{', next' if p2 == 0x02 else ''}"


def _binary(p1: int, p2: int) -> str:
    if p1 & 0x80:
        return f"file {p1 & 0x1F:02X}, offset {p2}"
    return f"current file, offset {p1 << 8 | p2}"


def _record(p1: int, p2: int) -> str:
    mode = p2 & _SFI_MODE
    place = f"record {p1}" if p1 or mode == 0x04 else f"{_RECORD_MODES.get(mode, f'mode {mode}')} record"
    return f"{place} of {_file(p2)}"


def _append(_p1: int, p2: int) -> str:
    return f"new record of {_file(p2)}"


def _file(p2: int) -> str:
    return f"file {p2 >> 3:02X}" if p2 >> 3 else "current file"


def _pin(_p1: int, p2: int) -> str:
    return f"PIN {p2:02X}"


def _key(_p1: int, p2: int) -> str:
    return f"key {p2:02X}"


def _method(p1: int, p2: int) -> str:
    return f"{_METHODS.get(p1, f'P1 {p1:02X}')} with key {p2:02X}"


def _block(_p1: int, p2: int) -> str:
    return _BLOCKS.get(p2, f"P2 {p2:02X}")


def _new_file(p1: int, p2: int) -> str:
    return f"file {p1:02X}{p2:02X}"


def _new_key(p1: int, p2: int) -> str:
    return f"new key {p2:02X}" if p1 == 0x01 else f"key {p1 & 0x3F:02X}/{p2:02X}"


def _proof(_p1: int, p2: int) -> str:
    return f"{TRANSACTION_TYPES.get(p2, 'type')} ({p2:02X})"


def _delivery(p1: int, p2: int) -> str:
    kinds = {kind.value: kind.name.lower().replace("_", " ") for kind in SamKeyKind}
    kind = kinds.get(p1 & KIND_BITS, f"kind {p1 & KIND_BITS:02X}")
    return f"{kind} key, levels {p1 >> LEVEL_SHIFT}, version {p2:02X}"


def _crypt(p1: int, _p2: int) -> str:
    modes = {mode.value: mode.name.lower().replace("_", " ") for mode in CryptMode}
    return modes.get(p1, f"P1 {p1:02X}")


#: What says P1 and P2 in words, by command; a command without a row allows one value of each.
PARAMETERS: Mapping[str, _Words] = MappingProxyType(
    {
        SELECT.name: _select,
        READ_BINARY.name: _binary,
        UPDATE_BINARY.name: _binary,
        READ_RECORD.name: _record,
        UPDATE_RECORD.name: _record,
        APPEND_RECORD.name: _append,
        UPDATE_CAPP_DATA_CACHE.name: _record,
        VERIFY.name: _pin,
        CHANGE_PIN.name: _pin,
        RELOAD_PIN.name: _pin,
        PIN_UNBLOCK.name: _pin,
        EXTERNAL_AUTHENTICATE.name: _key,
        INTERNAL_AUTHENTICATE.name: _method,
        APPLICATION_BLOCK.name: _block,
        CREATE_FILE.name: _new_file,
        WRITE_KEY.name: _new_key,
        GET_BALANCE.name: _form,
        GET_TRANSACTION_PROVE.name: _proof,
        DELIVERY_KEY.name: _delivery,
        EXPORT_KEY.name: _delivery,
        DES_CRYPT.name: _crypt,
        **{
            spec.name: _purse
            for spec in (
                INITIALIZE_FOR_LOAD, INITIALIZE_FOR_PURCHASE, INITIALIZE_FOR_CASH_WITHDRAW,
                INITIALIZE_FOR_CAPP_PURCHASE, INITIALIZE_FOR_UPDATE, INITIALIZE_FOR_UNLOAD,
            )
        },
        **{
            spec.name: (lambda _p1, p2: f"purse code {p2:02X}")
            for spec in (INITIALIZE_FOR_GREY_LOCK, INITIALIZE_FOR_GREY_UNLOCK, DEBIT_FOR_UNLOCK)
        },
    }
)  # fmt: skip


def parameter_words(name: str, command: Command) -> str:
    """What P1 and P2 of the command called ``name`` say; empty where they say nothing.

    >>> parameter_words("GET BALANCE", Command(0x80, 0x5C, 0x00, 0x02, le=4))
    'purse (EP)'
    >>> parameter_words("READ RECORD", Command(0x00, 0xB2, 0x01, 0xC4, le=23))
    'record 1 of file 18'
    """
    words = PARAMETERS.get(name)
    return "" if words is None else words(command.p1, command.p2)
