"""Tunes a causal language model to write the clause of a blurb from a product's facts.

The loss is on the clause only. All weights are trained, or with `lora` a low-rank update
of the linear layers (Hu et al., ICLR 2022), which is merged before the model is saved.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from recsys.blurbs.prompt import PROMPT_VERSION
from recsys.blurbs.writers.causal_lm import cpu_computes_bf16, prepare
from recsys.blurbs.writers.fingerprint import weights_version
from recsys.blurbs.writers.local_llm import TUNED
from recsys.bundle import put_in_place
from recsys.devices import resolve_device
from recsys.errors import DataError, MissingExtraError
from recsys.protocols import RunLogger
from training.blurb_pairs import Pair, Part
from training.checkpoints import Shelf
from training.optimizers import TrainerConfig
from training.trainer import TrainResult, fit

IGNORED = -100
"""Label of a token that is not learned."""


class WriterConfig(BaseModel):
    """How a writer is tuned.

    Attributes:
        method: `full` trains every weight, `lora` a low-rank update.
        rank: of the update.
        batch: pairs a step.
        steps: optimiser steps; None goes once through the pairs.
        save_every: steps between evaluations, each with a checkpoint.
        lr: peak learning rate; a low-rank update bears ten times as much.
        max_tokens: of a prompt; longer ones lose their beginning.
        validation: at most this many pairs are evaluated on.
        max_seconds: stops here, whatever the step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["full", "lora"] = "full"
    rank: int = Field(16, ge=1)
    batch: int = Field(8, ge=1)
    steps: int | None = Field(None, ge=1)
    save_every: int = Field(25, ge=1)
    lr: float = Field(2e-4, gt=0)
    max_tokens: int = Field(320, ge=16)
    validation: int = Field(32, ge=1)
    max_seconds: float | None = Field(None, gt=0)


class Batch:
    """Token ids, mask and labels, each [pairs, length]; prompts carry no label."""

    def __init__(self, rows: Sequence[tuple[list[int], list[int]]], pad: int, device: str) -> None:
        width = max(len(head) + len(tail) for head, tail in rows)
        self.ids = torch.full((len(rows), width), pad)
        self.mask = torch.zeros((len(rows), width), dtype=torch.long)
        self.labels = torch.full((len(rows), width), IGNORED)
        for row, (head, tail) in enumerate(rows):
            n = len(head) + len(tail)
            self.ids[row, :n] = torch.tensor(head + tail)
            self.mask[row, :n] = 1
            self.labels[row, len(head) : n] = torch.tensor(tail)
        self.ids, self.mask, self.labels = (
            x.to(device) for x in (self.ids, self.mask, self.labels)
        )
        self.n_tokens = int((self.labels != IGNORED).sum())


