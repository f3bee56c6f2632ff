"""Ids that the service makes: UUIDs of version 7 (RFC 9562), ascending with time."""

from __future__ import annotations

import os
import time

BLOCK = 64
_random: list[bytes] = []


def uuid7() -> str:
    """Return a new UUID of version 7: 48 bits of milliseconds, 74 random bits.

    >>> uuid7()[14]
    '7'
    """
    if not _random:
        # A system call for each id would cost more than all the rest.
        block = os.urandom(10 * BLOCK)
        _random.extend(block[i : i + 10] for i in range(0, len(block), 10))
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(_random.pop(), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
