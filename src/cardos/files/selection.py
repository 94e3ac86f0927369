"""Selection: which directory or file a SELECT, a short identifier or a reset means, and what SELECT answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ..apdu import SW, Tlv
from ..apdu.os_commands import SELECT
from .call import Call, Handler, Refusal, Session
from .filesystem import BlockState, FileSystem, FileType, Node
from .header import MF_FID
from .protection import current_directory

__all__ = ["HANDLERS", "enter", "file_control_information", "target"]

_BY_FID, _BY_NAME = 0x00, 0x04
_SFI_BITS = 0x1F
_MOST_FCI = 0xFF  # the answer is one short response


def enter(fs: FileSystem, session: Session, directory: Node) -> None:
    """Make ``directory`` the current one, in free mode when it is empty."""
    session.enter(directory, empty=not fs.children(directory))


def target(call: Call, sfi: int) -> Node:
    """The file that a short identifier means, or the current one for 0; ``6A82`` when there is none."""
    node = call.fs.by_sfi(current_directory(call), sfi) if sfi else call.session.file
    if node is None:
        raise Refusal(SW.FILE_NOT_FOUND)
    return node


# ------------------------------------------------------------------ what SELECT answers


def _directory_file(call: Call, directory: Node) -> tuple[Tlv, ...]:
    """Tag 88, the SFI of the directory file."""
    del call
    return (Tlv(0x88, bytes([directory.application & _SFI_BITS])),)


def _application_file(call: Call, directory: Node) -> tuple[Tlv, ...]:
    """Tags 9F08 and 9F0C, version and content of the file that the application names; nothing until it
    exists.
    """
    node = call.fs.by_sfi(directory, directory.application & _SFI_BITS)
    if node is None or node.type is not FileType.TRANSPARENT:
        return ()
    version = call.profile.cos.fci_version
    content = Tlv(0x9F0C, call.fs.read(node, 0, node.size))
    return (content,) if version < 0 else (Tlv(0x9F08, bytes([version])), content)


def _nothing(call: Call, directory: Node) -> tuple[Tlv, ...]:
    del call, directory
    return ()


#: What the FCI holds, by the high 3 bits of the application file identifier (FMCOS 7.4).
_PROPRIETARY: Mapping[int, Callable[[Call, Node], tuple[Tlv, ...]]] = MappingProxyType(
    {0b000: _directory_file, 0b100: _application_file}
)


def file_control_information(call: Call, directory: Node) -> bytes:
    """The FCI template of a directory (JR/T 0025.1 6.2.13, FMCOS 7.4).

    A file too long for one response is left out.
    """
    inside = _PROPRIETARY.get(directory.application >> 5, _nothing)(call, directory)
    name = Tlv(0x84, directory.name)
    whole = bytes(Tlv(0x6F, children=(name, Tlv(0xA5, children=inside)) if inside else (name,)))
    return whole if len(whole) <= _MOST_FCI else bytes(Tlv(0x6F, children=(name,)))


# ------------------------------------------------------------------ SELECT


def _by_fid(call: Call, root: Node, current: Node) -> Node | None:
    """The MF, the current directory, a child of it; from an empty directory its sibling directories too."""
    data = call.command.data
    if len(data) not in (0, 2):
        raise Refusal(SW.WRONG_LENGTH)
    fid = int.from_bytes(data, "big") if data else MF_FID
    if fid in (root.fid, current.fid):
        return root if fid == root.fid else current
    found = call.fs.find(current, fid)
    if found is None and current.parent is not None and not call.fs.children(current):
        sibling = call.fs.find(current.parent, fid)
        return sibling if sibling is not None and sibling.is_directory else None
    return found


def _by_name(call: Call, root: Node, current: Node) -> Node | None:
    """The MF, the current directory, its siblings and its children, by their whole name."""

    def reachable() -> Iterator[Node]:
        yield root
        yield current
        yield from call.fs.children(current.parent or root)
        yield from call.fs.children(current)

    name = call.command.data
    return next((node for node in reachable() if node.is_directory and node.name == name), None)


#: How SELECT finds its object, by P1.
_FINDERS: Mapping[int, Callable[[Call, Node, Node], Node | None]] = MappingProxyType(
    {_BY_FID: _by_fid, _BY_NAME: _by_name}
)


def select(call: Call) -> bytes:
    """SELECT (JR/T 0025.1 6.2.13, FMCOS 7.4): the FCI of a directory, nothing for a file.

    A blocked application is entered all the same: a temporary block answers its FCI with
    ``cos.blocked_select``, a permanent one ``9303``.
    """
    root, current = call.fs.root, current_directory(call)
    node = _FINDERS[call.command.p1](call, root, current) if root is not None else None
    if node is None:
        raise Refusal(SW.FILE_NOT_FOUND)
    if not node.is_directory:
        call.session.select_file(node)
        return b""
    enter(call.fs, call.session, node)
    state = call.fs.block_state(node)
    if state is BlockState.PERMANENT:
        raise Refusal(SW.APPLICATION_LOCKED)
    fci = file_control_information(call, node)
    if state is BlockState.TEMPORARY:
        raise Refusal(call.profile.cos.blocked_select, fci)
    return fci


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({SELECT.name: select})
