from __future__ import annotations

import json
from pathlib import Path

import pytest

from recsys.blurbs import BlurbService, FactSheet, UserContext, fact_sheet, verify_truth
from recsys.errors import WeightsError
from tests.recsys.blurbs.tiny_lm import tiny_lm

from .conftest import FITTING, ROLES

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from recsys.blurbs.writers.causal_lm import CausalLM, prepare  # noqa: E402
from recsys.blurbs.writers.fingerprint import weights_version  # noqa: E402
from recsys.blurbs.writers.local_llm import LocalLlmWriter, Settings  # noqa: E402

NOBODY = UserContext()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_lm(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def lm(tiny: Path) -> CausalLM:
    loaded = CausalLM(tiny, "cpu")
    loaded.model.float()  # comparisons below are to float32 accuracy
    return loaded


def by_hand(lm: CausalLM, prompt: str, option: str) -> float:
    """Mean log-probability, one token at a time, without padding or batches."""
    head, tail = lm._ids(prompt), lm._ids(" " + option)
    total = 0.0
    for i, token in enumerate(tail):
        with torch.no_grad():
            logits = lm.model(torch.tensor([head + tail[:i]])).logits[0, -1]
        total += float(torch.log_softmax(logits.float(), 0)[token])
    return total / len(tail)


def test_scores_are_those_of_the_model(lm: CausalLM) -> None:
    prompts = ["Product: hose\nSentence:", "Product: a longer steel hose fitting\nSentence:"]
    options = [["steel hose.", "a box of fittings that are made of steel."], ["hose."]]
    scores = lm.mean_log_probs(prompts, options, batch=2)
    for prompt, choices, values in zip(prompts, options, scores, strict=True):
        for choice, value in zip(choices, values, strict=True):
            assert value == pytest.approx(by_hand(lm, prompt, choice), abs=1e-4)


def test_greedy_samples_are_those_of_the_model(lm: CausalLM) -> None:
    prompts = ["Product: hose\nSentence:", "Sentence: this"]
    lines = lm.sample(prompts, 2, max_new_tokens=8, temperature=0.0)
    stops = set(lm._stops.tolist())
    for prompt, found in zip(prompts, lines, strict=True):
        ids = lm._ids(prompt)
        written: list[int] = []
        for _ in range(8):
            with torch.no_grad():
                token = int(lm.model(torch.tensor([ids + written])).logits[0, -1].argmax())
            if token in stops:
                break
            written.append(token)
        expected = lm.tokenizer.decode(written, skip_special_tokens=True).strip()
        assert found == [expected, expected]


def test_samples_repeat_with_the_seed_and_vary_without(lm: CausalLM) -> None:
    def draw(seed: int) -> list[list[str]]:
        return lm.sample(["Product:"], 4, max_new_tokens=12, temperature=1.0, seed=seed)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert len(set(draw(1)[0])) > 1


def test_choosing_reorders_the_catalogues_own_clauses(tiny: Path, fitting: FactSheet) -> None:
    writer = LocalLlmWriter(tiny, device="cpu")
    chosen = writer.write([(fitting, NOBODY)], 6)[0]
    assert len(chosen) > 1
    assert {d.how for d in chosen} <= {"chose", "extracted"}
    assert chosen[0].how == "chose"
    assert all(verify_truth(d.text, fitting, NOBODY).ok for d in chosen)


def test_a_single_clause_was_not_chosen(tiny: Path) -> None:
    row = {"item_id": "1", "title": "Clamp", "description": FITTING["description"][:101]}
    drafts = LocalLlmWriter(tiny, device="cpu").write([(fact_sheet(row, ROLES), NOBODY)], 6)[0]
    assert [d.how for d in drafts] == ["extracted"]


def test_what_only_names_the_product_comes_last(tiny: Path, fitting: FactSheet) -> None:
    drafts = LocalLlmWriter(tiny, device="cpu").write([(fitting, NOBODY)], 12)[0]
    names = [d.text for d in drafts if "by Dixon" in d.text]
    assert names
    assert [d.text for d in drafts][-len(names) :] == names


ONE = "The fitting is made of stainless steel and connects hose to threaded pipe."


def test_where_one_sentence_stands_alone_the_model_writes_and_sense_is_kept(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"item_id": "1", "title": "Adapter X", "description": ONE}
    lines = [ONE, "Perfect for every home.", "Stainless steel hose", "The fitting connects."]
    monkeypatch.setattr(LocalLlmWriter, "_sampled", lambda self, sheets, n: [lines for _ in sheets])
    writer = LocalLlmWriter(tiny, device="cpu", settings=Settings("both"))
    drafts = writer.write([(fact_sheet(row, ROLES), NOBODY)], 6)[0]
    assert [(d.text, d.how) for d in drafts] == [(ONE, "wrote")]


def test_where_there_is_enough_to_choose_from_nothing_is_written(
    tiny: Path, fitting: FactSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> list[list[str]]:
        raise AssertionError("written")

    monkeypatch.setattr(LocalLlmWriter, "_sampled", never)
    writer = LocalLlmWriter(tiny, device="cpu", settings=Settings("both"))
    assert writer.write([(fitting, NOBODY)], 6)[0][0].how == "chose"


def test_where_nothing_more_is_said_nothing_is_written(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> list[list[str]]:
        raise AssertionError("written")

    monkeypatch.setattr(LocalLlmWriter, "_sampled", never)
    row = {"item_id": "1", "title": "Acme hose clamp", "brand": "Acme", "description": "Buy now!"}
    writer = LocalLlmWriter(tiny, device="cpu", settings=Settings("both"))
    drafts = writer.write([(fact_sheet(row, ROLES), NOBODY)], 6)[0]
    assert [(d.text, d.how) for d in drafts] == [("a clamp by Acme.", "extracted")]


def test_random_weights_write_nothing_that_is_shown(tiny: Path, fitting: FactSheet) -> None:
    writer = LocalLlmWriter(tiny, device="cpu", settings=Settings("write", max_new_tokens=12))
    drafts = writer.write([(fitting, NOBODY)] * 2, 3)
    assert all(verify_truth(d.text, fitting, NOBODY).ok for many in drafts for d in many)
    both = LocalLlmWriter(tiny, device="cpu", settings=Settings("both", max_new_tokens=12))
    blurb = BlurbService(ROLES, None, both).generate([FITTING], [NOBODY])[0]
    assert blurb is not None
    assert blurb.writer == "local_llm:chose"


def test_the_version_follows_weights_and_settings(tiny: Path, tmp_path: Path) -> None:
    base = LocalLlmWriter(tiny).version
    assert LocalLlmWriter(tiny).version == base
    assert LocalLlmWriter(tiny, settings=Settings(seed=1)).version != base
    assert LocalLlmWriter(tiny, locale="zh").version != base
    other = tmp_path / "other"
    other.mkdir()
    for file in tiny.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    assert LocalLlmWriter(other).version == base
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"rope_theta": 1.0}))
    assert LocalLlmWriter(other).version != base


