"""Who asks: API keys, believed for a minute and through an outage of the store."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from serving.limits import MAX_BUCKETS, RateLimit
from serving.problems import ProblemError, retry_after
from serving.settings import ANONYMOUS, Settings
from serving.store import Key, Scope, Store, StoreUnavailable, Tenant

MAX_KEYS = 10_000
FAILURES = 20.0
"""Wrong keys a second of one address that are looked up in the store."""
HOLD = 1.0
"""Seconds for which an address's unknown keys are not looked up once there were too many."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="recsys"'}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who was let in: for whom, and by which key."""

    tenant: Tenant
    key_id: str


class Authenticator:
    """Checks keys against the store and remembers the good ones by their digest."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take what to check against."""
        self._store = store
        self._seconds = settings.key_cache_seconds
        self._known: OrderedDict[bytes, tuple[Key, float]] = OrderedDict()
        self._rate = RateLimit(settings.rate, settings.burst)
        self._failures = RateLimit(FAILURES, int(5 * FAILURES))
        self._held: OrderedDict[str, float] = OrderedDict()
        self._anonymous: Principal | None = None
        self._auth = settings.auth

    async def start(self) -> None:
        """Make the tenant of requests without keys, where authentication is off."""
        if not self._auth:
            self._anonymous = Principal(await self._store.tenants.ensure(ANONYMOUS), "none")

    async def admit(self, authorization: str | None, scope: Scope, address: str) -> Principal:
        """Return who asks, if the key allows `scope` and its bucket holds a token.

        Wrong keys are counted by the client's `address`: who tries many shuts out nobody else.

        Raises:
            ProblemError: 401 without a good key, 403 where it may not, 429 where it is too
                fast, 503 where the store can't say whether a new key is good.
        """
        if self._anonymous is not None:
            return self._anonymous
        key = await self._key(authorization, address)
        self._rate.check(key.id, "a key")
        if not key.allows(scope):
            detail = (
                f"this needs a key with the scope {scope}, and this one has {key.scope}; "
                f"make one with `recsys keys create --scope {scope}`"
            )
            raise ProblemError(403, detail)
        return Principal(key.tenant, key.id)

    async def _key(self, authorization: str | None, address: str) -> Key:
        kind, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if kind.lower() != "bearer" or not secret:
            detail = "send the header Authorization: Bearer KEY; `recsys keys create` makes a key"
            raise ProblemError(401, detail, headers=_CHALLENGE)
        # The secret itself is not kept: what is in memory opens nothing.
        digest = hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
        known = self._known.get(digest)
        now = time.monotonic()
        if known is not None and now - known[1] < self._seconds:
            return known[0]
        if known is None and now < self._held.get(address, 0.0):
            detail = "too many wrong keys were tried; send this key again later"
            raise ProblemError(429, detail, headers=retry_after(HOLD))
        try:
            key = await self._store.keys.check(secret)
        except StoreUnavailable:
            if known is None:
                raise
            return known[0]
        if key is None:
            self._known.pop(digest, None)
            self._failed(address, now)
            detail = "this key is unknown or revoked; `recsys keys create` makes another"
            raise ProblemError(401, detail, headers=_CHALLENGE)
        self._known[digest] = (key, now)
        self._known.move_to_end(digest)
        if len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)
        return key

    def _failed(self, address: str, now: float) -> None:
        """Count a wrong key; after too many, keys not met before are not looked up for a while."""
        try:
            self._failures.check(address, "looking up unknown keys")
        except ProblemError:
            self._held[address] = now + HOLD
            self._held.move_to_end(address)
            if len(self._held) > MAX_BUCKETS:
                self._held.popitem(last=False)
            raise


class Bearer(SecurityBase):
    """The header, for the OpenAPI document; what it holds is checked by `Authenticator`."""

    def __init__(self) -> None:
        """Describe an opaque bearer token."""
        self.model = HTTPBearerModel(description="`recsys keys create` makes a key.")
        self.scheme_name = "ApiKey"

    async def __call__(self, request: Request) -> str | None:
        """Return the header's value."""
        return request.headers.get("authorization")


_bearer = Bearer()


def _admitting(scope: Scope) -> object:
    async def admit(
        request: Request, authorization: Annotated[str | None, Security(_bearer)]
    ) -> Principal:
        service = request.app.state.service
        address = request.client.host if request.client else ""
        with service.metrics.stage("auth"):
            principal: Principal = await service.authenticator.admit(authorization, scope, address)
        request.scope["state"]["log"] = {
            "tenant": principal.tenant.name,
            "key_id": principal.key_id,
        }
        return principal

    admit.__name__ = f"admit_{scope}"
    return Depends(admit)


Reader = Annotated[Principal, _admitting("read")]
Writer = Annotated[Principal, _admitting("write")]
Admin = Annotated[Principal, _admitting("admin")]
