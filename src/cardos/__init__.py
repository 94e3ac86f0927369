"""cardos: a PBOC electronic purse and deposit, whole — card, SAM, terminal, personalisation, clearing, certification.

Import what you need from the rooms: :mod:`cardos.crypto`, :mod:`cardos.apdu`, :mod:`cardos.card`, :mod:`cardos.host`, …
``cardos.__version__`` is the version of the installed package.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    """The version, read from the installation when it is asked for: metadata is slow to find and rarely wanted."""
    if name == "__version__":
        from importlib.metadata import version

        return version("cardos")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