def test_the_model_is_loaded_when_it_is_needed(tmp_path: Path) -> None:
    writer = LocalLlmWriter(tmp_path / "missing.gguf")
    with pytest.raises(WeightsError, match="recsys weights fetch"):
        _ = writer.version


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> str:
        raise PermissionError("read-only")

    monkeypatch.setattr("recsys.blurbs.writers.causal_lm.tempfile.mkdtemp", refused)
    (tmp_path / "model.gguf").write_bytes(b"weights")
    with pytest.raises(WeightsError, match=r"cannot be written \(read-only\); copy the file"):
        prepare(tmp_path / "model.gguf")


def test_missing_weights_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="recsys weights fetch"):
        prepare(tmp_path / "no.gguf")
    with pytest.raises(WeightsError, match=r"config\.json"):
        prepare(tmp_path)
    with pytest.raises(WeightsError, match="no weights"):
        weights_version(tmp_path)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="cannot be converted"):
        prepare(broken)
    assert [p.name for p in tmp_path.iterdir()] == ["broken.gguf"]


@pytest.mark.slow
def test_real_weights(language_model_path: Path, fitting: FactSheet, shopper: UserContext) -> None:
    directory = prepare(language_model_path)
    assert (directory / "config.json").exists()
    assert prepare(language_model_path) == directory
    writer = LocalLlmWriter(language_model_path, device="cpu", settings=Settings("both"))
    drafts = writer.write([(fitting, shopper)], 4)[0]
    assert drafts
    assert all(verify_truth(d.text, fitting, NOBODY).ok for d in drafts)
    fluent, garbled = "The hose is made of steel.", "Steel made hose of the is."
    scores = writer._lm.mean_log_probs(["Product: Hose\nSentence:"], [[fluent, garbled]])[0]
    assert scores[0] > scores[1]
    blurb = BlurbService(ROLES, None, writer).generate([FITTING], [shopper])[0]
    assert blurb is not None
    assert blurb.tier == "llm"
