"""Personalisation: a blank card (or SAM) becomes what its profile says, by real commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from ..apdu.sam_commands import LEVEL_SHIFT
from ..crypto import Key
from ..errors import ParameterError, ProfileError
from ..fields import FIELDS, Value
from ..profile import FILE_TYPES, DirectorySpec, FileSpec, KeySpec, KeyType, Profile
from .keyring import KeyRing
from .sessions import MF, IssuerSession, needs_safety_code, public_data
from .transports import Transport

__all__ = ["CardData", "SamData", "personalise"]

_HEADER, _PURSE_BODY = 11, 24  # bytes that a directory, a file and a purse take beside their contents
_DIRECTORY_TAIL = b"\xff\xff"
_MAC_REQUIRED = 0x80  # high bit of the file type
_PURSE_SHAPE = 0x0208
_WHOLE_CARD = 0xFFFF
_CONTROL = (KeyType.AUTHENTICATION, 0)
_SAM_KEY_LIMIT = 0x20  # key types below are kinds of a SAM key


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """What is written on one card: ``issuer`` 8 bytes, ``application_serial`` 10 bytes, validity, the
    cardholder's data of file 0016 (text filled with 00, JR/T 0025.2 table C.2), and what only some cities have, named
    as in :data:`cardos.fields.FIELDS`.

    ``safety_code`` is the 9-byte code of a CJ/T 166 card; ``None`` makes one out of the serial number.

    >>> card = CardData(
    ...     issuer=bytes(8), application_serial=bytes.fromhex("00000102030405060708"), start=date(2025, 1, 1),
    ...     expiry=date(2034, 12, 31),
    ... )
    >>> card.card_serial.hex()
    '0102030405060708'
    """

    issuer: bytes
    application_serial: bytes
    start: date
    expiry: date
    application_type: int = 0x03
    application_version: int = 0x02
    fci_data: bytes = bytes(2)
    holder_type: int = 0
    staff: int = 0
    holder_name: bytes = bytes(20)
    holder_id: bytes = bytes(32)
    holder_id_type: int = 0
    safety_code: bytes | None = None
    issue_date: date | None = None
    country: bytes = bytes.fromhex("00000156")
    province: bytes = bytes(2)
    city: bytes = bytes(2)
    interoperability: int = 1
    card_kind: int = 1
    card_type: int = 0
    deposit: int = 0
    industry_code: bytes = bytes(2)
    test_flag: int = 0
    card_class: int = 0
    card_version: int = 0
    maker_device: bytes = bytes(6)
    version_code: bytes = bytes(3)
    version_byte: int = 0
    issuer_data: bytes = bytes(4)

    @property
    def card_serial(self) -> bytes:
        """The rightmost 16 digits of the application serial number, 8 bytes."""
        return self.application_serial[-8:]

    @property
    def values(self) -> Mapping[str, Value]:
        """The fields by name; a card is issued on its first day of validity unless said otherwise."""
        given = {name: getattr(self, name) for name in self.__slots__}
        made: dict[str, Value] = {
            "safety_code": b"\x01" + self.application_serial[-4:] + bytes(4),
            "issue_date": self.start, "record_flag": 0, "use_count": 0,
        }  # fmt: skip
        return made | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamData:
    """What is written on one PSAM: ``sam_serial`` 10 bytes, ``terminal`` number 6 bytes, validity, issuer and
    receiver 8 bytes each, the index of its purchase key.
    """

    sam_serial: bytes
    terminal: bytes
    start: date
    expiry: date
    issuer: bytes = bytes(8)
    receiver: bytes = bytes(8)
    key_index: int = 0
    sam_version: int = 1
    sam_type: int = 0
    fci_data: bytes = bytes(2)

    @property
    def values(self) -> Mapping[str, Value]:
        """The fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def personalise(transport: Transport, profile: Profile, data: CardData | SamData, keys: KeyRing) -> None:
    """Create the files and keys of ``profile`` on a blank card and write ``data``; the card is reset at the end.

    ``keys`` are master keys.  A card gets keys diversified for it; a PSAM gets the masters as they are, its
    purchase keys with one level per factor of the profile in their usage byte.  In each directory the
    control key travels in clear, as the blank directory allows, every other key enciphered under it.  Files
    that demand a MAC are written under the maintenance key after GET CHALLENGE (JR/T 0025.2 5.5.9).

    Data or keys that are missing or do not fit raise :class:`~cardos.errors.ParameterError` before the
    first command.  A refusal raises :class:`~cardos.errors.StatusError`; the card is then half made, and a
    new blank one is needed.
    """
    plan = _Plan.of(profile, data, keys)
    session = IssuerSession(transport, profile.suite, profile.cos)
    root = profile.directories[0]
    _create_directory(session, root, _WHOLE_CARD, bytes.fromhex(profile.cos.transport_code))
    if plan.safety_code:
        session.set_message(plan.safety_code)
    _fill(session, root, plan)
    _make_below(session, root, plan)
    transport.reset()


