"""The purchase SAM (PSAM): INIT SAM FOR PURCHASE (8070) and CREDIT SAM FOR PURCHASE (8072).

No standard fixes these commands; this is how terminals in the field use them.  What a SAM must never do is
give one terminal transaction serial twice, so the serial of an answer is durable before the answer leaves.
Numbers may be skipped (the card was taken away, the power failed): a gap is normal, a repetition is fraud.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, cast

from ..apdu.sam_commands import CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE
from ..apdu.status import SW
from ..crypto import Key, diversify
from ..crypto.diversify import FACTOR_SIZE
from ..fields import FIELDS
from ..files.access import allowed
from ..files.call import Call, Handler, Refusal
from ..files.filesystem import Node
from ..files.protection import current_directory
from .keys import check_mac
from .states import SAM_STATES, Pending, State

__all__ = ["HANDLERS", "SamPending", "mac2_failures"]

#: Files of a PSAM: terminal number in the MF, transaction counter in the application.
TERMINAL_FILE: Final = 0x0016
COUNTER_FILE: Final = 0x0019

#: A key's usage byte is ``levels << 5 | kind``; its identifier is the key version.
_KIND_BITS: Final = 0x1F
_LEVEL_SHIFT: Final = 5
PURCHASE_KIND: Final = 0x02

#: The transaction of a dialect that a PSAM takes part in.
_PURCHASE: Final = "purchase"

_MOST_FAILURES: Final = 0xFF

#: Step through the factors of the command, so that the top of the hierarchy comes first.
FACTOR_ORDERS: Mapping[str, int] = MappingProxyType({"reverse": -1, "as_sent": 1})


@dataclass(frozen=True, slots=True)
class SamPending(Pending):
    """An INIT SAM FOR PURCHASE waits for the MAC2 over ``amount`` under ``session_key``."""

    state: ClassVar[State] = State.PURCHASE
    session_key: Key
    amount: int


# ------------------------------------------------------------------ what a PSAM keeps


def mac2_failures(call: Call) -> int:
    """Wrong MAC2s in a row, 0..255.  The count is the first byte of the application's area for
    transactions, in which a card keeps its proof and a SAM has none.
    """
    return call.fs.proof(current_directory(call))[0]


def _set_mac2_failures(call: Call, count: int) -> None:
    directory = current_directory(call)
    call.fs.set_proof(directory, bytes([count]).ljust(len(call.fs.proof(directory)), b"\x00"))


def _file(call: Call, directory: Node | None, fid: int, width: int) -> Node:
    """A file of at least ``width`` bytes; ``6985`` where it is missing: this is no PSAM application."""
    node = call.fs.find(directory, fid) if directory is not None else None
    if node is None or node.size < width:
        raise Refusal(SW.CONDITIONS)
    return node


def _terminal(call: Call) -> bytes:
    width = FIELDS["terminal"].width
    return call.fs.read(_file(call, call.fs.root, TERMINAL_FILE, width), 0, width)


def _next_serial(call: Call) -> int:
    """The serial of this transaction, with the counter stepped behind it; ``9402`` at the maximum.

    File 0019 counts the serials that were given; a new SAM starts at the profile's first serial.
    """
    field = FIELDS["terminal_serial"]
    node = _file(call, current_directory(call), COUNTER_FILE, field.width)
    given = int.from_bytes(call.fs.read(node, 0, field.width), "big")
    serial = given + call.profile.sam.first_serial
    if serial >= field.maximum:
        raise Refusal(SW.COUNTER_MAXIMUM)
    call.fs.write(node, 0, (given + 1).to_bytes(field.width, "big"))
    return serial


# ------------------------------------------------------------------ keys


def _factors(data: bytes) -> list[bytes]:
    """The diversification factors of the command; ``6700`` unless they are whole."""
    if len(data) % FACTOR_SIZE:
        raise Refusal(SW.WRONG_LENGTH)
    return [data[at : at + FACTOR_SIZE] for at in range(0, len(data), FACTOR_SIZE)]


def _card_key(call: Call, factors: list[bytes]) -> Key:
    """DPK of the card: the purchase key of the version asked for, diversified level by level.

    ``9403`` when no purchase key has that version, ``6700`` when none of that version has as many levels as
    factors were sent, ``6985`` when the key's use right is not met.
    """
    records = [
        record
        for record in call.fs.keys(current_directory(call))
        if record.type & _KIND_BITS == PURCHASE_KIND and record.id == call.body.key_version
    ]
    if not records:
        raise Refusal(SW.KEY_INDEX)
    for record in records:
        if record.type >> _LEVEL_SHIFT == len(factors):
            if not allowed(record.use, call.session):
                raise Refusal(SW.CONDITIONS)
            return diversify(record.key, *factors[:: FACTOR_ORDERS[call.profile.sam.factor_order]])
    raise Refusal(SW.WRONG_LENGTH)


# ------------------------------------------------------------------ commands


def init_sam_for_purchase(call: Call) -> bytes:
    """INIT SAM FOR PURCHASE: terminal serial and MAC1 for a card that answered INITIALIZE FOR PURCHASE.

    Checked in this order: whole factors (6700), a type of a purchase (6A80), key version (9403) and its
    levels (6700), terminal number and counter there (6985), counter (9402).  A refused command does not
    step the counter.
    """
    body, dialect = call.body, call.profile.dialect
    factors = _factors(body.factors)
    if body.type not in dialect.transaction(_PURCHASE).types:
        raise Refusal(SW.WRONG_DATA)
    card_key = _card_key(call, factors)
    terminal = _terminal(call)
    serial = _next_serial(call)
    session_key = dialect.session_key(
        _PURCHASE,
        card_key,
        random=body.random,
        offline_serial=body.offline_serial,
        terminal_serial=serial,
    )
    mac1 = dialect.mac(
        _PURCHASE,
        "mac1",
        session_key,
        amount=body.amount,
        type=body.type,
        terminal=terminal,
        date=body.date,
        time=body.time,
    )
    call.fs.commit()  # from here on the serial is used, whatever becomes of the answer
    call.session.pending = SamPending(session_key, body.amount)
    return call.spec.build_answer(terminal_serial=serial, mac1=mac1)


def credit_sam_for_purchase(call: Call) -> bytes:
    """CREDIT SAM FOR PURCHASE: checks the card's MAC2; wrong ``9302``.

    The count of wrong MAC2s rises durably before the comparison, so that cutting the power wins no tries,
    and falls to 0 when MAC2 was right.
    """
    pending = cast(SamPending, call.session.pending)  # the state table lets nothing else come here
    _set_mac2_failures(call, min(mac2_failures(call) + 1, _MOST_FAILURES))
    call.fs.commit()
    check_mac(call, _PURCHASE, "mac2", pending.session_key, call.body.mac2, amount=pending.amount)
    _set_mac2_failures(call, 0)
    return b""


def _while_tries_are_left(handler: Handler) -> Handler:
    """``6983`` once MAC2 was wrong as often as the profile allows; APPLICATION UNBLOCK is the way out."""

    def limited(call: Call) -> bytes:
        if mac2_failures(call) >= call.profile.sam.mac2_tries:
            raise Refusal(SW.METHOD_BLOCKED)
        return handler(call)

    return limited


_COMMANDS: Mapping[str, Handler] = {
    INIT_SAM_FOR_PURCHASE.name: init_sam_for_purchase,
    CREDIT_SAM_FOR_PURCHASE.name: credit_sam_for_purchase,
}

#: Handlers of the PSAM by the name of their command, each under the rules of :data:`SAM_STATES`.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {name: _while_tries_are_left(SAM_STATES.guard(name, handler)) for name, handler in _COMMANDS.items()}
)
