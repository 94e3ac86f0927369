"""The mother card of an issuer: root keys that leave it only diversified and enciphered, for a SAM in the making.

The public descriptions give the cards of a key system (transport, master control, mother, authentication) and
their order, but no commands; this is our own definition, with the commands of a SAM:

* the mother card holds root keys of kind 1E, and the transport key of the SAM that is made, kind 07;
* EXPORT KEY gives a root key, diversified, encrypted under that transport key, and counts it;
* before that, the authentication card and the mother card recognise each other: each answers the other's GET
  CHALLENGE with INTERNAL AUTHENTICATE and is judged by EXTERNAL AUTHENTICATE.  The rights of the keys demand it, so
  the profiles hold this rule, with its try counters, and no code does;
* a master control card is a mother card whose transport key is the key that its SAMs were delivered with;
* a transport card holds the transport key as a decryption key (type 31), which the holder's PIN opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..apdu import SW
from ..apdu.sam_commands import EXPORT_KEY, LEVEL_SHIFT, SamKeyKind
from ..crypto import encrypt_ecb
from ..fields import FIELDS
from ..files.call import Call, Handler, Refusal
from ..files.protection import current_directory
from .sam import COUNTER_FILE, sam_file
from .sam_keys import derived, factors_of, usage_key

__all__ = ["HANDLERS", "TRANSPORT_VERSION"]

#: Version of the key, kind 07 without levels, under which exports leave.
TRANSPORT_VERSION: Final = 0x00


def _count_export(call: Call) -> None:
    """Step the counter of exports; ``9402`` at the maximum."""
    field = FIELDS["terminal_serial"]
    node = sam_file(call, current_directory(call), COUNTER_FILE, field.width)
    made = int.from_bytes(call.fs.read(node, 0, field.width), "big")
    if made >= field.maximum:
        raise Refusal(SW.COUNTER_MAXIMUM)
    call.fs.write(node, 0, (made + 1).to_bytes(field.width, "big"))


def export_key(call: Call) -> bytes:
    """EXPORT KEY: 16 bytes, a root key diversified by the factors and encrypted under the transport key.

    Refused with ``6700`` unless there is one factor per level, ``9403`` without that root key, ``6982`` unless
    the rights of root and transport key are met (the authentication card was recognised), ``6985`` without
    transport key or counter, ``9402`` when the counter is at its maximum.
    """
    usage = call.command.p1
    factors = factors_of(call.body.factors)
    if len(factors) != usage >> LEVEL_SHIFT:
        raise Refusal(SW.WRONG_LENGTH)
    root = usage_key(call, usage, call.command.p2)
    key = derived(call, root, factors, forbidden=SW.SECURITY_STATUS)
    transport = call.fs.key(current_directory(call), SamKeyKind.ENCRYPTION, TRANSPORT_VERSION, mask=0xFF)
    if transport is None:
        raise Refusal(SW.CONDITIONS)
    under = derived(call, transport, [], forbidden=SW.SECURITY_STATUS)
    _count_export(call)
    answer = encrypt_ecb(under, key.reveal())
    call.fs.commit()  # from here on the export is counted, whatever becomes of the answer
    return call.spec.build_answer(data=answer)


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({EXPORT_KEY.name: export_key})
