"""The commands of secure modules: purchase SAM (PSAM), load SAM and key card.

No standard fixes them.  Those of the PSAM are coded as terminals in the field send them; LOAD BY SAM and EXPORT
KEY are our own, in the same style.
"""

from __future__ import annotations

import enum

from construct import GreedyBytes, Int8ub, Struct

from ..crypto.diversify import FACTOR_SIZE
from .os_commands import ALL_THERE_IS
from .spec import ANY, CommandSpec, Protection, layout, one_of
from .status import SW

__all__ = [
    "AUTHENTICATION_MESSAGE",
    "BLOCKED",
    "CREDIT_SAM_FOR_PURCHASE",
    "DELIVERY_KEY",
    "DES_CRYPT",
    "EXPORT_KEY",
    "INIT_SAM_FOR_PURCHASE",
    "INIT_SAM_WITH_SERIAL",
    "KIND_BITS",
    "LEVEL_SHIFT",
    "LOAD_BY_SAM",
    "MOST_CRYPT_DATA",
    "MOST_LEVELS",
    "SAM_COMMANDS",
    "WRITE_SAM_KEY",
    "CryptMode",
    "SamKeyKind",
]


@enum.unique
class SamKeyKind(enum.IntEnum):
    """What a key of a SAM is for: the low 5 bits of its usage byte ``levels << 5 | kind``.

    Products differ in the number of the maintenance key and give the SAM's own TAC key a number of its own.

    >>> 0x42 & KIND_BITS == SamKeyKind.PURCHASE, 0x42 >> LEVEL_SHIFT
    (True, 2)
    """

    MASTER_CONTROL = 0x00
    MAINTENANCE = 0x01
    PURCHASE = 0x02
    APPLICATION_MAINTENANCE = 0x05
    MAC = 0x06
    ENCRYPTION = 0x07
    MAC_AND_ENCRYPTION = 0x08
    LOAD = 0x09
    TAC = 0x0C
    PIN = 0x0D
    EXTERNAL_AUTHENTICATION = 0x0E
    INTERNAL_AUTHENTICATION = 0x0F
    SAM_TAC = 0x15
    EXPORT = 0x1E


#: Parts of a usage byte.
KIND_BITS, LEVEL_SHIFT = 0x1F, 5
#: Most diversification levels of a key.
MOST_LEVELS = 3


@enum.unique
class CryptMode(enum.IntEnum):
    """P1 of DES CRYPT."""

    ENCRYPT_LAST = 0x00
    MAC_LAST = 0x01
    ENCRYPT_MORE = 0x02
    MAC_MIDDLE = 0x03
    MAC_WHOLE = 0x05
    MAC_FIRST = 0x07


#: Most data bytes of one DES CRYPT.
MOST_CRYPT_DATA = 0x30

_NONE = one_of(0x00)
_PURCHASE_FIELDS = (
    "random", "offline_serial", "amount", "type", "date", "time", "key_version", "algorithm",
)  # fmt: skip
_FIXED = 20  # bytes of these fields
_SERIAL = 4
#: What any of these commands answers: of a blocked application 6A81 or 6985, and 9303 of one blocked for ever.
BLOCKED = (SW.CONDITIONS, SW.NOT_SUPPORTED, SW.APPLICATION_LOCKED)
_STATUSES = (SW.MEMORY_FAILURE, SW.METHOD_BLOCKED, SW.WRONG_P1P2, *BLOCKED)
_INIT = (*_STATUSES, SW.COUNTER_MAXIMUM, SW.KEY_INDEX, SW.WRONG_DATA)


def with_factors(fixed: int) -> tuple[int, int]:
    """Least and most data bytes: ``fixed`` and 1..3 factors."""
    return fixed + FACTOR_SIZE, fixed + MOST_LEVELS * FACTOR_SIZE


#: ``factors`` are 1..3 diversification factors of 8 bytes, the card's serial first, then the levels above it.
INIT_SAM_FOR_PURCHASE = CommandSpec(
    "INIT SAM FOR PURCHASE", 0x80, 0x70, _NONE, _NONE, "PSAM 8070", _INIT,
    body=layout(*_PURCHASE_FIELDS, factors=GreedyBytes), answer=layout("terminal_serial", "mac1"),
    lc=with_factors(_FIXED), le=8,
    effect="The terminal serial is spent, durably before the answer; the purchase waits for its MAC2.",
)  # fmt: skip

#: The form of one metro: the terminal brings the transaction serial, in front of the factors.
INIT_SAM_WITH_SERIAL = CommandSpec(
    "INIT SAM WITH SERIAL", 0x80, 0x70, _NONE, one_of(0x01), "PSAM 8070, P2 = 01", _INIT,
    body=layout(*_PURCHASE_FIELDS, "terminal_serial", factors=GreedyBytes),
    answer=layout("terminal_serial", "mac1"), lc=with_factors(_FIXED + _SERIAL), le=8,
    effect="As INIT SAM FOR PURCHASE; the counter goes on behind the serial that the terminal brought.",
)  # fmt: skip

