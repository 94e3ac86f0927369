"""What can be wrong in the centre itself; a wrong upload file is :class:`~cardos.errors.UploadError`."""

from __future__ import annotations

from ..errors import CardosError

__all__ = ["BooksError", "StoreError"]


class StoreError(CardosError):
    """The centre's file cannot be used: another process has it, it is of another version, or it is no such file.

    >>> raise StoreError("must be free, got a lock of another process", where="centre.duckdb")
    Traceback (most recent call last):
    ...
    cardos.clearing.errors.StoreError: centre.duckdb: must be free, got a lock of another process
    """

    def __init__(self, problem: str, *, where: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


class BooksError(CardosError):
    """The books do not balance or disagree with the records: nothing was posted.

    >>> raise BooksError("sum of all accounts", 0, 5)
    Traceback (most recent call last):
    ...
    cardos.clearing.errors.BooksError: sum of all accounts must be 0 fen, got 5 fen
    """

    def __init__(self, what: str, expected: int, got: int) -> None:
        super().__init__(f"{what} must be {expected} fen, got {got} fen")
        self.expected = expected
        self.got = got
