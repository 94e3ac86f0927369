"""First circuits of the SM4 S-box, by its tower of fields: GF(256) over GF(16) over GF(4) over GF(2).

usage: python tools/circuits/tower.py SEED CASES [KEEP]

Prints the KEEP smallest of CASES random choices of bases, smallest last, as lines that walk.c reads and improves.

Method.  Let x = a B1 + b B2 with a, b in GF(16).  Its norm n = x^17 lies in GF(16) and is t ab + n1 a^2 + n2 b^2:
one product and a linear map.  Then 1/x = x^16 / n = (a/n) B1^16 + (b/n) B2^16: two more products.  A product in
GF(16) is nine ANDs of linear forms (Karatsuba twice), the same nine forms of a, b and 1/n each time they meet.  So
a circuit is

    forms of x, and what is linear in n  ->  9 ANDs  ->  n  ->  1/n (4 bits in, 4 out) and its forms  ->  18 ANDs  ->  S

and everything between the ANDs is linear: the two layers of the definition of S melt into the first and the last.
The linear maps are made cheap by sharing the pair of terms that most rows have in common, ties broken at random.

Constants are left out, so this is a circuit for the S-box around the point where A x + 0xD3 is 0; in the end
complements are pushed through it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from boxes import SM4_CONSTANT, sm4_linear, sm4_multiply
from netlist import parse


def power(x: int, exponent: int) -> int:
    """Power of x in the field."""
    result = 1
    for bit in f"{exponent:b}":
        result = sm4_multiply(result, result)
        if bit == "1":
            result = sm4_multiply(result, x)
    return result


FIELD16 = [x for x in range(256) if power(x, 16) == x]
FIELD4 = [x for x in range(256) if power(x, 4) == x]
INVERSE = [power(x, 254) for x in range(256)]
LINEAR_INVERSE = {sm4_linear(x): x for x in range(256)}


def span(vectors: Sequence[int]) -> list[int]:
    """All combinations: entry m is the sum of the vectors that the bits of m select."""
    table = [0]
    for vector in vectors:
        table += [entry ^ vector for entry in table]
    return table


class Circuit:
    """Gates of two inputs, never the same one twice."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.outputs: list[int] = []
        self._known: dict[tuple[str, int, int], int] = {}

    def gate(self, operation: str, a: int, b: int) -> int:
        """The node of a gate."""
        key = (operation, min(a, b), max(a, b))
        if key not in self._known:
            self.words.append(f"{operation}{a},{b}")
            self._known[key] = 7 + len(self.words)
        return self._known[key]

    def linear(self, rows: Sequence[frozenset[int]], choose: random.Random) -> list[int]:
        """Nodes of sums: each row is a set of nodes to add."""
        left = [set(row) for row in rows]
        while True:
            count: dict[tuple[int, int], int] = {}
            for row in left:
                for pair in combinations(sorted(row), 2):
                    count[pair] = count.get(pair, 0) + 1
            if not count:
                return [row.pop() for row in left]
            most = max(count.values())
            pair = choose.choice(sorted(pair for pair, times in count.items() if times == most))
            node = self.gate("^", *pair)
            for row in left:
                if row.issuperset(pair):
                    row.difference_update(pair)
                    row.add(node)


#: The nine forms of a vector of four bits that Karatsuba's product takes, as masks.
FORMS = (1, 2, 3, 4, 8, 12, 5, 10, 15)


def anf(table: Sequence[int]) -> list[frozenset[int]]:
    """Monomials of each of the four output bits of a table of 16 values."""
    result = []
    for bit in range(4):
        values = [entry >> bit & 1 for entry in table]
        for step in (1, 2, 4, 8):
            values = [v ^ (values[i ^ step] if i & step else 0) for i, v in enumerate(values)]
        result.append(frozenset(i for i, v in enumerate(values) if v))
    return result


def solve(columns: Sequence[int], target: int) -> frozenset[int]:
    """Which columns add up to the target; they are independent."""
    basis: list[tuple[int, int]] = []
    for place, column in enumerate(columns):
        value, members = column, 1 << place
        for pivot, used in basis:
            if value ^ pivot < value:
                value, members = value ^ pivot, members ^ used
        if value:
            basis.append((value, members))
            basis.sort(reverse=True)
    members = 0
    for pivot, used in basis:
        if target ^ pivot < target:
            target, members = target ^ pivot, members ^ used
    if target:
        raise ValueError("columns must span the target")
    return frozenset(i for i in range(len(columns)) if members >> i & 1)


def table_bits(function: Callable[[int, int], int]) -> list[int]:
    """The four bits of a function of two vectors of four bits, each as a number of 256 bits."""
    values = [function(i & 15, i >> 4) for i in range(256)]
    return [sum((v >> bit & 1) << i for i, v in enumerate(values)) for bit in range(4)]


