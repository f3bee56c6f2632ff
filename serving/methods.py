"""Which methods an address knows."""

from __future__ import annotations

import re

from fastapi import FastAPI


def methods_of(app: FastAPI, path: str) -> list[str]:
    """Return the methods that a path knows, for the header `Allow`."""
    found: set[str] = set()
    for template, operations in app.openapi()["paths"].items():
        pattern = "".join(
            ".+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]*\})", template)
        )
        if re.fullmatch(pattern, path, re.DOTALL):
            found |= {method.upper() for method in operations}
    return sorted(found)
