"""The power-cut sweep: whatever a card does, the power is cut at every raw write of it.

Each write is cut before its first byte, after its last, and torn in between: a short one at every byte, a long one
at every boundary of a memory page and around its first and last bytes.  The byte under the cut is old or garbage.
Then the recovery at the next power-up is cut the same way, and only then may the card start.  What the card shows
afterwards must be one of the allowed states.

Every cut point is counted under the command that was cut; the summary of a test run prints the counts, and a full
run fails when a command that can write was never cut (see conftest.py).  ``CARDOS_EVERY_BYTE=1`` tears every write
at every byte.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cardos.apdu import Command
from cardos.apdu.catalogue import find_spec
from cardos.card import Card, CardSnapshot
from cardos.files.memory import PowerCut

T = TypeVar("T")

#: Writes up to this length are torn at every byte; longer ones at every multiple of it, as at pages of the memory.
PAGE = 16

#: Cut points visited so far, by the command that was cut; those of a recovery count for the command before it.
VISITED: Counter[str] = Counter()


def _places(length: int, *, every_byte: bool) -> list[int]:
    """Where a write of ``length`` bytes is torn: the number of its bytes that arrive, 0 none, length all."""
    if every_byte or length <= PAGE or os.environ.get("CARDOS_EVERY_BYTE") == "1":
        return list(range(length + 1))
    return sorted({0, 1, 2, 6, 7, length - 1, length, *range(PAGE, length, PAGE)})


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
def _named(card: Card, names: list[str]) -> Iterator[None]:
    """Note in ``names`` the command that the card is given, as long as this lasts."""
    transmit = card.transmit

    def noting(command: bytes) -> bytes:
        spec = find_spec(Command.decode(command, strict=False))
        names[:] = [spec.name if spec else command[:4].hex()]
        return transmit(command)

    card.transmit = noting  # type: ignore[method-assign]  # for the length of one sweep
    try:
        yield
    finally:
        del card.transmit


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
    points, names = 0, ["power-up"]

    def act() -> None:
        with _named(card, names):
            run(card)

    for cut in _each_cut(card, start, act, every_byte=every_byte):
        points += 1
        VISITED[names[0]] += 1
        broken = CardSnapshot(cut.memory, None)
        with _under_power(card, broken):
            seen = observe(card)
        assert seen in allowed
        for again in _each_cut(card, broken, card.power_on, every_byte=every_byte) if recovery else ():
            points += 1
            VISITED[names[0]] += 1
            with _under_power(card, CardSnapshot(again.memory, None)):
                assert seen == observe(card)
    assert points, "run must write, or there is nothing to cut"
    return points
