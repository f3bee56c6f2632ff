"""Give memory that is free back to the system between chunks of users."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

MMAP_THRESHOLD, ARENA_MAX = -3, -8
"""The options' numbers in glibc's malloc.h."""
LARGE = 2**20
"""Bytes from which a block is mapped by itself."""
ARENAS = 2
"""Pools of memory that threads share; glibc would make eight a core."""


@cache
def keep_low() -> None:
    """Have what is free go back to the system, or to whoever asks next, in this process.

    glibc raises its own bound for mapping a block with every large one that is freed, and
    then keeps such blocks; and every thread frees into a pool of its own. Counts from the
    first call on: pools that are there already stay.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(MMAP_THRESHOLD, LARGE)
            mallopt(ARENA_MAX, ARENAS)


def release() -> None:
    """Return free memory; does nothing where the C library cannot.

    glibc keeps what threads have freed for their next request, which adds up to several
    times what is in use: the peak of an evaluation would grow with the number of users.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    # Absent from musl.
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
