"""Which file of a profile a command means, followed through the selections before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ...apdu import SW, Command, CommandSpec
from ...apdu.os_commands import (
    APPEND_RECORD,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from ...apdu.purse_commands import LOG_RECORD, UPDATE_CAPP_DATA_CACHE
from ...layout import Layout
from ...profile import DirectorySpec, FileSpec, Profile

__all__ = ["Places", "selection_done", "short_place"]

_BY_NAME = 0x04
_SHORT = 0x80
#: What a selection may answer and still be done: success, more to come, or a blocked application's FCI.
_DONE = frozenset(f"{sw:04X}" for sw in (SW.SUCCESS, SW.FILE_INVALIDATED))


def _of_binary(command: Command) -> tuple[int, int]:
    """Short identifier (0: the current file) and offset."""
    return (command.p1 & 0x1F, command.p2) if command.p1 & _SHORT else (0, command.p1 << 8 | command.p2)


def _of_record(command: Command) -> tuple[int, int]:
    return command.p2 >> 3, 0


#: Where commands carry a short identifier.
_PLACES: Mapping[str, Callable[[Command], tuple[int, int]]] = MappingProxyType(
    {
        READ_BINARY.name: _of_binary,
        UPDATE_BINARY.name: _of_binary,
        READ_RECORD.name: _of_record,
        UPDATE_RECORD.name: _of_record,
        APPEND_RECORD.name: _of_record,
        UPDATE_CAPP_DATA_CACHE.name: _of_record,
    }
)


def short_place(spec: CommandSpec, command: Command) -> tuple[int, int] | None:
    """Short identifier (0: the current file) and offset of what a command reads or writes; ``None`` for one that does
    neither.
    """
    place = _PLACES.get(spec.name)
    return None if place is None else place(command)


def selection_done(sw: str) -> bool:
    """Whether a SELECT with this status word, in hex, changed what is selected."""
    return sw.startswith("61") or sw in _DONE


class Places:
    """The current directory and file of a card of ``profile``."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.reset()

    def reset(self) -> None:
        """The card was reset: its MF is the current directory."""
        self.directory: DirectorySpec = self._profile.directories[0]
        self.file: FileSpec | None = None

    def follow(self, spec: CommandSpec, command: Command, sw: int) -> Layout | None:
        """Take a command and its status in; gives the layout of what it reads or writes, if the profile has one."""
        if spec is SELECT:
            if selection_done(f"{sw:04X}"):
                self._select(command)
            return None
        place = short_place(spec, command)
        if place is None:
            return None
        sfi, offset = place
        if sfi:
            self.file = next((file for file in self.directory.files if file.sfi == sfi), None)
        return None if self.file is None or offset else self._layout(self.file)

    def _select(self, command: Command) -> None:
        if command.p1 == _BY_NAME:
            self._enter(lambda each: each.aid.startswith(command.data))
        elif not command.data or not self._enter(lambda each: each.fid.to_bytes(2, "big") == command.data):
            fid = int.from_bytes(command.data, "big")
            self.file = self.directory.find(fid) if command.data else None
            if not command.data:
                self.reset()

    def _enter(self, chosen: Callable[[DirectorySpec], bool]) -> bool:
        found = next((each for each in self._profile.directories if chosen(each)), None)
        if found is not None:
            self.directory, self.file = found, None
        return found is not None

    def _layout(self, file: FileSpec) -> Layout | None:
        if file.layout is not None:
            return file.layout
        logs = {each.log for each in self.directory.files if each.log} | {self._profile.purse.load_log}
        is_log = file.sfi in logs and file.record_length == LOG_RECORD.width
        return LOG_RECORD if is_log else None
