"""``cardos load`` and ``cardos purchase``: money on a card and off it, on any reader."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from ..apdu import SW
from ..errors import CardosError, MacMismatch, ParameterError, StatusError, TransportError
from ..fields import read_yuan
from ..host import (
    Blacklist,
    CardRegister,
    EmbeddedIssuer,
    EntryState,
    Journal,
    JournalEntry,
    KeyRing,
    OnlineRequest,
    OnlineResult,
    Outlet,
    PsamSession,
    PublicData,
    PurchaseResult,
    Purse,
    PurseSession,
    Refusal,
    RegisteredCard,
    RegisteredPurse,
    Terminal,
    TransactionRefused,
    Transport,
)
from ..profile import Profile, load_profile
from ..readers import open_transport
from ..simulation import TEST_SEED
from .apdu import ReaderOption
from .folders import state_folder
from .keyfile import read_keyring
from .receipt import Earlier, Outcome, Receipt, receipt_document, receipt_lines
from .values import digits, pin_bytes

__all__ = ["load", "purchase"]

_TERMINAL_DIGITS = 12
_LEAST = 1  # fen; an INITIALIZE that only asks for counter and balance
_UNSAFE = re.compile(r"[^\w-]")
#: The time of tills.
_clock: Callable[[], datetime] = datetime.now

_Amount = Annotated[str, typer.Argument(help="Yuan, to the fen: 50, 1.50, 0.05.")]
_ProfileName = Annotated[
    str, typer.Option("--profile", help="Profile of the card: a name of `cardos profiles`, or a file.")
]
_Ed = Annotated[bool, typer.Option("--ed", help="The electronic deposit instead of the electronic purse.")]
_Pin = Annotated[
    str | None, typer.Option(envvar="CARDOS_PIN", help="PIN of the holder; better in the variable.")
]
_Operator = Annotated[int, typer.Option(min=0, max=0xFFFF, help="Operator in the records.")]
_Json = Annotated[bool, typer.Option("--json", help="A JSON document instead, for programs.")]


def load(
    amount: _Amount,
    *,
    reader: ReaderOption = None,
    profile: _ProfileName = "city-3des",
    keys: Annotated[
        Path | None, typer.Option(help="Key ring: a .toml file with master keys by purpose.")
    ] = None,
    seed: Annotated[str, typer.Option(help="Without --keys: TEST KEYS made from this text.")] = TEST_SEED,
    ed: _Ed = False,
    pin: _Pin = None,
    journal: Annotated[
        Path | None, typer.Option(help="Journal of the outlet; by default one of this user.")
    ] = None,
    register: Annotated[Path | None, typer.Option(help="Card register of the issuer; likewise.")] = None,
    terminal: Annotated[str, typer.Option(help="Number of the outlet, up to 12 digits.")] = "1",
    operator: _Operator = 1,
    as_json: _Json = False,
) -> None:
    """Load a card, as outlet and issuer at once: with the master keys.

    Status 0: loaded, 1: refused, nothing moved, 2: something is wrong here, 3: torn; present the card again. A card
    that the register does not know is entered with the counters that it proves.
    """
    kind, fen, purse = load_profile(profile), read_yuan(amount), Purse.ED if ed else Purse.EP
    number, secret = digits("terminal", terminal, _TERMINAL_DIGITS), _pin(kind, purse, "load", pin)
    ring = read_keyring(keys, kind) if keys is not None else KeyRing.for_tests(seed, kind)
    with ExitStack() as stack:
        books = stack.enter_context(Journal(_store(journal, kind, "load.journal"), operator=operator))
        cards = stack.enter_context(CardRegister(_store(register, kind, "register")))
        transport = stack.enter_context(open_transport(reader))
        stack.enter_context(transport.exclusive())
        session = _session(transport, kind)
        issuer = EmbeddedIssuer(kind, ring, cards, clock=_clock)
        outlet = Outlet(issuer, books, kind, terminal=number, list_version=_clock().date())

        def act() -> OnlineResult:
            _adopt(session, issuer, cards, number, secret)
            return outlet.load(transport, fen, purse=purse, pin=secret)

        till = _Till("load", books, session.public, purse, fen)
        _end(till.run(act), as_json=as_json)


def purchase(
    amount: _Amount,
    *,
    psam: Annotated[str, typer.Option(help="Reader of the PSAM, in the forms of --reader.")],
    journal: Annotated[
        Path, typer.Option(help="Journal of the terminal; the same one for a card that was torn.")
    ],
    reader: ReaderOption = None,
    profile: _ProfileName = "city-3des",
    ed: _Ed = False,
    pin: _Pin = None,
    operator: _Operator = 1,
    as_json: _Json = False,
) -> None:
    """Take money from a card, as a terminal with a PSAM and a journal.

    Status 0: paid, 1: refused, nothing moved, 2: something is wrong here, 3: torn; present the card again.
    """
    kind, fen, purse = load_profile(profile), read_yuan(amount), Purse.ED if ed else Purse.EP
    secret = _pin(kind, purse, "purchase", pin)
    with ExitStack() as stack:
        books = stack.enter_context(Journal(_in_folder(journal), operator=operator))
        sam = stack.enter_context(open_transport(psam))
        transport = stack.enter_context(open_transport(reader))
        for each in (sam, transport):
            stack.enter_context(each.exclusive())
        session = _session(transport, kind)
        terminal = Terminal(
            _psam(sam, load_profile(kind.psam)), books, kind, blacklist=Blacklist.of(_clock().date()),
            clock=_clock,
        )  # fmt: skip
        till = _Till("purchase", books, session.public, purse, fen)
        _end(till.run(lambda: terminal.purchase(transport, fen, purse=purse, pin=secret)), as_json=as_json)


def _end(receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(receipt_document(receipt), indent=2, ensure_ascii=False))
    else:
        for line in receipt_lines(receipt):
            typer.echo(line)
    raise typer.Exit(receipt.outcome.status)


# ------------------------------------------------------------------ what is asked of the caller


def _store(path: Path | None, profile: Profile, name: str) -> Path:
    """The file that was given, or that of this user for cards of the profile: numbers of others may be the same."""
    if path is None:
        return state_folder() / f"{_UNSAFE.sub('_', profile.name)}.{name}"
    return _in_folder(path)


def _in_folder(path: Path) -> Path:
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"{path}: file", "in a folder that exists", "none")
    return path


def _pin(profile: Profile, purse: Purse, transaction: str, text: str | None) -> bytes | None:
    operation = f"{purse.name.lower()}.{transaction}"
    if text is None and operation in profile.purse.pin_required:
        raise ParameterError(
            "pin", f"given for {operation} of {profile.name}, in --pin or CARDOS_PIN", "none"
        )
    return None if text is None else pin_bytes(text)


def _session(transport: Transport, profile: Profile) -> PurseSession:
    """The card's application, so that it is known which card this is."""
    try:
        return PurseSession(transport, profile)
    except StatusError as error:
        raise ParameterError("card", f"of profile {profile.name}; see --profile", error) from None


