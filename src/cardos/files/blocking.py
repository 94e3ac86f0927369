"""APPLICATION BLOCK, APPLICATION UNBLOCK and CARD BLOCK (JR/T 0025.1 6.2.3 to 6.2.5, JR/T 0025.2 5.5.9).

Their MACs are under the first maintenance key of the application.  A wrong one takes a try of that key; the last takes
the application with it, for ever, so three wrong MACs in a row end it on a card whose key has three tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import APPLICATION_BLOCK, APPLICATION_UNBLOCK, CARD_BLOCK
from .call import Call, Handler, Refusal
from .filesystem import BlockState
from .protection import BLOCKING_RULE, current_directory, line_key, open_message

__all__ = ["HANDLERS", "application_unblock"]

_KEY_ID = 0x00
#: How P2 of APPLICATION BLOCK blocks.
_BLOCKS: Mapping[int, BlockState] = MappingProxyType({0x00: BlockState.TEMPORARY, 0x01: BlockState.PERMANENT})


def _check(call: Call) -> None:
    """The MAC of the command, which has no data."""
    open_message(call, line_key(call, _KEY_ID), BLOCKING_RULE, enciphered=False)


def application_block(call: Call) -> bytes:
    """APPLICATION BLOCK (JR/T 0025.1 6.2.3): for a time or for ever, whether or not it is blocked already."""
    _check(call)
    call.fs.set_block_state(current_directory(call), _BLOCKS[call.command.p2])
    call.session.leave_application()
    return b""


def application_unblock(call: Call, *, blocked: bool = False) -> bytes:
    """APPLICATION UNBLOCK (JR/T 0025.1 6.2.4): ``6985`` when the application is not blocked; ``blocked`` says that
    it is by something else than its block state.
    """
    directory = current_directory(call)
    if not blocked and call.fs.block_state(directory) is BlockState.ACTIVE:
        raise Refusal(SW.CONDITIONS)
    _check(call)
    call.fs.set_block_state(directory, BlockState.ACTIVE)
    return b""


def card_block(call: Call) -> bytes:
    """CARD BLOCK (JR/T 0025.1 6.2.5): every later command answers ``6A81``, after a reset too."""
    _check(call)
    call.fs.block_card()
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        APPLICATION_BLOCK.name: application_block,
        APPLICATION_UNBLOCK.name: application_unblock,
        CARD_BLOCK.name: card_block,
    }
)
