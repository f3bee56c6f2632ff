"""A pool of actors that work off numbered pieces, by Ray Data.

Each actor is made once and answers one piece at a time. Ray Data gives an actor no more
than two pieces ahead, restarts one that is lost, and gives its pieces to be done again; so
a piece may be worked on twice, and whoever works must make the same of it each time.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from experiments.cluster.connection import Cluster, ClusterError, cpus, require_ray
from recsys.errors import RecsysError
from recsys.parallel import limit

R = TypeVar("R", covariant=True)

AHEAD = 2
"""Pieces given to an actor before it answers: one it works on, one that waits."""


class Worker(Protocol[R]):
    """What an actor runs: made once, then asked for one piece after another."""

    def work(self, number: int) -> R:
        """Work on a piece; small answers, large ones belong in storage."""
        ...


class _Actor(Generic[R]):
    """Ray Data's view of a worker: a batch of one piece in, one pickled answer out.

    An error of ours is an answer too: of one that is raised, Ray brings home the text only.
    """

    def __init__(self, make: Callable[..., Worker[R]], arguments: Mapping[str, Any]) -> None:
        limit(1)  # Ray gives an actor one CPU
        ray = require_ray()
        given = {k: ray.get(v) if isinstance(v, ray.ObjectRef) else v for k, v in arguments.items()}
        self._worker: Worker[R] | RecsysError
        try:
            self._worker = make(**given)
        except RecsysError as fault:
            self._worker = fault

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        number = int(batch["item"][0])
        answer: Any
        try:
            if isinstance(self._worker, RecsysError):
                raise self._worker
            answer = self._worker.work(number)
        except RecsysError as fault:
            answer = fault
        return {"number": [number], "answer": [_pickled(answer)]}


def _pickled(answer: Any) -> bytes:
    content = pickle.dumps(answer)
    if isinstance(answer, RecsysError):
        try:
            pickle.loads(content)
        except TypeError:  # one that is made of more than its message
            content = pickle.dumps(RecsysError(str(answer)))
    return content


def run(
    make: Callable[..., Worker[R]],
    arguments: Mapping[str, Any],
    numbers: Sequence[int],
    cluster: Cluster,
) -> Iterator[tuple[int, R]]:
    """Work off numbered pieces; yield each number and its answer as they come, in any order.

    Args:
        make: what an actor holds, a class or function that every node can import.
        arguments: of `make`; large ones as references, by `shared`.
        numbers: of the pieces.
        cluster: how many actors at most.

    Raises:
        RecsysError: as a worker raised it.
        ClusterError: the cluster lost more than it can make up for.
    """
    if not numbers:
        return
    ray = require_ray()
    data = import_module("ray.data")
    _quiet(data)
    size = min(cluster.workers or cpus(), len(numbers))
    # Fewer than `size` go on when a node is lost and its actors have nowhere to restart.
    pool = data.ActorPoolStrategy(
        min_size=1, max_size=size, initial_size=size, max_tasks_in_flight_per_actor=AHEAD
    )
    pieces = data.from_items(list(numbers), override_num_blocks=len(numbers))
    answers = pieces.map_batches(
        _Actor,
        fn_constructor_args=(make, dict(arguments)),
        batch_size=1,
        num_cpus=1,
        compute=pool,
    )
    try:
        for batch in answers.iter_batches(
            batch_size=1, batch_format="pyarrow", prefetch_batches=AHEAD
        ):
            answer = pickle.loads(batch["answer"][0].as_py())
            if isinstance(answer, RecsysError):
                raise answer
            yield batch["number"][0].as_py(), answer
    except ray.exceptions.RayError as error:
        raise ours(error) from error


def in_order(answers: Iterator[tuple[int, R]]) -> Iterator[tuple[int, R]]:
    """Yield the answers of pieces 0, 1, ... in this order; those that come early wait.

    >>> list(in_order(iter([(1, "b"), (0, "a"), (2, "c")])))
    [(0, 'a'), (1, 'b'), (2, 'c')]
    """
    waiting: dict[int, R] = {}
    turn = 0
    for number, answer in answers:
        waiting[number] = answer
        while turn in waiting:
            yield turn, waiting.pop(turn)
            turn += 1


def shared(value: Any) -> Any:
    """Put a value into the cluster's object store, once, for all workers to read.

    As an argument of `run` the workers get the value itself; within a list they get what
    `fetched` turns into the value.
    """
    return require_ray().put(value)


def fetched(reference: Any) -> Any:
    """Return a value that was shared."""
    return require_ray().get(reference)


def once(task: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function somewhere in the cluster and return its (small) answer.

    Raises:
        RecsysError: as the function raised it.
        ClusterError: it was lost more often than Ray tries again.
    """
    return each(task, [arguments])[0]


def each(
    task: Callable[..., Any], arguments: Sequence[Sequence[Any]], *, cpus: int = 1
) -> list[Any]:
    """Run a function on each of some arguments, side by side where there are `cpus` for it.

    What is done twice, after a loss, must come to the same. Large arguments by `shared`.

    Raises:
        RecsysError: as the function raised it.
        ClusterError: the cluster lost more than it can make up for.
    """
    ray = require_ray()
    remote = ray.remote(num_cpus=cpus)(_limited)
    answers = [remote.remote(cpus, task, *some) for some in arguments]
    try:
        return [_plain(answer) for answer in ray.get(answers)]
    except ray.exceptions.RayError as error:
        for answer in answers:
            ray.cancel(answer)
        raise ours(error) from error


def _limited(cpus: int, task: Callable[..., Any], *arguments: Any) -> tuple[Any, list[str]]:
    """Run a task on the CPUs that it was given; return what it warned of too."""
    limit(cpus)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        answer = task(*arguments)
    return answer, [str(one.message) for one in caught if one.category is UserWarning]


def _plain(answer: tuple[Any, list[str]]) -> Any:
    for message in answer[1]:
        warnings.warn(message, stacklevel=4)
    return answer[0]


def ours(error: BaseException) -> RecsysError:
    """Return the error that a worker raised, if it is one of ours, else what Ray says of it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, RecsysError):
            # Ray makes a class of both; the plain one reads better.
            plain = next(
                (c for c in type(seen).__mro__ if c.__module__.startswith("recsys.")), None
            )
            cause = getattr(seen, "cause", seen)
            return cause if plain and isinstance(cause, RecsysError) else seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    lines = str(error).strip().splitlines()
    return ClusterError(f"the cluster gave up: {lines[-1] if lines else type(error).__name__}")


def _quiet(data: Any) -> None:
    """Leave progress to our own bars."""
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
