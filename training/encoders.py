"""The text encoder that a recipe asks for on a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from recsys.errors import MissingExtraError, WeightsError
from recsys.protocols import TextEncoder
from recsys.text import load_encoder
from training.recipe import TextConfig

Say = Callable[[str], None]


def encoder_for(
    config: TextConfig,
    texts: Sequence[str],
    *,
    device: str = "auto",
    say: Say = print,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TextEncoder, dict[str, Any]]:
    """Return an encoder, its weights fetched when they are missing, and how to get it again.

    The second part holds the arguments of `load_encoder`, for the bundle.

    Args:
        config: of the recipe.
        texts: of the catalogue; how many distinct ones there are decides for `auto`.
        device: `auto` or a torch device.
        say: told which one was taken, and why, where `auto` had to choose.
        progress: called with texts done and texts in all.

    Raises:
        WeightsError: a named encoder's weights cannot be had.
        MissingExtraError: a named encoder's packages are missing.
    """
    kind = config.encoder
    if kind == "auto":
        many = len(set(texts)) > config.static_above
        kind = "static" if many else "sentence"
        if many:
            say(f"more than {config.static_above:,} distinct texts: static encoder")
    settings: dict[str, Any] = {
        "kind": kind,
        "source": config.source,
        "dim": config.dim,
        "max_length": config.max_length,
        "prompt": config.prompt,
    }
    try:
        if config.encoder == "auto" and find_spec("sentence_transformers") is None:
            raise MissingExtraError("text", "the sentence encoder")
        return load_encoder(**settings, device=device, progress=progress), settings
    except (WeightsError, MissingExtraError) as error:
        if config.encoder != "auto":
            raise
        say(f"hashing encoder, which knows no synonyms, since {error}")
        settings["kind"] = "hashing"
        return load_encoder(**settings), settings
