"""Readable names for the terse labels of a supermarket's product table."""

from __future__ import annotations


def readable_size(label: str | None) -> str | None:
    """Normalise."""
    return label.lower() if label else None


def readable_category(label: str | None) -> str | None:
    """Expand."""
    return label.capitalize() if label else None


def readable_title(
    category: str | None, kind: str | None, size: str | None, *, department: str | None
) -> str:
    """Title."""
    name = readable_category(kind or category or department) or "Product"
    return f"{name}, {size.lower()}" if size else name
