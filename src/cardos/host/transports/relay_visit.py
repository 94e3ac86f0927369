"""The time of one client with the card of a relay."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from ...errors import CardosError, DecodeError, TransportError
from .base import Transport
from .relay_frames import ANSWER, GREETING, MOST_BYTES, Frame, FrameLink, Kind, encode_error

__all__ = ["RelayLimits", "Removable", "Visit"]

_LOG = logging.getLogger(__name__)
_ERROR = Kind.ERROR | ANSWER


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What a relay puts up with, in seconds.

    ``hello`` from the connection to the end of the first frame; ``frame`` from the first to the last byte of any other,
    and for a client to take an answer; ``idle`` between two requests; ``handover`` for a client that comes while
    another, which may be leaving, has the card.  ``waiting`` is how many connections may be there without a card.
    """

    hello: float = 5.0
    frame: float = 10.0
    idle: float = 3600.0
    handover: float = 1.0
    waiting: int = 32


@runtime_checkable
class Removable(Protocol):
    """A transport whose card can be taken away by a call, as a simulated one."""

    def remove(self) -> None:
        """Take the card away until the next reset."""
        ...


@dataclass(slots=True)
class Visit:
    """Serves one client: every request is answered, in order."""

    transport: Transport
    link: FrameLink
    limits: RelayLimits
    held: ExitStack = field(default_factory=ExitStack, init=False)
    exclusive: bool = field(default=False, init=False)

    def run(self) -> None:
        """Until the client leaves, or is sent away; the card is reset before and after, so that nobody finds the
        rights of somebody else.
        """
        try:
            if self._reply(Kind.HELLO, self._welcome):
                while self._answer(self.link.receive(self.limits.idle, rest=self.limits.frame)):
                    pass
        except OSError:
            pass  # gone, or too slow
        except DecodeError as error:
            self._complain(error)
        finally:
            self._leave()

    def _welcome(self) -> bytes:
        return GREETING + self.transport.reset()

    def _answer(self, request: Frame) -> bool:
        """Whether the client may stay."""
        row = _REQUESTS.get(request.kind)
        if row is None or not row.accepts(request.body):
            known = "body of another form" if row else "unknown kind"
            raise DecodeError(f"{known} in a request of kind {request.kind:02X}", path="frame")
        if row.act is None:
            return False
        act = row.act
        self._reply(request.kind, lambda: act(self, request.body))
        return True

    def _reply(self, kind: int, act: Callable[[], bytes]) -> bool:
        """Answer with what ``act`` gives, or with its error; whether it succeeded."""
        try:
            answer = _fitting(act())
        except Exception as error:  # noqa: BLE001 (a fault of ours must not cost all others the card)
            if not isinstance(error, CardosError):
                _LOG.exception("a request of kind %02X failed", kind)
            self._send(_ERROR, encode_error(error))
            return False
        self._send(kind | ANSWER, answer)
        return True

    def _send(self, kind: int, body: bytes) -> None:
        self.link.send(kind, body, limit=self.limits.frame)

    def _complain(self, error: DecodeError) -> None:
        with suppress(OSError):  # gone before it could be told
            self._send(_ERROR, encode_error(error))

    def _leave(self) -> None:
        for act in (self.held.close, self.transport.reset):
            try:
                act()
            except TransportError:
                pass  # no card, so nobody's rights
            except Exception:  # noqa: BLE001 (as above)
                _LOG.exception("the card could not be given up after its client")


def _fitting(answer: bytes) -> bytes:
    if len(answer) > MOST_BYTES:
        raise TransportError(f"answer must be 0..{MOST_BYTES} bytes, got {len(answer)}")
    return answer


# ------------------------------------------------------------------ the requests


def _transmit(visit: Visit, command: bytes) -> bytes:
    return visit.transport.transmit(command)


def _reset(visit: Visit, how: bytes) -> bytes:
    return visit.transport.reset(cold=how == _COLD)


def _atr(visit: Visit, _: bytes) -> bytes:
    return visit.transport.atr


def _begin(visit: Visit, _: bytes) -> bytes:
    if visit.exclusive:
        raise TransportError("exclusive use must end before it begins anew")
    visit.held.enter_context(visit.transport.exclusive())
    visit.exclusive = True
    return b""


def _end(visit: Visit, _: bytes) -> bytes:
    visit.exclusive = False
    visit.held.close()
    return b""


def _remove(visit: Visit, _: bytes) -> bytes:
    if not isinstance(visit.transport, Removable):
        raise TransportError("card must be a simulated one to be removed by a request")
    visit.transport.remove()
    return b""


@dataclass(frozen=True, slots=True)
class _Request:
    """What the body of a request may be, and what is done; nothing: the client leaves."""

    accepts: Callable[[bytes], bool]
    act: Callable[[Visit, bytes], bytes] | None


def _empty(body: bytes) -> bool:
    return not body


_WARM, _COLD = b"\x00", b"\x01"
_REQUESTS: Mapping[int, _Request] = MappingProxyType(
    {
        Kind.TRANSMIT: _Request(lambda _: True, _transmit),
        Kind.RESET: _Request(lambda body: body in {_WARM, _COLD}, _reset),
        Kind.ATR: _Request(_empty, _atr),
        Kind.CLOSE: _Request(_empty, None),
        Kind.BEGIN: _Request(_empty, _begin),
        Kind.END: _Request(_empty, _end),
        Kind.REMOVE: _Request(_empty, _remove),
    }
)