class PairBatches:
    """Pairs in shuffled batches; an epoch of the trainer is `save_every` steps of one pass.

    A pass goes through all pairs in an order of its own, and the next follows.
    """

    def __init__(
        self,
        rows: Sequence[tuple[list[int], list[int]]],
        config: WriterConfig,
        pad: int,
        *,
        seed: int,
        device: str,
    ) -> None:
        self._rows, self._config, self._pad = rows, config, pad
        self._seed, self._device = seed, device
        self.steps_a_pass = math.ceil(len(rows) / config.batch)

    def __len__(self) -> int:
        """Return the steps between two checkpoints."""
        return min(self._config.save_every, self._config.steps or self.steps_a_pass)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of an epoch: always the same ones for the same number."""
        for step in range(number * len(self), (number + 1) * len(self)):
            turn, place = divmod(step, self.steps_a_pass)
            rng = torch.Generator().manual_seed(self._seed + turn)
            order = torch.randperm(len(self._rows), generator=rng).tolist()
            start = place * self._config.batch
            chosen = order[start : start + self._config.batch]
            yield Batch([self._rows[i] for i in chosen], self._pad, self._device)


class TunedWriter(nn.Module):
    """A language model whose state is what is trained of it, so that checkpoints are small."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy over the tokens of the clauses, a scalar."""
        hidden = self._hidden(batch)
        following = torch.roll(batch.labels, -1, dims=1)
        following[:, -1] = IGNORED
        wanted = following != IGNORED
        logits = self.model.get_output_embeddings()(hidden[wanted])  # [tokens, vocabulary]
        return functional.cross_entropy(logits.float(), following[wanted])

    def _hidden(self, batch: Batch) -> Tensor:
        inner = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        hidden: Tensor = inner.get_decoder()(input_ids=batch.ids, attention_mask=batch.mask)[0]
        return hidden

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the trained weights only."""
        trained = {n for n, p in self.named_parameters() if p.requires_grad}
        whole = super().state_dict(*args, **kwargs)
        return {name: tensor for name, tensor in whole.items() if name in trained}

    def load_state_dict(  # type: ignore[override]
        self, state_dict: Mapping[str, Any], **kwargs: Any
    ) -> Any:
        """Take the trained weights; the others stay."""
        mine = self.state_dict()
        if set(mine) != set(state_dict):
            odd = sorted(set(mine) ^ set(state_dict))[:3]
            raise ValueError(f"it holds other weights, such as {odd}")
        return super().load_state_dict(state_dict, strict=False)


def tune(
    base: Path,
    pairs: Mapping[Part, Sequence[Pair]],
    out: Path,
    config: WriterConfig,
    *,
    locale: str = "en",
    seed: int = 0,
    device: str = "auto",
    logger: RunLogger | None = None,
) -> TrainResult:
    """Tune the model at `base` on the pairs of `train` and write it to the directory `out`.

    A run that was stopped goes on from the checkpoint beside `out`.

    Raises:
        ValueError: there is no pair to learn from or to evaluate on.
        DataError: `out` holds something that is no writer.
        MissingExtraError: `lora` is asked for and peft is not installed.
    """
    refuse_taken(out)
    needed: tuple[Part, ...] = ("train", "validation")
    for part in needed:
        if not pairs.get(part):
            raise ValueError(f"there is no {part} pair; the catalogue has too few true sentences")
    where = resolve_device(device)
    directory = prepare(base)
    model, tokenizer = load(directory, config, where)
    pad = int(tokenizer.pad_token_id or tokenizer.eos_token_id or 0)
    rows = {part: encode(own, tokenizer, config) for part, own in pairs.items()}
    batches = PairBatches(rows["train"], config, pad, seed=seed, device=where)
    held = rows["validation"][: config.validation]
    steps = config.steps or batches.steps_a_pass
    writer = TunedWriter(model)
    native = where != "cpu" or cpu_computes_bf16()
    trainer = TrainerConfig(
        epochs=math.ceil(steps / len(batches)),
        lr=config.lr * (10 if config.method == "lora" else 1),
        warmup=min(0.5, 5 / steps),
        floor=0.05,
        betas=(0.9, 0.999),
        patience=0,
        max_steps=steps,
        max_seconds=config.max_seconds,
        precision="bfloat16" if native else "float32",
    )
    shelf = out.with_name(f".{out.name}.tuning")
    lessons = [[pair.prompt, pair.response] for part in needed for pair in pairs[part]]
    settings = config.model_dump_json(exclude={"max_seconds"})  # a later run may have longer
    job = (settings, weights_version(base), str(seed), locale, json.dumps(lessons))
    checkpoint = Shelf(shelf, job).next("tune")
    result = fit(
        writer,
        batches,
        writer.loss,
        trainer,
        seed=seed,
        evaluate=lambda: -mean_loss(writer, held, pad, config.batch, where),
        size=lambda batch: batch.n_tokens,
        unit="tokens",
        device=where,
        logger=logger,
        checkpoint=checkpoint,
        label="tune the writer",
    )
    save(model, tokenizer, out, config, locale=locale, result=result)
    shutil.rmtree(shelf, ignore_errors=True)
    return result


def refuse_taken(out: Path) -> None:
    """Refuse to write a writer over what is something else.

    Raises:
        DataError: `out` is a file, or a directory that is neither empty nor a writer.
    """
    if out.exists() and not (out / TUNED).is_file():
        if not out.is_dir() or any(out.iterdir()):
            raise DataError(f"{out} is there already and is no writer; choose another directory")


def load(directory: Path, config: WriterConfig, device: str) -> tuple[Any, Any]:
    """Load model and tokenizer in float32, with a low-rank update where one is asked for."""
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("llm", "tuning a blurb writer") from error
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, local_files_only=True
    )
    model.config.use_cache = False
    if config.method == "lora":
        try:
            import peft
        except ImportError as error:
            raise MissingExtraError("tune", "low-rank tuning") from error
        chosen = peft.LoraConfig(
            r=config.rank, lora_alpha=2 * config.rank, target_modules="all-linear"
        )
        model = peft.get_peft_model(model, chosen)
    return model.to(device), tokenizer


def encode(
    pairs: Sequence[Pair], tokenizer: Any, config: WriterConfig
) -> list[tuple[list[int], list[int]]]:
    """Return (prompt, clause) token ids of each pair; the clause ends with a line break."""
    rows = []
    for pair in pairs:
        head = tokenizer(pair.prompt, add_special_tokens=False)["input_ids"]
        tail = tokenizer(f" {pair.response}\n", add_special_tokens=False)["input_ids"]
        rows.append((head[-config.max_tokens :], tail))
    return rows


def loss_of(directory: Path, pairs: Sequence[Pair], config: WriterConfig) -> float:
    """Return the mean loss of a saved writer on pairs, in nats a token."""
    where = resolve_device("auto")
    model, tokenizer = load(directory, config.model_copy(update={"method": "full"}), where)
    pad = int(tokenizer.pad_token_id or tokenizer.eos_token_id or 0)
    rows = encode(pairs, tokenizer, config)
    return mean_loss(TunedWriter(model.eval()), rows, pad, config.batch, where)


@torch.inference_mode()
def mean_loss(
    writer: TunedWriter,
    rows: Sequence[tuple[list[int], list[int]]],
    pad: int,
    batch: int,
    device: str,
) -> float:
    """Return the mean negative log-likelihood of a clause's token, in nats."""
    total, count = 0.0, 0
    for start in range(0, len(rows), batch):
        one = Batch(rows[start : start + batch], pad, device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=cpu_computes_bf16()):
            total += float(writer.loss(one)) * one.n_tokens
        count += one.n_tokens
    return total / max(count, 1)


def save(
    model: Any,
    tokenizer: Any,
    out: Path,
    config: WriterConfig,
    *,
    locale: str,
    result: TrainResult,
) -> None:
    """Write the model as a directory that the local writer reads, in one rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
        whole.config.use_cache = True
        whole.to(torch.bfloat16).save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        stamp = {
            "format": 1,
            "locale": locale,
            "prompt_version": PROMPT_VERSION,
            "config": config.model_dump(),
            "result": asdict(result),
        }
        (partial / TUNED).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
        partial.chmod(0o755)
        put_in_place(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
