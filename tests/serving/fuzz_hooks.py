"""What schemathesis can't know: the catalogue's columns are no part of the OpenAPI document.

A filter over a column that is not there is an error by contract, so generated filters and
caps are pointed at one that is; their shape stays as generated.
"""

from __future__ import annotations

from typing import Any

import schemathesis

COLUMN = "category"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Point the filters of a generated body at a text column."""
    if isinstance(case.body, dict):
        case.body = pointed(case.body)


def pointed(node: Any) -> Any:
    """Replace each comparison by one of text, and leave what is no comparison."""
    if isinstance(node, list):
        return [pointed(part) for part in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("column"), str):
        return {**node, "column": COLUMN}
    if isinstance(node.get("pins"), list):
        node = {**node, "pins": once(node["pins"])}
    op = node.get("op")
    if isinstance(node.get("field"), str) and isinstance(op, str):
        return {**node, "field": COLUMN, **({"value": worded(op, node)} if "value" in node else {})}
    return {key: pointed(part) for key, part in node.items()}


def once(pins: list[Any]) -> list[Any]:
    """Keep the first pin of each item and rank: a schema can't ask for that."""
    if not all(isinstance(pin, dict) for pin in pins):
        return pins
    items = {str(pin.get("item_id")): pin for pin in reversed(pins)}
    return list({_place(pin.get("rank")): pin for pin in items.values()}.values())


def _place(rank: Any) -> Any:
    """Take 3 and 3.0 for one rank, as JSON does."""
    return float(rank) if isinstance(rank, int | float) else repr(rank)


def worded(op: str, node: dict[str, Any]) -> Any:
    """Turn a value into text where the operator compares one."""
    value = node["value"]
    if op in ("in", "not_in") and isinstance(value, list):
        return [v if isinstance(v, str) else repr(v) for v in value]
    if op in ("eq", "ne", "lt", "le", "gt", "ge", "contains") and isinstance(
        value, int | float | bool
    ):
        return repr(value)
    return value
