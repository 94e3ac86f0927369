"""The centre's one file: a DuckDB database with the tables of ``schema.sql``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ..errors import ParameterError, StoreError
from .model import KINDS

__all__ = ["Row", "Store", "arrow_rows"]

#: What a query returns: the types are those of its columns, which typing cannot see.
Row = tuple[Any, ...]

_VERSION = 1


class Store:
    """An open file; ``path`` may be ``:memory:``.  One process at a time may have it.

    Raises :class:`~cardos.errors.StoreError` when it cannot be used, and then leaves it as it is.

    >>> store = Store(":memory:")
    >>> store.rows("select count(*) from files")
    [(0,)]
    >>> store.close()
    """

    def __init__(self, path: Path | str) -> None:
        try:
            self._connection = duckdb.connect(str(path))
        except duckdb.Error as error:
            problem = str(error).splitlines()[0]
            raise StoreError(f"must be a free clearing store, got: {problem}", where=str(path)) from None
        try:
            self._prepare(str(path))
        except BaseException:
            self.close()
            raise

    def _prepare(self, path: str) -> None:
        tables = self.rows("select table_name from information_schema.tables")
        if tables and ("about",) not in tables:
            raise StoreError("must be a clearing store, got a database of something else", where=path)
        versions = self.rows("select version from about") if tables else [(_VERSION,)]
        if versions != [(_VERSION,)]:
            raise StoreError(f"version must be {_VERSION}, got {versions[0][0]}", where=path)
        if not tables:
            self._create()

    def _create(self) -> None:
        schema = (resources.files(__package__) / "schema.sql").read_text(encoding="utf-8")
        kinds = [(kind.type, kind.transaction, kind.counter, kind.direction) for kind in KINDS]
        with self.transaction():
            self.rows(schema)
            self.rows("insert into about values ($version)", version=_VERSION)
            self.insert("kinds", arrow_rows(("type", "transaction", "counter", "direction"), kinds))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside becomes durable at the end, or nothing of it."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """The rows of a query (or nothing, for other statements) with ``$name`` parameters."""
        result: list[Row] = self._connection.execute(sql, parameters or None).fetchall()
        return result

    def arrow(self, sql: str, **parameters: object) -> pa.Table:
        """The result of a query as an Arrow table."""
        return self._connection.sql(sql, params=parameters or None).to_arrow_table()

    @contextmanager
    def view(self, name: str, table: pa.Table) -> Iterator[None]:
        """An Arrow table that queries can name, without copying it."""
        self._connection.register(name, table)
        try:
            yield
        finally:
            self._connection.unregister(name)

    def insert(self, table: str, columns: pa.Table) -> None:
        """Append rows; the columns are matched by name."""
        with self.view("incoming", columns):
            self.rows(f"insert into {table} by name select * from incoming")

    def register(self, table: str, columns: pa.Table) -> None:
        """Insert rows that are new; rows that are there already must be the same.

        Raises :class:`~cardos.errors.ParameterError` naming the first that differs, to be called inside a transaction.
        """
        names = ", ".join(columns.column_names)
        with self.view("incoming", columns):
            self.rows(f"insert or ignore into {table} by name select * from incoming")
            other = self.rows(
                f"select {names} from incoming except select {names} from {table} order by all limit 1"
            )
        if other:
            shown = ", ".join(map(str, other[0]))
            raise ParameterError(f"entry of {table}", "new, or the same as registered before", shown)


def arrow_rows(names: tuple[str, ...], rows: list[Row]) -> pa.Table:
    """An Arrow table of rows.

    >>> arrow_rows(("a", "b"), [(1, "x")]).to_pydict()
    {'a': [1], 'b': ['x']}
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table({name: pa.array(column) for name, column in zip(names, columns, strict=True)})
