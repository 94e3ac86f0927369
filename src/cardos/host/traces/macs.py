"""MACs and TACs of a trace, computed again: the transaction is followed from its INITIALIZE to its end.

Which field is under which MAC says the dialect of the profile; here stand which commands begin and complete a
transaction, and what a completion does to the balance, because a TAC covers the balance after it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from ...apdu import SW, Command, MessageRules, SecureChannel
from ...apdu.grey_commands import (
    CERTIFY_GREY_LOCK,
    DEBIT_FOR_UNLOCK,
    GREY_LOCK,
    GREY_UNLOCK,
    INIT_SAM_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_LOCK,
    INITIALIZE_FOR_GREY_UNLOCK,
)
from ...apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    DEBIT_FOR_UNLOAD,
    GET_TRANSACTION_PROVE,
    INITIALIZE_FOR_CAPP_PURCHASE,
    INITIALIZE_FOR_CASH_WITHDRAW,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    INITIALIZE_FOR_UNLOAD,
    INITIALIZE_FOR_UPDATE,
    UPDATE_OVERDRAW_LIMIT,
)
from ...apdu.sam_commands import (
    CREDIT_SAM_FOR_PURCHASE,
    INIT_SAM_FOR_PURCHASE,
    INIT_SAM_WITH_SERIAL,
    LOAD_BY_SAM,
)
from ...crypto import Key, Transaction, diversify
from ...crypto.diversify import FACTOR_SIZE
from ...crypto.mac import same
from ...errors import DecodeError, MacMismatch, ParameterError
from ...fields import Value
from ...profile import KeyType, Profile
from ..keyring import KeyRing
from .anatomy import CHALLENGE, COMMAND_MAC, Anatomy, Part

__all__ = ["MAC_FIELDS", "Mac", "MacCheck", "MacFollower", "values_of"]

#: Fields that are a MAC, and those among them that are under the TAC key.
MAC_FIELDS = frozenset({COMMAND_MAC, "mac", "mac1", "mac2", "mac3", "gmac", "tac", "gtac"})
_TACS = frozenset({"tac", "gtac"})
_NO_MAC = bytes(4)

Values = Mapping[str, Value]


class Mac(enum.Enum):
    """Whether a MAC is what the keys make of the trace."""

    RIGHT = "right"
    WRONG = "wrong"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class MacCheck:
    """What came of checking a MAC, and of a wrong one what it must be; ``None`` also where several keys come into
    question.
    """

    mac: Mac
    expected: bytes | None = None


_UNCHECKED = MacCheck(Mac.UNCHECKED)


#: Transaction types by the P2 of the command that begins it; empty where a field of the command says it.
_BEGINNINGS: Mapping[str, Mapping[int, int]] = MappingProxyType(
    {
        INITIALIZE_FOR_LOAD.name: {1: 0x01, 2: 0x02},
        INITIALIZE_FOR_UNLOAD.name: {1: 0x03},
        INITIALIZE_FOR_PURCHASE.name: {1: 0x05, 2: 0x06},
        INITIALIZE_FOR_CASH_WITHDRAW.name: {1: 0x04},
        INITIALIZE_FOR_CAPP_PURCHASE.name: {2: 0x09},
        INITIALIZE_FOR_UPDATE.name: {1: 0x07},
        INITIALIZE_FOR_GREY_LOCK.name: {1: 0x91, 2: 0x92},
        INITIALIZE_FOR_GREY_UNLOCK.name: {1: 0x95, 2: 0x96},
        INIT_SAM_FOR_PURCHASE.name: {},
        INIT_SAM_WITH_SERIAL.name: {},
        INIT_SAM_FOR_GREY_LOCK.name: {},
        LOAD_BY_SAM.name: {},
    }
)

_Change = Callable[[Mapping[str, int]], int]


def _nothing(_: Mapping[str, int]) -> int:
    return 0


def _rises(values: Mapping[str, int]) -> int:
    return values["amount"]


def _falls(values: Mapping[str, int]) -> int:
    return -values["amount"]


#: What the command that completes a transaction does to the balance.
_COMPLETIONS: Mapping[str, _Change] = MappingProxyType(
    {
        CREDIT_FOR_LOAD.name: _rises,
        DEBIT_FOR_PURCHASE.name: _falls,
        DEBIT_FOR_UNLOAD.name: _falls,
        UPDATE_OVERDRAW_LIMIT.name: lambda values: values["new_limit"] - values["limit"],
        GREY_LOCK.name: _nothing,
        GREY_UNLOCK.name: _falls,
        CREDIT_SAM_FOR_PURCHASE.name: _nothing,
        CERTIFY_GREY_LOCK.name: _nothing,
    }
)
#: Transaction types of DEBIT FOR UNLOCK by its P2: a debit under the session key that GREY LOCK left.
_DEBITS_OF_LOCK = MappingProxyType({1: 0x93, 2: 0x94})
_FIRST_GREY = 0x91


@dataclass(frozen=True, slots=True)
class _Done:
    """A completed transaction, for its proof: its type, its serial after the step, and its MACs by field."""

    type: int
    serial: int
    macs: Mapping[str, bytes]


class MacFollower:
    """Checks the MACs of one exchange after the other, for a card or SAM of ``profile`` under the master keys ``keys``.

    ``known`` are fields that files told so far (the serial number diversifies the keys); whoever follows the files
    adds to it.  Raises :class:`~cardos.errors.ParameterError` for keys of another cipher.
    """

    def __init__(self, profile: Profile, keys: KeyRing, known: Values) -> None:
        keys.check(profile)
        self._profile, self._keys, self._known = profile, keys, known
        self._dialect = profile.dialect
        self._pending: dict[str, Value] = {}
        self._lock_key: Key | None = None
        self._done: _Done | None = None
        self._challenge = b""

    def reset(self) -> None:
        """The card forgot what it was in the middle of."""
        self._pending, self._challenge = {}, b""

    def check(self, exchange: Anatomy) -> dict[str, MacCheck]:
        """What the MAC fields of an exchange are, by name; the exchange is taken in."""
        spec, command = exchange.answers, exchange.command
        if spec is None or command is None:
            return {}
        found = dict.fromkeys((part.name for part in _macs(exchange.answer)), _UNCHECKED)
        if exchange.spec is spec:  # and not GET RESPONSE, which goes on with a command before it
            found |= dict.fromkeys((part.name for part in _macs(exchange.body)), _UNCHECKED)
            found |= self._checked_command(exchange)
        if spec is GET_TRANSACTION_PROVE:
            found |= self._checked_proof(command.p2, exchange)
        if spec.name in _FOLLOWED:
            found |= self._follow(spec.name, exchange, command, fresh=exchange.spec is spec)
        self._challenge = cast(bytes, values_of(exchange.answer).get(CHALLENGE, b""))
        return found

    def _follow(self, name: str, exchange: Anatomy, command: Command, *, fresh: bool) -> dict[str, MacCheck]:
        found: dict[str, MacCheck] = {}
        if fresh:
            self._begin(name, command, values_of(exchange.body))
            found |= self._checked(exchange.body, self._pending)
        answer = values_of(exchange.answer)
        if name in _BEGINNINGS:
            self._pending |= answer
        after = self._after(name)
        found |= self._checked(exchange.answer, {**after, **answer})
        if name in _COMPLETIONS and not exchange.has_more:
            self._end(exchange, after)
        return found

    # -- the way of a transaction

    def _begin(self, name: str, command: Command, body: Values) -> None:
        types = _DEBITS_OF_LOCK if name == DEBIT_FOR_UNLOCK.name else _BEGINNINGS.get(name)
        if types is not None:
            self._pending = {"type": types[command.p2]} if command.p2 in types else {}
        self._pending |= body

    def _after(self, name: str) -> dict[str, Value]:
        """The fields with the balance as it is when the command has done its work."""
        values, change = dict(self._pending), _COMPLETIONS.get(name)
        numbers = {key: value for key, value in values.items() if isinstance(value, int)}
        try:
            return values if change is None else values | {"balance": numbers["balance"] + change(numbers)}
        except KeyError:
            return values

    def _end(self, exchange: Anatomy, values: Values) -> None:
        """A transaction that was done, or may have been, is remembered for its proof."""
        transaction = self._transaction(values)
        if exchange.sw in (SW.SUCCESS, None) and transaction is not None and exchange.answers is not None:
            names = exchange.answers.answer_spans(0)
            serial = values.get(transaction.serial)
            made = {name: mac for name in names if (mac := self._mac(name, values)) is not None}
            if exchange.answers is GREY_LOCK:
                self._lock_key = self._session_key(transaction, values)
            elif isinstance(serial, int) and transaction.types[0] < _FIRST_GREY and len(made) == len(names):
                mac = next((made[name] for name in ("mac2", "mac3") if name in made), _NO_MAC)
                type_ = cast(int, values["type"])
                self._done = _Done(type_, serial + 1, {"mac": mac, "tac": made.get("tac", _NO_MAC)})
        self._pending = {}

    # -- one MAC

    def _checked(self, parts: tuple[Part, ...], values: Values) -> dict[str, MacCheck]:
        return {
            part.name: _compared(part, self._mac(part.name, values)) for part in parts if part.name in _ITEMS
        }

    def _checked_proof(self, type_: int, exchange: Anatomy) -> dict[str, MacCheck]:
        done, serial = self._done, values_of(exchange.body).get("serial")
        macs = done.macs if done is not None and (done.type, done.serial) == (type_, serial) else {}
        return {part.name: _compared(part, macs.get(part.name)) for part in exchange.answer}

    def _checked_command(self, exchange: Anatomy) -> dict[str, MacCheck]:
        """The MAC of a protected command: under one of the card's keys, with the challenge that it gave just before."""
        if not exchange.protected:
            return {}
        keys, command = self._line_keys(), exchange.command
        hidden = any(part.value is None for part in exchange.body)
        if hidden or not keys or command is None or len(self._challenge) not in (4, 8, 16):
            return {COMMAND_MAC: _UNCHECKED}
        right = any(self._protects(key, command) for key in keys)
        return {COMMAND_MAC: MacCheck(Mac.RIGHT if right else Mac.WRONG)}

    def _protects(self, key: Key, command: Command) -> bool:
        rules = MessageRules.of(self._profile.cos)
        try:
            SecureChannel(self._profile.suite, key, self._challenge, rules).unprotect(command)
        except (MacMismatch, DecodeError, ParameterError):
            return False
        return True

    def _mac(self, name: str, values: Values) -> bytes | None:
        """The MAC in the field ``name``; ``None`` when the trace, or the keys, do not say enough."""
        transaction = self._transaction(values)
        if transaction is None or name not in transaction.items:
            return None
        under_tac = name in _TACS
        key = self._tac_key(values) if under_tac else self._session_key(transaction, values)
        if key is None:
            return None
        known = {**self._known, **values}
        try:
            if under_tac:
                return self._dialect.tac(transaction.name, key, item=name, **known)
            return self._dialect.mac(transaction.name, name, key, **known)
        except ParameterError:
            return None

    def _transaction(self, values: Values) -> Transaction | None:
        type_ = values.get("type")
        try:
            return self._dialect.of_type(type_) if isinstance(type_, int) else None
        except ParameterError:
            return None

    # -- keys

    def _session_key(self, transaction: Transaction, values: Values) -> Key | None:
        if values.get("type") in _DEBITS_OF_LOCK.values():
            return self._lock_key
        index = values.get("key_index", -1)
        key = self._key(KeyType[transaction.key.upper()], index, transaction.key, values)
        try:
            return None if key is None else self._dialect.session_key(transaction.name, key, **values)
        except ParameterError:
            return None

    def _tac_key(self, values: Values) -> Key | None:
        return self._key(KeyType.TAC, -1, "tac", values)

    def _key(self, type_: KeyType, index: Value, purpose: str, values: Values) -> Key | None:
        """A key of the card that the trace is about: the card's own, or in a SAM the one made from its factors."""
        specs = [spec for spec in self._profile.application.keys if spec.type == type_ and spec.source]
        fitting = [spec for spec in specs if spec.id == index] or specs
        source = (fitting[0].source if fitting else None) or purpose
        factors = values.get("factors")
        try:
            if isinstance(factors, bytes):
                levels = [factors[at : at + FACTOR_SIZE] for at in range(0, len(factors), FACTOR_SIZE)]
                return diversify(self._keys[source], *reversed(levels))
            ring = self._card_keys()
            return None if ring is None else ring[source]
        except ParameterError:
            return None

    def _card_keys(self) -> KeyRing | None:
        """The card's own keys, once its serial number is known."""
        fields = {name: value for name, value in self._known.items() if isinstance(value, bytes)}
        try:
            return self._keys.for_card(self._profile, **fields)
        except ParameterError:
            return None

    def _line_keys(self) -> tuple[Key, ...]:
        if self._profile.kind != "card":
            return tuple(self._keys.keys.values())
        ring = self._card_keys()
        return () if ring is None else tuple(ring.keys.values())


#: Commands whose MACs belong to a transaction.
_FOLLOWED = frozenset({*_BEGINNINGS, *_COMPLETIONS, DEBIT_FOR_UNLOCK.name})
#: MAC fields that the dialect makes.
_ITEMS = MAC_FIELDS - {COMMAND_MAC, "mac"}


def values_of(parts: tuple[Part, ...]) -> dict[str, Value]:
    """The fields that are not hidden, by name."""
    return {part.name: value for part in parts if (value := part.value) is not None}


def _macs(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.name in MAC_FIELDS)


def _compared(part: Part, expected: bytes | None) -> MacCheck:
    received = part.value
    if expected is None or not isinstance(received, bytes):
        return _UNCHECKED
    return MacCheck(Mac.RIGHT) if same(expected, received) else MacCheck(Mac.WRONG, expected)
