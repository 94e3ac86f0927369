"""The clearing centre: terminal records in, verdicts and settlement out.

The rules are here, as rows of data; columns, SQL, storage and plots are libraries (``cardos[clearing]``).

>>> house = ClearingHouse(":memory:", MasterKeys({}))
>>> house.run_day(date(2026, 3, 1)).settlements
()
>>> house.close()
"""

from __future__ import annotations

from datetime import date as date

from . import _components as _components
from .checks import CHECKS as CHECKS
from .conserve import CardReading as CardReading
from .conserve import Conservation as Conservation
from .conserve import ConservationLine as ConservationLine
from .house import ClearingHouse as ClearingHouse
from .ingest import IngestResult as IngestResult
from .ingest import IngestState as IngestState
from .keys import KeyProvider as KeyProvider
from .keys import MasterKeys as MasterKeys
from .keys import TacScheme as TacScheme
from .model import CardAccount as CardAccount
from .model import CardId as CardId
from .reasons import Bearer as Bearer
from .reasons import Reason as Reason
from .results import Book as Book
from .results import DayResult as DayResult
from .results import Fork as Fork
from .results import Gap as Gap
from .results import JumpOfBalance as JumpOfBalance
from .results import OperatorSettlement as OperatorSettlement
from .results import Posting as Posting
from .results import RecordNote as RecordNote
from .results import Total as Total
from .rules import Rules as Rules
