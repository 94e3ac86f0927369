"""Date and time of an answer as one moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, cast

from ...fields import Value

__all__ = ["with_when"]


def with_when(
    values: Mapping[str, Value],
) -> dict[str, Any]:  # typed by the layout, which typing cannot follow
    """The fields with ``when`` in the place of ``date`` and ``time``.

    >>> with_when({"serial": 1, "date": date(2025, 3, 1), "time": time(12)})
    {'serial': 1, 'when': datetime.datetime(2025, 3, 1, 12, 0)}
    """
    rest = {name: value for name, value in values.items() if name not in ("date", "time")}
    return rest | {"when": datetime.combine(cast(date, values["date"]), cast(time, values["time"]))}
