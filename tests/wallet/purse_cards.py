"""City cards in every suite and dialect, with files for composite purchases and with other options."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from cardos.apdu.purse_commands import ED
from cardos.profile import FileSpec, Profile, load_dialect, load_profile
from tests.wallet.rig import PurseRig, card_with


def purse_profile(
    suite: str = "3des", dialect: str = "pboc2", *, files: tuple[FileSpec, ...] = (), deposit: int = 0,
    **options: object,
) -> Profile:  # fmt: skip
    """The shipped city card in another suite or dialect, with more files, with ``deposit`` fen of overdraft limit from
    the start, and with other options; unless those say otherwise, no PIN is needed.
    """
    profile = load_profile("city-3des").with_options(**{"pin_required": (), **options})
    mf, application = profile.directories
    own = tuple(
        replace(f, read=0xF0, limit=deposit * (f.fid == ED)) if f.type == "purse" else f
        for f in application.files
    )
    directories = (mf, replace(application, files=own + files))
    return replace(profile, dialect=load_dialect(dialect, suite), directories=directories)


#: Files of composite purchases: variable records (SFI 19), linear ones of 16 bytes (1A), cyclic ones of 48 (1E).
CAPP, LINEAR, CYCLIC = 0x19, 0x1A, 0x1E
COMPOSITE_FILES = (
    FileSpec(CAPP, "variable", size=0x80),
    FileSpec(LINEAR, "linear", records=4, record_length=16),
    FileSpec(CYCLIC, "cyclic", records=3, record_length=48),
)


@cache
def _made(arguments: tuple[tuple[str, object], ...]) -> tuple[Profile, bytes]:
    profile = purse_profile(**dict(arguments))
    return profile, PurseRig.build(profile).card.memory.snapshot()


def purse_card(**arguments: object) -> PurseRig:
    """A new card of a :func:`purse_profile`, in its application."""
    return card_with(*_made(tuple(sorted(arguments.items()))))
