"""The commands of the purchase SAM (PSAM).  Not fixed by JR/T 0025; this is the coding that terminals in
the field use.
"""

from __future__ import annotations

from construct import GreedyBytes, Int8ub, Struct

from ..crypto.diversify import FACTOR_SIZE
from .os_commands import WRITE_KEY
from .spec import CommandSpec, Protection, layout, one_of
from .status import SW

__all__ = ["CREDIT_SAM_FOR_PURCHASE", "INIT_SAM_FOR_PURCHASE", "SAM_COMMANDS", "WRITE_SAM_KEY"]

_PURCHASE = layout(
    "random",
    "offline_serial",
    "amount",
    "type",
    "date",
    "time",
    "key_version",
    "algorithm",
    factors=GreedyBytes,
)
_STATUSES = (SW.MEMORY_FAILURE, SW.METHOD_BLOCKED, SW.CONDITIONS, SW.WRONG_P1P2)
_FIXED = 20  # bytes before the factors
_MOST_FACTORS = 3

#: ``factors`` are 1..3 diversification factors of 8 bytes, the card's serial first, then the levels above it.
INIT_SAM_FOR_PURCHASE = CommandSpec(
    "INIT SAM FOR PURCHASE", 0x80, 0x70, one_of(0x00), one_of(0x00), "PSAM 8070",
    (*_STATUSES, SW.COUNTER_MAXIMUM, SW.KEY_INDEX, SW.WRONG_DATA),
    body=_PURCHASE, answer=layout("terminal_serial", "mac1"),
    lc=(_FIXED + FACTOR_SIZE, _FIXED + _MOST_FACTORS * FACTOR_SIZE), le=8,
)  # fmt: skip

CREDIT_SAM_FOR_PURCHASE = CommandSpec.fixed(
    "CREDIT SAM FOR PURCHASE", (0x80, 0x72, one_of(0x00), one_of(0x00)), "PSAM 8072",
    statuses=(*_STATUSES, SW.MAC_INVALID),
    body=layout("mac2"),
)  # fmt: skip

#: Loads a key under the control key of the current directory, enciphered and with a MAC.
WRITE_SAM_KEY = CommandSpec(
    "WRITE SAM KEY", 0x80, 0xD4, one_of(0x00), one_of(0x00), "PSAM 84D4", WRITE_KEY.statuses,
    body=Struct("usage" / Int8ub, "version" / Int8ub, "algorithm" / Int8ub, "value" / GreedyBytes),
    lc=(19, 19), protection=Protection.ALWAYS,
)  # fmt: skip

SAM_COMMANDS = (INIT_SAM_FOR_PURCHASE, CREDIT_SAM_FOR_PURCHASE, WRITE_SAM_KEY)
