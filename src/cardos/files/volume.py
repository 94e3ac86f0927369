"""The file tree in the memory: an index of all headers, file bodies as bytes, one transaction at a time."""

from __future__ import annotations

from dataclasses import replace

from ..apdu import SW
from ..errors import ParameterError
from ..options import CAPACITIES
from ..profile import Profile
from .call import Refusal
from .header import (
    FLAGS_OFFSET,
    HEADER_SIZE,
    PROOF_SIZE,
    STATE_OFFSET,
    FileType,
    Node,
    charge,
    decode,
    parent_address,
)
from .journal import JOURNAL_SIZE, Journal
from .memory import Memory

__all__ = ["Volume", "memory_size"]


def memory_size(profile: Profile) -> int:
    """Bytes of :class:`~cardos.files.memory.Memory` for a card of this profile: what the card offers to files
    (``cos.memory``), half as much again for what a card counts nowhere (proofs, block states), the journal.

    Raises :class:`~cardos.errors.ParameterError` when ``cos.memory`` is not 512..32768.
    """
    capacity = profile.cos.memory
    if capacity not in CAPACITIES:
        raise ParameterError("memory of the profile", f"{CAPACITIES[0]}..{CAPACITIES[-1]} bytes", capacity)
    return JOURNAL_SIZE + capacity + capacity // 2


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
        """Walk over the file area."""
        self._nodes: dict[int, Node] = {}
        self._children: dict[int, list[Node]] = {}
        self._end = JOURNAL_SIZE
        self._charged = 0
        self._grown = False
        while header := self._header_at(self._end):
            parent = self._nodes.get(parent_address(header))
            name = b""
            if header[0] == FileType.DIRECTORY:
                length = int.from_bytes(header[STATE_OFFSET:], "big")
                name = self._journal.read(self._end + HEADER_SIZE + PROOF_SIZE, length)
            self._add(decode(self._end, header, parent, name))

    def _header_at(self, address: int) -> bytes:
        """The header at ``address``, empty where the file area ends."""
        header = self._journal.read(address, HEADER_SIZE)
        return header if len(header) == HEADER_SIZE and header[0] else b""

    def _add(self, node: Node) -> None:
        self._nodes[node.address] = node
        if node.parent is not None:
            self._children.setdefault(node.parent.address, []).append(node)
        self._end = node.end
        self._charged += charge(node)

    @property
    def root(self) -> Node | None:
        """The MF, ``None`` on a blank card."""
        return self._nodes.get(JOURNAL_SIZE)

    @property
    def nodes(self) -> list[Node]:
        """Every directory and file, in the order of their creation."""
        return list(self._nodes.values())

    @property
    def free(self) -> int:
        """Bytes left for files, as the card counts them."""
        root = self.root
        return (self._profile.cos.memory if root is None else root.shape) - self._charged

    def children(self, directory: Node) -> list[Node]:
        """Files and directories in ``directory``, in the order of their creation."""
        return list(self._children.get(directory.address, ()))

    def find(self, directory: Node, fid: int) -> Node | None:
        """The child of ``directory`` with this file identifier."""
        return next((node for node in self._children.get(directory.address, ()) if node.fid == fid), None)

    def by_sfi(self, directory: Node, sfi: int) -> Node | None:
        """The EF of ``directory`` that a short file identifier means: file 00xx, or else the first whose
        identifier ends in these 5 bits.
        """
        files = [node for node in self._children.get(directory.address, ()) if not node.is_directory]
        exact = next((node for node in files if node.fid == sfi), None)
        return exact or next((node for node in files if node.fid & 0x1F == sfi), None)

    def by_name(self, name: bytes) -> Node | None:
        """The directory with exactly this name, anywhere on the card."""
        return next((node for node in self._nodes.values() if node.is_directory and node.name == name), None)

    def create(self, node: Node, body: bytes) -> Node:
        """Lay ``node`` with its ``body`` at the end of the file area; ``address`` and ``size``
        are set here.

        Refused with ``6A84`` when the card has no room for it.
        """
        placed = replace(node, address=self._end, size=len(body))
        if charge(placed) > self.free or placed.end > self._memory.size:
            raise Refusal(SW.NO_SPACE)
        self._journal.write(placed.address, placed.encode())
        self._journal.write(placed.body, body)
        self._add(placed)
        self._grown = True
        return placed

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
        return self._journal.read(directory.address + FLAGS_OFFSET, 1)[0]

    def set_flags(self, directory: Node, value: int) -> None:
        """Change the flag byte."""
        self._journal.write(directory.address + FLAGS_OFFSET, bytes([value]))

    # -- transactions

    def commit(self) -> None:
        """Make durable what was written so far, all of it or none, and go on with a new transaction."""
        self._journal.commit()
        self._grown = False

    def rollback(self) -> None:
        """Undo what was written since the last commit."""
        self._journal.rollback()
        if self._grown:
            self._index()
