"""The shop of 40 lines, against the real service."""

from __future__ import annotations

import html
import http.client
import importlib.util
import re
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.serving.outside.conftest import HOSTILE, Running

FILE = Path(__file__).parents[3] / "docs" / "example_shop.py"


@pytest.fixture(params=["running", "down"])
def port(
    request: pytest.FixtureRequest, service: Running, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """Run the shop beside a service, or beside none."""
    running = request.param == "running"
    monkeypatch.setenv("RECSYS_URL", service.url if running else "http://127.0.0.1:9")
    monkeypatch.setenv("RECSYS_API_KEY", service.key("write", tenant="example"))
    spec = importlib.util.spec_from_file_location("example_shop", FILE)
    assert spec is not None
    assert spec.loader is not None
    shop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shop)
    monkeypatch.setattr(shop.Shop, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), shop.Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
    shop.service.close()


def get(port: int, path: str, cookie: str = "") -> tuple[str, str]:
    """Return the page and the visitor's cookie."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    assert answer.status == 200
    page, given = answer.read().decode(), answer.getheader("Set-Cookie", "").split(";")[0]
    connection.close()
    return page, given


def titles(page: str) -> list[str]:
    return [html.unescape(title) for title in re.findall(r'<a href="[^"]*">([^<]*)</a>', page)]


@pytest.mark.parametrize("port", ["running"], indirect=True)
def test_the_page_follows_a_click(port: int) -> None:
    page, visitor = get(port, "/")
    before = titles(page)
    assert len(before) == 8
    assert visitor.startswith("visitor=")
    link = re.search(r'href="([^"]*)"', page)
    assert link is not None
    page, same = get(port, link[1], visitor)
    assert same == visitor
    assert f"<h1>{html.escape(before[0])}</h1>" in page
    assert titles(page) != before


@pytest.mark.parametrize("port", ["running"], indirect=True)
def test_titles_are_escaped(port: int) -> None:
    page, _ = get(port, "/?item=i0")
    assert f"<h1>{html.escape(HOSTILE)}</h1>" in page
    assert "<img" not in page


@pytest.mark.parametrize("port", ["running"], indirect=True)
@pytest.mark.parametrize("item", ["nothing", "x" * 300, "<script>", "a/../b"])
def test_an_odd_item_breaks_nothing(port: int, item: str) -> None:
    page, _ = get(port, f"/?item={quote(item, safe='')}")
    assert "<h1>Not found</h1>" in page
    assert "<script" not in page


@pytest.mark.parametrize("port", ["down"], indirect=True)
def test_the_shop_sells_without_the_service(port: int) -> None:
    page, _ = get(port, "/")
    assert page == "<h1>Welcome</h1>"


def test_it_has_forty_lines() -> None:
    assert len(FILE.read_text().splitlines()) <= 40
