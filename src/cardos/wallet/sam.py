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

from ..apdu.os_commands import APPLICATION_UNBLOCK
from ..apdu.sam_commands import (
    AUTHENTICATION_MESSAGE,
    CREDIT_SAM_FOR_PURCHASE,
    INIT_SAM_FOR_PURCHASE,
    INIT_SAM_WITH_SERIAL,
    SamKeyKind,
)
from ..apdu.status import SW
from ..crypto import Key
from ..fields import FIELDS, Value
from ..files import blocking
from ..files.call import Call, Handler, Refusal
from ..files.filesystem import Node
from ..files.protection import current_directory
from .keys import check_mac
from .sam_keys import card_key, factors_of
from .states import SAM_STATES, Pending, State

__all__ = [
    "HANDLERS",
    "SamPending",
    "check_mac2",
    "forget_safety_code",
    "mac2_failures",
    "next_serial",
    "safety_code",
    "sam_file",
    "terminal_number",
    "while_tries_are_left",
]

#: Files of a SAM: terminal number in the MF, transaction counter in the application.
TERMINAL_FILE: Final = 0x0016
COUNTER_FILE: Final = 0x0019

#: The transaction of a dialect that a PSAM takes part in.
_PURCHASE: Final = "purchase"


#: Where AUTHENTICATION MESSAGE leaves the card's code in the volatile memory of the application.
_SAFETY_CODE: Final = "safety_code"
#: What an area that was never written reads as: no code of a card.
_NO_CODE: Final = frozenset({bytes(FIELDS[_SAFETY_CODE].width), b"\xff" * FIELDS[_SAFETY_CODE].width})


@dataclass(frozen=True, slots=True)
class SamPending(Pending):
    """An INIT SAM FOR PURCHASE waits for the MAC2 over ``amount`` under ``session_key``."""

    state: ClassVar[State] = State.PURCHASE
    session_key: Key
    amount: int


# ------------------------------------------------------------------ what every SAM keeps


def sam_file(call: Call, directory: Node | None, fid: int, width: int) -> Node:
    """A file of at least ``width`` bytes; ``6985`` where it is missing: this is no application of a SAM."""
    node = call.fs.find(directory, fid) if directory is not None else None
    if node is None or node.size < width:
        raise Refusal(SW.CONDITIONS)
    return node


def terminal_number(call: Call) -> bytes:
    """The terminal number, 6 bytes, of file 0016; ``6985`` without it."""
    width = FIELDS["terminal"].width
    return call.fs.read(sam_file(call, call.fs.root, TERMINAL_FILE, width), 0, width)


def next_serial(call: Call, *, asked: int | None = None) -> int:
    """The serial of this transaction, with the counter stepped behind it; ``9402`` at the maximum.

    File 0019 counts the serials that were given; a new SAM starts at the profile's first serial.  A serial
    that is ``asked`` for is taken when it is none that was passed already, ``6A80`` otherwise: no serial is
    given twice.
    """
    field = FIELDS["terminal_serial"]
    first = call.profile.sam.first_serial
    node = sam_file(call, current_directory(call), COUNTER_FILE, field.width)
    ahead = first + int.from_bytes(call.fs.read(node, 0, field.width), "big")
    serial = ahead if asked is None else asked
    if serial >= field.maximum:
        raise Refusal(SW.COUNTER_MAXIMUM)
    if serial < ahead:
        raise Refusal(SW.WRONG_DATA)
    call.fs.write(node, 0, (serial + 1 - first).to_bytes(field.width, "big"))
    return serial


# ------------------------------------------------------------------ wrong MAC2s


def mac2_failures(call: Call) -> int:
    """Wrong MAC2s in a row, 0..255.  The count is the first byte of the application's area for
    transactions, in which a card keeps its proof and a SAM has none.
    """
    return call.fs.proof(current_directory(call))[0]


def set_mac2_failures(call: Call, count: int) -> None:
    """Write the count of :func:`mac2_failures`."""
    directory = current_directory(call)
    call.fs.set_proof(directory, bytes([count]).ljust(len(call.fs.proof(directory)), b"\x00"))


def while_tries_are_left(handler: Handler) -> Handler:
    """``6983`` once MAC2 was wrong as often as the profile allows; APPLICATION UNBLOCK is the way out."""

    def limited(call: Call) -> bytes:
        if mac2_failures(call) >= call.profile.sam.mac2_tries:
            raise Refusal(SW.METHOD_BLOCKED)
        return handler(call)

    return limited


