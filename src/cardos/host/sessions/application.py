"""The application of a profile on a card: its commands sent with the parameters that the profile names."""

from __future__ import annotations

from typing import TypeVar

from ...apdu import CommandSpec, Tlv
from ...profile import DirectorySpec, Profile
from ..transports import Transport
from .files import MF, FileSession
from .public import key_index

__all__ = ["ApplicationSession"]

_T = TypeVar("_T")


class ApplicationSession(FileSession):
    """A card of ``profile``, and what its commands have in common."""

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile.suite, profile.cos)
        self.profile = profile

    def enter(self, directory: DirectorySpec) -> tuple[Tlv, ...]:
        """SELECT of a directory of the profile; its FCI.  Where some lie in others the way starts at the MF."""
        path = self.profile.path(directory)
        nested = any(each.parent != MF for each in self.profile.directories)
        fci = self.select_file(MF) if nested or not path else ()
        for step in path:
            fci = self.select_name(step.aid)
        return fci

    def _index(self, purpose: str, key: int | None) -> int:
        """The key index ``key``, by default that of the profile's key for ``purpose``."""
        return key_index(self.profile, purpose) if key is None else key

    def _ask(
        self, spec: CommandSpec, kind: type[_T], p1: int | None = None, p2: int | None = None, /, **fields: object
    ) -> _T:  # fmt: skip
        """The answer to a command as the dataclass ``kind``."""
        return spec.answer_as(kind, self.send(spec.command(p1, p2, **fields)).data)
