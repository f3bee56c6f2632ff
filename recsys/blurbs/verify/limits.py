"""On which side of a number a text stands: "from 3 years" is not "under 3 years"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.facts import FactSheet

_N = r"(?P<n>\d+(?:[.,/]\d+)*)"
_AGE = r"(?:(?:the )?ages?(?: of)? )?"
_LOWER = rf"(?:from|over|above|more than|at least|older than|minimum(?: of)?|min\.?|>=?) {_AGE}"
_UPPER = (
    rf"(?:under|below|less than|up to|at most|no more than|not over|younger than|"
    rf"maximum(?: of)?|max\.?|<=?) {_AGE}"
)
_UNIT = r"(?:[ -]?[a-z\u00b0%]+\.?)?"
_UPWARDS = rf"(?:{_UNIT} ?\+|{_UNIT} (?:and|or) (?:up|older|over|above|more|upwards?)\b)"
_DOWNWARDS = rf"{_UNIT} (?:and|or) (?:under|younger|below|less)\b"
_RANGE = rf"{_UNIT} ?(?:to|-|\u2013|through|until) ?\d"
_SIDES = {
    "least": (re.compile(rf"\b{_LOWER}$"), re.compile(_UPWARDS)),
    "most": (re.compile(rf"\b{_UPPER}$"), re.compile(_DOWNWARDS)),
}
_OPPOSITE = {"least": "most", "most": "least"}
_NUMBER = re.compile(rf"(?<![\w.,/]){_N}(?![\d/])")
_REACH = 30


def limit_faults(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield the numbers that a text bounds on the side that all the facts leave out."""
    for match in _NUMBER.finditer(text.lower()):
        here = _side(match)
        if here is None:
            continue
        there = [
            _side(other)
            for fact in sheet.facts
            for other in _NUMBER.finditer(fact.text.lower())
            if other["n"] == match["n"]
        ]
        if there and all(side == _OPPOSITE[here] for side in there):
            yield f'number: "{match["n"]}" is at {_OPPOSITE[here]} in the facts, at {here} here'


def _side(match: re.Match[str]) -> str | None:
    """Return what a number is to what is spoken of: the `least`, the `most`, or neither."""
    before = match.string[max(0, match.start() - _REACH) : match.start()]
    after = match.string[match.end() : match.end() + _REACH]
    if re.match(_RANGE, after):
        return None
    for side, (ahead, behind) in _SIDES.items():
        if ahead.search(before) or behind.match(after):
            return side
    return None
