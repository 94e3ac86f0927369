"""What a small city does in a second: card, PSAM, issuer and durable journals together, one process."""

from __future__ import annotations

import statistics
import time

from rich.console import Console
from rich.table import Table

from cardos.demo import City

ROUNDS, TIMES = 7, 30


def per_second(action):
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(TIMES):
            action()
        rates.append(TIMES / (time.perf_counter() - start))
    return statistics.median(rates)


def main():
    table = Table("per second", "city-3des", "city-sm4", title=f"Median of {ROUNDS} x {TIMES}")
    with City(seed=1) as city:
        cards = {family: city.issue(family) for family in city.desks}
        actions = {
            "cards personalised": city.issue,
            "loads": lambda family: city.load(cards[family], 100),
            "purchases": lambda family: city.spend(cards[family], 1),
        }
        for name, action in actions.items():
            rates = [per_second(lambda family=family, action=action: action(family)) for family in cards]
            table.add_row(name, *(f"{rate:,.0f}" for rate in rates))
    Console().print(table)


if __name__ == "__main__":
    main()