def _make_below(session: IssuerSession, parent: DirectorySpec, plan: _Plan) -> None:
    """The applications in the current directory: all are created before the first is entered, because that ends the
    free access to their parent.
    """
    inside = [d for d in plan.profile.directories if d.parent == parent.fid and not d.is_mf]
    for directory in inside:
        size = _size(directory, plan.profile)
        _create_directory(session, directory, size, _DIRECTORY_TAIL + directory.aid)
    for directory in inside:
        for step in plan.profile.path(directory):
            session.select_name(step.aid)
        _fill(session, directory, plan)
        _make_below(session, directory, plan)
        session.select_file(MF)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything to be written, computed before the first command."""

    levels: int
    contents: Mapping[tuple[int, int], tuple[bytes, ...]] = field(repr=False)
    values: Mapping[tuple[int, KeySpec], bytes] = field(repr=False)
    safety_code: bytes
    profile: Profile

    @classmethod
    def of(cls, profile: Profile, data: CardData | SamData, keys: KeyRing) -> _Plan:
        keys.check(profile)
        fields = profile.complete({**_constants(profile), **data.values})
        code = b""
        if isinstance(data, CardData):
            _check_readable(profile, fields)
            keys = keys.for_card(profile, **_factor_fields(profile, fields))
            if needs_safety_code(profile, "purchase", "mac1"):
                code = FIELDS["safety_code"].encode(fields["safety_code"])
        contents = {(d.fid, f.fid): _content(f, fields) for d in profile.directories for f in d.files}
        values = {(d.fid, k): _key_value(k, keys) for d in profile.directories for k in d.keys}
        return cls(len(profile.factors), contents, values, code, profile)

    def key(self, directory: DirectorySpec, key_type: int, key_id: int) -> Key:
        """The key of a directory as a :class:`~cardos.crypto.Key`."""
        for spec in directory.keys:
            if (spec.type, spec.id) == (key_type, key_id):
                return self.profile.suite.key(self.values[directory.fid, spec])
        where = f"{self.profile.where} [directory {directory.fid:04X}]"
        raise ProfileError(f"key {key_type:02X}/{key_id:02X} must exist", where=where)


def _constants(profile: Profile) -> dict[str, Value]:
    """Fields that the profile decides and not the data."""
    limit = next((file.limit for file in profile.application.files if file.type == "purse"), 0)
    reserved = bytes(FIELDS["reserved"].width)
    return {"load_limit": profile.sam.load_limit, "limit": limit, "reserved": reserved}


def _factor_fields(profile: Profile, fields: Mapping[str, Value]) -> dict[str, bytes]:
    return dict(zip(profile.factors, profile.factor_values(fields), strict=True))


def _check_readable(profile: Profile, fields: Mapping[str, Value]) -> None:
    """Refuse a serial number that the public files of the card cannot hold."""
    written = {}
    for place in profile.public:
        layout = profile.file(place.file, place.directory).layout
        written[place] = b"" if layout is None else layout.assemble(fields)
    serial = public_data(profile, written).application_serial
    if serial != fields["application_serial"]:
        raise ParameterError(
            "application_serial", f"what file {profile.public[0].file:04X} can hold", "more digits"
        )


def _content(spec: FileSpec, fields: Mapping[str, Value]) -> tuple[bytes, ...]:
    """What is written into a file: the file, or its records."""
    if spec.type == "transparent" and spec.layout:
        return (spec.layout.assemble(fields),)
    return spec.filled


def _key_value(spec: KeySpec, keys: KeyRing) -> bytes:
    return keys[spec.source].reveal() if spec.source else bytes.fromhex(spec.value or "")


def _create_directory(session: IssuerSession, directory: DirectorySpec, size: int, tail: bytes) -> None:
    session.create_directory(
        directory.fid, size=size, create=directory.create, erase=directory.erase,
        application=directory.application, tail=tail,
    )  # fmt: skip


def _fill(session: IssuerSession, directory: DirectorySpec, plan: _Plan) -> None:
    """Keys and files of the current directory, which is empty: until it is left everything may be made in it."""
    for spec in directory.files:
        if spec.type == "key":
            _create(session, directory, spec)
    _write_keys(session, directory, plan)
    for spec in directory.files:
        if spec.type != "key":
            _make_file(session, directory, spec, plan)


def _size(directory: DirectorySpec, profile: Profile) -> int:
    """Bytes that a directory needs with everything in it: headers, names and bodies (FMCOS 4.2)."""
    bodies = sum(
        spec.size or spec.records * (spec.record_length + 1) or _PURSE_BODY for spec in directory.files
    )
    inside = (d for d in profile.directories if d.parent == directory.fid)
    below = sum(_size(d, profile) for d in inside)
    return _HEADER + len(directory.aid) + _HEADER * len(directory.files) + bodies + below


def _write_keys(session: IssuerSession, directory: DirectorySpec, plan: _Plan) -> None:
    control: Key | None = None
    for key in sorted(directory.keys, key=lambda key: (key.type, key.id) != _CONTROL):
        value = plan.values[directory.fid, key]
        if key.type < _SAM_KEY_LIMIT:
            usage = (plan.levels if key.levels < 0 else key.levels) << LEVEL_SHIFT | key.type
            master = plan.profile.suite.key(value)
            session.write_sam_key(usage, key.id, key.second, master, control=plan.key(directory, *_CONTROL))
        else:
            session.write_key(
                key.type, key.id, value, use=key.use, change=key.change, first=key.first, second=key.second,
                control=control,
            )  # fmt: skip
        if (key.type, key.id) == _CONTROL:
            control = plan.key(directory, *_CONTROL)


def _make_file(session: IssuerSession, directory: DirectorySpec, spec: FileSpec, plan: _Plan) -> None:
    _create(session, directory, spec)
    content = plan.contents[directory.fid, spec.fid]
    key = None
    if spec.mac and content:
        # The low two bits of the protection byte name the key for writing, 11 being key 00 (FMCOS 7.13).
        key = plan.key(directory, KeyType.MAINTENANCE, ~spec.protection & 0x03)
    write = session.append_record if spec.has_records else session.update_binary
    for part in content:
        write(spec.sfi, part, key=key)


def _create(session: IssuerSession, directory: DirectorySpec, spec: FileSpec) -> None:
    """CREATE FILE of an EF (FMCOS 7.13): a purse names its log where others have the protection byte, a key file
    repeats the identifier of its directory.
    """
    session.create_file(
        spec.fid,
        FILE_TYPES[spec.type] | (_MAC_REQUIRED if spec.mac else 0),
        shape=spec.size or spec.records << 8 | spec.record_length or _PURSE_SHAPE,
        read=directory.application if spec.type == "key" else spec.read,
        write=spec.write,
        protection=spec.log or spec.protection,
    )