CREDIT_SAM_FOR_PURCHASE = CommandSpec(
    "CREDIT SAM FOR PURCHASE", 0x80, 0x72, _NONE, _NONE, "PSAM 8072", (*_STATUSES, SW.MAC_INVALID),
    body=layout("mac2"), lc=(4, 4),
    effect="The pending purchase is over and the count of wrong MAC2s is 0.",
)  # fmt: skip

#: P1 is the usage byte, P2 the key version; ``factors`` as many as the levels of the usage byte say.
DELIVERY_KEY = CommandSpec(
    "DELIVERY KEY", 0x80, 0x1A, ANY - {levels << 5 | SamKeyKind.EXPORT for levels in range(8)}, ANY,
    "PSAM 801A", (SW.WRONG_P1P2, SW.KEY_INDEX, *BLOCKED),
    body=Struct("factors" / GreedyBytes), lc=(0, MOST_LEVELS * FACTOR_SIZE),
    effect="The diversified key is the temporary key of DES CRYPT until reset, SELECT or the next delivery.",
)  # fmt: skip

#: P1 is a :class:`CryptMode`; data are whole blocks, and the first block of a MAC is its initial value.
DES_CRYPT = CommandSpec(
    "DES CRYPT", 0x80, 0xFA, frozenset(CryptMode), _NONE, "PSAM 80FA", (SW.WRONG_P1P2, *BLOCKED),
    body=Struct("data" / GreedyBytes), answer=Struct("data" / GreedyBytes), lc=(8, MOST_CRYPT_DATA),
    le=ALL_THERE_IS, effect="Nothing, but that a MAC in parts waits for its next part.",
)  # fmt: skip

AUTHENTICATION_MESSAGE = CommandSpec(
    "AUTHENTICATION MESSAGE", 0x80, 0xCA, _NONE, _NONE, "PSAM 80CA; CJ/T 166",
    (SW.AUTHENTICATION_FAILED, SW.WRONG_P1P2, *BLOCKED),
    body=layout("safety_code"), lc=(9, 9),
    effect="The card's safety code is kept for the MAC1 of the next purchase.",
)  # fmt: skip

#: Loads a key under the control key of the current directory, enciphered and with a MAC.
WRITE_SAM_KEY = CommandSpec(
    "WRITE SAM KEY",
    0x80,
    0xD4,
    _NONE,
    _NONE,
    "PSAM 84D4",
    (
        SW.MEMORY_FAILURE, SW.SECURITY_STATUS, SW.METHOD_BLOCKED, SW.NO_CHALLENGE, SW.WRONG_DATA,
        SW.FILE_NOT_FOUND, SW.NO_SPACE, SW.WRONG_P1P2, SW.KEY_NOT_FOUND, SW.MAC_INVALID, *BLOCKED,
    ),
    body=Struct("usage" / Int8ub, "version" / Int8ub, "algorithm" / Int8ub, "value" / GreedyBytes),
    lc=(19, 19),
    protection=Protection.ALWAYS,
    effect="The key file of the current directory holds the key.",
)  # fmt: skip

#: Our own definition: MAC1 of a card's INITIALIZE FOR LOAD against MAC2 of its CREDIT FOR LOAD.
LOAD_BY_SAM = CommandSpec(
    "LOAD BY SAM", 0x80, 0x7A, _NONE, _NONE, "load SAM 807A, our own",
    (
        SW.MEMORY_FAILURE, SW.WRONG_P1P2, SW.WRONG_DATA, SW.MAC_INVALID, SW.BALANCE_INSUFFICIENT,
        SW.COUNTER_MAXIMUM, SW.KEY_INDEX, *BLOCKED,
    ),
    body=layout(
        "random", "online_serial", "balance", "amount", "type", "date", "time", "key_version", "algorithm",
        "mac1", factors=GreedyBytes,
    ),
    answer=layout("load_serial", "mac2"), lc=with_factors(28), le=8,
    effect="The load serial is spent and the amount is gone from the limit, durably before the answer.",
)  # fmt: skip

#: Our own definition: the form of DELIVERY KEY for keys of kind 1E, which only a key card has.
EXPORT_KEY = CommandSpec(
    "EXPORT KEY", 0x80, 0x1A, frozenset(levels << 5 | SamKeyKind.EXPORT for levels in range(4)), ANY,
    "key card 801A, our own",
    (
        SW.MEMORY_FAILURE, SW.SECURITY_STATUS, SW.WRONG_P1P2, SW.COUNTER_MAXIMUM, SW.KEY_INDEX, *BLOCKED,
    ),
    body=Struct("factors" / GreedyBytes), answer=Struct("data" / GreedyBytes),
    lc=(0, MOST_LEVELS * FACTOR_SIZE), le=16,
    effect="The export is counted, durably before the answer.",
)  # fmt: skip

SAM_COMMANDS = (
    INIT_SAM_FOR_PURCHASE, INIT_SAM_WITH_SERIAL, CREDIT_SAM_FOR_PURCHASE, DELIVERY_KEY, DES_CRYPT,
    AUTHENTICATION_MESSAGE, WRITE_SAM_KEY, LOAD_BY_SAM, EXPORT_KEY,
)  # fmt: skip
