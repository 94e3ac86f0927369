"""A place for a card that another may take, and from which it may be pulled in the middle of a command."""

from __future__ import annotations

from collections.abc import Callable

from cardos.errors import CardRemoved
from cardos.host import CardLike


class Seat:
    """The card in a slot.  ``card`` may be replaced; ``count`` is how many commands reached it since :meth:`arm`.

    :meth:`arm` makes the card of command ``index`` leave, before or after it executed it: ``leave`` is called, and no
    answer goes out.
    """

    def __init__(self, card: CardLike) -> None:
        self.card = card
        self.count = 0
        self._index, self._before, self._leave = -1, True, lambda: None

    def arm(self, index: int, *, before: bool, leave: Callable[[], object]) -> None:
        self.count, self._index, self._before, self._leave = 0, index, before, leave

    def power_on(self) -> bytes:
        return self.card.power_on()

    def power_off(self) -> None:
        self.card.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        index, self.count = self.count, self.count + 1
        if index != self._index:
            return self.card.transmit(command)
        if not self._before:
            self.card.transmit(command)
        self._leave()
        raise CardRemoved("pulled by the test")
