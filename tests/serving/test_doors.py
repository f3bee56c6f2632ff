"""Keys, limits, errors, ids of requests, logs and metrics: the doors of the service."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from recsys.errors import DataError
from serving.limits import RateLimit, TokenBucket
from serving.problems import ProblemError
from serving.settings import read_settings
from serving.store import Store
from serving.telemetry.logs import JsonLines
from tests.serving.running import Running, running


@pytest.fixture(scope="module")
def strict(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with small limits."""
    store = tmp_path_factory.mktemp("strict") / "s.db"
    with running(
        model=str(bundle), store=f"sqlite:///{store}", rate=1.0, burst=5, max_body_bytes=2_000,
        key_cache_seconds=0.2, cors_origins=("https://shop.example",),
    ) as found:  # fmt: skip
        yield found


def test_a_revoked_key_is_shut_out_soon(strict: Running) -> None:
    with strict.client("revoked", "read") as client:
        assert client.post("/v1/popular", json={}).status_code == 200
        asyncio.run(_revoke_all(strict.settings.store, "revoked"))
        time.sleep(0.3)
        refused = client.post("/v1/popular", json={})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def _revoke_all(address: str, name: str) -> None:
    async with await Store.open(address) as store:
        tenant = await store.tenants.get(name)
        for key in await store.keys.list(tenant):
            assert await store.keys.revoke(tenant, key.id)


def test_a_key_has_a_bucket_of_its_own(strict: Running) -> None:
    with strict.client("quick") as quick, strict.client("calm") as calm:
        statuses = [quick.post("/v1/popular", json={}).status_code for _ in range(8)]
        assert statuses[:5] == [200] * 5
        refused = quick.post("/v1/popular", json={})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert calm.post("/v1/popular", json={}).status_code == 200


def test_large_bodies_are_refused_however_they_come(strict: Running) -> None:
    body = json.dumps({"exclude": ["x" * 200] * 20}).encode()

    def pieces() -> Iterator[bytes]:
        yield from (body[i : i + 500] for i in range(0, len(body), 500))

    headers = {"Content-Type": "application/json"}
    with strict.client("large") as client:
        for content in (body, pieces()):
            answer = client.post("/v1/popular", content=content, headers=headers)
            assert answer.status_code == 413
            assert answer.json()["title"] == "The request is too large"


