"""A day of a small city, from blank cards to settlement; see :class:`City` and the command ``cardos
demo``.
"""

from __future__ import annotations

from .city import City as City
from .city import CityCard as CityCard
from .run import run_demo as run_demo
