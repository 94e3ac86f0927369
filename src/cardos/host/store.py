"""SQLite stores whose commits are on the disk: the base of journal and register."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import StoreError

__all__ = ["Store"]


class Store:
    """A SQLite file of one ``kind`` (its application identifier) and schema version.

    Each transaction is on the disk when it ends (``synchronous=FULL``), and a process killed at any moment
    leaves the last finished one.  A file of another kind or version raises
    :class:`~cardos.errors.StoreError` and stays as it is.  One thread at a time may use a store.
    """

    KIND: int
    VERSION: int
    SCHEMA: str

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with _told(path):
                self._open()
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        kind, version = self._pragma("application_id"), self._pragma("user_version")
        is_new = (kind, version, self._pragma("schema_version")) == (0, 0, 0)
        if not is_new and (kind, version) != (self.KIND, self.VERSION):
            expected = f"kind {self.KIND:08X} version {self.VERSION}"
            raise StoreError(
                f"must be {expected}, got kind {kind:08X} version {version}", where=str(self.path)
            )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        if is_new:
            script = f"PRAGMA application_id={self.KIND}; PRAGMA user_version={self.VERSION};"
            self._connection.executescript(f"BEGIN IMMEDIATE; {script} {self.SCHEMA} COMMIT;")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, and on the disk at the end; a transaction inside a transaction is part of it."""
        if self._connection.in_transaction:
            yield self._connection
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite says of a file that cannot be used, as an error of ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"must be a SQLite file of cardos, got {error}", where=str(path)) from None
