"""``cardos shell``: a conversation with a card, with completion, history and explained answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..errors import MissingComponent
from ..profile import load_profile
from ..readers import READER_VARIABLE, open_transport
from .apdu import ReaderOption
from .conversation import WORDS, Conversation, without_secrets
from .folders import state_folder
from .lookup import suggestions

__all__ = ["shell"]

_HISTORY = "shell.history"
_PROMPT = "cardos> "


def shell(
    *,
    reader: ReaderOption = None,
    profile: Annotated[
        str | None, typer.Option(help="Profile of the card, which names what is in files.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Leave 61xx and 6Cxx as they come.")] = False,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show PINs and keys that were sent.")] = False,
) -> None:
    """Talk to a card: commands in hex or by name, answers explained; type help there.

    Commands also come from a pipe. Then status 1 says that an answer was not as expected, 2 that a line was wrong.
    """
    known = None if profile is None else load_profile(profile)
    path = os.environ.get(READER_VARIABLE, "") if reader is None else reader
    with (
        open_transport(path) as transport,
        Conversation(transport, Console(), reader=path, profile=known, raw=raw, secrets=secrets) as talk,
    ):
        if sys.stdin.isatty():
            _converse(talk, _prompts(talk, state_folder() / _HISTORY))
            return
        _converse(talk, (line.decode("utf-8", "replace") for line in sys.stdin.buffer))
        raise typer.Exit(talk.status)


def _converse(talk: Conversation, lines: Iterable[str]) -> None:
    for line in lines:
        if not talk.handle(line):
            return


# ------------------------------------------------------------------ at a keyboard


def _prompts(talk: Conversation, history: Path) -> Iterator[str]:
    """The lines that somebody types; Ctrl-C drops one, Ctrl-D ends them."""
    session = _session(talk, history)
    while True:
        try:
            yield session.prompt(_PROMPT)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _session(
    talk: Conversation, history: Path
) -> Any:  # a PromptSession of prompt_toolkit, which an extra brings
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import CompleteEvent, Completer, Completion
        from prompt_toolkit.document import Document
        from prompt_toolkit.history import FileHistory
    except ImportError:
        raise MissingComponent("prompt_toolkit", "shell") from None

    class Commands(Completer):
        def get_completions(self, document: Document, _event: CompleteEvent) -> Iterable[Completion]:
            for each in suggestions(document.text_before_cursor, WORDS, talk.profile):
                yield Completion(each.text, -each.replaces, display_meta=each.note)

    class WithoutSecrets(FileHistory):
        def store_string(self, string: str) -> None:
            shown = without_secrets(string, talk.variables)
            if shown is not None:
                super().store_string(shown)

    os.close(
        os.open(history, os.O_CREAT | os.O_WRONLY, 0o600)
    )  # before anything is in it, for its owner only
    return PromptSession(
        history=WithoutSecrets(str(history)), completer=Commands(), complete_while_typing=False
    )
