"""Imports point down only: the order of the rooms, read from the source of every module of the installed package.

Imports under ``TYPE_CHECKING`` and inside functions count too.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import cardos

pytestmark = pytest.mark.slow  # each reads every module of the package

PACKAGE = Path(cardos.__file__).parent

#: Rooms from the bottom up; a room may import what stands in a row above it here, never its own row or below.
ORDER = (
    {"errors", "durable"},
    {"fields"},
    {"document", "layout"},
    {"crypto"},
    {"options"},
    {"profile"},
    {"apdu"},
    {"files"},
    {"wallet"},
    {"card", "host"},
    {"inspection", "simulation"},
    {"readers"},
    {"clearing", "testing", "certify"},
    {"demo"},
    {"cli"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}

#: A terminal knows no card insides.
NEVER = {("host", room) for room in ("files", "wallet", "card")}

#: Standing outside the order: the root package, which imports no room, and the build script of the core.
ROOT = "__init__"
NOT_PACKAGE = ("crypto/core/",)


def _modules(root: Path) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Every source file with its room and the names of the package it lies in."""
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if not place.as_posix().startswith(NOT_PACKAGE):
            yield path, place.parts[0].removesuffix(".py"), ("cardos", *place.parts[:-1])


def _targets(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module.split(".") if node.module else ())))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def violations(root: Path) -> list[str]:
    """One line for each import that points upward or to an unknown room."""
    found = []
    for path, room, package in _modules(root):
        for line, name in _targets(ast.parse(path.read_text(encoding="utf-8")), package):
            parts = name.split(".")
            if parts[0] != "cardos" or len(parts) == 1 or (parts[1] not in LEVEL and len(parts) == 2):
                continue  # not ours, or a name of the root package
            target, place = parts[1], f"{path.relative_to(root)}:{line}"
            if room not in LEVEL and room != ROOT:
                found.append(f"{place}: {room} has no place in the order of rooms")
            elif (room, target) in NEVER or (
                target != room and LEVEL.get(target, len(ORDER)) >= LEVEL.get(room, -1)
            ):
                found.append(f"{place}: {room} imports {target}")
    return found


def test_imports_point_down():
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("place", "statement", "complaint"),
    [
        pytest.param("crypto/key.py", "from ..card import Card", "crypto imports card", id="relative"),
        pytest.param("errors.py", "import cardos.fields", "errors imports fields", id="absolute"),
        pytest.param("apdu/planted.py", "from cardos import wallet", "apdu imports wallet", id="from-root"),
        pytest.param("host/planted.py", "from .. import files", "host imports files", id="host-and-files"),
        pytest.param(
            "host/deep/planted.py", "from ...wallet.ep import Purse", "host imports wallet", id="deep"
        ),
        pytest.param("certify/planted.py", "from ..testing import x", "certify imports testing", id="beside"),
        pytest.param("__init__.py", "from .crypto import Key", "__init__ imports crypto", id="root"),
        pytest.param(
            "fields.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .crypto import Key",
            "fields imports crypto",
            id="type-checking",
        ),
        pytest.param(
            "crypto/planted.py", "def f():\n    from ..host import x", "crypto imports host", id="in-function"
        ),
        pytest.param("cli.py", "from .attic.box import x", "cli imports attic", id="of-unknown-room"),
        pytest.param("attic/planted.py", "from ..crypto import Key", "attic has no place", id="unknown-room"),
    ],
)
def test_a_planted_import_is_found(tmp_path, place, statement, complaint):
    root = tmp_path / "cardos"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + f"\n\n{statement}\n")
    assert [line for line in violations(root) if complaint in line]


def test_a_downward_import_is_not_found(tmp_path):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "terminal.py").write_text("from ..crypto import Key\nfrom .session import Session\n")
    (tmp_path / "cli.py").write_text("import cardos.host\nfrom cardos import __version__\n")
    assert violations(tmp_path) == []
