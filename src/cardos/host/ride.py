"""Gates: a ride is entered and left, with composite purchases that write where it began and ended (JR/T 0025.9 7.4,
annex E).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..errors import DecodeError, ParameterError, ProfileError
from ..fields import FIELDS, Kind, Value, with_moment
from ..layout import Layout
from ..profile import FileSpec, Profile
from .offline import CappRecord, Fare, PurchaseResult
from .refusal import PurchaseRefused, Refusal
from .sessions import Purse, PurseSession, RecordMode
from .terminal import Terminal
from .transports import Transport

__all__ = ["Gate", "Ride", "RideFiles"]

_IN, _OUT = 1, 2
_TRIPS: Final[Mapping[int, int]] = {_IN: 0x03, _OUT: 0x04}
_NEW_RECORD: Final = 0
_MOMENT: Final = "%Y%m%d%H%M%S"
#: Each end of a ride, as layouts prefix the names of its fields.
_PREFIX: Final[Mapping[int, str]] = {_IN: "entry", _OUT: "exit"}


@dataclass(frozen=True, slots=True)
class Ride:
    """A ride that was entered: the 8 bytes of the ``station`` and when."""

    station: bytes
    since: datetime


@dataclass(frozen=True, slots=True)
class RideFiles:
    """Where the cards of a profile keep rides: record ``number`` of file ``state`` says whether one is open, file
    ``trips``, a cyclic one, lists their ends; 0 where there is none.

    The profile gives the content of the records.  Fields are filled by their names (``ride_state``,
    ``entry_station``, ``exit_moment``, ``amount``, ``crc`` …), others stay as they are.
    """

    state: int = 0x001A
    number: int = 1
    trips: int = 0x001E

    def open_ride(self, session: PurseSession) -> Ride | None:
        """The ride that is open on the card, or ``None``."""
        values = self._read(session)
        if values.get("ride_state") != _IN:
            return None
        raw = bytes(values["entry_moment"])
        try:
            return Ride(bytes(values["entry_station"]), datetime.strptime(raw.hex(), _MOMENT))
        except ValueError:
            raise DecodeError(
                f"must be a moment YYYYMMDDHHMMSS, got {raw.hex()}", path="entry_moment"
            ) from None

    def passage(
        self, session: PurseSession, way: int, *, station: bytes, when: datetime, amount: int
    ) -> tuple[CappRecord, ...]:
        """The records of a passage in (1) or out (2); :class:`~cardos.host.PurchaseRefused` when the card holds less
        than ``amount``.
        """
        balance = session.get_balance(Purse.EP)
        if balance < amount:
            raise PurchaseRefused(Refusal.INSUFFICIENT, f"{amount} fen asked for, {balance} there")
        said: dict[str, Value] = {"amount": amount, "balance": balance - amount, "entry_balance": balance}
        return (
            self._state(session, way, station, when, said),
            *self._trip(session, way, station, when, said),
        )

    def _state(
        self, session: PurseSession, way: int, station: bytes, when: datetime, said: dict[str, Value]
    ) -> CappRecord:
        spec, layout = _records(session.profile, self.state)
        end = _PREFIX[way]
        values = self._read(session) | {
            "ride_state": way, f"{end}_station": station,
            f"{end}_moment": bytes.fromhex(when.strftime(_MOMENT)), "amount": said["amount"],
            "card_serial": session.public.card_serial,
        }  # fmt: skip
        if way == _IN:
            values |= {
                "exit_station": bytes(8),
                "exit_moment": bytes(7),
                "entry_balance": said["entry_balance"],
            }
        return CappRecord(spec.sfi, self.number, _sealed(layout, values), RecordMode.NUMBER)

    def _trip(
        self, session: PurseSession, way: int, station: bytes, when: datetime, said: dict[str, Value]
    ) -> tuple[CappRecord, ...]:
        if not self.trips:
            return ()
        spec, layout = _records(session.profile, self.trips)
        values = _nothing(layout) | {
            "trip_kind": _TRIPS[way], "device": station, "station": station[-2:], "industry": self.number,
            "amount": said["amount"], "balance": said["balance"], "institution": session.public.issuer,
            **with_moment(when),
        }  # fmt: skip
        return (CappRecord(spec.sfi, _NEW_RECORD, layout.assemble(values)),)

    def _read(self, session: PurseSession) -> dict[str, Any]:  # typed by the layout
        spec, layout = _records(session.profile, self.state)
        raw = session.read_record(spec.sfi, self.number, length=spec.record_length)
        return _nothing(layout) | layout.split(raw[: layout.width].ljust(layout.width, b"\x00"))


class Gate:
    """A gate at ``station`` (8 bytes): riders enter without paying and pay when they leave.

    ``fares`` says what a ride costs, in fen, given where it began, this station and the moment.  Nobody is charged
    twice, and nobody rides for nothing: money and records change together, and a card that was torn is asked first.
    """

    def __init__(
        self,
        terminal: Terminal,
        station: bytes,
        fares: Callable[[Ride, bytes, datetime], int],
        *,
        clock: Callable[[], datetime],
        files: RideFiles | None = None,
    ) -> None:
        if len(station) != FIELDS["entry_station"].width:
            raise ParameterError("station", f"{FIELDS['entry_station'].width} bytes", f"{len(station)} bytes")
        self._terminal, self._station, self._fares, self._clock = terminal, station, fares, clock
        self._files = RideFiles() if files is None else files

    def enter(self, transport: Transport) -> PurchaseResult:
        """Let a rider in: a composite purchase of 0 fen.

        A card that is in already is refused (:attr:`~cardos.host.Refusal.NOTHING_DUE`), unless it is the one whose
        entry was torn here.  Errors as of :meth:`Terminal.purchase`.
        """
        return self._terminal.composite(transport, self._entry)

    def leave(self, transport: Transport) -> PurchaseResult:
        """Let a rider out and take the fare.

        A card that is not in is refused (:attr:`~cardos.host.Refusal.NOTHING_DUE`), unless it is the one whose exit
        was torn here.  Errors as of :meth:`Terminal.purchase`.
        """
        return self._terminal.composite(transport, self._exit)

    def _entry(self, session: PurseSession) -> Fare | None:
        if self._files.open_ride(session) is not None:
            return None
        return self._fare(session, _IN, self._now(), 0)

    def _exit(self, session: PurseSession) -> Fare | None:
        ride = self._files.open_ride(session)
        if ride is None:
            return None
        now = self._now()
        return self._fare(session, _OUT, now, self._fares(ride, self._station, now))

    def _fare(self, session: PurseSession, way: int, now: datetime, amount: int) -> Fare:
        passage = self._files.passage(session, way, station=self._station, when=now, amount=amount)
        return Fare(amount, passage)

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)


def _records(profile: Profile, fid: int) -> tuple[FileSpec, Layout]:
    spec = profile.file(fid)
    if spec.layout is None:
        raise ProfileError(f"file {fid:04X} must have a content", where=profile.where)
    return spec, spec.layout


def _nothing(layout: Layout) -> dict[str, Value]:
    """Every field of a layout as zeros."""
    return {name: 0 if FIELDS[name].kind is Kind.UINT else bytes(FIELDS[name].width) for name in layout.names}


def _sealed(layout: Layout, values: dict[str, Value]) -> bytes:
    """The record, with the CRC over what follows its head where it has one."""
    raw = layout.assemble(values)
    if "crc" not in layout.names:
        return raw
    start = sum(each.width for each in layout.fields[: [f.name for f in layout.fields].index("card_serial")])
    body = raw[start : layout.width - FIELDS["crc"].width]
    return layout.assemble(values | {"crc": zlib.crc32(body).to_bytes(4, "big")})
