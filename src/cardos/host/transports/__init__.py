"""Ways to a card: simulated, behind a reader, over a network, recorded; and wrappers that add one thing each."""

from __future__ import annotations

from .base import CardLike as CardLike
from .base import Transport as Transport
from .base import Wrapper as Wrapper
from .pcsc import PcscTransport as PcscTransport
from .pcsc import ShareMode as ShareMode
from .pcsc_events import CardEvent as CardEvent
from .pcsc_events import CardWatch as CardWatch
from .pcsc_events import ReaderInfo as ReaderInfo
from .pcsc_events import list_readers as list_readers
from .pcsc_events import offered_protocols as offered_protocols
from .simulated import SimulatedTransport as SimulatedTransport
from .wrappers import Delay as Delay
from .wrappers import Effect as Effect
from .wrappers import Fault as Fault
from .wrappers import GetResponse as GetResponse
from .wrappers import Interference as Interference
from .wrappers import Retry as Retry
from .wrappers import changes_nothing as changes_nothing
from .wrappers import corrupt_answer as corrupt_answer
from .wrappers import lose_answer as lose_answer
from .wrappers import lose_command as lose_command
from .wrappers import tear_answer as tear_answer
