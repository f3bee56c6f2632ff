"""A real headless Chromium for the reports: what it complains of, and how wide a page is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class Seen:
    """What a page did.

    Attributes:
        messages: errors and warnings of the console, and uncaught exceptions.
        requests: addresses asked for, the page's own and data left out.
        overflow: pixels by which the page is wider than the window.
        drawn: figures with something drawn in them.
        asked: figures that the page holds.
    """

    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    overflow: int = 0
    drawn: int = 0
    asked: int = 0


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Start Chromium with a fresh profile; skip the test where there is none."""
    sync = pytest.importorskip("playwright.sync_api", reason="the extra browser is missing")
    program = which("chromium") or which("chromium-browser") or which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    with sync.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=program, args=list(FLAGS), headless=True
        )
        try:
            yield context
        finally:
            context.close()


def look(
    context: Any, page_file: Path, *, width: int, dark: bool = False, shot: Path | None = None
) -> Seen:
    """Open a file, wait until its figures are drawn, and say what happened."""
    seen = Seen()
    page = context.new_page()
    try:
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_viewport_size({"width": width, "height": 900})
        page.on("console", lambda m: _note(seen, m.type, m.text))
        page.on("pageerror", lambda error: seen.messages.append(str(error)))
        own = page_file.resolve().as_uri()
        page.on("request", lambda r: _request(seen, own, r.url))
        page.goto(own)
        page.wait_for_selector("html[data-drawn]", timeout=30_000)
        seen.overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        seen.asked = page.locator(".plot").count()
        seen.drawn = page.locator(".plot .main-svg:first-of-type .cartesianlayer").count()
        if shot is not None:
            page.screenshot(path=str(shot), full_page=True)
    finally:
        page.close()
    return seen


def _note(seen: Seen, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        seen.messages.append(text)


def _request(seen: Seen, own: str, url: str) -> None:
    if url != own and not url.startswith(("data:", "blob:")):
        seen.requests.append(url)
