"""Large first circuits of a DES S-box: one multiplexer tree per output, the order of inputs at random.

usage: python tools/circuits/start.py BOX SEED
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

from boxes import des_box


class Tree:
    """Gates of two inputs, never the same one twice; a node is a truth table of 64 bits and 0 at 0."""

    def __init__(self, order: Sequence[int]) -> None:
        self.order = order
        self.words: list[str] = []
        self.inputs = [sum((x >> 5 - i & 1) << x for x in range(64)) for i in range(6)]
        self.known = {table: node for node, table in enumerate(self.inputs)}

    def gate(self, operation: str, a: int, b: int) -> int:
        """The table of a gate on two tables."""
        table = a ^ b if operation == "^" else a & b
        if table and table not in self.known:
            self.words.append(f"{operation}{self.known[a]},{self.known[b]}")
            self.known[table] = 5 + len(self.words)
        return table

    def function(self, table: int, depth: int = 0) -> int:
        """The table f = f0 ^ (f0 ^ f1) & input, or its complement: the one that is 0 at 0.

        f0 and f1 do not depend on the input.
        """
        table ^= (1 << 64) - 1 if table & 1 else 0
        if not table or table in self.known:
            return table
        bit = self.order[depth]
        weight, ones = 32 >> bit, self.inputs[bit]
        zero = table & ~ones
        zero |= zero << weight
        one = table & ones
        one |= one >> weight
        low, high = self.function(zero, depth + 1), self.function(zero ^ one, depth + 1)
        if high != zero ^ one:  # the complement was made: high & input = input ^ (complement & input)
            part = self.gate("^", ones, self.gate("&", high, ones)) if high else ones
        else:
            part = self.gate("&", high, ones) if high else 0
        return self.gate("^", low, part) if low and part else low or part


def main(arguments: Sequence[str]) -> None:
    """Print a circuit."""
    box, seed = map(int, arguments[1:])
    choose = random.Random(f"{box}/{seed}")  # noqa: S311 - a search, no secret
    tree = Tree(choose.sample(range(6), 6))
    values = des_box(box)
    outputs = [tree.function(sum((v >> 3 - o & 1) << x for x, v in enumerate(values))) for o in range(4)]
    nodes = [tree.known[table] for table in outputs]
    print(f"two s{box} {len(tree.words)}: {' '.join(tree.words)} > {' '.join(map(str, nodes))}")


if __name__ == "__main__":
    main(sys.argv)
