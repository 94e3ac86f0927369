"""What the shell does with a line: its own words, and commands for the card."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import ClassVar, Self

from rich.console import Console
from rich.markup import escape

from ..apdu.elements import data_elements
from ..errors import CardosError, CardRemoved, ParameterError
from ..host import Tracer, Transport
from ..host.scripting import NamedCommand, ScriptRunner, Send, command_of, parse_script
from ..host.traces.masks import is_masked
from ..host.traces.redact import redacted
from ..profile import Profile, load_profile
from .exchange import Explainer, print_step
from .lookup import command_help, commands_of

__all__ = ["WORDS", "Conversation", "without_secrets"]

_ENDS = frozenset({"exit", "quit"})
_HIDDEN = "XX"
_DIFFERENT, _WRONG = 1, 2

_HELP = """\
Commands are hex (00A40000(3F01), where parentheses put the length in front) or a name with fields
(GET BALANCE purse=ep); behind -> stands what the answer must be (9000, 61XX, 6F..9000, 9000|6A82), and
-> $R:8 9000 captures 8 bytes that $R stands for from then on.

  help NAME       clause, fields, layout and status words of a command
  reset [warm]    reset the card
  info            reader, ATR, profile, captured names
  profile NAME    say what the card is, so that contents of files have names; profile none forgets it
  trace FILE      record what passes from now on, without secrets; trace off ends it
  exit
"""


class Conversation:
    """A conversation with the card behind ``transport``, told to ``console``; ``status`` is 0, or the worst so far:
    1 an answer was not as expected, 2 a line was wrong or no answer came.
    """

    def __init__(
        self, transport: Transport, console: Console, *, reader: str = "", profile: Profile | None = None,
        raw: bool = False, secrets: bool = False,
    ) -> None:  # fmt: skip
        self.status = 0
        self.profile = profile
        self._transport, self._console, self._reader, self._secrets = transport, console, reader, secrets
        self._runner = ScriptRunner(transport, raw=raw)
        self._explainer = Explainer(profile, secrets=secrets)
        self._recording = ExitStack()
        self._line = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recording.close()

    @property
    def variables(self) -> Mapping[str, bytes]:
        """The bytes that were captured so far, by name."""
        return self._runner.variables

    def handle(self, line: str) -> bool:
        """Do what a line says; whether the conversation goes on.  Errors are said and counted, never raised."""
        self._line += 1
        word, _, rest = line.strip().partition(" ")
        if word in _ENDS:
            return False
        try:
            if word in self.words:
                self.words[word](self, rest.strip())
            else:
                self._commands(line)
        except CardRemoved as error:
            self._wrong(f"{error}; put the card back and type reset")
        except (CardosError, OSError) as error:  # OSError: a trace that cannot be written any more
            self._wrong(str(error))
        return True

    def _commands(self, line: str) -> None:
        script = parse_script(line, source="line", first_line=self._line, known=self.variables)
        for step in script.steps:
            result = self._runner.run(step)
            if result.difference:
                self.status = max(self.status, _DIFFERENT)
            print_step(self._console, result, self._explainer.explain(result))

    def _wrong(self, text: str) -> None:
        self.status = _WRONG
        self._print(f"[red]! {escape(text)}[/]")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)

    # -- words of the shell

    def _help(self, name: str) -> None:
        if not name:
            self._print(escape(_HELP))
            self._print(escape(", ".join(spec.name for spec in commands_of(self.profile))))
            return
        spec, rest = command_of(name)
        if spec is None or rest.strip():
            raise ParameterError("help", "of a declared command, or without a name", repr(name))
        self._console.print(command_help(spec))

    def _info(self, _rest: str) -> None:
        names = ", ".join(f"${name} {len(value)} bytes" for name, value in self.variables.items())
        rows = {
            "reader": self._reader,
            "ATR": self._transport.atr.hex(" ").upper() or "not told",
            "profile": f"{self.profile.name}: {self.profile.title}" if self.profile else "none",
            "captured": names or "nothing",
        }
        for name, text in rows.items():
            self._print(f"{name:9} {escape(text)}")

    def _profile(self, name: str) -> None:
        if not name:
            raise ParameterError("profile", "a name of `cardos profiles`, a .toml file, or none", "nothing")
        self.profile = None if name == "none" else load_profile(name)
        self._explainer = Explainer(self.profile, secrets=self._secrets)

    def _trace(self, rest: str) -> None:
        names = _split(rest)
        if len(names) != 1:
            raise ParameterError("trace", "one file, or off", rest or "nothing")
        self._recording.close()
        self._runner.transport = self._transport
        if names == ["off"]:
            return
        try:
            stream = self._recording.enter_context(Path(names[0]).open("x", encoding="utf-8"))  # noqa: SIM115  # the stack closes it
        except OSError as error:
            raise ParameterError(f"{names[0]}: trace", "a new file", error.strerror) from None
        self._runner.transport = Tracer(
            self._transport, stream, card=self.profile.name if self.profile else "unknown",
            kind="simulated" if self._reader.startswith("sim:") else "device", clock=time.monotonic,
            now=lambda: datetime.now(UTC).replace(tzinfo=None),
        )  # fmt: skip

    #: What is done at a word, with what stands behind it.
    words: ClassVar[Mapping[str, Callable[[Conversation, str], None]]] = MappingProxyType(
        {"help": _help, "info": _info, "profile": _profile, "trace": _trace}
    )


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ParameterError("trace", "one file, or off", "a quotation without end") from None


#: What the shell itself understands.
WORDS = (*Conversation.words, "reset", "reset warm", "exit")


# ------------------------------------------------------------------ history


def without_secrets(line: str, variables: Mapping[str, bytes]) -> str | None:
    """A line as it may be kept: ``XX`` for the secrets of a command, ``None`` for a line that makes no sense and may be
    one.

    >>> without_secrets("0020000003123456 -> 9000", {}), without_secrets("VERIFY pin=123456", {})
    ('0020000003XXXXXX -> 9000', 'VERIFY pin=XX')
    >>> without_secrets("VERYFY pin=123456", {}) is None
    True
    """
    word = line.strip().partition(" ")[0]
    if not word or word in Conversation.words or word in _ENDS:
        return line
    try:
        steps = parse_script(line, known=variables).steps
        commands = [(step, step.command.build(variables)) for step in steps if isinstance(step, Send)]
    except CardosError:
        return None
    for step, command in commands:
        shown = redacted(command)
        if is_masked(shown):
            kept = _named(step.command) if isinstance(step.command, NamedCommand) else shown
            return kept + (f" -> {step.expected.text}" if step.expected else "")
    return line


def _named(command: NamedCommand) -> str:
    secret = {element.path for element in data_elements(command.spec.body)}
    fields = (f"{each.key}={_HIDDEN if each.key in secret else each.text}" for each in command.given)
    return " ".join((command.spec.name, *fields))