def test_only_named_origins_may_call_from_a_page(strict: Running, service: Running) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Origin": "https://shop.example"}
    allowed = httpx.options(f"{strict.url}/v1/popular", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    other = httpx.options(f"{strict.url}/v1/popular", headers={**asked, "Origin": "https://x.y"})
    assert "access-control-allow-origin" not in other.headers
    headers = {**asked, "Content-Type": "application/json"}
    refused = httpx.post(f"{strict.url}/v1/popular", content=b" " * 2_001, headers=headers)
    assert refused.status_code == 413  # by the layer around the routes
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
    assert refused.headers["access-control-expose-headers"] == "Retry-After, X-Request-ID"
    assert refused.headers["x-request-id"]
    default = httpx.options(f"{service.url}/v1/popular", headers=asked)
    assert "access-control-allow-origin" not in default.headers


@pytest.mark.parametrize(
    ("path", "body", "field", "remedy"),
    [
        ("recommendations", {"k": 0}, "k", "greater than or equal to 1"),
        ("recommendations", {"k": 501}, "k", "less than or equal to 500"),
        ("recommendations", {"K": 3}, "K", "leave it out"),
        ("recommendations", {"repeats": "maybe"}, "repeats", "'exclude' or 'allow'"),
        ("recommendations", {"at": "yesterday"}, "at", "2026-01-31T18:00:00Z"),
        ("recommendations", {"history": ["a", {"item_id": 3}]}, "history[1].item_id", "string"),
        ("recommendations", {"filters": {"field": "brnd", "op": "eq", "value": 1}}, "filters",
         "did you mean 'brand'"),
        ("recommendations", {"filters": {"field": "brand", "op": "is"}}, "filters", "operator"),
        ("events", {"events": [{"event_id": "1", "event": "view"}]}, "events[0].item_id", "add it"),
        ("events", {"events": []}, "events", "at least 1"),
        ("rank", {"user_id": "u"}, "items", "it is missing"),
        ("users:merge", {"user_id": "u"}, "body", "either session_id or from_user_id"),
        ("users:get", {"user_id": "x" * 257}, "user_id", "256"),
    ],
)  # fmt: skip
def test_an_error_names_field_and_remedy(
    path: str, body: dict[str, object], field: str, remedy: str, service: Running
) -> None:
    with service.client() as client:
        answer = client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["errors"][0]["field"] == field
    assert remedy in problem["errors"][0]["message"], problem
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_a_refused_request_of_a_batch_is_named_and_the_others_are_left(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    read = service.service.live.read

    async def counted(*rest: object, **more: object) -> object:
        asked.append(rest)
        return await read(*rest, **more)

    monkeypatch.setattr(service.service.live, "read", counted)
    wrong = {"filters": {"field": "categry", "op": "is_null"}}
    body = {"requests": [{}, wrong, *({"user_id": f"u{i}"} for i in range(98))]}
    with service.client() as client:
        refused = client.post("/v1/recommendations:batch", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "requests[1].filters"
    assert len(asked) < 50


def test_what_is_no_json_is_told_so(service: Running) -> None:
    with service.client() as client:
        assert client.post("/v1/popular", content=b"{").status_code == 415
        headers = {"Content-Type": "application/json"}
        for content in (b"{", b"", b"\xff\xfe", b'{"k": NaN}', b'{"user_id": "\\ud800"}'):
            answer = client.post("/v1/popular", content=content, headers=headers)
            assert answer.status_code in (400, 422), content
        deep = b'{"filters":' + b'{"not":' * 20_000 + b"{}" + b"}" * 20_001
        answer = client.post("/v1/popular", content=deep, headers=headers)
        assert answer.status_code == 400
        assert "nested too deeply" in answer.json()["detail"]
        assert client.get("/v1/popular").headers["allow"] == "POST"
        assert client.patch("/v1/users/anna").headers["allow"] == "DELETE, GET"
        for path in ("/livez", "/playground", "/playground/app.js"):
            assert client.delete(path).headers["allow"] == "GET, HEAD"
        assert client.get("/nothing/here").json()["status"] == 404


def test_a_request_keeps_its_id(service: Running) -> None:
    with service.client() as client:
        given = client.get("/livez", headers={"X-Request-ID": "abc-1"})
        assert given.headers["x-request-id"] == "abc-1"
        bad = client.get("/livez", headers={"X-Request-ID": 'a"b\u00e9'.encode()})
        assert bad.headers["x-request-id"] != 'a"b\u00e9'
        assert len(bad.headers["x-request-id"]) == 36


def test_logs_hold_no_keys_and_no_shoppers(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "very-private-shopper"
    with service.client("logged") as client:
        client.post("/v1/recommendations", json={"user_id": secret})
        client.get(f"/v1/users/{secret}")
        client.delete(f"/v1/users/{secret}")
        client.post("/v1/recommendations", json={"user_id": secret, "k": "x"})
        key = service.key("logged")
    lines = [JsonLines().format(r) for r in caplog.records if r.name.startswith("serving")]
    assert sum('"route":"/v1/users/{user_id:text}"' in line for line in lines) == 2
    assert all(secret not in line and key not in line for line in lines)
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_metrics_say_what_was_asked_for(service: Running) -> None:
    with service.client() as client:
        client.post("/v1/recommendations", json={"user_id": "nobody at all"})
        client.post("/v1/recommendations", json={"user_id": "u001"})
        text = client.get("/metrics").text
    for line in (
        'recsys_request_seconds_count{method="POST",route="/v1/recommendations",status="200"}',
        'recsys_stage_seconds_bucket{le="0.001",stage="store"}',
        'recsys_stage_seconds_count{stage="model"}',
        'recsys_fallbacks_total{cause="unknown_user"}',
        'recsys_candidates_bucket{le="+Inf"}',
        "recsys_events_waiting 0.0",
        'role="champion"',
    ):
        assert line in text, line
    [ranked] = [x for x in text.splitlines() if x.startswith("recsys_candidates_sum")]
    assert float(ranked.split()[1]) >= 5  # candidates of one who has a history


def test_ready_means_a_model_is_loaded(service: Running) -> None:
    ready = httpx.get(f"{service.url}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert httpx.get(f"{service.url}/livez").json() == {"status": "alive"}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/playground", "/playground/app.js"])
def test_head_is_answered_as_get_is(path: str, service: Running) -> None:
    head, get = httpx.head(service.url + path), httpx.get(service.url + path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] == str(len(get.content))


def test_without_keys_on_loopback_only(bundle: Path, tmp_path: Path) -> None:
    with running(model=str(bundle), store=f"sqlite:///{tmp_path / 's.db'}", auth=False) as found:
        assert httpx.post(f"{found.url}/v1/popular", json={"k": 1}).status_code == 200
    with pytest.raises(DataError, match="loopback only"):
        read_settings(model="b", auth=False, host="0.0.0.0")


def test_settings_come_from_flags_then_environment_then_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('model = "file"\nport = 1\nworkers = 1\n[models]\na = "models:/a@champion"\n')
    monkeypatch.setenv("RECSYS_SERVE_CONFIG", str(file))
    monkeypatch.setenv("RECSYS_SERVE_PORT", "2")
    monkeypatch.setenv("RECSYS_SERVE_WORKERS", "2")
    found = read_settings(workers=3, host=None)
    assert (found.model, found.port, found.workers) == ("file", 2, 3)
    assert found.models == {"a": "models:/a@champion"}
    monkeypatch.setenv("RECSYS_SERVE_CHALLENGER_SHARE", "2")
    with pytest.raises(DataError, match="challenger_share"):
        read_settings()


def test_settings_that_are_missing_or_unknown_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="model is missing"):
        read_settings()
    with pytest.raises(DataError, match=r"port = 99999: .*65535"):
        read_settings(model="m", port=99_999)
    with pytest.raises(DataError, match=r"workers = 0: .*1"):
        read_settings(model="m", workers=0)
    file = tmp_path / "serve.toml"
    file.write_text('model = "m"\nprot = 80\n')
    with pytest.raises(DataError, match=r"serve\.toml: unknown setting prot; the nearest is port"):
        read_settings(file)
    file.write_text('model = "m\n')
    with pytest.raises(DataError, match=r"serve\.toml: not TOML: .*line 1"):
        read_settings(file)
    with pytest.raises(DataError, match=r"nowhere\.toml"):
        read_settings(tmp_path / "nowhere.toml")
    with monkeypatch.context() as patch:
        patch.setenv("RECSYS_SERVE_STOER", "sqlite:///s.db")
        with pytest.raises(DataError, match=r"unknown setting RECSYS_SERVE_STOER .* is store$"):
            read_settings(model="m")
    with monkeypatch.context() as patch:
        patch.setenv("RECSYS_SERVE_MODELS__tea", "b")
        assert read_settings(model="m").models == {"tea": "b"}
    monkeypatch.setenv("RECSYS_SERVE_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(DataError, match=r"gone\.toml is missing \(RECSYS_SERVE_CONFIG\)"):
        read_settings(model="m")


def test_a_bucket_fills_at_its_rate() -> None:
    bucket = TokenBucket(rate=10.0, burst=2, now=0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, pytest.approx(0.1)]
    assert bucket.take(0.05) == pytest.approx(0.05)
    assert bucket.take(10.0) == 0.0
    assert [bucket.take(10.0), bucket.take(10.0)] == [0.0, pytest.approx(0.1)]


def test_no_rate_is_no_limit() -> None:
    limit = RateLimit(0, 1)
    for _ in range(100):
        limit.check("a", "a key")
    limit = RateLimit(2, 1)
    limit.check("a", "a key")
    limit.check("b", "a key")
    with pytest.raises(ProblemError, match="2 requests a second"):
        limit.check("a", "a key")
