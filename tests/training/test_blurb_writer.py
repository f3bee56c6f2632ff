from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="the extra llm is not installed")

from recsys.blurbs import FactSheet, UserContext, fact_sheet  # noqa: E402
from recsys.blurbs.writers.fingerprint import weights_version  # noqa: E402
from recsys.blurbs.writers.local_llm import LocalLlmWriter  # noqa: E402
from recsys.errors import DataError  # noqa: E402
from recsys.schema import ColumnRoles  # noqa: E402
from tests.recsys.blurbs.tiny_lm import tiny_lm  # noqa: E402
from training.blurb_pairs import Pair, pairs_of, part_of, split_sheets  # noqa: E402
from training.blurb_writer import (  # noqa: E402
    IGNORED,
    Batch,
    PairBatches,
    TunedWriter,
    WriterConfig,
    encode,
    load,
    tune,
)

ROLES = ColumnRoles(description="description", category="category", brand="brand")
PARTS = ("steel", "brass", "nylon", "rubber", "copper", "zinc")


def sheets(n: int) -> list[FactSheet]:
    return [
        fact_sheet(
            {
                "item_id": str(i),
                "title": f"Fitting {i}",
                "brand": "Dixon",
                "category": "Hose fittings",
                "description": (
                    f"The fitting {i} is made of {PARTS[i % 6]} and it connects a garden hose. "
                    "Our company is the best."
                ),
            },
            ROLES,
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [f.text for s in sheets(6) for f in s.facts] + ["Product: Facts: Sentence:"]
    return tiny_lm(tmp_path_factory.mktemp("base"), texts)


@pytest.fixture(scope="module")
def pairs() -> dict[str, list[Pair]]:
    return {part: pairs_of(own) for part, own in split_sheets(sheets(60)).items()}


def test_pairs_are_the_catalogues_true_sentences() -> None:
    pair = pairs_of(sheets(1))[0]
    assert pair.response == "The fitting 0 is made of steel and it connects a garden hose."
    assert pair.prompt.startswith("Product: Fitting 0\n")
    assert pair.prompt.endswith("Sentence:")
    assert not [p for p in pairs_of(sheets(6)) if "best" in p.response]


def test_a_teacher_adds_what_is_true() -> None:
    from recsys.blurbs import Draft

    class Teacher:
        name, version = "teacher", "1"

        def write(self, batch: Any, n: int) -> list[list[Draft]]:
            lines = ("A Dixon fitting made of steel for a garden hose.", "It cures colds.")
            return [[Draft(line, "wrote") for line in lines] for _ in batch]

    taught = [p.response for p in pairs_of(sheets(1), teacher=Teacher())]
    assert "It cures colds." not in taught
    assert len(taught) >= len(pairs_of(sheets(1)))


def test_products_are_split_by_what_they_say() -> None:
    parts = split_sheets(sheets(400))
    counts = {part: len(own) for part, own in parts.items()}
    assert sum(counts.values()) == 400
    assert 280 <= counts["train"] <= 360
    assert 20 <= counts["test"] <= 65
    twin = [FactSheet(f"other-{s.item_id}", s.name, s.facts) for s in sheets(30)]
    assert [part_of(a) for a in twin] == [part_of(b) for b in sheets(30)]
    assert sum(map(len, split_sheets([*sheets(30), *twin]).values())) == 30


def test_the_loss_is_on_the_clause_alone(base: Path) -> None:
    config = WriterConfig()
    model, tokenizer = load(base, config, "cpu")
    rows = encode(
        [Pair("1", "Product: hose", "steel."), Pair("2", "Made", "of")], tokenizer, config
    )
    batch = Batch(rows, 0, "cpu")
    for row, (head, tail) in enumerate(rows):
        labels = batch.labels[row].tolist()
        assert labels[: len(head)] == [IGNORED] * len(head)
        assert labels[len(head) : len(head) + len(tail)] == tail
    total, count = 0.0, 0
    for head, tail in rows:
        for i, token in enumerate(tail):
            with torch.no_grad():
                logits = model(torch.tensor([head + tail[:i]])).logits[0, -1]
            total -= float(torch.log_softmax(logits.float(), 0)[token])
            count += 1
    assert float(TunedWriter(model).loss(batch).detach()) == pytest.approx(total / count, abs=1e-4)


def test_a_pass_goes_through_every_pair_once() -> None:
    rows = [([1], [i]) for i in range(2, 23)]
    config = WriterConfig(batch=4, save_every=2)
    batches = PairBatches(rows, config, 0, seed=0, device="cpu")
    seen = [
        int(label)
        for epoch in range(3)
        for batch in batches.epoch(epoch)
        for label in batch.labels[batch.labels != IGNORED]
    ]
    assert (len(batches), batches.steps_a_pass) == (2, 6)
    assert sorted(seen) == list(range(2, 23))
    again = [b.ids.tolist() for b in batches.epoch(1)]
    assert again == [b.ids.tolist() for b in batches.epoch(1)]


CONFIG = WriterConfig(batch=8, steps=12, save_every=4, lr=3e-3)


def test_tuning_learns_and_the_writer_reads_it(
    base: Path, pairs: dict[str, list[Pair]], tmp_path: Path
) -> None:
    out = tmp_path / "writer"
    result = tune(base, pairs, out, CONFIG, device="cpu")
    first, last = result.values[0][1], result.values[-1][1]
    assert last > first
    assert result.steps == 12
    assert json.loads((out / "writer.json").read_text())["config"]["steps"] == 12
    assert not list(tmp_path.glob(".*"))
    writer = LocalLlmWriter(out, device="cpu")
    assert writer.settings.mode == "both"
    assert LocalLlmWriter(base).settings.mode == "choose"
    drafts = writer.write([(sheets(1)[0], UserContext())], 2)[0]
    assert drafts
    assert writer.usage.tokens > 0


class Killed(Exception):
    pass


class Killer:
    """A logger that ends the run after its second report."""

    def __init__(self) -> None:
        self.n = 0

    def metrics(self, values: Any, step: int | None = None) -> None:
        self.n += 1
        if self.n == 2:
            raise Killed


def test_a_stopped_run_goes_on_from_its_checkpoint(
    base: Path, pairs: dict[str, list[Pair]], tmp_path: Path
) -> None:
    whole = tune(base, pairs, tmp_path / "whole", CONFIG, device="cpu")
    out = tmp_path / "stopped"
    with pytest.raises(Killed):
        tune(base, pairs, out, CONFIG, device="cpu", logger=Killer())  # type: ignore[arg-type]
    assert not out.exists()
    resumed = tune(base, pairs, out, CONFIG, device="cpu")
    assert resumed.losses == pytest.approx(whole.losses, abs=1e-4)
    assert [v for _, v in resumed.values] == pytest.approx([v for _, v in whole.values], abs=1e-4)


def test_what_another_job_left_is_not_gone_on_from(
    base: Path, pairs: dict[str, list[Pair]], tmp_path: Path
) -> None:
    own = {part: some[: len(some) // 2] for part, some in pairs.items()}
    fresh = tune(base, own, tmp_path / "fresh", CONFIG, device="cpu")
    out = tmp_path / "shop"
    with pytest.raises(Killed):
        tune(base, pairs, out, CONFIG, device="cpu", logger=Killer())  # type: ignore[arg-type]
    found = tune(base, own, out, CONFIG, device="cpu")
    assert found.best_value == fresh.best_value
    assert weights_version(out) == weights_version(tmp_path / "fresh")


def test_a_directory_that_is_no_writer_is_not_replaced(
    base: Path, pairs: dict[str, list[Pair]], tmp_path: Path
) -> None:
    (tmp_path / "writers" / "shop-a").mkdir(parents=True)
    with pytest.raises(DataError, match="writers is there already and is no writer"):
        tune(base, pairs, tmp_path / "writers", CONFIG, device="cpu")
    assert (tmp_path / "writers" / "shop-a").is_dir()


def test_a_low_rank_update_is_small_and_merged(
    base: Path, pairs: dict[str, list[Pair]], tmp_path: Path
) -> None:
    pytest.importorskip("peft", reason="the extra tune is not installed")
    config = CONFIG.model_copy(update={"method": "lora", "rank": 2})
    model, _ = load(base, config, "cpu")
    writer = TunedWriter(model)
    assert all("lora" in name for name in writer.state_dict())
    out = tmp_path / "writer"
    result = tune(base, pairs, out, config, device="cpu")
    assert result.values[-1][1] > result.values[0][1]
    names = {p.name for p in out.iterdir()}
    assert "model.safetensors" in names
    assert not [n for n in names if "adapter" in n]


def test_too_small_a_catalogue_says_so(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no train pair"):
        tune(base, {"train": [], "validation": []}, tmp_path / "w", CONFIG, device="cpu")


def test_the_report_is_on_products_that_were_held_out(
    base: Path, pairs: dict[str, list[Pair]], tmp_path: Path
) -> None:
    pytest.importorskip("sacrebleu", reason="the extra tune is not installed")
    from training.blurb_report import report_on

    held = split_sheets(sheets(60))["test"]
    report = report_on(base, held, pairs["test"], samples=2, loss=0.0)
    assert report.products == len(held)
    assert report.perplexity == 1.0
    assert 0.0 <= report.bleu <= 100.0
    assert report.verified == 0.0  # random weights
    assert (report.distinct_1, report.whole, report.leaked) == (0.0, 0.0, 0.0)


def test_what_the_report_counts() -> None:
    pytest.importorskip("sacrebleu", reason="the extra tune is not installed")
    from training import blurb_report

    assert blurb_report._distinct(["a b a b"], 1) == 0.5
    assert blurb_report._distinct(["a b a b"], 2) == pytest.approx(2 / 3)
    line = "A steel hose fitting for the garden."
    assert blurb_report._bleu([line], [["Another one.", line]], "en") == pytest.approx(100.0)
    assert blurb_report._bleu(["Something else entirely."], [[line]], "en") < 10
    assert blurb_report._swap(line, sheets(1)[0], "en") == (True, False)
