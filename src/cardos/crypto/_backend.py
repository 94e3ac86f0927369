"""Which engine computes the block ciphers: the native core, or pure Python when it is asked for by name.

``CARDOS_BACKEND`` is ``native`` or ``pure``.  Without it the native core is used; an installation that was
built pure (``CARDOS_BACKEND=pure pip install cardos``) has none and uses pure Python.  A native core that
is there but does not load is an error, never a silent fallback.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Protocol

from ..errors import ParameterError
from .key import Cipher

__all__ = ["Backend", "BackendInfo", "backend", "engine"]

VARIABLE = "CARDOS_BACKEND"


class Backend(Protocol):
    """Block operations on whole blocks; lengths were checked by the caller."""

    @property
    def name(self) -> str: ...

    def ecb(self, cipher: Cipher, key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        """ECB over ``len(data)`` bytes, a multiple of the block."""

    def cbc(self, cipher: Cipher, key: bytes, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        """CBC over ``len(data)`` bytes, a multiple of the block."""

    def cbc_mac(self, cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes:
        """Last block of the CBC encryption of padded data (at least one block)."""

    def retail_mac(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """Last block of ISO/IEC 9797-1 MAC algorithm 3 with DES over padded data (at least one block)."""


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What is in use and why: ``name`` is ``native`` or ``pure``."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def _choose(wanted: str | None) -> tuple[Backend, BackendInfo]:
    if wanted not in (None, "", "native", "pure"):
        raise ParameterError(VARIABLE, "native or pure", repr(wanted))
    built = importlib.util.find_spec(f"{__package__}._native") is not None
    if wanted == "native" and not built:
        raise ParameterError(
            VARIABLE, "pure in an installation that was built without the native core", repr(wanted)
        )
    if wanted == "pure" or not built:
        from ._pure import PureBackend

        reason = f"{VARIABLE}=pure" if wanted else "this installation was built without the native core"
        return PureBackend(), BackendInfo("pure", reason)
    from ._core import NativeBackend

    return NativeBackend(), BackendInfo("native", f"{VARIABLE}=native" if wanted else "default")


#: ``engine`` does the work, ``backend`` tells which one it is.
engine, backend = _choose(os.environ.get(VARIABLE))
