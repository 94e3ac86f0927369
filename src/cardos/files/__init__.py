"""The card's disk and operating system: non-volatile memory, file tree, keys, access rights, security state."""

from __future__ import annotations
