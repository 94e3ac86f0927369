"""A service desk: what an issuer does to a card in somebody's hand without moving money (JR/T 0025.2 5.5.9, JR/T 0025.1
6.2).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from ..apdu import SW, Tlv, parse_tlv
from ..apdu.os_commands import SELECT
from ..crypto import Key
from ..errors import DecodeError, ParameterError, ProfileError, StatusError, TransportError
from ..profile import KeyType, Profile
from .keyring import KeyRing
from .sessions import MF, ApplicationSession, PublicData, PurseSession, public_data
from .transports import Transport

__all__ = ["Service", "ServiceDesk", "ServiceResult"]

_ISSUER_DATA = 0x9F0C  # tag of file 0015 inside the FCI
_TRIES_LEFT, _LOW_NIBBLE = 0x63C0, 0x000F
_NUMBERS = frozenset({"application_serial", "card_serial"})
_FACTORS = ("issuer", *sorted(_NUMBERS))
_BY_NAME = 0x04
_RELOAD = {KeyType.PIN_UNBLOCK: KeyType.PIN_RELOAD, KeyType.PIN_RELOAD: KeyType.PIN_UNBLOCK}


class Service(enum.Enum):
    """What is done to a card."""

    BLOCK = "application blocked for a time"
    BLOCK_FOR_EVER = "application blocked for ever"
    UNBLOCK = "application unblocked"
    BLOCK_CARD = "card blocked for ever"
    CHANGE_PIN = "PIN changed by its holder"
    RELOAD_PIN = "new PIN"
    UNBLOCK_PIN = "PIN has its tries again"


@dataclass(frozen=True, slots=True)
class ServiceResult:
    """What was done to which card (its 8-byte ``card_serial``).  ``found`` when the card was found so: an earlier try
    that was torn, or somebody else, had done it.
    """

    service: Service
    card_serial: bytes
    found: bool = False


@dataclass(frozen=True, slots=True)
class _Opened:
    """A card whose application was selected, blocked (with the status that says so) or not."""

    session: ApplicationSession
    factors: Mapping[str, bytes]
    status: int = SW.SUCCESS

    @property
    def card_serial(self) -> bytes:
        return self.factors["card_serial"]


class ServiceDesk:
    """A desk with the master keys for cards of ``profile``.

    Every service may be tried again after a :class:`~cardos.errors.TransportError`: what was done is found done.  The
    desk remembers, as long as it lives, which PINs were torn in their change, so that no try is spent on guessing for
    others.  A refusal of the card is :class:`~cardos.errors.StatusError`.
    """

    def __init__(self, profile: Profile, keys: KeyRing) -> None:
        self._profile, self._keys = profile, keys
        self._torn: set[tuple[Service, bytes]] = set()

    # -- blocking

    def block(
        self, transport: Transport, *, for_ever: bool = False, card: PublicData | None = None
    ) -> ServiceResult:
        """Block the application, for a time or for ever (JR/T 0025.1 6.2.3)."""
        service = Service.BLOCK_FOR_EVER if for_ever else Service.BLOCK
        opened = self._open(transport, card)
        found = opened.status == SW.APPLICATION_LOCKED or (opened.status != SW.SUCCESS and not for_ever)
        if not found:
            opened.session.application_block(key=self._key(opened, KeyType.MAINTENANCE), for_ever=for_ever)
        return ServiceResult(service, opened.card_serial, found)

    def unblock(self, transport: Transport, *, card: PublicData | None = None) -> ServiceResult:
        """Unblock an application that is blocked for a time (JR/T 0025.1 6.2.4).

        ``card`` says which card it is, where a blocked one does not.
        """
        opened = self._open(transport, card)
        found = opened.status == SW.SUCCESS
        if not found:
            opened.session.application_unblock(key=self._key(opened, KeyType.MAINTENANCE))
        return ServiceResult(Service.UNBLOCK, opened.card_serial, found)

    def block_card(self, transport: Transport, *, card: PublicData) -> ServiceResult:
        """Block the whole card, for ever (JR/T 0025.1 6.2.5).  ``card`` says which one is meant.

        Raises :class:`~cardos.errors.ParameterError` when it is another one.
        """
        session = ApplicationSession(transport, self._profile)
        try:
            session.select_file(MF)
        except StatusError as error:
            if error.sw != SW.NOT_SUPPORTED:
                raise
            return ServiceResult(Service.BLOCK_CARD, card.card_serial, found=True)
        opened = self._open(transport, card)
        opened.session.card_block(key=self._key(opened, KeyType.MAINTENANCE))
        return ServiceResult(Service.BLOCK_CARD, opened.card_serial)

    # -- PINs

    def change_pin(self, transport: Transport, old: bytes, new: bytes) -> ServiceResult:
        """The holder changes the PIN (JR/T 0025.2 5.2.1); a wrong ``old`` one raises ``63Cx``, x tries left.

        After a torn change a wrong ``old`` PIN may mean that the ``new`` one is in force: that is tried once.
        """
        opened = self._open_active(transport)
        torn = (Service.CHANGE_PIN, opened.card_serial)
        with self._remembering(torn):
            try:
                opened.session.change_pin(old, new, key_id=self._pin_id)
            except StatusError as error:
                if (
                    torn not in self._torn
                    or error.sw & ~_LOW_NIBBLE != _TRIES_LEFT
                    or error.sw == _TRIES_LEFT
                ):
                    raise
                opened.session.verify(new, key_id=self._pin_id)
                return ServiceResult(*torn, found=True)
        return ServiceResult(*torn)

    def reload_pin(self, transport: Transport, pin: bytes) -> ServiceResult:
        """A new PIN, of 2..6 bytes, for a holder who forgot it (JR/T 0025.2 5.2.12)."""
        opened = self._open_active(transport)
        key = self._key(opened, _RELOAD[KeyType(self._profile.cos.unblock_key)])
        opened.session.reload_pin(pin, key=key, key_id=self._pin_id)
        return ServiceResult(Service.RELOAD_PIN, opened.card_serial)

    def unblock_pin(self, transport: Transport, pin: bytes) -> ServiceResult:
        """All tries of a PIN that is locked are back (JR/T 0025.1 6.2.10); whether ``pin`` must be the old one or
        becomes the new one depends on the card.
        """
        opened = self._open_active(transport)
        torn = (Service.UNBLOCK_PIN, opened.card_serial)
        key = self._key(opened, KeyType(self._profile.cos.unblock_key))
        with self._remembering(torn):
            try:
                opened.session.pin_unblock(pin, key=key, key_id=self._pin_id)
            except StatusError as error:
                if torn not in self._torn or error.sw != SW.CONDITIONS:
                    raise
                return ServiceResult(*torn, found=True)
        return ServiceResult(*torn)

    @contextmanager
    def _remembering(self, torn: tuple[Service, bytes]) -> Iterator[None]:
        """A service that is torn is remembered until it is done."""
        try:
            yield
        except TransportError:
            self._torn.add(torn)
            raise
        self._torn.discard(torn)

    # -- keys

    @property
    def _pin_id(self) -> int:
        return next((key.id for key in self._profile.application.keys if key.type == KeyType.PIN), 0)

    def _key(self, opened: _Opened, type_: KeyType) -> Key:
        """The card's own key of this type in its application."""
        for key in self._profile.application.keys:
            if key.type == type_ and key.source:
                return self._keys.for_card(self._profile, **opened.factors)[key.source]
        raise ProfileError(
            f"a key of type {type_:02X} must exist in the application", where=self._profile.where
        )

    # -- which card

    def _open_active(self, transport: Transport) -> _Opened:
        session = PurseSession(transport, self._profile)
        return _Opened(session, _factors(session.public))

    def _open(self, transport: Transport, card: PublicData | None) -> _Opened:
        """Select the application and find out which card it is, also of one that is blocked."""
        try:
            opened = self._open_active(transport)
        except StatusError as error:
            if error.command != SELECT.name or error.sw not in (
                self._profile.cos.blocked_select, SW.APPLICATION_LOCKED,
            ):  # fmt: skip
                raise
            session = ApplicationSession(transport, self._profile)
            factors = _factors(card) if card else self._blocked(session, error)
            _select_blocked(session)
            return _Opened(session, factors, error.sw)
        if card is not None and opened.card_serial != card.card_serial:
            raise ParameterError("card", card.card_serial.hex(), opened.card_serial.hex())
        return opened

    def _blocked(self, session: ApplicationSession, error: StatusError) -> Mapping[str, bytes]:
        """Who a blocked card is: its public files say it, of which those of the application lie in its FCI, or else a
        file of the MF.
        """
        home = self._profile.application.fid
        shown = next((found for top in _tlvs(error.data) if (found := top.find(_ISSUER_DATA))), None)
        raw = {}
        for place in self._profile.public:
            if place.directory != home:
                session.enter(self._profile.directory_of(place.directory))
                raw[place] = session.read_binary(self._profile.file(place.file, place.directory).sfi)
            elif shown is not None:
                raw[place] = shown.value
        if len(raw) == len(self._profile.public):
            return _factors(public_data(self._profile, raw))
        session.select_file(MF)
        for spec in self._profile.directories[0].files:
            if spec.layout is not None and spec.layout.names & _NUMBERS:
                content = session.read_binary(spec.sfi, length=spec.layout.width)
                values = self._profile.complete(spec.layout.split(content))
                return {name: cast(bytes, values[name]) for name in _FACTORS if name in values}
        raise ParameterError("card", "given: a blocked card does not say which one it is", None)


def _factors(card: PublicData) -> Mapping[str, bytes]:
    return {name: getattr(card, name) for name in _FACTORS}


def _tlvs(raw: bytes) -> tuple[Tlv, ...]:
    try:
        return parse_tlv(raw)
    except DecodeError:
        return ()


def _select_blocked(session: ApplicationSession) -> None:
    """The application becomes current although SELECT says that it is blocked."""
    for step in session.profile.path(session.profile.application):
        session.exchange(SELECT.command(_BY_NAME, 0x00, data=step.aid))
