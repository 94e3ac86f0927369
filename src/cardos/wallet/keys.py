"""Keys of transactions on a card, and the one way a MAC that was received is checked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..apdu import SW
from ..crypto import Key
from ..errors import MacMismatch
from ..fields import Value
from ..files.access import require
from ..files.call import Call, Refusal
from ..files.filesystem import KeyRecord
from ..files.protection import current_directory
from ..profile import KeyType

__all__ = [
    "KEY_TYPES",
    "TAC_KEY_ID",
    "check_mac",
    "tac_key",
    "transaction_key",
]

#: Type of the key record for each purpose that a dialect names (JR/T 0025.2 5.3, annex B).
KEY_TYPES: Mapping[str, int] = MappingProxyType(
    {
        "load": KeyType.LOAD,
        "purchase": KeyType.PURCHASE,
        "unload": KeyType.UNLOAD,
        "overdraft": KeyType.OVERDRAFT,
        "tac": KeyType.TAC,
    }
)
#: DTK has no index in any command; it is the first of its type.
TAC_KEY_ID = 0x00


def transaction_key(call: Call, purpose: str, index: int) -> KeyRecord:
    """The key for ``purpose`` with this key index (JR/T 0025.2 5.3).

    Refused with ``9403`` when there is none, ``6982`` when its use right is not met.
    """
    record = call.fs.key(current_directory(call), KEY_TYPES[purpose], index)
    if record is None:
        raise Refusal(SW.KEY_INDEX)
    require(record.use, call)
    return record


def tac_key(call: Call) -> Key:
    """DTK of the application; ``6985`` when it is missing or, on a 3DES card, single DES, so that a
    transaction which could not be completed does not begin.
    """
    record = call.fs.key(current_directory(call), KEY_TYPES["tac"], TAC_KEY_ID)
    if record is None or record.key.cipher is not call.profile.suite.cipher:
        raise Refusal(SW.CONDITIONS)
    return record.key


def check_mac(
    call: Call, transaction: str, item: str, session_key: Key, received: bytes, **values: Value
) -> None:
    """Refuse with ``9302`` unless ``received`` is the MAC of the transaction; compared in constant time."""
    try:
        call.profile.dialect.verify_mac(transaction, item, session_key, received, **values)
    except MacMismatch:
        raise Refusal(SW.MAC_INVALID) from None
