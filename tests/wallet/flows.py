"""The kinds of transaction of a purse as data: which commands, which MACs, which types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardos.apdu import CommandSpec
from cardos.apdu.purse_commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    DEBIT_FOR_UNLOAD,
    ED,
    EP,
    INITIALIZE_FOR_CAPP_PURCHASE,
    INITIALIZE_FOR_CASH_WITHDRAW,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    INITIALIZE_FOR_UNLOAD,
    INITIALIZE_FOR_UPDATE,
    UPDATE_OVERDRAW_LIMIT,
)


@dataclass(frozen=True)
class Flow:
    """A kind of transaction: its commands, its layouts in the dialect, the serial that steps, its types by purse, the
    MAC that the card checks and the sign of its amount in the balance.
    """

    initialize: CommandSpec
    partner: CommandSpec
    transaction: str
    serial: str
    types: Mapping[int, int]
    received: str
    sign: int


FLOWS = {
    "load": Flow(INITIALIZE_FOR_LOAD, CREDIT_FOR_LOAD, "load", "online_serial", {ED: 0x01, EP: 0x02}, "mac2", 1),
    "unload": Flow(INITIALIZE_FOR_UNLOAD, DEBIT_FOR_UNLOAD, "unload", "online_serial", {ED: 0x03}, "mac2", -1),
    "overdraft": Flow(
        INITIALIZE_FOR_UPDATE, UPDATE_OVERDRAW_LIMIT, "overdraft", "online_serial", {ED: 0x07}, "mac2", 1
    ),
    "purchase": Flow(
        INITIALIZE_FOR_PURCHASE, DEBIT_FOR_PURCHASE, "purchase", "offline_serial", {ED: 0x05, EP: 0x06}, "mac1", -1
    ),
    "cash": Flow(
        INITIALIZE_FOR_CASH_WITHDRAW, DEBIT_FOR_PURCHASE, "purchase", "offline_serial", {ED: 0x04}, "mac1", -1
    ),
    "composite": Flow(
        INITIALIZE_FOR_CAPP_PURCHASE, DEBIT_FOR_PURCHASE, "purchase", "offline_serial", {EP: 0x09}, "mac1", -1
    ),
}  # fmt: skip
