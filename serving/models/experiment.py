"""Which arm answers: settled by a hash, so that a shopper always meets the same one."""

from __future__ import annotations

import hashlib
import random

from serving.schemas.recommendations import Arm

BUCKETS = 2**32


def arm_of(experiment: str, subject: str, challenger_share: float) -> Arm:
    """Return a shopper's arm: the same in every worker and after every restart.

    >>> arm_of("autumn", "anna", 0.0), arm_of("autumn", "anna", 1.0)
    ('champion', 'challenger')
    """
    digest = hashlib.sha256(f"{experiment}\x1f{subject}".encode()).digest()
    bucket = int.from_bytes(digest[:4], "big")
    return "challenger" if bucket < challenger_share * BUCKETS else "champion"


def subject_of(user_id: str | None, session_id: str | None, seed: int | None) -> str:
    """Return whom an arm sticks to: the user, else the session, else the seed, else chance."""
    if user_id is not None:
        return f"user:{user_id}"
    if session_id is not None:
        return f"session:{session_id}"
    return f"seed:{random.getrandbits(64) if seed is None else seed}"
