"""A sentence-transformers model as a text encoder, offline and in batches of like length."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recsys.devices import resolve_device
from recsys.errors import MissingExtraError, RecipeError, WeightsError
from recsys.text.rows import unit_rows
from recsys.types import FloatArray, IntArray

if TYPE_CHECKING:
    import torch

Progress = Callable[[int, int], None]
"""Called with how many texts are done, of how many."""
Precision = Literal["auto", "float32", "bfloat16"]

DESCRIBING = (".safetensors", ".json", ".txt", ".model")


class SentenceEncoder:
    """Mean-pooled Transformer embeddings (Reimers and Gurevych, EMNLP 2019).

    Texts are sorted by length, so that a batch holds texts of about the same length and
    little of it is padding. Nothing is loaded before the first text is encoded.

    bfloat16 is used where the device multiplies it natively: vectors then differ from
    float32 by rounding (cosine above 0.999), which `fingerprint` does not count as a
    difference.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str = "auto",
        batch_size: int = 256,
        max_length: int | None = None,
        precision: Precision = "auto",
        prompt: str = "",
        progress: Progress | None = None,
        tuned: Mapping[str, FloatArray] | None = None,
    ) -> None:
        """Describe the encoder.

        Args:
            model: directory of a sentence-transformers model with safetensors weights.
            device: `auto` (CUDA, then CPU) or a torch device.
            batch_size: texts in a batch.
            max_length: tokens of a text that are read, special ones included; None means
                what the model allows.
            precision: `auto`, `float32` or `bfloat16`.
            prompt: put before every text, for models that were trained with one; empty: the
                model's own default prompt, which few have.
            progress: called after every batch with texts done and texts in all.
            tuned: weights that take the place of the directory's, by their name in the
                Transformer: what fine-tuning changed.

        Raises:
            WeightsError: the directory holds no model.
        """
        self.path = Path(model)
        self.source: str | None = str(model)  # as `config` names it
        if not (self.path / "modules.json").is_file():
            raise WeightsError(
                f"{self.path} holds no sentence-transformers model (no modules.json); run "
                f"`recsys weights fetch`, or give the directory of one"
            )
        self.device = device
        self.batch_size = batch_size
        self.max_length = max_length
        self.precision = precision
        self.prompt = prompt or _default_prompt(self.path)
        self.progress = progress
        self.tuned: Mapping[str, FloatArray] = tuned or {}

    def with_weights(self, tuned: Mapping[str, FloatArray]) -> SentenceEncoder:
        """Return the same encoder with other fine-tuned weights; none: the directory's."""
        other = SentenceEncoder(
            self.path,
            device=self.device,
            batch_size=self.batch_size,
            max_length=self.max_length,
            precision=self.precision,
            prompt=self.prompt,
            progress=self.progress,
            tuned=tuned,
        )
        other.source = self.source
        return other

    @cached_property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension())

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the model's files, tuned weights, and the settings that change vectors."""
        return self._fingerprint(self.max_length, self.prompt)

    @cached_property
    def unlimited_fingerprint(self) -> str:
        """The fingerprint without limit and prompt: of what a single token becomes."""
        return self._fingerprint(None, "")

    def _fingerprint(self, max_length: int | None, prompt: str) -> str:
        digest = hashlib.sha256(f"sentence {max_length} {prompt}".encode())
        for file in sorted(self.path.rglob("*")):
            if file.suffix in DESCRIBING and file.name != "verified.json":
                digest.update(file.relative_to(self.path).as_posix().encode())
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        if prompt and _pools_without_prompt(self.path):
            digest.update(b"prompt not pooled")
        for name, weight in sorted(self.tuned.items()):
            digest.update(f"{name} {weight.shape}".encode())
            digest.update(np.ascontiguousarray(weight).tobytes())
        return "sentence-" + digest.hexdigest()[:32]

    @property
    def config(self) -> dict[str, Any]:
        """Arguments of :func:`~recsys.text.load_encoder` that rebuild it, `tuned` left out."""
        return {
            "kind": "sentence",
            "source": self.source,
            "max_length": self.max_length,
            "prompt": self.prompt,
        }

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode, [n, dim], rows of unit length; an empty text gets zeros.

        Raises:
            RecipeError: `max_length` is more than the model has positions for, or leaves no
                room between the special tokens.
            WeightsError: the model is damaged, or is not built around a Transformer.
        """
        filled = [i for i, text in enumerate(texts) if text.strip()]
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        if not filled:
            return out
        tokens = self.tokenize([self.prompt + texts[i].strip() for i in filled])
        rows = np.array(filled, dtype=np.int64)
        done = 0
        for batch in self._batches(tokens):
            vectors = self.forward([tokens[i] for i in batch], self.prompt_length)
            out[rows[batch]] = vectors[:, : self.dim]  # fewer than all where the model says so
            done += len(batch)
            if self.progress:
                self.progress(done, len(filled))
        return unit_rows(out)

    def tokenize(self, texts: Sequence[str], at_most: int | None = None) -> list[list[int]]:
        """Return the token numbers of each text, special tokens included.

        `at_most` shortens what the encoder would read of a text.
        """
        tokenizer, limit = self._model.tokenizer, self._model.max_seq_length
        if self.max_length is not None:
            special = tokenizer.num_special_tokens_to_add()
            refuse_length(self.max_length, special, _positions(self.transformer))
        limit = min(limit, at_most) if at_most and limit else at_most or limit
        encoded = tokenizer(list(texts), truncation=True, max_length=limit, padding=False)
        return list(encoded["input_ids"])

    @cached_property
    def prompt_length(self) -> int:
        """How many tokens at the head of every text are the prompt's."""
        if not self.prompt:
            return 0
        [tokens] = self.tokenize([self.prompt])
        return len(tokens) - (tokens[-1] in self.tokenizer.all_special_ids)

    def forward(self, tokens: Sequence[Sequence[int]], prompt_length: int = 0) -> FloatArray:
        """Run one batch of token lists, [n, dim before a `truncate_dim`]."""
        import torch

        with torch.inference_mode():
            vectors = self.vectors(tokens, prompt_length)
        return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

    def vectors(self, tokens: Sequence[Sequence[int]], prompt_length: int = 0) -> torch.Tensor:
        """Run one batch of token lists, a tensor as of `forward` on the device of the model.

        Models that pool without the prompt leave out the first `prompt_length` tokens.
        """
        import torch

        width = max(map(len, tokens))
        ids = torch.full((len(tokens), width), self._model.tokenizer.pad_token_id or 0)
        mask = torch.zeros((len(tokens), width), dtype=torch.long)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = torch.as_tensor(text)
            mask[row, : len(text)] = 1
        device = self._model.device
        features: dict[str, Any] = {
            "input_ids": ids.to(device),
            "attention_mask": mask.to(device),
        }
        if prompt_length:
            features["prompt_length"] = prompt_length
        vectors: torch.Tensor = self._model(features)["sentence_embedding"]
        return vectors

    @property
    def transformer(self) -> Any:
        """The Hugging Face Transformer within, a module whose weights may be trained."""
        return self._model[0].auto_model

    @cached_property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer of the model."""
        return self._model.tokenizer

    @cached_property
    def _model(self) -> Any:
        try:
            from safetensors import SafetensorError
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ImportError as error:
            raise MissingExtraError("text", "encoding texts with a Transformer") from error
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            model = SentenceTransformer(
                str(self.path),
                device=resolve_device(self.device),
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise WeightsError(
                f"the sentence-transformers model in {self.path} cannot be loaded: {error}\n"
                f"Next: fetch or save it again, with its weights in model.safetensors"
            ) from error
        finally:
            if shown:
                logging.enable_progress_bar()
        if not hasattr(model[0], "auto_model"):
            raise WeightsError(
                f"the sentence-transformers model in {self.path} begins with a "
                f"{type(model[0]).__name__}; only those that begin with a Transformer can be "
                f"read: give another text.source"
            )
        if self.max_length is not None:
            model.max_seq_length = self.max_length
        if self.tuned:
            _put(self.tuned, model[0].auto_model, self.path)
        return model.to(resolve_precision(self.precision, model.device)).eval()

    def _batches(self, tokens: Sequence[Sequence[int]]) -> Iterator[IntArray]:
        # Longest first: what does not fit into memory fails at once, not at the end.
        lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        order = np.argsort(-lengths, kind="stable")
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]


def _default_prompt(path: Path) -> str:
    """Return what a sentence-transformers model puts before texts when it is not told."""
    config = _config(path / "config_sentence_transformers.json")
    return str((config.get("prompts") or {}).get(config.get("default_prompt_name")) or "")


def _pools_without_prompt(path: Path) -> bool:
    return any(
        _config(file).get("include_prompt") is False for file in path.glob("*Pooling/config.json")
    )


def _config(file: Path) -> dict[str, Any]:
    """Read a JSON file of a model; empty where it is not there or damaged."""
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config


def refuse_length(length: int, special: int, most: int | None = None) -> None:
    """Refuse a limit without room beside the special tokens, or of more than `most`."""
    if length <= special or (most and length > most):
        upper = f"to {most}" if most else "or more"
        raise RecipeError(
            f"text.max_length is {length}, but this text encoder reads {special + 1} {upper} "
            f"tokens of a text, {special} special ones included; change or leave out "
            f"text.max_length"
        )


def _positions(transformer: Any) -> int | None:
    """Return how many tokens a Transformer has positions for; None: any number."""
    positions: int | None = getattr(transformer.config, "max_position_embeddings", None)
    table = getattr(getattr(transformer, "embeddings", None), "position_embeddings", None)
    padding: int | None = getattr(table, "padding_idx", None)
    # RoBERTa and its kin count positions from behind that of the padding.
    return positions if not positions or padding is None else positions - padding - 1


def _put(tuned: Mapping[str, FloatArray], transformer: torch.nn.Module, path: Path) -> None:
    """Put tuned weights in the place of the Transformer's own."""
    import torch

    weights = {name: torch.from_numpy(np.array(value)) for name, value in tuned.items()}
    try:
        unknown = transformer.load_state_dict(weights, strict=False).unexpected_keys
    except RuntimeError as error:
        raise WeightsError(f"{path}: the tuned weights do not fit: {error}") from error
    if unknown:
        raise WeightsError(f"{path}: the tuned weights are of another model: {unknown[0]}")


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Turn `auto` into bfloat16 where the device has instructions for it, else float32."""
    import torch

    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    # Without the instructions, bfloat16 is emulated and slower than float32.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return torch.bfloat16 if native and device.type == "cpu" else torch.float32
