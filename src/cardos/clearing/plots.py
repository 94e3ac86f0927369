"""The plots of the report, as SVG text that stands in an HTML page."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..errors import MissingComponent
from .conserve import Conservation, Part
from .results import Book, HourCount, OperatorSettlement, RecordNote

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator
except ImportError:
    raise MissingComponent("matplotlib", "clearing") from None

__all__ = ["amounts_by_operator", "balance_of_money", "hours_of_day", "refusals_by_reason"]

# A function over the library's drawing area, which is typed too loosely to be of use.
_Axes = Any

_INK, _SOFT, _GRID = "#1f2933", "#66727f", "#e4e8ed"
_GOOD, _ADJUSTED, _BAD, _WAIT = "#2f6db5", "#7fb2e5", "#c8553d", "#e0a63a"
_SERIES = ("#2f6db5", "#e08a2e", "#3c9d6b", "#8a5fb0", "#c8553d", "#4aa3a2", "#a4763c", "#7a8794")
_STYLE: dict[Any, Any] = {  # the keys have a type that the library does not export
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _SOFT,
    "xtick.color": _SOFT,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def amounts_by_operator(settlements: Sequence[OperatorSettlement]) -> str:
    """Bars of each operator's purchases: accepted, adjusted, refused, waiting."""
    lines = [line for line in reversed(settlements) if _purchases(line)]
    labels = [line.name or f"{line.operator:04d}" for line in lines]
    series = {
        "accepted": (_GOOD, [line.accepted.amount for line in lines]),
        "adjusted": (_ADJUSTED, [line.adjusted.amount for line in lines]),
        "refused": (_BAD, [line.refused.amount for line in lines]),
        "waiting": (_WAIT, [line.waiting.amount for line in lines]),
    }

    def draw(axes: _Axes) -> None:
        left = [0.0] * len(lines)
        for name, (colour, amounts) in series.items():
            values = [amount / 100 for amount in amounts]
            if any(values):
                axes.barh(labels, values, left=left, color=colour, height=0.6, label=name)
            left = [a + b for a, b in zip(left, values, strict=True)]
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(_tick))
        axes.grid(axis="x", color=_GRID)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=9)

    return _svg("operators", draw, empty=not lines)


def hours_of_day(hours: Sequence[HourCount], names: dict[int, str]) -> str:
    """Stacked bars of accepted records by hour and operator."""
    operators = sorted({count.operator for count in hours})

    def draw(axes: _Axes) -> None:
        bottom = [0] * 24
        for index, operator in enumerate(operators):
            counts = Counter({c.hour: c.count for c in hours if c.operator == operator})
            values = [counts[hour] for hour in range(24)]
            label = names.get(operator) or f"{operator:04d}"
            axes.bar(
                range(24), values, bottom=bottom, width=0.8, color=_SERIES[index % len(_SERIES)], label=label
            )
            bottom = [a + b for a, b in zip(bottom, values, strict=True)]
        axes.set_xticks(range(0, 24, 2), [f"{hour:02d}" for hour in range(0, 24, 2)])
        axes.set_xlim(-0.7, 23.7)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=_GRID)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize=9)

    return _svg("hours", draw, empty=not operators)


def refusals_by_reason(notes: Sequence[RecordNote]) -> str:
    """Bars of the number of refused and waiting records by reason."""
    counts = Counter(note.reason.value for note in notes).most_common()[::-1]

    def draw(axes: _Axes) -> None:
        bars = axes.barh(
            [reason for reason, _ in counts], [count for _, count in counts], color=_BAD, height=0.6
        )
        axes.bar_label(bars, padding=4, color=_SOFT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.12)
        axes.grid(axis="x", color=_GRID)

    return _svg("refusals", draw, empty=not counts)


def balance_of_money(books: Sequence[Book], proof: Conservation | None) -> str:
    """With a proof, the way from opening to closing balances; without one, the balances of the accounts."""
    if proof is None:
        steps = [(book.account, 0, -book.balance) for book in books]
    else:
        steps, level = [("opening", 0, proof.opening.amount)], proof.opening.amount
        for part in Part:
            change = sum(line.total.amount for line in proof.parts if line.part is part)
            steps.append((part.value, level, change))
            level += change
        steps.append(("closing", 0, proof.closing.amount))

    def draw(axes: _Axes) -> None:
        for label, start, change in reversed(steps):
            whole = proof is not None and label in {"opening", "closing"}
            colour = _INK if whole else _GOOD if change > 0 else _BAD
            bar = axes.barh([label], [change / 100], left=[start / 100], color=colour, height=0.6)
            axes.bar_label(bar, [_yuan(change / 100, 2)], padding=4, color=_SOFT, fontsize=9)
        axes.margins(x=0.16)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(_tick))
        axes.axvline(0, color=_SOFT, linewidth=0.8)
        axes.grid(axis="x", color=_GRID)

    return _svg("balance", draw, empty=not steps)


def _purchases(line: OperatorSettlement) -> int:
    return sum(total.count for total in (line.accepted, line.adjusted, line.refused, line.waiting))


def _yuan(value: float, digits: int = 0) -> str:
    return f"¥{value:,.{digits}f}" if value >= 0 else f"\N{MINUS SIGN}¥{-value:,.{digits}f}"


def _tick(value: float, _: object) -> str:
    return _yuan(value)


def _svg(name: str, draw: Any, *, empty: bool) -> str:
    """SVG of one plot, the same text for the same data."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.add_subplot()
        axes.set_axisbelow(True)
        if empty:
            axes.axis("off")
            axes.text(0.5, 0.5, "nothing to show", ha="center", color=_SOFT)
        else:
            axes.tick_params(length=0)
            draw(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
