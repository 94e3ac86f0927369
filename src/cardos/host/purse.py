"""The electronic deposit and purse as a terminal sees it: one method per command (JR/T 0025.2 5.2, 5.5)."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any, cast

from ..apdu import SW, Tlv
from ..apdu.os_commands import GET_MESSAGE
from ..apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    LOG_RECORD,
)
from ..errors import ParameterError, ProfileError, StatusError
from ..fields import FIELDS, Value, with_moment
from ..profile import DirectorySpec, FilePlace, FileSpec, Profile
from .session import MF, FileSession
from .transport import Transport

__all__ = [
    "BalanceForm",
    "LoadInitialised",
    "LogRecord",
    "Proof",
    "PublicData",
    "PurchaseDebited",
    "PurchaseInitialised",
    "Purse",
    "PurseSession",
    "check_amount",
    "key_index",
    "needs_safety_code",
    "public_data",
]

_LOG_FILE = 0x0018
_ISSUER_DATA = 0x9F0C  # tag of file 0015 inside the FCI
_SAFETY_CODE = "safety_code"
_NO_MORE_RECORDS = (SW.RECORD_NOT_FOUND, SW.FILE_NOT_FOUND)
_FIRST_SFI_RECORD, _LAST_RECORD = 1, 255


class Purse(enum.Enum):
    """A purse of the card: its P2 and its transaction types (JR/T 0025.2 annex A), and the identifier of its file."""

    ED = (0x01, 0x01, 0x05, 0x0001)
    EP = (0x02, 0x02, 0x06, 0x0002)

    def __init__(self, p2: int, load: int, purchase: int, fid: int) -> None:
        self.p2 = p2
        self.load = load
        self.purchase = purchase
        self.fid = fid


@enum.unique
class BalanceForm(enum.IntEnum):
    """What GET BALANCE gives, by P1; most cards know ALL only (JT/T 978)."""

    ALL = 0x00  #: everything that can be spent, overdraft included
    LIMIT = 0x01  #: the overdraft limit
    LIMIT_USED = 0x02  #: what of the limit is in use
    OWN = 0x03  #: the holder's own money


@dataclass(frozen=True, slots=True)
class PublicData:
    """What a card says of itself, mostly in file 0015: ``issuer`` 8 bytes, ``application_serial`` 10 bytes, first and
    last day of validity, and the 8 bytes ``card_serial`` that name the card and diversify its keys, as a rule the
    rightmost 16 digits of the application serial number.
    """

    issuer: bytes
    application_serial: bytes
    start: date
    expiry: date
    card_serial: bytes


@dataclass(frozen=True, slots=True)
class LoadInitialised:
    """Answer to INITIALIZE FOR LOAD; ``balance`` in fen, ``online_serial`` before the step."""

    balance: int
    online_serial: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True)
class PurchaseInitialised:
    """Answer to INITIALIZE FOR PURCHASE; ``balance`` and overdraft ``limit`` in fen, ``offline_serial`` before
    the step.
    """

    balance: int
    offline_serial: int
    limit: int
    key_version: int
    algorithm: int
    random: bytes


@dataclass(frozen=True, slots=True)
class PurchaseDebited:
    """Answer to DEBIT FOR PURCHASE: the TAC for the centre, MAC2 for the PSAM."""

    tac: bytes
    mac2: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Answer to GET TRANSACTION PROVE: MAC2 of a purchase (zeros for a load) and the TAC."""

    mac: bytes
    tac: bytes


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of file 0018: ``serial`` after the step, ``amount`` in fen, ``new_limit`` for overdraft updates."""

    serial: int
    new_limit: int
    amount: int
    type: int
    terminal: bytes
    when: datetime


def check_amount(amount: int) -> None:
    """Raise :class:`~cardos.errors.ParameterError` unless ``amount`` is 1..4294967295 fen."""
    if not 1 <= amount <= FIELDS["amount"].maximum:
        raise ParameterError("amount", f"1..{FIELDS['amount'].maximum} fen", amount)


def key_index(profile: Profile, purpose: str) -> int:
    """Index of the key with this purpose in the application of ``profile``.

    >>> from cardos.profile import load_profile
    >>> key_index(load_profile("city-3des"), "purchase")
    1
    """
    for key in profile.application.keys:
        if key.source == purpose:
            return key.id
    raise ProfileError(f"a key with source {purpose!r} must exist in the application", where=profile.where)


class PurseSession(FileSession):
    """The purse application of a card of ``profile``, selected here; ``public`` is what the card says of itself.

    No MAC is checked and no order kept: that is the business of the flows above.
    """

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile.suite)
        self.profile = profile
        home = profile.application
        raw = {place: self._elsewhere(place) for place in profile.public if place.directory != home.fid}
        fci = self._enter(home)
        raw |= {place: self._here(place, fci) for place in profile.public if place.directory == home.fid}
        self.public = public_data(profile, raw)

    def _enter(self, directory: DirectorySpec) -> tuple[Tlv, ...]:
        """The FCI of a directory, which becomes the current one; where some lie in others the way starts at the MF."""
        path = self.profile.path(directory)
        nested = any(each.parent != MF for each in self.profile.directories)
        fci = self.select_file(MF) if nested or not path else ()
        for step in path:
            fci = self.select_name(step.aid)
        return fci

    def _elsewhere(self, place: FilePlace) -> bytes:
        self._enter(self.profile.directory_of(place.directory))
        return self.read_binary(_spec(self.profile, place).sfi)

    def _here(self, place: FilePlace, fci: tuple[Tlv, ...]) -> bytes:
        """From the FCI where the card puts it, otherwise read."""
        found = next((tlv for top in fci if (tlv := top.find(_ISSUER_DATA))), None)
        return found.value if found else self.read_binary(_spec(self.profile, place).sfi)

    def initialize_for_load(
        self, purse: Purse, *, amount: int, terminal: bytes, key: int | None = None
    ) -> LoadInitialised:
        """INITIALIZE FOR LOAD of ``amount`` fen (JR/T 0025.2 5.5.2); ``key`` is the key index, by default
        the profile's.
        """
        index = key_index(self.profile, "load") if key is None else key
        command = INITIALIZE_FOR_LOAD.command(
            None, purse.p2, key_index=index, amount=amount, terminal=terminal
        )
        return INITIALIZE_FOR_LOAD.answer_as(LoadInitialised, self.send(command).data)

    def credit_for_load(self, *, when: datetime, mac2: bytes) -> bytes:
        """CREDIT FOR LOAD with the moment and MAC2 of the issuer; gives the TAC."""
        command = CREDIT_FOR_LOAD.command(**with_moment(when), mac2=mac2)
        return cast(bytes, CREDIT_FOR_LOAD.parse_answer(self.send(command).data).tac)

    def initialize_for_purchase(
        self, purse: Purse, *, amount: int, terminal: bytes, key: int | None = None
    ) -> PurchaseInitialised:
        """INITIALIZE FOR PURCHASE of ``amount`` fen (JR/T 0025.2 5.5.4)."""
        index = key_index(self.profile, "purchase") if key is None else key
        command = INITIALIZE_FOR_PURCHASE.command(
            None, purse.p2, key_index=index, amount=amount, terminal=terminal
        )
        return INITIALIZE_FOR_PURCHASE.answer_as(PurchaseInitialised, self.send(command).data)

    def debit_for_purchase(self, *, terminal_serial: int, when: datetime, mac1: bytes) -> PurchaseDebited:
        """DEBIT FOR PURCHASE with the terminal serial and MAC1 of the PSAM."""
        command = DEBIT_FOR_PURCHASE.command(terminal_serial=terminal_serial, **with_moment(when), mac1=mac1)
        return DEBIT_FOR_PURCHASE.answer_as(PurchaseDebited, self.send(command).data)

    def get_balance(self, purse: Purse, form: BalanceForm = BalanceForm.ALL) -> int:
        """GET BALANCE, fen; a form that the card does not know raises ``6A86``."""
        answer = self.send(GET_BALANCE.command(form, purse.p2)).data
        return cast(int, GET_BALANCE.parse_answer(answer).balance)

    def shown_balance(self, purse: Purse) -> int:
        """The balance to show to the holder, fen: what can be spent without the overdraft limit, below 0 when some of
        that is in use.  Cards that know one form of GET BALANCE have no overdraft to take away.
        """
        balance = self.get_balance(purse)
        if self.profile.purse.balance_forms <= BalanceForm.LIMIT:
            return balance
        return balance - self.get_balance(purse, BalanceForm.LIMIT)

    def get_message(self) -> bytes:
        """GET MESSAGE: the 9-byte safety authentication code (CJ/T 166); ``6A81`` from a card that has none."""
        return cast(bytes, GET_MESSAGE.parse_answer(self.send(GET_MESSAGE.command()).data).safety_code)

    def get_transaction_prove(self, transaction_type: int, serial: int) -> Proof:
        """GET TRANSACTION PROVE of a completed transaction; ``serial`` is the value after the step (JR/T
        0025.2 5.6).

        ``9406`` says that this is not the card's last completed transaction.
        """
        command = GET_TRANSACTION_PROVE.command(None, transaction_type, serial=serial)
        return GET_TRANSACTION_PROVE.answer_as(Proof, self.send(command).data)

    def read_log(self) -> Iterator[LogRecord]:
        """The records of file 0018, newest first, each read when it is asked for; empty ones are left out."""
        spec = self.profile.file(_LOG_FILE)
        for number in range(_FIRST_SFI_RECORD, _LAST_RECORD + 1):
            try:
                raw = self.read_record(spec.sfi, number, length=spec.record_length)
            except StatusError as error:
                if error.sw in _NO_MORE_RECORDS:
                    return
                raise
            if raw != bytes(spec.record_length):
                yield _log_record(raw)


def _log_record(raw: bytes) -> LogRecord:
    # The layout's values have the types that the fields of LogRecord declare; typing cannot follow that.
    values = cast(dict[str, Any], LOG_RECORD.split(raw))
    when = datetime.combine(cast(date, values.pop("date")), cast(time, values.pop("time")))
    return LogRecord(when=when, **values)


def needs_safety_code(profile: Profile, transaction: str, item: str) -> bool:
    """Whether the dialect puts the card's safety authentication code under this MAC (CJ/T 166).

    >>> from cardos.profile import load_profile
    >>> needs_safety_code(load_profile("city-3des"), "purchase", "mac1")
    False
    """
    return _SAFETY_CODE in profile.dialect.transaction(transaction).item(item).names


def _spec(profile: Profile, place: FilePlace) -> FileSpec:
    return profile.file(place.file, place.directory)


def public_data(profile: Profile, raw: Mapping[FilePlace, bytes]) -> PublicData:
    """What the public files of a card of ``profile`` say, by their places.

    Raises :class:`~cardos.errors.DecodeError` when they hold something else, and
    :class:`~cardos.errors.ProfileError` when the profile does not say enough of them.
    """
    values: dict[str, Value] = {}
    for place, content in raw.items():
        layout = _spec(profile, place).layout
        if layout is None:
            raise ProfileError(f"file {place.file:04X} must have a content", where=profile.where)
        values |= layout.split(content[: layout.width])
    known = profile.complete(values)
    names = tuple(field.name for field in fields(PublicData))
    missing = [name for name in names if name not in known]
    if missing:
        files = ", ".join(f"{place.file:04X}" for place in profile.public)
        raise ProfileError(f"content of file {files} must have {missing[0]}", where=profile.where)
    return PublicData(**_chosen(known, names))


def _chosen(
    values: Mapping[str, Value], names: tuple[str, ...]
) -> dict[str, Any]:  # typed by the layout, as above
    return {name: values[name] for name in names}
