"""Give memory that is free back to the system between chunks of users."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

MMAP_THRESHOLD = -3
"""The option's number in glibc's malloc.h."""
LARGE = 8 * 2**20
"""Bytes from which a block is mapped by itself."""


@cache
def keep_low() -> None:
    """Have large blocks go back to the system as soon as they are free, in this process.

    glibc raises its own bound for that with every large block that is freed, and then keeps
    such blocks. A tenth more time buys a quarter less memory.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(MMAP_THRESHOLD, LARGE)


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
