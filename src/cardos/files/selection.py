"""Selection: which directory or file a SELECT, a short identifier or a reset means, and what SELECT answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ..apdu import SW, Tlv
from ..apdu.os_commands import SELECT
from ..options import CosOptions
from .call import Call, Handler, Refusal, Session
from .filesystem import BlockState, FileSystem, FileType, Node
from .header import MF_FID
from .protection import current_directory

__all__ = ["HANDLERS", "enter", "file_control_information", "target"]

_BY_FID, _BY_NAME = 0x00, 0x04
_FIRST = 0x00
_SFI_BITS = 0x1F
_MOST_FCI = 0xFF  # the answer is one short response


def enter(fs: FileSystem, session: Session, directory: Node, cos: CosOptions) -> None:
    """Make ``directory`` the current one, in free mode when it is empty; the MF begins in its own state, or in 0 as
    the profile says (FMCOS 7.4, 5.3).
    """
    is_mf = directory.parent is None and cos.state_after_mf == "mf"
    session.enter(directory, empty=fs.is_empty(directory), state=session.state_mf if is_mf else 0)


def target(call: Call, sfi: int) -> Node:
    """The file that a short identifier means, or the current one for 0; ``6A82`` when there is none."""
    node = call.fs.by_sfi(current_directory(call), sfi) if sfi else call.session.file
    if node is None:
        raise Refusal(SW.FILE_NOT_FOUND)
    return node


# ------------------------------------------------------------------ what SELECT answers


def _application_node(call: Call, directory: Node) -> Node | None:
    """The file that an application's identifier names, when it exists."""
    node = call.fs.by_sfi(directory, directory.application & _SFI_BITS)
    return node if node is not None and node.type is FileType.TRANSPARENT else None


def _directory_file(call: Call, directory: Node) -> bytes | None:
    del call
    return bytes([directory.application & _SFI_BITS])


def _version(call: Call, directory: Node) -> bytes | None:
    version = call.profile.cos.fci_version
    return None if version < 0 or _application_node(call, directory) is None else bytes([version])


def _public_data(call: Call, directory: Node) -> bytes | None:
    node = _application_node(call, directory)
    return None if node is None else call.fs.read(node, 0, node.size)


_DIRECTORY_FILE, _VERSION = 0x88, 0x9F08
#: The data objects of an FCI that the card fills: SFI of the directory file, version, and content of the file that the
#: application names, the last two once that file exists.
_FILLED: Mapping[int, Callable[[Call, Node], bytes | None]] = MappingProxyType(
    {_DIRECTORY_FILE: _directory_file, _VERSION: _version, 0x9F0C: _public_data, 0xBF0C: _public_data}
)


def _elements(call: Call, directory: Node) -> tuple[str, ...]:
    """The data objects inside A5: as the profile has them for this directory, or by the high 3 bits of its
    application file identifier (FMCOS 7.4).
    """
    declared = call.profile.directory(directory.fid, directory.name)
    if declared is not None and declared.fci:
        return declared.fci
    by_kind = {0b000: (f"{_DIRECTORY_FILE:X}",), 0b100: (f"{_VERSION:X}", f"{call.profile.cos.fci_tag:X}")}
    return by_kind.get(directory.application >> 5, ())


def _data_object(call: Call, directory: Node, element: str) -> bytes:
    tag, _, constant = element.partition("=")
    value = bytes.fromhex(constant) if constant else _FILLED[int(tag, 16)](call, directory)
    return b"" if value is None else bytes(Tlv(int(tag, 16), value))


def file_control_information(call: Call, directory: Node) -> bytes:
    """The FCI template of a directory (JR/T 0025.1 6.2.13, FMCOS 7.4).

    What is too long for one response is left out.
    """
    name = bytes(Tlv(0x84, directory.name))
    inside = b"".join(_data_object(call, directory, element) for element in _elements(call, directory))
    whole = bytes(Tlv(0x6F, name + bytes(Tlv(0xA5, inside)) if inside else name))
    return whole if len(whole) <= _MOST_FCI else bytes(Tlv(0x6F, name))


