"""The same quantity in another unit: 1.5 lb is 24 oz, 75 cl is 750 ml, 26 cm about 10.25 inches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

_F = Fraction
_BASES: Mapping[str, tuple[str, Fraction]] = {
    # unit -> (what it measures and in which system, how many of that system's smallest unit)
    "mg": ("mass metric", _F(1, 1000)), "g": ("mass metric", _F(1)),
    "kg": ("mass metric", _F(1000)), "oz": ("mass imperial", _F(1)),
    "lb": ("mass imperial", _F(16)), "ml": ("volume metric", _F(1)),
    "cc": ("volume metric", _F(1)), "cl": ("volume metric", _F(10)),
    "l": ("volume metric", _F(1000)), "floz": ("volume imperial", _F(1)),
    "pt": ("volume imperial", _F(16)), "qt": ("volume imperial", _F(32)),
    "gal": ("volume imperial", _F(128)), "um": ("length metric", _F(1, 1000)),
    "mm": ("length metric", _F(1)), "cm": ("length metric", _F(10)),
    "m": ("length metric", _F(1000)), "km": ("length metric", _F(10**6)),
    "inch": ("length imperial", _F(1)), "ft": ("length imperial", _F(12)),
    "yd": ("length imperial", _F(36)), "ma": ("current", _F(1, 1000)), "a": ("current", _F(1)),
    "mw": ("power", _F(1, 1000)), "w": ("power", _F(1)), "kw": ("power", _F(1000)),
    "v": ("voltage", _F(1)), "kv": ("voltage", _F(1000)), "hz": ("frequency", _F(1)),
    "khz": ("frequency", _F(1000)), "mhz": ("frequency", _F(10**6)),
    "ghz": ("frequency", _F(10**9)), "second": ("time", _F(1)), "minute": ("time", _F(60)),
    "hour": ("time", _F(3600)), "day": ("days", _F(1)), "week": ("days", _F(7)),
    "month": ("months", _F(1)), "year": ("months", _F(12)),
}  # fmt: skip
_METRIC = {"mass imperial": ("mass", 28.3495), "volume imperial": ("volume", 29.5735),
           "length imperial": ("length", 25.4)}  # fmt: skip
"""What an imperial unit's smallest is in the metric system's smallest."""
_ROUNDED = 0.012
"""How far a rounded conversion between the systems may be off, as a share."""


def _base(key: str) -> tuple[str, Fraction] | None:
    value, _, unit = key.partition("|")
    if unit not in _BASES:
        return None
    kind, factor = _BASES[unit]
    try:
        return kind, Fraction(value) * factor
    except (ValueError, ZeroDivisionError):
        return None


def same_measure(key: str, known: Iterable[str]) -> str | None:
    """Return the known quantity that a quantity is, written in another unit.

    Args:
        key: value and unit, `24|oz`.
        known: quantities of the facts, in the same form.

    Within a system the two must be equal; across systems a rounding is allowed.

    >>> same_measure("24|oz", ["3/2|lb"]), same_measure("26|cm", ["41/4|inch"])
    ('3/2|lb', '41/4|inch')
    >>> same_measure("32|ml", ["32|oz"]), same_measure("25|oz", ["3/2|lb"])
    (None, None)
    """
    mine = _base(key)
    if mine is None:
        return None
    for other in known:
        theirs = _base(other)
        if theirs is None:
            continue
        if mine == theirs:
            return other
        here, there = _metric(mine), _metric(theirs)
        if mine[0] != theirs[0] and here[0] == there[0] and there[1]:
            if abs(here[1] / there[1] - 1) <= _ROUNDED:
                return other
    return None


def _metric(base: tuple[str, Fraction]) -> tuple[str, float]:
    kind, value = base
    if kind in _METRIC:
        name, factor = _METRIC[kind]
        return name, float(value) * factor
    return kind.removesuffix(" metric"), float(value)
