"""The commands of the grey lock: a purse is locked before the goods are taken and debited afterwards (JR/T 0025.9
7.7 to 7.10 on the card; the coding of fuel terminals on the PSAM).
"""

from __future__ import annotations

from dataclasses import replace

from construct import GreedyBytes

from .sam_commands import BLOCKED, with_factors
from .spec import CommandSpec, layout, one_of
from .status import SW

__all__ = [
    "CERTIFY_GREY_LOCK",
    "CLEAR_LOCK_PROOF",
    "CREDIT_SAM_FOR_GREY_DEBIT",
    "DEBIT_FOR_UNLOCK",
    "GET_GMAC",
    "GET_LOCK_PROOF",
    "GREY_COMMANDS",
    "GREY_LOCK",
    "GREY_PURSES",
    "GREY_UNLOCK",
    "INITIALIZE_FOR_GREY_LOCK",
    "INITIALIZE_FOR_GREY_UNLOCK",
    "INIT_SAM_FOR_GREY_LOCK",
    "LOCK_PROOF",
]

#: Values of P2 that name the purse to lock.
GREY_PURSES = one_of(0x01, 0x02)
_NONE = one_of(0x00)
_COMMON = (SW.MEMORY_FAILURE, SW.INVALID_STATE, SW.WRONG_P1P2, *BLOCKED)

# ------------------------------------------------------------------ the card

INITIALIZE_FOR_GREY_LOCK = CommandSpec.fixed(
    "INITIALIZE FOR GREY LOCK", (0xE0, 0x7A, one_of(0x08), GREY_PURSES), "JR/T 0025.9 7.7",
    statuses=(*_COMMON, SW.SECURITY_STATUS, SW.COUNTER_MAXIMUM, SW.KEY_INDEX),
    body=layout("key_index", "terminal"),
    answer=layout("balance", "offline_serial", "limit", "key_version", "algorithm", "random"),
    effect="The flag of an unread TAC is cleared; the lock waits for GREY LOCK.",
)  # fmt: skip

GREY_LOCK = CommandSpec.fixed(
    "GREY LOCK", (0xE0, 0x7C, one_of(0x08), _NONE), "JR/T 0025.9 7.7.3",
    statuses=(*_COMMON, SW.MAC_INVALID),
    body=layout("terminal_serial", "terminal_random", "date", "time", "mac1"), answer=layout("gtac", "mac2"),
    effect="The purse is grey-locked, its offline serial steps, session key and lock proof are kept.",
)  # fmt: skip

#: ``offline_serial`` is the value after the step of GREY LOCK; terminal, serial and moment are of the terminal
#: that debits.
DEBIT_FOR_UNLOCK = CommandSpec.fixed(
    "DEBIT FOR UNLOCK", (0xE0, 0x7E, one_of(0x08), GREY_PURSES), "JR/T 0025.9 7.7.8",
    statuses=(*_COMMON, SW.MAC_INVALID, SW.BALANCE_INSUFFICIENT, SW.PROOF_UNAVAILABLE),
    body=layout("amount", "offline_serial", "terminal", "terminal_serial", "date", "time", "gmac"),
    answer=layout("tac"),
    effect="The balance falls, the lock is gone, the TAC counts as unread, and the log tells of it.",
)  # fmt: skip

INITIALIZE_FOR_GREY_UNLOCK = CommandSpec.fixed(
    "INITIALIZE FOR GREY UNLOCK", (0xE0, 0x7A, one_of(0x09), GREY_PURSES), "JR/T 0025.9 7.7.9",
    statuses=(*(sw for sw in _COMMON if sw != SW.MEMORY_FAILURE), SW.SECURITY_STATUS, SW.COUNTER_MAXIMUM, SW.KEY_INDEX),
    body=layout("key_index", "terminal"),
    answer=layout("balance", "offline_serial", "online_serial", "key_version", "algorithm", "random", "mac1"),
    effect="Nothing that lasts; the unlock waits for GREY UNLOCK.",
)  # fmt: skip

GREY_UNLOCK = CommandSpec.fixed(
    "GREY UNLOCK", (0xE0, 0x7E, one_of(0x09), _NONE), "JR/T 0025.9 7.7.9",
    statuses=(*_COMMON, SW.MAC_INVALID, SW.BALANCE_INSUFFICIENT),
    body=layout("amount", "date", "time", "mac2"), answer=layout("mac3"),
    effect="The balance falls, the lock is gone, the online serial steps, and the log tells of it.",
)  # fmt: skip