def _fci(call: Call, directory: Node) -> bytes:
    """The FCI template, made again only when something on the card has changed."""
    known = call.fs.templates.get(directory.address)
    if known is None or known[0] != call.fs.version:
        known = (call.fs.version, file_control_information(call, directory))
        call.fs.templates[directory.address] = known
    return known[1]


def _file_information(call: Call, node: Node) -> bytes:
    """What SELECT of a file answers: nothing, or size, type byte and identifier (ISO/IEC 7816-4 table 12)."""
    if not call.profile.cos.ef_fci:
        return b""
    inside = (
        Tlv(0x80, node.size.to_bytes(2, "big")), Tlv(0x82, bytes([node.type_byte])),
        Tlv(0x83, node.fid.to_bytes(2, "big")),
    )  # fmt: skip
    return bytes(Tlv(0x6F, children=inside))


# ------------------------------------------------------------------ SELECT


def _by_fid(call: Call, root: Node, current: Node) -> Node | None:
    """The MF, the current directory, a child of it; from an empty directory, where the profile says so, its
    sibling directories too.
    """
    data = call.command.data
    if call.command.p2 != _FIRST:
        raise Refusal(SW.WRONG_P1P2)
    if len(data) not in (0, 2):
        raise Refusal(SW.WRONG_LENGTH)
    fid = int.from_bytes(data, "big") if data else MF_FID
    if fid in (root.fid, current.fid):
        return root if fid == root.fid else current
    found = call.fs.find(current, fid)
    outside = call.profile.cos.empty_df_siblings and call.fs.is_empty(current)
    if found is None and current.parent is not None and outside:
        sibling = call.fs.find(current.parent, fid)
        return sibling if sibling is not None and sibling.is_directory else None
    return found


def _is_reachable(node: Node, root: Node, current: Node) -> bool:
    """Whether a directory is one of :func:`_reachable`."""
    return node is root or node.parent in (current.parent or root, current)


def _reachable(call: Call, root: Node, current: Node) -> Iterator[Node]:
    """The directories that a name may mean: the MF, the current one and its siblings, its children."""
    yield root
    yield from call.fs.children(current.parent or root)
    if current is not root:
        yield from call.fs.children(current)


def _by_name(call: Call, root: Node, current: Node) -> Node | None:
    """A directory by its whole name, else by the first bytes of it where the profile allows; with P2 = 02 the next
    one after the current directory.
    """
    given = call.command.data
    whole = call.fs.by_name(given)
    if call.command.p2 == _FIRST and whole is not None and _is_reachable(whole, root, current):
        return whole
    named = [node for node in _reachable(call, root, current) if node.is_directory]
    if call.profile.cos.partial_names:
        found = [node for node in named if node.name.startswith(given)]
    else:
        found = [node for node in named if node.name == given]
    if call.command.p2 == _FIRST:
        return next(iter(found), None)
    places = [node.address for node in found]
    behind = places.index(current.address) + 1 if current.address in places else 0
    return next(iter(found[behind:]), None)


#: How SELECT finds its object, by P1.
_FINDERS: Mapping[int, Callable[[Call, Node, Node], Node | None]] = MappingProxyType(
    {_BY_FID: _by_fid, _BY_NAME: _by_name}
)


def select(call: Call) -> bytes:
    """SELECT (JR/T 0025.1 6.2.13, FMCOS 7.4): the FCI of a directory, nothing for a file.

    A blocked application is entered all the same: a temporary block answers ``cos.blocked_select``, with its FCI
    or without it, a permanent one ``9303``.
    """
    root, current = call.fs.root, current_directory(call)
    node = _FINDERS[call.command.p1](call, root, current) if root is not None else None
    if node is None:
        raise Refusal(SW.FILE_NOT_FOUND)
    if not node.is_directory:
        call.session.select_file(node)
        return _file_information(call, node)
    enter(call.fs, call.session, node, call.profile.cos)
    state = call.fs.block_state(node)
    if state is BlockState.PERMANENT:
        raise Refusal(SW.APPLICATION_LOCKED)
    fci = _fci(call, node)
    if state is BlockState.TEMPORARY:
        raise Refusal(call.profile.cos.blocked_select, fci if call.profile.cos.blocked_select_fci else b"")
    return fci


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({SELECT.name: select})
