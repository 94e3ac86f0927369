"""A small city: cards and terminals as plain numbers, genuine records with true TACs, and a centre to send them to."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from cardos.clearing import CardAccount, CardId, CardReading, ClearingHouse, MasterKeys, Rules, TacScheme
from cardos.crypto import Key, diversify
from cardos.host.record import NO_SAM, NO_TAC, TerminalRecord
from cardos.host.upload import UploadHeader, write_upload
from cardos.profile import load_dialect

DAY = date(2026, 3, 2)
LIST = date(2026, 1, 1)
BUS, METRO, OUTLET = 1, 2, 3


@dataclass
class Card:
    """A card of the city; its balance and counters are the truth."""

    id: CardId
    balance: int = 0
    online: int = 0
    offline: int = 0


class City:
    """Two cards' issuers (3DES and SM4), two operators with a terminal each, an outlet."""

    ISSUERS = (bytes.fromhex("1000000000000001"), bytes.fromhex("1000000000000002"))
    OUTLET_TERMINAL = bytes.fromhex("030000000001")
    SCHEMES = (
        TacScheme(load_dialect("pboc2", "3des"), Key(bytes(range(16)))),
        TacScheme(
            load_dialect("pboc2", "sm4-a"),
            load_dialect("pboc2", "sm4-a").suite.key(bytes(range(16, 32))),
            factors=("issuer", "card_serial"),
        ),
    )

    def __init__(
        self, folder: Path, *, rules: Rules | None = None, cards: int = 4, store: str | None = None
    ) -> None:
        self.folder = folder
        self.now = datetime(2026, 3, 2, 8)
        self.terminals, self.sams, self.serials = {}, {}, {}
        self.sequence = 0
        self.keys = MasterKeys(
            {(issuer, 1): scheme for issuer, scheme in zip(self.ISSUERS, self.SCHEMES, strict=True)}
        )
        self.house = ClearingHouse(folder / store if store else ":memory:", self.keys, rules)
        self.cards = [Card(CardId(self.ISSUERS[i % 2], (i + 1).to_bytes(8))) for i in range(cards)]
        self.register()

    def register(self) -> None:
        for operator, name in ((BUS, "bus"), (METRO, "metro"), (OUTLET, "outlet")):
            self.house.register_operator(operator, name)
        self.open_place(BUS, bytes.fromhex("0100000000000A01"), bytes.fromhex("010000000001"))
        self.open_place(METRO, bytes.fromhex("0200000000000A02"), bytes.fromhex("020000000001"))
        self.house.register_sam(NO_SAM, self.OUTLET_TERMINAL, OUTLET)
        self.house.register_cards(CardAccount(card.id) for card in self.cards)
        self.house.publish_list(LIST, [])

    def open_place(self, operator: int, sam: bytes, terminal: bytes) -> None:
        """A terminal with its SAM for an operator that is registered already."""
        self.sams[operator], self.terminals[operator], self.serials[operator] = sam, terminal, 0
        self.house.register_sam(sam, terminal, operator, first_serial=1)

    def signed(self, record: TerminalRecord) -> TerminalRecord:
        """The record with the TAC that its card would make."""
        scheme = self.SCHEMES[self.ISSUERS.index(record.issuer)]
        factors = {"issuer": record.issuer, "card_serial": record.card_serial}
        key = diversify(scheme.master, *(factors[name] for name in scheme.factors))
        transaction = scheme.dialect.of_type(record.type)
        values = {name: getattr(record, name) for name in ("amount", "type", "terminal", "terminal_serial")}
        values |= {"date": record.when.date(), "time": record.when.time(), "balance": record.balance_after}
        values |= {transaction.serial: record.serial - 1}
        return replace(record, tac=scheme.dialect.tac(transaction.name, key, **values))

    def _record(self, card: Card, **fields: object) -> TerminalRecord:
        self.now += timedelta(minutes=1)
        return TerminalRecord(
            **{
                "when": self.now, "issuer": card.id.issuer, "card_serial": card.id.serial, "balance": card.balance,
                "key_version": 1, "list_version": LIST,
            } | fields
        )  # fmt: skip

    def load(self, card: Card, amount: int) -> TerminalRecord:
        """A load that happened."""
        record = self._record(
            card,
            type=2,
            operator=OUTLET,
            terminal=self.OUTLET_TERMINAL,
            serial=card.online + 1,
            amount=amount,
        )
        card.online += 1
        card.balance += amount
        return self.signed(record)

    def buy(self, card: Card, amount: int, operator: int = BUS, **fields: object) -> TerminalRecord:
        """A purchase that happened."""
        record = self._intent(card, amount, operator, **fields)
        card.offline += 1
        card.balance -= amount
        return self.signed(record)

    def torn(self, card: Card, amount: int, operator: int = BUS, *, debited: bool) -> TerminalRecord:
        """A purchase of which the terminal does not know whether it happened."""
        record = self._intent(card, amount, operator)
        if debited:
            card.offline += 1
            card.balance -= amount
        return replace(record, flag=1, tac=NO_TAC)

    def _intent(self, card: Card, amount: int, operator: int, **fields: object) -> TerminalRecord:
        self.serials[operator] += 1
        place = {
            "type": 6, "operator": operator, "terminal": self.terminals[operator], "sam": self.sams[operator],
            "terminal_serial": self.serials[operator], "serial": card.offline + 1, "amount": amount,
        }  # fmt: skip
        return self._record(card, **(place | fields))

    def upload(self, *records: TerminalRecord, operator: int | None = None) -> Path:
        """An upload file of the records' operator."""
        self.sequence += 1
        owner = operator if operator is not None else records[0].operator if records else BUS
        return write_upload(self.folder, UploadHeader(owner, self.sequence, self.now), records)

    def send(self, *records: TerminalRecord) -> None:
        """The records to the centre, a file for each operator."""
        for operator in sorted({record.operator for record in records}):
            self.house.ingest(self.upload(*(record for record in records if record.operator == operator)))

    def closing(self, *, counters: bool = True) -> dict[CardId, CardReading]:
        """What the cards themselves say."""
        return {
            card.id: CardReading(card.balance, card.online, card.offline)
            if counters
            else CardReading(card.balance)
            for card in self.cards
        }


@pytest.fixture
def make_city(tmp_path):
    """Builds cities; they are closed at the end."""
    made = []

    def make(**options: object) -> City:
        folder = tmp_path / f"city{len(made)}"
        folder.mkdir()
        made.append(City(folder, **options))
        return made[-1]

    yield make
    for city in made:
        city.house.close()


@pytest.fixture
def city(make_city):
    """One city with the default rules."""
    return make_city()


@pytest.fixture(scope="session")
def fresh_cities(tmp_path_factory):
    """For properties: a context in which cities can be made, closed at its end."""

    @contextmanager
    def context():
        with ExitStack() as stack:

            def make() -> City:
                made = City(tmp_path_factory.mktemp("city"))
                stack.callback(made.house.close)
                return made

            yield make

    return context
