"""The GGUF file that OpenVINO reads: a model that comes as one, or one written once.

A directory in the manner of `transformers` (a tuned writer, for one) is written as GGUF
with weights of eight bits, which changes log-probabilities by about a hundredth.
"""

from __future__ import annotations

import json
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recsys.blurbs.writers.fingerprint import weights_version
from recsys.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    import torch

Reading = Literal["gguf", "q8_0"]
FOLDER = "openvino"
_PRE_TOKENIZERS = (("ByteLevel",), ("Digits", "ByteLevel"))
_SMOLLM = "smollm"
"""GGUF's name for byte-level pairs in which every digit stands alone.

A tokenizer whose vocabulary has no token of two digits differs from it only in several blanks
or line ends right before a digit, which prompts do not have.
"""
_NORMAL, _CONTROL, _USER = 1, 3, 4


def reading(model: str | Path) -> Reading:
    """Return how OpenVINO gets at a model: its own `.gguf`, or one written with 8 bits."""
    return "q8_0" if (Path(model) / "config.json").is_file() else "gguf"


def gguf_for(model: str | Path, cache_dir: str | Path | None = None) -> Path:
    """Return the GGUF file of a model; a directory is written as one the first time.

    Args:
        model: a `.gguf` file, a directory that holds one, or a directory of a Llama model
            whose tokenizer has byte-level pairs, such as `recsys blurbs tune` makes from the
            default model.
        cache_dir: where what is written goes; a folder in the model's directory by default.

    Raises:
        WeightsError: there is no model, or none that can be written as GGUF.
        MissingExtraError: writing it needs packages that are missing.
    """
    path = Path(model)
    if reading(path) == "gguf":
        found = sorted(path.glob("*.gguf")) if path.is_dir() else [path]
        if len(found) != 1 or not found[0].is_file() or found[0].suffix != ".gguf":
            raise WeightsError(
                f'no language model at {path}; run "recsys weights fetch", or name a .gguf file '
                "or a directory with config.json"
            )
        return found[0]
    home = Path(cache_dir) if cache_dir is not None else path / FOLDER
    target = home / f"{path.name}-{weights_version(path)}.q8_0.gguf"
    if target.is_file():
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=home) as folder:
            partial = Path(folder) / target.name
            write_gguf(path, partial)
            partial.replace(target)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} cannot be written as GGUF: {error}") from error
    return target


def write_gguf(directory: Path, out: Path) -> None:
    """Write a Llama model as GGUF, its matrices with eight bits in blocks of 32 (Q8_0).

    Raises:
        WeightsError: the model is of another kind than this can write.
        MissingExtraError: the package `gguf` is missing.
    """
    if find_spec("gguf") is None:
        raise MissingExtraError("llm", "writing a model as GGUF (no package gguf)")
    import gguf
    from safetensors.torch import load_file

    config = json.loads((directory / "config.json").read_text())
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    _refuse_others(directory, config)
    heads = int(config["num_attention_heads"])
    key_heads = int(config.get("num_key_value_heads", heads))
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(_rope(config).get("rope_theta", 10_000.0))
    writer.add_rope_dimension_count(config.get("head_dim", config["hidden_size"] // heads))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    _add_tokenizer(writer, directory, config, tokenizer)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    tied = bool(config.get("tie_word_embeddings", False))
    for file in sorted(directory.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            if tied and name == "lm_head.weight":
                continue
            tensor = tensor.float()
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                tensor = _interleaved(tensor, heads if "q_proj" in name else key_heads)
            known = names.get_name(name, (".weight", ".bias"))
            if known is None:
                raise WeightsError(f"{file}: a Llama model has no tensor {name}")
            types = gguf.GGMLQuantizationType
            kind = types.Q8_0 if tensor.ndim > 1 else types.F32
            data = gguf.quants.quantize(tensor.contiguous().numpy(), kind)
            writer.add_tensor(known, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _refuse_others(directory: Path, config: dict[str, Any]) -> None:
    """Refuse what the format, as written here, would not say of the model."""
    plain = (
        config.get("model_type") == "llama"
        and config.get("hidden_act", "silu") == "silu"
        and not config.get("attention_bias")
        and not config.get("mlp_bias")
        and _rope(config).get("rope_type", "default") == "default"
        and int(config["hidden_size"]) % 32 == 0
        and int(config["intermediate_size"]) % 32 == 0
    )
    if not plain:
        raise WeightsError(
            f"{directory} holds a {config.get('model_type')} model; the runtime openvino reads "
            '.gguf files, and directories of plain Llama models; use the runtime "torch"'
        )


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Return how positions are rotated, whichever version of `transformers` wrote it."""
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return {"rope_theta": config.get("rope_theta", 10_000.0)} | scaling


def _interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Order a head's rows as GGUF has them: the two halves of a rotation side by side."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, -1).transpose(1, 2).reshape(weight.shape)


def _add_tokenizer(
    writer: Any, directory: Path, config: dict[str, Any], tokenizer: dict[str, Any]
) -> None:
    """Add tokens and merges of a byte-level tokenizer."""
    before = tokenizer.get("pre_tokenizer") or {}
    steps = before.get("pretokenizers", [before])
    model = tokenizer["model"]
    if (
        tuple(step.get("type") for step in steps) not in _PRE_TOKENIZERS
        or model.get("type") != "BPE"
        or tokenizer.get("normalizer")
        or any(re.search(r"\d\d", token) for token in model["vocab"])
    ):
        raise WeightsError(
            f"{directory}: its tokenizer is not one of byte-level pairs with single digits, the "
            'kind that is written as GGUF; use the runtime "torch"'
        )
    size = int(config["vocab_size"])
    tokens = [f"[unused{i}]" for i in range(size)]
    kinds = [_CONTROL] * size
    for text, i in model["vocab"].items():
        tokens[i], kinds[i] = text, _NORMAL
    for added in tokenizer.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = _CONTROL if added["special"] else _USER
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_SMOLLM)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    end = config.get("eos_token_id")
    end = int(end[0] if isinstance(end, list) else end or 0)
    start, pad = config.get("bos_token_id"), config.get("pad_token_id")
    writer.add_bos_token_id(end if start is None else int(start))
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end if pad is None else int(pad))
    writer.add_add_bos_token(False)
