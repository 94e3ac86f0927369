"""Options: where products and readings of the standards differ, each a named field with its choices.

A profile sets them in its tables ``[cos]``, ``[purse]`` and ``[sam]``, a dialect gives defaults in tables of the
same names.  A field says what it decides (``about``) and, when it is not free, which values it may have; the
reference manual prints both.  Status words are integers.
"""

from __future__ import annotations

import re
from dataclasses import Field, dataclass, field, fields
from typing import Any, cast

from .errors import ProfileError

__all__ = [
    "CAPACITIES",
    "CosOptions",
    "PurseOptions",
    "SamOptions",
    "allowed_values",
    "check_options",
    "show_value",
]

#: Sizes of card memory that can be simulated, bytes.
CAPACITIES = range(512, 32769)
#: Bytes of the hexadecimal options of a card (ISO/IEC 7816-3 8.2, ISO/IEC 14443-4 5.2; what CREATE FILE has room for).
_SIZES = {"atr": range(2, 34), "ats": range(1, 255), "transport_code": range(1, 19)}
_BYTE, _FOUR_BYTES = range(0x100), range(0x1_0000_0000)
#: Operations that can ask for a PIN (JR/T 0025.2 5.5, JR/T 0025.9 7).
_DEPOSIT = ("load", "unload", "purchase", "cash", "overdraft", "balance", "grey_lock", "grey_unlock")
_PURSE = ("load", "purchase", "composite", "balance", "grey_lock", "grey_unlock")
_OPERATIONS = frozenset({*(f"ed.{name}" for name in _DEPOSIT), *(f"ep.{name}" for name in _PURSE)})


def _option(  # as dataclasses.field
    default: object,
    about: str,
    *choices: object,
    digits: int = 0,
    within: range | frozenset[str] | None = None,
) -> Any:
    """An option with what it decides and its choices, or the range that a number is within (each of several numbers
    or names); numbers have so many hexadecimal digits, 0: decimal.
    """
    return field(
        default=default, metadata={"about": about, "choices": choices, "digits": digits, "within": within}
    )


