"""The load SAM (ISAM): checks the MAC1 of a card that wants money, and makes the MAC2 that gives it.

Most centres compute MAC2 in a hardware module, and no command list of a load SAM is public; LOAD BY SAM is our
own definition in the style of the PSAM.  A load SAM that is stolen can give away no more than its limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..apdu import SW
from ..apdu.sam_commands import LOAD_BY_SAM, SamKeyKind
from ..fields import FIELDS
from ..files.call import Call, Handler, Refusal
from ..files.protection import current_directory
from .keys import check_mac
from .sam import next_serial, sam_file, terminal_number
from .sam_keys import card_key, factors_of

__all__ = ["HANDLERS", "LIMIT_FILE"]

#: The transaction of a dialect that a load SAM takes part in.
_LOAD: Final = "load"

#: What the SAM may still load, 4 bytes, fen; who holds its maintenance key writes a new limit.
LIMIT_FILE: Final = 0x001A


def _draw(call: Call, amount: int) -> None:
    """Take ``amount`` from the limit; ``9401`` when it is more than is left."""
    field = FIELDS["load_limit"]
    node = sam_file(call, current_directory(call), LIMIT_FILE, field.width)
    left = int.from_bytes(call.fs.read(node, 0, field.width), "big")
    if amount > left:
        raise Refusal(SW.BALANCE_INSUFFICIENT)
    call.fs.write(node, 0, (left - amount).to_bytes(field.width, "big"))


def load_by_sam(call: Call) -> bytes:
    """LOAD BY SAM: load serial and MAC2 for a card that answered INITIALIZE FOR LOAD.

    Checked in this order: whole factors (6700), a type of a load (6A80), key version (9403) and its levels
    (6700), terminal number there (6985), MAC1 (9302), limit (9401), counter (9402).  A refused command changes
    nothing.  Serial and limit are durable before the answer leaves: a load that is asked for twice is counted
    twice.
    """
    body, dialect = call.body, call.profile.dialect
    factors = factors_of(body.factors)
    if body.type not in dialect.transaction(_LOAD).types:
        raise Refusal(SW.WRONG_DATA)
    key = card_key(call, SamKeyKind.LOAD, factors)
    fields = {"amount": body.amount, "type": body.type, "terminal": terminal_number(call)}
    session_key = dialect.session_key(_LOAD, key, random=body.random, online_serial=body.online_serial)
    check_mac(call, _LOAD, "mac1", session_key, body.mac1, balance=body.balance, **fields)
    _draw(call, body.amount)
    serial = next_serial(call)
    mac2 = dialect.mac(_LOAD, "mac2", session_key, date=body.date, time=body.time, **fields)
    call.fs.commit()  # from here on the money is given, whatever becomes of the answer
    return call.spec.build_answer(load_serial=serial, mac2=mac2)


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({LOAD_BY_SAM.name: load_by_sam})
