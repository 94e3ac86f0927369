"""Circuits as the searches print them: one line each, a gate per word, in the order in which C computes them.

    two s1 57: ^0,3 &0,8 |2,7 -2,7 ... > 62 39 51 23
    lut3 s4 19: 6a:0,3,5 ... > 22 24 20 19

Nodes count from the inputs (0 is a1, or bit 0 of an SM4 byte), then the gates.  `-` is "and not"; a hexadecimal
number is the truth table of a three-input gate, bit 4a + 2b + c of it the value at a, b, c.  After `>` the nodes of the
outputs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Gate:
    """One operation: `^`, `&`, `|`, `-` on two nodes, or a truth table on three."""

    operation: str
    table: int
    nodes: tuple[int, ...]

    @classmethod
    def parse(cls, word: str) -> Gate:
        """The gate that a word of a line stands for."""
        match = re.fullmatch(r"(?:([\^&|-])|([0-9a-f]{2}):)(\d+(?:,\d+)+)", word)
        if match is None or len(nodes := tuple(map(int, match[3].split(",")))) != (2 if match[1] else 3):
            raise ValueError(f"a gate must be <operation>a,b or <table>:a,b,c, got {word}")
        return cls(match[1] or "", int(match[2] or "0", 16), nodes)

    def shifted(self, odd: Sequence[bool]) -> Gate:
        """The gate on complemented operands, complemented itself when it would be 1 at 0."""
        if self.operation == "^":
            return self
        a, b = self.nodes
        # the product of two literals, or its complement: which of them are complements now?
        match odd[0] ^ (self.operation == "|"), odd[1] ^ (self.operation in "|-"):
            case False, False:
                return replace(self, operation="&")
            case True, True:
                return replace(self, operation="|")
            case True, False:
                return replace(self, operation="-", nodes=(b, a))
        return replace(self, operation="-")

    def complemented(self, operands: Sequence[bool], *, result: bool) -> Gate:
        """The gate of three inputs on complemented operands, and with a complemented result."""
        moved = sum(bool(operand) << 2 - place for place, operand in enumerate(operands))
        table = sum((self.table >> (index ^ moved) & 1) << index for index in range(8))
        return replace(self, table=table ^ (255 if result else 0))

    def value(self, *terms: int) -> int:
        """The truth table of the result, given those of the operands."""
        match self.operation:
            case "^":
                return terms[0] ^ terms[1]
            case "&":
                return terms[0] & terms[1]
            case "|":
                return terms[0] | terms[1]
            case "-":
                return terms[0] & ~terms[1]
        result = 0
        for index in range(8):
            if self.table >> index & 1:
                product = -1
                for place, term in enumerate(terms):
                    product &= term if index >> (2 - place) & 1 else ~term
                result |= product
        return result


@dataclass(frozen=True)
class Netlist:
    """A circuit of one S-box."""

    family: str
    name: str
    inputs: int
    gates: tuple[Gate, ...]
    outputs: tuple[int, ...]

    def values(self) -> list[int]:
        """Truth tables of all nodes over every input: bit x of a number is the value at x."""
        size = 1 << self.inputs
        # a1 of DES is the leftmost bit of the index, bit 0 of SM4 the rightmost
        weights = [5 - i if self.name != "sm4" else i for i in range(self.inputs)]
        nodes = [sum((x >> w & 1) << x for x in range(size)) for w in weights]
        for gate in self.gates:
            nodes.append(gate.value(*(nodes[n] for n in gate.nodes)) & (1 << size) - 1)
        return nodes

    def shifted(self, mask: int) -> Netlist:
        """The circuit for x ^ mask instead of x, in as many gates of two inputs.

        Nodes that would be 1 at 0 are complemented.  A complement passes every gate: ~a & b is a gate, ~a & ~b the
        complement of one, and so on.
        """
        odd = [
            bool(mask >> (self.inputs - 1 - i if self.name != "sm4" else i) & 1) for i in range(self.inputs)
        ]
        gates = []
        for gate in self.gates:
            operands = [odd[n] for n in gate.nodes]
            gates.append(gate.shifted(operands))
            odd.append(bool(gate.value(*map(int, operands)) & 1))
        return replace(self, gates=tuple(gates))

    def of_three(self) -> Netlist:
        """The same circuit, each gate one of three inputs of which two are the same."""
        tables = {"&": 0xC0, "|": 0xFC, "^": 0x3C, "-": 0x30}
        gates = [Gate("", tables[gate.operation], (*gate.nodes, gate.nodes[1])) for gate in self.gates]
        return replace(self, family="lut3", gates=tuple(gates))

    def complemented(self, nodes: Collection[int]) -> Netlist:
        """The circuit, of gates of three inputs, with these nodes complemented: that costs nothing."""
        gates = [
            gate.complemented([n in nodes for n in gate.nodes], result=self.inputs + at in nodes)
            for at, gate in enumerate(self.gates)
        ]
        return replace(self, gates=tuple(gates))

    def line(self) -> str:
        """As a file has it."""
        words = [
            (gate.operation or f"{gate.table:02x}:") + ",".join(map(str, gate.nodes)) for gate in self.gates
        ]
        outputs = " ".join(map(str, self.outputs))
        return f"{self.family} {self.name} {len(self.gates)}: {' '.join(words)} > {outputs}"

    def live(self) -> int:
        """How many values are alive at once, at most.

        An input is alive from the start, a value from its gate, to its last use; the result there may take its place.
        """
        last = dict.fromkeys(range(self.inputs + len(self.gates)), 0)
        for at, gate in enumerate(self.gates):
            last.update(dict.fromkeys(gate.nodes, at))
        alive = most = self.inputs
        for at, gate in enumerate(self.gates):
            alive -= sum(last[n] == at for n in set(gate.nodes))
            alive += 1
            most = max(most, alive)
            alive -= last[self.inputs + at] == 0
        return most


def read(path: Path) -> list[Netlist]:
    """The circuits of a file of search results; `#` begins a comment."""
    return [parse(line) for line in path.read_text("ascii").splitlines() if line and line[0] != "#"]


def parse(line: str) -> Netlist:
    """The circuit of a line; ValueError when it is none."""
    head, _, tail = line.partition(":")
    family, name, count = head.split()
    words, _, outputs = tail.partition(">")
    gates = tuple(map(Gate.parse, words.split()))
    inputs = 8 if name == "sm4" else 6
    if len(gates) != int(count) or not _in_order(gates, inputs):
        raise ValueError(f"circuit {family} {name} must have {count} gates, each after its operands")
    return Netlist(family, name, inputs, gates, tuple(map(int, outputs.split())))


def _in_order(gates: Sequence[Gate], inputs: int) -> bool:
    return all(max(gate.nodes) < inputs + at for at, gate in enumerate(gates))
