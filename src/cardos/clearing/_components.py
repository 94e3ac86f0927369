"""Imported before everything else of clearing: says in one line what the installation lacks."""

from __future__ import annotations

import importlib

from ..errors import MissingComponent

__all__ = ["need"]


def need(*components: str) -> None:
    """Raise :class:`~cardos.errors.MissingComponent` for the first module that cannot be imported.

    >>> need("json")
    """
    for component in components:
        try:
            importlib.import_module(component)
        except ImportError:
            raise MissingComponent(component, "clearing") from None


need("numpy", "pyarrow", "duckdb")
