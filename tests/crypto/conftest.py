"""Tests that go through the levels of the core themselves, or need none, run once: not again at each level, nor with
the pure backend, where they would have nothing to test.
"""

from __future__ import annotations

import os

ONCE = {
    "test_circuits.py",
    "test_constant_time.py",
    "test_core_source.py",
    "test_kernels.py",
    "test_levels.py",
    "test_sm4_levels.py",
}


def pytest_ignore_collect(collection_path):
    """Not collected instead of skipped: with CARDOS_REQUIRE_ALL a skip says that something is missing."""
    again = os.environ.get("CARDOS_LEVEL") or os.environ.get("CARDOS_BACKEND") == "pure"
    return True if again and collection_path.name in ONCE else None
