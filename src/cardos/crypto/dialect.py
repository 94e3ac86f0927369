"""Dialects: the MAC and TAC layouts of every transaction, as data, together with the suite that computes
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import ParameterError
from ..fields import Value
from ..layout import Layout
from .key import Key
from .mac import verify_mac
from .suite import Suite

__all__ = ["Dialect", "Transaction"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One kind of transaction: which key, which session block, which fields in which MAC.

    ``types`` are its transaction type identifiers, ``key`` the purpose of its key, ``serial`` the counter
    that it steps (``online_serial`` or ``offline_serial``), ``session`` the blocks encrypted one after the
    other to make the session key, ``items`` the input of MAC1, MAC2, MAC3, GMAC, TAC, GTAC by lower-case
    name, ``clause`` the place in the standard.
    """

    name: str
    types: tuple[int, ...]
    key: str
    serial: str
    session: tuple[Layout, ...]
    items: Mapping[str, Layout]
    clause: str

    def item(self, name: str) -> Layout:
        """The layout of one MAC; :class:`~cardos.errors.ParameterError` lists the ones that exist."""
        if name not in self.items:
            raise ParameterError(f"item of {self.name}", f"one of {', '.join(self.items)}", repr(name))
        return self.items[name]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The transactions of one card family in one cipher suite.

    >>> from cardos.profile import load_dialect
    >>> from datetime import date, time
    >>> pboc = load_dialect("pboc2", "3des")
    >>> dtk = pboc.suite.key(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
    >>> pboc.tac("load", dtk, balance=0x2000, online_serial=0, amount=0x2000, type=2, date=date(2016, 12, 16),
    ...          terminal=bytes.fromhex("001122334455"), time=time(10, 58)).hex()
    'fa00066d'
    """

    name: str
    suite: Suite
    transactions: Mapping[str, Transaction]
    _by_type: Mapping[int, Transaction] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        by_type = {t: each for each in reversed(tuple(self.transactions.values())) for t in each.types}
        object.__setattr__(self, "_by_type", by_type)

    def transaction(self, name: str) -> Transaction:
        """A transaction by name; :class:`~cardos.errors.ParameterError` lists the ones that exist."""
        if name not in self.transactions:
            raise ParameterError("transaction", f"one of {', '.join(self.transactions)}", repr(name))
        return self.transactions[name]

    def of_type(self, type_: int) -> Transaction:
        """The transaction with this type identifier (JR/T 0025.2 annex A)."""
        found = self._by_type.get(type_)
        if found is not None:
            return found
        raise ParameterError("type", f"a transaction type of {self.name}", f"{type_:02X}")

    def session_key(self, transaction: str, key: Key, **values: Value) -> Key:
        """Session (process) key of a transaction from the card's key and the fields of the session block."""
        for layout in self.transaction(transaction).session:
            key = self.suite.session_key(key, layout.assemble(values))
        return key

    def mac(self, transaction: str, item: str, session_key: Key, **values: Value) -> bytes:
        """MAC1, MAC2, MAC3 or GMAC (``item`` in lower case), 4 bytes, under the session key."""
        return self.suite.mac(session_key, self.transaction(transaction).item(item).assemble(values))

    def verify_mac(
        self, transaction: str, item: str, session_key: Key, received: bytes, **values: Value
    ) -> None:
        """Raise :class:`~cardos.errors.MacMismatch` unless ``received`` is the MAC; compared in constant
        time.
        """
        verify_mac(
            self.mac(transaction, item, session_key, **values), received, f"{item.upper()} of {transaction}"
        )

    def tac(self, transaction: str, tac_key: Key, *, item: str = "tac", **values: Value) -> bytes:
        """TAC (or ``item="gtac"``), 4 bytes, under the card's TAC key DTK as it is stored."""
        return self.suite.tac(tac_key, self.transaction(transaction).item(item).assemble(values))

    def verify_tac(
        self, transaction: str, tac_key: Key, received: bytes, *, item: str = "tac", **values: Value
    ) -> None:
        """Raise :class:`~cardos.errors.MacMismatch` unless ``received`` is the TAC (or GTAC); compared in
        constant time.
        """
        expected = self.suite.tac(tac_key, self.transaction(transaction).item(item).assemble(values))
        verify_mac(expected, received, f"{item.upper()} of {transaction}")
