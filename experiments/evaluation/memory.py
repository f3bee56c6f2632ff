"""Give memory that is free back to the system between chunks of users."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any


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
