"""Which engine computes the block ciphers: the native core, or pure Python when it is asked for by name.

``CARDOS_BACKEND`` is ``native`` or ``pure``.  Without it the native core is used; an installation that was
built pure (``CARDOS_BACKEND=pure pip install cardos``) has none and uses pure Python.  A native core that
is there but does not load is an error, never a silent fallback.

The native core has levels, the same work on registers of different width: ``portable``, ``v128``, ``avx2`` and
``avx512``.  It uses the best one of the processor unless ``CARDOS_LEVEL`` or :meth:`BackendInfo.use_level` names
another; one that does not run here is refused.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import ParameterError
from .key import Key

__all__ = ["Backend", "BackendInfo", "LevelInfo", "backend", "engine"]

VARIABLE = "CARDOS_BACKEND"
LEVEL_VARIABLE = "CARDOS_LEVEL"


class Backend(Protocol):
    """Block operations on whole blocks; lengths were checked by the caller."""

    @property
    def name(self) -> str: ...

    def expanded(self, key: Key) -> Key:
        """``key`` with its key schedule, where that saves time."""

    def ecb(self, key: Key, data: bytes, *, decrypt: bool = False) -> bytes:
        """ECB over ``len(data)`` bytes, a multiple of the block."""

    def cbc(self, key: Key, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        """CBC over ``len(data)`` bytes, a multiple of the block."""

    def ctr(self, key: Key, counter: bytes, data: bytes) -> bytes:
        """CTR over any number of bytes; ``counter`` is the first block, a big-endian number."""

    def ecb_into(self, key: Key, data: memoryview, out: memoryview, *, decrypt: bool = False) -> None:
        """As :meth:`ecb`; ``out`` is as long as ``data``, and is the same memory or shares none with it."""

    def cbc_into(
        self, key: Key, iv: bytes, data: memoryview, out: memoryview, *, decrypt: bool = False
    ) -> None:
        """As :meth:`cbc`, into ``out``."""

    def ctr_into(self, key: Key, counter: bytes, data: memoryview, out: memoryview) -> None:
        """As :meth:`ctr`, into ``out``."""

    def cbc_mac(self, key: Key, iv: bytes | None, data: bytes, padding: int, length: int) -> bytes:
        """ISO/IEC 9797-1 MAC algorithm 1: the first ``length`` bytes of the last block of the CBC encryption of data
        padded by method 1 or 2.  No ``iv`` is zeros.
        """

    def retail_mac(self, key: Key, iv: bytes | None, data: bytes, padding: int, length: int) -> bytes:
        """As :meth:`cbc_mac`, MAC algorithm 3 with a TDES key."""


@dataclass(frozen=True, slots=True)
class LevelInfo:
    """A level of the native core: what it needs, and whether this processor and this build have that."""

    name: str
    needs: str
    runs: bool


class _Levels(Protocol):
    """The levels of a core, the simplest one first, and the choice of one."""

    def all(self) -> tuple[LevelInfo, ...]: ...

    def in_use(self) -> int: ...

    def use(self, index: int) -> None: ...


class _NativeLevels:
    def __init__(self) -> None:
        from ._native import ffi, lib

        # Any: the two objects that cffi made; they have no types.
        self._ffi: Any = ffi
        self._lib: Any = lib
        self.in_use()  # chooses the best one, before there are threads

    def all(self) -> tuple[LevelInfo, ...]:
        lib, found = self._lib, list[LevelInfo]()
        while name := self._text(lib.cardos_level_name(len(found))):
            index = len(found)
            needs = self._text(lib.cardos_level_needs(index))
            found.append(LevelInfo(name, needs, bool(lib.cardos_level_runs(index))))
        return tuple(found)

    def _text(self, text: Any) -> str:
        """A string of C; empty where it has none."""
        return "" if text == self._ffi.NULL else str(self._ffi.string(text), "ascii")

    def in_use(self) -> int:
        return int(self._lib.cardos_level_in_use())

    def use(self, index: int) -> None:
        self._lib.cardos_use_level(index)


class _NoLevels:
    """Of the pure backend."""

    def all(self) -> tuple[LevelInfo, ...]:
        return ()

    def in_use(self) -> int:
        raise IndexError

    def use(self, index: int) -> None:
        raise IndexError(index)


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What is in use and why: ``name`` is ``native`` or ``pure``; the native core also has a ``level``."""

    name: str
    reason: str
    _levels: _Levels = field(default_factory=_NoLevels, repr=False, compare=False)
    _why: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def levels(self) -> tuple[LevelInfo, ...]:
        """All levels of the native core, also those that do not run here; none of the pure backend."""
        return self._levels.all()

    @property
    def level(self) -> str:
        """The name of the level in use; empty for the pure backend."""
        return self.levels[self._levels.in_use()].name if self.levels else ""

    @property
    def level_reason(self) -> str:
        """Why this level is in use; empty for the pure backend."""
        return self._why[-1] if self._why else "the best of this processor" if self.levels else ""

    def use_level(self, name: str, *, reason: str = "use_level()") -> None:
        """Compute at level ``name`` from now on, in all threads; results do not depend on it.

        Raises :class:`~cardos.errors.ParameterError` when there is no such level, or when it does not run here.
        """
        self._use(name, "level", reason)

    def _use(self, name: str, parameter: str, reason: str) -> None:
        levels = {level.name: index for index, level in enumerate(self.levels)}
        running = [level.name for level in self.levels if level.runs]
        if name not in running:
            needs = f", which needs {self.levels[levels[name]].needs}" if name in levels else ""
            allowed = (
                " or ".join(filter(None, [", ".join(running[:-1]), running[-1]])) if running else "unset"
            )
            allowed += "" if running else " with the pure backend"
            raise ParameterError(parameter, allowed, f"{name!r}{needs}")
        self._levels.use(levels[name])
        self._why[:] = [reason]

    def __str__(self) -> str:
        level = f", level {self.level} ({self.level_reason})" if self.level else ""
        return f"{self.name} ({self.reason}){level}"


def _choose(wanted: str | None, level: str | None = None) -> tuple[Backend, BackendInfo]:
    if wanted not in (None, "", "native", "pure"):
        raise ParameterError(VARIABLE, "native or pure", repr(wanted))
    built = importlib.util.find_spec(f"{__package__}._native") is not None
    if wanted == "native" and not built:
        raise ParameterError(
            VARIABLE, "pure in an installation that was built without the native core", repr(wanted)
        )
    made: Backend
    if wanted == "pure" or not built:
        from ._pure import PureBackend

        reason = f"{VARIABLE}=pure" if wanted else "this installation was built without the native core"
        made, info = PureBackend(), BackendInfo("pure", reason)
    else:
        from ._core import NativeBackend

        reason = f"{VARIABLE}=native" if wanted else "default"
        made, info = NativeBackend(), BackendInfo("native", reason, _NativeLevels())
    if level:
        info._use(level, LEVEL_VARIABLE, f"{LEVEL_VARIABLE}={level}")  # noqa: SLF001 (own class)
    return made, info


#: ``engine`` does the work, ``backend`` tells which one it is.
engine, backend = _choose(os.environ.get(VARIABLE), os.environ.get(LEVEL_VARIABLE))
