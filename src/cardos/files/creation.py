"""CREATE FILE: the MF of a blank card, directories and elementary files (FMCOS 7.13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..apdu import SW
from ..apdu.os_commands import CREATE_FILE
from ..fields import Value
from ..options import PurseOptions
from ..profile import FileSpec
from .access import require_file
from .call import Call, Handler, Refusal
from .filesystem import FileType, Node
from .header import LOCK_SIZE, MF_FID, MF_NAME, PROOF_SIZE, PURSE_FILE
from .protection import current_directory
from .selection import enter

__all__ = ["HANDLERS"]

_TYPE_BITS = 0x3F
_UNUSED_FID = 0xFFFF
_MOST_LEVELS = 3  # FMCOS 1.1
_FEWEST_RECORDS, _LONGEST_RECORD = 2, 248  # FMCOS 7.13.5, 4.1.3
_NAME_SIZES = range(1, 17)
_RESERVED_SIZE = 2  # FFFF before the name of a directory
_PURSE_SHAPE = 0x0208

#: Largest balance of the purse with this file identifier, where neither its file nor anything else limits it.
_CEILINGS: Mapping[int, Callable[[PurseOptions], int]] = MappingProxyType(
    {0x0002: lambda options: options.ceiling}
)
_NO_CEILING = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Kind:
    """An elementary file type: whether its type byte may ask for protection, and the length of the body for
    a shape, 0 when the shape is malformed.
    """

    protectable: bool
    size: Callable[[int], int]


def _bytes(shape: int) -> int:
    return shape


def _records(shape: int) -> int:
    count, length = divmod(shape, 256)
    return count * length if count >= _FEWEST_RECORDS and length <= _LONGEST_RECORD else 0


def _purse(shape: int) -> int:
    return PURSE_FILE.width + LOCK_SIZE if shape == _PURSE_SHAPE else 0


_KINDS: Mapping[int, _Kind] = MappingProxyType(
    {
        FileType.TRANSPARENT: _Kind(protectable=True, size=_bytes),
        FileType.LINEAR: _Kind(protectable=True, size=_records),
        FileType.VARIABLE: _Kind(protectable=True, size=_bytes),
        FileType.CYCLIC: _Kind(protectable=True, size=_records),
        FileType.PURSE: _Kind(protectable=False, size=_purse),
        FileType.KEY: _Kind(protectable=False, size=_bytes),
    }
)


def _fid(call: Call) -> int:
    return call.command.p1 << 8 | call.command.p2


def _create_mf(call: Call) -> bytes:
    """The MF of a blank card, which is entered at once: ``6A81`` for anything else, ``6A80`` when the
    transport code is wrong; its last byte may be left out.
    """
    header, code = call.body.header, bytes.fromhex(call.profile.cos.transport_code)
    if (_fid(call), call.body.type) != (MF_FID, FileType.DIRECTORY):
        raise Refusal(SW.NOT_SUPPORTED)
    if len(header.tail) not in (len(code) - call.profile.cos.short_transport_code, len(code)):
        raise Refusal(SW.WRONG_LENGTH)
    if not code.startswith(header.tail):
        raise Refusal(SW.WRONG_DATA)
    size = min(header.size, call.profile.cos.memory)
    rights = (header.create, header.erase, header.application)
    mf = call.fs.create(
        Node(0, FileType.DIRECTORY, MF_FID, None, 0, size, *rights, MF_NAME), _directory_body(MF_NAME)
    )
    enter(call.fs, call.session, mf, call.profile.cos)
    return b""


def _directory_body(name: bytes) -> bytes:
    return bytes(PROOF_SIZE) + name


def _directory(call: Call, parent: Node) -> tuple[Node, bytes]:
    header = call.body.header
    name = header.tail[_RESERVED_SIZE:]
    if parent.level >= _MOST_LEVELS:
        raise Refusal(SW.WRONG_DATA)
    if call.fs.by_name(name) is not None:
        raise Refusal(call.profile.cos.file_exists)
    rights = (header.create, header.erase, header.application)
    node = Node(0, FileType.DIRECTORY, _fid(call), parent, 0, header.size, *rights, name)
    return node, _directory_body(name)


def _elementary(call: Call, parent: Node) -> tuple[Node, bytes]:
    type_byte, header = call.body.type, call.body.header
    kind = _KINDS.get(type_byte & _TYPE_BITS)
    if kind is None or (type_byte > _TYPE_BITS and not kind.protectable):
        raise Refusal(SW.WRONG_DATA)
    size = kind.size(header.shape)
    if size == 0:
        raise Refusal(SW.WRONG_DATA)
    if type_byte == FileType.KEY and call.fs.key_file(parent) is not None:
        raise Refusal(call.profile.cos.file_exists)
    node = Node(
        0, type_byte, _fid(call), parent, 0, header.shape, header.read, header.write, header.protection
    )
    return node, _first_body(call, node, size)


def _declared(call: Call, node: Node) -> FileSpec | None:
    """The file in the profile of the card."""
    parent = node.parent
    directory = None if parent is None else call.profile.directory(parent.fid, parent.name)
    return None if directory is None else directory.find(node.fid)


def _purse_body(call: Call, node: Node, size: int) -> bytes:
    """The variables of a new purse: its ceiling, and its overdraft limit, which the balance includes."""
    declared = _declared(call, node)
    limit = declared.limit if declared is not None else 0
    ceiling = declared.ceiling if declared is not None else -1
    if ceiling < 0:
        general = _CEILINGS.get(node.fid)
        ceiling = _NO_CEILING if general is None else general(call.profile.purse)
    values: dict[str, Value] = dict.fromkeys((field.name for field in PURSE_FILE.fields), 0)
    values |= {"balance": limit, "limit": limit, "ceiling": ceiling}
    return PURSE_FILE.assemble(values).ljust(size, b"\x00")


def _first_body(call: Call, node: Node, size: int) -> bytes:
    """Zeros; what the profile says for a transparent file; the variables of a purse."""
    if node.type is FileType.PURSE:
        return _purse_body(call, node, size)
    return bytes([call.profile.cos.initial_byte if node.type is FileType.TRANSPARENT else 0]) * size


def _need_length(call: Call, *, directory: bool) -> None:
    tail = len(call.body.header.tail)
    if tail - _RESERVED_SIZE not in _NAME_SIZES if directory else tail:
        raise Refusal(SW.WRONG_LENGTH)


def create_file(call: Call) -> bytes:
    """CREATE FILE: ``6700`` when the header has not the length of its type, ``6982`` create right, ``6A80`` a
    malformed header, too few records or too deep a directory, ``cos.file_exists`` when identifier, name or key
    file exists, ``6A84`` without space.
    """
    if call.fs.root is None:
        return _create_mf(call)
    parent = current_directory(call)
    directory = call.body.type & _TYPE_BITS == FileType.DIRECTORY
    if _fid(call) == MF_FID:
        raise Refusal(call.profile.cos.file_exists)
    _need_length(call, directory=directory)
    require_file(parent.create, call)
    if _fid(call) == _UNUSED_FID or (directory and call.body.type != FileType.DIRECTORY):
        raise Refusal(SW.WRONG_DATA)
    node, body = (_directory if directory else _elementary)(call, parent)
    if call.fs.find(parent, node.fid) is not None:
        raise Refusal(call.profile.cos.file_exists)
    call.fs.create(node, body)
    return b""


#: Handlers by the name of their command.
HANDLERS: Mapping[str, Handler] = MappingProxyType({CREATE_FILE.name: create_file})
