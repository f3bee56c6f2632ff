"""English: how a text speaks of the shopper."""

from __future__ import annotations

import re

LABEL = "\ue000\\d+\ue001"
"""A history label, once it is replaced by its number."""
_ARTICLES = r"(?:(?:the|some|a|an|that|those|these|this|your|new|more|all|both|of)\s+)*"
LABELS = rf"{_ARTICLES}{LABEL}(?:\s*(?:,\s*and|,|and|or|&|plus)\s*{_ARTICLES}{LABEL})*"
"""One label or a list of them, with articles."""

_ADVERBS = (
    r"(?:(?:have|had|already|just|also|often|always|usually|regularly|frequently|recently|"
    r"once|last"
    r"|previously|were|are|been|keep|both|do|did|clearly|evidently|apparently|so|\w+ly)\s+)*"
)
_STRONG = (
    r"bought|buy|buying|purchased?|purchasing|ordered|ordering|order|got|owned|own|picked up|"
    r"pick up|picked out|picked|grabbed|grab|added|collect|collected|loved?|likes?|liked|enjoyed|"
    r"enjoy|shopped for|shop for|shopping for|stocked up on|stock up on|tried|viewed|browsed|"
    r"looked at|went for|selected|snapped up|chose|chosen|took home|prefer|preferred|favou?r|"
    r"rely on|swear by|have|watched|listened to|streamed|rented|played|wore|keep buying"
)
_WEAK = r"use|used|using|get|need|want|try|choose|print with|work with|cook with|reach for|run"

STRONG = re.compile(
    rf"(?:\b(?:because|since|as|if|when|now that|given that|knowing that|seeing that)\s+)?"
    rf"\byou(?:'ve|'re)?\s+{_ADVERBS}(?P<verb>{_STRONG})\b(?!\s+to\s+(?!the\b|an?\b|your\b|"
    rf"this\b|these\b|any\b))",
    re.IGNORECASE,
)
"""Says what the shopper did or has; what follows, or stands before it, must be in the history."""
WEAK = re.compile(
    rf"(?:\b(?:because|since|as|if|when)\s+)?\byou(?:'ve|"
    rf"'re)?\s+{_ADVERBS}(?:{_WEAK})\s+{LABELS}",
    re.IGNORECASE,
)
DOES = re.compile(
    rf"(?:\b(?:because|since|as|if|when|whenever|once|while|now that)\s+)?\byou(?:'ve|'re|'d)?\s+"
    rf"(?!(?:can|could|may|might|will|would|should|must|need|want|to)\b)"
    rf"(?:[a-z'-]+\s+){{1,4}}?{LABELS}",
    re.IGNORECASE,
)
"""Says that the shopper does something with a purchase, whatever it is."""
YOUR = re.compile(r"\byour\s+(?:(?:own|new|recent|latest|last|trusty|next|existing|other)\s+)*",
                  re.IGNORECASE)  # fmt: skip