def build(choose: random.Random) -> Circuit:
    """One circuit, over bases taken at random."""
    small = [choose.choice(FIELD4[1:]), 0]
    small[1] = choose.choice([x for x in FIELD4[1:] if x != small[0]])
    middle = [choose.choice(FIELD16[1:]), 0]
    middle[1] = choose.choice([x for x in FIELD16[1:] if sm4_multiply(x, INVERSE[middle[0]]) not in FIELD4])
    large = [choose.randrange(1, 256), 0]
    large[1] = choose.choice([x for x in range(1, 256) if sm4_multiply(x, INVERSE[large[0]]) not in FIELD16])
    basis16 = [sm4_multiply(m, s) for m in middle for s in small]
    basis = [sm4_multiply(large[0], v) for v in basis16] + [sm4_multiply(large[1], v) for v in basis16]
    value16, value = span(basis16), span(basis)
    bits16, bits = {v: i for i, v in enumerate(value16)}, {v: i for i, v in enumerate(value)}

    circuit = Circuit()
    # coordinates of A x, and of what the norm adds to the product: both linear in x
    coordinate = [bits[sm4_linear(1 << i)] for i in range(8)]
    cross = sm4_multiply(large[0], power(large[1], 16)) ^ sm4_multiply(large[1], power(large[0], 16))
    norm_product = table_bits(lambda a, b: bits16[sm4_multiply(cross, sm4_multiply(value16[a], value16[b]))])
    squares = [
        bits16[power(value[i], 17) ^ sm4_multiply(cross, sm4_multiply(value16[i & 15], value16[i >> 4]))]
        for i in (coordinate[j] for j in range(8))
    ]
    rows = []
    for shift in (0, 4):
        rows += [
            frozenset(i for i in range(8) if (coordinate[i] & form << shift).bit_count() & 1)
            for form in FORMS
        ]
    rows += [frozenset(i for i in range(8) if squares[i] >> bit & 1) for bit in range(4)]
    nodes = circuit.linear(rows, choose)
    a, b, added = nodes[:9], nodes[9:18], nodes[18:]

    # the norm: products of forms, then sums
    products = [circuit.gate("&", a[i], b[i]) for i in range(9)]
    columns = [
        sum((((x & 15 & f).bit_count() & (x >> 4 & f).bit_count()) & 1) << x for x in range(256))
        for f in FORMS
    ]
    norm_rows = [
        frozenset(products[i] for i in solve(columns, norm_product[bit])) | {added[bit]} for bit in range(4)
    ]
    norm = circuit.linear(norm_rows, choose)

    # its inverse, by monomials
    inverse = circuit.linear(
        list(monomials(circuit, norm, [bits16[INVERSE[value16[i]]] for i in range(16)])), choose
    )
    c = circuit.linear([frozenset(inverse[i] for i in range(4) if form >> i & 1) for form in FORMS], choose)

    # the two products and the last layer
    last = [circuit.gate("&", side[i], c[i]) for side in (a, b) for i in range(9)]
    product16 = table_bits(lambda x, y: bits16[sm4_multiply(value16[x], value16[y])])
    part = [solve(columns, product16[bit]) for bit in range(4)]
    weight: list[int] = []
    for half in range(2):
        conjugate = power(large[half], 16)
        for i in range(9):
            vector = 0
            for bit in range(4):
                if i in part[bit]:
                    vector ^= sm4_multiply(conjugate, basis16[bit])
            weight.append(sm4_linear(vector))
    circuit.outputs = circuit.linear(
        [frozenset(last[i] for i in range(18) if weight[i] >> bit & 1) for bit in range(8)], choose
    )
    return circuit


def monomials(circuit: Circuit, nodes: Sequence[int], table: Sequence[int]) -> Iterator[frozenset[int]]:
    """Rows of a function of four bits: sums of products."""
    made = {1: nodes[0], 2: nodes[1], 4: nodes[2], 8: nodes[3]}
    for monomial in sorted(set().union(*anf(table)), key=int.bit_count):
        low = monomial & -monomial
        if monomial not in made:
            rest = monomial ^ low
            if rest not in made:
                made[rest] = circuit.gate("&", made[rest & -rest], made[rest ^ (rest & -rest)])
            made[monomial] = circuit.gate("&", made[low], made[rest])
    for row in anf(table):
        yield frozenset(made[m] for m in row)


def main(arguments: Sequence[str]) -> None:
    """Print circuits."""
    seed, cases = map(int, arguments[1:3])
    keep = int(arguments[3]) if len(arguments) > 3 else 1
    found = [build(random.Random(f"{seed}/{case}")) for case in range(cases)]  # noqa: S311 - a search, no secret
    found.sort(key=lambda circuit: len(circuit.words))
    for circuit in found[keep - 1 :: -1]:
        line = (
            f"two sm4 {len(circuit.words)}: {' '.join(circuit.words)} > {' '.join(map(str, circuit.outputs))}"
        )
        print(parse(line).shifted(LINEAR_INVERSE[SM4_CONSTANT]).line())


if __name__ == "__main__":
    main(sys.argv)
