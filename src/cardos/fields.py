"""The data elements of purse transactions: name, width, meaning.  Every layout refers to them by name.

MAC inputs (:mod:`cardos.crypto`), command bodies (:mod:`cardos.apdu`), log records, terminal journals,
upload files and clearing columns all use these names and widths, so a width exists once.

Numbers are unsigned, big endian (JR/T 0025.2 annex A).  Amounts are fen.  Dates are 4 bytes BCD ``YYYYMMDD``,
times 3 bytes BCD ``HHMMSS``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from types import MappingProxyType

from .errors import DecodeError, ParameterError

__all__ = [
    "FIELDS",
    "Field",
    "FieldValue",
    "Kind",
    "Value",
    "bcd",
    "read_value",
    "read_yuan",
    "unbcd",
    "with_moment",
    "yuan",
]

Value = int | bytes | date | time

#: The numbers 0..99 as packed BCD.
_BCD = tuple(number // 10 << 4 | number % 10 for number in range(100))


class Kind(enum.Enum):
    """How the bytes of a field are read."""

    UINT = "uint"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"


def bcd(digits: str) -> bytes:
    """Packed BCD of an even number of decimal digits.

    >>> bcd("20161216").hex()
    '20161216'
    """
    if len(digits) % 2 or not digits.isascii() or not digits.isdigit():
        raise ParameterError("digits", "an even number of decimal digits", repr(digits))
    return bytes.fromhex(digits)


def unbcd(raw: bytes, *, path: str = "BCD", offset: int = 0) -> str:
    r"""Decimal digits of packed BCD; a nibble above 9 raises :class:`DecodeError` with its offset, counted
    from ``offset``.

    >>> unbcd(b"\x20\x16")
    '2016'
    """
    digits = raw.hex()
    for position, digit in enumerate(digits):
        if digit > "9":
            raise DecodeError(
                f"BCD nibble must be 0..9, got {digit.upper()}", offset=offset + position // 2, path=path
            )
    return digits


@dataclass(frozen=True, slots=True)
class Field:
    """One data element: ``width`` in bytes, ``kind`` of value, ``note`` with unit and meaning."""

    name: str
    width: int
    kind: Kind
    note: str

    @property
    def maximum(self) -> int:
        """Largest value of a UINT field."""
        return (1 << 8 * self.width) - 1

    def encode(self, value: Value) -> bytes:
        """Bytes of a value; :class:`ParameterError` when it does not fit.

        >>> FIELDS["amount"].encode(7223).hex()
        '00001c37'
        >>> FIELDS["date"].encode(date(2016, 12, 16)).hex()
        '20161216'
        """
        if self.kind is Kind.UINT:
            if isinstance(value, int) and 0 <= value <= self.maximum:
                return value.to_bytes(self.width, "big")
            raise ParameterError(self.name, f"0..{self.maximum}", value)
        if isinstance(value, bytes):
            if len(value) == self.width:
                return value
            raise ParameterError(self.name, f"{self.width} bytes", f"{len(value)} bytes")
        return self._encode_moment(value)

    def _encode_moment(self, value: Value) -> bytes:
        if self.kind is Kind.DATE and isinstance(value, date):
            century, year = divmod(value.year, 100)
            return bytes((_BCD[century], _BCD[year], _BCD[value.month], _BCD[value.day]))
        if self.kind is Kind.TIME and isinstance(value, time):
            return bytes((_BCD[value.hour], _BCD[value.minute], _BCD[value.second]))
        raise ParameterError(self.name, f"a {self.kind.value} or {self.width} bytes", type(value).__name__)

    def decode(self, raw: bytes, *, offset: int = 0, path: str | None = None) -> Value:
        """Value of the bytes; :class:`DecodeError` (at ``offset`` of the original input) when impossible.

        >>> FIELDS["time"].decode(bytes.fromhex("105800"))
        datetime.time(10, 58)
        """
        where = path or self.name
        if len(raw) != self.width:
            raise DecodeError(f"must be {self.width} bytes, got {len(raw)}", offset=offset, path=where)
        if self.kind is Kind.UINT:
            return int.from_bytes(raw, "big")
        if self.kind is Kind.BYTES:
            return bytes(raw)
        digits = unbcd(raw, path=where, offset=offset)
        try:
            if self.kind is Kind.DATE:
                return datetime.strptime(digits, "%Y%m%d").date()
            return datetime.strptime(digits, "%H%M%S").time()
        except ValueError:
            shape = "a calendar date YYYYMMDD" if self.kind is Kind.DATE else "a time of day HHMMSS"
            raise DecodeError(f"must be {shape}, got {digits}", offset=offset, path=where) from None


def _number(text: str) -> int:
    return int(text, 16 if text[:2] in {"0x", "0X"} else 10)


#: What people write for a value of each kind: how it is read, and the form.
_WRITTEN: Mapping[Kind, tuple[Callable[[str], Value], str]] = MappingProxyType(
    {
        Kind.UINT: (_number, "a whole number"),
        Kind.BYTES: (bytes.fromhex, "an even number of hex digits"),
        Kind.DATE: (date.fromisoformat, "a date YYYY-MM-DD"),
        Kind.TIME: (lambda text: datetime.strptime(text, "%H:%M:%S").time(), "a time HH:MM:SS"),
    }
)


def read_value(name: str, kind: Kind, text: str) -> Value:
    """The value of a ``kind`` that people write: a whole number (after ``0x`` in hex), hex digits, a date
    ``YYYY-MM-DD``, a time ``HH:MM:SS``; :class:`ParameterError` of ``name`` for anything else.

    >>> read_value("amount", Kind.UINT, "150"), read_value("date", Kind.DATE, "2026-11-24")
    (150, datetime.date(2026, 11, 24))
    """
    read, form = _WRITTEN[kind]
    try:
        return read(text)
    except ValueError:
        raise ParameterError(name, form, repr(text)) from None


_YUAN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals and separators.

    >>> yuan(-123456)
    '-1,234.56'
    """
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def read_yuan(text: str) -> int:
    """The fen of an amount that people write in yuan, to the fen: ``50``, ``1.5``, ``0.05``; at least 0.01.

    >>> read_yuan("12.34"), read_yuan("1.5")
    (1234, 150)
    """
    found = _YUAN.fullmatch(text)
    fen = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
    most = FIELDS["amount"].maximum
    if not 1 <= fen <= most:
        raise ParameterError(
            "amount", f"0.01..{yuan(most).replace(',', '')} yuan with two decimals", repr(text)
        )
    return fen


