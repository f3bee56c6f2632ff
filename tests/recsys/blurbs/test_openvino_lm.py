"""The runtime that reads GGUF files: without it, with random weights, with the real ones."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from recsys.blurbs import BlurbService, FactSheet, UserContext, verify_truth
from recsys.errors import DataError, MissingExtraError, WeightsError
from tests.recsys.blurbs.tiny_lm import tiny_lm

from .conftest import FITTING, ROLES

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("gguf")

from recsys.blurbs.writers.causal_lm import CausalLM, prepare  # noqa: E402
from recsys.blurbs.writers.gguf_file import gguf_for, reading  # noqa: E402
from recsys.blurbs.writers.local_llm import LocalLlmWriter, Settings  # noqa: E402
from recsys.blurbs.writers.openvino_lm import OpenVinoLM  # noqa: E402

NOBODY = UserContext()
OPENVINO = Settings(runtime="openvino")
CORPUS = (
    "The fitting is made of stainless steel and connects hose to female threaded pipe.",
    "Product: Facts: Sentence: this hose fitting is made of steel, and fits a box of hoses.",
)
PROMPTS = ["Product: hose\nSentence:", "Product: a longer steel hose fitting\nSentence:"]
OPTIONS = [["steel hose.", "a box of fittings that are made of steel."], ["hose."]]
needs_openvino = pytest.mark.skipif(
    find_spec("openvino_genai") is None, reason='needs pip install "recsys[openvino]"'
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights; the tokenizer has no token of two digits."""
    return tiny_lm(tmp_path_factory.mktemp("tiny"), CORPUS)


@pytest.fixture(scope="module")
def small(tiny: Path) -> OpenVinoLM:
    return OpenVinoLM(gguf_for(tiny))


@pytest.fixture(scope="module")
def real(language_model_path: Path) -> OpenVinoLM:
    return OpenVinoLM(gguf_for(language_model_path))


def changed(tiny: Path, folder: Path, file: str, **values: object) -> Path:
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns("openvino"))
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | values))
    return folder


def test_without_the_extra_it_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    with pytest.raises(MissingExtraError, match=r'pip install "recsys\[openvino\]"'):
        OpenVinoLM(tiny / "model.gguf")


def test_it_computes_on_the_cpu(tiny: Path) -> None:
    with pytest.raises(DataError, match=r"not on 'cuda'.*torch"):
        OpenVinoLM(tiny / "model.gguf", "cuda")


def test_a_directory_is_written_as_gguf_once(tiny: Path, tmp_path: Path) -> None:
    file = gguf_for(tiny, tmp_path)
    assert file.name.endswith(".q8_0.gguf")
    written = file.stat().st_mtime_ns
    assert gguf_for(tiny, tmp_path) == file
    assert file.stat().st_mtime_ns == written
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_what_is_written_is_the_model(tiny: Path, tmp_path: Path) -> None:
    """Read back by `transformers`, it gives what the directory gives, but for eight bits."""
    again = CausalLM(prepare(gguf_for(tiny, tmp_path), tmp_path), "cpu")
    here = CausalLM(tiny, "cpu")
    assert again._ids("Product: hose\nSentence: it's 12.") == here._ids(
        "Product: hose\nSentence: it's 12."
    )
    for some, others in zip(
        again.mean_log_probs(PROMPTS, OPTIONS), here.mean_log_probs(PROMPTS, OPTIONS), strict=True
    ):
        assert some == pytest.approx(others, abs=0.03)


def test_a_gguf_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"")
    assert gguf_for(file) == gguf_for(tmp_path) == file
    assert reading(file) == reading(tmp_path) == "gguf"


def test_a_wrong_model_names_what_can_be_read(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="recsys weights fetch"):
        gguf_for(tmp_path / "no.gguf")
    with pytest.raises(WeightsError, match=r"a gpt2 model.*\.gguf files.*torch"):
        gguf_for(changed(tiny, tmp_path / "gpt2", "config.json", model_type="gpt2"))
    scaled = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    with pytest.raises(WeightsError, match="plain Llama"):
        gguf_for(changed(tiny, tmp_path / "scaled", "config.json", rope_parameters=scaled))
    with pytest.raises(WeightsError, match="byte-level"):
        gguf_for(
            changed(tiny, tmp_path / "words", "tokenizer.json", pre_tokenizer={"type": "Split"})
        )
    digits = tiny_lm(tmp_path / "digits", ("12 12 12 12",))
    with pytest.raises(WeightsError, match="single digits"):
        gguf_for(digits)
    assert not list(tmp_path.glob("**/*.gguf"))


def test_the_version_follows_the_runtime(tiny: Path, tmp_path: Path) -> None:
    assert LocalLlmWriter(tiny).version != LocalLlmWriter(tiny, settings=OPENVINO).version
    # The same weights, once packed and once written anew, give other probabilities.
    packed = tmp_path / "packed.gguf"
    packed.write_bytes(gguf_for(tiny, tmp_path / "cache").read_bytes())
    unpacked = prepare(packed)
    assert LocalLlmWriter(packed).version == LocalLlmWriter(unpacked).version
    versions = {LocalLlmWriter(m, settings=OPENVINO).version for m in (packed, unpacked)}
    assert len(versions) == 2


