"""Takes a shopper out of a bundle: id, history and attributes; everybody else's answers stay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.bundle import Bundle, write_bundle
from recsys.protocols import State
from recsys.types import BoolArray, IntArray, pointers
from recsys.vocabulary import MISSING_ROW, Vocabulary

_INTERACTIONS = "interactions"
_USERS = "users"
_ATTRIBUTES = "user_attributes"
_EASE = "candidates.ease"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out of a bundle, and what was not.

    Attributes:
        known: the bundle knew the shopper; if not, it was left as it is.
        interactions: how many went.
        version: of the bundle as it is now.
        kept: what a new training alone can take out, in words.
    """

    known: bool
    interactions: int
    version: str
    kept: tuple[str, ...]


def forget_user(path: str | Path, user_id: str) -> Forgotten:
    """Rewrite a bundle without a shopper, in one rename.

    The shopper's id, interactions and attributes go; the models' weights, which all shoppers
    taught together, stay, and so do all other answers, bit by bit. The manifest's
    `trained_until` stays too: it says how far the learning went.

    Raises:
        BundleError: the bundle is damaged, or of an unknown format.
    """
    bundle = Bundle(path)
    users = bundle.frame(_USERS)
    row = int(Vocabulary(users["user_id"]).rows([user_id])[0])
    attributes = bundle.frame(_ATTRIBUTES) if _has_frame(bundle, _ATTRIBUTES) else None
    described = attributes is not None and user_id in attributes["user_id"].cast(pl.String)
    if row == MISSING_ROW and not described:
        return Forgotten(False, 0, bundle.manifest.version, ())
    states = {name: bundle.state(name) for name in _components(bundle)}
    frames = {name: bundle.frame(name) for name in _frames(bundle)}
    gone = 0
    if row != MISSING_ROW:
        before = states[_INTERACTIONS]
        states[_INTERACTIONS] = _without(before, row)
        gone = int(np.diff(before.arrays["indptr"])[row])
        frames[_USERS] = users.filter(pl.int_range(pl.len()) != row)
    if attributes is not None:
        frames[_ATTRIBUTES] = attributes.filter(pl.col("user_id").cast(pl.String) != user_id)
    manifest = write_bundle(path, bundle.manifest, states, frames)
    return Forgotten(True, gone, manifest.version, _kept(states))


def _without(interactions: State, row: int) -> State:
    """Drop one user row and its entries; the rows after it move up."""
    counts: IntArray = np.diff(interactions.arrays["indptr"])
    others: BoolArray = np.arange(len(counts)) != row
    entries = np.repeat(others, counts)
    arrays = {name: a[entries] for name, a in interactions.arrays.items() if name != "indptr"}
    return State(interactions.config, {**arrays, "indptr": pointers(counts[others])})


def _kept(states: dict[str, State]) -> tuple[str, ...]:
    kept = ["weights, counts and prices that all shoppers taught the models together"]
    if _EASE in states and states[_EASE].config["solver"] == "dual":
        kept.append("in EASE's matrix, an unnamed row of what the shopper bought")
    return tuple(kept)


def _has_frame(bundle: Bundle, name: str) -> bool:
    return f"{name}.parquet" in bundle.manifest.files


def _components(bundle: Bundle) -> list[str]:
    ending = "/config.json"
    return [name.removesuffix(ending) for name in bundle.manifest.files if name.endswith(ending)]


def _frames(bundle: Bundle) -> list[str]:
    ending = ".parquet"
    return [name.removesuffix(ending) for name in bundle.manifest.files if name.endswith(ending)]
