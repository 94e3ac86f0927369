"""The file tree in the memory: an index of all headers, file bodies as bytes, one transaction at a time.

Behind the journal lie one byte, which says which of two areas is in use, and the two areas.  Files are laid one after
the other into the one in use.  Erasing writes what remains into the other area and turns the byte over, so the change
is whole at every moment and no gaps are ever left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..apdu import SW
from ..errors import ParameterError
from ..options import CAPACITIES
from ..profile import Profile
from .call import Refusal
from .header import (
    FLAGS_OFFSET,
    HEADER_SIZE,
    PARENT,
    PROOF_SIZE,
    STATE_OFFSET,
    FileType,
    Node,
    charge,
    decode,
    parent_place,
)
from .journal import JOURNAL_SIZE, Journal
from .memory import Memory

__all__ = ["AREAS", "Volume", "memory_size"]

#: Address of the byte that says which area is in use, and of the first area.
_IN_USE = JOURNAL_SIZE
AREAS = JOURNAL_SIZE + 16
_SFI_BITS = 0x1F


def memory_size(profile: Profile) -> int:
    """Bytes of :class:`~cardos.files.memory.Memory` for a card of this profile: the journal, and twice an area for
    what the card offers to files (``cos.memory``) and half as much again for what a card counts nowhere (proofs,
    block states, grey locks).

    Raises :class:`~cardos.errors.ParameterError` when ``cos.memory`` is not 512..32768.
    """
    capacity = profile.cos.memory
    if capacity not in CAPACITIES:
        raise ParameterError("memory of the profile", f"{CAPACITIES[0]}..{CAPACITIES[-1]} bytes", capacity)
    return AREAS + 2 * (capacity + capacity // 2)


def _above(node: Node) -> Iterator[Node]:
    """The directories that ``node`` lies in, the nearest first."""
    while node.parent is not None:
        node = node.parent
        yield node


class Volume:
    """Directories and files in ``memory``.  Making the object is the power-up: the journal recovers, then
    the index is built.

    Everything that changes the memory belongs to one transaction until :meth:`commit` or :meth:`rollback`;
    everything that reads sees it.
    """

    def __init__(self, memory: Memory, profile: Profile) -> None:
        memory.power_up()
        self._profile = profile
        self._memory = memory
        self._journal = Journal(memory)
        self._index()

    # -- the tree

    def _index(self) -> None:
        """Walk over the area in use."""
        #: The MF, ``None`` on a blank card.
        self.root: Node | None = None
        self._nodes: dict[int, Node] = {}
        self._children: dict[int, list[Node]] = {}
        self._by_fid: dict[tuple[int, int], Node] = {}
        self._by_sfi: dict[tuple[int, int], Node] = {}
        self._key_files: dict[int, Node] = {}
        self._by_name: dict[bytes, Node] = {}
        self._flags: dict[int, int] = {}
        size = (self._memory.size - AREAS) // 2
        self._start = AREAS + size * (self._journal.read(_IN_USE, 1)[0] & 1)
        self._limit = self._start + size
        self._end = self._start
        self._charged = 0
        self._grown = False
        area = self._journal.read(self._start, size)
        while header := self._header_at(area, self._end):
            parent = self._nodes.get(self._start + parent_place(header))
            name = b""
            if header[0] == FileType.DIRECTORY:
                at = self._end - self._start + HEADER_SIZE + PROOF_SIZE
                name = area[at : at + int.from_bytes(header[STATE_OFFSET:], "big")]
            self._add(decode(self._end, header, parent, name))

    def _header_at(self, area: bytes, address: int) -> bytes:
        """The header at ``address``, empty where the files end."""
        header = area[address - self._start : address - self._start + HEADER_SIZE]
        return header if len(header) == HEADER_SIZE and header[0] else b""

    def _add(self, node: Node) -> None:
        self._nodes[node.address] = node
        if node.parent is not None:
            self._list(node.parent.address, node)
        else:
            self.root = node
        if node.is_directory:
            self._by_name.setdefault(node.name, node)
        self._end = node.end
        self._charged += self.charge(node)

    def _list(self, parent: int, node: Node) -> None:
        """Make a child of the directory at ``parent`` known by its identifiers."""
        self._children.setdefault(parent, []).append(node)
        self._by_fid.setdefault((parent, node.fid), node)
        if node.is_directory:
            return
        sfi = (parent, node.fid & _SFI_BITS)
        known = self._by_sfi.get(sfi)
        if known is None or (node.fid == sfi[1] and known.fid != sfi[1]):
            self._by_sfi[sfi] = node
        if node.type is FileType.KEY:
            self._key_files.setdefault(parent, node)

    def charge(self, node: Node) -> int:
        """Bytes that a file takes of the memory as this card counts them (FMCOS 4.2)."""
        return charge(node, self._profile.cos.record_overhead)

    @property
    def nodes(self) -> list[Node]:
        """Every directory and file, in the order of their creation."""
        return list(self._nodes.values())

    @property
    def free(self) -> int:
        """Bytes left for files, as the card counts them."""
        root = self.root
        return (self._profile.cos.memory if root is None else root.shape) - self._charged

    @property
    def version(self) -> int:
        """Another number after every change of anything on the card."""
        return self._journal.version

    def is_empty(self, directory: Node) -> bool:
        """Whether there is nothing in ``directory``."""
        return directory.address not in self._children

    def children(self, directory: Node) -> list[Node]:
        """Files and directories in ``directory``, in the order of their creation."""
        return list(self._children.get(directory.address, ()))

    def find(self, directory: Node, fid: int) -> Node | None:
        """The child of ``directory`` with this file identifier."""
        return self._by_fid.get((directory.address, fid))

    def by_sfi(self, directory: Node, sfi: int) -> Node | None:
        """The EF of ``directory`` that a short file identifier means: file 00xx, or else the first whose
        identifier ends in these 5 bits.
        """
        return self._by_sfi.get((directory.address, sfi))

    def key_file(self, directory: Node) -> Node | None:
        """The key file of ``directory``."""
        return self._key_files.get(directory.address)

    def by_name(self, name: bytes) -> Node | None:
        """The directory with exactly this name, anywhere on the card."""
        return self._by_name.get(name)

    def inside(self, directory: Node) -> list[Node]:
        """Everything in ``directory``, at every depth, in the order of creation."""
        return [node for node in self._nodes.values() if directory in _above(node)]

    def create(self, node: Node, body: bytes) -> Node:
        """Lay ``node`` with its ``body`` at the end of the area; ``address`` and ``size`` are set here.

        Refused with ``6A84`` when the card, or a directory whose size counts, has no room for it.
        """
        placed = replace(node, address=self._end, size=len(body))
        if self.charge(placed) > self.free or placed.end > self._limit or not self._fits(placed):
            raise Refusal(SW.NO_SPACE)
        self._lay(placed, body)
        self._add(placed)
        self._grown = True
        return placed

    def _lay(self, node: Node, body: bytes) -> None:
        parent = node.parent.address - self._start if node.parent is not None else 0
        self._journal.write(node.address, node.encode(parent))
        self._journal.write(node.body, body)

    def _fits(self, new: Node) -> bool:
        """Whether every directory above, but the MF, has room by its declared size, where that counts."""
        if not self._profile.cos.enforce_df_size:
            return True
        for directory in _above(new):
            taken = self.charge(directory) + sum(self.charge(node) for node in self.inside(directory))
            if directory.parent is not None and taken + self.charge(new) > directory.shape:
                return False
        return True

    def erase(self, directory: Node) -> Node:
        """Delete everything in ``directory``; gives the directory as it lies now.  Every other :class:`Node`
        of before is stale.

        What remains is written into the area that is not in use, which is in use from the commit on.
        """
        gone = {node.address for node in self.inside(directory)}
        size = self._limit - self._start
        other = AREAS + size if self._start == AREAS else AREAS
        area, moved = bytearray(), {}
        for node in self._nodes.values():
            if node.address in gone:
                continue
            moved[node.address] = len(area)
            header = bytearray(self._journal.read(node.address, HEADER_SIZE))
            header[PARENT] = (moved[node.parent.address] if node.parent else 0).to_bytes(2, "big")
            area += header + self._journal.read(node.body, node.size)
        self._memory.write(other, bytes(area).ljust(size, b"\x00"))
        self._journal.write(_IN_USE, bytes([other != AREAS]))
        self._index()
        self._grown = True
        return self._nodes[other + moved[directory.address]]

    # -- bodies

    def read(self, node: Node, offset: int, size: int) -> bytes:
        """``size`` bytes of the body from ``offset``; refused with ``6B00`` beyond its end."""
        if not 0 <= offset <= offset + size <= node.size:
            raise Refusal(SW.OFFSET)
        return self._journal.read(node.body + offset, size)

    def write(self, node: Node, offset: int, data: bytes) -> None:
        """Write into the body of a transparent or purse file, which from then on counts as written; refused
        with ``6B00`` beyond its end.
        """
        self.put(node, offset, data)
        if not self.state(node):
            self.set_state(node, 1)

    def is_written(self, node: Node) -> bool:
        """Whether a transparent file was ever written."""
        return bool(self.state(node))

    def put(self, node: Node, offset: int, data: bytes) -> None:
        """Write into the body and nothing else; refused with ``6B00`` beyond its end."""
        if not 0 <= offset <= offset + len(data) <= node.size:
            raise Refusal(SW.OFFSET)
        self._journal.write(node.body + offset, data)

    def state(self, node: Node) -> int:
        """The two state bytes of a file, see :mod:`cardos.files.header`."""
        return int.from_bytes(self._journal.read(node.address + STATE_OFFSET, 2), "big")

    def set_state(self, node: Node, value: int) -> None:
        """Change the state bytes."""
        self._journal.write(node.address + STATE_OFFSET, value.to_bytes(2, "big"))

    def flags(self, directory: Node) -> int:
        """The flag byte of a directory."""
        known = self._flags.get(directory.address)
        if known is None:
            known = self._journal.read(directory.address + FLAGS_OFFSET, 1)[0]
            self._flags[directory.address] = known
        return known

    def set_flags(self, directory: Node, value: int) -> None:
        """Change the flag byte."""
        self._flags.clear()
        self._journal.write(directory.address + FLAGS_OFFSET, bytes([value]))

    # -- transactions

    def commit(self) -> None:
        """Make durable what was written so far, all of it or none, and go on with a new transaction."""
        self._journal.commit()
        self._grown = False

    def rollback(self) -> None:
        """Undo what was written since the last commit."""
        self._flags.clear()
        self._journal.rollback()
        if self._grown:
            self._index()
