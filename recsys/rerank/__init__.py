"""What happens after ranking: business rules that decide which items may be shown."""

from recsys.rerank.rules import (
    Filter,
    availability_mask,
    check_filter,
    filter_mask,
    parse_filter,
)

__all__ = ["Filter", "availability_mask", "check_filter", "filter_mask", "parse_filter"]
