"""Profiles: card kinds, SAM kinds and dialects as TOML data, loaded and checked once.

The shipped ones lie in ``cardos/profiles``; a path to a file of your own works everywhere a name does.  A
profile says what a card contains (directories, files, keys), how its operating system behaves where
products differ, and which dialect and cipher suite its transactions use.  A contradiction is refused when the
profile is loaded, with file, table and field.
"""

from __future__ import annotations

from .loading import layout_names, load_dialect, load_layout, load_profile, profile_names
from .model import FILE_TYPES, DirectorySpec, FilePlace, FileSpec, FileType, KeySpec, KeyType, Profile

__all__ = [
    "FILE_TYPES",
    "DirectorySpec",
    "FilePlace",
    "FileSpec",
    "FileType",
    "KeySpec",
    "KeyType",
    "Profile",
    "layout_names",
    "load_dialect",
    "load_layout",
    "load_profile",
    "profile_names",
]
