"""What a profile must not contradict: each check names the first contradiction with file, table and field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from ..errors import CardosError, ProfileError
from ..fields import FIELDS
from .model import FILE_TYPES, DirectorySpec, FileSpec, KeySpec, KeyType, Profile

__all__ = ["check_profile", "label"]

_KINDS = ("card", "psam", "isam", "keycard")
_FACTOR_SIZE = 8
_BYTE, _FID = range(0x100), range(0x10000)
_RECORDS, _RECORD_LIMIT, _SIZES = range(2, 256), 248, range(1, 0x8000)
_NAME_SIZES = range(1, 17)
_MOST_LEVELS = 3  # of directories (FMCOS 1.1) and of diversification
_LOG_WIDTH = 23  # JR/T 0025.2 table C.4
_SFI_BITS, _KEY_BITS, _SAM_KEYS = 0x1F, 0x3F, 0x20
_PROTECTED_READ = 0x80  # bit of the protection byte that is 0 when reading needs a MAC (FMCOS 11.2)
#: Bytes of a key record beside its value, of a header, and of a purse (FMCOS 4.2, 7.12).
_KEY_HEAD, _HEADER, _PURSE_BODY = 8, 11, 22
_MASTER_KEY = 16
_MF_NAME = "315041592E5359532E4444463031"  # not counted (FMCOS 4.2)
_ELEMENT = re.compile(r"(88|9F08|9F0C|BF0C|[0-9A-Fa-f]{2}([0-9A-Fa-f]{2})?=([0-9A-Fa-f]{2})+)")


def label(table: str, *identity: object) -> str:
    """A row of a table by what tells it from the others.

    >>> label("file", 0x15), label("key", 0x39, 0)
    ('[file 0015]', '[key 39/00]')
    """
    width = 4 if len(identity) == 1 else 2
    shown = "/".join(f"{each:0{width}X}" if isinstance(each, int) else "?" for each in identity)
    return f"[{table} {shown}]"


def _refuse(problem: str, where: str) -> NoReturn:
    raise ProfileError(problem, where=where)


def _need_range(value: int, allowed: range, name: str, where: str) -> None:
    if value not in allowed:
        width = len(f"{allowed[-1]:X}")
        _refuse(f"{name} must be {allowed[0]:0{width}X}..{allowed[-1]:X}, got {value:X}", where)


def _need_unique(items: Sequence[str], what: str, where: str) -> None:
    for position, item in enumerate(items):
        if item in items[:position]:
            _refuse(f"{what} must be unique, got {item} twice", where)


def _need_hex(text: str, name: str, where: str) -> bytes:
    """The bytes; the text is not shown where it may be a key."""
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text):
        shown = "" if name == "value" else f", got {text!r}"
        _refuse(f"{name} must be whole bytes in hex{shown}", where)
    return bytes.fromhex(text)


# ------------------------------------------------------------------ files


def _check_shape(spec: FileSpec, where: str) -> None:
    if spec.type not in FILE_TYPES:
        _refuse(f"type must be one of {', '.join(FILE_TYPES)}, got {spec.type!r}", where)
    _need_range(spec.fid, _FID, "fid", where)
    for name in ("read", "write", "protection"):
        _need_range(getattr(spec, name), _BYTE, name, where)
    if spec.type in ("linear", "cyclic"):
        if spec.records not in _RECORDS:
            _refuse(f"records must be {_RECORDS[0]}..{_RECORDS[-1]}, got {spec.records}", where)
        if not 1 <= spec.record_length <= _RECORD_LIMIT:
            _refuse(f"record_length must be 1..{_RECORD_LIMIT}, got {spec.record_length}", where)
    elif spec.type != "purse" and spec.size not in _SIZES:
        _refuse(f"size must be {_SIZES[0]}..{_SIZES[-1]}, got {spec.size}", where)


def _check_content(spec: FileSpec, where: str) -> None:
    try:
        layout = spec.layout
    except CardosError as error:
        _refuse(f"content: {error}", where)
    limit = spec.record_length or spec.size
    if layout is not None and layout.width > limit:
        _refuse(f"content must be at most {limit} bytes, got {layout.width}", where)


def _check_initial(spec: FileSpec, where: str) -> None:
    parts = [_need_hex(part, "initial", where) for part in spec.initial]
    most = {"linear": spec.records, "cyclic": spec.records, "variable": len(parts)}.get(spec.type, 1)
    if len(parts) > most:
        _refuse(f"initial must be at most {most} of them, got {len(parts)}", where)
    if spec.type == "variable":
        _check_variable(spec, where)
    limit = spec.record_length or spec.size
    for part in parts:
        if len(part) > limit:
            _refuse(f"initial must be at most {limit} bytes, got {len(part)}", where)


def _check_variable(spec: FileSpec, where: str) -> None:
    """Records of a variable file are a tag, a length and that many bytes."""
    for record in spec.filled:
        if not 2 < len(record) <= _RECORD_LIMIT or len(record) != 2 + record[1]:
            _refuse(f"initial must be a tag, a length and as many bytes, got {record.hex().upper()}", where)
    total = sum(len(record) for record in spec.filled)
    if total > spec.size:
        _refuse(f"initial must be at most {spec.size} bytes, got {total}", where)


def _check_purse(spec: FileSpec, directory: DirectorySpec, where: str) -> None:
    if spec.type != "purse":
        for name, usual in (("log", 0), ("limit", 0), ("ceiling", -1)):
            if getattr(spec, name) != usual:
                _refuse(f"{name} must be left out, because only a purse has one", where)
        return
    if not 0 <= spec.limit <= FIELDS["limit"].maximum:
        _refuse(f"limit must be 0..{FIELDS['limit'].maximum} fen, got {spec.limit}", where)
    if spec.ceiling != -1 and not spec.limit <= spec.ceiling <= FIELDS["ceiling"].maximum:
        _refuse(
            f"ceiling must be {spec.limit} (the limit)..{FIELDS['ceiling'].maximum} fen, got {spec.ceiling}",
            where,
        )
    if spec.log:
        _check_log(spec, directory, where)


def _check_log(spec: FileSpec, directory: DirectorySpec, where: str) -> None:
    log = next((file for file in directory.files if file.sfi == spec.log), None)
    if log is None:
        _refuse(f"log must be the SFI of a file in the directory, got {spec.log:02X}", where)
    if log.type != "cyclic" or log.record_length != _LOG_WIDTH:
        _refuse(
            f"log must be a cyclic file of {_LOG_WIDTH}-byte records, got {log.type} {log.record_length}",
            where,
        )


def _check_protection(spec: FileSpec, directory: DirectorySpec, where: str) -> None:
    """The low bits of the protection byte name maintenance keys, 11 being key 00 (FMCOS 7.13)."""
    if spec.type in ("purse", "key"):
        return
    wanted = [~spec.protection & 3] if spec.mac else []
    if spec.protection < _PROTECTED_READ:
        wanted.append(~spec.protection >> 2 & 3)
    there = {key.id for key in directory.keys if key.type & _KEY_BITS == KeyType.MAINTENANCE}
    for key_id in wanted:
        if key_id not in there:
            _refuse(f"protection must name a key of the directory, got key 36/{key_id:02X}", where)


def _check_file(spec: FileSpec, directory: DirectorySpec, where: str) -> None:
    _check_shape(spec, where)
    _check_content(spec, where)
    _check_initial(spec, where)
    _check_purse(spec, directory, where)
    _check_protection(spec, directory, where)


# ------------------------------------------------------------------ keys


def _check_key(key: KeySpec, where: str) -> None:
    for name in ("type", "id", "use", "change", "first", "second"):
        _need_range(getattr(key, name), _BYTE, name, where)
    if not -1 <= key.levels <= _MOST_LEVELS:
        _refuse(f"levels must be 0..{_MOST_LEVELS}, or -1 for one per factor, got {key.levels}", where)
    if (key.source is None) == (key.value is None):
        _refuse("exactly one of source and value must be given", where)
    _need_hex(key.value or "", "value", where)


def _key_size(key: KeySpec) -> int:
    return _KEY_HEAD + (_MASTER_KEY if key.value is None else len(key.value) // 2)


def _key_name(key: KeySpec) -> str:
    type_ = key.type if key.type < _SAM_KEYS else key.type & _KEY_BITS
    return f"key {type_:02X}/{key.id:02X}"


def _check_key_file(directory: DirectorySpec, where: str) -> None:
    files = [spec for spec in directory.files if spec.type == "key"]
    if len(files) > 1:
        _refuse(
            "type must be key for one file of a directory, got two", f"{where} {label('file', files[1].fid)}"
        )
    if directory.keys and not files:
        _refuse("key must have a file of type key to lie in, got none", where)
    needed = sum(_key_size(key) for key in directory.keys)
    if files and needed > files[0].size:
        _refuse(
            f"size must be at least {needed} bytes for the keys of the directory, got {files[0].size}",
            f"{where} {label('file', files[0].fid)}",
        )


# ------------------------------------------------------------------ directories


def _check_directory(directory: DirectorySpec, where: str) -> None:
    _need_range(directory.fid, _FID, "fid", where)
    for name in ("create", "erase", "application"):
        _need_range(getattr(directory, name), _BYTE, name, where)
    size = len(_need_hex(directory.name, "name", where))
    if size not in _NAME_SIZES:
        _refuse(f"name must be {_NAME_SIZES[0]}..{_NAME_SIZES[-1]} bytes, got {size}", where)
    for element in directory.fci:
        if not _ELEMENT.fullmatch(element):
            _refuse(f"fci must be of TAG=hex, 88, 9F08, 9F0C and BF0C, got {element!r}", where)
    _need_unique([f"{f.fid:04X}" for f in directory.files], "fid of a file", where)
    short = [f"SFI {f.sfi:02X}" for f in directory.files if f.sfi and f.type != "key"]
    _need_unique(short, "SFI of a file", where)
    for key in directory.keys:
        _check_key(key, f"{where} {label('key', key.type, key.id)}")
    _need_unique([_key_name(key) for key in directory.keys], "type and id of a key", where)
    _check_key_file(directory, where)
    for spec in directory.files:
        _check_file(spec, directory, f"{where} {label('file', spec.fid)}")


def _check_tree(profile: Profile) -> None:
    where = f"{profile.where} [directory]"
    first, *others = profile.directories or (None,)
    if first is None or not first.is_mf:
        _refuse("the first directory must be the MF (fid 0x3F00)", where)
    if any(directory.is_mf for directory in others):
        _refuse("fid must be 3F00 for one directory, got two MFs", where)
    _need_unique([f"{d.fid:04X}" for d in profile.directories], "fid of a directory", where)
    _need_unique([d.name.upper() for d in profile.directories], "name of a directory", where)
    parents = {directory.fid: directory.parent for directory in others}
    for directory in others:
        own, above, levels = f"{profile.where} {label('directory', directory.fid)}", directory.fid, 1
        while above in parents and levels <= _MOST_LEVELS:
            above, levels = parents[above], levels + 1
        if levels > _MOST_LEVELS:
            _refuse(f"parent must leave at most {_MOST_LEVELS} levels below one another, got more", own)
        if above != first.fid:
            _refuse(f"parent must be the fid of a directory, got {above:04X}", own)


def _charges(profile: Profile) -> Iterator[int]:
    """What each directory and file takes of the memory, as the card counts (FMCOS 4.2)."""
    for directory in profile.directories:
        yield _HEADER + (0 if directory.name.upper() == _MF_NAME else len(directory.aid))
        for spec in directory.files:
            records = spec.records * (spec.record_length + 1) + profile.cos.record_overhead
            body = {"linear": records, "cyclic": records, "purse": _PURSE_BODY}.get(spec.type, spec.size)
            yield _HEADER + body


def _check_memory(profile: Profile) -> None:
    needed = sum(_charges(profile))
    if needed > profile.cos.memory:
        _refuse(
            f"memory must be at least {needed} bytes for the files of the profile, got {profile.cos.memory}",
            f"{profile.where} [cos]",
        )


# ------------------------------------------------------------------ the rest


def _check_head(profile: Profile) -> None:
    where = f"{profile.where} [profile]"
    if profile.kind not in _KINDS:
        _refuse(f"kind must be one of {', '.join(_KINDS)}, got {profile.kind!r}", where)
    for factor in profile.factors:
        if factor not in FIELDS or FIELDS[factor].width != _FACTOR_SIZE:
            _refuse(f"factors must be fields of {_FACTOR_SIZE} bytes, got {factor!r}", where)


def _check_places(profile: Profile) -> None:
    where = f"{profile.where} [profile]"
    if profile.home not in {directory.fid for directory in profile.directories}:
        _refuse(f"application must be the fid of a directory, got {profile.home:04X}", where)
    usual = len(profile.public) == 1 and profile.public[0].directory == profile.home
    for place in profile.public:
        directory = next((d for d in profile.directories if d.fid == place.directory), None)
        spec = None if directory is None else directory.find(place.file)
        if spec is None and usual:
            continue  # whoever asks for public data is told
        if spec is None or not spec.content:
            _refuse(f"public must be files with a content, got {place.directory:04X}/{place.file:04X}", where)


def check_profile(profile: Profile) -> None:
    """Raise :class:`~cardos.errors.ProfileError`, naming file, table and field, for the first contradiction in a
    profile.
    """
    for check in _CHECKS:
        check(profile)


def _check_directories(profile: Profile) -> None:
    for directory in profile.directories:
        _check_directory(directory, f"{profile.where} {label('directory', directory.fid)}")


_CHECKS: tuple[Callable[[Profile], None], ...] = (
    _check_head,
    _check_tree,
    _check_directories,
    _check_places,
    _check_memory,
)
