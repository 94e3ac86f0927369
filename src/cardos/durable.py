"""Files that are either old or new: write beside, make durable, rename."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_new"]

_OWNER_ONLY, _AS_USUAL = 0o600, 0o666


@contextmanager
def replacing(path: Path, *, private: bool = False, durable: bool = True) -> Iterator[Path]:
    """A new file to write to; at the end it becomes ``path``, durably, or nothing does.

    A crash at any moment leaves the old file, or none, or the new one whole; not ``durable``, a crash of the process
    alone.  A ``private`` file can be read by its owner only.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as part:
    ...         written = part.write_text("whole")
    ...     [entry.name for entry in Path(folder).iterdir()]
    ['a.txt']
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY if private else _AS_USUAL))
    try:
        yield part
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if durable:
        _sync_folder(path.parent)


def write_new(path: Path, data: bytes, *, private: bool = False, durable: bool = True) -> Path:
    """``path`` with content ``data``, written as by :func:`replacing`."""
    with replacing(path, private=private, durable=durable) as part:
        part.write_bytes(data)
    return path


def _sync_folder(folder: Path) -> None:
    """Make the directory entry durable, where the system has a way to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
