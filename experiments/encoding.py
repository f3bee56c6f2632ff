"""The body of `recsys data encode`: product texts encoded ahead of training, into the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments import shipped
from experiments.terminal import Bars, Stopwatch, duration, say
from recsys.dataset import Dataset
from recsys.protocols import TextEncoder
from recsys.text import CachedEncoder
from training.encoders import encoder_for


def encode_command(
    recipe: str,
    data: Path,
    overrides: Sequence[str],
    elsewhere: Callable[[TextEncoder], TextEncoder] = lambda encoder: encoder,
) -> tuple[Any, ...]:
    """Encode a catalogue as a recipe says; return a plain value and what to show of it.

    `elsewhere` has the texts encoded by other processes.
    """
    chosen = shipped.find(recipe, overrides)
    texts = Dataset.read(data).catalogue.texts()
    watch = Stopwatch()
    with watch.stage("encode"), Bars("texts") as bars:
        encoder, settings = encoder_for(
            chosen.text,
            texts,
            device=chosen.device,
            say=say,
            progress=lambda done, total: bars.update("encode texts", done, total),
        )
        cached = isinstance(encoder, CachedEncoder)
        encoded = encoder.missing(texts) if isinstance(encoder, CachedEncoder) else 0
        if cached:
            elsewhere(encoder).encode(texts)
    value = {
        "texts": len(set(texts)),
        "encoded": encoded,
        "encoder": settings["kind"],
        "fingerprint": encoder.fingerprint,
        "seconds": watch.seconds,
    }
    if not cached:
        return value, f"the {settings['kind']} encoder is quicker than a cache: nothing to do"
    known = value["texts"] - encoded
    took = duration(watch.seconds["encode"])
    return value, f"{encoded:,} texts encoded, {known:,} were known, took {took}"
