"""Rows in slices, each on a thread of its own: the native core computes without the GIL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..errors import ParameterError

__all__ = ["in_slices"]

#: The fewest rows for which another thread is worth its start.
LEAST = 1 << 16
# Slices start where the core's widest step starts, so that only the last one has a step that is not full.
_STEP = 512


def in_slices(run: Callable[[slice], None], rows: int, threads: int) -> None:
    """Call ``run`` for slices that together are ``rows``, on at most ``threads`` threads (1 or more).

    What ``run`` raises is raised here, after the other slices have ended.

    >>> in_slices(print, 1000, 1)
    slice(0, 1000, None)
    """
    if threads < 1:
        raise ParameterError("threads", "1 or more", threads)
    wanted = min(threads, rows // LEAST)
    if wanted <= 1:
        run(slice(0, rows))
        return
    size = -(-rows // wanted // _STEP) * _STEP
    slices = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
    with ThreadPoolExecutor(len(slices)) as pool:
        for _ in pool.map(run, slices):
            pass
