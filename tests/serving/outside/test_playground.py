"""The page, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from recsys.client import Client
from tests.serving.outside.conftest import HOSTILE, Running

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra browser is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("profile")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=FLAGS, headless=True, viewport=WIDE
        )
        context.set_default_timeout(20_000)
        yield context
        context.close()


class Page:
    """A tab, with what it asked for and what went wrong in it."""

    def __init__(self, browser: Any, service: Running) -> None:
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.tab = browser.new_page()
        self.tab.set_viewport_size(WIDE)
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(f"{service.url}/playground")

    def open(self, key: str) -> None:
        """Enter a key with the keyboard alone; the field has the focus."""
        self.tab.wait_for_selector("#key:focus")
        self.tab.keyboard.type(key)
        self.tab.keyboard.press("Enter")
        self.settled()

    def settled(self) -> None:
        """Wait until nothing is being asked."""
        self.tab.wait_for_selector('#lists[aria-busy="false"] #champion .item')

    def ids(self, arm: str = "champion") -> list[str]:
        """Items of a list, in order."""
        items = self.tab.query_selector_all(f"#{arm} .item")
        return [str(item.get_attribute("data-item-id")) for item in items]

    def text(self, selector: str) -> str:
        """What is written somewhere."""
        return str(self.tab.inner_text(selector))

    def choose(self, user: str) -> None:
        """Type a shopper's id."""
        self.tab.fill("#shopper", user)
        self.tab.press("#shopper", "Enter")
        sync_api.expect(self.tab.locator("#who")).to_have_text(user)
        self.settled()


@pytest.fixture
def page(browser: Any, service: Running) -> Iterator[Page]:
    made = Page(browser, service)
    yield made
    assert made.errors == []
    made.tab.close()


@pytest.fixture(scope="module")
def key(service: Running) -> str:
    return service.key("write", tenant="browser")


@pytest.fixture(scope="module")
def client(service: Running, key: str) -> Iterator[Client]:
    with Client(service.url, key) as opened:
        yield opened


def test_both_lists_are_shown_with_reasons_and_blurbs(page: Page, key: str, client: Client) -> None:
    arms: tuple[Literal["champion", "challenger"], ...] = ("champion", "challenger")
    for arm in arms * 3:  # a cold page may leave blurbs out in its time; they are stored then
        client.recommend("u3", arm=arm, blurbs=True)
    page.open(key)
    page.choose("u3")
    for arm in arms:
        answer = client.recommend("u3", arm=arm, blurbs=True)
        assert page.ids(arm) == answer.item_ids
        assert answer.model_version in page.text(f"#{arm} .model")
        shown = page.text(f"#{arm} .items")
        for item in answer:
            assert item.reason is not None
            assert item.reason in shown
            if item.blurb is not None:
                assert item.blurb.text in shown
    history = client.get_user("u3").history[:12]
    lines = [line.inner_text() for line in page.tab.query_selector_all("#history li")]
    assert len(lines) == len(history) == 12
    for line, entry in zip(lines, history, strict=True):
        assert entry.title is not None
        assert line.startswith(entry.title)


def test_a_click_changes_the_list(page: Page, key: str, client: Client) -> None:
    page.open(key)
    page.choose("u5")
    before = page.ids()
    page.tab.click("#champion .item:first-child button.buy")
    page.tab.wait_for_selector("#timing[data-ms]")
    page.settled()
    after = page.ids()
    assert before[0] not in after
    assert after == client.recommend("u5").item_ids
    fresh = set(after) - set(before)
    marked = page.tab.locator("#champion .moved.new").count()
    assert marked == len(fresh) >= 1
    assert page.text("#status") == f"The list changed: {len(fresh)} new items."
    assert "Bought" in page.text("#timing")
    assert page.tab.locator("#history li").first.inner_text().find("purchase") > 0
    assert page.tab.evaluate("document.activeElement.id") == "lists"


def test_a_visitor_without_an_account(page: Page, key: str) -> None:
    page.open(key)
    page.tab.click("#visitor")
    page.tab.wait_for_selector("#champion .notes li")
    page.settled()
    assert "A visitor" in page.text("#who")
    assert "popular" in page.text("#champion .notes")
    page.tab.click("#champion .item:first-child button.view")
    page.tab.wait_for_selector("#timing[data-ms]")
    page.settled()
    assert page.text("#champion .notes") == ""
    assert page.tab.locator("#history li").count() == 1


def test_a_click_is_of_the_shopper_whose_list_it_is(page: Page, key: str, client: Client) -> None:
    page.open(key)
    page.choose("u11")
    held: list[Any] = []
    page.tab.route("**/v1/recommendations", lambda route: held.append(route))
    page.tab.fill("#shopper", "u12")
    page.tab.press("#shopper", "Enter")
    with page.tab.expect_response("**/v1/events"):
        page.tab.click("#champion .item:first-child button.view")
    for route in held:
        route.continue_()
    page.tab.unroute("**/v1/recommendations")
    page.settled()
    assert [e.event for e in client.get_user("u11").history if e.event] == ["view"]
    assert not [e for e in client.get_user("u12").history if e.event]
    page.tab.fill("#shopper", "")
    page.tab.press("#shopper", "Enter")
    page.settled()
    page.tab.click("#champion .item:first-child button.view")
    page.tab.wait_for_selector("#timing[data-ms]")
    assert page.text("#who") == "A visitor without an account"
    assert not page.tab.is_visible("#alert")


