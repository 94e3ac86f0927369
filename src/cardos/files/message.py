"""GET MESSAGE and SET MESSAGE: the 9-byte safety authentication code of a CJ/T 166 card, which terminals put under the
MAC of a purchase.

The code belongs to the chip, not to an application; it lies in the area of the MF, and every directory gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import GET_MESSAGE, SET_MESSAGE
from ..fields import FIELDS
from .access import require_file
from .call import Call, Handler, Refusal
from .filesystem import Node
from .protection import current_directory

__all__ = ["HANDLERS"]

_SIZE = FIELDS["safety_code"].width


def _root(call: Call) -> Node:
    directory = current_directory(call)
    while directory.parent is not None:
        directory = directory.parent
    return directory


def get_message(call: Call) -> bytes:
    """GET MESSAGE (CJ/T 166): the code, in every directory; ``6A81`` on a card that was given none."""
    code = call.fs.proof(_root(call))[:_SIZE]
    if not any(code):
        raise Refusal(SW.NOT_SUPPORTED)
    return code


def set_message(call: Call) -> bytes:
    """SET MESSAGE: ``6985`` outside the MF, ``6982`` without its create right.

    The code may be written again as long as that right is met; who personalises a card closes it.
    """
    root = _root(call)
    if call.session.directory != root:
        raise Refusal(SW.CONDITIONS)
    require_file(root.create, call)
    call.fs.set_proof(root, call.body.safety_code)
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {GET_MESSAGE.name: get_message, SET_MESSAGE.name: set_message}
)