PLACES = re.compile(
    r"\b(?:in|on|from|of|among|to|amongst|with|based on|inspired by|following|thanks "
    r"to)?\s*your\s+"
    r"(?:(?:own|new|recent|latest|last|past|previous|earlier|usual|shopping|order|purchase|"
    r"wish)\s+)*"
    r"(?:purchases?|orders?|basket|cart|history|list|collection|shelf|shopping|kit|stash|"
    r"wishlist|"
    r"things|tastes?)\b(?:\s+(?:history|list|of))?",
    re.IGNORECASE,
)
"""Speaks of what the shopper bought without naming it."""
HARD_FIT = re.compile(
    r"\b(?:fits?|fitted to|compatible with|designed for|made for|built for|made (?:of|from)|"
    r"replaces?|replacement for|requires?|includes?|contains?|comes? with|works? (?:only )?with|"
    r"fits? (?:inside|in|into|on|onto|under|over|around|through)|works? (?:on|in)|mounts? "
    r"(?:on|onto|to)|clamps? (?:on |onto )?to|plugs? into|screws? (?:on|onto|into)|"
    r"snaps? onto|slides? into|intended for|tested with|approved for|certified for|"
    rf"powers?|charges?|connects? to|attach(?:es)? to)\s+{LABELS}",
    re.IGNORECASE,
)
"""Claims something of the product and a purchase, so the facts must have it."""
OF_PURCHASE = re.compile(
    rf"(?:^|[,;:]\s*)(?:and\s+)?(?:your\s+|the\s+)?{LABEL}\s+"
    r"(?:(?:that\s+)?you\s+(?:\w+\s+){0,2}?(?:own|bought|have|ordered|got|buy|purchased|"
    r"use)\s+)?(?:keeps?|has|have|is|are|comes?|includes?|"
    r"contains?|weighs?|measures?|holds?|fits?|features?|requires?|resists?|withstands?|lasts?|"
    r"offers?|provides?)\s+(?!you\b|the perfect\b|a (?:great|good|nice|fine)\b|ready\b|waiting\b|"
    r"complete\b|even\b|just\b|in your\b|on your\b|part of your\b)"
    rf"|{LABEL}\s+(?:(?:is|are|comes?|also)\s+)?(?:included|supplied|provided|built[- ]in|"
    rf"required)\b",
    re.IGNORECASE,
)
"""Says of a purchase what may only be said of the product."""
SOFT = re.compile(
    r"(?:\b(?:a|an|the)\s+)?(?:\b(?:great|good|natural|nice|fine|perfect|ideal|handy|useful|"
    r"solid|"
    r"worthy)\s+)?(?:\b(?:match|companion|complement|partner|addition|follow-up|"
    r"accompaniment|mate|"
    r"choice|pick|fit)\s+)?"
    r"\b(?:shopping for|looking for|for|with|to|of|on|onto|into|in|like|alongside|next to|"
    r"besides?|after|among|from|around|"
    r"and|when|if|got|have|own|love|like|need|bought|about|near|beyond|because|since|goes|pairs|"
    r"complements?|accompan(?:y|ies)|match(?:es)?|suits?|through|over|under|across|as|buy|by|per|"
    rf"as well as|it's|its)\s+{LABELS}(?:'s)?(?:\s+(?:lovers?|fans?|buyers?|owners?|like yours|"
    rf"of yours|"
    r"you bought)\b)?",
    re.IGNORECASE,
)
"""Puts a purchase beside the product without claiming anything."""
FANS = re.compile(
    rf"\b(?:fans?|lovers?|owners?|buyers?) of {LABELS}|"
    rf"{LABELS}\s+(?:fans?|lovers?|owners?|enthusiasts?|drinkers?|readers?|viewers?|users?|"
    rf"buyers?|"
    r"people|folks|nights?|evenings?)\b",
    re.IGNORECASE,
)
LEADING_LABEL = re.compile(
    rf"^\W*(?:(?:an?|the|some)\s+)?{LABEL}\s+(?:with|made|in|of|from|that)\b", re.IGNORECASE
)
LIKE_YOURS = re.compile(
    rf"{LABELS}\s+(?:like (?:yours|theirs|that|those)|of yours)\b", re.IGNORECASE
)
TALK = re.compile(r"\byou(?:r|rs|'ve|'re|'ll)?\b|\?", re.IGNORECASE)
EMPTY_OBJECT = re.compile(r"\s*(?:it|them|this|these|one|any of)\b", re.IGNORECASE)
PERFECT = re.compile(
    r"\b(?:perfect|ideal|excellent|great)\s+(?=(?:for|with|alongside|next to|beside|to go|"
    r"match|companion|complement|partner|addition|follow-up|accompaniment|mate|fit for|pairing|"
    r"paired|enjoyed|used|together)\b)",
    re.IGNORECASE,
)
"""Praise of a combination, no claim of the product."""
