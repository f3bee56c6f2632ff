"""What happens after ranking: which items may be shown, and in what company."""

from recsys.rerank.config import Boost, Cap, Pin, Rules, parse_rules
from recsys.rerank.reranker import RuleReranker
from recsys.rerank.rules import (
    Filter,
    availability_mask,
    check_filter,
    filter_mask,
    parse_filter,
)

__all__ = [
    "Boost",
    "Cap",
    "Filter",
    "Pin",
    "RuleReranker",
    "Rules",
    "availability_mask",
    "check_filter",
    "filter_mask",
    "parse_filter",
    "parse_rules",
]
