from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

# Before any library reads them: no test may reach the network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import pytest
from hypothesis import HealthCheck, settings

from recsys import weights
from recsys.weights.wheels import is_stamped

settings.register_profile(
    "recsys",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("recsys")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("ray") is None:
        missing = pytest.mark.skip(reason="Ray is not installed: make test-ray installs it")
        for item in items:
            if item.get_closest_marker("ray"):
                item.add_marker(missing)
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


def _cached(name: str) -> Path:
    path = weights.find(name)
    if path is None:
        pytest.skip(f"{name} is not in the cache; run `recsys weights fetch`")
    return path


@pytest.fixture(scope="session")
def tiny_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a sentence-transformers model with random weights."""
    pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    from tests.tiny_encoder import make_tiny_encoder

    return make_tiny_encoder(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def text_encoder_path() -> Path:
    """Directory of the real text encoder."""
    return _cached("text-encoder")


@pytest.fixture(scope="session")
def language_model_path() -> Path:
    """GGUF file of the real language model."""
    return _cached("language-model")


@pytest.fixture(scope="session")
def complete_journey_path() -> Path:
    """Directory of the real Complete Journey files."""
    folder = weights.home() / weights.COMPLETE_JOURNEY.folder
    if not is_stamped(folder, weights.COMPLETE_JOURNEY):
        pytest.skip("the Complete Journey is not in the cache; run `recsys data import`")
    return folder
