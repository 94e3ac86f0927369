"""Status words SW1 SW2 with their meaning (JR/T 0025.1 annex A, JR/T 0025.9; ISO/IEC 7816-4 5.6 for the
classes).
"""

from __future__ import annotations

import enum
from typing import Self

__all__ = ["SW", "describe_sw"]


@enum.unique
class SW(enum.IntEnum):
    """The status words that cards of this family return; ``text`` is the meaning."""

    text: str

    def __new__(cls, value: int, text: str = "") -> Self:
        """A member from its value and its text."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    SUCCESS = 0x9000, "success"
    NO_INFORMATION = 0x6200, "no information given"
    DATA_DOUBTFUL = 0x6281, "returned data may be wrong"
    END_OF_FILE = 0x6282, "file ends before Le bytes"
    FILE_INVALIDATED = 0x6283, "selected file or application is blocked"
    FCI_FORMAT = 0x6284, "FCI not in the format asked for"
    AUTHENTICATION_FAILED = 0x6300, "authentication failed"
    STATE_UNCHANGED = 0x6400, "execution error, memory unchanged"
    MEMORY_FAILURE = 0x6581, "memory write failed"
    WRONG_LENGTH = 0x6700, "wrong length"
    SECURE_MESSAGING_UNSUPPORTED = 0x6882, "secure messaging not supported"
    CANNOT_PROCESS = 0x6900, "cannot process; CLA does not fit the line protection"
    INVALID_STATE = 0x6901, "command not accepted in this state"
    FILE_TYPE = 0x6981, "command does not fit the file structure"
    SECURITY_STATUS = 0x6982, "security status not satisfied"
    METHOD_BLOCKED = 0x6983, "PIN or key is locked"
    NO_CHALLENGE = 0x6984, "no challenge, or referenced data invalid"
    CONDITIONS = 0x6985, "conditions of use not satisfied"
    NO_CURRENT_EF = 0x6986, "no current elementary file"
    MAC_MISSING = 0x6987, "MAC missing"
    MAC_WRONG = 0x6988, "MAC of the protected command is wrong"
    WRONG_DATA = 0x6A80, "wrong parameters in the data field"
    NOT_SUPPORTED = 0x6A81, "function not supported, or card or application blocked"
    FILE_NOT_FOUND = 0x6A82, "file not found"
    RECORD_NOT_FOUND = 0x6A83, "record not found"
    NO_SPACE = 0x6A84, "not enough space"
    WRONG_P1P2 = 0x6A86, "wrong P1 P2, or file exists"
    KEY_NOT_FOUND = 0x6A88, "referenced key not found"
    OFFSET = 0x6B00, "offset outside the file"
    INS_UNKNOWN = 0x6D00, "instruction not supported"
    CLA_UNKNOWN = 0x6E00, "class not supported"
    DATA_INVALID = 0x6F00, "data invalid"
    AMOUNT_INSUFFICIENT = 0x9301, "amount not sufficient"
    MAC_INVALID = 0x9302, "MAC invalid"
    APPLICATION_LOCKED = 0x9303, "application permanently blocked"
    BALANCE_INSUFFICIENT = 0x9401, "balance not sufficient"
    COUNTER_MAXIMUM = 0x9402, "transaction counter at its maximum"
    KEY_INDEX = 0x9403, "key index not supported"
    PROOF_UNAVAILABLE = 0x9406, "required MAC or TAC not available"
    CAPP_LOCKED = 0x9407, "composite application record is locked"
    GREY_LOCKED = 0x9408, "purse is grey-locked"


#: ``61xx``, ``63Cx`` and ``6Cxx`` carry a number; the other rows are the fallback by SW1 (ISO/IEC 7816-4
#: table 5).
_CLASSES = {
    0x61: "more data available",
    0x62: "warning, memory unchanged",
    0x63: "warning, memory changed",
    0x64: "execution error, memory unchanged",
    0x65: "execution error, memory changed",
    0x66: "interface device error",
    0x67: "wrong length",
    0x68: "function in CLA not supported",
    0x69: "command not allowed",
    0x6A: "wrong parameters",
    0x6B: "wrong parameters",
    0x6C: "wrong Le",
    0x6D: "instruction not supported",
    0x6E: "class not supported",
    0x6F: "no precise diagnosis",
}


def describe_sw(sw: int) -> str:
    """What a status word says, for any value; an unknown one is described by its class.

    >>> describe_sw(0x9302), describe_sw(0x63C2), describe_sw(0x6FA7)
    ('MAC invalid', '2 tries left', 'no precise diagnosis (6FA7)')
    """
    if sw in SW._value2member_map_:
        return SW(sw).text
    sw1, sw2 = divmod(sw, 256)
    if sw1 == 0x63 and sw2 & 0xF0 == 0xC0:
        return f"{sw2 & 0x0F} tries left"
    if sw1 == 0x61:
        return f"{sw2 or 256} bytes available"
    if sw1 == 0x6C:
        return f"wrong Le, {sw2 or 256} bytes are there"
    return f"{_CLASSES.get(sw1, 'unknown status')} ({sw:04X})"