@dataclass(frozen=True, slots=True)
class CosOptions:
    """The card operating system.  ``atr``, ``ats`` and ``transport_code`` are hex."""

    atr: str = _option("3B6D000080650849048653000000000000", "answer to reset, hex")
    ats: str = _option("10788090022090000000000000000000", "answer to select (T=CL), hex")
    memory: int = _option(
        8192, f"non-volatile memory for files, {CAPACITIES[0]}..{CAPACITIES[-1]} bytes (FM1208: 8 KiB)"
    )
    transport_code: str = _option("FFFFFFFFFFFFFFFF", "what CREATE FILE of the MF must carry, hex")
    short_transport_code: bool = _option(
        default=True, about="CREATE FILE of the MF may leave out the last byte of the transport code"
    )
    # -- selection
    partial_names: bool = _option(
        default=True,
        about="SELECT finds a directory by the first bytes of its name, and the next one with P2 = 02",
    )
    empty_df_siblings: bool = _option(
        default=True, about="from an empty directory SELECT by identifier finds its sibling directories"
    )
    ef_fci: bool = _option(
        default=False, about="SELECT of an elementary file answers an FCI, otherwise nothing"
    )
    fci_version: int = _option(2, "tag 9F08 of the FCI, -1: left out", within=range(-1, 0x100))
    fci_tag: int = _option(
        0x9F0C, "tag of the application's public data in the FCI", 0x9F0C, 0xBF0C, digits=4
    )
    blocked_select: int = _option(
        0x6A81, "SELECT of a temporarily blocked application", 0x6A81, 0x6283, digits=4
    )
    blocked_select_fci: bool = _option(
        default=True,
        about="SELECT of a temporarily blocked application sends the FCI before that status word",
    )
    blocked_command: int = _option(
        0x6A81, "other commands in a temporarily blocked application", 0x6A81, 0x6985, digits=4
    )
    # -- rights
    rights: str = _option(
        "high_first",
        "nibbles of a rights byte: most and least state, or least and most",
        "high_first",
        "low_first",
    )
    zero_rights: str = _option(
        "mf", "right 0Y: state of the MF, or of the current directory; or it is FY that asks the MF",
        "mf", "current", "f_is_mf",
    )  # fmt: skip
    state_after_mf: str = _option(
        "mf", "state of the directory after SELECT of the MF: that of the MF, or 0", "mf", "zero"
    )
    # -- files
    file_exists: int = _option(
        0x6A86, "CREATE FILE of an identifier that exists", 0x6A86, 0x6A89, 0x6A8A, digits=4
    )
    enforce_df_size: bool = _option(default=False, about="the declared size of a directory limits its files")
    record_overhead: int = _option(0, "bytes that a linear or cyclic file takes beside its records", 0, 8)
    initial_byte: int = _option(
        0x00, "content of a transparent file that was never written", 0x00, 0xFF, digits=2
    )
    purse_readable: bool = _option(
        default=False, about="READ RECORD reads the variables of a purse file, otherwise 6981"
    )
    cyclic_update: str = _option(
        "both", "modes of UPDATE RECORD that add to a cyclic file: previous (P1 = 00), next, or both",
        "both", "previous", "next",
    )  # fmt: skip
    lenient_read: bool = _option(
        default=False, about="a file that demands protected reading may also be read in clear"
    )
    # -- secure messaging
    command_mac: str = _option(
        "alg3", "MAC of commands under a 16-byte DES key: algorithm 3, or single DES with its left half",
        "alg3", "des",
    )  # fmt: skip
    encipher_padding: str = _option(
        "as_needed", "encipherment of answers whose blocks are full: nothing is added, or a block 80 00..",
        "as_needed", "always",
    )  # fmt: skip
    enciphered_le: str = _option(
        "both", "protected read of an enciphered file: Le in clear, enciphered in the data, or either",
        "both", "plain", "enciphered",
    )  # fmt: skip
    challenge_sizes: tuple[int, ...] = _option(
        (4, 8), "lengths of GET CHALLENGE; a block of the suite's cipher is always given",
        within=range(1, 240),
    )  # fmt: skip
    no_challenge: int = _option(
        0x6984, "a command that needs a challenge comes without one", 0x6984, 0x6985, digits=4
    )
    mac_wrong: int = _option(
        0, "wrong MAC of a protected command: 0 as each command's table says, or one status word for all",
        0, 0x6988, 0x9302, digits=4)  # fmt: skip
    # -- keys
    key_identity: str = _option(
        "p2", "identifier of a key: P2 of WRITE KEY, or its place among the keys of its type", "p2", "order"
    )
    maintenance_keys: str = _option("several", "keys of type 36 in a directory", "several", "one")
    key_protection: str = _option(
        "any", "high bits of a key's type that demand a MAC for its change (both: encipherment too)",
        "any", "bit8", "bit7",
    )  # fmt: skip
    protected_add: str = _option(
        "enciphered", "protected form of WRITE KEY: enciphered and MAC, or MAC only", "enciphered", "mac"
    )
    strict_protected_add: bool = _option(
        default=False, about="a key whose type demands protection cannot be added in clear"
    )
    counter_on_change: str = _option(
        "from_data", "try counter after a change by WRITE KEY: as sent, or as it was", "from_data", "keep"
    )
    unblock_key: int = _option(
        0x37, "key type of PIN UNBLOCK; RELOAD PIN uses the other of 37 and 38", 0x37, 0x38, digits=2
    )
    pin_unblock: str = _option(
        "replace", "PIN UNBLOCK: the PIN sent replaces the old one, must be it, or is not looked at",
        "replace", "compare", "reset",
    )  # fmt: skip
    pin_unblock_id: str = _option("p1", "parameter of PIN UNBLOCK that names the PIN", "p1", "p2")
    pin_unblock_unlocked: bool = _option(
        default=True, about="PIN UNBLOCK serves a PIN that is not locked, otherwise 6985"
    )
    reload_mac_wrong: int = _option(0x9302, "wrong MAC of RELOAD PIN", 0x9302, 0x6988, digits=4)
    authentication_wrong: int = _option(
        0x63C0, "wrong EXTERNAL AUTHENTICATE: tries left, or 6300", 0x63C0, 0x6300, digits=4
    )


