"""The other side of the contacts: transports, sessions, personalisation, load and purchase flows, journals,
upload files, traces.
"""

from __future__ import annotations

from .blacklist import Blacklist as Blacklist
from .issuer import EmbeddedIssuer as EmbeddedIssuer
from .issuer import Issuer as Issuer
from .issuer import LoadAuthorisation as LoadAuthorisation
from .issuer import LoadConfirmation as LoadConfirmation
from .issuer import LoadRequest as LoadRequest
from .journal import Batch as Batch
from .journal import EntryState as EntryState
from .journal import Journal as Journal
from .journal import JournalEntry as JournalEntry
from .keyring import KeyRing as KeyRing
from .load import LoadResult as LoadResult
from .load import Outlet as Outlet
from .personalise import CardData as CardData
from .personalise import SamData as SamData
from .personalise import personalise as personalise
from .psam import PsamSession as PsamSession
from .psam import SamInfo as SamInfo
from .psam import SamInitialised as SamInitialised
from .purse import BalanceForm as BalanceForm
from .purse import LoadInitialised as LoadInitialised
from .purse import LogRecord as LogRecord
from .purse import Proof as Proof
from .purse import PublicData as PublicData
from .purse import PurchaseDebited as PurchaseDebited
from .purse import PurchaseInitialised as PurchaseInitialised
from .purse import Purse as Purse
from .purse import PurseSession as PurseSession
from .record import RECORD as RECORD
from .record import RecordFlag as RecordFlag
from .record import TerminalRecord as TerminalRecord
from .refusal import LoadRefused as LoadRefused
from .refusal import PurchaseRefused as PurchaseRefused
from .refusal import Refusal as Refusal
from .refusal import TransactionRefused as TransactionRefused
from .register import CardRegister as CardRegister
from .register import CardState as CardState
from .register import LoadState as LoadState
from .register import RegisteredCard as RegisteredCard
from .register import RegisteredLoad as RegisteredLoad
from .register import RegisteredPurse as RegisteredPurse
from .session import CardSession as CardSession
from .session import FileSession as FileSession
from .terminal import PurchaseResult as PurchaseResult
from .terminal import Terminal as Terminal
from .trace import Trace as Trace
from .trace import TraceEvent as TraceEvent
from .trace import Tracer as Tracer
from .trace import parse_trace as parse_trace
from .trace import read_trace as read_trace
from .transport import CardLike as CardLike
from .transport import Fault as Fault
from .transport import GetResponse as GetResponse
from .transport import SimulatedTransport as SimulatedTransport
from .transport import Transport as Transport
from .transport import Wrapper as Wrapper
from .upload import UploadFile as UploadFile
from .upload import UploadHeader as UploadHeader
from .upload import collect as collect
from .upload import parse_upload as parse_upload
from .upload import read_upload as read_upload
from .upload import write_upload as write_upload
