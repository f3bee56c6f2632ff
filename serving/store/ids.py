"""What an id may be: opaque text of up to 256 characters that every database can keep."""

from __future__ import annotations

MAX_LENGTH = 256


def id_fault(value: str, longest: int = MAX_LENGTH) -> str | None:
    """Say what is wrong with an id, or None.

    >>> id_fault("a/日本") is None
    True
    >>> id_fault("")
    'is empty; give one of 1 to 256 characters'
    """
    if not value:
        return f"is empty; give one of 1 to {longest} characters"
    if len(value) > longest:
        return f"has {len(value):,} characters; at most {longest} are kept"
    if "\0" in value:
        return "holds the character NUL, which no database keeps; leave it out"
    # A lone half of a surrogate pair is no text: it has no UTF-8.
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        return "holds half of a surrogate pair; send valid Unicode"
    return None