def _table(*rows: tuple[str, int, Kind, str]) -> Mapping[str, Field]:
    return MappingProxyType({row[0]: Field(*row) for row in rows})


#: Every data element, by name.  JR/T 0025.2 annex A and clause 5.2; JR/T 0025.9 for grey lock.
FIELDS: Mapping[str, Field] = _table(
    ("amount", 4, Kind.UINT, "fen"),
    ("balance", 4, Kind.UINT, "fen; of an ED it includes the overdraft limit"),
    ("limit", 3, Kind.UINT, "overdraft limit before the transaction, fen"),
    ("new_limit", 3, Kind.UINT, "overdraft limit after the transaction, fen"),
    ("ceiling", 4, Kind.UINT, "largest balance that a purse may hold, fen"),
    ("type", 1, Kind.UINT, "transaction type identifier, 01..09, 91..96"),
    ("terminal", 6, Kind.BYTES, "terminal number, BCD"),
    ("terminal_serial", 4, Kind.UINT, "terminal transaction serial, from the PSAM"),
    ("load_serial", 4, Kind.UINT, "load serial, from the load SAM"),
    ("load_limit", 4, Kind.UINT, "fen that a load SAM may still load"),
    ("date", 4, Kind.DATE, "BCD YYYYMMDD"),
    ("time", 3, Kind.TIME, "BCD HHMMSS"),
    ("online_serial", 2, Kind.UINT, "online transaction serial of the card"),
    ("offline_serial", 2, Kind.UINT, "offline transaction serial of the card"),
    ("serial", 2, Kind.UINT, "online or offline serial, as the transaction type says"),
    ("random", 4, Kind.BYTES, "random number of the card"),
    ("terminal_random", 4, Kind.BYTES, "random number of the PSAM, grey lock only"),
    ("key_index", 1, Kind.UINT, "index of the key to use"),
    ("key_version", 1, Kind.UINT, "version of the key in use"),
    ("algorithm", 1, Kind.UINT, "algorithm identifier, issuer data that is echoed"),
    ("mac1", 4, Kind.BYTES, "MAC1"),
    ("mac2", 4, Kind.BYTES, "MAC2"),
    ("mac3", 4, Kind.BYTES, "MAC3"),
    ("mac", 4, Kind.BYTES, "MAC of the transaction that is proved"),
    ("gmac", 4, Kind.BYTES, "GMAC"),
    ("tac", 4, Kind.BYTES, "TAC"),
    ("gtac", 4, Kind.BYTES, "GTAC"),
    ("lock_state", 1, Kind.UINT, "grey lock of a purse: 00 none, 01 locked, 10 debited with the TAC unread"),
    ("purse_code", 1, Kind.UINT, "purse of a lock proof, P2 of the command that locked it"),
    ("lock_value", 4, Kind.BYTES, "in a lock proof: amount of a debit, MAC2 of a lock"),
    ("lock_tac", 4, Kind.BYTES, "in a lock proof: GTAC of a lock, TAC of a debit, MAC3 of an online unlock"),
    (
        "card_serial",
        8,
        Kind.BYTES,
        "rightmost 16 digits of the application serial number; diversification factor",
    ),
    ("issuer", 8, Kind.BYTES, "issuer identifier, BCD"),
    ("safety_code", 9, Kind.BYTES, "safety authentication code of a CJ/T 166 card"),
    ("sam", 8, Kind.BYTES, "PSAM number: rightmost 16 digits of the serial in file 0015 of the PSAM, BCD"),
    ("operator", 2, Kind.UINT, "operator (acceptor) number"),
    ("flag", 1, Kind.UINT, "state of a terminal record: 00 complete, 01 torn and not resolved"),
    ("list_version", 4, Kind.DATE, "version of the blacklist that the terminal had, BCD YYYYMMDD"),
    (
        "application_type",
        1,
        Kind.UINT,
        "application type identifier: 01 ED, 02 EP, 03 both; cities use other values",
    ),
    ("application_version", 1, Kind.UINT, "issuer's application version"),
    ("application_serial", 10, Kind.BYTES, "application serial number, 20 BCD digits"),
    ("start", 4, Kind.DATE, "first day of validity, BCD YYYYMMDD"),
    ("expiry", 4, Kind.DATE, "last day of validity, BCD YYYYMMDD"),
    ("fci_data", 2, Kind.BYTES, "issuer-defined FCI data"),
    ("holder_type", 1, Kind.UINT, "card type: 00 personal, 10 corporate"),
    ("staff", 1, Kind.UINT, "bank staff flag"),
    ("holder_name", 20, Kind.BYTES, "cardholder name, filled with 00"),
    ("holder_id", 32, Kind.BYTES, "identity number, filled with 00"),
    ("holder_id_type", 1, Kind.UINT, "identity type: 00 ID card .. 05 other"),
    ("sam_serial", 10, Kind.BYTES, "serial number of a PSAM, 20 BCD digits"),
    ("sam_version", 1, Kind.UINT, "version of a PSAM"),
    ("sam_type", 1, Kind.UINT, "key card type of a PSAM"),
    ("receiver", 8, Kind.BYTES, "receiver identifier, BCD"),
    # -- files and records of city cards
    ("reserved", 64, Kind.BYTES, "bytes without a meaning: a layout takes as many as it needs"),
    ("city_factor", 8, Kind.BYTES, "diversification factor of a city: its code, FF, five 00"),
    ("card_number", 5, Kind.BYTES, "number of a Wuhan card"),
    ("card_type", 1, Kind.UINT, "card type, issuer's own"),
    ("card_class", 2, Kind.UINT, "card type of a construction ministry card"),
    ("card_version", 2, Kind.UINT, "version of a construction ministry card"),
    (
        "card_kind",
        1,
        Kind.UINT,
        "holder of a T-Union card: 01 normal, 02 student, 03 elder, 04 test, 05 soldier",
    ),
    ("deposit", 1, Kind.UINT, "deposit paid for the card, yuan"),
    ("version_code", 3, Kind.BYTES, "version of a legacy Beijing card"),
    ("version_byte", 1, Kind.UINT, "version of a Wuhan card"),
    ("issuer_data", 4, Kind.BYTES, "issuer-defined data of a Shenzhen card"),
    ("country", 4, Kind.BYTES, "country of issue, BCD"),
    ("province", 2, Kind.BYTES, "region of the province, BCD"),
    ("city", 2, Kind.BYTES, "region of the city, BCD"),
    ("interoperability", 2, Kind.UINT, "whether a T-Union card is taken in other cities: 0000 no, 0001 yes"),
    ("industry_code", 2, Kind.BYTES, "industry of a construction ministry card"),
    ("test_flag", 1, Kind.UINT, "test flag of a construction ministry card"),
    ("issue_date", 4, Kind.DATE, "day of issue, BCD YYYYMMDD"),
    ("maker_device", 6, Kind.BYTES, "device that issued the card"),
    ("use_count", 4, Kind.UINT, "uses of a legacy Beijing card"),
    ("trip_kind", 1, Kind.UINT, "01, 03 in; 02, 04 out; 05, 06 single; 07, 08 fare topped up; 09, 0A load"),
    ("device", 8, Kind.BYTES, "number of a reader, BCD"),
    (
        "industry",
        1,
        Kind.UINT,
        "01 metro, 02 bus, 03 water, 04 taxi, 05 rental, 06 bicycle, 07 parking, 08 coach ..",
    ),
    ("line", 2, Kind.BYTES, "line of a trip"),
    ("station", 2, Kind.BYTES, "station of a trip"),
    ("institution", 8, Kind.BYTES, "acquiring institution"),
    ("record_id", 2, Kind.BYTES, "identifier of a ride record, its low byte the record number"),
    ("record_length", 2, Kind.UINT, "length of a ride record"),
    ("body_length", 1, Kind.UINT, "length of what follows in a ride record"),
    ("valid", 1, Kind.UINT, "whether a ride record counts"),
    ("record_flag", 1, Kind.UINT, "flag of a record"),
    ("lock_flag", 1, Kind.UINT, "01: the record is locked"),
    ("ride_state", 1, Kind.UINT, "01 in, 02 out"),
    ("entry_city", 2, Kind.BYTES, "region where a ride began"),
    ("exit_city", 2, Kind.BYTES, "region where a ride ended"),
    ("entry_institution", 8, Kind.BYTES, "acquirer where a ride began"),
    ("exit_institution", 8, Kind.BYTES, "acquirer where a ride ended"),
    ("entry_station", 8, Kind.BYTES, "station where a ride began"),
    ("exit_station", 8, Kind.BYTES, "station where a ride ended"),
    ("entry_device", 8, Kind.BYTES, "reader where a ride began"),
    ("exit_device", 8, Kind.BYTES, "reader where a ride ended"),
    ("entry_moment", 7, Kind.BYTES, "begin of a ride, BCD YYYYMMDDHHMMSS, 00 when there is none"),
    ("exit_moment", 7, Kind.BYTES, "end of a ride, BCD YYYYMMDDHHMMSS, 00 when there is none"),
    ("last_moment", 7, Kind.BYTES, "last use, BCD YYYYMMDDHHMMSS, 00 when there is none"),
    ("most_amount", 4, Kind.UINT, "fare of a ride whose other end is missing, fen"),
    ("entry_line", 1, Kind.UINT, "line where a ride began"),
    ("exit_line", 1, Kind.UINT, "line where a ride ended"),
    ("entry_amount", 4, Kind.UINT, "fen taken where a ride began"),
    ("entry_balance", 4, Kind.UINT, "balance where a ride began, fen"),
    ("last_terminal", 4, Kind.BYTES, "last terminal"),
    ("total_amount", 3, Kind.UINT, "fen paid in the period of a discount"),
    ("total_count", 2, Kind.UINT, "rides in the period of a discount"),
    ("entry_flag", 1, Kind.UINT, "flag of where a ride began"),
    ("exit_flag", 1, Kind.UINT, "flag of where a ride ended"),
    ("inside", 1, Kind.UINT, "55: the holder is inside"),
    ("crc", 4, Kind.BYTES, "CRC-32 of a ride record from its serial on"),
    ("entry_operator", 2, Kind.BYTES, "operator of the bus that was boarded"),
    ("exit_operator", 2, Kind.BYTES, "operator of the bus that was left"),
    ("entry_bus_line", 2, Kind.BYTES, "line of the bus that was boarded"),
    ("exit_bus_line", 2, Kind.BYTES, "line of the bus that was left"),
    ("entry_stop", 1, Kind.UINT, "stop where a bus was boarded"),
    ("exit_stop", 1, Kind.UINT, "stop where a bus was left"),
    ("entry_vehicle", 8, Kind.BYTES, "bus that was boarded, ASCII"),
    ("exit_vehicle", 8, Kind.BYTES, "bus that was left, ASCII"),
    ("direction", 1, Kind.UINT, "direction of a bus"),
    ("mileage", 2, Kind.UINT, "length of a ride"),
)


