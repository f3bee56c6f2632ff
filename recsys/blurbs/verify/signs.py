"""What is written against a number: a minus, or a sign that bounds it ("12+", ">12", "~12")."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from recsys.blurbs.facts import FactSheet
from recsys.blurbs.tokens import MINUS, SIGN

_DIGITS = r"\d+(?:[.,/]\d+)*"
_LEAST = (
    r"\+|>|\u2265|over|more|least|\bmin\b|minimum|above|and up|or up|older|"
    r"\u4ee5\u4e0a|\u81f3\u5c11|\u8d85\u8fc7"
)
_MOST = (
    r"<|\u2264|up to|less|under|below|most|\bmax\b|maximum|"
    r"\u4ee5\u4e0b|\u4ee5\u5185|\u6700\u591a|\u6700\u5927"
)
_ABOUT = r"[~\u2248]|about|approx|around|near|almost|rough|\u7ea6|\u5de6\u53f3"
_SIGNS = (
    (rf"{SIGN}(?P<n>{_DIGITS})", rf"[{MINUS}]|minus|below|\u96f6\u4e0b|\u8d1f"),
    (rf"(?P<n>{_DIGITS})\s?\+(?![\d/])", _LEAST),
    (rf"[>\u2265]\s?(?P<n>{_DIGITS})", _LEAST),
    (rf"[<\u2264]\s?(?P<n>{_DIGITS})", _MOST),
    (rf"(?<![\w\u00b0%])\s?[~\u2248]\s?(?P<n>{_DIGITS})", _ABOUT),
)
"""How a text writes a sign, and what the facts may have near the number for it."""
_NEAR = 25


def sign_faults(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield the signs of numbers that the facts neither write nor say in words."""
    folded = unicodedata.normalize("NFKC", text)
    for pattern, words in _SIGNS:
        for match in re.finditer(pattern, folded):
            number = match["n"]
            said = re.compile(
                rf"(?i)(?:{words}).{{0,{_NEAR}}}(?<![\d.]){re.escape(number)}(?!\d)"
                rf"|(?<![\d.]){re.escape(number)}(?!\d).{{0,{_NEAR}}}(?:{words})"
            )
            if not any(said.search(fact.text) for fact in sheet.facts):
                yield f'number: "{match.group().strip()}" has a sign that the facts do not have'
