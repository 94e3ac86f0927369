"""A PC/SC service of one process with the functions of pyscard's ``scard`` module that we use: cards in readers, their
power, and result codes on demand.
"""

# ruff: noqa: N802 (the functions are named as in PC/SC)

from __future__ import annotations

import sys
from collections import deque
from types import ModuleType, SimpleNamespace

from cardos.errors import CardRemoved
from cardos.testing import KIT_ATR

CONSTANTS = {
    "SCARD_SCOPE_USER": 0, "SCARD_PCI_T0": 101, "SCARD_PCI_T1": 102, "SCARD_LEAVE_CARD": 0, "SCARD_RESET_CARD": 1,
    "SCARD_UNPOWER_CARD": 2, "SCARD_ATTR_ATR_STRING": 0x90303,
}  # fmt: skip
CHANGED, EMPTY, PRESENT = 0x02, 0x10, 0x20
NO_CARD, TIMEOUT, UNKNOWN_READER, NO_SERVICE = 0x8010_000C, 0x8010_000A, 0x8010_0009, 0x8010_001D


class FakeScard:
    """``readers`` maps names to a card of the kit or ``None``.  ``codes`` maps a function to result codes that it gives
    next, in place of its work; ``states``, when given, are all the answers of SCardGetStatusChange.  ``calls`` are what
    was asked.
    """

    def __init__(self, **readers) -> None:
        self.__dict__.update(CONSTANTS)
        self.readers = dict(readers)
        self.codes: dict[str, deque[int]] = {}
        self.states: deque | None = None
        self.calls: list[tuple] = []
        self.open: set[int] = set()
        self._inside = SimpleNamespace(next=0, card=None)

    def install(self, monkeypatch) -> FakeScard:
        """Be pyscard for a test."""
        package = ModuleType("smartcard")
        package.scard = self
        monkeypatch.setitem(sys.modules, "smartcard", package)
        monkeypatch.setitem(sys.modules, "smartcard.scard", self)
        return self

    def will(self, function: str, *codes: int) -> None:
        self.codes[function] = deque(codes)

    def _code(self, function: str, *arguments) -> int:
        self.calls.append((function, *arguments))
        waiting = self.codes.get(function)
        return waiting.popleft() if waiting else 0

    def _handle(self) -> int:
        self._inside.next += 1
        self.open.add(self._inside.next)
        return self._inside.next

    def asked(self, function: str) -> list[tuple]:
        return [arguments for name, *arguments in self.calls if name == function]

    # -- contexts and readers

    def SCardEstablishContext(self, scope):
        code = self._code("SCardEstablishContext", scope)
        return code, 0 if code else self._handle()

    def SCardReleaseContext(self, context):
        self.open.discard(context)
        return self._code("SCardReleaseContext", context)

    def SCardListReaders(self, _context, _groups):
        code = self._code("SCardListReaders")
        return code, [] if code else list(self.readers)

    def SCardGetStatusChange(self, _context, milliseconds, asked):
        code = self._code("SCardGetStatusChange", milliseconds, asked)
        if code:
            return code, []
        if self.states is not None:
            return (0, self.states.popleft()) if self.states else (TIMEOUT, [])
        found = [self._state(name) for name, _ in asked]
        changed = any(value != known for (_, value, _), (_, known) in zip(found, asked, strict=True))
        return (0, found) if changed else (TIMEOUT, [])

    def _state(self, name):
        if name not in self.readers:
            return name, 0, []
        return (name, PRESENT, list(KIT_ATR)) if self.readers[name] else (name, EMPTY, [])

    def SCardCancel(self, context):
        return self._code("SCardCancel", context)

    # -- cards

    def SCardConnect(self, _context, reader, share, protocols):
        code = self._code("SCardConnect", reader, int(share), protocols)
        if not code and reader not in self.readers:
            code = UNKNOWN_READER
        if not code and self.readers[reader] is None:
            code = NO_CARD
        if code:
            return code, 0, 0
        self._inside.card = self.readers[reader]
        self._inside.card.power_on()
        return 0, self._handle(), 2 if protocols & 2 else 1

    def SCardReconnect(self, _handle, share, protocols, how):
        code = self._code("SCardReconnect", int(share), protocols, how)
        if code:
            return code, 0
        self._inside.card.power_off()
        self._inside.card.power_on()
        return 0, 2 if protocols & 2 else 1

    def SCardDisconnect(self, handle, how):
        self.open.discard(handle)
        return self._code("SCardDisconnect", how)

    def SCardGetAttrib(self, _handle, attribute):
        return self._code("SCardGetAttrib", attribute), []

    def SCardBeginTransaction(self, _handle):
        return self._code("SCardBeginTransaction")

    def SCardEndTransaction(self, _handle, how):
        return self._code("SCardEndTransaction", how)

    def SCardTransmit(self, _handle, header, command):
        code = self._code("SCardTransmit", header, command)
        if code:
            return code, [0xDE, 0xAD]  # rubbish, as from pyscard
        try:
            return 0, list(self._inside.card.transmit(bytes(command)))
        except CardRemoved:
            return 0, []  # what the driver of vsmartcard makes of it
