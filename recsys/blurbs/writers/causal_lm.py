"""A causal language model in a local directory: loading, scoring, sampling.

A GGUF file is converted once to a safetensors directory: the one takes twenty seconds to
read, the other one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from recsys.blurbs.writers.fingerprint import STAMP, file_hash
from recsys.errors import MissingExtraError, WeightsError


def prepare(model: str | Path, cache_dir: str | Path | None = None) -> Path:
    """Return a directory that `transformers` reads; a GGUF file is converted the first time.

    Args:
        model: a directory with `config.json`, or a `.gguf` file.
        cache_dir: where the conversion goes; beside the file by default.

    Raises:
        WeightsError: neither of the two is there, or the conversion fails.
    """
    path = Path(model)
    if path.is_dir():
        if (path / "config.json").exists():
            return path
        found = sorted(path.glob("*.gguf"))
        if len(found) != 1:
            raise WeightsError(
                f"{path} has no config.json and {len(found)} GGUF files; name a model directory "
                'or one .gguf file, or run "recsys weights fetch"'
            )
        path = found[0]
    if not path.is_file() or path.suffix != ".gguf":
        raise WeightsError(
            f'no language model at {path}; run "recsys weights fetch", or name a directory with '
            "config.json or a .gguf file"
        )
    source = file_hash(path)
    home = Path(cache_dir) if cache_dir is not None else path.parent
    target = home / f"{path.stem}-{source[:12]}"
    if (target / STAMP).exists():
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".converting-", dir=home))
    except OSError as error:
        raise WeightsError(
            f"{path} is converted to safetensors in {home}, which cannot be written ({error}); "
            "copy the file to a folder of yours, or name a model directory"
        ) from error
    try:
        _convert(path, partial)
        (partial / STAMP).write_text(json.dumps({"file": path.name, "sha256": source}))
        partial.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except (OSError, ValueError, KeyError) as error:
        if (target / STAMP).exists():  # another process was faster
            return target
        raise WeightsError(f"{path} cannot be converted to safetensors: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _convert(path: Path, out: Path) -> None:
    missing = [name for name in ("accelerate", "gguf") if find_spec(name) is None]
    if missing:
        raise MissingExtraError("llm", f"reading a GGUF file (no package {missing[0]})")
    where: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    with _transformers() as transformers:
        # Newer versions keep the weights packed unless told otherwise; older ones cannot.
        if hasattr(transformers, "GgufConfig"):
            unpacked = {"quantization_config": transformers.GgufConfig(dequantize=True)}
        else:
            unpacked = {}
        model = transformers.AutoModelForCausalLM.from_pretrained(
            path.parent, dtype=torch.bfloat16, **unpacked, **where
        )
        # The weights are plain bf16 now, but remember being quantised, and refuse to be saved.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(out)
        transformers.AutoTokenizer.from_pretrained(path.parent, **where).save_pretrained(out)


@contextmanager
def _transformers() -> Iterator[Any]:
    """Import `transformers`, quiet while a model is read: the caller reports progress."""
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("llm", "writing blurbs with a local language model") from error
    logging = transformers.utils.logging
    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield transformers
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


class CausalLM:
    """A loaded model. bf16 on a GPU and on CPUs that compute in it, float32 elsewhere.

    Args:
        directory: as `prepare` returns it.
        device: "auto" takes CUDA, then CPU.
    """

    def __init__(self, directory: str | Path, device: str = "auto") -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        native = self.device.type == "cuda" or cpu_computes_bf16()
        with _transformers() as transformers:
            self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
                directory, local_files_only=True
            )
            self.model: Any = transformers.AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=torch.bfloat16 if native else torch.float32,
                local_files_only=True,
            )
        self.model.to(self.device).eval()
        self.tokens_read = self.tokens_written = 0

    @cached_property
    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else self.tokenizer.eos_token_id or 0)

    @cached_property
    def _stops(self) -> torch.Tensor:
        """Tokens that end a line, and the end of text."""
        vocabulary: dict[str, int] = self.tokenizer.get_vocab()
        lines = [i for t, i in vocabulary.items() if "\u010a" in t or "\n" in t or t == "<0x0A>"]
        special = [i for i in self.tokenizer.all_special_ids if i is not None]
        return torch.tensor(sorted({*lines, *special}), device=self.device)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @torch.inference_mode()
    def mean_log_probs(
        self, prompts: Sequence[str], options: Sequence[Sequence[str]], batch: int = 16
    ) -> list[list[float]]:
        """Return the mean log-probability per token of each option after its prompt.

        A prompt is read once, whatever the number of its options: they stand behind each
        other in one row, and none sees another. The output head is applied to the options'
        tokens only. `batch` is how many prompts are read at once.
        """
        rows = [
            (self._ids(prompt) or [self._pad], [self._ids(" " + c) for c in choices])
            for prompt, choices in zip(prompts, options, strict=True)
        ]
        lengths = [len(head) + sum(map(len, tails)) for head, tails in rows]
        self.tokens_read += sum(lengths)
        scores = [[float("-inf")] * len(tails) for _, tails in rows]
        order = sorted(
            (i for i, (_, tails) in enumerate(rows) if any(tails)), key=lengths.__getitem__
        )
        for start in range(0, len(order), batch):
            chunk = order[start : start + batch]
            packed = _Packed([rows[i] for i in chunk], self._pad, self.device)
            hidden = self.model.get_decoder()(
                input_ids=packed.ids,
                attention_mask=packed.mask[:, None],
                position_ids=packed.positions,
            )[0]
            asked = hidden[packed.row, packed.before]  # [m, dim]
            logits = self.model.get_output_embeddings()(asked).float()  # [m, vocabulary]
            gained = logits.gather(1, packed.token[:, None])[:, 0] - logits.logsumexp(dim=1)
            at = 0
            for i in chunk:
                for j, tail in enumerate(rows[i][1]):
                    if tail:
                        scores[i][j] = float(gained[at : at + len(tail)].mean())
                        at += len(tail)
        return scores

    @torch.inference_mode()
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

        The prompt is read once, whatever `n` is. The same prompts and seed give the same
        lines on the same machine.
        """
        counts = [n] * len(prompts) if isinstance(n, int) else list(n)
        most = max(counts)
        encoded = [self._ids(p) or [self._pad] for p in prompts]
        width = max(map(len, encoded))
        ids = torch.full((len(encoded), width), self._pad)
        real = torch.zeros((len(encoded), width), dtype=torch.long)
        for row, tokens in enumerate(encoded):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            real[row, width - len(tokens) :] = 1
        ids, real = ids.to(self.device), real.to(self.device)
        digest = hashlib.sha256(json.dumps([list(prompts), seed]).encode()).digest()
        rng = torch.Generator(self.device).manual_seed(int.from_bytes(digest[:6], "big"))
        out = self.model(
            input_ids=ids,
            attention_mask=real,
            position_ids=(real.cumsum(1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        cache, logits = out.past_key_values, out.logits[:, -1:].repeat(1, most, 1)
        # The lines of a prompt share its row: each sees the prompt and itself.
        lines = torch.arange(len(encoded) * most, device=self.device).view(-1, most)  # [rows, n]
        alive = lines % most < torch.tensor(counts, device=self.device)[:, None]
        mask = real.bool()[:, None, :].repeat(1, most, 1)  # [rows, n, keys]
        length = real.sum(1)
        written: list[list[int]] = [[] for _ in range(lines.numel())]
        for step in range(max_new_tokens):
            token = _draw(logits.float().flatten(0, 1), temperature, top_p, rng).view_as(lines)
            alive = alive & ~torch.isin(token, self._stops)
            for line, value in zip(lines[alive].tolist(), token[alive].tolist(), strict=True):
                written[line].append(value)
            if not bool(alive.any()):
                break
            kept = alive.any(1).nonzero()[:, 0]
            if len(kept) < len(lines):  # finished prompts leave the batch
                cache.batch_select_indices(kept)
                lines, alive, token = lines[kept], alive[kept], token[kept]
                mask, length = mask[kept], length[kept]
            most = int(alive.sum(1).max())
            if most < lines.shape[1]:  # and finished lines their row
                first = (~alive).long().argsort(dim=1, stable=True)[:, :most]
                lines, alive, token = (x.gather(1, first) for x in (lines, alive, token))
                mask = mask.gather(1, first[:, :, None].expand(-1, -1, mask.shape[2]))
            own = torch.eye(most, dtype=torch.bool, device=self.device)
            mask = torch.cat([mask, own.expand(len(lines), most, most)], 2)
            out = self.model(
                input_ids=token,
                attention_mask=mask[:, None],
                position_ids=(length + step)[:, None].expand_as(token),
                past_key_values=cache,
                use_cache=True,
            )
            cache, logits = out.past_key_values, out.logits
        self.tokens_read += sum(map(len, encoded))
        self.tokens_written += sum(map(len, written))
        texts = [self.tokenizer.decode(w, skip_special_tokens=True).strip() for w in written]
        width = len(texts) // max(1, len(prompts))
        return [texts[i * width : i * width + many] for i, many in enumerate(counts)]


class _Packed:
    """Prompts with their options behind each other, a row each.

    Attributes:
        ids: [rows, width].
        positions: [rows, width]; each option begins where its prompt ends.
        mask: [rows, width, width], what each token sees: the prompt and its own option.
        row, before, token: [m], for each token of an option its row, the place of the token
            before it, and itself.
    """

    def __init__(
        self, rows: Sequence[tuple[list[int], list[list[int]]]], pad: int, device: torch.device
    ) -> None:
        width = max(len(head) + sum(map(len, tails)) for head, tails in rows)
        ids = torch.full((len(rows), width), pad)
        positions = torch.zeros((len(rows), width), dtype=torch.long)
        part = torch.full((len(rows), width), -1)  # 0: prompt, then each option's number
        asked: list[tuple[int, int, int]] = []
        for row, (head, tails) in enumerate(rows):
            at, end = 0, len(head)
            for number, tokens in enumerate([head, *tails]):
                stop = at + len(tokens)
                ids[row, at:stop] = torch.tensor(tokens, dtype=torch.long)
                start = end if number else 0
                positions[row, at:stop] = torch.arange(start, start + len(tokens))
                part[row, at:stop] = number
                if number:
                    places = [end - 1, *range(at, stop - 1)]
                    asked += [(row, b, t) for b, t in zip(places, tokens, strict=False)]
                at = stop
        query, key = part[:, :, None], part[:, None, :]
        seen = (key == query) | (key == 0)
        self.mask = (seen & torch.ones(width, width, dtype=torch.bool).tril()).to(device)
        self.ids, self.positions = ids.to(device), positions.to(device)
        self.row, self.before, self.token = torch.tensor(asked, device=device).T


def _draw(
    logits: torch.Tensor, temperature: float, top_p: float, rng: torch.Generator
) -> torch.Tensor:
    """Draw one token a row, [rows], from the likeliest that make up `top_p`."""
    if temperature <= 0:
        return logits.argmax(1)
    # The nucleus of a short sentence lies within the first hundred tokens.
    best, index = logits.topk(min(100, logits.shape[1]), dim=1)
    p = torch.softmax(best / temperature, 1)
    p = p.masked_fill(p.cumsum(1) - p > top_p, 0.0)
    return index.gather(1, torch.multinomial(p, 1, generator=rng))[:, 0]


def cpu_computes_bf16() -> bool:
    """Tell whether this CPU multiplies bf16 natively; emulated, it is slower than float32."""
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check()) if check is not None else False
