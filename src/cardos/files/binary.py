"""READ BINARY and UPDATE BINARY: transparent files (JR/T 0025.1 6.2.11, 6.2.14)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import ALL_THERE_IS, MOST_BYTES, READ_BINARY, UPDATE_BINARY
from .call import Call, Handler, Refusal
from .filesystem import FileType, Node
from .protection import for_reading, for_writing
from .selection import target

__all__ = ["HANDLERS"]

_BY_SFI, _RESERVED, _SFI = 0x80, 0x60, 0x1F
_ALL_THERE_IS = (0, ALL_THERE_IS)


def _place(call: Call) -> tuple[Node, int]:
    """The file and offset that P1 P2 mean: SFI and one byte, or the current file and 15 bits (FMCOS 4.5)."""
    p1, p2 = call.command.p1, call.command.p2
    if p1 & _BY_SFI and p1 & _RESERVED:
        raise Refusal(SW.WRONG_P1P2)
    sfi, offset = (p1 & _SFI, p2) if p1 & _BY_SFI else (0, p1 << 8 | p2)
    node = target(call, sfi)
    if node.type is not FileType.TRANSPARENT:
        raise Refusal(SW.FILE_TYPE)
    return node, offset


def read_binary(call: Call) -> bytes:
    """READ BINARY: ``6B00`` beyond the end, ``6Cxx`` when Le asks for more than is left, ``6281`` with the
    data of a file that was never written.
    """
    node, offset = _place(call)
    reading = for_reading(call, node)
    left, size = node.size - offset, reading.le
    if left <= 0:
        raise Refusal(SW.OFFSET)
    if size in _ALL_THERE_IS:
        size = min(left, MOST_BYTES)
    elif size > left:
        raise Refusal(0x6C00 | left)
    call.session.select_file(node)
    answer = reading.seal(call.fs.read(node, offset, size))
    if not call.fs.is_written(node):
        raise Refusal(SW.DATA_DOUBTFUL, answer)
    return answer


def update_binary(call: Call) -> bytes:
    """UPDATE BINARY: ``6B00``, and nothing is written, when the data reach beyond the end."""
    node, offset = _place(call)
    call.fs.write(node, offset, for_writing(call, node))
    call.session.select_file(node)
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {READ_BINARY.name: read_binary, UPDATE_BINARY.name: update_binary}
)
