"""Blurbs: a sentence or two under a recommended item, true of the product and of the shopper.

Code writes the history mention, a writer proposes the product clause, a verifier that is
not a model decides, and a sentence of the catalogue stands behind it all.
"""

from __future__ import annotations

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import Fact, FactSheet, fact_sheet
from recsys.blurbs.protocol import BlurbWriter, Draft
from recsys.blurbs.service import BlurbService
from recsys.blurbs.store import BlurbStore
from recsys.blurbs.verify import Verdict, verify_format, verify_truth

__all__ = [
    "BlurbService",
    "BlurbStore",
    "BlurbWriter",
    "Draft",
    "Fact",
    "FactSheet",
    "UserContext",
    "Verdict",
    "fact_sheet",
    "verify_format",
    "verify_truth",
]
