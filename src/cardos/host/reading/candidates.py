"""The known cards: what a reader tries, in order, each row of ``candidates.toml`` joined with its card profile."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from ...apdu.purse_commands import LOG_RECORD
from ...errors import ProfileError
from ...fields import Value
from ...layout import Layout
from ...profile import DirectorySpec, FilePlace, FileSpec, Profile, load_layout, load_profile
from ..sessions import Purse
from .numbers import NumberRule

__all__ = ["Candidate", "PlannedFile", "city_name", "load_candidates"]

_DATA = "candidates.toml"
_SECRET_KINDS = ("key", "purse")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to read: whether it holds records, and their tags where they have some; the layout of the file or of a
    record, where it is known.
    """

    place: FilePlace
    has_records: bool
    layout: Layout | None
    tags: tuple[int, ...]

    @property
    def sfi(self) -> int:
        """Short file identifier."""
        return self.place.file & 0x1F

    @classmethod
    def of(cls, directory: DirectorySpec, spec: FileSpec) -> PlannedFile:
        """What a profile says of a file."""
        logs = {each.log for each in directory.files if each.log}
        layout = LOG_RECORD if spec.layout is None and spec.sfi in logs else spec.layout
        tags = tuple(record[0] for record in spec.filled) if spec.type == "variable" else ()
        return cls(FilePlace(directory.fid, spec.fid), spec.has_records, layout, tags)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A known card: its profile, how it is recognised, and how its data are shown; the rows of the data say what each
    member is.
    """

    profile: Profile
    title: str
    names: tuple[bytes, ...]
    titles: Mapping[bytes, str]
    fids: tuple[int, ...]
    any_name: bool
    begins: Mapping[FilePlace, bytes]
    lengths: Mapping[FilePlace, int]
    number: NumberRule
    numbers: tuple[NumberRule, ...]
    region: Layout | None
    region_codes: str
    mask: int
    variants: Mapping[bytes, Layout]
    terminals: tuple[tuple[re.Pattern[str], str], ...]

    @property
    def path(self) -> tuple[DirectorySpec, ...]:
        """The directories to read, in order: the MF, and those that lead to the application, itself the last."""
        return (self.profile.directories[0], *self.profile.path(self.profile.application))

    def files(self, directory: DirectorySpec) -> tuple[PlannedFile, ...]:
        """What is read in a directory."""
        wanted = (spec for spec in directory.files if spec.type not in _SECRET_KINDS)
        return tuple(PlannedFile.of(directory, spec) for spec in wanted)

    @property
    def purses(self) -> tuple[Purse, ...]:
        """The purses that the application may have, the one to show first; none on a SAM."""
        return (Purse.EP, Purse.ED) if self.profile.kind == "card" else ()

    def layout_of(self, planned: PlannedFile, record: bytes) -> Layout | None:
        """The layout of a record, which may be another for one that begins otherwise."""
        if not planned.has_records:
            return planned.layout
        special = (layout for head, layout in self.variants.items() if record.startswith(head))
        return next(special, planned.layout)

    def city(self, values: Mapping[str, Value]) -> tuple[bytes, str]:
        """The region code of a card with these data elements, and its name; empty where they are not known."""
        if self.region is None or not self.region.names <= values.keys():
            return b"", ""
        code = self.region.assemble(values)
        return code, city_name(self.region_codes, code)

    def place_of(self, terminal: bytes) -> str:
        """What a terminal number tells; empty when nothing."""
        for pattern, text in self.terminals:
            match = pattern.fullmatch(terminal.hex())
            if match:
                return match.expand(text)
        return ""


def city_name(system: str, code: bytes) -> str:
    """The city with a region code of ``postal`` or ``unionpay``; empty when it is not known.

    >>> city_name("unionpay", bytes.fromhex("2900")), city_name("postal", bytes.fromhex("2000"))
    ('Shanghai', 'Shanghai')
    """
    cities: Mapping[str, str] = _tables()["cities"][system]
    return cities.get(code.hex(), "")


@cache
def load_candidates() -> tuple[Candidate, ...]:
    """The known cards in the order in which they are tried.

    >>> [each.profile.name for each in load_candidates()][:2]
    ['beijing', 'wuhan']
    """
    return tuple(_candidate(row) for row in _tables()["candidate"])


# A TOML table: its values are whatever the file holds.
_Table = Mapping[str, Any]
_KEYS = {each.name for each in fields(Candidate)} - {"region", "region_codes"} | {"city"}


@cache
def _tables() -> _Table:
    text = (resources.files(__package__) / _DATA).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _candidate(row: _Table) -> Candidate:
    profile = load_profile(row["profile"])
    unknown = row.keys() - _KEYS
    if unknown:
        raise ProfileError(f"unknown field {min(unknown)}", where=f"{_DATA} [candidate {profile.name}]")
    region, codes = row.get("city", ("", ""))
    begins = {FilePlace.parse(place): bytes.fromhex(head) for place, head in row.get("begins", {}).items()}
    titles = {bytes.fromhex(name): title for name, title in row.get("titles", {}).items()}
    variants = {bytes.fromhex(head): load_layout(name) for head, name in row.get("variants", {}).items()}
    return Candidate(
        profile,
        row.get("title", profile.title),
        (profile.application.aid, *map(bytes.fromhex, row.get("names", ())), *titles),
        MappingProxyType(titles),
        tuple(row.get("fids", ())),
        row.get("any_name", False),
        MappingProxyType(begins),
        MappingProxyType({FilePlace.parse(place): size for place, size in row.get("lengths", {}).items()}),
        NumberRule.parse(*row["number"]),
        tuple(NumberRule.parse(*each) for each in row.get("numbers", ())),
        Layout.parse("city", [region]) if region else None,
        codes,
        row.get("mask", 0xFFFFFFFF),
        MappingProxyType(variants),
        tuple((re.compile(pattern), text) for pattern, text in row.get("terminals", ())),
    )
