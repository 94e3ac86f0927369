"""The numbers that a city chooses."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import ParameterError
from .reasons import Reason

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of the checks: days, and amounts in fen.

    A record older than ``max_age_days`` is refused; a torn one waits ``torn_wait_days`` for proof; a terminal has
    ``list_grace_days`` after a blacklist's first day to load it.  ``only_mark`` names checks that shall mark and not
    refuse; it may name only those that :data:`~cardos.clearing.CHECKS` calls optional.

    >>> Rules(max_purchase=100_00).max_purchase
    10000
    """

    max_age_days: int = 30
    torn_wait_days: int = 90
    list_grace_days: int = 1
    max_purchase: int = 500_00
    max_load: int = 1000_00
    max_balance: int = 1000_00
    only_mark: frozenset[Reason] = frozenset()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and not 0 <= value <= 0xFFFFFFFF:
                raise ParameterError(field.name, "0..4294967295", value)
