"""The TAC of every record, in one native call for each dialect and transaction.

Whoever holds the master keys is a :class:`KeyProvider`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..crypto import Dialect, Key
from ..crypto.column import KeyColumn, derive_column, verify_tac_column
from ..errors import ParameterError
from ..host.record import DIRECTIONS, RecordFlag
from .model import KINDS
from .records import numbers

__all__ = ["KeyProvider", "MasterKeys", "TacScheme", "TacState", "tac_states"]

_Raw = npt.NDArray[np.void]
_FACTORS = ("issuer", "card_serial")  # what a record says about its card


class TacState(enum.StrEnum):
    """What the TAC of a record says; the order of the members is that of the codes in a column."""

    GOOD = "good"
    BAD = "bad"
    #: A torn record has no TAC.
    NONE = "none"
    #: Nobody has the key, or the transaction has no TAC in that dialect.
    KEYLESS = "keyless"


# What the input of a TAC takes from a record without change.
_AS_THEY_ARE = ("type", "terminal", "terminal_serial", "date", "time", "amount")
_CODES = {state: code for code, state in enumerate(TacState)}


@dataclass(frozen=True, slots=True)
class TacScheme:
    """How the TACs of some cards are made: their ``dialect`` (with its suite), the ``master`` of their TAC keys and the
    ``factors`` that diversify it, top first, each ``issuer`` or ``card_serial``.

    >>> from cardos.profile import load_dialect
    >>> TacScheme(load_dialect("pboc2"), Key(bytes(16))).factors
    ('card_serial',)
    """

    dialect: Dialect
    master: Key
    factors: tuple[str, ...] = ("card_serial",)

    def __post_init__(self) -> None:
        for factor in self.factors:
            if factor not in _FACTORS:
                raise ParameterError("factors", f"of {', '.join(_FACTORS)}", repr(factor))

    def keys(self, records: _Raw) -> KeyColumn:
        """The TAC key of each record's card (JR/T 0025.2 annex B.2)."""
        return derive_column(self.master, *(records[factor] for factor in self.factors))


class KeyProvider(Protocol):
    """Where the centre asks for keys: once for each issuer and key version in a file."""

    def scheme(self, issuer: bytes, key_version: int) -> TacScheme | None:
        """The scheme of an issuer's cards with that key version; ``None`` when nobody has the key."""


class MasterKeys:
    """A :class:`KeyProvider` that holds the masters in memory, by issuer (8 bytes) and key version.

    >>> MasterKeys({}).scheme(bytes(8), 1) is None
    True
    """

    def __init__(self, schemes: Mapping[tuple[bytes, int], TacScheme]) -> None:
        self._schemes = dict(schemes)

    def scheme(self, issuer: bytes, key_version: int) -> TacScheme | None:
        """See :meth:`KeyProvider.scheme`."""
        return self._schemes.get((issuer, key_version))

    def __repr__(self) -> str:
        return f"<MasterKeys, {len(self._schemes)} schemes>"


def tac_states(records: _Raw, provider: KeyProvider) -> pa.Array:
    """The :class:`TacState` of every record of :data:`~cardos.clearing.records.RAW`, as Arrow strings."""
    states = np.full(len(records), _CODES[TacState.KEYLESS], np.int8)
    for scheme, rows in _by_scheme(records, provider):
        types = records["type"][rows, 0]
        for transaction in sorted({kind.transaction for kind in KINDS}):
            chosen = rows[np.isin(types, [kind.type for kind in KINDS if kind.transaction == transaction])]
            if transaction in scheme.dialect.transactions:
                genuine = _verify(scheme, transaction, records[chosen])
                states[chosen] = np.where(genuine, _CODES[TacState.GOOD], _CODES[TacState.BAD])
    states[records["flag"][:, 0] == RecordFlag.TORN] = _CODES[TacState.NONE]
    return pa.array([state.value for state in TacState]).take(pa.array(states))


def _by_scheme(records: _Raw, provider: KeyProvider) -> Sequence[tuple[TacScheme, npt.NDArray[np.intp]]]:
    """The rows of each scheme; issuers and versions that share one go together."""
    groups = np.concatenate([records["issuer"], records["key_version"]], axis=1)
    names, members = np.unique(groups, axis=0, return_inverse=True)
    found: dict[int, tuple[TacScheme, list[int]]] = {}
    for index, name in enumerate(names):
        scheme = provider.scheme(name[:-1].tobytes(), int(name[-1]))
        if scheme is not None:
            found.setdefault(id(scheme), (scheme, []))[1].append(index)
    return [(scheme, np.flatnonzero(np.isin(members.ravel(), group))) for scheme, group in found.values()]


def _verify(scheme: TacScheme, transaction: str, records: _Raw) -> npt.NDArray[np.bool_]:
    """A TAC covers the balance after the step and the counter before it (JR/T 0025.2 5.5).

    Sums wrap at the width of their field: a record with nonsense in it then has a wrong TAC, which is what it has.
    """
    # Any: a structured array does not say what its fields are.
    columns: dict[str, Any] = {name: records[name] for name in _AS_THEY_ARE}
    directions = np.array([DIRECTIONS.get(type_, 0) for type_ in range(256)])[records["type"][:, 0]]
    after = numbers(records["balance"]) + directions * numbers(records["amount"])
    before = numbers(records["serial"]) - 1
    counter = scheme.dialect.transaction(transaction).serial
    columns |= {"balance": after.astype(np.uint32), counter: before.astype(np.uint16)}
    return verify_tac_column(scheme.dialect, transaction, scheme.keys(records), records["tac"], **columns)
