"""The little language in which people type commands: hex or declared names, and what the answer must be."""

from __future__ import annotations

from .keys import Key as Key
from .keys import keys_of as keys_of
from .named import NamedCommand as NamedCommand
from .named import command_of as command_of
from .parsing import Reset as Reset
from .parsing import Script as Script
from .parsing import Send as Send
from .parsing import Step as Step
from .parsing import parse_script as parse_script
from .running import ScriptRunner as ScriptRunner
from .running import StepResult as StepResult
