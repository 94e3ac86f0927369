"""A pool of PSAMs: whoever comes first is served first, and one that fails is taken out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..errors import CardosError, ParameterError, ReaderBusy, TransportError
from .transports import Transport, Wrapper

__all__ = ["BrokenSam", "Lease", "SamPool"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BrokenSam:
    """A PSAM that was taken out of its pool, by name, and why."""

    name: str
    reason: str


class _Watched(Wrapper):
    """Notes whether the SAM still answers."""

    failure: TransportError | None = None

    def transmit(self, command: bytes, /) -> bytes:
        """As the inner transport."""
        try:
            return self.inner.transmit(command)
        except TransportError as error:
            self.failure = error
            raise

    def reset(self, *, cold: bool = True) -> bytes:
        """As the inner transport; what it gives is a SAM that answers."""
        atr = self.inner.reset(cold=cold)
        self.failure = None
        return atr


@dataclass(slots=True)
class _Member(Generic[T]):
    name: str
    transport: _Watched
    sam: T


class SamPool(Generic[T]):
    """PSAMs by name, each behind a transport of its own, shared by threads.

    ``make`` makes of a transport what is lent: a :class:`~cardos.host.PsamSession`, or a whole
    :class:`~cardos.host.Terminal`, which then remembers its PSAM's last purchase.  A PSAM of which it cannot be made is
    taken out at once.  ``clock`` gives seconds that only rise.  As a context manager it closes the transports.

    >>> from cardos.readers import open_transport
    >>> with SamPool({"left": open_transport("sim:psam-3des")}, lambda transport: transport.atr) as pool:
    ...     with pool.acquire() as atr:
    ...         len(atr) > 2
    True
    """

    def __init__(
        self,
        transports: Mapping[str, Transport],
        make: Callable[[Transport], T],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._clock = make, clock
        self._changed = threading.Condition()
        self._idle: deque[_Member[T]] = deque()
        self._waiting: deque[object] = deque()
        self._broken: dict[str, tuple[_Watched, str]] = {}
        self._size = len(transports)
        self._closed = False
        for name, transport in transports.items():
            self._take_in(name, _Watched(transport))

    def acquire(self, timeout: float | None = None) -> Lease[T]:
        """The next free PSAM, for the caller alone until the lease is released; without ``timeout`` (seconds) waits
        for ever.

        Raises :class:`~cardos.errors.ReaderBusy` when none came free in time, and
        :class:`~cardos.errors.TransportError` when none is left in the pool.
        """
        deadline = None if timeout is None else self._clock() + timeout
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while not (self._idle and self._waiting[0] is ticket):
                    self._check_there()
                    self._wait(deadline, timeout)
                self._check_there()
                member = self._idle.popleft()
                return Lease(member.name, member.sam, partial(self._give_back, member))
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    @property
    def broken(self) -> tuple[BrokenSam, ...]:
        """The PSAMs that were taken out."""
        with self._changed:
            return tuple(BrokenSam(name, reason) for name, (_, reason) in self._broken.items())

    def revive(self, name: str) -> bool:
        """Reset a PSAM that was taken out and open it again; whether it is back."""
        with self._changed:
            if name not in self._broken:
                raise ParameterError("name", f"one of {', '.join(self._broken) or 'none'}", repr(name))
            transport, _ = self._broken.pop(name)
        try:
            transport.reset()
        except TransportError as error:
            with self._changed:
                self._broken[name] = transport, str(error)
            return False
        return self._take_in(name, transport)

    def close(self) -> None:
        """Close the transports, one that is lent when it comes back.  Who waits, or comes later, gets an error."""
        with self._changed:
            self._closed = True
            transports = [member.transport for member in self._idle]
            transports += [transport for transport, _ in self._broken.values()]
            self._idle.clear()
            self._changed.notify_all()
        for transport in transports:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, deadline: float | None, timeout: float | None) -> None:
        left = None if deadline is None else deadline - self._clock()
        if left is not None and left <= 0:
            raise ReaderBusy(f"a PSAM must come free within {timeout:g} s, all {self._size} are in use")
        self._changed.wait(left)

    def _check_there(self) -> None:
        if self._closed:
            raise TransportError("pool is closed")
        if len(self._broken) == self._size:
            reasons = "; ".join(f"{name}: {reason}" for name, (_, reason) in self._broken.items())
            raise TransportError(f"a PSAM must be in the pool, all were taken out ({reasons})")

    def _take_in(self, name: str, transport: _Watched) -> bool:
        """Open a PSAM and let it wait; whether it opened."""
        try:
            member = _Member(name, transport, self._make(transport))
        except CardosError as error:
            with self._changed:
                self._broken[name] = transport, str(error)
                self._changed.notify_all()
            return False
        self._give_back(member, "")
        return True

    def _give_back(self, member: _Member[T], reason: str) -> None:
        """A lease has ended: the PSAM waits for the next, or is taken out."""
        failure = member.transport.failure
        with self._changed:
            if failure is not None or reason:
                self._broken[member.name] = member.transport, reason or str(failure)
            else:
                self._idle.append(member)
            closed = self._closed
            self._changed.notify_all()
        if closed:
            member.transport.close()


class Lease(Generic[T]):
    """A PSAM that is the caller's until :meth:`release`; as a context manager it gives the PSAM and releases it.

    ``name`` is its name in the pool.  It is taken out when it did not answer a command meanwhile, whatever became of
    the error.
    """

    def __init__(self, name: str, sam: T, give_back: Callable[[str], None]) -> None:
        self.name = name
        self._sam = sam
        self._give_back: Callable[[str], None] | None = give_back

    @property
    def sam(self) -> T:
        """The PSAM; :class:`~cardos.errors.ParameterError` after the release."""
        if self._give_back is None:
            raise ParameterError("lease", "held", "one that was released")
        return self._sam

    def release(self, *, broken: str = "") -> None:
        """Give it back; with ``broken``, a reason, it is taken out.  Releasing twice is allowed."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back(broken)

    def __enter__(self) -> T:
        return self.sam

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
