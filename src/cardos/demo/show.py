"""What a person sees of the day: tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from ..clearing import Conservation, DayResult, Reason, Total
from ..fields import yuan
from .day import Outcome
from .faults import find

__all__ = ["show"]


def show(outcome: Outcome, console: Console) -> bool:
    """Print operators, refusals, faults and the balance of money; whether all is well."""
    _operators(outcome.result, console)
    _refusals(outcome.result, console)
    found = _faults(outcome, console)
    return _money(outcome, console) and found


def _table(
    console: Console, title: str, left: Sequence[str], right: Sequence[str], rows: Iterable[tuple[str, ...]]
) -> None:
    """A table whose first columns are text and whose last ones are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    for name in left:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()


def _operators(result: DayResult, console: Console) -> None:
    """One row per operator; a column in which nothing happened is left out."""
    lines = result.settlements
    columns = {
        "paid": [line.accepted for line in lines],
        "adjusted": [line.adjusted for line in lines],
        "refused": [line.refused for line in lines],
        "waiting": [line.waiting for line in lines],
        "loads": [line.loads for line in lines],
    }
    used = {name: totals for name, totals in columns.items() if any(total.count for total in totals)}
    rows = [
        (line.name, *(_amount(totals[n]) for totals in used.values()), yuan(line.fee), yuan(line.due))
        for n, line in enumerate(lines)
    ]
    _table(console, f"Settlement of {result.day}, yuan", ("operator",), (*used, "fee", "due"), rows)


def _refusals(result: DayResult, console: Console) -> None:
    rows = [
        (note.file, str(note.number), note.text, "" if note.amount is None else yuan(note.amount))
        for note in result.refused
        if note.reason is not Reason.DUPLICATE
    ]
    columns = ("file", "no.", "refused because")
    _table(console, "Refused records, kept with their reason", columns, ("yuan",), rows)


def _faults(outcome: Outcome, console: Console) -> bool:
    rows, all_found = [], True
    for planted in outcome.planted:
        how = find(planted, outcome.evidence)
        all_found &= how is not None
        rows.append((planted.kind.value, planted.where, how or "[bold red]MISSED: nobody noticed[/]"))
    _table(console, "Faults planted", ("fault", "where", "found by"), (), rows)
    return all_found


def _money(outcome: Outcome, console: Console) -> bool:
    proof = outcome.conservation
    came, went = _sides(proof)
    rows = [(text, str(total.count), yuan(total.amount), "") for text, total in came]
    rows += [(text, str(total.count), "", yuan(total.amount)) for text, total in went]
    sums = sum(total.amount for _, total in came), sum(total.amount for _, total in went)
    rows.append(("[bold]together[/]", "", f"[bold]{yuan(sums[0])}[/]", f"[bold]{yuan(sums[1])}[/]"))
    _table(console, "Where the money is, yuan", ("",), ("records", "came", "went"), rows)
    books = sum(book.balance for book in outcome.result.books)
    checks = (
        ("came = went, to the fen", proof.balanced and sums[0] == sums[1]),
        (f"the {len(outcome.result.books)} accounts of the books sum to zero", books == 0),
        ("the cards hold what the city's own ledger says", outcome.ledger_agrees),
    )
    for text, holds in checks:
        console.print(f"{'[green]yes[/]' if holds else '[bold red]NO[/] '}  {text}")
    return all(holds for _, holds in checks)


def _sides(proof: Conservation) -> tuple[list[tuple[str, Total]], list[tuple[str, Total]]]:
    """What came onto the cards, and where it went: purchases, and what is still on them."""
    came = [("on new cards", proof.opening)]
    came += [(part.text, part.total) for part in proof.parts if part.total.amount > 0]
    went = [(part.text, _negated(part.total)) for part in proof.parts if part.total.amount <= 0]
    went.append(("balances of the cards, read from them", proof.closing))
    went.append(("without a trace", proof.unexplained))
    return came, went


def _negated(total: Total) -> Total:
    return Total(total.count, -total.amount)


def _amount(total: Total) -> str:
    return yuan(total.amount) if total.count else "-"
