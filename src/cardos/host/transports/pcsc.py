"""A card in a reader of the PC/SC service."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum, unique
from types import MappingProxyType

from ...errors import CardRemoved, NoCard, NoReader, ParameterError, ServiceDown, TransportError
from .base import Transport
from .pcsc_service import CODE_MASK, PcscCode, PcscContext, ReaderState

__all__ = ["PcscTransport", "ShareMode"]

# One byte is no command, and the driver of vsmartcard takes it for a message of its own and hangs.
_SHORTEST, _LONGEST = 2, 4 + 3 + 0xFFFF + 2
_LOOK = 0.6  # seconds; pcscd looks every 0.4 s whether the card is there
_EXTENDED = 7  # bytes of the shortest extended command
_LOST = (CardRemoved, NoCard, NoReader, ServiceDown)  # only a reset helps
_MAY_STILL_COME = frozenset({PcscCode.E_NO_SMARTCARD, PcscCode.W_REMOVED_CARD})


@unique
class ShareMode(IntEnum):
    """Who else may be connected to the card; the values are those of PC/SC."""

    EXCLUSIVE = 1
    SHARED = 2


#: Transmission protocols: their bit in PC/SC, and the name of their header there.
_PROTOCOLS: Mapping[str, int] = MappingProxyType({"T=0": 1, "T=1": 2})
_HEADERS: Mapping[str, str] = MappingProxyType({"T=0": "SCARD_PCI_T0", "T=1": "SCARD_PCI_T1"})


class PcscTransport(Transport):
    """A card in a reader of the PC/SC service (pcscd, or that of the system), through pyscard.

    ``reader`` is the number of a reader or part of its name; the name is what lasts, so it is the one to write down.
    ``protocol`` is ``T=0``, ``T=1`` or ``None`` for what service and card agree on.  Connecting and :meth:`reset`
    wait up to ``wait`` seconds for a card to be inserted.

    Connecting resets no card that another program uses.  :meth:`reset` and :meth:`close` do: the card forgets, and
    programs that share it find it reset.  While another program has the card to itself (:meth:`exclusive`),
    connecting, commands, resets and closing wait for it, and so does any of them for a card that takes its time: the
    service has no limit.

    Raises
    ------
    NoReader
        None, or more than one, is meant by ``reader``; the error lists those that exist.
    NoCard
        No card that answers came.
    SharingViolation
        Another program has the card.
    ServiceDown
        The service does not run.
    MissingComponent
        pyscard is not installed.
    """

    def __init__(
        self, reader: str | int, *, share: ShareMode = ShareMode.SHARED, protocol: str | None = None,
        wait: float = 0.0,
    ) -> None:  # fmt: skip
        if protocol is not None and protocol not in _PROTOCOLS:
            raise ParameterError("protocol", f"one of {', '.join(_PROTOCOLS)}", repr(protocol))
        self._share, self._wait = share, wait
        self._wanted = sum(_PROTOCOLS.values()) if protocol is None else _PROTOCOLS[protocol]
        self._handle: int | None = None
        self._usable = self._closed = False
        self._held = 0  # how many blocks of exclusive() are open; the outermost is the transaction
        #: The protocol in use, ``T=0`` or ``T=1``.
        self.protocol = ""
        self._context = PcscContext()
        try:
            #: The whole name of the reader.
            self.reader = self._context.find(reader)
            self._connect()
        except BaseException:
            self.close()
            raise

    # -- commands

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer to a command of 2..65544 bytes; over T=0 an extended one is refused with
        :class:`~cardos.errors.ParameterError` and not sent.

        Nothing is added or resolved: over T=0 the card's ``61xx`` and ``6Cxx`` arrive as they are.
        """
        if not self._usable:
            self._refuse()
        self._check_length(command)
        code, answer = self._send(self._handle, self._header, list(command))
        if code != PcscCode.S_SUCCESS:
            raise self._lost(code)
        if not answer:  # what some drivers make of a card that was pulled
            raise self._lost(PcscCode.E_NOT_TRANSACTED)
        return bytes(answer)

    def _check_length(self, command: bytes) -> None:
        length = len(command)
        if not _SHORTEST <= length <= _LONGEST:
            raise ParameterError("command", f"{_SHORTEST}..{_LONGEST} bytes", f"{length} bytes")
        if self.protocol == "T=0" and length >= _EXTENDED and command[4] == 0:
            raise ParameterError("command", "short over T=0", f"an extended one of {length} bytes")

    def _refuse(self) -> None:
        self._check_open()
        raise CardRemoved(f"{self.reader}: the card was removed; reset it")

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("transport is closed; open a new one")

    def _lost(self, code: int) -> TransportError:
        """The error for a command that got no answer."""
        if code & CODE_MASK == PcscCode.E_PROTO_MISMATCH:
            code = PcscCode.W_RESET_CARD  # the protocol was agreed on with the card, until its next reset
        error = self._context.error(code, self.reader)
        if isinstance(error, _LOST):
            self._usable = False
        return error

    # -- power

    def reset(self, *, cold: bool = True) -> bytes:
        """Power the card off and on, or reset it.  A card that was removed and is there again, and a service that was
        restarted, are connected anew.
        """
        self._check_open()
        code = int(PcscCode.W_REMOVED_CARD) if self._seen_to_go() else self._restart(cold=cold)
        if code == PcscCode.E_NO_SMARTCARD and self._overlooked():
            code = self._restart(cold=cold)
        if code != PcscCode.S_SUCCESS:
            self._drop()
            self._context = PcscContext()
            self._connect()
            # Programs that share the card may have kept it under power.
            self._context.check(self._restart(cold=cold), self.reader)
        return self.atr

    def _seen_to_go(self) -> bool:
        """Whether the service saw the card go, or went itself, since the card was connected.

        The one that is back must be left alone until the service sees it come: powered before, on or off, it is taken
        for there, and powered up a second time, in the middle of our commands.
        """
        try:
            return self._look().count != self._state.count
        except TransportError:
            return True

    def _overlooked(self) -> bool:
        """Whether the service missed that the card was away.

        pcscd looks only now and then.  A reset that finds the reader empty makes it take the reader for empty, without
        the removal being counted, until it sees a card go; one that came back before the next look it never sees.
        """
        until, state = time.monotonic() + _LOOK, self._state
        while state.count == self._state.count:
            found = self._context.await_change(state, until)
            if found is None:
                return True
            state = found
        return False

    def _connect(self) -> None:
        until, state = time.monotonic() + self._wait, ReaderState(self.reader)
        while (code := self._open()) in _MAY_STILL_COME:
            found = self._context.await_change(state, until)
            if found is None:
                break
            state = found
        self._context.check(code, self.reader)

    def _open(self) -> int:
        code, handle, protocol = self._context.scard.SCardConnect(
            self._context.handle, self.reader, self._share, self._wanted
        )
        if code == PcscCode.S_SUCCESS:
            self._handle = handle
            self._begin(protocol)
            self._hold()
        return int(code) & CODE_MASK

    def _restart(self, *, cold: bool) -> int:
        """Reset the card that is connected; gives the result code."""
        usable, self._usable = self._usable, False
        if self._handle is None:
            return PcscCode.W_REMOVED_CARD
        scard = self._context.scard
        if not usable:  # what was held may have gone with the card
            self._let_go()
        how = scard.SCARD_UNPOWER_CARD if cold else scard.SCARD_RESET_CARD
        code, protocol = scard.SCardReconnect(self._handle, self._share, self._wanted, how)
        if code == PcscCode.S_SUCCESS:
            self._begin(protocol)
            if not usable:
                self._hold()
        return int(code) & CODE_MASK

    def _begin(self, protocol: int) -> None:
        """What there is to know of a card that was just connected or reset."""
        # SCardStatus tells the ATR as well, but waits for a program that has the card to itself.
        self._state = self._look()
        self.atr = self._state.atr
        scard = self._context.scard
        self.protocol = next(name for name, bit in _PROTOCOLS.items() if bit & protocol)
        self._send, self._header = scard.SCardTransmit, getattr(scard, _HEADERS[self.protocol])
        self._usable = True

    def _look(self) -> ReaderState:
        """The reader as it is now."""
        (state,) = self._context.changes([ReaderState(self.reader)], 0.0) or [ReaderState(self.reader)]
        return state

    def _check(self, code: int) -> None:
        if code != PcscCode.S_SUCCESS:
            raise self._lost(code)

    # -- alone with the card

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """While it is open no other program reaches the card, not even one that is connected to it.

        It outlasts a reset, and a card that was removed; then others may come in between.
        """
        if not self._usable:
            self._refuse()
        if not self._held:
            # Beginning would wait for the other program, however long it takes; asking for an attribute does not.
            scard = self._context.scard
            code, _ = scard.SCardGetAttrib(self._handle, scard.SCARD_ATTR_ATR_STRING)
            if code & CODE_MASK == PcscCode.E_SHARING_VIOLATION:
                raise self._lost(code)
            self._check(scard.SCardBeginTransaction(self._handle))
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if not self._held:
                self._let_go()

    def _hold(self) -> None:
        if self._held:
            self._check(self._context.scard.SCardBeginTransaction(self._handle))

    def _let_go(self) -> None:
        """An error means that there is nothing to let go: the card is gone, or nothing was held."""
        if self._handle is not None:
            scard = self._context.scard
            scard.SCardEndTransaction(self._handle, scard.SCARD_LEAVE_CARD)

    # -- the end

    def close(self) -> None:
        """Power the card off and give it up."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        if self._handle is not None:
            scard = self._context.scard
            ours = self._usable and not self._seen_to_go()
            how = scard.SCARD_UNPOWER_CARD if ours else scard.SCARD_LEAVE_CARD
            scard.SCardDisconnect(self._handle, how)  # what is gone needs no goodbye
        self._handle, self._usable = None, False
        self._context.release()