def _psam(transport: Transport, profile: Profile) -> PsamSession:
    try:
        return PsamSession(transport, profile)
    except StatusError as error:
        raise ParameterError("psam", f"of profile {profile.name}", error) from None


# ------------------------------------------------------------------ a card that is new to the register


def _adopt(
    session: PurseSession, issuer: EmbeddedIssuer, register: CardRegister, terminal: bytes, pin: bytes | None
) -> None:
    """Enter a card that the register does not know, with the counters and balances that it proves by MAC1."""
    card = session.public
    if register.card(card.card_serial) is not None:
        return
    if pin is not None:
        session.verify(pin)
    purses = {}
    for purse in Purse:
        if session.profile.application.find(purse.fid) is None:
            continue
        try:
            asked = session.initialize_for_load(purse, amount=_LEAST, terminal=terminal)
        except StatusError:
            continue  # not without its PIN; the issuer takes it for a new one
        issuer.settle(
            OnlineRequest.of(session.public, asked, type_=purse.load, terminal=terminal, amount=_LEAST)
        )
        purses[purse.load] = RegisteredPurse(asked.online_serial, asked.balance)
    register.adopt(RegisteredCard(card.issuer, card.card_serial, session.profile.name, card.expiry), purses)


# ------------------------------------------------------------------ what came of it


