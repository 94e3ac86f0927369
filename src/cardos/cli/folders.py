"""Where the program keeps what it must find again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from ..errors import ParameterError

__all__ = ["state_folder"]

_OWNER_ONLY = 0o700


def state_folder() -> Path:
    """The folder of this user for journals, registers and the history of the shell; made when it is not there.

    ``$XDG_STATE_HOME/cardos``, by default ``~/.local/state/cardos``; on Windows and macOS where programs keep data.
    Raises :class:`~cardos.errors.ParameterError` when it cannot be made.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    if not base and sys.platform in {"win32", "darwin"}:
        folder = Path(typer.get_app_dir("cardos"))
    else:
        folder = (Path(base) if base else Path.home() / ".local" / "state") / "cardos"
    try:
        folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"{folder}: state folder", "writable", error.strerror) from None
    return folder
