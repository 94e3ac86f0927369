"""The clearing house: one object over one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import ParameterError
from .conserve import CardReading, Conservation, conserve
from .ingest import IngestResult, ingest
from .judge import judge
from .keys import KeyProvider
from .model import CardAccount, CardId
from .report import day_result, export_tables, files, hours_of_day
from .results import DayResult, FileNote
from .rules import Rules
from .settle import post
from .store import Row, Store, arrow_rows

__all__ = ["ClearingHouse"]


class ClearingHouse:
    """A clearing centre in the file ``path`` (``:memory:`` for one that is gone when closed).

    ``keys`` has the masters of the TAC keys.  Registering the same again changes nothing; registering a number with
    other content raises :class:`~cardos.errors.ParameterError`.  Every method is all or nothing: a crash at any moment
    leaves the state before it or after it, and it may be called again.

    >>> from cardos.clearing import MasterKeys
    >>> with ClearingHouse(":memory:", MasterKeys({})) as house:
    ...     house.register_operator(1, "bus", fee_per_mille=3)
    ...     [line.name for line in house.run_day(date(2026, 3, 1)).settlements]
    ['bus']
    """

    def __init__(self, path: Path | str, keys: KeyProvider, rules: Rules | None = None) -> None:
        self._keys = keys
        self._rules = rules or Rules()
        self._store = Store(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._store.close()

    def register_operator(self, operator: int, name: str, *, fee_per_mille: int = 0) -> None:
        """An operator (0..65535) and the fee on its purchases, 0..1000 per mille, rounded half up once a day."""
        _within("operator", operator, 0xFFFF)
        _within("fee_per_mille", fee_per_mille, 1000)
        self._register("operators", ("operator", "name", "fee_per_mille"), [(operator, name, fee_per_mille)])

    def register_sam(
        self,
        sam: bytes,
        terminal: bytes,
        operator: int,
        *,
        first_serial: int | None = None,
        test: bool = False,
    ) -> None:
        """A PSAM (8 bytes) in a terminal (6 bytes) of an operator.

        ``first_serial`` is the terminal serial of its first transaction; without it, the smallest that ever comes in.
        An outlet, which has no PSAM, is registered with :data:`cardos.host.record.NO_SAM`.
        """
        for name, value, width in (("sam", sam, 8), ("terminal", terminal, 6)):
            if len(value) != width:
                raise ParameterError(name, f"{width} bytes", f"{len(value)} bytes")
        _within("first_serial", first_serial or 0, 0xFFFFFFFF)
        _within("operator", operator, 0xFFFF)
        row = (sam.hex().upper(), terminal.hex().upper(), operator, first_serial, test)
        self._register("sams", ("sam", "terminal", "operator", "first_serial", "test"), [row])

    def register_card(self, account: CardAccount) -> None:
        """One card."""
        self.register_cards([account])

    def register_cards(self, accounts: Iterable[CardAccount]) -> None:
        """Cards, all or none of them."""
        rows = [(*_key(a.card), a.opening, a.online_serial, a.offline_serial, a.test) for a in accounts]
        names = ("issuer", "card_serial", "opening", "online_serial", "offline_serial", "test")
        self._register("cards", names, rows)

    def publish_list(self, version: date, cards: Iterable[CardId], *, valid_from: date | None = None) -> None:
        """A whole blacklist: its ``version``, the day from which it holds (default: its version) and its cards."""
        rows = [(version, *_key(card)) for card in sorted(set(cards))]
        with self._store.transaction():
            known = self._store.rows("select 1 from lists where version = $version", version=version)
            old = self._store.rows(
                "select * from list_cards where version = $version order by all", version=version
            )
            if known and old != rows:
                raise ParameterError("version", "new, or with the cards published before", version)
            self._enter("lists", ("version", "valid_from"), [(version, valid_from or version)])
            self._enter("list_cards", ("version", "issuer", "card_serial"), rows)

    def ingest(self, path: Path) -> IngestResult:
        """Take an upload file in; the same content again changes nothing.

        Raises :class:`~cardos.errors.UploadError` for a file that is none, after noting it.
        """
        return ingest(self._store, path, self._keys)

    def run_day(self, day: date) -> DayResult:
        """Judge everything that is not decided, post it on ``day``, and report.

        Running a day again adds what came in since.  A day before the last one that was run is closed: its result is
        returned, nothing is judged; one that was never run raises :class:`~cardos.errors.ParameterError`.
        """
        [(last,)] = self._store.rows("select max(day) from days")
        if last is None or day >= last:
            with self._store.transaction():
                judge(self._store, day, self._rules)
                post(self._store, day)
                self._store.rows("insert or ignore into days values ($day)", day=day)
        elif not self._store.rows("select 1 from days where day = $day", day=day):
            raise ParameterError("day", f"{last} or later, or a day that was run", day)
        return day_result(self._store, day)

    def conservation(self, day: date, closing: Mapping[CardId, int | CardReading]) -> Conservation:
        """The proof that no money was made or lost from the cards' registration to the end of ``day``; see
        :func:`cardos.clearing.conserve.conserve`.
        """
        return conserve(self._store, day, closing)

    def files(self) -> tuple[FileNote, ...]:
        """Every file that was handed in, also those that were not taken."""
        return files(self._store)

    def export(
        self, folder: Path, *, day: date | None = None, proof: Conservation | None = None
    ) -> tuple[Path, ...]:
        """Parquet tables and one self-contained HTML report (with ``proof`` in it) of a day, by default the last.

        ``folder`` is made when it is not there.  The same books give the same bytes.
        """
        days = [run for (run,) in self._store.rows("select day from days order by day")]
        wanted = day or (days[-1] if days else None)
        if wanted is None or wanted not in days:
            raise ParameterError("day", "a day that was run", wanted)
        from .page import write_page  # brings the plots

        folder.mkdir(parents=True, exist_ok=True)
        tables = export_tables(self._store, wanted, folder)
        result = day_result(self._store, wanted)
        hours = hours_of_day(self._store, wanted)
        return (*tables, write_page(folder / "report.html", result, hours, self.files(), proof))

    def _register(self, table: str, names: tuple[str, ...], rows: list[Row]) -> None:
        with self._store.transaction():
            self._enter(table, names, rows)

    def _enter(self, table: str, names: tuple[str, ...], rows: list[Row]) -> None:
        if rows:
            self._store.register(table, arrow_rows(names, rows))


def _key(card: CardId) -> tuple[str, str]:
    return card.issuer.hex().upper(), card.serial.hex().upper()


def _within(name: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise ParameterError(name, f"0..{most}", value)
