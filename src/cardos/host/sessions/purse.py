"""The electronic deposit and purse as a terminal sees it: one method per command (JR/T 0025.2 5.2, 5.5; JR/T 0025.9
7.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, cast

from ...apdu import SW, Tlv
from ...apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    DEBIT_FOR_UNLOAD,
    GET_BALANCE,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_CAPP_PURCHASE,
    INITIALIZE_FOR_CASH_WITHDRAW,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    INITIALIZE_FOR_UNLOAD,
    INITIALIZE_FOR_UPDATE,
    LOG_RECORD,
    UPDATE_CAPP_DATA_CACHE,
    UPDATE_OVERDRAW_LIMIT,
)
from ...errors import StatusError
from ...fields import with_moment
from ...profile import FilePlace, FileSpec, Profile
from ..transports import Transport
from .answers import (
    BalanceForm,
    LoadInitialised,
    LogRecord,
    Proof,
    PurchaseDebited,
    PurchaseInitialised,
    Purse,
    UnloadInitialised,
    UpdateInitialised,
)
from .files import RecordMode, record_place
from .grey import GreyLockSession
from .moments import with_when
from .public import public_data

__all__ = ["PurseSession"]

_LOG_FILE: Final = 0x0018
_ISSUER_DATA: Final = 0x9F0C  # tag of file 0015 inside the FCI
_NO_MORE_RECORDS = (SW.RECORD_NOT_FOUND, SW.FILE_NOT_FOUND)
_FIRST_RECORD, _LAST_RECORD = 1, 255


class PurseSession(GreyLockSession):
    """The purse application of a card of ``profile``, selected here; ``public`` is what the card says of itself.

    No MAC is checked and no order kept: that is the business of the flows above.  ``terminal`` is a terminal number,
    ``key`` the index of the key to use, by default that of the profile.
    """

    def __init__(self, transport: Transport, profile: Profile) -> None:
        super().__init__(transport, profile)
        home = profile.application
        raw = {place: self._elsewhere(place) for place in profile.public if place.directory != home.fid}
        fci = self.enter(home)
        raw |= {place: self._here(place, fci) for place in profile.public if place.directory == home.fid}
        self.public = public_data(profile, raw)

    def _elsewhere(self, place: FilePlace) -> bytes:
        self.enter(self.profile.directory_of(place.directory))
        return self.read_binary(_spec(self.profile, place).sfi)

    def _here(self, place: FilePlace, fci: tuple[Tlv, ...]) -> bytes:
        """From the FCI where the card puts it, otherwise read."""
        found = next((tlv for top in fci if (tlv := top.find(_ISSUER_DATA))), None)
        return found.value if found else self.read_binary(_spec(self.profile, place).sfi)

    # -- load and unload

    def initialize_for_load(
        self, purse: Purse, *, amount: int, terminal: bytes, key: int | None = None
    ) -> LoadInitialised:
        """INITIALIZE FOR LOAD of ``amount`` fen (JR/T 0025.2 5.5.2)."""
        return self._ask(
            INITIALIZE_FOR_LOAD, LoadInitialised, None, purse.p2,
            key_index=self._index("load", key), amount=amount, terminal=terminal,
        )  # fmt: skip

    def credit_for_load(self, *, when: datetime, mac2: bytes) -> bytes:
        """CREDIT FOR LOAD with the moment and MAC2 of the issuer; gives the TAC."""
        command = CREDIT_FOR_LOAD.command(**with_moment(when), mac2=mac2)
        return cast(bytes, CREDIT_FOR_LOAD.parse_answer(self.send(command).data).tac)

    def initialize_for_unload(
        self, purse: Purse = Purse.ED, *, amount: int, terminal: bytes, key: int | None = None
    ) -> UnloadInitialised:
        """INITIALIZE FOR UNLOAD of ``amount`` fen (JR/T 0025.2 5.5.3)."""
        return self._ask(
            INITIALIZE_FOR_UNLOAD, UnloadInitialised, None, purse.p2,
            key_index=self._index("unload", key), amount=amount, terminal=terminal,
        )  # fmt: skip

    def debit_for_unload(self, *, when: datetime, mac2: bytes) -> bytes:
        """DEBIT FOR UNLOAD with the moment and MAC2 of the issuer; gives MAC3."""
        command = DEBIT_FOR_UNLOAD.command(**with_moment(when), mac2=mac2)
        return cast(bytes, DEBIT_FOR_UNLOAD.parse_answer(self.send(command).data).mac3)

    # -- purchase, cash withdrawal, composite purchase

    def initialize_for_purchase(
        self, purse: Purse, *, amount: int, terminal: bytes, key: int | None = None
    ) -> PurchaseInitialised:
        """INITIALIZE FOR PURCHASE of ``amount`` fen (JR/T 0025.2 5.5.4)."""
        return self._ask(
            INITIALIZE_FOR_PURCHASE, PurchaseInitialised, None, purse.p2,
            key_index=self._index("purchase", key), amount=amount, terminal=terminal,
        )  # fmt: skip

    def initialize_for_cash_withdraw(
        self, purse: Purse = Purse.ED, *, amount: int, terminal: bytes, key: int | None = None
    ) -> PurchaseInitialised:
        """INITIALIZE FOR CASH WITHDRAW of ``amount`` fen (JR/T 0025.2 5.5.5), completed by DEBIT FOR PURCHASE."""
        return self._ask(
            INITIALIZE_FOR_CASH_WITHDRAW, PurchaseInitialised, None, purse.p2,
            key_index=self._index("purchase", key), amount=amount, terminal=terminal,
        )  # fmt: skip

    def initialize_for_capp_purchase(
        self, purse: Purse = Purse.EP, *, amount: int, terminal: bytes, key: int | None = None
    ) -> PurchaseInitialised:
        """INITIALIZE FOR CAPP PURCHASE of ``amount`` fen, 0 allowed (JR/T 0025.9 7.4): records follow, then DEBIT FOR
        PURCHASE.
        """
        return self._ask(
            INITIALIZE_FOR_CAPP_PURCHASE, PurchaseInitialised, None, purse.p2,
            key_index=self._index("purchase", key), amount=amount, terminal=terminal,
        )  # fmt: skip

    def update_capp_data_cache(
        self, sfi: int, number: int, data: bytes, *, mode: RecordMode = RecordMode.FIRST
    ) -> None:
        """UPDATE CAPP DATA CACHE (JR/T 0025.9 7.4): a record that DEBIT FOR PURCHASE will write.

        ``number`` is the tag of a record of a file of variable records, 00 to add one to a cyclic file, otherwise and
        in mode NUMBER the number of the record.
        """
        self.send(UPDATE_CAPP_DATA_CACHE.command(number, record_place(sfi, mode), data=data))

    def debit_for_purchase(self, *, terminal_serial: int, when: datetime, mac1: bytes) -> PurchaseDebited:
        """DEBIT FOR PURCHASE with the terminal serial and MAC1 of the PSAM."""
        return self._ask(
            DEBIT_FOR_PURCHASE,
            PurchaseDebited,
            terminal_serial=terminal_serial,
            mac1=mac1,
            **with_moment(when),
        )

    # -- overdraft

    def initialize_for_update(
        self, purse: Purse = Purse.ED, *, terminal: bytes, key: int | None = None
    ) -> UpdateInitialised:
        """INITIALIZE FOR UPDATE of the overdraft limit (JR/T 0025.2 5.5.6)."""
        return self._ask(
            INITIALIZE_FOR_UPDATE, UpdateInitialised, None, purse.p2,
            key_index=self._index("overdraft", key), terminal=terminal,
        )  # fmt: skip

    def update_overdraw_limit(self, *, new_limit: int, when: datetime, mac2: bytes) -> bytes:
        """UPDATE OVERDRAW LIMIT to ``new_limit`` fen (0..16777215), with the moment and MAC2 of the issuer; gives the
        TAC.
        """
        command = UPDATE_OVERDRAW_LIMIT.command(new_limit=new_limit, **with_moment(when), mac2=mac2)
        return cast(bytes, UPDATE_OVERDRAW_LIMIT.parse_answer(self.send(command).data).tac)

    # -- what the card knows

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

    def get_transaction_prove(self, transaction_type: int, serial: int) -> Proof:
        """GET TRANSACTION PROVE of a completed transaction; ``serial`` is the value after the step (JR/T
        0025.2 5.6).

        ``9406`` says that this is not the card's last completed transaction.
        """
        return self._ask(GET_TRANSACTION_PROVE, Proof, None, transaction_type, serial=serial)

    def read_log(self) -> Iterator[LogRecord]:
        """The records of file 0018, newest first, each read when it is asked for; empty ones are left out."""
        spec = self.profile.file(_LOG_FILE)
        for number in range(_FIRST_RECORD, _LAST_RECORD + 1):
            try:
                raw = self.read_record(spec.sfi, number, length=spec.record_length)
            except StatusError as error:
                if error.sw in _NO_MORE_RECORDS:
                    return
                raise
            if raw != bytes(spec.record_length):
                yield _log_record(raw)


def _log_record(raw: bytes) -> LogRecord:
    return LogRecord(**with_when(LOG_RECORD.split(raw)))


def _spec(profile: Profile, place: FilePlace) -> FileSpec:
    return profile.file(place.file, place.directory)
