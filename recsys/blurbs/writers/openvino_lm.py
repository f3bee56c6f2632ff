"""A causal language model read by OpenVINO GenAI: scoring and sampling on the CPU.

It stands in for `CausalLM`. Prompts share a batch while they last, each is read once
however many lines are drawn after it, and weights stay as small as the file has them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from recsys.errors import DataError, MissingExtraError, WeightsError

TOP_K = 100
"""The nucleus of a short sentence lies within the first hundred tokens."""


class OpenVinoLM:
    """A causal language model in a `.gguf` file.

    The same prompts, numbers and seed give the same lines on the same machine. Beside other
    prompts, sums are rounded differently, and a line may differ. They are other lines than
    torch draws: the generators differ.

    Args:
        file: the model, see `gguf_for`.
        device: "auto" and "cpu" are the CPU, the only one that this was tried on.

    Raises:
        MissingExtraError: `openvino-genai` is not installed.
        DataError: another device is asked for.
        WeightsError: OpenVINO cannot read the file.
    """

    def __init__(self, file: str | Path, device: str = "auto") -> None:
        if device not in ("auto", "cpu"):
            raise DataError(
                f"the runtime openvino computes on the CPU, not on {device!r}; use the runtime "
                '"torch"'
            )
        self._genai = genai = _openvino_genai()
        scheduler = genai.SchedulerConfig()
        scheduler.enable_prefix_caching = False
        # Threads that are pinned to cores fight with every other process that pins its own.
        properties: dict[str, Any] = {"ENABLE_CPU_PINNING": False}
        if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
            properties["INFERENCE_NUM_THREADS"] = int(threads)
        try:
            self._pipeline: Any = genai.ContinuousBatchingPipeline(
                str(file), scheduler, "CPU", properties
            )
        except RuntimeError as error:
            raise WeightsError(
                f'OpenVINO cannot read {file}; the runtime "torch" may. It says: {_last(error)}'
            ) from error
        self._tokenizer: Any = self._pipeline.get_tokenizer()
        self.tokens_read = self.tokens_written = 0

    @cached_property
    def _stops(self) -> set[int]:
        """Tokens that end a line, and the end of text."""
        vocabulary: dict[Any, int] = self._tokenizer.get_vocab()
        texts = {i: t if isinstance(t, str) else t.decode("utf-8", "replace")
                 for t, i in vocabulary.items()}  # fmt: skip
        lines = {i for i, t in texts.items() if "\u010a" in t or "\n" in t or t == "<0x0A>"}
        special = {i for i, t in texts.items() if t.startswith("<|") and t.endswith("|>")}
        ends = (self._tokenizer.get_eos_token_id(), self._tokenizer.get_pad_token_id())
        return lines | special | {i for i in ends if i >= 0}

    def _ids(self, text: str) -> list[int]:
        read = self._tokenizer.encode([text], add_special_tokens=False).input_ids
        return [int(i) for i in read.data[0]]

    def mean_log_probs(
        self, prompts: Sequence[str], options: Sequence[Sequence[str]], batch: int = 16
    ) -> list[list[float]]:
        """Return the mean log-probability per token of each option after its prompt.

        Every option is read with its prompt before it. `batch` is how many prompts are read
        at once.
        """
        how = self._genai.GenerationConfig()
        how.max_new_tokens = 1
        how.echo = how.ignore_eos = True
        how.logprobs = 1
        scores = [[float("-inf")] * len(choices) for choices in options]
        for start in range(0, len(prompts), batch):
            rows: list[tuple[int, int, int]] = []
            requests = []
            for i in range(start, min(start + batch, len(prompts))):
                head = self._head(prompts[i])
                for j, choice in enumerate(options[i]):
                    if tail := self._ids(" " + choice):
                        rows.append((i, j, len(tail)))
                        requests.append(([*head, *tail], how))
                        self.tokens_read += len(head) + len(tail)
            for (i, j, width), answers in zip(rows, self._run(requests), strict=True):
                # The last one is the token that is drawn since one has to be.
                gained = answers[0].generated_log_probs[-1 - width : -1]
                scores[i][j] = float(sum(gained) / width)
        return scores

    def sample(
        self,
        prompts: Sequence[str],
        n: int | Sequence[int],
        *,
        max_new_tokens: int = 40,
        temperature: float = 0.7,
        top_p: float = 0.9,
        seed: int = 0,
    ) -> list[list[str]]:
        """Continue each prompt `n` times, or as often as `n` says of each, to the line's end.

        Each prompt has its own seed, made from `seed` and its text.
        """
        counts = [n] * len(prompts) if isinstance(n, int) else list(n)
        requests, asked = [], []
        for number, (prompt, count) in enumerate(zip(prompts, counts, strict=True)):
            if count < 1:
                continue
            how = self._genai.GenerationConfig()
            how.max_new_tokens = max_new_tokens
            how.stop_token_ids = self._stops
            if temperature > 0:
                how.do_sample = True
                how.temperature, how.top_p, how.top_k = temperature, top_p, TOP_K
                how.num_return_sequences = count
                digest = hashlib.sha256(json.dumps([prompt, seed]).encode()).digest()
                how.rng_seed = int.from_bytes(digest[:4], "big")
            head = self._head(prompt)
            self.tokens_read += len(head)
            requests.append((head, how))
            asked.append(number)
        lines: list[list[str]] = [[] for _ in prompts]
        for number, answers in zip(asked, self._run(requests), strict=True):
            written = [[t for t in a.generated_ids if t not in self._stops] for a in answers]
            self.tokens_written += sum(map(len, written))
            texts = [self._tokenizer.decode(w, skip_special_tokens=True).strip() for w in written]
            # Greedy lines are all alike, and drawn once.
            lines[number] = texts if temperature > 0 else texts[:1] * counts[number]
        return lines

    def _head(self, prompt: str) -> list[int]:
        return self._ids(prompt) or [max(0, self._tokenizer.get_pad_token_id())]

    def _run(self, requests: Sequence[tuple[list[int], Any]]) -> list[Any]:
        """Answer the requests together, in batches that OpenVINO's scheduler makes."""
        import numpy as np
        import openvino

        handles = [
            self._pipeline.add_request(k, openvino.Tensor(np.array([ids], dtype=np.int64)), how)
            for k, (ids, how) in enumerate(requests)
        ]
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
        return [handle.read_all() for handle in handles]


def _openvino_genai() -> Any:
    try:
        import openvino_genai
    except ImportError as error:
        raise MissingExtraError("openvino", 'the runtime "openvino"') from error
    return openvino_genai


def _last(error: Exception) -> str:
    """Return the line of OpenVINO's report that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
