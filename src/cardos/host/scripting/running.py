"""Scripts on a card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..transports import GetResponse, Transport
from .parsing import Reset, Step

__all__ = ["ScriptRunner", "StepResult"]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step: the ``command`` as it was sent (empty for a reset), the whole ``answer`` (of a reset the
    ATR), and how that differs from what was expected, ``""`` when it does not.
    """

    step: Step
    command: bytes
    answer: bytes
    difference: str = ""


class ScriptRunner:
    """Runs steps on the card behind ``transport``, which may be exchanged between two of them.

    ``61xx`` and ``6Cxx`` are resolved unless ``raw``.  ``variables`` are the bytes that were captured so far.

    >>> from cardos.host.scripting import parse_script
    >>> from cardos.readers import open_transport
    >>> runner = ScriptRunner(open_transport("sim:city-3des"))
    >>> [result.difference for result in runner.run_all(parse_script("00A40000(3F01) -> 9000|61XX").steps)]
    ['']
    """

    def __init__(self, transport: Transport, *, raw: bool = False) -> None:
        self.transport, self.raw = transport, raw
        self.variables: dict[str, bytes] = {}

    def run_all(self, steps: Iterable[Step]) -> Iterator[StepResult]:
        """The result of each step, as it comes, differences or not."""
        for step in steps:
            yield self.run(step)

    def run(self, step: Step) -> StepResult:
        """The result of one step.

        Raises :class:`~cardos.errors.ScriptError` when a command cannot be put together, and
        :class:`~cardos.errors.TransportError` when no answer came.
        """
        if isinstance(step, Reset):
            command, answer = b"", self.transport.reset(cold=step.cold)
        else:
            command = step.command.build(self.variables)
            answer = (self.transport if self.raw else GetResponse(self.transport)).transmit(command)
        if step.expected is None:
            return StepResult(step, command, answer)
        found = step.expected.compare(answer, self.variables)
        self.variables |= found.captured
        return StepResult(step, command, answer, found.difference)
