"""The ASGI application: routes, errors, limits and the service behind them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from recsys import __version__
from serving import openapi, problems
from serving.hosts import LoopbackHosts
from serving.routes import events, health, items, lists, models, playground, users
from serving.service import Service
from serving.settings import Settings, read_settings
from serving.telemetry.logs import configure
from serving.telemetry.metrics import Metrics
from serving.telemetry.middleware import RequestLifecycle

SWITCH_SECONDS = 0.001
ROUTERS = (
    lists.router,
    events.router,
    items.router,
    users.by_body,
    users.router,
    models.router,
    health.router,
    playground.router,
)


def create_app(settings: Settings) -> FastAPI:
    """Make the application; its service opens with its lifespan."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = await Service.open(settings, metrics)
        try:
            yield
        finally:
            await app.state.service.close()

    app = FastAPI(
        title="recsys",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # their pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    openapi.install(app)
    app.state.routers = ROUTERS
    for router in ROUTERS:
        app.include_router(router)
    if not settings.auth:
        app.add_middleware(LoopbackHosts)
    app.add_middleware(
        RequestLifecycle,
        metrics=metrics,
        max_in_flight=settings.max_in_flight,
        max_body_bytes=settings.max_body_bytes,
        timeout_seconds=settings.request_timeout_ms / 1000,
    )
    if settings.cors_origins:
        # Outermost, since a page may read a refusal only if it names the page's origin.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    return app


def from_environment() -> FastAPI:
    """Make the application of a worker: what the server read is in the environment."""
    # The event loop shares the interpreter with the threads that ask the models; by default
    # it may wait five milliseconds for its turn, several times in each request.
    sys.setswitchinterval(SWITCH_SECONDS)
    settings = read_settings()
    configure(settings.log_level)
    return create_app(settings)
