"""Reading a description from the memory of a card.  It works on a copy: what a power-up does to the copy (a journal
that is carried out) happens to nobody's card.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..apdu.grey_commands import LOCK_PROOF
from ..apdu.purse_commands import LOG_RECORD
from ..card import Card
from ..errors import DecodeError, ImageError
from ..files.call import Refusal
from ..files.filesystem import FileSystem, KeyRecord, Node
from ..files.header import LOCK_SIZE, PURSE_FILE, FileType
from ..files.memory import Memory
from ..layout import Layout
from ..profile import KeyType, Profile
from ..wallet.grey_file import GreyRecord
from ..wallet.purse_file import PROOF, PURSES
from .views import (
    CardView,
    Content,
    DirectoryView,
    FieldValue,
    FileView,
    KeyList,
    KeyView,
    PurseVariables,
    Records,
    RecordView,
    Right,
    Transparent,
    Tries,
)
from .words import NEVER, describe_right, key_purpose, key_type, protection

__all__ = ["inspect_card", "inspect_image"]

#: Key types whose attributes are follow-up state and try counter; those of the others are version and algorithm
#: (FMCOS 7.12).
_COUNTED = (KeyType.MAINTENANCE, KeyType.PIN_UNBLOCK, KeyType.PIN_RELOAD, KeyType.AUTHENTICATION, KeyType.PIN)
_FOLLOWED = (KeyType.AUTHENTICATION, KeyType.PIN)

_LOCK_PROOF = Layout.parse("lock proof", LOCK_PROOF)

#: Key of the marks by which equal key values are told in this process; it is never written anywhere.
_MARK_KEY = secrets.token_bytes(32)


def inspect_card(card: Card) -> CardView:
    """What is on a card now.  The card, its session and its power stay as they are.

    >>> from cardos.profile import load_profile
    >>> inspect_card(Card.blank(load_profile("city-3des"))).free
    8192
    """
    memory = Memory(card.memory.size)
    memory.restore(card.memory.snapshot())
    return _Reader(card.profile, FileSystem(memory, card.profile)).card(card.protocol)


def inspect_image(path: str | os.PathLike[str], *, profile: Profile | None = None) -> CardView:
    """What is on the card of an image file, which is only read.

    ``profile`` must be given for one that is not shipped.  Raises :class:`~cardos.errors.ImageError` and
    :class:`~cardos.errors.ProfileError` as :meth:`cardos.card.Card.load`, and :class:`~cardos.errors.ImageError`
    when the memory in it is not that of a card.
    """
    card = Card.load(Path(path), profile=profile)
    try:
        return inspect_card(card)
    except (ArithmeticError, LookupError, ValueError, Refusal):
        raise ImageError("memory must hold files, got none that can be read", where=str(path)) from None


def _fields(layout: Layout, data: bytes) -> tuple[FieldValue, ...]:
    """The elements in the first bytes of ``data``; none when they do not have that form."""
    try:
        values = layout.split(data[: layout.width])
    except DecodeError:
        return ()
    return tuple(FieldValue(name, value) for name, value in values.items())


def _mark(secret: bytes) -> bytes:
    """What tells in this process whether two secrets are equal, and nothing else."""
    return hashlib.blake2b(secret, key=_MARK_KEY, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Descriptions of what lies in a file system."""

    profile: Profile
    fs: FileSystem

    def card(self, protocol: str) -> CardView:
        root = self.fs.root
        return CardView(
            profile=self.profile.name,
            kind=self.profile.kind,
            protocol=protocol,
            capacity=self.profile.cos.memory,
            free=self.fs.free,
            blocked=self.fs.card_blocked,
            root=None if root is None else self.directory(root),
        )

    def directory(self, node: Node) -> DirectoryView:
        inside = self.fs.children(node)
        area = self.fs.proof(node)
        proof = _fields(PROOF, area) if self.profile.kind == "card" and any(area) else ()
        return DirectoryView(
            fid=node.fid,
            name=node.name,
            application=node.application,
            size=node.shape,
            create=self.right(node.create),
            erase=self.right(node.erase),
            block=self.fs.block_state(node),
            proof=proof,
            files=tuple(self.file(child) for child in inside if not child.is_directory),
            directories=tuple(self.directory(child) for child in inside if child.is_directory),
        )

    def right(self, byte: int) -> Right:
        return describe_right(byte, self.profile.cos)

    def file(self, node: Node) -> FileView:
        return FileView(
            fid=node.fid,
            type=node.type,
            size=node.size,
            read=None if node.type is FileType.KEY else self.right(node.read),
            write=None if node.type is FileType.PURSE else self.right(node.write),
            protection="" if node.type in _UNPROTECTED else protection(node),
            content=_CONTENTS[node.type](self, node),
        )

    # -- contents

    def transparent(self, node: Node) -> Content:
        data = self.fs.read(node, 0, node.size)
        layout = self._declared(node)
        written = self.fs.is_written(node)
        if self._is_secret(node):
            return Transparent(written, b"", mark=_mark(data))
        return Transparent(written, data, _fields(layout, data) if layout is not None and written else ())

    def _is_secret(self, node: Node) -> bool:
        """Whether nobody may read the file."""
        return self.right(node.read).meaning == NEVER

    def _declared(self, node: Node) -> Layout | None:
        """The layout that the profile gives this file."""
        directory = self.profile.directory(node.parent.fid, node.parent.name) if node.parent else None
        spec = directory.find(node.fid) if directory else None
        return spec.layout if spec else None

    def records(self, node: Node) -> Content:
        layout = LOG_RECORD if self._is_log(node) else self._declared(node)
        records = []
        for number in range(1, self.fs.record_count(node) + 1):
            data = self.fs.read_record(node, number)
            if self._is_secret(node):
                records.append(RecordView(number, b"", mark=_mark(data)))
                continue
            records.append(RecordView(number, data, () if layout is None else _fields(layout, data)))
        varies = node.type is FileType.VARIABLE
        return Records(
            0 if varies else node.record_limit, 0 if varies else node.record_length, tuple(records)
        )

    def _is_log(self, node: Node) -> bool:
        """Whether a purse of the same directory writes its log here."""
        siblings = self.fs.children(node.parent) if node.parent is not None else []
        logs = {each.log_sfi for each in siblings if each.type is FileType.PURSE} | {
            self.profile.purse.load_log
        }
        fits = node.type is FileType.CYCLIC and node.record_length == LOG_RECORD.width
        return fits and node.fid & 0x1F in logs

    def purse(self, node: Node) -> Content:
        name = next((purse.name for purse in PURSES.values() if purse.fid == node.fid), f"{node.fid:04X}")
        body = self.fs.read(node, 0, node.size)
        grey = GreyRecord.from_bytes(body[PURSE_FILE.width :].ljust(LOCK_SIZE, b"\x00"))
        proof = _fields(_LOCK_PROOF, grey.proof) if grey.exists else ()
        return PurseVariables(name, _fields(PURSE_FILE, body), node.log_sfi, proof, grey.failures)

    def keys(self, node: Node) -> Content:
        records = self.fs.keys(node.parent) if node.parent is not None else ()
        return KeyList(self.fs.state(node), tuple(self.key(record) for record in records))

    def key(self, record: KeyRecord) -> KeyView:
        type_ = key_type(record.type, self.profile)
        counted, followed = type_ in _COUNTED, type_ in _FOLLOWED
        return KeyView(
            type=record.type if type_ is None else int(type_),
            id=record.id,
            type_byte=record.type,
            purpose=key_purpose(record.type, self.profile),
            use=self.right(record.use),
            change=self.right(record.change),
            length=len(record.value),
            protected=type_ is not None and record.line_protected(self.profile.cos),
            follow_up=record.first & 0x0F if followed else None,
            tries=Tries(record.tries, record.second >> 4) if counted and record.counted else None,
            version=None if counted else record.first,
            algorithm=None if counted else record.second,
            mark=_mark(record.value),
        )


#: Files whose header says nothing about protection: its byte names a log or is not used.
_UNPROTECTED = (FileType.PURSE, FileType.KEY)

#: What describes the content of each file type.
_CONTENTS: Mapping[FileType, Callable[[_Reader, Node], Content]] = MappingProxyType(
    {
        FileType.TRANSPARENT: _Reader.transparent,
        FileType.LINEAR: _Reader.records,
        FileType.VARIABLE: _Reader.records,
        FileType.CYCLIC: _Reader.records,
        FileType.PURSE: _Reader.purse,
        FileType.KEY: _Reader.keys,
    }
)
