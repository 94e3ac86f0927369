"""Upload files into the store: exactly once by content, each file in one transaction."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import UploadError
from ..host.record import NO_SAM
from ..host.upload import read_upload
from .keys import KeyProvider, tac_states
from .records import Parsed, parse
from .store import Row, Store, arrow_rows

__all__ = ["IngestResult", "IngestState", "ingest"]

_FILE = (
    "file", "sha256", "name", "state", "problem", "operator", "sequence", "created", "records", "unparsable",
)  # fmt: skip
_INSERT = """
insert into records by name
select * replace (moment::timestamp as moment), $file::bigint as file,
       case when sam = $no_sam then concat_ws('/', type, terminal, moment::text, issuer, card_serial, serial)
            else sam || '/' || terminal_serial end as identity
from incoming
"""


class IngestState(enum.StrEnum):
    """What became of a file."""

    #: Its records are in the store, to be judged by the next run.
    NEW = "new"
    #: It is in the store already, under this or another name: nothing changed.
    REPEAT = "repeat"
    #: Another file of that name is in the store: this one was not taken; its operator must give it its own name.
    CONFLICT = "conflict"
    #: Its frame is damaged: it was not taken; the same name may come again.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """A file, what became of it, and how many records it has, among them ``unparsable`` ones."""

    name: str
    sha256: str
    state: IngestState
    operator: int
    records: int
    unparsable: int


def ingest(store: Store, path: Path, keys: KeyProvider) -> IngestResult:
    """Take the file at ``path`` into the store.

    A file that is no upload file is noted as broken and raises :class:`~cardos.errors.UploadError`.  A crash in the
    middle leaves the store without the file: ingest it again.
    """
    try:
        upload = read_upload(path)
    except UploadError as error:
        _note_broken(store, path, str(error).removeprefix(f"{error.where}: "))
        raise
    digest = hashlib.sha256(bytes(upload)).hexdigest()
    parsed = parse(upload.body)
    state = _state(store, path.name, digest)
    row = (
        digest, path.name, state.value, None, upload.header.operator, upload.header.sequence,
        upload.header.created, upload.count, len(parsed.unparsable),
    )  # fmt: skip
    with store.transaction():
        if state is IngestState.NEW:
            _insert_records(store, _note(store, row), parsed, keys)
        elif state is IngestState.CONFLICT:
            _note(store, row)
    return IngestResult(
        path.name, digest, state, upload.header.operator, upload.count, len(parsed.unparsable)
    )


def _state(store: Store, name: str, digest: str) -> IngestState:
    if store.rows("select 1 from files where sha256 = $digest and state = 'new'", digest=digest):
        return IngestState.REPEAT
    if store.rows("select 1 from files where name = $name and state = 'new'", name=name):
        return IngestState.CONFLICT
    return IngestState.NEW


def _note(store: Store, row: Row) -> int:
    """The number of a file, which is written down once for each content, name and state."""
    known = store.rows(
        "select file from files where (sha256, name, state) = ($digest, $name, $state)",
        digest=row[0], name=row[1], state=row[2],
    )  # fmt: skip
    if known:
        return int(known[0][0])
    [(number,)] = store.rows("select coalesce(max(file), 0) + 1 from files")
    store.insert("files", arrow_rows(_FILE, [(number, *row)]))
    return int(number)


def _note_broken(store: Store, path: Path, problem: str) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return  # there is no file to note
    with store.transaction():
        _note(store, (digest, path.name, IngestState.BROKEN.value, problem, None, None, None, 0, 0))


def _insert_records(store: Store, file: int, parsed: Parsed, keys: KeyProvider) -> None:
    table = parsed.table.append_column("tac_state", tac_states(parsed.raw, keys))
    with store.view("incoming", table):
        store.rows(_INSERT, file=file, no_sam=NO_SAM.hex().upper())
    rows = [(file, record.number, record.problem, record.raw) for record in parsed.unparsable]
    if rows:
        store.insert("unparsable", arrow_rows(("file", "number", "problem", "raw"), rows))
