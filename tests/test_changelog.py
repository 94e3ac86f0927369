"""Changelog fragments have names that the release knows, and say something."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRAGMENTS = [path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]


def test_fragments():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
    kinds = {kind["directory"] for kind in table["type"]}
    for path in FRAGMENTS:
        issue, kind, suffix = path.name.split(".")
        assert issue.isdigit()
        assert kind in kinds
        assert suffix == "md"
        assert path.read_text(encoding="utf-8").strip()
