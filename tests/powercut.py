"""The power-cut sweep: whatever a card does, the power is cut at every raw write of it.

Each write is cut before its first byte, after its last, and torn in between, with the byte under the cut old or
garbage; then the recovery at the next power-up is cut the same way, and only then may the card start.  What
the card shows afterwards must be one of the allowed states.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cardos.card import Card, CardSnapshot
from cardos.files.memory import PowerCut

T = TypeVar("T")

#: Torn writes up to this length are torn at every byte; of longer ones the first and last bytes and the middle.
EVERY_BYTE = 16


def _places(length: int, *, every_byte: bool) -> list[int]:
    """Where a write of ``length`` bytes is torn: the number of its bytes that arrive, 0 none, length all."""
    if every_byte or length <= EVERY_BYTE:
        return list(range(length + 1))
    return sorted({0, 1, 2, 6, 7, length // 2, length - 1, length})


def _cut(card: Card, act: Callable[[], object], writes: int, torn: int, *, garbage: bool) -> int:
    """Run ``act`` under a cut; gives the length of the write that was cut, 0 when it ended before."""
    card.memory.cut_after(writes, torn=torn, garbage=garbage)
    try:
        act()
    except PowerCut as cut:
        assert not card.powered
        return cut.length
    card.memory.power_off()
    return 0


def _each_cut(
    card: Card, start: CardSnapshot, act: Callable[[], object], *, every_byte: bool
) -> Iterator[CardSnapshot]:
    """The card after each cut of ``act``, begun from ``start``: every write, every place, both kinds."""
    writes = 0
    while True:
        card.restore(start)
        length = _cut(card, act, writes, 0, garbage=False)
        if length == 0:
            return
        yield card.snapshot()
        for torn in _places(length, every_byte=every_byte):
            for garbage in (False, True):
                if garbage or torn:
                    card.restore(start)
                    assert length == _cut(card, act, writes, torn, garbage=garbage)
                    yield card.snapshot()
        writes += 1


@contextmanager
def _under_power(card: Card, snapshot: CardSnapshot) -> Iterator[None]:
    card.restore(snapshot)
    card.power_on()
    yield
    card.power_off()


def sweep(
    build: Callable[[], Card],
    run: Callable[[Card], object],
    observe: Callable[[Card], T],
    *,
    states: Collection[T] | None = None,
    every_byte: bool = False,
    recovery: bool = True,
) -> int:
    """Cut the power at every write of ``run`` and of the recovery after it; gives the number of cut points.

    ``build`` gives a card under power, ready for ``run``, which sends commands to it.  ``observe`` looks at a card
    that was just switched on and gives what can be compared; it may change the card, which is restored after it.

    ``states`` are the allowed ones; by default the state before ``run`` and the state after it.
    """
    card = build()
    start = card.snapshot()
    with _under_power(card, start):
        old = observe(card)
    card.restore(start)
    run(card)
    with _under_power(card, card.snapshot()):
        new = observe(card)
    allowed = [old, new] if states is None else list(states)
    points = 0
    for cut in _each_cut(card, start, lambda: run(card), every_byte=every_byte):
        points += 1
        broken = CardSnapshot(cut.memory, None)
        with _under_power(card, broken):
            seen = observe(card)
        assert seen in allowed
        for again in _each_cut(card, broken, card.power_on, every_byte=every_byte) if recovery else ():
            points += 1
            with _under_power(card, CardSnapshot(again.memory, None)):
                assert seen == observe(card)
    assert points, "run must write, or there is nothing to cut"
    return points