def test_filters_and_settings_narrow_the_list(page: Page, key: str) -> None:
    page.open(key)
    page.choose("stranger")
    page.tab.select_option("#column", "category")
    page.tab.select_option("#value", "green tea")
    page.settled()
    page.tab.select_option("#k", "5")
    page.settled()
    assert len(page.ids()) == 5
    assert all(int(item[1:]) % 6 == 0 for item in page.ids())


def test_text_from_outside_is_never_markup(page: Page, key: str) -> None:
    page.open(key)
    page.choose("<b>nobody</b>")
    assert page.text("#who") == "<b>nobody</b>"
    page.tab.select_option("#k", "50")
    page.settled()
    titles = [t.inner_text() for t in page.tab.query_selector_all("#champion .title")]
    assert HOSTILE in titles
    assert page.tab.locator("img, b").count() == 0
    assert page.tab.title().startswith("Playground")


def test_a_wrong_key_is_told_and_can_be_mended(page: Page, key: str) -> None:
    page.tab.wait_for_selector("#key:focus")
    page.tab.keyboard.type("wrong")
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_selector("#alert:not([hidden])")
    assert "unknown or revoked" in page.text("#alert")
    assert not page.tab.is_visible("#main")
    page.open(key)
    assert not page.tab.is_visible("#alert")


def test_a_key_that_only_reads_says_what_it_lacks(page: Page, service: Running) -> None:
    page.open(service.key("read", tenant="browser"))
    before = page.ids()
    page.tab.click("#champion .item:first-child button.view")
    page.tab.wait_for_selector("#alert:not([hidden])")
    assert "scope write" in page.text("#alert")
    assert page.ids() == before


def test_nothing_is_fetched_from_elsewhere_and_no_key_stays(
    page: Page, key: str, service: Running
) -> None:
    page.open(key)
    page.tab.click("#champion .item:first-child button.view")
    page.settled()
    assert {urlsplit(url).netloc for url in page.asked if url[:5] != "data:"} == {
        urlsplit(service.url).netloc
    }
    assert not any(key in url for url in page.asked)
    kept = "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
    assert key not in page.tab.evaluate(kept)
    assert key not in page.tab.content()


def test_everything_works_from_the_keyboard(page: Page, key: str) -> None:
    page.open(key)
    page.choose("u7")
    before = page.ids()
    reached = set()
    for _ in range(60):
        page.tab.keyboard.press("Tab")
        active = "document.activeElement"
        reached.add(page.tab.evaluate(f"{active}.id || {active}.className"))
        ring = page.tab.evaluate(f"getComputedStyle({active}).outlineStyle")
        assert ring != "none", page.tab.evaluate(f"{active}.outerHTML")
        if page.tab.evaluate(f"{active}.className") == "buy":
            break
    assert {"visitor", "k", "column", "diversity", "repeats", "view", "buy"} <= reached
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_selector("#timing[data-ms]")
    page.settled()
    assert page.ids() != before


UNNAMED = """() => [...document.querySelectorAll('input, select, button, summary, a')]
  .filter(e => e.offsetParent !== null)
  .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim()
                 || [...(e.labels || [])].some(l => l.textContent.trim())))
  .map(e => e.outerHTML)"""

SMALL = """() => [...document.querySelectorAll('input, select, button, summary')]
  .filter(e => e.offsetParent !== null)
  .filter(e => { const r = (e.labels?.length ? e.parentElement : e).getBoundingClientRect();
                 return r.height < 24 || r.width < 24; })
  .map(e => e.outerHTML)"""

CONTRAST = """() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number);
    return [...m.slice(0, 3), m[3] ?? 1]; };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255;
    return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) {
    const [r, g, b, a] = parse(getComputedStyle(e).backgroundColor);
    if (a === 1) return [r, g, b]; }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.offsetParent === null || e.closest('.visually-hidden, .skip, option')) continue;
    const a = light(parse(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    found.push([ratio, e.outerHTML.slice(0, 120)]);
  }
  return found; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_can_be_read_and_used(page: Page, key: str, scheme: str, size: dict[str, int]) -> None:
    page.tab.set_viewport_size(size)
    page.tab.emulate_media(color_scheme=scheme)
    page.open(key)
    page.tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.tab.click("#champion .item:first-child button.view")
    page.tab.wait_for_selector("#timing[data-ms]")
    page.settled()
    page.tab.evaluate("document.getElementById('alert').hidden = false")
    page.tab.evaluate("document.getElementById('alert').textContent = 'what went wrong'")
    assert page.tab.evaluate(UNNAMED) == []
    assert page.tab.evaluate(SMALL) == []
    ratios = page.tab.evaluate(CONTRAST)
    assert len(ratios) > 50
    assert [r for r in ratios if r[0] < 4.5] == []
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
    levels = page.tab.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_forbids_what_it_does_not_need(service: Running) -> None:
    with urlopen(f"{service.url}/playground") as answer:
        policy = answer.headers["content-security-policy"]
        html = answer.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=|https?://", html)


@pytest.mark.parametrize("name", ["..%2Fapp.py", "nothing.js", "%2e%2e/app.py", "__init__.py"])
def test_only_the_files_of_the_page_are_served(service: Running, name: str) -> None:
    from urllib.error import HTTPError

    with pytest.raises(HTTPError) as caught:
        urlopen(f"{service.url}/playground/{name}")
    assert caught.value.code == 404


def test_the_files_of_the_page_are_small() -> None:
    folder = Path(__file__).parents[3] / "serving" / "playground"
    for file in folder.iterdir():
        assert len(file.read_text().splitlines()) <= 400, file
