"""The Python of the READMEs runs, and says the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READMES = ["README.md", "README.zh-CN.md"]


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


@pytest.mark.parametrize("name", READMES)
def test_named_files_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
