"""What the tests of the installed program and of the real PC/SC stack share."""

from __future__ import annotations

from tests.e2e.stack import stack

__all__ = ["stack"]