#: What a lock proof holds behind its first byte, and the card keeps.  ``serial`` is the value after the step,
#: ``lock_value`` the amount of a debit or MAC2 of a lock, ``lock_tac`` GTAC, TAC, or MAC3 of an online unlock.
LOCK_PROOF = ("type", "purse_code", "balance", "serial", "terminal", "date", "time", "lock_value", "lock_tac")

#: ``lock_state`` is 00 not locked, 01 locked, 10 debited with the TAC unread.
GET_LOCK_PROOF = replace(CommandSpec.fixed(
    "GET LOCK PROOF", (0xE0, 0xCA, _NONE, _NONE), "JR/T 0025.9 7.10",
    statuses=(SW.WRONG_P1P2, *BLOCKED),
    answer=layout("lock_state", *LOCK_PROOF),
    effect="Nothing.",
), le_optional=True)  # fmt: skip

CLEAR_LOCK_PROOF = CommandSpec.fixed(
    "CLEAR LOCK PROOF", (0xE0, 0xCA, one_of(0x01), _NONE), "JR/T 0025.9 7.10",
    statuses=(SW.MEMORY_FAILURE, SW.WRONG_P1P2, *BLOCKED),
    effect="The flag of an unread TAC is cleared.",
)  # fmt: skip

# ------------------------------------------------------------------ the PSAM

_SAM = (SW.MEMORY_FAILURE, SW.METHOD_BLOCKED, SW.WRONG_P1P2, *BLOCKED)

#: As INIT SAM FOR PURCHASE, with the card's balance in place of an amount.
INIT_SAM_FOR_GREY_LOCK = CommandSpec(
    "INIT SAM FOR GREY LOCK", 0xE0, 0x40, _NONE, _NONE, "PSAM E040",
    (*_SAM, SW.COUNTER_MAXIMUM, SW.KEY_INDEX, SW.WRONG_DATA),
    body=layout(
        "random", "offline_serial", "balance", "type", "date", "time", "key_version", "algorithm",
        factors=GreedyBytes,
    ),
    answer=layout("terminal_serial", "terminal_random", "mac1"), lc=with_factors(20), le=12,
    effect="The terminal serial is spent, durably before the answer; the lock waits for its MAC2.",
)  # fmt: skip

CERTIFY_GREY_LOCK = CommandSpec.fixed(
    "CERTIFY GREY LOCK", (0xE0, 0x42, _NONE, _NONE), "PSAM E042",
    statuses=(*_SAM, SW.MAC_INVALID), body=layout("mac2"),
    effect="The SAM keeps the lock, until its debit and after, in the place of the oldest.",
)  # fmt: skip

#: ``offline_serial`` is the value after the step of the card's GREY LOCK.
CREDIT_SAM_FOR_GREY_DEBIT = CommandSpec.fixed(
    "CREDIT SAM FOR GREY DEBIT", (0xE0, 0x44, _NONE, _NONE), "PSAM E044",
    statuses=(*_SAM, SW.WRONG_DATA, SW.PROOF_UNAVAILABLE),
    body=layout("type", "card_serial", "offline_serial", "amount"), answer=layout("gmac", "tac"),
    effect="The SAM keeps the amount, GMAC and TAC with the lock.",
)  # fmt: skip

#: ``terminal_serial`` is the one that INIT SAM FOR GREY LOCK gave.
GET_GMAC = CommandSpec.fixed(
    "GET GMAC", (0xE0, 0x46, _NONE, _NONE), "PSAM E046",
    statuses=(SW.METHOD_BLOCKED, SW.WRONG_P1P2, SW.PROOF_UNAVAILABLE, *BLOCKED),
    body=layout("terminal_serial"), answer=layout("gmac", "tac"),
    effect="Nothing.",
)  # fmt: skip

GREY_COMMANDS = (
    INITIALIZE_FOR_GREY_LOCK, GREY_LOCK, DEBIT_FOR_UNLOCK, INITIALIZE_FOR_GREY_UNLOCK, GREY_UNLOCK,
    GET_LOCK_PROOF, CLEAR_LOCK_PROOF, INIT_SAM_FOR_GREY_LOCK, CERTIFY_GREY_LOCK, CREDIT_SAM_FOR_GREY_DEBIT,
    GET_GMAC,
)  # fmt: skip
