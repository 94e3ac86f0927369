"""The examples of docs/command-line.md run, one after the other, with the status that they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cardos.cli import app

GUIDE = (Path(__file__).parent.parent / "docs/command-line.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|apdu (\S+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"# status (\d)$")


def run(line):
    """Status of a line, and what it printed."""
    words = shlex.split(line, comments=True)
    source = Path(words[words.index("<") + 1]).read_text(encoding="utf-8") if "<" in words else ""
    arguments = words[1 : words.index("<")] if "<" in words else words[1:]
    result = CliRunner().invoke(app, arguments, input=source)
    # An error of cardos is one line and status 2, which main() sees to.
    return 2 if isinstance(result.exception, ValueError) else result.exit_code, result.output


@pytest.mark.slow
def test_the_guide_to_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    blocks = BLOCK.findall(GUIDE)
    for _, name, text in blocks:
        if name:
            Path(name).write_text(text, encoding="utf-8")
    lines = [line for _, name, text in blocks if not name for line in text.splitlines()]
    assert 10 < len(lines)
    for line in lines:
        wanted = STATUS.search(line)
        status, output = run(line)
        assert int(wanted[1] if wanted else 0) == status, f"{line}\n{output}"
    assert Path("today.trace").exists()
