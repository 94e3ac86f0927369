"""What came of a load or a purchase: in one line, and as JSON."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ..document import DocumentForm, Json
from ..fields import yuan
from ..host import EntryState, JournalEntry, Purse

__all__ = ["Earlier", "Outcome", "Receipt", "receipt_document", "receipt_lines"]

_FORM: Final = DocumentForm(hex=MappingProxyType({}), elements=frozenset())


class Outcome(enum.Enum):
    """How it ended, and the exit status of the program that says so."""

    #: The money moved.
    DONE = ("done", 0)
    #: An earlier one that was torn had moved it: nothing moved now.
    RECOVERED = ("recovered", 0)
    #: The card, the issuer or the terminal said no: nothing moved.
    REFUSED = ("refused", 1)
    #: The card went away before money could move.
    INTERRUPTED = ("interrupted", 1)
    #: The card's word for it is not genuine: whether money moved is for the centre to find out.
    SUSPECT = ("suspect", 1)
    #: The card went away and has not said whether money moved.
    TORN = ("torn", 3)

    def __init__(self, word: str, status: int) -> None:
        self.word = word
        self.status = status


@dataclass(frozen=True, slots=True)
class Earlier:
    """A transaction that was torn before, and what became of it; ``amount`` in fen."""

    amount: int
    when: datetime
    state: EntryState

    @classmethod
    def of(cls, entry: JournalEntry) -> Earlier:
        """That of a journal entry."""
        return cls(entry.record.amount, entry.record.when, entry.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of a ``transaction`` (``load`` or ``purchase``) of ``amount`` fen.

    ``balance`` after it in fen, ``serial``, ``when`` and ``tac`` are there when the money moved; ``verified`` is false
    when the terminal could not check that the card is genuine.  ``message`` says why it did not move, or what to do.
    """

    transaction: str
    outcome: Outcome
    purse: Purse
    amount: int
    card: bytes
    balance: int | None = None
    serial: int | None = None
    when: datetime | None = None
    tac: bytes | None = None
    verified: bool = True
    earlier: tuple[Earlier, ...] = ()
    message: str = ""


def receipt_document(receipt: Receipt) -> dict[str, Json]:
    """The document for programs, ``cardpay/1``."""
    return {"format": "cardpay/1", **_FORM.members(receipt)}


#: How money moved, in words.
_DONE: Mapping[str, str] = MappingProxyType({"load": "loaded", "purchase": "paid"})
_STATES: Mapping[EntryState, str] = MappingProxyType(
    {
        EntryState.COMPLETE: "went through",
        EntryState.VOID: "did not go through",
        EntryState.TORN: "cannot be told any more; the centre decides",
        EntryState.SUSPECT: "is suspect; the centre decides",
        EntryState.OPEN: "is still not known",
    }
)
_HEADS: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.DONE: "{done} {amount} yuan",
        Outcome.RECOVERED: "{done} {amount} yuan before, when the card was torn away: nothing moved now",
        Outcome.REFUSED: "refused",
        Outcome.INTERRUPTED: "interrupted, nothing moved",
        Outcome.SUSPECT: "suspect, hand out nothing",
        Outcome.TORN: "torn",
    }
)


def receipt_lines(receipt: Receipt) -> tuple[str, ...]:
    """The result in one line, and one more for each earlier transaction that it settled."""
    head = _HEADS[receipt.outcome].format(done=_DONE[receipt.transaction], amount=yuan(receipt.amount))
    parts = [f"{head}: card {receipt.card.hex()} {receipt.purse.name}"]
    if receipt.balance is not None:
        parts.append(f"balance {yuan(receipt.balance)} yuan")
    if receipt.serial is not None:
        parts.append(f"serial {receipt.serial}")
    if receipt.tac is not None:
        parts.append(f"TAC {receipt.tac.hex().upper()}")
    if not receipt.verified:
        parts.append("not verified by the PSAM")
    line = ", ".join(parts) + (f": {receipt.message}" if receipt.message else "")
    earlier = (
        f"the torn {receipt.transaction} of {yuan(each.amount)} yuan at {each.when} {_STATES[each.state]}"
        for each in receipt.earlier
    )
    return (line, *earlier)
