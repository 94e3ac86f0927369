"""What lies in the card's memory for a purse: its variables, its file, and the proof of the last transaction.

The file system gives a purse file a body and each application an area for the proof; the meaning of those
bytes is declared here, once (JR/T 0025.2 annex A, table C.3 and 5.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from ..apdu.purse_commands import ED, EP
from ..files.header import PURSE_FILE
from ..layout import Layout

__all__ = ["NO_MAC", "PROOF", "PURSES", "Proof", "Purse", "PurseState"]


@dataclass(frozen=True, slots=True)
class Purse:
    """One of the purses that an application may hold.

    ``name`` is its prefix in the PIN rules of a profile (``ed.load``), ``fid`` its file, ``types`` the
    transaction type identifier of each operation that an INITIALIZE starts (JR/T 0025.2 annex A).
    """

    name: str
    fid: int
    types: Mapping[str, int]


#: The purses by P2: electronic deposit and electronic purse.
PURSES: Mapping[int, Purse] = MappingProxyType(
    {
        ED: Purse(
            "ed", 0x0001,
            MappingProxyType({"load": 0x01, "unload": 0x03, "cash": 0x04, "purchase": 0x05, "overdraft": 0x07}),
        ),
        EP: Purse("ep", 0x0002, MappingProxyType({"load": 0x02, "purchase": 0x06, "composite": 0x09})),
    }
)  # fmt: skip


class PurseState(NamedTuple):
    """The variables of a purse: ``balance``, overdraft ``limit`` and ``ceiling`` in fen, the two transaction
    serials, each the value that the next transaction will use, and the flag of the grey lock.

    >>> PurseState(100, 1, 0, 0, 100000).to_bytes().hex()
    '0000006400010000000000000186a0000000000000000000'
    """

    balance: int
    online_serial: int
    offline_serial: int
    limit: int
    ceiling: int
    lock_state: int = 0

    @classmethod
    def from_bytes(cls, body: bytes) -> PurseState:
        """The variables at the start of a purse file."""
        return cls(*cast(tuple[int, ...], PURSE_FILE.unpack(body[: PURSE_FILE.width])))

    def to_bytes(self) -> bytes:
        """The body of the purse file."""
        return PURSE_FILE.assemble(self._asdict())


#: The proof of an application: one, of its last transaction, with the serial after the step.
PROOF = Layout.parse("proof", ["type", "serial", "mac", "tac"])

#: What stands for MAC2 in the proof of a transaction that returned none.
NO_MAC: Final = bytes(4)


class Proof(NamedTuple):
    """What GET TRANSACTION PROVE returns for transaction ``type`` with ``serial`` (after the step);
    type 00 says that there was no transaction yet.

    >>> Proof.from_bytes(bytes(11)).type
    0
    """

    type: int
    serial: int
    mac: bytes
    tac: bytes

    @classmethod
    def from_bytes(cls, area: bytes) -> Proof:
        """The proof in the application's area."""
        return cls(*cast(tuple[int, int, bytes, bytes], PROOF.unpack(area)))

    def to_bytes(self) -> bytes:
        """The 11 bytes of the application's area."""
        return PROOF.assemble(self._asdict())
