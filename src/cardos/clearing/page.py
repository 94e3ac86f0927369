"""The report of a day: one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from ..durable import replacing
from ..errors import MissingComponent
from ..fields import yuan
from . import plots
from .checks import CHECK_OF
from .conserve import Conservation
from .model import CardId
from .reasons import Reason
from .results import DayResult, FileNote, HourCount, RecordNote, Total

try:
    import jinja2
except ImportError:
    raise MissingComponent("jinja2", "clearing") from None

__all__ = ["write_page"]

#: Rows of a list in the page; the Parquet tables have all of them.
_MOST_ROWS = 300

_MINUS = "\N{MINUS SIGN}"


def write_page(
    path: Path,
    result: DayResult,
    hours: Sequence[HourCount],
    files: Sequence[FileNote],
    proof: Conservation | None,
) -> Path:
    """Write the page of a day to ``path``, whole or not at all."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {"yuan": _yuan, "hex": _hex, "holder": _holder}
    template = (resources.files(__package__) / "templates" / "day.html").read_text(encoding="utf-8")
    names = {line.operator: line.name for line in result.settlements}
    text = environment.from_string(template).render(
        result=result,
        files=files,
        proof=proof,
        names=names,
        most=_MOST_ROWS,
        reasons=_by_reason(result.refused),
        totals=_totals(result),
        drawings={
            "Purchases by operator": plots.amounts_by_operator(result.settlements),
            "Accepted records by hour": plots.hours_of_day(hours, names),
            "Refused and waiting, by reason": plots.refusals_by_reason((*result.refused, *result.waiting)),
            "Balance of money": plots.balance_of_money(result.books, proof),
        },
    )
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def _totals(result: DayResult) -> dict[str, Total]:
    """The sums over all operators."""
    names = ("accepted", "adjusted", "loads", "refused", "waiting")
    return {name: sum((getattr(line, name) for line in result.settlements), Total()) for name in names}


def _by_reason(notes: Sequence[RecordNote]) -> list[tuple[Reason, str, str, Total, Total]]:
    """Reason, its code and text, all records and the authentic ones among them, in the order of the checks."""
    rows = []
    for reason, check in CHECK_OF.items():
        found = [note for note in notes if note.reason is reason]
        held = [note for note in found if note.authentic]
        if found:
            rows.append((reason, check.code, check.text, _total(found), _total(held)))
    return rows


def _total(notes: Sequence[RecordNote]) -> Total:
    return Total(len(notes), sum(note.amount or 0 for note in notes))


def _yuan(fen: int | None) -> str:
    r"""Fen as yuan with separators and a true minus sign.

    >>> ascii(_yuan(-123456))
    "'\\u22121,234.56'"
    """
    return "" if fen is None else yuan(fen).replace("-", _MINUS)


def _hex(value: bytes | None) -> str:
    return "" if value is None else value.hex().upper()


def _holder(value: bytes | CardId) -> str:
    return str(value) if isinstance(value, CardId) else f"SAM {_hex(value)}"