#: Numbers that the standards write in hex.
_CODES = frozenset({"type", "application_type", "holder_type", "lock_state", "purse_code", "algorithm"})
_FEN = re.compile(r"\bfen\b")


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A data element of :data:`cardos.fields.FIELDS` with its value, ``bytes`` where it is no valid date or time."""

    name: str
    value: Value

    @property
    def note(self) -> str:
        """Unit and meaning of the element."""
        return FIELDS[self.name].note

    @property
    def is_amount(self) -> bool:
        """Whether the value is in fen."""
        return bool(_FEN.search(self.note))

    @property
    def plain(self) -> str:
        """The value in words without a unit: bytes and codes in hex, dates and times as in ISO 8601.

        >>> FieldValue("type", 6).plain, FieldValue("mac", bytes(4)).plain
        ('06', '00000000')
        """
        if isinstance(self.value, bytes):
            return self.value.hex().upper()
        return f"{self.value:02X}" if self.name in _CODES else str(self.value)

    @property
    def text(self) -> str:
        """The value in words, amounts in fen.

        >>> FieldValue("balance", 4850).text
        '4850 fen'
        """
        return f"{self.plain} fen" if self.is_amount else self.plain


def with_moment(when: datetime) -> dict[str, Value]:
    """The ``date`` and ``time`` fields of a moment, as keyword arguments for a layout.

    >>> with_moment(datetime(2016, 12, 16, 10, 58))
    {'date': datetime.date(2016, 12, 16), 'time': datetime.time(10, 58)}
    """
    return {"date": when.date(), "time": when.time().replace(microsecond=0)}
