"""Ids that the service makes: UUIDs of version 7 (RFC 9562), ascending with time."""

from __future__ import annotations

import os
import time


def uuid7() -> str:
    """Return a new UUID of version 7: 48 bits of milliseconds, 74 random bits.

    >>> uuid7()[14]
    '7'
    """
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
