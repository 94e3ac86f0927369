"""Commands and answers on a terminal and as JSON: explained as traces explain them."""

from __future__ import annotations

from datetime import date, time

from rich.console import Console
from rich.markup import escape

from ..fields import Value
from ..host.scripting import Reset, StepResult
from ..host.traces import DecodedEvent, DecodedField, EventDecoder, EventKind, TraceEvent
from ..host.traces.masks import hexed, is_masked
from ..host.traces.redact import Redactor
from ..profile import Profile
from .events import print_event

__all__ = ["Explainer", "print_step", "step_document"]


class Explainer:
    """Explains the results of steps one after the other; secrets in them are hidden unless ``secrets``."""

    def __init__(self, profile: Profile | None = None, *, secrets: bool = False) -> None:
        self._decoder = EventDecoder(profile)
        self._redactor = None if secrets else Redactor()
        self._number = 0

    def explain(self, result: StepResult) -> DecodedEvent:
        """The result with the names, fields and status words of its command."""
        self._number += 1
        answer = hexed(result.answer)
        if isinstance(result.step, Reset):
            if self._redactor is not None:
                self._redactor.reset()
            return self._decoder.decode(TraceEvent(self._number, EventKind.RESET, response=answer))
        command, shown = hexed(result.command), answer
        if self._redactor is not None:
            command, masked = self._redactor.exchange(command, answer)
            shown = masked or ""
        return self._decoder.decode(TraceEvent(self._number, EventKind.APDU, command, shown))


def print_step(console: Console, result: StepResult, event: DecodedEvent) -> None:
    """A command and its answer, explained, and how that differs from what was expected."""
    print_event(console, event)
    if difference := _difference(result, event):
        place = result.step.place
        text = f"     ! {escape(place.source)}:{place.line}: {escape(difference)}"
        console.print(f"[bold red]{text}[/]", soft_wrap=True, highlight=False)


def _difference(result: StepResult, event: DecodedEvent) -> str:
    """How the answer differs, without what is hidden in it."""
    hidden = is_masked(event.response or "")
    return (
        "answer must be as expected, got another, which is hidden"
        if result.difference and hidden
        else result.difference
    )


def step_document(result: StepResult, event: DecodedEvent) -> dict[str, object]:
    """The same for programs."""
    expected = result.step.expected
    return {
        "source": result.step.place.source,
        "line": result.step.place.line,
        "name": "RESET" if event.kind is EventKind.RESET else event.name,
        "command": event.command,
        "answer": event.response,
        "sw": None if event.sw is None else f"{event.sw:04X}",
        "status": event.status,
        "fields": {each.name: _json_value(each) for each in event.body},
        "answerFields": {each.name: _json_value(each) for each in event.answer},
        "expected": expected.text if expected else None,
        "difference": _difference(result, event) or None,
    }


def _json_value(field: DecodedField) -> int | str:
    """Numbers as numbers, dates and times as in ISO 8601, everything else in hex, ``XX`` for what is hidden."""
    value: Value | None = field.value
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, date | time) else field.raw
