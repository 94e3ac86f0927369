"""Key ring files: the master keys of an issuer in TOML, for the command line.

::

    suite = "3des"

    [keys]
    purchase = "00112233445566778899AABBCCDDEEFF"
    tac = "…"
"""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from types import MappingProxyType

from ..crypto import Key
from ..errors import ParameterError
from ..host import KeyRing
from ..profile import Profile

__all__ = ["read_keyring"]

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_keyring(path: Path, profile: Profile) -> KeyRing:
    """The key ring in a file, which must hold every purpose that ``profile`` names.

    Raises :class:`~cardos.errors.ParameterError` naming the file when it cannot be read, others may read it, it is of
    another suite, or a key is missing or malformed; no message shows a key.
    """
    table = _table(path)
    if table.get("suite") != profile.suite.name:
        raise ParameterError(
            f"{path}: suite", f"{profile.suite.name!r} for {profile.name}", repr(table.get("suite"))
        )
    given = table.get("keys")
    if not isinstance(given, dict):
        raise ParameterError(f"{path}: keys", "a table of keys by purpose", type(given).__name__)
    wanted = {key.source for directory in profile.directories for key in directory.keys if key.source}
    missing = sorted(wanted - set(given))
    if missing:
        raise ParameterError(
            f"{path}: keys", f"given for {', '.join(sorted(wanted))}", f"none for {missing[0]}"
        )
    return KeyRing(
        MappingProxyType({purpose: _key(path, purpose, given[purpose], profile) for purpose in wanted})
    )


def _table(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_mode & _OF_OTHERS:
            raise ParameterError(f"{path}: key ring", "readable by its owner only", "more; use chmod 600")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: key ring", "readable", error.strerror) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ParameterError(f"{path}: key ring", "TOML", "something else") from None


def _key(path: Path, purpose: str, text: object, profile: Profile) -> Key:
    try:
        return profile.suite.key(bytes.fromhex(text if isinstance(text, str) else "-"))
    except ValueError:
        form = f"a {profile.suite.cipher.name} key in hex"
        raise ParameterError(f"{path}: {purpose} key", form, "something else") from None