def check_mac2(call: Call, transaction: str, session_key: Key, **values: Value) -> None:
    """Refuse with ``9302`` unless the command's MAC2 is that of the transaction.

    The count of wrong MAC2s rises durably before the comparison, so that cutting the power wins no tries,
    and falls to 0 when MAC2 was right.
    """
    set_mac2_failures(call, mac2_failures(call) + 1)
    call.fs.commit()
    check_mac(call, transaction, "mac2", session_key, call.body.mac2, **values)
    set_mac2_failures(call, 0)


# ------------------------------------------------------------------ the code of a construction ministry card


def authentication_message(call: Call) -> bytes:
    """AUTHENTICATION MESSAGE: the code of GET MESSAGE, for the next purchase.

    How the 4 bytes at its end are made is not published, so only that is refused, with ``6300``, which no card
    can mean: the content of an area that was never written.
    """
    code = bytes(call.body.safety_code)
    call.session.temporary.pop(_SAFETY_CODE, None)
    if code in _NO_CODE:
        raise Refusal(SW.AUTHENTICATION_FAILED)
    call.session.temporary[_SAFETY_CODE] = code
    return b""


def safety_code(call: Call, transaction: str, item: str) -> dict[str, Value]:
    """The code as a field of a MAC, where the dialect puts it under this one; ``6985`` when it is due and was
    not given.  It serves one transaction: :func:`forget_safety_code`.
    """
    if _SAFETY_CODE not in call.profile.dialect.transaction(transaction).item(item).names:
        return {}
    code = call.session.temporary.get(_SAFETY_CODE)
    if not isinstance(code, bytes):
        raise Refusal(SW.CONDITIONS)
    return {_SAFETY_CODE: code}


def forget_safety_code(call: Call) -> None:
    """The transaction that the code was given for is done."""
    call.session.temporary.pop(_SAFETY_CODE, None)


# ------------------------------------------------------------------ the purchase


def _init(call: Call, *, asked: int | None = None) -> bytes:
    body, dialect = call.body, call.profile.dialect
    factors = factors_of(body.factors)
    if body.type not in dialect.transaction(_PURCHASE).types:
        raise Refusal(SW.WRONG_DATA)
    key = card_key(call, SamKeyKind.PURCHASE, factors)
    code = safety_code(call, _PURCHASE, "mac1")
    terminal = terminal_number(call)
    serial = next_serial(call, asked=asked)
    session_key = dialect.session_key(
        _PURCHASE, key, random=body.random, offline_serial=body.offline_serial, terminal_serial=serial
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
        **code,
    )
    call.fs.commit()  # from here on the serial is used, whatever becomes of the answer
    forget_safety_code(call)
    call.session.pending = SamPending(session_key, body.amount)
    return call.spec.build_answer(terminal_serial=serial, mac1=mac1)


def init_sam_for_purchase(call: Call) -> bytes:
    """INIT SAM FOR PURCHASE: terminal serial and MAC1 for a card that answered INITIALIZE FOR PURCHASE.

    Checked in this order: whole factors (6700), a type of a purchase (6A80), key version (9403) and its
    levels (6700), the card's code where the dialect has one (6985), terminal number and counter there (6985),
    counter (9402).  A refused command does not step the counter.
    """
    return _init(call)


def init_sam_with_serial(call: Call) -> bytes:
    """INIT SAM FOR PURCHASE with P2 = 01: under the serial that the terminal brings, which must not lie behind
    the SAM's own (6A80).
    """
    return _init(call, asked=call.body.terminal_serial)


def credit_sam_for_purchase(call: Call) -> bytes:
    """CREDIT SAM FOR PURCHASE: checks the card's MAC2; wrong ``9302``, and the purchase is over either way."""
    pending = cast(SamPending, call.session.pending)  # the state table lets nothing else come here
    check_mac2(call, _PURCHASE, pending.session_key, amount=pending.amount)
    return b""


def application_unblock(call: Call) -> bytes:
    """APPLICATION UNBLOCK of a SAM: takes back a block, and a locked MAC2 too: the count of wrong ones is 0."""
    blocking.application_unblock(call, blocked=mac2_failures(call) >= call.profile.sam.mac2_tries)
    set_mac2_failures(call, 0)
    return b""


_COMMANDS: Mapping[str, Handler] = {
    INIT_SAM_FOR_PURCHASE.name: init_sam_for_purchase,
    INIT_SAM_WITH_SERIAL.name: init_sam_with_serial,
    CREDIT_SAM_FOR_PURCHASE.name: credit_sam_for_purchase,
}

#: Handlers of the PSAM by the name of their command; those of a purchase under the rules of
#: :data:`SAM_STATES`.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **{
            name: while_tries_are_left(SAM_STATES.guard(name, handler)) for name, handler in _COMMANDS.items()
        },
        AUTHENTICATION_MESSAGE.name: authentication_message,
        APPLICATION_UNBLOCK.name: application_unblock,
    }
)
