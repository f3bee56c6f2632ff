"""The two clients: the same calls, sent blocking or awaiting."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from recsys.client import calls
from recsys.client.transport import AwaitingConnection, BlockingConnection, Call

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(make: Callable[P, Call[T]]) -> Callable[Concatenate[BlockingConnection, P], T]:
    @wraps(make)
    def method(self: BlockingConnection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(make(*args, **kwargs))

    _show_arguments(method, make)
    return method


def _awaiting(
    make: Callable[P, Call[T]],
) -> Callable[Concatenate[AwaitingConnection, P], Awaitable[T]]:
    @wraps(make)
    async def method(self: AwaitingConnection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(make(*args, **kwargs))

    _show_arguments(method, make)
    return method


def _show_arguments(method: Any, make: Callable[..., Any]) -> None:
    """Let `help` and editors show the call's arguments after `self`."""
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(make)
    method.__signature__ = signature.replace(
        parameters=[own, *signature.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )


class Client(BlockingConnection):
    """The service, for ordinary code and threads.

    Its methods make the calls of `recsys.client.calls`.
    """

    recommend = _blocking(calls.recommend)
    recommend_many = _blocking(calls.recommend_many)
    rank = _blocking(calls.rank)
    similar_items = _blocking(calls.similar_items)
    also_bought = _blocking(calls.also_bought)
    popular = _blocking(calls.popular)
    send_events = _blocking(calls.send_events)
    put_items = _blocking(calls.put_items)
    withdraw_items = _blocking(calls.withdraw_items)
    get_items = _blocking(calls.get_items)
    get_user = _blocking(calls.get_user)
    merge_users = _blocking(calls.merge_users)
    export_user = _blocking(calls.export_user)
    delete_user = _blocking(calls.delete_user)
    models = _blocking(calls.models)
    reload_models = _blocking(calls.reload_models)
    roll_back = _blocking(calls.roll_back)


class AsyncClient(AwaitingConnection):
    """The service, for code on an event loop: each method of `Client`, awaited."""

    recommend = _awaiting(calls.recommend)
    recommend_many = _awaiting(calls.recommend_many)
    rank = _awaiting(calls.rank)
    similar_items = _awaiting(calls.similar_items)
    also_bought = _awaiting(calls.also_bought)
    popular = _awaiting(calls.popular)
    send_events = _awaiting(calls.send_events)
    put_items = _awaiting(calls.put_items)
    withdraw_items = _awaiting(calls.withdraw_items)
    get_items = _awaiting(calls.get_items)
    get_user = _awaiting(calls.get_user)
    merge_users = _awaiting(calls.merge_users)
    export_user = _awaiting(calls.export_user)
    delete_user = _awaiting(calls.delete_user)
    models = _awaiting(calls.models)
    reload_models = _awaiting(calls.reload_models)
    roll_back = _awaiting(calls.roll_back)