@dataclass(frozen=True, slots=True)
class PurseOptions:
    """The electronic deposit and purse.  ``pin_required`` lists the operations that need a verified PIN,
    ``ed.load`` or ``ep.purchase`` for example (JR/T 0025.2 5.5).
    """

    pin_required: tuple[str, ...] = _option(
        ("ed.load", "ed.unload", "ed.purchase", "ed.cash", "ed.overdraft", "ed.balance", "ep.load"),
        "operations that need a verified PIN",
        within=_OPERATIONS,
    )
    pin_missing: int = _option(0x6982, "INITIALIZE without the PIN that it needs", 0x6982, 0x6985, digits=4)
    pin_after_transaction: str = _option(
        "kept", "the verified PIN after a completed transaction", "kept", "dropped"
    )
    ceiling: int = _option(
        0x00FFFFFF, "largest balance of an electronic purse whose file names none, fen", within=_FOUR_BYTES
    )
    balance_forms: int = _option(
        1,
        "values of P1 that GET BALANCE knows: 00 only, or 00..03 (JT/T 978: all, limit, used, own money)",
        1,
        4,
    )
    log_serial: str = _option("after", "serial in a log record: after the step or before", "after", "before")
    load_log: int = _option(0, "SFI of a log of its own for loads, 0: that of the purse", within=range(31))
    short_load_proof: bool = _option(
        default=False, about="GET TRANSACTION PROVE of a load answers the TAC alone"
    )
    overdraft_negative: int = _option(
        0x6900, "UPDATE OVERDRAW LIMIT that would make the balance negative", 0x6900, 0x9401, digits=4
    )
    refused_algorithms: tuple[int, ...] = _option(
        (), "algorithm identifiers of keys that purse commands refuse with 9403", digits=2, within=_BYTE
    )
    lenient_composite: bool = _option(
        default=False, about="INITIALIZE FOR CAPP PURCHASE is taken in every state that another INITIALIZE is"
    )
    composite_without_record: bool = _option(
        default=False, about="DEBIT FOR CAPP PURCHASE is taken without UPDATE CAPP DATA CACHE before it"
    )
    grey_both_purses: bool = _option(
        default=False, about="P2 = 02 locks the electronic purse, with types 92, 94 and 96"
    )
    purchase_while_grey: bool = _option(
        default=False, about="a grey-locked purse still takes INITIALIZE FOR PURCHASE, otherwise 9408"
    )
    gmac_tries: int = _option(
        3, "wrong GMACs in a row that block the application for a time", within=_BYTE[1:]
    )


@dataclass(frozen=True, slots=True)
class SamOptions:
    """Secure modules.  Of a purchase SAM ``first_serial`` is the first terminal serial that it gives."""

    first_serial: int = _option(0, "first terminal transaction serial", within=_FOUR_BYTES)
    mac2_tries: int = _option(15, "wrong MAC2s in a row that lock the application", within=_BYTE[1:])
    factor_order: str = _option(
        "reverse", "order in which the factors of a command diversify a key", "reverse", "as_sent"
    )
    load_limit: int = _option(
        0, "fen that a load SAM may load before it must be topped up, at personalisation", within=_FOUR_BYTES
    )


def check_options(options: CosOptions | PurseOptions | SamOptions, where: str) -> None:
    """Raise :class:`~cardos.errors.ProfileError` naming the first field whose value is not among its
    choices.

    >>> check_options(SamOptions(factor_order="x"), "x.toml [sam]")
    Traceback (most recent call last):
    ...
    cardos.errors.ProfileError: x.toml [sam]: factor_order must be 'reverse' or 'as_sent', got 'x'
    """
    for each in fields(cast(Any, options)):  # a dataclass; typing has no name for it
        value = getattr(options, each.name)
        if not _is_allowed(each, value):
            allowed, got = allowed_values(each), show_value(each, value)
            raise ProfileError(f"{each.name} must be {allowed}, got {got}", where=where)
    if isinstance(options, CosOptions):
        _check_card(options, where)


def _is_allowed(option: Field[Any], value: object) -> bool:
    choices, within = option.metadata["choices"], option.metadata["within"]
    if choices:
        return value in choices
    return within is None or all(each in within for each in (value if isinstance(value, tuple) else (value,)))


def allowed_values(option: Field[Any]) -> str:
    """What an option may be, in words; empty when anything of its type.

    >>> allowed_values(CosOptions.__dataclass_fields__["unblock_key"])
    '37 or 38'
    """
    choices, within = option.metadata["choices"], option.metadata["within"]
    if choices:
        return " or ".join(show_value(option, choice) for choice in choices)
    if within is None:
        return ""
    return f"{within[0]}..{within[-1]}" if isinstance(within, range) else f"of {', '.join(sorted(within))}"


def _check_card(options: CosOptions, where: str) -> None:
    if options.memory not in CAPACITIES:
        raise ProfileError(
            f"memory must be {CAPACITIES[0]}..{CAPACITIES[-1]} bytes, got {options.memory}", where=where
        )
    for name, sizes in _SIZES.items():
        value = getattr(options, name)
        if not re.fullmatch(r"([0-9A-Fa-f]{2})*", value):
            raise ProfileError(f"{name} must be whole bytes in hex, got {value!r}", where=where)
        if len(value) // 2 not in sizes:
            raise ProfileError(
                f"{name} must be {sizes[0]}..{sizes[-1]} bytes, got {len(value) // 2}", where=where
            )


def show_value(option: Field[Any], value: object) -> str:
    """A value of an option as a profile writes it, status words and other codes in hexadecimal.

    >>> from dataclasses import fields
    >>> [show_value(option, option.default) for option in fields(PurseOptions)][1:3]
    ['6982', "'kept'"]
    """
    digits = option.metadata["digits"]
    return f"{value:0{digits}X}" if digits and isinstance(value, int) and value else repr(value)
