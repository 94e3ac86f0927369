"""Wheels and foreign machines.  None of it depends on the backend that the suite runs with, so one run is enough."""

from __future__ import annotations

import os


def pytest_ignore_collect():
    """Nothing is skipped in the pure run, which CARDOS_REQUIRE_ALL would take for something missing."""
    return True if os.environ.get("CARDOS_BACKEND") == "pure" else None
