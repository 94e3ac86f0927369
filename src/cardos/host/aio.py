"""Cards under :mod:`asyncio`: a thread for each, so that the event loop never waits for a card.

::

    async with await AsyncTransport.open(open_transport, "pcsc:0") as card:
        session = await card.run(PurseSession, card.transport, profile)
        async with asyncio.timeout(2):
            balance = await card.run(session.get_balance, Purse.EP)

Sessions and flows are what they are without asyncio: :meth:`AsyncTransport.run` calls any function of theirs.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import ParamSpec, Self, TypeVar

from ..errors import TransportError
from .transports.base import Transport

__all__ = ["AsyncTransport"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class AsyncTransport:
    """A transport whose methods are awaited, and :meth:`run` for everything else that speaks to its card.

    All calls are made one after the other, in the order in which they were asked for, in one thread that belongs to
    the card; different cards do not wait for each other.

    Cancellation, and so :func:`asyncio.timeout`, ends the waiting, never a call: one that has begun is finished with
    all its commands, its result or error is dropped, and the next call finds the card as it was left; one that has not
    begun is never made.  Who needs the result later shields the call (:func:`asyncio.shield`); that of a flow stands
    in its journal.  How long a card may take for one command is for the transport to say, whose
    :class:`~cardos.errors.TransportTimeout` comes out here.

    ``transport`` is the transport itself, for what is called by :meth:`run`; a flow with several cards runs in one
    thread, and their transports may be used by that one only.  ``thread``, an executor of one thread, becomes ours.

    >>> from cardos.readers import open_transport
    >>> async def challenge() -> int:
    ...     async with await AsyncTransport.open(open_transport, "sim:city-3des") as card:
    ...         return len(await card.transmit(bytes.fromhex("0084000008")))
    >>> asyncio.run(challenge())
    10
    """

    def __init__(self, transport: Transport, *, thread: ThreadPoolExecutor | None = None) -> None:
        self.transport = transport
        self._thread = thread or _new_thread()
        self._exclusive, self._held = asyncio.Lock(), ExitStack()
        self._closing: Future[None] | None = None

    @classmethod
    async def open(cls, connect: Callable[_P, Transport], /, *args: _P.args, **kwargs: _P.kwargs) -> Self:
        """The transport that ``connect`` makes, in the thread that will be the card's; raises what it raises.

        When we are cancelled meanwhile, what it makes is closed.
        """
        thread = _new_thread()
        opening = thread.submit(connect, *args, **kwargs)
        try:
            return cls(await asyncio.wrap_future(opening), thread=thread)
        except BaseException:
            thread.submit(_close_result, opening)
            thread.shutdown(wait=False)
            raise

    @property
    def atr(self) -> bytes:
        """What the card answered to the last reset."""
        return self.transport.atr

    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What ``call`` gives or raises, called in the card's thread with these arguments and our context variables.

        Raises :class:`~cardos.errors.TransportError` after :meth:`close`.
        """
        context = contextvars.copy_context()
        return await asyncio.wrap_future(self._submit(lambda: context.run(call, *args, **kwargs)))

    async def transmit(self, command: bytes, /) -> bytes:
        """As :meth:`~cardos.host.Transport.transmit`."""
        return await self.run(self.transport.transmit, command)

    async def reset(self, *, cold: bool = True) -> bytes:
        """As :meth:`~cardos.host.Transport.reset`."""
        return await self.run(self.transport.reset, cold=cold)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """As :meth:`~cardos.host.Transport.exclusive`; tasks that ask for it have it one after the other, and none
        inside its own.

        Tasks that do not ask are not kept away: they share the card's thread.
        """
        async with self._exclusive:
            entering = self._submit(lambda: self._held.enter_context(self.transport.exclusive()))
            try:
                await asyncio.shield(asyncio.wrap_future(entering))
                yield
            finally:
                if self._closing is None:  # closing has ended it
                    await asyncio.shield(asyncio.wrap_future(self._submit(self._held.close)))

    async def close(self) -> None:
        """Give the card up after the calls that were asked for; closing twice is allowed.

        When we are cancelled meanwhile, it is given up all the same.
        """
        if self._closing is None:
            self._closing = self._submit(self._give_up)
            self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(self._closing))
        self._thread.shutdown()  # nothing is left to wait for but the end of the thread

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _give_up(self) -> None:
        with self.transport:
            self._held.close()

    def _submit(self, call: Callable[[], _T]) -> Future[_T]:
        try:
            return self._thread.submit(call)
        except RuntimeError:
            raise TransportError("transport is closed; open a new one") from None


def _new_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="card")


def _close_result(opening: Future[Transport]) -> None:
    """Close what was opened for somebody who does not wait for it any more; in the card's thread, after the opening."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
