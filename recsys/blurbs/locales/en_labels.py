"""English: names of shelves that no shopper would say they buy, and what makes a few sayable.

A shop that has others adds them here.
"""

from __future__ import annotations

import re

SHELVES = re.compile(
    r"(?i)^(?:"
    # Seasons and occasions.
    r".*\bseasonal|halloween|easter|christmas|valentine(?:'s)?(?: day)?|thanksgiving|holidays?|"
    # Places, counters and services.
    r"(?:.*\b)?(?:shop|store|bookstore|department|aisle|clearance|photofinishing|wireless)|"
    r"(?:salad|coffee|juice|snack) bar|(?:garden|service|home|deli) (?:cent(?:er|re)|counter)|"
    r"(?:[\w ]+ )?services?|pharmacy|produce|bakery|deli|delicatessen|"
    r"(?:frozen )?grocery|general merchandise|photo (?:and video|printing)|"
    # What is done, not what is bought.
    r"continuities|charity|coupons?|tickets|bottle deposits|workholding|wiring (?:&|and) "
    r"connecting|test, measure (?:&|and) inspect|measure (?:&|and) inspect|temperature (?:&|and) "
    r"humidity|material handling|[\w ]+ measurement|.*\beducation|home freezing and canning|"
    # Diets, ailments and other headings.
    r"fitness and diet|restricted diet|cold and flu|sinus and allergy|analgesics|antacids|"
    r"misc\w*(?: .*)?|others?|all other.*|standards?|interfaces?|industrial electrical|"
    r"(?:non[- ]edible|dollar value|shelf[- ]hook) .*|service beverage|[\w ]*hard goods|"
    r"[\w ]+ needs|seafood extras|domestic goods|scientific gifts"
    r")$"
)
"""Headings of a shop that name no goods, as a whole label."""
UNFINISHED = re.compile(
    r"(?i)^(?:(?:[\w']+ )*(?:care|cleaning|hygiene|grooming)|bath|shaving|sewing|baking|ironing|"
    r"suntan|first aid|gardening|plumbing|camping|fishing|cooking|lighting)$"
)
"""Labels that name goods once "products" follows."""
COMPLETION = "products"
