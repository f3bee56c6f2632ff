"""One tenant's key against every route of the OpenAPI document, with another tenant's ids.

The document is the list of routes: a new one fails here until it is said, and shown, what
it does with a stranger's ids.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from recsys.types import Repeats
from serving.app import create_app
from serving.settings import Settings
from serving.store import Store, StoredList
from tests.serving.running import Running

THEIRS = "theirs"
USER, SESSION, ITEM = "their/user", "their-session", "their-item"
EVENT, LIST_ITEM, TITLE = "their-event", "their-list-item", "Their secret oolong"
SECRETS = (SESSION, LIST_ITEM, TITLE, EVENT)
"""What must be in no answer; the ids that a request names may come back as its echo."""

EXPECTED: dict[str, str] = {
    # lists: a stranger's user is nobody, a stranger's item is not there
    "POST /v1/recommendations": "nobody",
    "POST /v1/recommendations:batch": "nobody",
    "POST /v1/rank": "nobody",
    "POST /v1/similar": "404",
    "POST /v1/also-bought": "404",
    "POST /v1/popular": "nobody",
    # what names a user or an item of somebody else's finds nothing
    "POST /v1/users:get": "404",
    "POST /v1/users:delete": "404",
    "POST /v1/users:export": "404",
    "GET /v1/users/{user_id}": "404",
    "DELETE /v1/users/{user_id}": "404",
    "POST /v1/items:get": "empty",
    # writing under an id that somebody else has, too, touches only one's own
    "POST /v1/events": "own",
    "PUT /v1/items": "own",
    "POST /v1/users:merge": "own",
    # what the key alone decides
    "GET /v1/models": "own",
    "POST /v1/models:reload": "own",
    "POST /v1/models:rollback": "own",
    "GET /v1/playground/shop": "own",
    # no tenant's data at all
    "GET /livez": "public",
    "GET /readyz": "public",
    "GET /metrics": "public",
}

OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, methods in create_app(Settings(model="none")).openapi()["paths"].items()
    for method in methods
)


def test_every_route_is_told() -> None:
    assert sorted(EXPECTED) == OPERATIONS


IDS: dict[str, Any] = {
    "user_id": USER,
    "from_user_id": None,
    "session_id": SESSION,
    "item_id": ITEM,
    "item_ids": [ITEM, LIST_ITEM],
    "event_id": EVENT,
    "recommendation_id": "their-recommendation",
    "history": [ITEM],
    "exclude": [ITEM],
}


def body_of(document: dict[str, Any], schema: dict[str, Any], name: str = "") -> Any:
    """Make a body of a schema, with the stranger's ids wherever there is place for one."""
    if name in IDS:
        return IDS[name]
    if "$ref" in schema:
        found = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return body_of(document, found)
    for key in ("anyOf", "oneOf"):
        if key in schema and "properties" not in schema:
            return body_of(document, schema[key][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = [n for n in properties if n in schema.get("required", ()) or n in IDS]
        body = {n: body_of(document, properties[n], n) for n in wanted}
        return {n: value for n, value in body.items() if value is not None}
    if kind == "array":
        # Of plain texts, only `items` of a request to rank holds ids that are not named so.
        return (
            [ITEM]
            if name == "items" and "$ref" not in schema["items"]
            else [body_of(document, schema["items"])]
        )
    return {"string": "x", "integer": 1, "number": 1.0, "boolean": False}.get(str(kind))


def ask(client: httpx.Client, document: dict[str, Any], operation: str) -> httpx.Response:
    """Make the request of an operation."""
    method, path = operation.split(" ")
    described = document["paths"][path][method.lower()]
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    address = path.replace("{user_id}", quote(USER, safe=""))
    assert "{" not in address, f"say what stands in {path}"
    body = None if content is None else body_of(document, content["schema"])
    return client.request(method, address, json=body)


@pytest.fixture(scope="module")
def theirs(service: Running) -> Iterator[httpx.Client]:
    """The other tenant's client; they have a shopper, a session, an item and a list."""
    with service.client(THEIRS) as client:
        item = {"item_id": ITEM, "title": TITLE}
        client.put("/v1/items", json={"items": [item]}).raise_for_status()
        events = [
            {"event_id": EVENT, "event": "purchase", "item_id": ITEM, "user_id": USER},
            {"event_id": "s", "event": "view", "item_id": ITEM, "session_id": SESSION},
            {"event_id": "i", "event": "impression", "item_id": ITEM, "user_id": USER, "rank": 1},
        ]
        client.post("/v1/events", json={"events": events}).raise_for_status()
        asyncio.run(_give_list(service.settings.store))
        yield client


async def _give_list(address: str) -> None:
    repeats: tuple[Repeats, ...] = ("exclude", "allow")
    row = {"item_id": LIST_ITEM, "rank": 1, "score": 1.0, "source": "als", "reason": "r"}
    async with await Store.open(address) as store:
        tenant = await store.tenants.get(THEIRS)
        lists = [StoredList(USER, r, (row,), "v", 0) for r in repeats]
        await store.lists.put(tenant, lists)


def known_of(client: httpx.Client) -> list[Any]:
    """Return all that a tenant can read of its own."""
    return [
        client.post("/v1/users:export", json={"user_id": USER}).json(),
        client.get(f"/v1/users/{quote(USER, safe='')}").json(),
        client.post("/v1/items:get", json={"item_ids": [ITEM]}).json(),
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_tenant_reaches_nothing(
    operation: str, service: Running, theirs: httpx.Client
) -> None:
    before = known_of(theirs)
    assert before[0]["events"], "they have something to lose"
    # A tenant of its own for each route: what one wrote is nothing to the next.
    with service.client(f"mine-{operation}") as client:
        document = client.get("/openapi.json").json()
        answer = ask(client, document, operation)
    assert answer.status_code < 500
    text = json.dumps(answer.json()) if "json" in answer.headers["content-type"] else answer.text
    echoed = operation in ("POST /v1/events", "PUT /v1/items")
    for secret in SECRETS if not echoed else (LIST_ITEM, TITLE):
        assert secret not in text
    check(EXPECTED[operation], operation, answer)
    assert known_of(theirs) == before


def check(expected: str, operation: str, answer: httpx.Response) -> None:
    if expected == "404":
        assert answer.status_code == 404
        return
    assert answer.is_success or answer.status_code == 409
    if expected == "empty":
        assert answer.json() == {"items": []}
    if expected == "nobody":
        for one in answer.json().get("answers", [answer.json()]):
            if operation != "POST /v1/popular":
                # Their history would have spoken; a history of unknown items is an empty one.
                assert one["fallback"] in ("unknown_user", "empty_history")
            shown = [i["item_id"] for i in one["items"] if i["source"] != "unknown"]
            assert ITEM not in shown


def test_a_key_of_nobody_opens_nothing(service: Running) -> None:
    document = httpx.get(f"{service.url}/openapi.json").json()
    for headers in ({}, {"Authorization": "Bearer rk_000000000000_" + "x" * 43}):
        with httpx.Client(base_url=service.url, headers=headers) as client:
            for operation in OPERATIONS:
                if EXPECTED[operation] != "public":
                    assert ask(client, document, operation).status_code == 401, operation


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_scope_allows_what_it_says(operation: str, service: Running, bundle: Path) -> None:
    document = service.app.openapi()
    writes = {"POST /v1/events", "PUT /v1/items", "POST /v1/users:merge", "POST /v1/users:delete"}
    writes.add("DELETE /v1/users/{user_id}")
    needed = "admin" if "/v1/models" in operation else "write" if operation in writes else "read"
    ladder = ("read", "write", "admin")
    for scope in ladder:
        with service.client("scoped", scope) as client:  # type: ignore[arg-type]
            status = ask(client, document, operation).status_code
        allowed = ladder.index(scope) >= ladder.index(needed)
        assert (status != 403) == allowed, (operation, scope, status)
