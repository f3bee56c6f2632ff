"""`recsys blurbs generate --engine ray`: pairs found and clauses drafted by actors.

The writer is what takes time; it runs in the actors, on the batches of the local command.
This process verifies what comes back and keeps it in the store, which is one file: so it
resumes as the local command does, and holds the distinct pairs, not the shoppers' lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from experiments.blurbing import REQUESTS_PER_CHUNK, Key, Pair, pairs_of
from experiments.cluster.connection import Cluster
from experiments.cluster.pool import fetched, in_order, run, shared
from experiments.cluster.storage import Place
from experiments.cluster.workers import load_same
from recsys.blurbs import BlurbWriter
from recsys.blurbs.generation import Batch, Drafted
from recsys.blurbs.protocol import Draft, Metered
from recsys.blurbs.service import writer_id
from recsys.errors import DataError
from recsys.types import Repeats

COUNTS = ("requests", "failures", "retries", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class OnCluster:
    """Finds pairs and drafts clauses; `experiments.blurbing.Elsewhere`.

    Attributes:
        bundle: where every node finds it.
        version: of the bundle.
        cluster: how many workers.
        writer: this process's own: tells whether the workers have the same, and keeps the
            account of what they use.
        make_writer: makes a worker's writer; every node can import it.
    """

    bundle: Place
    version: str
    cluster: Cluster
    writer: BlurbWriter | None = None
    make_writer: Callable[[], BlurbWriter | None] = field(default=lambda: None)

    def pairs(self, users: Sequence[str], k: int, repeats: Repeats, locale: str) -> dict[Key, Pair]:
        """Return the distinct pairs behind the shoppers' lists, in the order of the shoppers."""
        arguments = {
            "bundle": self.bundle,
            "version": self.version,
            "users": shared(list(users)),
            "k": k,
            "repeats": repeats,
            "locale": locale,
        }
        numbers = range(-(-len(users) // REQUESTS_PER_CHUNK))
        found: dict[Key, Pair] = {}
        for _, some in in_order(run(PairWorker, arguments, numbers, self.cluster)):
            for key, pair in some.items():
                found.setdefault(key, pair)
        return found

    def drafted(self, batches: Sequence[Batch], n: int) -> Drafted:
        """Yield the drafts of every batch, as they come.

        Raises:
            DataError: a worker has another version of the writer.
        """
        if self.writer is None:
            raise DataError("no blurb writer is configured; name one: --writer local_llm")
        arguments = {
            "make": self.make_writer,
            "name": writer_id(self.writer),
            "batches": [shared(tuple(batch)) for batch in batches],
            "n": n,
        }
        for number, (drafts, used) in run(
            DraftWorker, arguments, range(len(batches)), self.cluster
        ):
            if isinstance(self.writer, Metered):
                self.writer.usage.add(**used)
            yield number, drafts


class PairWorker:
    """Holds a bundle, and finds the pairs of one run of shoppers after another."""

    def __init__(
        self,
        bundle: Place,
        version: str,
        users: Sequence[str],
        k: int,
        repeats: Repeats,
        locale: str,
    ) -> None:
        """Load the bundle.

        Raises:
            DataError: this node has another bundle at the place.
        """
        self._recommender = load_same(bundle, version)
        self._users, self._k, self._repeats, self._locale = users, k, repeats, locale

    def work(self, number: int) -> dict[Key, Pair]:
        """Return the distinct pairs behind the lists of some shoppers."""
        start = number * REQUESTS_PER_CHUNK
        some = self._users[start : start + REQUESTS_PER_CHUNK]
        return pairs_of(self._recommender, some, self._k, self._repeats, self._locale)


class DraftWorker:
    """Holds a writer, and drafts the clauses of one batch after another."""

    def __init__(
        self,
        make: Callable[[], BlurbWriter | None],
        name: str,
        batches: Sequence[object],
        n: int,
    ) -> None:
        """Make the writer.

        Raises:
            DataError: it is not the one that the job is about.
        """
        writer = make()
        found = "none" if writer is None else writer_id(writer)
        if writer is None or found != name:
            raise DataError(
                f"the blurb writer is {found} on one node and {name} on another; give all nodes "
                "the same weights and the same version of recsys"
            )
        self._writer, self._batches, self._n = writer, batches, n

    def work(self, number: int) -> tuple[list[list[Draft]], dict[str, int]]:
        """Return the drafts of a batch, and what they took."""
        before = self._counts()
        batch: Batch = fetched(self._batches[number])
        drafts = self._writer.write(batch, self._n)
        return drafts, {name: after - before[name] for name, after in self._counts().items()}

    def _counts(self) -> dict[str, int]:
        usage = self._writer.usage if isinstance(self._writer, Metered) else None
        return {name: int(getattr(usage, name, 0)) for name in COUNTS}
