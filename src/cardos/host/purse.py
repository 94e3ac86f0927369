"""The electronic deposit and purse as a terminal sees it: one method per command (JR/T 0025.2 5.2, 5.5)."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, cast

from ..apdu import SW, Tlv
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
from ..profile import Profile
from .session import FileSession
from .transport import Transport

__all__ = [
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
]

_PUBLIC_FILE, _LOG_FILE = 0x0015, 0x0018
_ISSUER_DATA = 0x9F0C  # tag of file 0015 inside the FCI
_NO_MORE_RECORDS = (SW.RECORD_NOT_FOUND, SW.FILE_NOT_FOUND)
_FIRST_SFI_RECORD, _LAST_RECORD = 1, 255


class Purse(enum.Enum):
    """A purse of the card: its P2 and its transaction types (JR/T 0025.2 annex A)."""

    ED = (0x01, 0x01, 0x05)
    EP = (0x02, 0x02, 0x06)

    def __init__(self, p2: int, load: int, purchase: int) -> None:
        self.p2 = p2
        self.load = load
        self.purchase = purchase


@dataclass(frozen=True, slots=True)
class PublicData:
    """What a card says of itself in file 0015: ``issuer`` 8 bytes, ``application_serial`` 10 bytes, first and
    last day of validity.
    """

    issuer: bytes
    application_serial: bytes
    start: date
    expiry: date

    @property
    def card_serial(self) -> bytes:
        """The rightmost 16 digits of the application serial number: they name the card and diversify its
        keys.
        """
        return self.application_serial[-8:]


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
    """The purse application of a card of ``profile``, selected here; ``public`` is its file 0015.

    No MAC is checked and no order kept: that is the business of the flows above.
    """

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile.suite)
        self.profile = profile
        fci = self.select_name(profile.application.aid)
        self.public = _public_data(profile, self._issuer_data(fci))

    def _issuer_data(self, fci: tuple[Tlv, ...]) -> bytes:
        """File 0015: from the FCI where the card puts it, otherwise read."""
        found = next((tlv for top in fci if (tlv := top.find(_ISSUER_DATA))), None)
        return found.value if found else self.read_binary(self.profile.file(_PUBLIC_FILE).sfi)

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

    def get_balance(self, purse: Purse) -> int:
        """GET BALANCE, fen."""
        return cast(
            int, GET_BALANCE.parse_answer(self.send(GET_BALANCE.command(None, purse.p2)).data).balance
        )

    def get_transaction_prove(self, transaction_type: int, serial: int) -> Proof:
        """GET TRANSACTION PROVE of a completed transaction; ``serial`` is the value after the step (JR/T
        0025.2 5.6).

        ``9406`` says that this is not the card's last completed transaction.
        """
        command = GET_TRANSACTION_PROVE.command(None, transaction_type, serial=serial)
        return GET_TRANSACTION_PROVE.answer_as(Proof, self.send(command).data)

    def read_log(self) -> Iterator[LogRecord]:
        """The records of file 0018, newest first, each read when it is asked for."""
        spec = self.profile.file(_LOG_FILE)
        for number in range(_FIRST_SFI_RECORD, _LAST_RECORD + 1):
            try:
                raw = self.read_record(spec.sfi, number, length=spec.record_length)
            except StatusError as error:
                if error.sw in _NO_MORE_RECORDS:
                    return
                raise
            yield _log_record(raw)


def _log_record(raw: bytes) -> LogRecord:
    # The layout's values have the types that the fields of LogRecord declare; typing cannot follow that.
    values = cast(dict[str, Any], LOG_RECORD.split(raw))
    when = datetime.combine(cast(date, values.pop("date")), cast(time, values.pop("time")))
    return LogRecord(when=when, **values)


def _public_data(profile: Profile, raw: bytes) -> PublicData:
    layout = profile.file(_PUBLIC_FILE).layout
    if layout is None:
        raise ProfileError("file 0015 must have a content", where=profile.where)
    values = layout.split(raw[: layout.width])
    names = ("issuer", "application_serial", "start", "expiry")
    missing = [name for name in names if name not in values]
    if missing:
        raise ProfileError(f"content of file 0015 must have {missing[0]}", where=profile.where)
    return PublicData(**_chosen(values, names))


def _chosen(
    values: Mapping[str, Value], names: tuple[str, ...]
) -> dict[str, Any]:  # typed by the layout, as above
    return {name: values[name] for name in names}
