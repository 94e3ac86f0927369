"""What a column computes, as data, and its plain evaluation: one row after the other through the scalar
functions.

The native evaluation is in :mod:`cardos.crypto._rows_native`; this one is its oracle.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ._source import Bytes2D, Source
from .block import encrypt_ecb
from .key import Cipher, Key
from .suite import Suite

__all__ = ["KeyRows", "Level", "MacRows", "PureRows", "RowEngine"]


@dataclass(frozen=True, slots=True)
class Level:
    """One derivation: the ECB encryption of ``message`` is a key of ``result``."""

    message: tuple[Source, ...]
    result: Cipher


@dataclass(frozen=True, slots=True)
class KeyRows:
    """A stored key per row (of ``cipher``), then the levels of derivation."""

    stored: Source
    cipher: Cipher
    levels: tuple[Level, ...] = ()

    @property
    def ciphers(self) -> tuple[Cipher, ...]:
        """The cipher of the stored key, then of the result of each level; the last one is that of the
        column.
        """
        return (self.cipher, *(level.result for level in self.levels))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source that is read."""
        return (self.stored, *(source for level in self.levels for source in level.message))

    def of_rows(self, rows: slice) -> KeyRows:
        """The recipe of these rows alone."""
        levels = tuple(Level(_of_rows(level.message, rows), level.result) for level in self.levels)
        return KeyRows(self.stored.of_rows(rows), self.cipher, levels)


@dataclass(frozen=True, slots=True)
class MacRows:
    """A MAC or, with ``tac``, a TAC of ``message`` by the rules of ``suite``."""

    suite: Suite
    message: tuple[Source, ...]
    tac: bool

    @property
    def fold(self) -> bool:
        """Whether the key's halves are XORed first."""
        return self.tac and self.suite.fold_tac_key

    def of_rows(self, rows: slice) -> MacRows:
        """The recipe of these rows alone."""
        return MacRows(self.suite, _of_rows(self.message, rows), self.tac)


class RowEngine(Protocol):
    """Evaluates rows; shapes and lengths were checked by the caller."""

    def keys(self, keys: KeyRows, rows: int, out: Bytes2D) -> None: ...

    def macs(self, keys: KeyRows, mac: MacRows, rows: int, out: Bytes2D) -> None: ...

    def verify(
        self, keys: KeyRows, mac: MacRows, received: Source, verdicts: npt.NDArray[np.bool_]
    ) -> None: ...


class PureRows:
    """The rows, one by one."""

    def keys(self, keys: KeyRows, rows: int, out: Bytes2D) -> None:
        for row in range(rows):
            out[row] = np.frombuffer(self._key(keys, row).reveal(), np.uint8)

    def macs(self, keys: KeyRows, mac: MacRows, rows: int, out: Bytes2D) -> None:
        for row in range(rows):
            out[row] = np.frombuffer(self._mac(keys, mac, row), np.uint8)

    def verify(self, keys: KeyRows, mac: MacRows, received: Source, verdicts: npt.NDArray[np.bool_]) -> None:
        for row in range(len(verdicts)):
            verdicts[row] = hmac.compare_digest(self._mac(keys, mac, row), received.row(row))

    def _key(self, keys: KeyRows, row: int) -> Key:
        key = Key(keys.stored.row(row), keys.cipher)
        for level in keys.levels:
            key = Key(encrypt_ecb(key, _message(level.message, row)), level.result)
        return key

    def _mac(self, keys: KeyRows, mac: MacRows, row: int) -> bytes:
        compute = mac.suite.tac if mac.tac else mac.suite.mac
        return compute(self._key(keys, row), _message(mac.message, row))


def _of_rows(message: tuple[Source, ...], rows: slice) -> tuple[Source, ...]:
    return tuple(source.of_rows(rows) for source in message)


def _message(sources: tuple[Source, ...], row: int) -> bytes:
    return b"".join(source.row(row) for source in sources)
