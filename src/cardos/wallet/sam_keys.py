"""Keys of a SAM: which there are, what a delivered one may do, and how one is diversified for a card.

A key's usage byte is ``levels << 5 | kind`` and its identifier the key version.  A command names kind, levels
and version and brings one factor per level, the card's serial first.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.sam_commands import KIND_BITS, LEVEL_SHIFT, SamKeyKind
from ..crypto import Key, diversify
from ..crypto.diversify import FACTOR_SIZE
from ..files.access import allowed
from ..files.call import Call, Refusal
from ..files.filesystem import KeyRecord
from ..files.protection import current_directory

__all__ = ["DELIVERED_USES", "Use", "card_key", "derived", "factors_of", "usage_key"]


class Use(enum.Enum):
    """What DES CRYPT does with a delivered key."""

    ENCRYPT = "encrypt"
    MAC = "MAC"


_ENCRYPT, _MAC = frozenset({Use.ENCRYPT}), frozenset({Use.MAC})
_BOTH = _ENCRYPT | _MAC

#: Key separation: what a delivered key of each kind may do.  Kinds that are missing are never delivered: who could
#: encrypt or MAC at will with a purchase, load or TAC key would make money without a card.
DELIVERED_USES: Mapping[int, frozenset[Use]] = MappingProxyType(
    {
        SamKeyKind.MAINTENANCE: _BOTH,
        SamKeyKind.APPLICATION_MAINTENANCE: _BOTH,
        SamKeyKind.MAC: _MAC,
        SamKeyKind.ENCRYPTION: _ENCRYPT,
        SamKeyKind.MAC_AND_ENCRYPTION: _BOTH,
        SamKeyKind.PIN: _BOTH,
        SamKeyKind.EXTERNAL_AUTHENTICATION: _ENCRYPT,
        SamKeyKind.INTERNAL_AUTHENTICATION: _ENCRYPT,
    }
)

#: Step through the factors of the command, so that the top of the hierarchy comes first.
FACTOR_ORDERS: Mapping[str, int] = MappingProxyType({"reverse": -1, "as_sent": 1})


def factors_of(data: bytes) -> list[bytes]:
    """The diversification factors of a command, as sent; ``6700`` unless they are whole."""
    if len(data) % FACTOR_SIZE:
        raise Refusal(SW.WRONG_LENGTH)
    return [data[at : at + FACTOR_SIZE] for at in range(0, len(data), FACTOR_SIZE)]


def derived(call: Call, record: KeyRecord, factors: list[bytes], *, forbidden: int = SW.CONDITIONS) -> Key:
    """The key of ``record`` diversified level by level in the order of the profile; ``forbidden`` when the use
    right of the key is not met.
    """
    if not allowed(record.use, call.session, call.profile.cos):
        raise Refusal(forbidden)
    return diversify(record.key, *factors[:: FACTOR_ORDERS[call.profile.sam.factor_order]])


def usage_key(call: Call, usage: int, version: int) -> KeyRecord:
    """The key with exactly this usage byte and version; ``9403`` when there is none."""
    record = call.fs.key(current_directory(call), usage, version, mask=0xFF)
    if record is None:
        raise Refusal(SW.KEY_INDEX)
    return record


def card_key(call: Call, kind: SamKeyKind, factors: list[bytes]) -> Key:
    """The key of a card: that of ``kind`` and of the version in the command, with as many levels as factors.

    ``9403`` when no key of the kind has that version, ``6700`` when none of that version has as many levels as
    factors were sent, ``6985`` when the key's use right is not met.
    """
    records = [
        record
        for record in call.fs.keys(current_directory(call))
        if record.type & KIND_BITS == kind and record.id == call.body.key_version
    ]
    if not records:
        raise Refusal(SW.KEY_INDEX)
    for record in records:
        if record.type >> LEVEL_SHIFT == len(factors):
            return derived(call, record, factors)
    raise Refusal(SW.WRONG_LENGTH)
