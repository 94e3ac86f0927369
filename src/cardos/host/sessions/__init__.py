"""Sessions with a card or a SAM: one method per declared command, named as it is in full.

A session adds no order of its own and checks no MAC of a transaction: a command sent at the wrong moment goes out, and
the card says what it thinks.
"""

from __future__ import annotations

from .answers import BalanceForm as BalanceForm
from .answers import GreyCode as GreyCode
from .answers import GreyDebitAuthorised as GreyDebitAuthorised
from .answers import GreyLocked as GreyLocked
from .answers import GreyLockInitialised as GreyLockInitialised
from .answers import GreyUnlockInitialised as GreyUnlockInitialised
from .answers import LoadAuthorisedBySam as LoadAuthorisedBySam
from .answers import LoadInitialised as LoadInitialised
from .answers import LockProof as LockProof
from .answers import LockState as LockState
from .answers import LogRecord as LogRecord
from .answers import Proof as Proof
from .answers import PurchaseDebited as PurchaseDebited
from .answers import PurchaseInitialised as PurchaseInitialised
from .answers import Purse as Purse
from .answers import SamGreyInitialised as SamGreyInitialised
from .answers import SamInfo as SamInfo
from .answers import SamInitialised as SamInitialised
from .answers import UnloadInitialised as UnloadInitialised
from .answers import UpdateInitialised as UpdateInitialised
from .application import ApplicationSession as ApplicationSession
from .base import CardSession as CardSession
from .files import MF as MF
from .files import FileSession as FileSession
from .files import IssuerSession as IssuerSession
from .files import RecordMode as RecordMode
from .isam import IsamSession as IsamSession
from .key_card import KeyCardSession as KeyCardSession
from .psam import PsamSession as PsamSession
from .public import PublicData as PublicData
from .public import check_amount as check_amount
from .public import key_index as key_index
from .public import needs_safety_code as needs_safety_code
from .public import public_data as public_data
from .purse import PurseSession as PurseSession
from .security import InternalMethod as InternalMethod
from .security import MessageKey as MessageKey
