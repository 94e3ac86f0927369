"""A card in the same process."""

from __future__ import annotations

from ...errors import CardRemoved, TransportError
from .base import CardLike, Transport

__all__ = ["SimulatedTransport"]


class SimulatedTransport(Transport):
    """A card in the same process, powered up here; ``atr`` is what it answered to the last reset.

    When the card loses power inside a command (it raises :class:`~cardos.errors.CardRemoved`) nothing works
    until :meth:`reset`, as with a card that was pulled and put back.
    """

    def __init__(self, card: CardLike) -> None:
        self._card = card
        self._powered = self._closed = False
        self.atr = self.reset()

    def transmit(self, command: bytes, /) -> bytes:
        """The card's answer; :class:`~cardos.errors.CardRemoved` when it has, or loses, no power."""
        self._check_open()
        if not self._powered:
            raise CardRemoved("card is not powered; reset it")
        try:
            return self._card.transmit(command)
        except CardRemoved:
            self._powered = False
            raise

    def reset(self, *, cold: bool = True) -> bytes:
        """Power the card off and on; a warm reset is the same to a simulated card."""
        del cold
        self._check_open()
        self._card.power_off()
        self._powered = False
        self.atr = self._card.power_on()
        self._powered = True
        return self.atr

    def remove(self) -> None:
        """Take the card away: commands raise :class:`~cardos.errors.CardRemoved` until :meth:`reset`."""
        self._card.power_off()
        self._powered = False

    def close(self) -> None:
        """Cut the power; the card object can be used by another transport."""
        if not self._closed:
            self.remove()
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("transport is closed; open a new one")
