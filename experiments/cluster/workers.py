"""What every worker does first: load the bundle that the job is about."""

from __future__ import annotations

from experiments.cluster.storage import Place, local_bundle
from recsys.errors import DataError
from recsys.recommender import Recommender


def load_same(bundle: Place, version: str) -> Recommender:
    """Load a bundle on a worker.

    Raises:
        DataError: it is another version than the job's.
    """
    recommender = Recommender.load(local_bundle(bundle))
    found = recommender.manifest.version
    if found != version:
        raise DataError(
            f"{bundle} is version {found} on one node and {version} on another; copy the same "
            "bundle to all, or give a place that all see"
        )
    return recommender