@dataclass(frozen=True, slots=True)
class _Till:
    """One transaction with one card, and the journal that knows of it."""

    transaction: str
    journal: Journal
    card: PublicData
    purse: Purse
    amount: int

    def run(self, act: Callable[[], OnlineResult | PurchaseResult]) -> Receipt:
        """The receipt of ``act``, whatever happens in it."""
        before = self._entries()
        torn = {entry.number for entry in before if entry.state is EntryState.OPEN}
        try:
            result = act()
        except (TransportError, StatusError, MacMismatch, TransactionRefused, sqlite3.Error) as error:
            return self._with_earlier(self._failed(error, self._entries()[len(before) :]), torn)
        same = [entry.number for entry in self._entries() if entry.record.identity == result.record.identity]
        return self._with_earlier(self._moved(result), torn - {max(same)})

    def _with_earlier(self, receipt: Receipt, torn: set[int]) -> Receipt:
        """The receipt with what became of entries that were open."""
        earlier = tuple(Earlier.of(entry) for entry in self._entries() if entry.number in torn)
        return replace(receipt, earlier=earlier)

    def _entries(self) -> tuple[JournalEntry, ...]:
        return self.journal.entries(self.card.card_serial)

    def _receipt(self, outcome: Outcome, message: str = "") -> Receipt:
        return Receipt(
            transaction=self.transaction, outcome=outcome, purse=self.purse, amount=self.amount,
            card=self.card.card_serial, message=message,
        )  # fmt: skip

    def _moved(self, result: OnlineResult | PurchaseResult) -> Receipt:
        record = result.record
        return replace(
            self._receipt(Outcome.RECOVERED if result.recovered else Outcome.DONE),
            balance=result.balance_after, serial=record.serial, when=record.when,
            tac=None if record.torn else record.tac,
            verified=result.verified if isinstance(result, PurchaseResult) else True,
        )  # fmt: skip

    def _failed(self, error: Exception, new: tuple[JournalEntry, ...]) -> Receipt:
        """What the journal knows decides, not the error; ``new`` are the entries of this transaction."""
        state = new[-1].state if new else None
        if state in {EntryState.SUSPECT, EntryState.TORN}:
            return self._receipt(Outcome.SUSPECT, str(error))
        if self.journal.open_entries(self.card.card_serial):
            again = f"present the card again with the same command, and {self.journal.path} settles it"
            return self._receipt(Outcome.TORN, f"{error}; {again}")
        if isinstance(error, CardosError) and not isinstance(error, TransportError):
            return self._receipt(Outcome.REFUSED, f"{error}{_hint(error)}")
        return self._receipt(Outcome.INTERRUPTED, f"{error}; present the card again")


#: What to do about a refusal that is not plain.
_HINTS: Mapping[object, str] = MappingProxyType(
    {
        SW.SECURITY_STATUS: "perhaps it wants its PIN: --pin",
        Refusal.SERIAL_UNEXPECTED: "the card was loaded, or made anew, without this register: see --register",
        Refusal.BALANCE_IMPOSSIBLE: "the card was loaded without this register: see --register",
    }
)


def _hint(error: CardosError) -> str:
    why = error.reason if isinstance(error, TransactionRefused) else getattr(error, "sw", None)
    return f"; {_HINTS[why]}" if why in _HINTS else ""
