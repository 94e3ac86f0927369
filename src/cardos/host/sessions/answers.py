"""What purses and secure modules answer, as frozen values: amounts in fen, MACs as bytes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime

__all__ = [
    "BalanceForm",
    "GreyCode",
    "GreyDebitAuthorised",
    "GreyLockInitialised",
    "GreyLocked",
    "GreyUnlockInitialised",
    "LoadAuthorisedBySam",
    "LoadInitialised",
    "LockProof",
    "LockState",
    "LogRecord",
    "Proof",
    "PurchaseDebited",
    "PurchaseInitialised",
    "Purse",
    "SamGreyInitialised",
    "SamInfo",
    "SamInitialised",
    "UnloadInitialised",
    "UpdateInitialised",
]


class Purse(enum.Enum):
    """A purse of the card: its P2 and its transaction types (JR/T 0025.2 annex A), and the identifier of its file."""

    ED = (0x01, 0x01, 0x05, 0x0001)
    EP = (0x02, 0x02, 0x06, 0x0002)

    def __init__(self, p2: int, load: int, purchase: int, fid: int) -> None:
        self.p2 = p2
        self.load = load
        self.purchase = purchase
        self.fid = fid


@enum.unique
class BalanceForm(enum.IntEnum):
    """What GET BALANCE gives, by P1; most cards know ALL only (JT/T 978)."""

    ALL = 0x00  #: everything that can be spent, overdraft included
    LIMIT = 0x01  #: the overdraft limit
    LIMIT_USED = 0x02  #: what of the limit is in use
    OWN = 0x03  #: the holder's own money


# ------------------------------------------------------------------ the card


@dataclass(frozen=True, slots=True)
class LoadInitialised:
    """Answer to INITIALIZE FOR LOAD; ``balance`` in fen, ``online_serial`` before the step."""

    balance: int
    online_serial: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes


class UnloadInitialised(LoadInitialised):
    """Answer to INITIALIZE FOR UNLOAD, of the same form."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UpdateInitialised:
    """Answer to INITIALIZE FOR UPDATE; ``balance`` and overdraft ``limit`` in fen, ``online_serial`` before the
    step.
    """

    balance: int
    online_serial: int
    limit: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True)
class PurchaseInitialised:
    """Answer to INITIALIZE FOR PURCHASE, CASH WITHDRAW and CAPP PURCHASE; ``balance`` and overdraft ``limit`` in fen,
    ``offline_serial`` before the step.
    """

    balance: int
    offline_serial: int
    limit: int
    key_version: int
    algorithm: int
    random: bytes


@dataclass(frozen=True, slots=True)
class PurchaseDebited:
    """Answer to DEBIT FOR PURCHASE: the TAC for the centre, MAC2 for the PSAM."""

    tac: bytes
    mac2: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Answer to GET TRANSACTION PROVE: MAC2 or MAC3 of the transaction (zeros where it returned none) and the TAC; of
    an online unlock MAC3 is in the place of the TAC.
    """

    mac: bytes
    tac: bytes


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of file 0018: ``serial`` after the step, ``amount`` in fen, ``new_limit`` for overdraft updates."""

    serial: int
    new_limit: int
    amount: int
    type: int
    terminal: bytes
    when: datetime


class GreyLockInitialised(PurchaseInitialised):
    """Answer to INITIALIZE FOR GREY LOCK, of the same form as that of a purchase."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class GreyLocked:
    """Answer to GREY LOCK: the GTAC for the centre, MAC2 for the PSAM."""

    gtac: bytes
    mac2: bytes


@dataclass(frozen=True, slots=True)
class GreyUnlockInitialised:
    """Answer to INITIALIZE FOR GREY UNLOCK; ``balance`` in fen, both serials before the step."""

    balance: int
    offline_serial: int
    online_serial: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes


@enum.unique
class GreyCode(enum.Enum):
    """A purse as the grey lock names it: its P2, and the transaction types of lock, debit and online unlock.

    JR/T 0025.9 7.7 calls the electronic purse 01; cards that lock either purse call it 02.
    """

    FIRST = (0x01, 0x91, 0x93, 0x95)
    SECOND = (0x02, 0x92, 0x94, 0x96)

    def __init__(self, p2: int, lock: int, debit: int, unlock: int) -> None:
        self.p2 = p2
        self.lock = lock
        self.debit = debit
        self.unlock = unlock


@enum.unique
class LockState(enum.IntEnum):
    """Known values of ``lock_state`` (JR/T 0025.9 7.10)."""

    NONE = 0x00  #: not locked
    LOCKED = 0x01  #: grey-locked
    UNREAD = 0x10  #: debited, and the TAC was not read


@dataclass(frozen=True, slots=True)
class LockProof:
    """Answer to GET LOCK PROOF: state of the lock and the last transaction of the lock.

    ``serial`` is the value after its step, ``lock_value`` the amount of a debit (fen, 4 bytes) or MAC2 of a lock,
    ``lock_tac`` its GTAC, TAC, or MAC3 of an online unlock.
    """

    lock_state: int
    type: int
    purse_code: int
    balance: int
    serial: int
    terminal: bytes
    when: datetime
    lock_value: bytes
    lock_tac: bytes


# ------------------------------------------------------------------ secure modules


@dataclass(frozen=True, slots=True)
class SamInfo:
    """What a SAM says of itself: ``serial`` 10 bytes, its 6-byte ``terminal`` number, its purchase
    ``key_index``, issuer, first and last day of validity.
    """

    serial: bytes
    terminal: bytes
    key_index: int
    issuer: bytes
    start: date
    expiry: date

    @property
    def number(self) -> bytes:
        """The 8 bytes that name the SAM in records: the rightmost 16 digits of its serial."""
        return self.serial[-8:]


@dataclass(frozen=True, slots=True)
class SamInitialised:
    """Answer to INIT SAM FOR PURCHASE: the terminal transaction serial, spent now, and MAC1."""

    terminal_serial: int
    mac1: bytes


@dataclass(frozen=True, slots=True)
class SamGreyInitialised:
    """Answer to INIT SAM FOR GREY LOCK: the terminal transaction serial, spent now, a random number, and MAC1."""

    terminal_serial: int
    terminal_random: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True)
class GreyDebitAuthorised:
    """Answer to CREDIT SAM FOR GREY DEBIT and GET GMAC: the GMAC for the card, the SAM's own TAC."""

    gmac: bytes
    tac: bytes


@dataclass(frozen=True, slots=True)
class LoadAuthorisedBySam:
    """Answer to LOAD BY SAM: the load serial, spent now, and MAC2."""

    load_serial: int
    mac2: bytes