@needs_openvino
def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"not a model")
    with pytest.raises(WeightsError, match=r"cannot read .*broken\.gguf"):
        OpenVinoLM(file)


@needs_openvino
def test_scores_are_those_of_torch(small: OpenVinoLM, tiny: Path) -> None:
    expected = CausalLM(tiny, "cpu").mean_log_probs(PROMPTS, OPTIONS)
    for batch in (1, 16):
        scores = small.mean_log_probs(PROMPTS, OPTIONS, batch)
        for some, others in zip(scores, expected, strict=True):
            assert some == pytest.approx(others, abs=0.03)


@needs_openvino
def test_tokens_are_counted(small: OpenVinoLM) -> None:
    small.tokens_read = small.tokens_written = 0
    small.mean_log_probs(PROMPTS[:1], [["steel hose."]])
    assert small.tokens_read == len(small._ids(PROMPTS[0] + " steel hose."))
    small.sample(PROMPTS, 2, max_new_tokens=5, temperature=1.0)
    assert 0 < small.tokens_written <= 20


@needs_openvino
def test_samples_repeat_with_the_seed_and_vary_without(small: OpenVinoLM) -> None:
    def draw(seed: int) -> list[list[str]]:
        return small.sample(PROMPTS, [4, 2], max_new_tokens=12, temperature=1.0, seed=seed)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert [len(lines) for lines in draw(1)] == [4, 2]
    assert len(set(draw(1)[0])) > 1


@needs_openvino
def test_greedy_lines_are_alike(small: OpenVinoLM) -> None:
    lines = small.sample(PROMPTS, [2, 0], max_new_tokens=8, temperature=0.0)
    assert len(lines[0]) == 2
    assert len(set(lines[0])) == 1
    assert lines[1] == []


@needs_openvino
def test_choosing_and_writing_behind_the_same_checks(tiny: Path, fitting: FactSheet) -> None:
    chosen = LocalLlmWriter(tiny, settings=OPENVINO).write([(fitting, NOBODY)], 6)[0]
    assert chosen[0].how == "chose"
    both = Settings("both", max_new_tokens=12, runtime="openvino")
    writer = LocalLlmWriter(tiny, settings=both)
    drafts = writer.write([(fitting, NOBODY)], 6)[0]
    assert all(verify_truth(d.text, fitting, NOBODY).ok for d in drafts)
    assert writer.usage.prompt_tokens > 0


@needs_openvino
@pytest.mark.slow
def test_the_real_model_from_its_own_file(
    real: OpenVinoLM, language_model_path: Path, fitting: FactSheet, shopper: UserContext
) -> None:
    fluent, garbled = "The hose is made of steel.", "Steel made hose of the is."
    scores = real.mean_log_probs(["Product: Hose\nSentence:"], [[fluent, garbled]])[0]
    assert scores[0] > scores[1] + 1
    lines = real.sample(["Product: Hose\nFacts: made of steel\nSentence:"], 3, seed=1)[0]
    assert lines == real.sample(["Product: Hose\nFacts: made of steel\nSentence:"], 3, seed=1)[0]
    assert all("\n" not in line for line in lines)
    writer = LocalLlmWriter(language_model_path, settings=OPENVINO)
    blurb = BlurbService(ROLES, None, writer).generate([FITTING], [shopper])[0]
    assert blurb is not None
    assert blurb.writer == "local_llm:chose"


@needs_openvino
@pytest.mark.slow
def test_the_real_tokenizer_is_read_alike(real: OpenVinoLM, language_model_path: Path) -> None:
    here = transformers.AutoTokenizer.from_pretrained(prepare(language_model_path))
    for text in (
        "L'été, 1/2\" 30mm – 商品\n\nx: 12345\n7 don't <|im_end|>",
        "Facts: a; b\nSentence:",
    ):
        assert real._ids(text) == here(text, add_special_tokens=False)["input_ids"]


@needs_openvino
@pytest.mark.slow
def test_the_real_model_from_a_directory_scores_as_torch_does(
    language_model_path: Path, tmp_path: Path
) -> None:
    directory = prepare(language_model_path)
    written = OpenVinoLM(gguf_for(directory, tmp_path))
    here = CausalLM(directory, "cpu")
    text = "L'été, 1/2\" 30mm – 商品\n\nx: 12345\n7 don't <|im_end|>"
    assert written._ids(text) == here._ids(text)
    assert written._stops == set(here._stops.tolist())
    options = [["The hose is made of steel.", "It connects hose to pipe.", "Steel of the is."]]
    scores = written.mean_log_probs(PROMPTS[:1], options)[0]
    assert scores == pytest.approx(here.mean_log_probs(PROMPTS[:1], options)[0], abs=0.15)
