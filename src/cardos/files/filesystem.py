"""What commands see of the card's memory: files, records, keys, proofs and block states."""

from __future__ import annotations

from ..apdu import SW
from ..profile import Profile
from .call import Refusal
from .header import PROOF_SIZE, BlockState, FileType, Node
from .keys import KEY_TYPE_BITS, SECOND_OFFSET, KeyRecord, parse_keys
from .memory import Memory
from .records import RECORD_FORMATS, RecordFormat
from .volume import Volume

__all__ = ["BlockState", "FileSystem", "FileType", "KeyRecord", "Node"]

_BLOCK_BITS = 0x03
_CARD_BLOCKED = 0x80
_BLOCK_STATES = (BlockState.ACTIVE, BlockState.TEMPORARY, BlockState.PERMANENT, BlockState.PERMANENT)


class FileSystem(Volume):
    """The file system in ``memory`` of a card of ``profile``; making it is the power-up.

    A refusal of one of its methods is a :class:`~cardos.files.call.Refusal` with the status word.
    """

    def __init__(self, memory: Memory, profile: Profile) -> None:
        super().__init__(memory, profile)
        self._keys: dict[int, tuple[KeyRecord, ...]] = {}
        #: FCI templates that SELECT made, by the address of their directory, with the version that they tell of.
        self.templates: dict[int, tuple[int, bytes]] = {}

    def rollback(self) -> None:
        """Undo what was written since the last commit."""
        self._keys.clear()
        super().rollback()

    def erase(self, directory: Node) -> Node:
        """Delete everything in ``directory``, see :meth:`Volume.erase`."""
        self._keys.clear()
        return super().erase(directory)

    # -- records

    @staticmethod
    def _format(node: Node) -> RecordFormat:
        found = RECORD_FORMATS.get(node.type)
        if found is None:
            raise Refusal(SW.FILE_TYPE)
        return found

    def record_count(self, node: Node) -> int:
        """Number of records written so far; ``6981`` when the file has no records."""
        return self._format(node).count(self, node)

    def read_record(self, node: Node, number: int) -> bytes:
        """Record 1..count, of a cyclic file 1 is the newest; ``6A83`` when there is none."""
        if not 1 <= number <= self.record_count(node):
            raise Refusal(SW.RECORD_NOT_FOUND)
        return self._format(node).read(self, node, number)

    def append_record(self, node: Node, data: bytes) -> None:
        """Add a record; ``6A84`` when it has no room, ``6700`` when its length is wrong, ``6A80`` when it is
        no TLV.
        """
        self._format(node).append(self, node, data)

    def update_record(self, node: Node, number: int, data: bytes) -> None:
        """Write record 1..count, of a linear file 1..limit; number count+1 adds one to a variable or cyclic
        file, and no other number of a cyclic file can be written.

        ``6A83`` when there is no such record, ``6700`` when the length is not the record's.
        """
        form = self._format(node)
        adds = form.grows and number == form.count(self, node) + 1
        if adds:
            form.append(self, node, data)
        else:
            form.update(self, node, number, data)

    # -- keys

    def keys(self, directory: Node) -> tuple[KeyRecord, ...]:
        """The keys of ``directory``, in the order of their writing."""
        found = self._keys.get(directory.address)
        if found is None:
            node = self.key_file(directory)
            body = b"" if node is None else self.read(node, 0, self.state(node))
            found = () if node is None else parse_keys(node, body, self._profile.suite)
            self._keys[directory.address] = found
        return found

    def key(self, directory: Node, type_: int, id_: int, mask: int = KEY_TYPE_BITS) -> KeyRecord | None:
        """The key of ``directory`` with this type (compared under ``mask``) and identifier, which is the place among
        the keys of the type where the profile says so.
        """
        by_place = self._profile.cos.key_identity == "order"
        place = 0
        for record in self.keys(directory):
            if (record.type ^ type_) & mask == 0:
                if id_ == (place if by_place else record.id):
                    return record
                place += 1
        return None

    def set_key_second(self, record: KeyRecord, value: int) -> None:
        """Change the second attribute, the try counter."""
        self._journal.write(record.address + SECOND_OFFSET, bytes([value]))
        self._keys.clear()

    def add_key(self, node: Node, record: KeyRecord) -> None:
        """Add ``record`` to the key file ``node``; ``6A84`` when it is full."""
        used = self.state(node)
        if used + record.size > node.size:
            raise Refusal(SW.NO_SPACE)
        self.put(node, used, record.encode())
        self.set_state(node, used + record.size)
        self._keys.clear()

    def replace_key(self, directory: Node, old: KeyRecord, new: KeyRecord) -> None:
        """Write ``new`` in the place of ``old``; those behind it move when its value has another length.

        ``6A84`` when the key file has no room for it.
        """
        node = self.key_file(directory)
        if node is None:
            raise Refusal(SW.FILE_NOT_FOUND)
        used, start = self.state(node), old.address - node.body
        behind = self.read(node, start + old.size, used - start - old.size) if new.size != old.size else b""
        if used - old.size + new.size > node.size:
            raise Refusal(SW.NO_SPACE)
        self.put(node, start, new.encode() + behind)
        self.set_state(node, used - old.size + new.size)
        self._keys.clear()

    # -- applications

    def proof(self, directory: Node) -> bytes:
        """The 11 bytes of the application's proof area; all zero when it has none."""
        return self.read(directory, 0, PROOF_SIZE)

    def set_proof(self, directory: Node, proof: bytes) -> None:
        """Write the 11 bytes of the application's proof area."""
        self.put(directory, 0, proof.ljust(PROOF_SIZE, b"\x00")[:PROOF_SIZE])

    def block_state(self, directory: Node) -> BlockState:
        """Whether the application of ``directory`` is blocked (JR/T 0025.1 6.2.3)."""
        return _BLOCK_STATES[self.flags(directory) & _BLOCK_BITS]

    def set_block_state(self, directory: Node, state: BlockState) -> None:
        """Block or unblock the application of ``directory``."""
        self.set_flags(directory, self.flags(directory) & ~_BLOCK_BITS | state)

    @property
    def card_blocked(self) -> bool:
        """Whether the card answers nothing any more (JR/T 0025.1 6.2.5)."""
        return self.root is not None and bool(self.flags(self.root) & _CARD_BLOCKED)

    def block_card(self) -> None:
        """Block the card for ever."""
        if self.root is not None:
            self.set_flags(self.root, self.flags(self.root) | _CARD_BLOCKED)
