"""The Python of READMEs and guides runs, and the READMEs say the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cardos.cli import app

ROOT = Path(__file__).parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READMES = ["README.md", "README.zh-CN.md"]
GUIDES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
COMMAND = re.compile(r"^cardos (\w+)(?: (new|inspect|diff))?", re.MULTILINE)


def blocks(name):
    return PYTHON.findall((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", READMES)
def test_the_python_lines_run(name, capsys):
    found = blocks(name)
    assert found
    for block in found:
        names = {}
        exec(compile(block, name, "exec"), names)
        if "city" in names:
            names["city"].close()
    assert re.search(r"^4850 [0-9a-f]{8}$", capsys.readouterr().out, re.MULTILINE)


def test_the_first_example_is_the_same_in_both():
    def code(name):
        return [line.split("#")[0].strip() for line in blocks(name)[0].splitlines()]

    assert code("README.md") == code("README.zh-CN.md")


@pytest.mark.parametrize("name", GUIDES)
def test_the_python_of_a_guide_runs(name):
    for block in blocks(name):
        exec(compile(block, name, "exec"), {})


def test_the_guide_to_images_prints_what_it_says(capsys):
    [block] = blocks("docs/card-images.md")
    exec(compile(block, "card-images", "exec"), {})
    [line] = [line for line in capsys.readouterr().out.splitlines() if "directory added" in line]
    assert f"# {line}\n" in block


@pytest.mark.parametrize("name", [*READMES, *GUIDES])
def test_named_files_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", [*READMES, *GUIDES])
def test_named_commands_exist(name):
    for command, below in COMMAND.findall((ROOT / name).read_text(encoding="utf-8")):
        asked = [command, below, "--help"] if below else [command, "--help"]
        assert 0 == CliRunner().invoke(app, asked).exit_code, asked


@pytest.mark.parametrize("name", [*READMES, "docs/card-images.md"])
def test_every_command_of_card_is_named(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert {"new", "inspect", "diff"} <= set(re.findall(r"cardos card (\w+)", text))
