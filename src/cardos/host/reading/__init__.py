"""Reading real cards: which card it is, its number, validity and balance, its log and its trips.

``candidates.toml`` lists the known cards; what lies where on them is in their card profiles.
"""

from __future__ import annotations

from .document import reading_document as reading_document
from .model import ApplicationReading as ApplicationReading
from .model import CardReading as CardReading
from .model import FileReading as FileReading
from .model import NumberForm as NumberForm
from .model import PurseReading as PurseReading
from .model import RecordReading as RecordReading
from .model import RefusedCommand as RefusedCommand
from .model import Transaction as Transaction
from .model import Trip as Trip
from .probe import MOST_COMMANDS as MOST_COMMANDS
from .probe import MOST_RECORDS as MOST_RECORDS
from .reader import read_card as read_card
